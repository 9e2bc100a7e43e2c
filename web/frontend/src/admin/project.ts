// What a project is set up with, as the API has it.
import type { Script } from "./script";

/** Spans of a day, 09:00–18:00; none means closed. */
export type Day = string[];

export interface Schedule {
  zone: string;
  /** Monday first. */
  week: Day[];
  /** Dates that differ from their weekday. */
  dates: Record<string, Day>;
}

/** How a schedule looks from now on. */
export interface Outlook {
  /** What the wall's clock reads there. */
  local: string;
  open: boolean;
  until: string | null;
  opens: string | null;
  days: { date: string; spans: Day; why: "week" | "date" }[];
}

export const CAUSES = ["busy", "no_answer", "rejected", "unreachable", "operator", "dropped"] as const;
export type Cause = (typeof CAUSES)[number];

export interface Calling {
  mode: "dialog" | "collect";
  autonomous: boolean;
  numbers: string[];
  shown: string;
  tries: number;
  retries: Partial<Record<Cause, number>>;
  per_phone_a_day: number;
  quiet: { since: string; until: string };
  script: Script;
  /** Calls under way at once. */
  calls_max: number;
  call_back_missed: boolean;
  /** Who is written to by e-mail of a client whom no call reached. */
  mails: string[];
  /** Where a signed event is posted of such a client; none if empty. */
  exhausted_url: string;
}

export const WHENS = ["after_call", "missed", "not_reached"] as const;

/** What is written by SMS, after which calls. */
export interface SmsTrigger {
  id: string;
  enabled: boolean;
  when: (typeof WHENS)[number];
  channel: string;
  text: string;
  only_hours: boolean;
}

export interface Filter {
  all?: Filter[];
  any?: Filter[];
  not?: Filter;
  field?: string;
  op?: string;
  value?: string | number | boolean | string[] | null;
}

export type Action =
  | { type: "say"; text: string }
  | { type: "call"; after_minutes: number }
  | { type: "note"; text: string }
  | { type: "assign"; operator: string }
  | { type: "tell"; field: string; value: string }
  | { type: "spam" }
  | { type: "close"; result: string };

export const HAPPENINGS = [
  "message",
  "first_message",
  "form",
  "call_asked",
  "closed",
  "opened",
] as const;

export interface OwnRule {
  id: string;
  name: string;
  enabled: boolean;
  on: (typeof HAPPENINGS)[number];
  where: Filter;
  actions: Action[];
}

export interface Policy {
  silence: { enabled: boolean; minutes: number; asks_phone: boolean; text: string };
  phone_only: { enabled: boolean };
  closed_hours: { enabled: boolean; text: string };
  auto_close: { enabled: boolean; hours: number; text: string };
  potential: { enabled: boolean };
  spam: { enabled: boolean; phrases: string[]; phones: string[] };
  stop_words: { enabled: boolean; words: string[]; text: string };
  own: OwnRule[];
}

/** A phrase uses names that nothing fills in. */
export interface Warned {
  field: string;
  code: string;
  names: string[];
}

export interface Project {
  id: string;
  rev: number;
  name: string;
  lang: "ru" | "en";
  schedule: Schedule;
  reopen_days: number;
  reopen_days_auto: number;
  /** Whether notices to operators name the person and the phone. */
  notices_name_people: boolean;
  texting: SmsTrigger[];
  calling: Calling;
  policy: Policy;
  calendar_years: number[];
  /** The year whose production calendar nobody has confirmed yet. */
  calendar_missing: number | null;
  /** What of it is kept in the settings file. */
  as_code: ("name" | "lang" | "zone" | "hours")[];
  warnings: Warned[];
}

/** What of a project is changed on its pages, each part as a whole. */
export type ProjectChange = Partial<
  Omit<Project, "id" | "rev" | "calendar_years" | "calendar_missing" | "as_code" | "warnings">
>;

export interface Proposal {
  date: string;
  kind: "holiday" | "day_off" | "working" | "shortened";
  name_ru: string;
  name_en: string;
  spans: Day;
  /** The date that a day off was moved from, or for which a day is worked. */
  other: string;
  chosen: boolean;
  /** The hours that somebody wrote for the date, if any. */
  kept: Day | null;
}

export interface CalendarYear {
  year: number;
  moves_known: boolean;
  confirmed: boolean;
  proposals: Proposal[];
}

/** Where a phone's owner may be and when they may be called. */
export interface Whereabouts {
  phone: string;
  zones: string[];
  why: "said" | "browser" | "code" | "project";
  callable: boolean;
  soonest: string | null;
}

/** One thing that rules would have done. */
export interface Would {
  dialog: string;
  name: string;
  type: string;
  at: string;
  rule: string;
  /** A code whose words are `admin.would.<what>`. */
  what: string;
  phone: string;
  text: string;
  due_at: string | null;
}

export interface DryRun {
  looked: number;
  back_to: string;
  counts: Record<string, number>;
  found: Would[];
  more: boolean;
}

/** One line of what can be asked of a dialog. */
export interface FilterField {
  name: string;
  type: "text" | "choice" | "flag" | "number" | "moment";
  ops: string[];
  choices: string[];
  of: "" | "channels" | "operators" | "groups" | "connections" | "automations";
}
