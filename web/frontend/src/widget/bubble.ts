import { fileAddress, pieces } from "../links";
import { above } from "../menu";
import type { Key, Say } from "../texts";
import type { Unsent } from "./memory";
import { ICON, link, make, round, sign, worded } from "./make";
import { icon } from "./style";
import type { When } from "./when";
import type { Attachment, Entry } from "./wire";

export interface Shown {
  entry: Entry;
  /** The author's name where a group of lines begins. */
  named: string;
  first: boolean;
  last: boolean;
  /** Whether its state is told in words too. */
  told: boolean;
  quoted: Entry | undefined;
  /** Whether what it offers can be pressed. */
  offers: boolean;
}

interface Asks {
  retry: (item: Unsent) => void;
  drop: (item: Unsent) => void;
  quote: (entry: Entry) => void;
  choose: (words: string) => void;
}

/** Draws single lines of the dialog. */
export class Bubbles {
  constructor(
    private readonly say: Say,
    private readonly when: When,
    private readonly origin: string,
    private readonly asks: Asks,
  ) {}

  entry({ entry, named, first, last, told, quoted, offers }: Shown): HTMLElement {
    const { say } = this;
    const menu = offers ? (entry.menu ?? []) : [];
    const line = entry.deleted_at
      ? make("div", "line", make("div", "gone", say("widget.deleted")))
      : this.bubble(above(entry.text, menu) ?? entry.text, entry.attachments, quoted);
    line.classList.toggle("mine", entry.mine);
    line.classList.toggle("first", first);
    if (named) {
      const author = make("span", "author", named);
      author.dir = "auto";
      line.prepend(author);
    }
    if (entry.deleted_at) return line;
    if (entry.reactions?.length) {
      const marks = entry.reactions.map((one) => (typeof one === "string" ? one : one.emoji));
      line.append(sign(say("widget.reactions", { marks: marks.join(" ") }), marks.join(" "), "reactions"));
    }
    if (entry.id) {
      const reply = round(say("widget.reply"), ICON.reply, () => this.asks.quote(entry));
      reply.classList.add("reply");
      line.querySelector(".bubble")?.after(reply);
    }
    if (menu.length)
      line.append(make("div", "menu", ...menu.map((label) => worded(label, () => this.asks.choose(label), "choice"))));
    if (last || entry.edited_at) line.append(this.meta(entry, told));
    return line;
  }

  private meta(entry: Entry, told: boolean): HTMLElement {
    const { say } = this;
    const meta = make("span", "meta");
    if (entry.edited_at) meta.append(`${say("widget.edited")} `);
    const time = make("time", "", this.when.clock(entry.at));
    time.dateTime = entry.at;
    meta.append(time);
    if (!entry.mine) return meta;
    const read = entry.state === "read";
    const words = say(read ? "widget.state.read" : "widget.state.delivered");
    meta.append(" ", told ? make("span", "tick", `✓ ${words}`) : sign(words, "✓", "tick"));
    return meta;
  }

  unsent(item: Unsent, quoted: Entry | undefined): HTMLElement {
    const { say, asks } = this;
    const line = this.bubble(item.text, item.attachments, quoted);
    line.classList.add("mine", "first");
    const meta = make("span", "meta");
    if (item.refused) {
      meta.classList.add("failed");
      meta.append(
        say("widget.state.failed", { reason: this.reason(item.refused) }),
        worded(say("widget.retry"), () => asks.retry(item)),
        worded(say("widget.remove"), () => asks.drop(item)),
      );
    } else meta.append("◷ ", say("widget.state.waiting"));
    line.append(meta);
    return line;
  }

  reason(code: string): string {
    const key = `widget.error.${code}` as Key;
    const words = this.say(key);
    return words === key ? this.say("widget.error.refused") : words;
  }

  /** A line of the project's own, with nobody's name. */
  words(text: string): HTMLElement {
    const line = this.bubble(text, [], undefined);
    line.classList.add("first");
    return line;
  }

  private bubble(text: string, attachments: Attachment[], quoted: Entry | undefined): HTMLElement {
    const bubble = make("div", "bubble");
    if (quoted) bubble.append(this.quote(quoted));
    const pictures = attachments.filter((file) => file.kind === "image");
    if (pictures.length) {
      const grid = make("div", pictures.length > 1 ? "grid" : "grid one");
      grid.append(...pictures.map((file) => this.picture(file)));
      bubble.append(grid);
    }
    for (const file of attachments) if (file.kind !== "image") bubble.append(this.file(file));
    if (text) {
      const words = make("div", "words");
      words.dir = "auto";
      for (const piece of pieces(text))
        words.append(piece.href ? link(piece.href, "", piece.text) : piece.text);
      bubble.append(words);
    }
    bubble.classList.toggle("bare", pictures.length > 0 && !text && pictures.length === attachments.length);
    return make("div", "line", bubble);
  }

  private quote(entry: Entry): HTMLElement {
    const words = entry.deleted_at ? this.say("widget.deleted") : excerpt(entry);
    const quote = make("blockquote", "", make("b", "", this.author(entry)), make("span", "", words));
    quote.dir = "auto";
    return quote;
  }

  author(entry: Entry): string {
    return entry.mine ? this.say("widget.you") : entry.author_name;
  }

  private picture(file: Attachment): HTMLElement {
    const address = fileAddress(file.url, this.origin);
    const picture = make("img");
    picture.src = file.thumb ? fileAddress(file.thumb, this.origin) : address;
    picture.alt = file.name;
    if (file.width > 0) {
      const wide = Math.min(264, file.width);
      picture.width = wide;
      picture.height = Math.min(320, Math.round((wide * file.height) / file.width));
    }
    const whole = link(address, "picture", picture);
    whole.setAttribute("aria-label", this.say("widget.open_picture", { name: file.name }));
    // A site's policy may forbid foreign pictures; then it is a file like others.
    picture.addEventListener("error", () => whole.replaceWith(this.card(file)));
    return whole;
  }

  private file(file: Attachment): HTMLElement {
    if (file.kind !== "audio" && file.kind !== "video") return this.card(file);
    const player = make(file.kind);
    player.controls = true;
    player.preload = "metadata";
    player.src = fileAddress(file.url, this.origin);
    player.setAttribute("aria-label", file.name);
    player.addEventListener("error", () => player.replaceWith(this.card(file)));
    return player;
  }

  private card(file: Attachment): HTMLElement {
    const name = make("span", "name", file.name);
    name.dir = "auto";
    const about = make("span", "size", size(file.size_bytes, this.say));
    const text = make("span", "about", name, about);
    return link(fileAddress(file.url, this.origin), "file", icon(ICON.file), text);
  }
}

/** A message in one short line. */
export function excerpt(entry: Entry): string {
  const words = entry.text.replace(/\s+/g, " ").trim();
  return Array.from(words || (entry.attachments[0]?.name ?? "")).slice(0, 120).join("");
}

export function size(bytes: number, say: Say): string {
  if (bytes < 1_000_000) return say("widget.size.kb", { n: Math.max(1, Math.round(bytes / 1_000)) });
  return say("widget.size.mb", { n: Math.round(bytes / 100_000) / 10 });
}
