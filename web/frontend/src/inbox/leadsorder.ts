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

/** Whether it is what somebody looks for who typed that: a part of a phone, or how a name begins. */
export function soughtBy(text: string): (lead: Lead) => boolean {
  const digits = digitsOf(text);
  if (/\p{L}/u.test(text)) {
    const words = wordsOf(text);
    return ({ name }) => words.every((word) => wordsOf(name).some((one) => one.startsWith(word)));
  }
  if (text.trim().startsWith("+")) return (lead) => digitsOf(lead.phone).startsWith(digits);
  const national = digits.startsWith("8") ? `7${digits.slice(1)}` : digits;
  return (lead) => lead.phone.includes(digits) || digitsOf(lead.phone).startsWith(national);
}

const digitsOf = (text: string): string => text.replace(/[^0-9]/g, "");
const wordsOf = (text: string): string[] =>
  text.toLowerCase().replaceAll("ё", "е").match(/[\p{L}\p{N}_]+/gu) ?? [];
