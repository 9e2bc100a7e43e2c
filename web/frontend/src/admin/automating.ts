// Segments and automations: whom a saved filter finds, and who of them is called.
import { call } from "../inbox/api";
import type { Filter } from "./project";

export const AUTOMATIONS = "#/admin/~automations";
/** Stands before a segment's id in an address; no automation's begins so. */
export const SEGMENT = "segment:";
export const NEW = "+";

export const addressOf = (id: string): string => `${AUTOMATIONS}/${encodeURIComponent(id)}`;

export interface Draft {
  name: string;
  filters: Filter[];
  shared: boolean;
}

export interface Segment extends Draft {
  id: string;
  mine: boolean;
}

export interface Member {
  dialog: string;
  name: string;
  channel: string;
  type: string;
  phone: string;
  created_at: string;
}

export interface Counted {
  n: number;
  back_to: string;
  more: boolean;
  items: Member[];
}

export interface Aim {
  name: string;
  segment: string;
  channels: string[];
  delay_hours: number;
  purpose: "answer" | "advert";
  countries: string[];
}

export interface Automation {
  id: string;
  aim: Aim;
  segment_name: string;
  enabled: boolean;
  since: string;
}

/** One request as an automation sees it: when it would be called, or why not. */
export interface Foreseen {
  dialog: string;
  name: string;
  channel: string;
  phone: string;
  why: string;
  created_at: string;
  due_at: string | null;
  zones: string[];
  zone_why: string;
}

export interface Foresight {
  items: Foreseen[];
  calls: number;
  since: string;
  more: boolean;
}

export interface Handled {
  dialog: string;
  state: "skipped" | "planned" | "ended";
  cause: string;
  status: string | null;
  created_at: string;
  changed_at: string;
}

const of = encodeURIComponent;
const segments = (project: string, id = ""): string =>
  `/projects/${of(project)}/segments${id ? `/${of(id)}` : ""}`;
const automations = (project: string, id = ""): string =>
  `/projects/${of(project)}/automations${id ? `/${of(id)}` : ""}`;

export const automating = {
  segments: (project: string) =>
    call<{ items: Segment[] }>("GET", segments(project)).then(({ items }) => items),
  addSegment: (project: string, key: string, segment: Draft) =>
    call<Segment>("POST", segments(project), { key, segment }),
  changeSegment: (project: string, id: string, segment: Draft) =>
    call<Segment>("PUT", segments(project, id), segment),
  dropSegment: (project: string, id: string) => call<void>("DELETE", segments(project, id)),
  count: (project: string, filters: Filter[]) =>
    call<Counted>("POST", `${segments(project)}/count`, { filters }),
  all: (project: string) =>
    call<{ items: Automation[] }>("GET", automations(project)).then(({ items }) => items),
  add: (project: string, key: string, aim: Aim) =>
    call<Automation>("POST", automations(project), { key, aim }),
  change: (project: string, id: string, aim: Aim) =>
    call<Automation>("PUT", automations(project, id), aim),
  drop: (project: string, id: string) => call<void>("DELETE", automations(project, id)),
  turn: (project: string, id: string, on: boolean) =>
    call<Automation & { stopped: number }>("POST", `${automations(project, id)}/switch`, { on }),
  preview: (project: string, aim: Aim) =>
    call<Foresight>("POST", `${automations(project)}/preview`, aim),
  handled: (project: string, id: string) =>
    call<{ items: Handled[]; next: string | null }>("GET", `${automations(project, id)}/handled`),
};
