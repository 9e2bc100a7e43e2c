// Where rows stand in a list: kept sorted by small moves, never sorted anew.
import type { Dialog, Filter, View } from "./wire";

export type Sort = Filter["sort"];

/** A row's place; the server pages in the same order. */
export interface Place {
  readonly id: string;
  readonly at: number;
}

export type Day = "today" | "yesterday" | "day_before" | "earlier";

/** Rows of one day under their name; `from` is the first one's number. */
export interface Group {
  day: Day;
  from: number;
  count: number;
}

export function placeOf(row: Dialog, sort: Sort): Place {
  const moment = sort === "waiting" ? (row.waiting_since ?? row.last_at) : row.last_at;
  return { id: row.id, at: Date.parse(moment) };
}

/** Below zero if `a` stands higher. */
export function compare(a: Place, b: Place, sort: Sort): number {
  const later = a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  return sort === "waiting" ? later : -later;
}

/** The number of the first place that does not stand higher than `place`. */
export function find(order: readonly Place[], place: Place, sort: Sort): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(order[middle] as Place, place, sort) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The order with those moves made; the given one stays as it was. */
export function moved(
  order: readonly Place[],
  moves: readonly { was: Place | undefined; now: Place | null }[],
  sort: Sort,
): Place[] {
  const next = order.slice();
  for (const { was, now } of moves) {
    if (was) {
      const at = find(next, was, sort);
      if (next[at]?.id === was.id) next.splice(at, 1);
    }
    if (now) next.splice(find(next, now, sort), 0, now);
  }
  return next;
}

/** What is kept on the screen while a hand is on the mouse, with what was loaded at its end. */
export function heldWith(held: readonly Place[], live: readonly Place[], sort: Sort): Place[] {
  const last = held.at(-1);
  if (!last) return live.slice();
  const known = new Set(held.map((place) => place.id));
  const tail = live.filter((place) => !known.has(place.id) && compare(place, last, sort) > 0);
  return tail.length ? [...held, ...tail] : (held as Place[]);
}

/** The days of an order that runs from the newest to the oldest. */
export function groups(order: readonly Place[], now: number): Group[] {
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  const starts: [Day, number][] = [["today", midnight.getTime()]];
  for (const day of ["yesterday", "day_before"] as const) {
    midnight.setDate(midnight.getDate() - 1);
    starts.push([day, midnight.getTime()]);
  }
  starts.push(["earlier", Number.NEGATIVE_INFINITY]);
  const found: Group[] = [];
  let from = 0;
  for (const [day, start] of starts) {
    let low = from;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((order[middle] as Place).at >= start) low = middle + 1;
      else high = middle;
    }
    if (low > from) found.push({ day, from, count: low - from });
    from = low;
  }
  return found;
}

/** Whether a row is of a list, as far as the row itself can tell. */
export function belongs(row: Dialog, view: View, filter: Filter, me: string): boolean {
  if (view === "closed" ? row.open : !row.open) return false;
  if (view === "queue" && row.owner !== null) return false;
  if (view === "mine" && row.owner !== me) return false;
  if (filter.owner && (filter.owner === "none" ? row.owner !== null : row.owner !== filter.owner))
    return false;
  if (filter.status && row.status !== filter.status) return false;
  if (filter.channel && row.channel !== filter.channel) return false;
  if (filter.awaits && row.awaits !== filter.awaits) return false;
  return sortOf(view, filter) === "last" || row.awaits === "operator";
}

/** Closed dialogs wait for nobody. */
export function sortOf(view: View, filter: Filter): Sort {
  return view === "closed" ? "last" : filter.sort;
}
