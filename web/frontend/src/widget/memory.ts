import { freshKey } from "../keys";
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
}

/** Where a site or browser forbids storage, everything lives as long as the page. */
class Shelf {
  private readonly own = new Map<string, string>();

  constructor(private readonly prefix: string) {}

  get(name: string): string | null {
    try {
      return localStorage.getItem(this.prefix + name) ?? this.own.get(name) ?? null;
    } catch {
      return this.own.get(name) ?? null;
    }
  }

  set(name: string, value: string): void {
    this.own.set(name, value);
    try {
      localStorage.setItem(this.prefix + name, value);
      this.own.delete(name);
    } catch {
      // Kept in `own`.
    }
  }

  remove(name: string): void {
    this.own.delete(name);
    try {
      localStorage.removeItem(this.prefix + name);
    } catch {
      // Nothing was stored.
    }
  }

  names(): string[] {
    const names = new Set(this.own.keys());
    try {
      for (let i = 0; i < localStorage.length; i += 1) {
        const name = localStorage.key(i);
        if (name?.startsWith(this.prefix)) names.add(name.slice(this.prefix.length));
      }
    } catch {
      // Only our own then.
    }
    return [...names];
  }
}

const QUEUED = "unsent.";

/** What one visitor of one channel has in this browser, the same for all its tabs. */
export class Memory {
  private readonly shelf: Shelf;
  private readonly others: BroadcastChannel | null;
  /** Called when another tab has changed something. */
  changed: () => void = () => {};

  constructor(channel: string) {
    this.shelf = new Shelf(`otklik.${channel}.`);
    this.others = "BroadcastChannel" in window ? new BroadcastChannel(`otklik.${channel}`) : null;
    if (this.others) this.others.onmessage = () => this.changed();
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
    try {
      return JSON.parse(this.shelf.get("read") ?? "") as { dialog: string; seq: number };
    } catch {
      return { dialog: "", seq: 0 };
    }
  }

  set read(value: { dialog: string; seq: number }) {
    this.shelf.set("read", JSON.stringify(value));
    this.tell();
  }

  queue(): Unsent[] {
    const found: Unsent[] = [];
    for (const name of this.shelf.names()) {
      if (!name.startsWith(QUEUED)) continue;
      try {
        found.push(JSON.parse(this.shelf.get(name) ?? "") as Unsent);
      } catch {
        this.shelf.remove(name);
      }
    }
    return found.sort((a, b) => a.order - b.order);
  }

  add(text: string, attachments: Attachment[]): Unsent {
    const order = Number(this.shelf.get("order") ?? 0) + 1;
    this.shelf.set("order", String(order));
    const item = { key: freshKey(), order, at: Date.now(), corrected: false, text, attachments, refused: "" };
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
    this.shelf.set(QUEUED + item.key, JSON.stringify(item));
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
