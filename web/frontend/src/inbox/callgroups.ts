// Which lines of a log are of one call, and stand as one.
import type { Entry } from "./wire";

/** Whether the line is about one call and not about an order to call. */
export const isOfCall = (entry: Entry): boolean =>
  entry.verb === "call" && Boolean(entry.data.call) && entry.data.do !== "result";

/** The lines with all of one call in one group, where the first of them stands. */
export function byCall(entries: readonly Entry[]): Entry[][] {
  const groups: Entry[][] = [];
  const ofCalls = new Map<string, Entry[]>();
  for (const entry of entries) {
    const id = isOfCall(entry) ? (entry.data.call ?? "") : "";
    const known = ofCalls.get(id);
    if (known) known.push(entry);
    else {
      const group = [entry];
      groups.push(group);
      if (id) ofCalls.set(id, group);
    }
  }
  return groups;
}
