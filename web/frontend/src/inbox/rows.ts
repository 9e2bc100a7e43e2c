import { batch, computed, signal } from "@preact/signals";
import { Refused, api } from "./api";
import { type Place, belongs, compare, heldWith, moved, placeOf, sortOf } from "./order";
import type { Channel, Counts, Dialog, Filter, Me, Operator, Page, Presence, Project, View } from "./wire";

export interface Listing {
  order: readonly Place[];
  next: string | null;
  /** How far back a list that is narrowed was looked through. */
  lookedBackTo: string | null;
  /** The last page brought nothing, so that the next is asked for by hand. */
  dry: boolean;
  state: "none" | "loading" | "ready" | "failed";
}

const EMPTY: Listing = { order: [], next: null, lookedBackTo: null, dry: false, state: "none" };
export const VIEWS: readonly View[] = ["queue", "mine", "all", "closed"];
const ALL: Filter = { owner: "", status: "", channel: "", awaits: "", sort: "last" };
const PAGE = 50;
/** How many rows at most are read again after a gap; the rest comes by scrolling. */
const REREAD = 1_000;
const SEEK_EVERY = 3_000;

export const me = signal<Me | null>(null);
export const project = signal("");
export const view = signal<View>("queue");
export const filter = signal<Filter>(ALL);
export const channels = signal<Channel[]>([]);
export const operators = signal<Operator[]>([]);
export const counts = signal<Counts | null>(null);
export const listings = signal<Record<View, Listing>>(emptyListings());
/** The order while a hand is on the mouse: rows do not move under it. */
export const held = signal<readonly Place[] | null>(null);
export const notice = signal<{ code: string; current: string } | null>(null);
export const clock = signal(Date.now());
window.setInterval(() => {
  clock.value = Date.now();
}, 10_000);

// One map that grows in place, and a number that says it has changed: copying thousands of rows
// for each event would be most of the work.
const known = new Map<string, Dialog>();
const changes = signal(0);
export const dialogs = {
  get value(): ReadonlyMap<string, Dialog> {
    void changes.value;
    return known;
  },
  peek: (): ReadonlyMap<string, Dialog> => known,
};

export const projects = computed<Project[]>(
  () => me.value?.memberships.map((membership) => membership.project) ?? [],
);
export const role = computed(
  () => me.value?.memberships.find(({ project: { id } }) => id === project.value)?.role,
);
export const narrowed = computed(
  () => filter.value.owner + filter.value.status + filter.value.channel + filter.value.awaits !== "",
);
export const displayed = computed<readonly Place[]>(
  () => held.value ?? listings.value[view.value].order,
);
export const listed = computed<Dialog[]>(() => {
  const all = dialogs.value;
  return displayed.value.flatMap((place) => all.get(place.id) ?? []);
});
/** How many rows of the list are not shown while it is held. */
export const newcomers = computed(() => {
  if (!held.value) return 0;
  const shown = new Set(held.value.map((place) => place.id));
  return listings.value[view.value].order.filter((place) => !shown.has(place.id)).length;
});

// Where each known row stands in each list, so that it is found there without a search.
const places: Record<View, Map<string, Place>> = {
  queue: new Map(),
  mine: new Map(),
  all: new Map(),
  closed: new Map(),
};

function emptyListings(): Record<View, Listing> {
  return { queue: EMPTY, mine: EMPTY, all: EMPTY, closed: EMPTY };
}

function letGo(): void {
  for (const name of VIEWS) unask(name);
  batch(() => {
    listings.value = emptyListings();
    held.value = null;
  });
}

/** Takes rows in whatever order they come; an older one never replaces a newer. */
export function learn(rows: readonly Dialog[]): void {
  const fresh = new Map<string, Dialog>();
  for (const row of rows) {
    if ((known.get(row.id)?.rev ?? -1) >= row.rev) continue;
    known.set(row.id, row);
    fresh.set(row.id, row);
    for (const heard of hearing) heard.add(row.id);
  }
  if (fresh.size === 0) return;
  const next = { ...listings.value };
  for (const name of VIEWS) next[name] = placed(name, next[name], [...fresh.values()]);
  batch(() => {
    changes.value += 1;
    listings.value = next;
  });
  seek([...fresh.values()]);
}

let channelsAsked = 0;
let seeking = 0;

function readChannels(): void {
  const where = project.value;
  channelsAsked = Date.now();
  void api.channels(where).then(
    (all) => {
      if (project.value === where) channels.value = all;
    },
    () => {},
  );
}

/** A channel may be younger than what is known of the project; its first dialog tells of it. */
function seek(rows: readonly Dialog[]): void {
  const strange = (): boolean =>
    rows.some(
      (row) =>
        row.project === project.value && !channels.value.some((one) => one.id === row.channel),
    );
  if (seeking || !strange()) return;
  const wait = Math.max(0, channelsAsked + SEEK_EVERY - Date.now());
  seeking = window.setTimeout(() => {
    seeking = 0;
    if (strange()) readChannels();
  }, wait);
}

function placed(name: View, listing: Listing, rows: readonly Dialog[]): Listing {
  if (listing.state === "none") return listing;
  const sort = sortOf(name, filter.value);
  const last = listing.next === null ? undefined : listing.order.at(-1);
  const moves: { was: Place | undefined; now: Place | null }[] = [];
  for (const row of rows) {
    const was = places[name].get(row.id);
    let now = isOf(row, name) ? placeOf(row, sort) : null;
    // What belongs below the loaded part comes with its page; here it would hide a hole.
    if (now && last && compare(now, last, sort) > 0) now = null;
    if (was?.at === now?.at && !was === !now) continue;
    if (now) places[name].set(row.id, now);
    else places[name].delete(row.id);
    moves.push({ was, now });
  }
  return moves.length ? { ...listing, order: moved(listing.order, moves, sort) } : listing;
}

function isOf(row: Dialog, name: View): boolean {
  return (
    row.project === project.value &&
    belongs(row, name, filter.value, me.value?.operator.id ?? "")
  );
}

/** What was heard of while a list was being read: the answer may be from before it. */
const hearing = new Set<Set<string>>();

const asked: Record<View, number> = { queue: 0, mine: 0, all: 0, closed: 0 };

/** Forgets where rows stand; a page that is on its way would join a list that is no more. */
function unask(which: View): void {
  places[which].clear();
  asked[which] += 1;
}

export async function loadList(which: View, { more = false } = {}): Promise<void> {
  const before = listings.value[which];
  if (more && (before.next === null || before.state === "loading")) return;
  const question = (asked[which] += 1);
  const where = project.value;
  const by = filter.value;
  const stale = (): boolean =>
    project.value !== where || filter.value !== by || asked[which] !== question;
  set(which, { state: "loading" });
  const heard = new Set<string>();
  hearing.add(heard);
  try {
    if (more) {
      const page = await api.dialogs(where, which, before.next, PAGE, asFor(which, by));
      if (stale()) return;
      batch(() => join(which, page, [...listings.value[which].order], heard));
      return;
    }
    // After a gap as much is read again as was on the screen, so that it does not jump.
    const enough = Math.min(REREAD, before.order.length);
    const rows: Dialog[] = [];
    let page: Page;
    let next: string | null = null;
    do {
      const limit = enough > PAGE ? 100 : PAGE;
      page = await api.dialogs(where, which, next, limit, asFor(which, by));
      if (stale()) return;
      rows.push(...page.items);
      next = page.next;
    } while (next !== null && rows.length < enough && page.items.length);
    batch(() => {
      places[which].clear();
      join(which, { ...page, items: rows }, [], heard);
    });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (!stale()) set(which, { state: "failed" });
  } finally {
    hearing.delete(heard);
  }
}

/** What is asked beside the view; the longest waiting are only among the open ones. */
function asFor(which: View, by: Filter): Partial<Filter> {
  return { ...by, sort: sortOf(which, by) };
}

function join(which: View, page: Page, order: Place[], heard: Iterable<string>): void {
  const sort = sortOf(which, filter.value);
  set(which, { next: null });
  learn(page.items);
  const moves: { was: Place | undefined; now: Place }[] = [];
  for (const item of page.items) {
    const row = known.get(item.id);
    if (!row || !isOf(row, which)) continue;
    const now = placeOf(row, sort);
    moves.push({ was: places[which].get(row.id), now });
    places[which].set(row.id, now);
  }
  const shown = moves.map(({ now }) => now).sort((a, b) => compare(a, b, sort));
  const last = page.next === null ? undefined : shown.at(-1);
  const there = new Set(shown.map(({ id }) => id));
  for (const id of heard) {
    const row = known.get(id);
    if (there.has(id) || !row || !isOf(row, which)) continue;
    const now = placeOf(row, sort);
    if (last && compare(now, last, sort) > 0) continue;
    moves.push({ was: places[which].get(id), now });
    places[which].set(id, now);
  }
  // Rows above a further page already stand in the list.
  const start = order.length ? listings.value[which].order : order;
  set(which, {
    order: moved(start, moves, sort),
    next: page.next,
    lookedBackTo: page.looked_back_to,
    dry: page.items.length === 0 && page.next !== null,
    state: "ready",
  });
  if (which === view.value && held.value)
    held.value = heldWith(held.value, listings.value[which].order, sort);
}

function set(which: View, change: Partial<Listing>): void {
  listings.value = { ...listings.value, [which]: { ...listings.value[which], ...change } };
}

/** The neighbour of a dialog in the list as it is shown. */
export function beside(id: string, by: 1 | -1): string | null {
  const at = displayed.value.findIndex((place) => place.id === id);
  return (at < 0 ? displayed.value[0] : displayed.value[at + by])?.id ?? null;
}

const RECOUNT = 1_000;
let recount = 0;
let counted = 0;
/** Something changed while the counts were on their way: they may be from before it. */
let behind = false;

/** Counts are asked for, not kept: only the server sees all rows. Bursts make one question. */
export function loadCounts(): void {
  behind = true;
  if (recount) return;
  const wait = Math.max(120, counted + RECOUNT - Date.now());
  recount = window.setTimeout(async () => {
    const where = project.value;
    behind = false;
    const fresh = await api.counts(where).catch(() => null);
    counted = Date.now();
    recount = 0;
    if (fresh && project.value === where) counts.value = fresh;
    if (behind && project.value) loadCounts();
  }, wait);
}

/** Reads again the list in sight and what stands around it. */
export function reload(): void {
  const where = project.value;
  const others = VIEWS.filter((name) => name !== view.value);
  for (const name of others) unask(name);
  listings.value = { ...emptyListings(), [view.value]: listings.value[view.value] };
  void loadList(view.value);
  loadCounts();
  const keep = <T>(put: (all: T) => void) => (all: T): void => {
    if (project.value === where) put(all);
  };
  const nothing = (): void => {};
  readChannels();
  void api.operators(where).then(keep((all) => (operators.value = all)), nothing);
}

/** Turns to another project; what was known of the last one's lists is let go. */
export function choose(id: string): void {
  if (project.value === id) return;
  batch(() => {
    project.value = id;
    letGo();
    filter.value = savedFilter();
    counts.value = null;
    channels.value = [];
    operators.value = [];
  });
  localStorage.setItem("otklik.project", id);
  reload();
}

/** Narrows the lists; the choice is kept for this operator and project. */
export function narrow(change: Partial<Filter>): void {
  batch(() => {
    filter.value = { ...filter.value, ...change };
    letGo();
  });
  localStorage.setItem(filterKey(), JSON.stringify(filter.value));
  void loadList(view.value);
}

const filterKey = (): string => `otklik.filter.${me.value?.operator.id}.${project.value}`;

function savedFilter(): Filter {
  try {
    const kept = JSON.parse(localStorage.getItem(filterKey()) ?? "{}") as Partial<Filter>;
    const text = (value: unknown): string => (typeof value === "string" ? value : "");
    return {
      owner: text(kept.owner),
      status: text(kept.status),
      channel: text(kept.channel),
      awaits: kept.awaits === "operator" ? "operator" : "",
      sort: kept.sort === "waiting" ? "waiting" : "last",
    };
  } catch {
    return ALL;
  }
}

/** Begins the work of the one who signed in. */
export function welcome(who: Me, where: string): void {
  batch(() => {
    me.value = who;
    project.value = where;
    filter.value = savedFilter();
  });
}

/** Forgets everything of the one who signs out. */
export function forget(): void {
  known.clear();
  batch(() => {
    changes.value += 1;
    me.value = null;
    letGo();
    counts.value = null;
  });
}

/** An operator came or went. */
export function appear(operator: string, presence: Presence): void {
  if (operators.value.some((one) => one.id === operator && one.presence !== presence))
    operators.value = operators.value.map((one) =>
      one.id === operator ? { ...one, presence } : one,
    );
}

export function look(at: View): void {
  if (view.value === at) return;
  batch(() => {
    view.value = at;
    held.value = null;
  });
  if (listings.value[at].state === "none") void loadList(at);
}

export function tell(error: unknown): void {
  if (!(error instanceof Refused)) throw error;
  if (error.problem.status !== 401)
    notice.value = { code: error.problem.code, current: error.problem.current ?? "" };
}
