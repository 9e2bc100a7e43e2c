import { freshKey } from "../keys";
import { Shelf } from "./shelf";
import type { Attachment } from "./wire";

/** A message that the hub has not confirmed yet. */
export interface Unsent {
  key: string;
  order: number;
  /** The visitor's own clock; corrected once, when it is first sent. */
  at: number;
  corrected: boolean;
  text: string;
  attachments: Attachment[];
  refused: string;
  reply_to?: string;
}

const QUEUED = "unsent.";
/** What belongs to a person and goes when another one sits down. */
const PERSONAL = ["key", "read", "order", "at", "draft", "prechat", "fields", "left", "typed", "subscribed"];

/** What one visitor of one channel has in this browser, the same for all its tabs. */
export class Memory {
  readonly shelf: Shelf;
  private readonly others: BroadcastChannel | null;
  /** Called when another tab has changed something. */
  changed: () => void = () => {};

  constructor(channel: string) {
    this.shelf = new Shelf(`otklik.${channel}.`);
    this.others = neighbours(`otklik.${channel}`);
    if (this.others) this.others.onmessage = () => this.changed();
  }

  close(): void {
    this.others?.close();
  }

  get key(): string | null {
    return this.shelf.get("key");
  }

  set key(value: string | null) {
    if (value === this.key) return;
    if (value === null) this.shelf.remove("key");
    else this.shelf.set("key", value);
    this.tell();
  }

  /** The last line read, as dialog and seq. */
  get read(): { dialog: string; seq: number } {
    return this.shelf.read("read") ?? { dialog: "", seq: 0 };
  }

  set read(value: { dialog: string; seq: number }) {
    this.shelf.write("read", value);
    this.tell();
  }

  /** Whom the site last said that this is; another one finds nothing of the first. */
  meet(person: string | null): void {
    const before = this.shelf.get("who");
    if (before !== null && before !== person) {
      for (const name of PERSONAL) this.shelf.remove(name);
      for (const item of this.queue()) this.shelf.remove(QUEUED + item.key);
    }
    if (person === null) this.shelf.remove("who");
    else this.shelf.set("who", person);
    if (before !== person) this.tell();
  }

  queue(): Unsent[] {
    const found: Unsent[] = [];
    for (const name of this.shelf.names()) {
      if (!name.startsWith(QUEUED)) continue;
      const item = this.shelf.read<Unsent>(name);
      if (item) found.push(item);
      else this.shelf.remove(name);
    }
    return found.sort((a, b) => a.order - b.order);
  }

  add(text: string, attachments: Attachment[], reply_to = ""): Unsent {
    const order = Number(this.shelf.get("order") ?? 0) + 1;
    this.shelf.set("order", String(order));
    const item: Unsent = {
      key: freshKey(),
      order,
      at: Date.now(),
      corrected: false,
      text,
      attachments,
      refused: "",
      reply_to,
    };
    this.keep(item);
    return item;
  }

  /** Fixes the message's time by the hub's clock, never before the message sent last. */
  correct(item: Unsent, skew: number): Unsent {
    if (item.corrected) return item;
    const last = Number(this.shelf.get("at") ?? 0);
    const at = Math.max(Math.round(item.at + skew), last);
    this.shelf.set("at", String(at));
    const fixed = { ...item, at, corrected: true };
    this.keep(fixed);
    return fixed;
  }

  keep(item: Unsent): void {
    this.shelf.write(QUEUED + item.key, item);
    this.tell();
  }

  drop(key: string): void {
    this.shelf.remove(QUEUED + key);
    this.tell();
  }

  private tell(): void {
    this.others?.postMessage("");
  }
}

function neighbours(name: string): BroadcastChannel | null {
  try {
    return new BroadcastChannel(name);
  } catch {
    // Not offered, or forbidden together with storage.
    return null;
  }
}
