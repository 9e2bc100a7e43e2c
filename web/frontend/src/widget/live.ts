import { backOff } from "../keys";
import type { Memory, Unsent } from "./memory";
import type { Entry, Frame } from "./wire";

export type Light = "idle" | "connecting" | "on" | "off" | "refused";

interface Listener {
  changed: () => void;
  typing: (name: string) => void;
  closed: () => void;
}

const PING_EVERY = 25_000;
const ANSWER_WITHIN = 12_000;

/** The visitor's line to the hub: what was said, and the queue of what is still to be said. */
export class Line {
  light: Light = "idle";
  dialog: string | null = null;
  readonly entries = new Map<string, Entry>();
  private socket: WebSocket | null = null;
  private greeted = false;
  private attempt = 0;
  private again = 0;
  private deadline = 0;
  private pings = 0;
  private skew = 0;
  private flying = "";
  private cursor = 0;
  private delivered = 0;
  private keyRefused = false;
  private entering = false;
  private orphans = 0;
  private release: (() => void) | null = null;

  constructor(
    private readonly address: string,
    private readonly lock: string,
    private readonly memory: Memory,
    private readonly listener: Listener,
  ) {
    memory.changed = () => {
      listener.changed();
      // The tab that wrote a message sends it; this one only if that tab is gone.
      clearTimeout(this.orphans);
      this.orphans = window.setTimeout(() => this.flush(), ANSWER_WITHIN);
    };
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => this.hurry());
    window.addEventListener("pageshow", () => this.hurry());
  }

  /** Connects and stays connected. */
  start(): void {
    if (this.light === "idle") void this.connect();
  }

  say(frame: object): void {
    if (this.greeted) this.socket?.send(JSON.stringify(frame));
  }

  lines(): Entry[] {
    return [...this.entries.values()].sort(
      (a, b) => Date.parse(a.at) - Date.parse(b.at) || a.order - b.order || a.seq - b.seq,
    );
  }

  /** The queue without what the hub has already shown back to us. */
  waiting(): Unsent[] {
    const known = new Set([...this.entries.values()].map((entry) => entry.key));
    return this.memory.queue().filter((item) => !known.has(item.key));
  }

  /** Sends the next of the queue; one at a time, so that they arrive in their order. */
  flush(): void {
    if (!this.greeted || this.flying) return;
    const next = this.memory.queue().find((item) => !item.refused);
    if (!next) return;
    const item = this.memory.correct(next, this.skew);
    this.flying = item.key;
    this.say({
      t: "send",
      key: item.key,
      order: item.order,
      at: item.at,
      text: item.text,
      attachments: item.attachments.map((file) => file.id),
    });
    this.expect();
  }

  private hurry(): void {
    if (document.visibilityState !== "visible") return;
    if (this.light === "off" || (this.light === "connecting" && !this.socket)) {
      this.attempt = 0;
      void this.connect();
    } else if (this.greeted) {
      // After a sleep the socket may look alive and be dead; a ping tells.
      this.say({ t: "ping" });
      this.expect();
    }
  }

  private async connect(): Promise<void> {
    clearTimeout(this.again);
    if (this.socket || this.entering) return;
    this.light = "connecting";
    this.listener.changed();
    if (this.memory.key === null) {
      this.entering = true;
      await this.alone();
      this.entering = false;
    }
    const socket = new WebSocket(this.address);
    this.socket = socket;
    this.expect();
    socket.onopen = () => socket.send(JSON.stringify(this.hello()));
    socket.onmessage = (message: MessageEvent<string>) => {
      if (this.socket !== socket) return;
      this.unexpect();
      this.hear(JSON.parse(message.data) as Frame);
    };
    socket.onclose = (closed) => {
      if (this.socket === socket) this.lost(closed.code);
    };
  }

  /** Two tabs of a new visitor must not become two visitors: one asks for the key first. */
  private alone(): Promise<void> {
    if (!("locks" in navigator) || this.release) return Promise.resolve();
    return new Promise((go) => {
      window.setTimeout(go, ANSWER_WITHIN);
      navigator.locks
        .request(this.lock, () => {
          go();
          if (this.memory.key !== null) return undefined;
          return new Promise<void>((done) => {
            this.release = done;
          });
        })
        .catch(() => go());
    });
  }

  private share(): void {
    this.release?.();
    this.release = null;
  }

  private hello(): object {
    const query = new URLSearchParams(location.search);
    const utm: Record<string, string> = {};
    for (const [name, value] of query) if (/^utm_\w{1,20}$/.test(name)) utm[name] = value.slice(0, 200);
    return {
      t: "hello",
      key: this.memory.key,
      // Some known lines are asked for again: their state may have changed meanwhile.
      after_seq: Math.max(0, this.cursor - 20),
      dialog: this.dialog,
      visit: {
        page: location.href.slice(0, 2000),
        title: document.title.slice(0, 300),
        referrer: document.referrer.slice(0, 2000),
        lang: navigator.language,
        zone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "",
        utm,
      },
      now: Date.now(),
    };
  }

  private hear(frame: Frame): void {
    switch (frame.t) {
      case "hello":
        this.greeted = true;
        this.attempt = 0;
        this.keyRefused = false;
        this.light = "on";
        this.skew = frame.now - Date.now();
        this.memory.key = frame.key;
        this.share();
        if (frame.dialog !== this.dialog) this.forget();
        this.dialog = frame.dialog;
        for (const entry of frame.entries) this.learn(entry);
        this.report();
        clearInterval(this.pings);
        this.pings = window.setInterval(() => {
          this.say({ t: "ping" });
          this.expect();
        }, PING_EVERY);
        this.flush();
        break;
      case "ok":
        this.confirmed(frame.key, frame.dialog, frame.seq);
        break;
      case "error":
        this.refusedBy(frame.key, frame.code, frame.again);
        break;
      case "entry":
        this.learn(frame.entry);
        this.report();
        break;
      case "typing":
        this.listener.typing(frame.name);
        return;
      case "closed":
        this.listener.closed();
        return;
      case "pong":
        return;
    }
    this.listener.changed();
  }

  private learn(entry: Entry): void {
    if (this.dialog !== entry.dialog) {
      // A new episode began; its lines follow the old ones until the page is loaded anew.
      this.dialog = entry.dialog;
      this.cursor = 0;
      this.delivered = 0;
    }
    this.cursor = Math.max(this.cursor, entry.seq);
    this.entries.set(`${entry.dialog}:${entry.seq}`, entry);
  }

  private report(): void {
    const theirs = [...this.entries.values()].filter((one) => !one.mine && one.dialog === this.dialog);
    const last = Math.max(0, ...theirs.map((one) => one.seq));
    if (last <= this.delivered) return;
    this.delivered = last;
    this.say({ t: "delivered", seq: last });
  }

  private forget(): void {
    this.entries.clear();
    this.cursor = 0;
    this.delivered = 0;
  }

  private confirmed(key: string, dialog: string, seq: number): void {
    const item = this.memory.queue().find((one) => one.key === key);
    if (item && !this.entries.has(`${dialog}:${seq}`)) {
      // Not the cursor's business: a line before it may still be on its way to us.
      this.entries.set(`${dialog}:${seq}`, {
        id: "",
        dialog,
        seq,
        order: item.order,
        at: new Date(item.at).toISOString(),
        mine: true,
        key,
        author_name: "",
        text: item.text,
        attachments: item.attachments,
        state: "sent",
        deleted_at: null,
      });
    }
    this.memory.drop(key);
    this.landed(key);
  }

  private refusedBy(key: string, code: string, again: boolean): void {
    if (again) {
      window.setTimeout(() => this.landed(key), backOff(2, 1_000));
      return;
    }
    const item = this.memory.queue().find((one) => one.key === key);
    if (item) this.memory.keep({ ...item, refused: code });
    this.landed(key);
  }

  private landed(key: string): void {
    if (this.flying === key) this.flying = "";
    this.flush();
  }

  private lost(code: number): void {
    const known = this.memory.key;
    this.socket = null;
    this.greeted = false;
    this.flying = "";
    clearInterval(this.pings);
    this.unexpect();
    if (code === 4403) {
      if (known !== null && !this.keyRefused) {
        // The key is of another hub or another life of it; start as a new visitor, once.
        this.keyRefused = true;
        this.memory.key = null;
        this.forget();
        this.dialog = null;
      } else {
        this.light = "refused";
        this.share();
        this.listener.changed();
        return;
      }
    }
    this.light = this.attempt > 0 ? "off" : "connecting";
    const wait = backOff(code === 4429 ? this.attempt + 4 : this.attempt, 500, 30_000);
    this.attempt += 1;
    this.again = window.setTimeout(() => void this.connect(), wait);
    this.listener.changed();
  }

  private expect(): void {
    if (this.deadline) return;
    this.deadline = window.setTimeout(() => {
      this.deadline = 0;
      const dead = this.socket;
      if (!dead) return;
      this.lost(1006);
      dead.close();
    }, ANSWER_WITHIN);
  }

  private unexpect(): void {
    clearTimeout(this.deadline);
    this.deadline = 0;
  }
}
