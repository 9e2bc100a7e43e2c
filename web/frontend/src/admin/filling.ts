// A form made of a kind's settings: what is typed, what of it is other than what is kept.
import type { FormField, Secret } from "./wire";

export type Value = string | number | boolean | string[] | Secret | null;
export type Values = Record<string, Value>;

/** Where most never look: the way there, not what is there. */
const NETWORK = ["receive", "proxy", "api_url", "trusted_root"];

export function isNetwork(field: FormField): boolean {
  return NETWORK.includes(field.name) && !field.required;
}

/** What most forms do without: which field is what, and a key of one's own. */
export function isMapping({ name, required }: FormField): boolean {
  return (name.endsWith("_field") || name === "honeypot" || name === "key") && !required;
}

/** What must be given first, then the rest; the order of the kind otherwise. */
export function ordered(fields: FormField[]): FormField[] {
  return [...fields].sort((a, b) => Number(b.required) - Number(a.required));
}

export function isKept(value: Value | undefined): value is Secret {
  return typeof value === "object" && value !== null && !Array.isArray(value) && value.set;
}

/** What a new form begins with: nothing where something must be given. */
export function blank(fields: FormField[]): Values {
  return Object.fromEntries(
    fields.map((field) => [
      field.name,
      field.required && field.type === "number" ? "" : field.type === "secret" ? "" : field.default,
    ]),
  );
}

/** As the hub is told: numbers as numbers, nothing around a text, null for what is left out. */
export function told(fields: FormField[], values: Values, before: Values = {}): Values {
  const out: Values = {};
  for (const field of fields) {
    const now = tidy(field, values[field.name] ?? null);
    const was = tidy(field, before[field.name] ?? null);
    if (JSON.stringify(now) !== JSON.stringify(was)) out[field.name] = now;
  }
  return out;
}

function tidy({ type }: FormField, value: Value): Value {
  if (type === "number" && typeof value === "string") {
    const digits = value.replace(/\s/g, "").replace(",", ".");
    if (digits === "") return null;
    // What is no number goes as it is, for the hub to refuse at its field.
    return Number.isSafeInteger(Number(digits)) || /^\d{1,9}\.\d{1,6}$/.test(digits) ? Number(digits) : digits;
  }
  if (type === "secret" && isKept(value)) return value;
  if (type === "secret") return typeof value === "string" && value.trim() ? value.trim() : null;
  if (typeof value === "string") return value.trim();
  return value;
}

/** A channel's name and settings by their places, without what is typed of a secret. */
export function placed(name: string, settings: object, hidden: readonly string[]): Record<string, unknown> {
  const open = Object.entries(settings).filter(([each]) => !hidden.includes(each));
  return {
    ...(name ? { name } : {}),
    ...Object.fromEntries(open.map(([each, value]) => [`settings.${each}`, value])),
  };
}

/** What stands at those places. */
export function unplaced(parts: Record<string, unknown>): { name?: string; settings: Values } {
  const inside = Object.entries(parts).filter(([place]) => place.startsWith("settings."));
  return {
    ...(typeof parts.name === "string" ? { name: parts.name } : {}),
    settings: Object.fromEntries(inside.map(([place, value]) => [nameOf(place), value as Value])),
  };
}

/** The names of those that are never shown again. */
export const secrets = (fields: FormField[]): string[] =>
  fields.filter(({ type }) => type === "secret").map(({ name }) => name);

/** The name of the first that must be given and is not, else nothing. */
export function missing(fields: FormField[], values: Values): string {
  const empty = (field: FormField): boolean => {
    const value = values[field.name] ?? null;
    const now = tidy(field, value);
    return now === null || now === "" || (Array.isArray(now) && !now.length);
  };
  return fields.find((field) => field.required && empty(field))?.name ?? "";
}

/** The hub's name for a field, settings.token, as ours. */
export function nameOf(field: string): string {
  return field.replace(/^\$?\.?settings\.?/, "").split(/[.[]/)[0] ?? "";
}
