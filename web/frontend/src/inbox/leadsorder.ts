// Which leads stand in which list, and in what order.
import type { Lead, LeadView } from "./wire";

export function belongsTo(lead: Lead, view: LeadView): boolean {
  if (!lead.live) return view === "ended";
  return view === (lead.due_at === null ? "waiting" : "planned");
}

const KEYS: Record<LeadView, (lead: Lead) => number> = {
  planned: (lead) => Date.parse(lead.due_at ?? lead.created_at),
  waiting: (lead) => -Date.parse(lead.created_at),
  ended: (lead) => -Date.parse(lead.ended_at ?? lead.changed_at),
};

export function inOrder(leads: Iterable<Lead>, view: LeadView): Lead[] {
  const key = KEYS[view];
  return [...leads]
    .filter((lead) => belongsTo(lead, view))
    .sort((a, b) => key(a) - key(b) || (a.id < b.id ? -1 : 1));
}

/** The known ones with what was told in their place; an older state never replaces a newer. */
export function learnt(known: ReadonlyMap<string, Lead>, told: readonly Lead[]): Map<string, Lead> {
  const all = new Map(known);
  for (const lead of told) if ((all.get(lead.id)?.rev ?? -1) < lead.rev) all.set(lead.id, lead);
  return all;
}
