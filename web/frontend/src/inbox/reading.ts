import { batch, computed, effect, signal } from "@preact/signals";
import { Refused, api } from "./api";
import { before, setHere } from "./company";
import { receive, turnOf } from "./drafts";
import { choose, dialogs, learn, me, project, tell } from "./rows";
import type { Contact, Dialog, Entry, Known, Whole } from "./wire";

export interface Thread {
  id: string;
  contact: Contact | null;
  others: Dialog[];
  entries: ReadonlyMap<string, Entry>;
  /** Whether there are lines before those that are here, and after them. */
  more: boolean;
  newer: boolean;
  /** The line to be looked at; `n` tells one jump from the next. */
  target: { seq: number; n: number } | null;
  /** Whether the channel still brings the person anything. */
  reachable: boolean;
  identities: Known[];
  /** Up to which line this operator has read it, on any screen. */
  seen: number;
  /** The question whose answer is shown: on a slow line an older one may come after it. */
  told: number;
  /** What others said after this line is under the unread divider; 0: there is none. */
  divider: number;
  state: "loading" | "ready" | "failed";
}

export const thread = signal<Thread | null>(null);
export const typing = signal<ReadonlyMap<string, string>>(new Map());

export const opened = computed(() => {
  const id = thread.value?.id;
  return id === undefined ? undefined : dialogs.value.get(id);
});
export const lines = computed(() => {
  const entries = [...(thread.value?.entries.values() ?? [])];
  const at = new Map(entries.map((entry) => [entry.id, Date.parse(entry.at)]));
  return entries.sort(
    (a, b) => (at.get(a.id) ?? 0) - (at.get(b.id) ?? 0) || a.order - b.order || a.seq - b.seq,
  );
});

// Who turns to another project leaves the dialog of the last one.
effect(() => {
  const now = project.value;
  const row = opened.peek();
  if (row && row.project !== now) closeThread();
});
effect(() => {
  before.value = thread.value?.id ?? null;
});

/** Takes lines of the open thread; a line is replaced only by a later state of itself. */
export function learnEntries(entries: Entry[]): void {
  const open = thread.value;
  if (!open) return;
  const all = new Map(open.entries);
  // Where the end of the log is not here, a line that does not follow would leave a hole.
  let last = open.newer ? lastSeq(open) : Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const known = all.get(entry.id);
    if (entry.dialog !== open.id || (known ? !newer(known, entry) : entry.seq > last + 1)) continue;
    all.set(entry.id, entry);
    if (entry.seq === last + 1) last = entry.seq;
  }
  thread.value = { ...open, entries: all };
}

/** Links to files end after an hour or two, so fresh ones of the same state are worth having. */
function newer(known: Entry, entry: Entry): boolean {
  return known.rev < entry.rev || (known.rev === entry.rev && entry.attachments.length > 0);
}

const seqs = (of: Thread): number[] => [...of.entries.values()].map((entry) => entry.seq);
const firstSeq = (of: Thread): number => Math.min(...seqs(of));
const lastSeq = (of: Thread): number => Math.max(0, ...seqs(of));

function blank(id: string): Thread {
  return {
    id,
    contact: null,
    others: [],
    entries: new Map(),
    more: false,
    newer: false,
    target: null,
    reachable: true,
    identities: [],
    seen: 0,
    told: 0,
    divider: 0,
    state: "loading",
  };
}

/** What the hub said of a dialog, and when it was asked. */
interface Told {
  whole: Whole;
  n: number;
  at: number;
  turn: number;
}

let questions = 0;

async function ask(id: string): Promise<Told> {
  const asked = { n: (questions += 1), at: Date.now(), turn: turnOf(id) };
  return { whole: await api.dialog(id), ...asked };
}

/** What is known besides the lines; the divider stays where it stood while the thread is open. */
function about(open: Thread, { whole, n, at, turn }: Told): Thread {
  if (whole.dialog.project !== project.value) choose(whole.dialog.project);
  learn([whole.dialog]);
  if (n < open.told) return open;
  setHere(open.id, whole.here ?? [], at);
  receive(open.id, whole.draft ?? null, turn);
  const seen = Math.max(open.seen, whole.seen_seq ?? 0);
  const first = open.entries.size === 0 && open.seen === 0;
  const { contact, others, identities = [] } = whole;
  const reachable = identities.find((one) => one.channel === whole.dialog.channel)?.reachable ?? true;
  const divider = first ? seen : open.divider;
  return { ...open, contact, others, identities, reachable, seen, divider, told: n };
}

/** Opens the dialog at its newest lines. */
export async function openThread(id: string): Promise<void> {
  if (thread.value?.id !== id)
    thread.value = blank(id);
  const asked = thread.value?.target;
  try {
    const [told, log] = await Promise.all([ask(id), api.log(id, { limit: 100 })]);
    const open = thread.value;
    if (open?.id !== id || open.target !== asked) return;
    batch(() => {
      // Older pages that are on the screen stay only if they join the fresh ones without a hole.
      const first = log.items[0]?.seq ?? 0;
      const joins = [...open.entries.values()].some((entry) => entry.seq === first - 1);
      thread.value = {
        ...about(open, told),
        entries: joins || !log.more ? open.entries : new Map(),
        more: joins ? open.more : log.more,
        newer: false,
        target: null,
        state: "ready",
      };
      learnEntries(log.items);
    });
    const row = dialogs.peek().get(id);
    if (row) meetPhone(row);
    void heal(id);
  } catch (error) {
    failed(id, error);
  }
}

function failed(id: string, error: unknown): void {
  if (!(error instanceof Refused)) throw error;
  const open = thread.value;
  if (open?.id !== id) return;
  if (error.problem.status === 404) {
    closeThread();
    tell(error);
  } else thread.value = { ...open, state: open.entries.size ? "ready" : "failed" };
}

let jumps = 0;

/** Opens the dialog with that line in sight; what lies around it is loaded both ways. */
export async function jumpTo(id: string, seq: number): Promise<void> {
  const target = { seq, n: (jumps += 1) };
  const before = thread.value;
  if (before?.id === id && seqs(before).includes(seq)) {
    thread.value = { ...before, target };
    return;
  }
  thread.value = { ...(before?.id === id ? before : blank(id)), state: "loading", target };
  try {
    const [told, log] = await Promise.all([
      ask(id),
      api.log(id, { around_seq: seq, limit: 60 }),
    ]);
    const open = thread.value;
    if (open?.id !== id || open.target?.n !== target.n) return;
    batch(() => {
      thread.value = {
        ...about(open, told),
        entries: new Map(log.items.map((entry) => [entry.id, entry])),
        more: log.more,
        newer: log.newer,
        state: "ready",
      };
    });
    void heal(id);
  } catch (error) {
    failed(id, error);
  }
}

/** Reads again what is on the screen of a thread whose end is not. */
async function refresh(open: Thread): Promise<void> {
  const where = { after_seq: firstSeq(open) - 1, limit: 200 };
  const [whole, log] = await Promise.all([
    api.dialog(open.id).catch(() => null),
    api.log(open.id, where).catch(() => null),
  ]);
  if (whole) learn([whole.dialog]);
  if (log) learnEntries(log.items);
}

export function closeThread(): void {
  thread.value = null;
}

export async function loadOlder(): Promise<void> {
  const open = thread.value;
  if (!open?.more || open.state === "loading") return;
  thread.value = { ...open, state: "loading" };
  const where = { before_seq: firstSeq(open), limit: 100 };
  const page = await api.log(open.id, where).catch(() => null);
  const still = thread.value;
  if (still?.id !== open.id || still.target !== open.target) return;
  batch(() => {
    thread.value = { ...still, state: "ready", more: page ? page.more : still.more };
    if (page) learnEntries(page.items);
  });
  void heal(open.id);
}

export async function loadNewer(): Promise<void> {
  const open = thread.value;
  if (!open?.newer || open.state === "loading") return;
  thread.value = { ...open, state: "loading" };
  const where = { after_seq: lastSeq(open), limit: 100 };
  const page = await api.log(open.id, where).catch(() => null);
  const still = thread.value;
  if (still?.id !== open.id || still.target !== open.target) return;
  batch(() => {
    thread.value = { ...still, state: "ready" };
    if (page) learnEntries(page.items);
    const now = thread.value;
    if (now && page) thread.value = { ...now, newer: page.newer };
  });
  void heal(open.id);
}

const healing = new Set<string>();

/** Numbers have no gaps, so a missing one is a line that this screen did not hear of. */
export async function heal(id: string): Promise<void> {
  const open = thread.value;
  if (open?.id !== id || healing.has(id) || open.state !== "ready" || open.newer) return;
  const here = seqs(open).sort((a, b) => a - b);
  const hole = here.findIndex((seq, i) => i > 0 && seq !== (here[i - 1] ?? 0) + 1);
  const last = (hole < 0 ? here.at(-1) : here[hole - 1]) ?? 0;
  if (hole < 0 && last >= (dialogs.value.get(id)?.seq ?? 0)) return;
  healing.add(id);
  const page = await api.log(id, { after_seq: last, limit: 200 }).catch(() => null);
  healing.delete(id);
  if (page) learnEntries(page.items);
}

/** Reads again who the person of the open thread is and whether a reply would arrive. */
export async function meet(id: string): Promise<void> {
  if (thread.value?.id !== id) return;
  const told = await ask(id).catch(() => null);
  const open = thread.value;
  if (told && open?.id === id && open.state !== "failed") thread.value = about(open, told);
}

const SOON = 1_000;
const awaited = new Set<string>();

/** A phone stands in the row a moment before the person is known by it: then both are read again. */
export function meetPhone({ id, phone }: Dialog): void {
  const contact = thread.value?.id === id ? thread.value.contact : null;
  const key = `${id} ${phone}`;
  if (!phone || !contact || contact.phones.includes(phone) || awaited.has(key)) return;
  awaited.add(key);
  window.setTimeout(() => void meet(id), SOON);
}

let telling = 0;
let untold: { dialog: string; seq: number } | null = null;

/** Tells the hub, a moment later, that everything up to that line was looked at. */
export function saw(seq: number): void {
  const open = thread.value;
  if (!open || seq <= open.seen) return;
  thread.value = { ...open, seen: seq };
  if (untold?.dialog !== open.id) tellSeen();
  untold = { dialog: open.id, seq };
  clearTimeout(telling);
  telling = window.setTimeout(tellSeen, 400);
}

function tellSeen(): void {
  clearTimeout(telling);
  // Only progress is lost with a refusal; the next look makes it good.
  if (untold) void api.setSeen(untold.dialog, untold.seq).catch(() => {});
  untold = null;
}

/** Draws the unread divider after what was seen so far, or takes it away. */
export function divide(where: "here" | "nowhere"): void {
  const open = thread.value;
  const divider = where === "here" ? (open?.seen ?? 0) : 0;
  if (open && open.divider !== divider) thread.value = { ...open, divider };
}

/** Whether a line is news for this operator. */
export function isNews(entry: Entry): boolean {
  return entry.kind !== "system" && entry.author.id !== me.value?.operator.id;
}

/** Lines that are quoted here and lie on no loaded page; null is one that cannot be had. */
const quoted = signal<ReadonlyMap<string, Entry | null>>(new Map());
const asking = new Set<string>();

/** The line of that id, if it is here or was fetched. */
export function entryOf(id: string): Entry | null | undefined {
  return thread.value?.entries.get(id) ?? quoted.value.get(id);
}

/** Fetches a quoted line that lies elsewhere. */
export async function fetchQuoted(dialog: string, id: string): Promise<void> {
  if (asking.has(id)) return;
  asking.add(id);
  const entry = await api.entry(dialog, id).catch(() => null);
  asking.delete(id);
  quoted.value = new Map(quoted.value).set(id, entry);
}

const typingEnds = new Map<string, number>();

export function showTyping(dialog: string, name: string): void {
  typing.value = new Map(typing.value).set(dialog, name);
  clearTimeout(typingEnds.get(dialog));
  typingEnds.set(dialog, window.setTimeout(() => stopTyping(dialog), 5_000));
}

export function stopTyping(dialog: string): void {
  if (!typing.value.has(dialog)) return;
  const rest = new Map(typing.value);
  rest.delete(dialog);
  typing.value = rest;
}

/** Reads the open thread again. */
export function reread(): void {
  const open = thread.value;
  quoted.value = new Map();
  if (open?.newer) void refresh(open);
  else if (open && !(open.target && open.state === "loading")) void openThread(open.id);
}

/** Links to files open for at least an hour; a thread that stays open asks for fresh ones. */
const LINKS_LAST = 50 * 60_000;
window.setInterval(reread, LINKS_LAST);
