import { freshKey } from "../keys";
import type { Say } from "../texts";
import { allRight, Consents, Question } from "./form";
import { fresh, make, worded } from "./make";
import type { Answer } from "./live";
import { here } from "./visit";
import type { Consent } from "./wire";

export interface Subscribes {
  /** The address was taken: nobody is asked for it again. */
  subscribed: () => void;
  ask: (frame: { key: string; t: string } & Record<string, unknown>) => Promise<Answer>;
}

/** An address for offers: a button, and below it the form that it opens. */
export function subscribing(
  say: Say,
  offers: { text?: string; consents: Consent[] },
  asks: Subscribes,
): HTMLElement {
  const field = { name: "email", label: say("widget.field.email"), kind: "email", required: true } as const;
  const email = new Question(say, field);
  const consents = new Consents(say, offers.consents);
  const trouble = make("p", "wrong");
  trouble.setAttribute("role", "alert");
  const submit = make("button", "strong", say("widget.subscribe.submit"));
  submit.type = "submit";
  const lead = make("p", "lead", offers.text || say("widget.subscribe.lead"));
  const form = make("form", "form left", lead, email.element, consents.element, trouble, submit);
  form.noValidate = true;
  form.setAttribute("aria-label", say("widget.subscribe.title"));
  const box = make("div", "code", form);
  box.id = fresh("subscribe");
  box.hidden = true;
  const door = worded(
    say("widget.subscribe.title"),
    () => {
      box.hidden = !box.hidden;
      door.setAttribute("aria-expanded", String(!box.hidden));
      if (!box.hidden) email.input.focus();
    },
    "door wide",
  );
  door.setAttribute("aria-expanded", "false");
  door.setAttribute("aria-controls", box.id);
  let busy = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    trouble.textContent = "";
    if (busy || !allRight([email], consents)) return;
    busy = true;
    const frame = { t: "subscribe", key: freshKey(), email: email.value, given: consents.given, page: here() };
    void asks.ask(frame).then((answer) => {
      busy = false;
      if (answer.ok) {
        asks.subscribed();
        const done = make("p", "left", say("widget.subscribe.done", { email: email.value }));
        done.tabIndex = -1;
        box.replaceChildren(done);
        door.remove();
        done.focus();
      } else if (answer.field === "email") {
        email.complain(say("widget.form.email"));
        email.input.focus();
      } else if (answer.code === "consent_required") trouble.textContent = say("widget.consent.needed");
      else trouble.textContent = say(answer.code === "limited" ? "widget.call.limited" : "widget.call.refused");
    });
  });
  return make("div", "doors", door, box);
}
