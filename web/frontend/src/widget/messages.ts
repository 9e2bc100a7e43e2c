import type { Say } from "../texts";
import { Bubbles, type Shown } from "./bubble";
import { ICON, make, worded } from "./make";
import type { Unsent } from "./memory";
import { icon } from "./style";
import type { When } from "./when";
import type { Entry } from "./wire";

/** Lines of one author within this time are one group. */
const TOGETHER = 3 * 60_000;
const TYPES_FOR = 5_000;

export interface Asks {
  retry: (item: Unsent) => void;
  drop: (item: Unsent) => void;
  quote: (entry: Entry) => void;
  choose: (words: string) => void;
}

/** The list of messages: it follows the newest unless the visitor has scrolled away. */
export class Messages {
  readonly element = make("div", "log");
  readonly bubbles: Bubbles;
  private readonly box = make("div", "messages");
  private readonly top = make("div", "top");
  private readonly list = make("div", "list");
  private readonly foot = make("div", "foot");
  private readonly typist = make("div", "typing");
  private readonly pill: HTMLButtonElement;
  private readonly lines = new Map<string, { made: string; element: HTMLElement }>();
  private readonly watch = new ResizeObserver(() => this.follow());
  private silence = 0;
  private following = true;
  private put = 0;
  private theirs = 0;

  constructor(
    private readonly say: Say,
    private readonly when: When,
    origin: string,
    asks: Asks,
  ) {
    const { box, list } = this;
    this.bubbles = new Bubbles(say, when, origin, asks);
    list.setAttribute("role", "log");
    list.setAttribute("aria-live", "polite");
    list.setAttribute("aria-label", say("widget.messages"));
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", say("widget.dialog"));
    box.addEventListener("scroll", () => {
      // Lines may have grown since we scrolled to their end: only the visitor turns away from it.
      if (this.following && box.scrollTop === this.put) return;
      this.following = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
      if (this.following) this.pill.hidden = true;
    });
    this.pill = worded(say("widget.new_below"), () => this.toEnd(), "pill");
    this.pill.prepend(icon(ICON.down));
    this.pill.hidden = true;
    for (const part of [box, list, this.foot]) this.watch.observe(part);
    box.append(this.top, list, this.foot, this.typist);
    this.element.append(box, this.pill);
  }

  close(): void {
    this.watch.disconnect();
    clearTimeout(this.silence);
  }

  /** What stands before the first message. */
  before(...parts: HTMLElement[]): void {
    this.top.replaceChildren(...parts);
  }

  /** What stands after the last message; the same part is left alone. */
  after(part: HTMLElement | null): void {
    if ((this.foot.firstChild ?? null) === part) return;
    this.foot.replaceChildren(...(part ? [part] : []));
    this.follow();
  }

  toEnd(): void {
    this.following = true;
    this.pill.hidden = true;
    this.follow();
  }

  follow(): void {
    if (!this.following) return;
    this.box.scrollTop = this.box.scrollHeight;
    this.put = this.box.scrollTop;
  }

  showTyping(name: string): void {
    clearTimeout(this.silence);
    const words = name ? this.say("widget.typing", { name }) : "";
    if (this.typist.textContent !== words) this.typist.textContent = words;
    if (name) this.silence = window.setTimeout(() => this.showTyping(""), TYPES_FOR);
    this.follow();
  }

  /** Draws what changed and leaves the rest, so that a screen reader hears only what is new. */
  show(entries: Entry[], waiting: Unsent[]): void {
    const wanted: [place: string, made: string, draw: () => HTMLElement][] = [];
    const known = new Map(entries.map((entry) => [entry.id, entry]));
    const lastMine = waiting.length ? undefined : entries.filter((entry) => entry.mine).pop();
    const offers = entries.filter((entry) => entry.menu?.length).pop();
    entries.forEach((entry, at) => {
      const before = entries[at - 1];
      const next = entries[at + 1];
      const day = new Date(entry.at).toDateString();
      const newDay = before
        ? new Date(before.at).toDateString() !== day
        : !this.when.isToday(entry.at);
      if (newDay) wanted.push([`day.${day}`, this.when.day(entry.at), () => this.day(entry.at)]);
      const first = newDay || !before || !together(before, entry);
      const shown: Shown = {
        entry,
        named: first && !entry.mine ? entry.author_name : "",
        first,
        last: !next || !together(entry, next) || entry === lastMine,
        told: entry === lastMine,
        quoted: entry.reply_to ? known.get(entry.reply_to) : undefined,
        offers: entry === offers,
      };
      const place = entry.mine && entry.key ? `mine.${entry.key}` : `${entry.dialog}:${entry.seq}`;
      wanted.push([place, JSON.stringify(shown), () => this.bubbles.entry(shown)]);
    });
    for (const item of waiting) {
      const quoted = item.reply_to ? known.get(item.reply_to) : undefined;
      wanted.push([`mine.${item.key}`, JSON.stringify([item, quoted]), () => this.bubbles.unsent(item, quoted)]);
    }
    const mineBefore = this.list.querySelectorAll(".mine").length;
    this.draw(wanted);
    const theirs = entries.filter((entry) => !entry.mine).length;
    if (this.list.querySelectorAll(".mine").length > mineBefore) this.toEnd();
    if (theirs > this.theirs && !this.following && this.theirs > 0) this.pill.hidden = false;
    this.theirs = theirs;
    this.follow();
  }

  private draw(wanted: [string, string, () => HTMLElement][]): void {
    const gone = new Set(this.lines.keys());
    let before: ChildNode | null = this.list.firstChild;
    for (const [place, made, draw] of wanted) {
      gone.delete(place);
      let line = this.lines.get(place);
      if (!line || line.made !== made) {
        const element = draw();
        if (line?.element === before) before = element;
        line?.element.replaceWith(element);
        line = { made, element };
        this.lines.set(place, line);
      }
      if (line.element === before) before = before.nextSibling;
      else this.list.insertBefore(line.element, before);
    }
    for (const place of gone) {
      this.lines.get(place)?.element.remove();
      this.lines.delete(place);
    }
  }

  private day(at: string): HTMLElement {
    return make("div", "day", make("span", "", this.when.day(at)));
  }
}

function together(one: Entry, other: Entry): boolean {
  if (one.mine !== other.mine || (!one.mine && one.author_name !== other.author_name)) return false;
  return Date.parse(other.at) - Date.parse(one.at) < TOGETHER;
}
