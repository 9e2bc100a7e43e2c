// Connections: how filled forms are handled; what they are made of and what is asked of the hub.
import { call } from "../inbox/api";
import type { Visit } from "../inbox/wire";
import type { Handling, PlanRow, Sources, Terms } from "./terms";

export const CONNECTIONS = "#/admin/~connections";

export const addressOf = (id: string): string => `${CONNECTIONS}/${encodeURIComponent(id)}`;

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
  visit: Visit;
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
