import type { Say } from "../texts";
import { excerpt } from "./bubble";
import { ICON, make, round } from "./make";
import type { Uploads } from "./uploads";
import type { Entry } from "./wire";

export interface Asks {
  send: (text: string, reply_to: string) => void;
  files: (files: File[]) => void;
  typing: () => void;
  draft: (text: string) => void;
  author: (entry: Entry) => string;
}

/** Where the visitor writes: grows with the text, takes files however they come. */
export class Composer {
  readonly element = make("div", "composer");
  readonly field = make("textarea");
  private readonly chip = make("div", "chip");
  private quoted: Entry | null = null;

  constructor(
    private readonly say: Say,
    limits: { text_max_chars: number; attachments_max: number },
    uploads: Uploads,
    draft: string,
    private readonly asks: Asks,
  ) {
    const { field } = this;
    const form = make("form");
    field.rows = 1;
    field.dir = "auto";
    field.value = draft;
    field.maxLength = limits.text_max_chars;
    field.placeholder = say("widget.placeholder");
    field.setAttribute("aria-label", say("widget.text"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    field.addEventListener("input", () => {
      this.fit();
      asks.draft(field.value);
      if (field.value) asks.typing();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.quoted) {
        event.stopPropagation();
        this.quote(null);
      }
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.submit();
    });
    if (limits.attachments_max > 0) {
      field.addEventListener("paste", (event) => {
        const files = [...(event.clipboardData?.files ?? [])];
        if (!files.length) return;
        event.preventDefault();
        asks.files(files);
      });
      const picker = make("input");
      picker.type = "file";
      picker.multiple = true;
      picker.tabIndex = -1;
      picker.setAttribute("aria-label", say("widget.attach"));
      picker.addEventListener("change", () => {
        asks.files([...(picker.files ?? [])]);
        picker.value = "";
      });
      form.append(round(say("widget.attach"), ICON.clip, () => picker.click()), picker);
    }
    form.append(field, round(say("widget.send"), ICON.send));
    this.chip.hidden = true;
    this.element.append(uploads.element, this.chip, form);
  }

  /** Answers a certain message, or none again. */
  quote(entry: Entry | null): void {
    this.quoted = entry;
    this.chip.hidden = entry === null;
    if (!entry) return;
    const words = make("span", "", excerpt(entry));
    words.dir = "auto";
    this.chip.replaceChildren(
      make("div", "about", make("b", "", this.asks.author(entry)), words),
      round(this.say("widget.unquote"), ICON.cross, () => {
        this.quote(null);
        this.field.focus();
      }),
    );
    this.field.focus();
  }

  focus(): void {
    this.fit();
    this.field.focus({ preventScroll: true });
  }

  private submit(): void {
    const text = this.field.value.trim();
    if (!text) return;
    this.field.value = "";
    this.asks.draft("");
    this.fit();
    const quoted = this.quoted?.id ?? "";
    this.quote(null);
    this.asks.send(text, quoted);
  }

  private fit(): void {
    const { field } = this;
    field.style.setProperty("height", "auto");
    field.style.setProperty("height", `${field.scrollHeight}px`);
  }
}
