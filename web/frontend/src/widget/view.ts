import { fileAddress, pieces } from "../links";
import type { Key, Say } from "../texts";
import type { Unsent } from "./memory";
import { icon } from "./style";
import type { Attachment, Config, Entry } from "./wire";

const CLOSE = "M6 9l6 6 6-6";
const CLIP = "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7L9.3 17a1.7 1.7 0 0 1-2.4-2.4L14.5 7";
const SEND = "M4 12l16-8-5 16-3-7z";

interface Asks {
  close: () => void;
  send: (text: string) => void;
  files: (files: File[]) => void;
  typing: () => void;
  retry: (item: Unsent) => void;
  drop: (item: Unsent) => void;
}

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  kind = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.append(...children);
  return element;
}

function button(label: string, path: string, act?: () => void): HTMLButtonElement {
  const element = make("button", "round", icon(path));
  element.type = act ? "button" : "submit";
  element.title = label;
  element.setAttribute("aria-label", label);
  if (act) element.addEventListener("click", act);
  return element;
}

/** The card that the visitor sees; it shows what it is given and tells what was asked. */
export class View {
  readonly panel = make("section", "panel");
  private readonly state = make("div", "state");
  private readonly messages = make("div", "messages");
  private readonly typist = make("div", "typing");
  private readonly pending = make("div", "pending");
  private readonly field = make("textarea");
  private readonly lines = new Map<string, { made: string; element: HTMLElement }>();
  private silence = 0;
  private following = true;

  constructor(
    private readonly say: Say,
    private readonly lang: string,
    private readonly origin: string,
    private readonly config: Config,
    private readonly asks: Asks,
  ) {
    const { panel, messages, state } = this;
    panel.hidden = true;
    panel.lang = lang;
    panel.setAttribute("role", "dialog");
    panel.setAttribute("aria-label", config.project.name);
    state.setAttribute("role", "status");
    messages.setAttribute("role", "log");
    messages.setAttribute("aria-live", "polite");
    messages.setAttribute("aria-label", say("widget.messages"));
    messages.tabIndex = 0;
    messages.addEventListener("scroll", () => {
      this.following = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 80;
    });
    new ResizeObserver(() => this.follow()).observe(messages);
    panel.append(this.head(), state, messages, this.typist, this.pending, this.composer());
    panel.addEventListener("keydown", (event) => {
      // The site's own shortcuts are not meant by what is typed here.
      event.stopPropagation();
      if (event.key === "Escape") asks.close();
    });
    panel.addEventListener("dragover", (event) => event.preventDefault());
    panel.addEventListener("drop", (event) => {
      event.preventDefault();
      asks.files([...(event.dataTransfer?.files ?? [])]);
    });
  }

  private head(): HTMLElement {
    const who = make(
      "div",
      "who",
      make("h2", "", this.config.project.name),
      make("p", "", this.hours()),
    );
    return make("header", "", who, button(this.say("widget.close"), CLOSE, this.asks.close));
  }

  private hours(): string {
    const { open, next_opening: next } = this.config;
    if (open) return this.say("widget.online");
    if (!next) return this.say("widget.offline");
    const when = new Intl.DateTimeFormat(this.lang, {
      weekday: "long",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    }).format(new Date(next));
    return this.say("widget.offline_until", { when });
  }

  private composer(): HTMLFormElement {
    const { field, say, asks } = this;
    const form = make("form");
    field.rows = 1;
    field.maxLength = this.config.text_max_chars;
    field.placeholder = say("widget.placeholder");
    field.setAttribute("aria-label", say("widget.text"));
    const picker = make("input");
    picker.type = "file";
    picker.multiple = true;
    picker.setAttribute("aria-label", say("widget.attach"));
    picker.addEventListener("change", () => {
      asks.files([...(picker.files ?? [])]);
      picker.value = "";
    });
    const submit = (): void => {
      const text = field.value.trim();
      if (!text) return;
      field.value = "";
      this.fit();
      asks.send(text);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit();
    });
    field.addEventListener("input", () => {
      this.fit();
      if (field.value) asks.typing();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      submit();
    });
    field.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length) return;
      event.preventDefault();
      asks.files(files);
    });
    if (this.config.attachments_max > 0)
      form.append(button(say("widget.attach"), CLIP, () => picker.click()), picker);
    form.append(field, button(say("widget.send"), SEND));
    return form;
  }

  private fit(): void {
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }

  focus(): void {
    this.field.focus();
    this.following = true;
    this.follow();
  }

  private follow(): void {
    if (this.following) this.messages.scrollTop = this.messages.scrollHeight;
  }

  showState(words: string): void {
    if (this.state.textContent !== words) this.state.textContent = words;
  }

  showPending(words: string, failed = false): void {
    this.pending.textContent = words;
    this.pending.classList.toggle("failed", failed);
  }

  showTyping(name: string): void {
    clearTimeout(this.silence);
    this.typist.textContent = name ? this.say("widget.typing", { name }) : "";
    if (name) this.silence = window.setTimeout(() => this.showTyping(""), 5_000);
  }

  /** Draws what changed and leaves the rest, so that a screen reader hears only what is new. */
  showLines(entries: Entry[], waiting: Unsent[]): void {
    const box = this.messages;
    const mineBefore = box.querySelectorAll(".mine").length;
    const wanted: [string, string, () => HTMLElement][] = [];
    if (this.config.greeting)
      wanted.push(["greeting", "", () => this.bubble(this.config.greeting, [], false)]);
    let day = new Date().toDateString();
    let author = "";
    for (const entry of entries) {
      const its = new Date(entry.at).toDateString();
      if (its !== day) {
        day = its;
        wanted.push([`day.${its}`, "", () => this.day(entry.at)]);
      }
      const named = !entry.mine && entry.author_name !== author ? entry.author_name : "";
      author = entry.mine ? "" : entry.author_name;
      const place = entry.mine ? `mine.${entry.key}` : `${entry.dialog}:${entry.seq}`;
      wanted.push([place, JSON.stringify([entry, named]), () => this.entry(entry, named)]);
    }
    for (const item of waiting)
      wanted.push([`mine.${item.key}`, JSON.stringify(item), () => this.unsent(item)]);

    const gone = new Set(this.lines.keys());
    let before: ChildNode | null = box.firstChild;
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
      else box.insertBefore(line.element, before);
    }
    for (const place of gone) {
      this.lines.get(place)?.element.remove();
      this.lines.delete(place);
    }
    if (box.querySelectorAll(".mine").length > mineBefore) this.following = true;
    this.follow();
  }

  private day(at: string): HTMLElement {
    const today = new Date(at).toDateString() === new Date().toDateString();
    const words = today
      ? this.say("widget.today")
      : new Intl.DateTimeFormat(this.lang, { day: "numeric", month: "long" }).format(new Date(at));
    return make("div", "day", words);
  }

  private entry(entry: Entry, named: string): HTMLElement {
    const line = entry.deleted_at
      ? make("div", "line", make("div", "gone", this.say("widget.deleted")))
      : this.bubble(entry.text, entry.attachments, entry.mine);
    line.classList.toggle("mine", entry.mine);
    if (named) line.prepend(make("span", "author", named));
    const time = make("time", "", this.clock(entry.at));
    time.dateTime = entry.at;
    const meta = make("span", "meta", time);
    if (entry.mine && !entry.deleted_at) {
      const tick = make("span", "tick", "✓");
      tick.setAttribute("role", "img");
      tick.setAttribute("aria-label", this.say("widget.state.sent"));
      meta.append(" ", tick);
    }
    line.append(meta);
    return line;
  }

  private unsent(item: Unsent): HTMLElement {
    const line = this.bubble(item.text, item.attachments, true);
    const meta = make("span", "meta");
    if (item.refused) {
      meta.classList.add("failed");
      const again = make("button", "", this.say("widget.retry"));
      const drop = make("button", "", this.say("widget.remove"));
      again.addEventListener("click", () => this.asks.retry(item));
      drop.addEventListener("click", () => this.asks.drop(item));
      meta.append(this.say("widget.state.failed", { reason: this.reason(item.refused) }), again, drop);
    } else meta.append(this.say("widget.state.waiting"));
    line.append(meta);
    return line;
  }

  reason(code: string): string {
    const key = `widget.error.${code}` as Key;
    const words = this.say(key);
    return words === key ? this.say("widget.error.refused") : words;
  }

  private bubble(text: string, attachments: Attachment[], mine: boolean): HTMLElement {
    const bubble = make("div", "bubble");
    for (const file of attachments) bubble.append(this.file(file));
    for (const piece of pieces(text))
      bubble.append(piece.href ? link(piece.href, "", piece.text) : piece.text);
    return make("div", mine ? "line mine" : "line", bubble);
  }

  private file(file: Attachment): HTMLElement {
    const address = fileAddress(file.url, this.origin);
    if (file.kind !== "image") return link(address, "file", file.name);
    const picture = make("img");
    picture.src = file.thumb ? fileAddress(file.thumb, this.origin) : address;
    picture.alt = file.name;
    if (file.width > 0) {
      picture.width = Math.min(280, file.width);
      picture.height = Math.round((picture.width * file.height) / file.width);
    }
    picture.addEventListener("load", () => this.follow());
    const whole = link(address, "", picture);
    whole.setAttribute("aria-label", this.say("widget.open_picture", { name: file.name }));
    return whole;
  }

  private clock(at: string): string {
    return new Intl.DateTimeFormat(this.lang, {
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    }).format(new Date(at));
  }
}

function link(address: string, kind: string, child: Node | string): HTMLAnchorElement {
  const element = make("a", kind, child);
  element.href = address;
  element.target = "_blank";
  element.rel = "noopener noreferrer nofollow";
  return element;
}
