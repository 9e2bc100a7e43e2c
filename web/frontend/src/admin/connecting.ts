// Connections: how filled forms are handled; what they are made of and what is asked of the hub.
import { call } from "../inbox/api";
import type { Visit } from "../inbox/wire";

export const CONNECTIONS = "#/admin/~connections";

export const addressOf = (id: string): string => `${CONNECTIONS}/${encodeURIComponent(id)}`;

export type By = "form_name" | "form_id" | "ad_id" | "group_id" | "field";
export type Handling = "callback" | "register";

export interface Condition {
  by: By;
  values: string[];
  field: string;
  op: "is" | "is_not" | "contains";
}

export interface PlanRow {
  field: string;
  value: string;
  when: string;
}

export interface Terms {
  name: string;
  source: string;
  active: boolean;
  object_id: string;
  object_name: string;
  priority: number;
  handling: Handling;
  phone_field: string | null;
  conditions: Condition[];
  parameters: Record<string, string>;
  custom: Record<string, string>;
  planning: PlanRow[];
  /** Seconds from the form, the first call included. */
  offsets: number[];
  numbers: string[];
  shown: string;
}

export interface Doubt {
  row: number;
  code: string;
}

export interface Connection {
  id: string;
  rev: number;
  terms: Terms;
  /** Each planning row told back. */
  words: string[];
  unknown: Record<string, string[]>;
  doubts: Doubt[];
  /** Others that one form could fit as well. */
  meets: string[];
}

export interface Sources {
  items: { source: string; conditions: By[]; phone_field: string; fields: string[] }[];
  parameters: string[];
  variables: string[];
}

export interface Sample {
  source: string;
  form: string;
  form_id: string;
  fields: Record<string, string>;
  phone: string;
  terms: Terms;
  id: string;
}

interface Fit {
  id: string;
  name: string;
  priority: number;
}

/** What would become of a form. */
export interface Tried {
  connection: Fit | null;
  others: Fit[];
  handling: Handling | null;
  phone: string;
  extension: string;
  /** Why there is no phone. */
  invalid: string;
  written: string;
  wanted_at: string | null;
  zone: string;
  words: string;
  calls_at: string | null;
  visit: Visit & { label?: string; custom?: Record<string, string> };
}

/** A form that asks for a call and whose phone could not be read. */
export interface Invalid {
  id: string;
  dialog: string;
  name: string;
  form: string;
  reason: string;
  written: string;
  waiting: boolean;
  tries: number;
  created_at: string;
}

const at = (project: string, path: string): string =>
  `/projects/${encodeURIComponent(project)}${path}`;
const one = (id: string): string => `/connections/${encodeURIComponent(id)}`;

export const connecting = {
  all: (project: string) =>
    call<{ items: Connection[] }>("GET", at(project, "/connections")).then(({ items }) => items),
  sources: (project: string) => call<Sources>("GET", at(project, "/connections/sources")),
  get: (project: string, id: string) => call<Connection>("GET", at(project, one(id))),
  add: (project: string, key: string, terms: Terms) =>
    call<Connection>("POST", at(project, "/connections"), { key, terms }),
  change: (project: string, id: string, rev: number, terms: Terms) =>
    call<Connection>("PUT", at(project, one(id)), { rev, terms }),
  drop: (project: string, id: string, rev: number) =>
    call<void>("DELETE", at(project, `${one(id)}?rev=${rev}`)),
  plan: (project: string, rows: PlanRow[]) =>
    call<{ words: string[]; doubts: Doubt[] }>("POST", at(project, "/connections/planning"), { rows }),
  preview: (project: string, sample: Sample) =>
    call<Tried>("POST", at(project, "/connections/preview"), sample),
  invalid: (project: string, after: string | null) =>
    call<{ items: Invalid[]; next: string | null }>(
      "GET",
      at(project, `/invalid-forms${after ? `?after=${encodeURIComponent(after)}` : ""}`),
    ),
  resend: (project: string, ids: string[]) =>
    call<{ items: Invalid[] }>("POST", at(project, "/invalid-forms/resend"), { ids }),
};

export function blank(sources: Sources): Terms {
  const first = sources.items.find(({ source }) => source === "site") ?? sources.items[0];
  return {
    name: "",
    source: first?.source ?? "site",
    active: true,
    object_id: "",
    object_name: "",
    priority: 0,
    handling: "callback",
    phone_field: first?.phone_field ?? "",
    conditions: [],
    parameters: {},
    custom: {},
    planning: [],
    offsets: [],
    numbers: [],
    shown: "",
  };
}

/** Seconds as the largest whole unit, and back. */
export const UNITS = { minute: 60, hour: 3_600, day: 86_400 } as const;
export type Unit = keyof typeof UNITS;

export function inUnits(seconds: number): { n: number; unit: Unit } {
  const unit: Unit =
    seconds > 0 && seconds % UNITS.day === 0
      ? "day"
      : seconds > 0 && seconds % UNITS.hour === 0
        ? "hour"
        : "minute";
  return { n: Math.round(seconds / UNITS[unit]), unit };
}

/** A form as people write one down: a field and its answer a line. */
export function fieldsOf(lines: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of lines.split("\n")) {
    const at = line.indexOf(":");
    if (at > 0) found[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return found;
}

/** As it is kept: nothing around the words, and no rows that say nothing. */
export function tidy(terms: Terms): Terms {
  const filled = (all: Record<string, string>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(all).flatMap(([key, value]) =>
        key.trim() && value.trim() ? [[key.trim(), value.trim()]] : [],
      ),
    );
  return {
    ...terms,
    name: terms.name.trim(),
    conditions: terms.conditions.map((each) => ({
      ...each,
      field: each.by === "field" ? each.field.trim() : "",
      values: each.values.map((one) => one.trim()).filter(Boolean),
    })),
    parameters: filled(terms.parameters),
    custom: filled(terms.custom),
    planning: terms.planning.map(({ field, value, when }) => ({
      field: field.trim(),
      value: value.trim(),
      when: when.trim(),
    })),
    offsets: [...new Set(terms.offsets)].sort((a, b) => a - b),
    numbers: terms.numbers.map((one) => one.trim()).filter(Boolean),
    shown: terms.shown.trim(),
  };
}
