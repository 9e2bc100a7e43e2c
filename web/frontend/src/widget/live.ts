import { backOff } from "../keys";
import type { Memory, Unsent } from "./memory";
import type { Entry, Frame, Identity, Planned } from "./wire";

/** "often": asked to wait; "refused": not on this site; "identity": not before one has signed in. */
export type Light = "idle" | "connecting" | "on" | "off" | "often" | "refused" | "identity";

/** How the hub answered a question of this page. */
export type Answer =
  | { ok: true; dialog: string; at: string | null; url: string }
  | { ok: false; code: string; field: string };

export interface Listener {
  /** What is told at each hello: the visit, whom the site says it is, and its fields. */
  introduce: () => { visit: object; identity?: Identity | undefined; fields?: object | undefined };
  changed: () => void;
  typing: (name: string) => void;
  heard: (entry: Entry) => void;
  trouble: (code: string) => void;
}

interface Question {
  frame: Record<string, unknown>;
  settle: (answer: Answer) => void;
}

const PING_EVERY = 25_000;
const ANSWER_WITHIN = 12_000;
/** After a sleep the socket may look alive and be dead; then one waits less. */
const AWAKE_WITHIN = 4_000;

/** The visitor's line to the hub: what was said, and the queue of what is still to be said. */
export class Line {
  light: Light = "idle";
  dialog: string | null = null;
  closed = false;
  rated = false;
  call: Planned | null = null;
  /** Milliseconds by which the hub's clock is ahead of this browser's. */
  skew = 0;
  readonly entries = new Map<string, Entry>();
  private readonly questions = new Map<string, Question>();
  private socket: WebSocket | null = null;
  private greeted = false;
  private attempt = 0;
  private again = 0;
  private deadline = 0;
  private pings = 0;
  private flying = "";
  private cursor = 0;
  private delivered = 0;
  private keyed: string | null = null;
  private keyRefused = false;
  private nameless = false;
  private entering = false;
  private orphans = 0;
  private release: (() => void) | null = null;

  constructor(
    private readonly address: string,
    private readonly lock: string,
    private readonly memory: Memory,
    private readonly listener: Listener,
    life: AbortSignal,
  ) {
    memory.changed = () => {
      listener.changed();
      // The tab that wrote a message sends it; this one only if that tab is gone.
      clearTimeout(this.orphans);
      this.orphans = window.setTimeout(() => this.flush(), ANSWER_WITHIN);
    };
    const wake = (): void => this.hurry();
    window.addEventListener("online", wake, { signal: life });
    window.addEventListener("pageshow", wake, { signal: life });
    document.addEventListener("visibilitychange", wake, { signal: life });
    document.addEventListener("resume", wake, { signal: life });
    window.addEventListener(
      "pagehide",
      (event) => {
        // An open socket would keep the page from being kept whole by the browser.
        if (event.persisted) this.drop();
      },
      { signal: life },
    );
    life.addEventListener("abort", () => {
      this.stop("refused");
      memory.close();
    });
  }

  /** Connects and stays connected. */
  start(): void {
    if (this.light === "idle") void this.connect();
  }

  /** Greets again, because another person may be meant. */
  renew(): void {
    if (this.light === "idle") return;
    this.nameless = false;
    this.drop();
    this.attempt = 0;
    void this.connect();
  }

  say(frame: object): void {
    if (this.greeted) this.socket?.send(JSON.stringify(frame));
  }

  /** Asks until it is answered, however often the line is lost; the key makes it one question. */
  ask(frame: { key: string; t: string } & Record<string, unknown>): Promise<Answer> {
    this.start();
    return new Promise((settle) => {
      this.questions.set(frame.key, { frame, settle });
      this.say(frame);
    });
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
      reply_to: item.reply_to ?? "",
    });
    this.expect();
  }

  private hurry(): void {
    if (document.visibilityState !== "visible") return;
    if (["off", "often"].includes(this.light) || (this.light === "connecting" && !this.socket)) {
      this.attempt = 0;
      void this.connect();
    } else if (this.greeted) {
      this.say({ t: "ping" });
      this.unexpect();
      this.expect(AWAKE_WITHIN);
    }
  }

  private async connect(): Promise<void> {
    clearTimeout(this.again);
    if (this.socket || this.entering || this.nameless) return;
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
    const key = this.memory.key;
    if (key !== this.keyed) this.forget();
    return {
      t: "hello",
      key,
      // Some known lines are asked for again: their state may have changed meanwhile.
      after_seq: Math.max(0, this.cursor - 20),
      dialog: this.dialog,
      now: Date.now(),
      ...this.listener.introduce(),
    };
  }

  private hear(frame: Frame): void {
    switch (frame.t) {
      case "hello":
        this.greeting(frame);
        break;
      case "ok":
        if (this.questions.has(frame.key)) {
          if (frame.dialog) this.enter(frame.dialog);
          this.settle(frame.key, { ok: true, dialog: frame.dialog ?? "", at: frame.at ?? null, url: frame.url ?? "" });
        } else this.confirmed(frame.key, frame.dialog ?? "", frame.seq ?? 0);
        break;
      case "error":
        if (!this.greeted && frame.code === "identity") this.nameless = true;
        else this.refusedBy(frame.key, frame.code, frame.again, frame.field ?? "");
        break;
      case "entry": {
        const fresh = !this.entries.has(`${frame.entry.dialog}:${frame.entry.seq}`);
        if (!this.past(frame.entry)) this.enter(frame.entry.dialog);
        this.learn(frame.entry);
        this.report();
        if (fresh) {
          this.closed = false;
          this.listener.heard(frame.entry);
        }
        break;
      }
      case "asked":
        this.call = { phone_tail: frame.phone_tail, at: frame.at };
        break;
      case "typing":
        this.listener.typing(frame.name);
        return;
      case "closed":
        this.closed = true;
        this.rated = false;
        break;
      case "pong":
        return;
    }
    this.listener.changed();
  }

  private greeting(frame: Extract<Frame, { t: "hello" }>): void {
    const another = this.keyed !== null && this.keyed !== frame.key;
    this.greeted = true;
    this.attempt = 0;
    this.keyRefused = false;
    this.light = "on";
    this.skew = frame.now - Date.now();
    this.keyed = frame.key;
    this.memory.key = frame.key;
    this.share();
    if (another) this.forget();
    if (frame.dialog !== this.dialog) {
      if (frame.dialog === null) this.forget();
      else this.enter(frame.dialog);
    }
    for (const entry of frame.entries) this.learn(entry);
    this.closed = frame.closed ?? this.closed;
    this.rated = frame.rated ?? this.rated;
    if (frame.call !== undefined) this.call = frame.call;
    this.report();
    clearInterval(this.pings);
    this.pings = window.setInterval(() => {
      this.say({ t: "ping" });
      this.expect();
    }, PING_EVERY);
    for (const question of this.questions.values()) this.say(question.frame);
    this.flush();
  }

  /** A line of an earlier episode that is on the screen already. */
  private past(entry: Entry): boolean {
    if (entry.dialog === this.dialog) return false;
    return [...this.entries.values()].some((one) => one.dialog === entry.dialog);
  }

  /** From now on this is the episode; lines of an earlier one stay above. */
  private enter(dialog: string): void {
    if (this.dialog === dialog) return;
    this.dialog = dialog;
    this.cursor = 0;
    this.delivered = 0;
    this.closed = false;
    this.rated = false;
  }

  private learn(entry: Entry): void {
    if (entry.dialog === this.dialog) this.cursor = Math.max(this.cursor, entry.seq);
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
    this.dialog = null;
    this.call = null;
    this.closed = false;
    this.rated = false;
    this.cursor = 0;
    this.delivered = 0;
  }

  private confirmed(key: string, dialog: string, seq: number): void {
    const item = this.memory.queue().find((one) => one.key === key);
    this.enter(dialog);
    this.closed = false;
    if (this.light === "often") this.light = "on";
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
        reply_to: item.reply_to ?? "",
      });
    }
    this.memory.drop(key);
    this.landed(key);
  }

  private refusedBy(key: string, code: string, again: boolean, field: string): void {
    const question = this.questions.get(key);
    if (question) {
      if (!again || code === "limited") this.settle(key, { ok: false, code, field });
      else
        window.setTimeout(() => {
          if (this.questions.has(key)) this.say(question.frame);
        }, backOff(2, 1_000));
      return;
    }
    if (again) {
      if (code === "limited") {
        this.light = "often";
        this.listener.trouble(code);
      }
      window.setTimeout(() => this.landed(key), backOff(2, 1_000));
      return;
    }
    const item = this.memory.queue().find((one) => one.key === key);
    if (item) this.memory.keep({ ...item, refused: code });
    this.listener.trouble(code);
    this.landed(key);
  }

  private settle(key: string, answer: Answer): void {
    const question = this.questions.get(key);
    this.questions.delete(key);
    question?.settle(answer);
  }

  private landed(key: string): void {
    if (this.flying === key) this.flying = "";
    this.flush();
  }

  private lost(code: number): void {
    const known = this.memory.key;
    this.drop();
    if (code === 4403) {
      if (this.nameless) return this.stop("identity");
      // The key is of another hub or another life of it; start as a new visitor, once.
      if (known === null || this.keyRefused) return this.stop("refused");
      this.keyRefused = true;
      this.memory.key = null;
      this.forget();
    }
    this.light = code === 4429 ? "often" : this.attempt > 0 ? "off" : "connecting";
    const wait = backOff(code === 4429 ? this.attempt + 4 : this.attempt, 500, 30_000);
    this.attempt += 1;
    this.again = window.setTimeout(() => void this.connect(), wait);
    this.listener.changed();
  }

  private stop(light: Light): void {
    this.drop();
    this.light = light;
    this.share();
    clearTimeout(this.orphans);
    this.listener.changed();
  }

  /** Lets the socket go without a word. */
  private drop(): void {
    const gone = this.socket;
    this.socket = null;
    this.greeted = false;
    this.flying = "";
    if (this.light === "on") this.light = "connecting";
    clearInterval(this.pings);
    clearTimeout(this.again);
    this.unexpect();
    gone?.close();
  }

  private expect(within = ANSWER_WITHIN): void {
    if (this.deadline) return;
    this.deadline = window.setTimeout(() => {
      this.deadline = 0;
      if (this.socket) this.lost(1006);
    }, within);
  }

  private unexpect(): void {
    clearTimeout(this.deadline);
    this.deadline = 0;
  }
}
