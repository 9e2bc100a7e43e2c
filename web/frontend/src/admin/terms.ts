// What an admin says of a connection, and how it is written down.
import { type Script, tidyScript } from "./script.ts";

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
  /** Null calls as the project does. */
  script: Script | null;
}

export interface Sources {
  items: { source: string; conditions: By[]; phone_field: string; fields: string[] }[];
  parameters: string[];
  variables: string[];
}

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
    script: null,
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

/** The answer that a source which looks for a phone by itself would take. */
export const phoneIn = (fields: Record<string, string>): string =>
  Object.values(fields).find((answer) => /^\+?[\d\s().-]{3,}$/.test(answer)) ?? "";

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
    script: terms.script && tidyScript(terms.script),
  };
}
