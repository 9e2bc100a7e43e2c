import { freshKey } from "../keys";
import type { Key, Say } from "../texts";
import { type Leads, messengers } from "./doors";
import { allRight, Consents, Question } from "./form";
import { fresh, ICON, make, worded } from "./make";
import type { Answer } from "./live";
import { icon } from "./style";
import { isPhone } from "./phone";
import { here, zone } from "./visit";
import type { When } from "./when";
import type { Config, Given, Planned } from "./wire";

export interface Slots {
  zone?: string;
  now: boolean;
  days: { date: string; slots: { at: string; label: string }[] }[];
}

export interface Asks extends Leads {
  slots: () => Promise<Slots>;
  ask: (frame: { key: string; t: string } & Record<string, unknown>) => Promise<Answer>;
  asked: (planned: Planned) => void;
  back: () => void;
}

const NOW = "now";

/** "Call me": a phone, a time at which the project works, consents; then what was promised. */
export class CallForm {
  readonly element = make("div", "screen");
  private readonly phone: Question;
  private readonly comment: Question;
  private readonly consents: Consents;
  private readonly times = make("fieldset", "times");
  private readonly trouble = make("p", "wrong");
  private readonly submit: HTMLButtonElement;
  private readonly form: HTMLFormElement;
  private at: string = NOW;
  /** The time that the person chose by hand; nothing if none. */
  private picked: string | null = null;
  private offers = 0;
  private other: HTMLSelectElement | null = null;
  private busy = false;

  constructor(
    private readonly say: Say,
    private readonly when: When,
    private readonly config: Config,
    private readonly asks: Asks,
    known: Record<string, string>,
  ) {
    const text = (name: string, label: Key, kind: "phone" | "text", required: boolean): Question =>
      new Question(say, { name, label: say(label), kind, required }, known[name] ?? "");
    this.phone = text("phone", "widget.field.phone", "phone", true);
    this.comment = text("comment", "widget.call.comment", "text", false);
    this.consents = new Consents(say, config.consents ?? []);
    this.trouble.setAttribute("role", "alert");
    this.submit = make("button", "strong", say("widget.call.submit"));
    this.submit.type = "submit";
    this.form = make(
      "form",
      "form",
      make("h3", "", say("widget.call.title")),
      make("p", "lead", config.callback?.text || say("widget.call.lead")),
      this.phone.element,
      this.times,
      this.comment.element,
      this.consents.element,
      this.trouble,
      this.submit,
    );
    this.form.noValidate = true;
    this.form.setAttribute("aria-label", say("widget.call.title"));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
  }

  /** The form, or the call that was promised already. */
  show(planned: Planned | null): void {
    if (planned) this.showPlanned(planned);
    else this.showForm();
  }

  focus(): void {
    const first = this.form.isConnected ? this.phone.input : this.element.querySelector("button");
    first?.focus();
  }

  /** What stands in the form, once it is a number and its boxes are ticked. */
  typed(): { phone: string; given: Given[] } | null {
    const { value } = this.phone;
    const stands = this.form.isConnected && !this.busy && isPhone(value);
    const { given } = this.consents;
    return stands && given.length ? { phone: value, given } : null;
  }

  private showForm(): void {
    this.element.replaceChildren(this.form);
    void this.offer();
  }

  /** Times are asked for each time, since they run out while one is thinking. */
  private async offer(): Promise<void> {
    const { say, times } = this;
    const offer = (this.offers += 1);
    const drawn = times.querySelector("input") !== null;
    if (!times.childElementCount) {
      times.append(make("legend", "", say("widget.call.when")), make("div", "bones"));
    }
    let slots: Slots;
    try {
      slots = await this.asks.slots();
    } catch {
      // Those that were offered before are worth more than none.
      times.hidden = !drawn;
      return;
    }
    if (offer !== this.offers) return;
    times.hidden = false;
    this.drawTimes(slots);
  }

  private drawTimes({ now, days }: Slots): void {
    const { say, times } = this;
    const offered: [at: string, words: string][] = [];
    if (now || !days.length) offered.push([NOW, say(now ? "widget.call.now" : "widget.call.soon")]);
    for (const day of days.slice(0, 2)) {
      // A while later today, and the first thing on another day.
      const today = day.slots[0] !== undefined && this.when.isToday(day.slots[0].at);
      const slot = (today && now ? day.slots[2] : undefined) ?? day.slots[0];
      if (slot) offered.push([slot.at, this.when.moment(slot.at)]);
    }
    const name = fresh("when");
    const choices = make("div", "choices");
    const pick = (at: string, words: string): HTMLInputElement => {
      const radio = make("input");
      radio.type = "radio";
      radio.name = name;
      radio.value = at;
      radio.addEventListener("change", () => {
        this.choose(at);
        this.picked = this.at;
      });
      choices.append(make("label", "choice", radio, make("span", "", words)));
      return radio;
    };
    for (const [at, words] of offered) pick(at, words);
    this.other = null;
    times.replaceChildren(make("legend", "", say("widget.call.when")), choices);
    if (days.length) {
      pick("", say("widget.call.other"));
      this.other = this.calendar(days);
      times.append(this.other);
    }
    this.choose(this.kept(offered.map(([at]) => at)));
    for (const radio of choices.querySelectorAll("input"))
      radio.checked = radio.value === (offered.some(([at]) => at === this.at) ? this.at : "");
  }

  /** What to begin with: the person's own choice, if it is still offered; an answer may come late. */
  private kept(offered: string[]): string {
    const first = offered[0] ?? "";
    const { other, picked } = this;
    if (picked === null || offered.includes(picked)) return picked ?? first;
    if (!other || ![...other.options].some(({ value }) => value === picked)) return first;
    other.value = picked;
    return "";
  }

  private calendar(days: Slots["days"]): HTMLSelectElement {
    const select = make("select");
    select.setAttribute("aria-label", this.say("widget.call.other_time"));
    for (const day of days) {
      const group = make("optgroup");
      group.label = this.when.date(day.date);
      // A closed list shows the chosen line alone, so the line names its day as well.
      for (const slot of day.slots) group.append(new Option(`${group.label}, ${slot.label}`, slot.at));
      select.append(group);
    }
    select.addEventListener("change", () => (this.at = this.picked = select.value));
    return select;
  }

  private choose(at: string): void {
    if (this.other) this.other.hidden = at !== "";
    this.at = at || (this.other?.value ?? NOW);
  }

  private async send(): Promise<void> {
    const { say } = this;
    this.trouble.textContent = "";
    if (this.busy || !allRight([this.phone], this.consents)) return;
    this.busy = true;
    this.submit.textContent = say("widget.call.sending");
    const phone = this.phone.value;
    const answer = await this.asks.ask({
      t: "call",
      key: freshKey(),
      phone,
      at: this.at === NOW ? null : this.at,
      zone: zone(),
      comment: this.comment.value.slice(0, 500),
      given: this.consents.given,
      page: here(),
    });
    this.busy = false;
    this.submit.textContent = say("widget.call.submit");
    if (answer.ok) {
      const tail = phone.replace(/\D/g, "").slice(-4);
      const planned = { phone_tail: `${tail.slice(0, 2)}-${tail.slice(2)}`, at: answer.at };
      this.asks.asked(planned);
      this.showPlanned(planned);
      this.focus();
    } else this.refused(answer.code, answer.field);
  }

  private refused(code: string, field: string): void {
    const { say } = this;
    if (code === "phone" || field === "phone") {
      this.phone.complain(say("widget.form.phone"));
      this.phone.input.focus();
    } else if (code === "slot" || field === "at") {
      this.trouble.textContent = say("widget.call.slot_gone");
      void this.offer();
    } else if (code === "consent_required") {
      this.trouble.textContent = say("widget.consent.needed");
    } else {
      this.trouble.textContent = say(code === "limited" ? "widget.call.limited" : "widget.call.refused");
    }
  }

  private showPlanned(planned: Planned): void {
    const { say, asks } = this;
    const result = make("div", "result", make("div", "mark", icon(ICON.done)));
    const words = make("p", "promise", ...promise(planned, say, this.when));
    words.setAttribute("role", "status");
    result.append(
      words,
      make("p", "lead", say("widget.call.thanks")),
      worded(say("widget.call.to_chat"), asks.back, "strong"),
      worded(say("widget.call.change"), () => {
        this.showForm();
        this.focus();
      }),
    );
    const ways = messengers(say, this.config, asks);
    if (ways.length)
      result.append(make("div", "doors", make("p", "lead", say("widget.call.messengers")), ...ways));
    this.element.replaceChildren(result);
  }
}

/** What was promised, in one sentence whose number stays in one piece. */
export function promise({ at, phone_tail }: Planned, say: Say, when: When): (Node | string)[] {
  const tail = `…${phone_tail}`;
  const words = at
    ? say("widget.call.promise", { when: when.moment(at), tail })
    : say("widget.call.soon_on", { tail });
  const [before = "", after = ""] = words.split(tail);
  return [before, make("span", "unbroken", tail), after];
}
