import { batch, computed, signal } from "@preact/signals";
import { Refused, api, csrf, whenSignedOut } from "./api";
import * as live from "./live";
import * as outbox from "./outbox";
import { lang, presence } from "./settings";
import type { Channel, Contact, Counts, Dialog, Entry, Event, Me, Project, View } from "./wire";

export type Phase = "starting" | "sign-in" | "password" | "inside" | "unreachable";

export interface Listing {
  ids: ReadonlySet<string>;
  next: string | null;
  state: "none" | "loading" | "ready" | "failed";
}

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
  state: "loading" | "ready" | "failed";
}

const EMPTY: Listing = { ids: new Set(), next: null, state: "none" };
const PAGE = 50;
/** Set while the operator put off a password of their own, so that a reload does not ask again. */
const LATER = "otklik.password-later";

export const phase = signal<Phase>("starting");
export const me = signal<Me | null>(null);
export const project = signal("");
export const view = signal<View>("queue");
export const channels = signal<Channel[]>([]);
export const counts = signal<Counts | null>(null);
export const dialogs = signal<ReadonlyMap<string, Dialog>>(new Map());
export const listings = signal<Record<View, Listing>>(emptyListings());
export const thread = signal<Thread | null>(null);
export const typing = signal<ReadonlyMap<string, string>>(new Map());
export const notice = signal<{ code: string; current: string } | null>(null);
export const clock = signal(Date.now());
window.setInterval(() => {
  clock.value = Date.now();
}, 10_000);

export const projects = computed<Project[]>(
  () => me.value?.memberships.map((membership) => membership.project) ?? [],
);
export const listed = computed<Dialog[]>(() => {
  const all = dialogs.value;
  return [...listings.value[view.value].ids]
    .flatMap((id) => all.get(id) ?? [])
    .sort((a, b) => b.last_at.localeCompare(a.last_at) || b.id.localeCompare(a.id));
});
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

function emptyListings(): Record<View, Listing> {
  return { queue: EMPTY, mine: EMPTY, all: EMPTY, closed: EMPTY };
}

function belongs(dialog: Dialog, to: View): boolean {
  if (dialog.project !== project.value) return false;
  switch (to) {
    case "queue":
      return dialog.open && dialog.owner === null;
    case "mine":
      return dialog.open && dialog.owner === me.value?.operator.id;
    case "all":
      return dialog.open;
    case "closed":
      return !dialog.open;
  }
}

/** Takes rows in whatever order they come; an older one never replaces a newer. */
export function learn(rows: Dialog[]): void {
  const all = new Map(dialogs.value);
  for (const row of rows) if ((all.get(row.id)?.rev ?? -1) < row.rev) all.set(row.id, row);
  const next = { ...listings.value };
  for (const name of Object.keys(next) as View[]) {
    const ids = new Set(next[name].ids);
    for (const { id } of rows) {
      const row = all.get(id);
      if (row && belongs(row, name)) ids.add(id);
      else ids.delete(id);
    }
    next[name] = { ...next[name], ids };
  }
  batch(() => {
    dialogs.value = all;
    listings.value = next;
  });
}

/** Takes lines of the open thread; a line is replaced only by a later state of itself. */
export function learnEntries(entries: Entry[]): void {
  const open = thread.value;
  if (!open) return;
  const all = new Map(open.entries);
  // Where the end of the log is not here, a line that does not follow would leave a hole.
  let last = open.newer ? lastSeq(open) : Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const known = all.get(entry.id);
    if (entry.dialog !== open.id || (known ? known.rev >= entry.rev : entry.seq > last + 1)) continue;
    all.set(entry.id, entry);
    if (entry.seq === last + 1) last = entry.seq;
  }
  thread.value = { ...open, entries: all };
}

const seqs = (of: Thread): number[] => [...of.entries.values()].map((entry) => entry.seq);
const firstSeq = (of: Thread): number => Math.min(...seqs(of));
const lastSeq = (of: Thread): number => Math.max(0, ...seqs(of));

export async function loadList(which: View, { more = false } = {}): Promise<void> {
  const where = project.value;
  const before = listings.value[which];
  if (more && (before.next === null || before.state === "loading")) return;
  set(which, { state: "loading" });
  try {
    const page = await api.dialogs(where, which, more ? before.next : null, PAGE);
    if (project.value !== where) return;
    batch(() => {
      if (!more) set(which, { ids: new Set() });
      learn(page.items);
      set(which, { next: page.next, state: "ready" });
    });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (project.value === where) set(which, { state: "failed" });
  }
}

function set(which: View, change: Partial<Listing>): void {
  listings.value = { ...listings.value, [which]: { ...listings.value[which], ...change } };
}

let recount = 0;

/** Counts are asked for, not kept: only the server sees all rows. Bursts make one question. */
function loadCounts(): void {
  clearTimeout(recount);
  recount = window.setTimeout(async () => {
    const where = project.value;
    const fresh = await api.counts(where).catch(() => null);
    if (fresh && project.value === where) counts.value = fresh;
  }, 250);
}

function blank(id: string): Thread {
  return {
    id,
    contact: null,
    others: [],
    entries: new Map(),
    more: false,
    newer: false,
    target: null,
    state: "loading",
  };
}

/** Opens the dialog at its newest lines. */
export async function openThread(id: string): Promise<void> {
  if (thread.value?.id !== id)
    thread.value = blank(id);
  const asked = thread.value?.target;
  try {
    const [about, log] = await Promise.all([api.dialog(id), api.log(id, { limit: 100 })]);
    const open = thread.value;
    if (open?.id !== id || open.target !== asked) return;
    batch(() => {
      if (about.dialog.project !== project.value) void choose(about.dialog.project);
      learn([about.dialog]);
      // Older pages that are on the screen stay only if they join the fresh ones without a hole.
      const first = log.items[0]?.seq ?? 0;
      const joins = [...open.entries.values()].some((entry) => entry.seq === first - 1);
      thread.value = {
        ...open,
        contact: about.contact,
        others: about.others,
        entries: joins || !log.more ? open.entries : new Map(),
        more: joins ? open.more : log.more,
        newer: false,
        target: null,
        state: "ready",
      };
      learnEntries(log.items);
    });
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
    const [about, log] = await Promise.all([
      api.dialog(id),
      api.log(id, { around_seq: seq, limit: 60 }),
    ]);
    const open = thread.value;
    if (open?.id !== id || open.target?.n !== target.n) return;
    batch(() => {
      if (about.dialog.project !== project.value) void choose(about.dialog.project);
      learn([about.dialog]);
      thread.value = {
        ...open,
        contact: about.contact,
        others: about.others,
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
  const [about, log] = await Promise.all([
    api.dialog(open.id).catch(() => null),
    api.log(open.id, where).catch(() => null),
  ]);
  if (about) learn([about.dialog]);
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

let healing = false;

/** Numbers have no gaps, so a missing one is a line that this screen did not hear of. */
async function heal(id: string): Promise<void> {
  const open = thread.value;
  if (open?.id !== id || healing || open.state !== "ready" || open.newer) return;
  const here = seqs(open).sort((a, b) => a - b);
  const hole = here.findIndex((seq, i) => i > 0 && seq !== (here[i - 1] ?? 0) + 1);
  const last = (hole < 0 ? here.at(-1) : here[hole - 1]) ?? 0;
  if (hole < 0 && last >= (dialogs.value.get(id)?.seq ?? 0)) return;
  healing = true;
  const page = await api.log(id, { after_seq: last, limit: 200 }).catch(() => null);
  healing = false;
  if (page) learnEntries(page.items);
}

/** What the socket says. */
function hear(event: Event): void {
  switch (event.event) {
    case "dialog.changed":
      batch(() => {
        learn([event.dialog]);
        learnEntries(event.entries);
        if (event.entries.some((entry) => entry.kind === "in")) stopTyping(event.dialog.id);
      });
      if (event.project === project.value) loadCounts();
      void heal(event.dialog.id);
      break;
    case "entry.changed":
      learnEntries([event.entry]);
      break;
    case "visitor.typing":
      showTyping(event.dialog, "");
      break;
    case "operator.typing":
      if (event.operator !== me.value?.operator.id) showTyping(event.dialog, event.name);
      break;
    case "presence.changed":
      break;
  }
}

const typingEnds = new Map<string, number>();

function showTyping(dialog: string, name: string): void {
  typing.value = new Map(typing.value).set(dialog, name);
  clearTimeout(typingEnds.get(dialog));
  typingEnds.set(dialog, window.setTimeout(() => stopTyping(dialog), 5_000));
}

function stopTyping(dialog: string): void {
  if (!typing.value.has(dialog)) return;
  const rest = new Map(typing.value);
  rest.delete(dialog);
  typing.value = rest;
}

/** Reads again everything that is on the screen. */
export function reload(): void {
  void loadList(view.value);
  loadCounts();
  void api
    .channels(project.value)
    .then((all) => {
      channels.value = all;
    })
    .catch(() => {});
  const open = thread.value;
  if (open?.newer) void refresh(open);
  else if (open && !(open.target && open.state === "loading")) void openThread(open.id);
  outbox.flush();
}

export async function choose(id: string): Promise<void> {
  if (project.value === id) return;
  batch(() => {
    project.value = id;
    listings.value = emptyListings();
    counts.value = null;
    channels.value = [];
    if (opened.value && opened.value.project !== id) closeThread();
  });
  localStorage.setItem("otklik.project", id);
  reload();
}

export function look(at: View): void {
  view.value = at;
  if (listings.value[at].state === "none") void loadList(at);
}

export function tell(error: unknown): void {
  if (!(error instanceof Refused)) throw error;
  if (error.problem.status !== 401)
    notice.value = { code: error.problem.code, current: error.problem.current ?? "" };
}

/** Lets the operator in, or shows what is to be done first. */
export function enter(who: Me): void {
  const known = localStorage.getItem("otklik.project");
  const mine = who.memberships.map((membership) => membership.project.id);
  batch(() => {
    me.value = who;
    csrf.value = who.csrf;
    lang.value = who.operator.lang;
    project.value = mine.find((id) => id === known) ?? mine[0] ?? "";
    phase.value = who.must_set_password && !localStorage.getItem(LATER) ? "password" : "inside";
  });
  if (phase.value === "inside") begin();
}

/** Starts the live part; everything is read at the socket's greeting, or without it if it is late. */
export function begin(): void {
  phase.value = "inside";
  outbox.start(me.value?.operator.id ?? "");
  if (!project.value) return;
  const late = window.setTimeout(reload, 800);
  live.start({
    event: hear,
    reload: () => {
      clearTimeout(late);
      reload();
    },
    doubt: stillIn,
  });
  void api.setPresence(presence.value).catch(() => {});
}

async function stillIn(): Promise<boolean> {
  try {
    csrf.value = (await api.me()).csrf;
    return true;
  } catch (error) {
    return !(error instanceof Refused && error.problem.status === 401);
  }
}

export function later(): void {
  localStorage.setItem(LATER, "1");
  begin();
}

export function leave(): void {
  localStorage.removeItem(LATER);
  live.stop();
  outbox.stop();
  batch(() => {
    me.value = null;
    csrf.value = "";
    thread.value = null;
    dialogs.value = new Map();
    listings.value = emptyListings();
    counts.value = null;
    phase.value = "sign-in";
  });
}

export async function startUp(): Promise<void> {
  whenSignedOut(leave);
  phase.value = "starting";
  try {
    enter(await api.me());
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    phase.value = error.problem.status === 401 ? "sign-in" : "unreachable";
  }
}
