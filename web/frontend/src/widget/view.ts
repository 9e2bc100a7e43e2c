import { type Say, speak, type Texts } from "../texts";
import { type Asks as CallAsks, CallForm, promise } from "./call";
import { Composer } from "./composer";
import { doors } from "./doors";
import type { Answer, Line } from "./live";
import { ICON, make, round, worded } from "./make";
import type { Memory, Unsent } from "./memory";
import { Messages } from "./messages";
import { Prechat } from "./prechat";
import { Rating, type Score } from "./rating";
import { subscribing } from "./subscribe";
import { Uploads } from "./uploads";
import { When } from "./when";
import type { Attachment, Given, Kind, Place, Planned } from "./wire";

/** Why a first message is refused before the form in front of the chat was filled. */
export const UNANSWERED = "unanswered";

export interface Asks {
  close: () => void;
  send: (text: string, reply_to: string) => void;
  attach: (files: Attachment[]) => void;
  door: () => { address: string; key: string } | null;
  typing: () => void;
  retry: (item: Unsent) => void;
  drop: (item: Unsent) => void;
  slots: CallAsks["slots"];
  ask: (frame: { key: string; t: string } & Record<string, unknown>) => Promise<Answer>;
  asked: (planned: Planned) => void;
  introduced: (fields: Record<string, string>, given: Given[]) => void;
  rate: (score: Score, text: string) => void;
  chosen: (kind: Kind) => void;
  lead: (kind: Kind) => Promise<string>;
  asksPhone: () => boolean;
  passed: () => void;
  dialled: () => void;
  /** Whether somebody here may still subscribe to offers. */
  subscribes: () => boolean;
  subscribed: () => void;
  speak: (lang: "ru" | "en") => void;
}

/** How long a connection may take before a word is said about it. */
const PATIENCE = 1_500;
/** A promised call is shown until it should have been made. */
const CALL_OVER = 30 * 60_000;

/** The card that the visitor sees; it shows what it is given and tells what was asked. */
export class View {
  readonly panel = make("section", "panel");
  private readonly say: Say;
  private readonly when: When;
  private readonly state = make("div", "state");
  private readonly planned = make("div", "planned");
  private readonly hours = make("p");
  private readonly chat = make("div", "chat");
  private readonly messages: Messages;
  private readonly composer: Composer;
  private readonly uploads: Uploads;
  private readonly back: HTMLButtonElement;
  private call: CallForm | null = null;
  private prechat: Prechat | null = null;
  private prechatOf = "";
  private rating: Rating | null = null;
  private thanked = false;
  private promised = "";
  private slow = 0;
  private closing: HTMLElement | null = null;
  private offers: HTMLElement | null = null;
  private ways: HTMLElement | null = null;
  private waysOf = "";

  constructor(
    private readonly texts: Texts,
    private readonly place: Place,
    private readonly line: Line,
    private readonly memory: Memory,
    private readonly asks: Asks,
  ) {
    const { panel } = this;
    const say = (this.say = speak(texts, place.lang));
    this.when = new When(say, place.lang, () => Date.now() + line.skew);
    this.messages = new Messages(say, this.when, place.origin, {
      retry: asks.retry,
      drop: asks.drop,
      quote: (entry) => this.composer.quote(entry),
      choose: (words) => asks.send(words, ""),
    });
    this.uploads = new Uploads(say, place.config, {
      door: asks.door,
      send: asks.attach,
      reason: (code) => this.messages.bubbles.reason(code),
    });
    this.composer = new Composer(say, place.config, this.uploads, memory.shelf.get("draft") ?? "", {
      send: asks.send,
      files: (files) => this.uploads.add(files),
      typing: asks.typing,
      draft: (text) => (text ? memory.shelf.set("draft", text) : memory.shelf.remove("draft")),
      author: (entry) => this.messages.bubbles.author(entry),
    });
    this.back = round(say("widget.back"), ICON.back, () => this.showChat(true));
    this.chat.append(this.messages.element, this.composer.element);
    this.state.setAttribute("role", "status");
    panel.hidden = true;
    panel.lang = place.lang;
    panel.setAttribute("role", "dialog");
    panel.setAttribute("aria-label", this.title);
    panel.append(this.head(), this.state, this.planned, this.chat);
    panel.addEventListener("keydown", (event) => this.pressed(event));
    for (const kind of ["keyup", "keypress"] as const)
      panel.addEventListener(kind, (event) => event.stopPropagation());
    panel.addEventListener("dragover", (event) => event.preventDefault());
    panel.addEventListener("drop", (event) => {
      event.preventDefault();
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length && !this.composer.element.hidden) this.uploads.add(files);
    });
    visualViewport?.addEventListener("resize", () => this.fit(), { signal: place.life });
    this.welcome();
    this.showChat(false);
  }

  dismiss(): void {
    this.messages.close();
    this.uploads.close();
    clearTimeout(this.slow);
    this.panel.remove();
  }

  open(what: "chat" | "call"): void {
    this.panel.hidden = false;
    this.panel.setAttribute("aria-modal", String(innerWidth <= 480));
    const { open, offline, callback } = this.place.config;
    const instead = !open && offline?.mode === "callback" && callback?.enabled && !this.line.entries.size;
    if (what === "call" || instead) this.showCall();
    else this.showChat(false);
    this.fit();
    this.messages.toEnd();
    this.focus();
  }

  focus(): void {
    // Whoever chooses its looks is typing elsewhere.
    if (this.place.preview) return;
    if (this.call) this.call.focus();
    else if (this.prechat) this.prechat.focus();
    else if (!this.composer.element.hidden) this.composer.focus();
    else this.panel.querySelector("button")?.focus();
  }

  /** A number that was typed in the form and not sent, with what was agreed to. */
  typed(): { phone: string; given: Given[] } | null {
    return this.call?.typed() ?? null;
  }

  showTyping(name: string): void {
    this.messages.showTyping(name);
  }

  /** What is above the messages follows the settings, which may have been fetched anew. */
  refresh(): void {
    this.hours.textContent = this.answering();
    this.welcome();
  }

  changed(): void {
    const { line } = this;
    const entries = line.lines();
    const waiting = line.waiting();
    this.messages.show(entries, waiting);
    this.uploads.pump();
    this.showState();
    this.showPlanned();
    this.showFoot(entries.length + waiting.length > 0);
  }

  private get title(): string {
    return this.place.config.title || this.place.config.project.name;
  }

  private head(): HTMLElement {
    const { say, place } = this;
    const name = make("h2", "", this.title);
    name.dir = "auto";
    this.hours.textContent = this.answering();
    const faces = make("div", "faces");
    faces.setAttribute("aria-hidden", "true");
    for (const { name: person } of (place.config.people ?? []).slice(0, 3))
      faces.append(make("span", "face", Array.from(person)[0]?.toUpperCase() ?? ""));
    const head = make("div", "head", this.back, faces, make("div", "who", name, this.hours));
    if (place.config.callback?.enabled)
      head.append(round(say("widget.call.title"), ICON.phone, () => this.showCall(true), "round call"));
    head.append(round(say("widget.close"), ICON.close, this.asks.close));
    return head;
  }

  /** Who answers, and when. */
  private answering(): string {
    const { say, when } = this;
    const { open, next_opening: next, answer_time: minutes, people } = this.place.config;
    if (!open) return next ? say("widget.offline_until", { when: when.moment(next) }) : say("widget.offline");
    const names = (people ?? []).slice(0, 3).map(({ name }) => name);
    const who = names.length ? say("widget.online_who", { n: names.length, names: names.join(", ") }) : say("widget.online");
    return minutes ? `${who} · ${say("widget.answer_time", { n: minutes })}` : who;
  }

  private welcome(): void {
    const { say, place, asks } = this;
    const { config } = place;
    const greeting = config.greeting || say("widget.greeting");
    const parts = [this.messages.bubbles.words(greeting)];
    if (!config.open && config.offline?.mode !== "hide")
      parts.push(this.messages.bubbles.words(config.offline?.text || say("widget.offline_message")));
    // Somebody may be leaving a number there when the same settings come anew.
    const { callback, phone, messengers, consents } = config;
    const waysOf = JSON.stringify([callback, phone, messengers, consents]);
    if (waysOf !== this.waysOf) this.ways = doors(say, config, { ...asks, call: () => this.showCall(true) });
    this.waysOf = waysOf;
    if (this.ways) parts.push(this.ways);
    const { subscription } = config;
    if (subscription && asks.subscribes()) {
      // What is being typed there outlives settings that were fetched anew.
      this.offers ??= subscribing(say, subscription, asks);
      parts.push(this.offers);
    }
    const other = place.lang === "ru" ? "en" : "ru";
    const words = speak(this.texts, other)("widget.in_this_language");
    const language = worded(words, () => asks.speak(other), "quiet");
    language.lang = other;
    this.messages.before(...parts, language);
  }

  private showState(): void {
    const { say, state } = this;
    const { light } = this.line;
    const words =
      light === "off" ? say("widget.no_connection")
      : light === "often" ? say("widget.too_often")
      : light === "refused" ? say("widget.refused")
      : light === "identity" ? say("widget.sign_in_first")
      : "";
    clearTimeout(this.slow);
    if (light === "connecting" && !state.textContent)
      this.slow = window.setTimeout(() => {
        if (this.line.light === "connecting") state.textContent = say("widget.connecting");
      }, PATIENCE);
    else if (state.textContent !== words && light !== "connecting") state.textContent = words;
  }

  private showPlanned(): void {
    const { call } = this.line;
    const past = call?.at && Date.parse(call.at) + CALL_OVER < Date.now() + this.line.skew;
    const words = make("span", "", ...(call && !past ? promise(call, this.say, this.when) : []));
    if (this.promised === words.textContent) return;
    this.promised = words.textContent ?? "";
    if (!this.promised) return this.planned.replaceChildren();
    const change = worded(this.say("widget.call.change"), () => this.showCall(true, true));
    this.planned.replaceChildren(words, change);
  }

  private showFoot(begun: boolean): void {
    const { say, line, memory, asks, place } = this;
    const { config } = place;
    // Settings may have come to ask for more since the form was filled; what was written waits.
    const lacks = memory.queue().some((item) => item.refused === UNANSWERED);
    const asked = memory.shelf.get("prechat") !== null || begun;
    const questions = JSON.stringify(config.prechat);
    if (questions !== this.prechatOf) this.prechat = null;
    this.prechatOf = questions;
    if ((!asked || lacks) && config.prechat?.enabled && config.prechat.fields?.length)
      this.prechat ??= this.asking(lacks);
    else this.prechat = null;
    const callOnly = !config.open && config.offline?.mode === "callback" && !begun;
    this.composer.element.hidden = this.prechat !== null || (callOnly && !!config.callback?.enabled);

    if (!line.closed) this.thanked = false;
    if (line.closed && config.rating && !line.rated && begun)
      this.rating ??= new Rating(say, (score, text) => {
        this.thanked = score !== "none";
        asks.rate(score, text);
      });
    else this.rating = null;
    if (!line.closed) this.closing = null;
    else if (!this.rating) {
      const words = say(this.thanked ? "widget.rating.thanks" : "widget.closed");
      if (this.closing?.textContent !== words) this.closing = make("p", "closing", words);
    }
    const closing = line.closed && begun && !this.rating ? this.closing : null;
    this.messages.after(this.prechat?.element ?? this.rating?.element ?? closing);
  }

  private asking(lacks: boolean): Prechat {
    const known = { ...this.place.person.fields, ...this.memory.shelf.read<Record<string, string>>("fields") };
    const made = new Prechat(this.say, this.place.config, known, (fields, given) => {
      this.asks.introduced(fields, given);
      this.focus();
    });
    if (lacks) made.complain();
    return made;
  }

  private showChat(focus: boolean): void {
    this.call = null;
    this.back.hidden = true;
    this.panel.classList.remove("aside");
    this.panel.querySelector(".screen")?.remove();
    this.chat.hidden = false;
    this.changed();
    if (focus) this.focus();
  }

  private showCall(focus = false, change = false): void {
    const { say, place, asks } = this;
    if (this.call) return;
    const known = { ...place.person.fields, phone: place.person.identity?.phone ?? place.person.fields.phone ?? "" };
    this.call = new CallForm(say, this.when, place.config, { ...asks, back: () => this.showChat(true) }, known);
    this.call.show(change ? null : this.line.call);
    this.chat.hidden = true;
    this.back.hidden = false;
    this.panel.classList.add("aside");
    this.panel.append(this.call.element);
    if (focus) this.focus();
  }

  private pressed(event: KeyboardEvent): void {
    // The site's own shortcuts are not meant by what is typed here.
    event.stopPropagation();
    if (event.key === "Escape") {
      if (this.call) this.showChat(true);
      else this.asks.close();
    }
    if (event.key !== "Tab") return;
    const stops = [
      ...this.panel.querySelectorAll<HTMLElement>("a[href],button,input,select,textarea,audio,video,[tabindex='0']"),
    ].filter((one) => one.tabIndex >= 0 && one.getClientRects().length > 0);
    const at = this.place.root.activeElement;
    const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
    if (at !== edge) return;
    event.preventDefault();
    (event.shiftKey ? stops[stops.length - 1] : stops[0])?.focus();
  }

  /** On a phone the card ends where the keyboard begins. */
  private fit(): void {
    const seen = visualViewport;
    if (!seen || seen.scale > 1.05) return;
    this.panel.style.setProperty("--tall", `${seen.height}px`);
    this.panel.style.setProperty("--off", `${seen.offsetTop}px`);
    this.messages.follow();
  }
}
