// The shapes of the API, as its contract has them.
import type { Call } from "./callwire";

export type { Call, CallCard, Colleague, Leg, Outcome, Result, Resulted, Side } from "./callwire";

export type Presence = "online" | "away";

export interface Project {
  id: string;
  name: string;
  lang: string;
  zone: string;
  demo: boolean;
}

export interface Me {
  operator: { id: string; login: string; name: string; lang: "ru" | "en" };
  csrf: string;
  must_set_password: boolean;
  memberships: { project: Project; role: string }[];
  version: string;
}

export interface Attachment {
  id: string;
  name: string;
  mime: string;
  size_bytes: number;
  kind: "image" | "audio" | "video" | "file";
  width: number;
  height: number;
  url: string;
  /** A small copy of a large picture, empty if there is none. */
  thumb: string;
  /** It is still at the platform; or why it stays there, empty if it does not. */
  coming: boolean;
  lost: string;
}

export interface Spot {
  latitude: number;
  longitude: number;
  title: string;
  address: string;
}

/** Somebody's name and number as it was shared; `own` is the sender's, as the platform proves. */
export interface Card {
  name: string;
  phone: string;
  own: boolean;
}

export interface Button {
  label: string;
  data: string;
  url: string;
  asks: "" | "phone";
}

export interface Visit {
  page: string;
  title: string;
  referrer: string;
  lang: string;
  zone: string;
  utm: Record<string, string>;
  /** Where the person came from the first time; absent in visits kept before it was asked. */
  first?: { utm: Record<string, string>; page: string; referrer: string; at: string | null } | null;
  entry_page?: string;
  yclid?: string;
  gclid?: string;
  ym_client_id?: string;
  ga_client_id?: string;
  pages?: number;
  device?: "phone" | "tablet" | "pc" | "";
  label?: string;
  custom?: Record<string, string>;
}

export interface Dialog {
  id: string;
  rev: number;
  project: string;
  channel: string;
  kind: string;
  type: string;
  name: string;
  contact: string;
  identity: string;
  n: number;
  open: boolean;
  sealed: boolean;
  owner: string | null;
  owner_name: string;
  awaits: "operator" | "customer" | "bot" | "nobody";
  waiting_since: string | null;
  unanswered: number;
  chat_status: string | null;
  call_status: string | null;
  status: string;
  created_at: string;
  last_at: string;
  changed_at: string;
  closed_at: string | null;
  closed_by: string;
  preview: { author: string; text: string; attachment: string } | null;
  seq: number;
  entry_point: { kind: string; value: string; comment: string };
  direction: string;
  creation: string;
  visit: Visit;
  /** When the person asked to be called. */
  call_at: string | null;
  /** The contact's first phone, empty if there is none. */
  phone: string;
  /** What the site's form or script says of the person: claimed, not checked. */
  fields: Record<string, string>;
  /** The site vouched for who this is. */
  verified: boolean;
  /** The platform's time of the person's last word. */
  heard_at: string | null;
}

export type OutState =
  | "queued"
  | "sending"
  | "sent"
  | "delivered"
  | "read"
  | "failed"
  | "unknown";

export interface Entry {
  id: string;
  dialog: string;
  rev: number;
  seq: number;
  kind: "in" | "out" | "note" | "system";
  author: { kind: string; id: string; name: string };
  at: string;
  order: number;
  late: boolean;
  stored_at: string;
  changed_at: string;
  text: string;
  attachments: Attachment[];
  /** What was sent in one go shares it; empty for what came alone. */
  album: string;
  reply_to: string;
  state: OutState | null;
  failure: string;
  edited_at: string | null;
  deleted_at: string | null;
  reactions: { by: string; emoji: string }[];
  verb: string | null;
  data: Record<string, string>;
  spot: Spot | null;
  card: Card | null;
  buttons: Button[][];
}

export interface Contact {
  id: string;
  name: string;
  phones: string[];
  emails: string[];
  /** Since when the hub calls and writes nothing there of its own accord. */
  no_calls_at: string | null;
  no_writes_at: string | null;
}

/** A time on somebody's wall, and the instant. */
export interface CallTime {
  at: string;
  local: string;
  zone: string;
}

/** An order to call somebody back. */
export interface Lead {
  id: string;
  rev: number;
  project: string;
  phone: string;
  extension: string;
  n: number;
  dialog: string;
  channel: string;
  contact: string;
  name: string;
  status: string;
  live: boolean;
  cause: string;
  /** The lead that it ended as a duplicate of, or that has the right phone. */
  of: string;
  origin: string;
  rule: string;
  /** What a connection, an automation or an own rule is called. */
  rule_name?: string;
  /** Nobody but people call where it is null. */
  due_at: string | null;
  auto_due_at: string | null;
  /** The time that an operator set, and the one that the person chose. */
  held: CallTime | null;
  wanted: CallTime | null;
  /** Where the person may be, and by what that is known. */
  clocks: { zone: string; local: string }[];
  why: string;
  tries: number;
  attempts: number;
  /** How often it was taken to be dialled. */
  calls: number;
  comment: string;
  joins: number;
  requested_at: string | null;
  created_at: string;
  changed_at: string;
  ended_at: string | null;
}

/** What is odd about a time or a call that an operator wants. */
export type Doubt = "outside" | "opted_out";

/** What became of a decision; without a lead nothing was done yet. */
export interface Decided {
  lead: Lead | null;
  warnings: Doubt[];
}

export const CANCELS = ["handled", "not_needed", "wrong_number", "called_back"] as const;
export type Cancel = (typeof CANCELS)[number];

export type LeadView = "planned" | "waiting" | "ended";

/** Another contact with the same phone. */
export interface Alike {
  contact: string;
  name: string;
  phones: string[];
  emails: string[];
  dialogs: number;
  last_at: string | null;
  kind: string;
}

export type Refusal = "calls" | "messages";

export type Mode = "reply" | "note";

/** What an operator wrote and did not send, as the hub keeps it for all his screens. */
export interface Draft {
  mode: Mode;
  text: string;
  reply_to: string;
  attachments: Attachment[];
  saved_at: string;
}

export interface Looker {
  operator: string;
  name: string;
}

/** A dialog with all that its screen needs besides the log. */
export interface Whole {
  dialog: Dialog;
  contact: Contact | null;
  others: Dialog[];
  seen_seq: number;
  draft: Draft | null;
  here: Looker[];
  /** Everywhere the person is known by; absent until the hub tells. */
  identities?: Known[];
}

/** The person on one channel. */
export interface Known {
  channel: string;
  kind: string;
  name: string;
  username: string;
  phone: string;
  reachable: boolean;
  picture: string;
}

/** The operator's own messengers, in the order in which they are tried, and those to be linked. */
export interface Reaches {
  items: {
    id: string;
    project: string;
    channel: string;
    channel_name: string;
    kind: string;
    name: string;
    reachable: boolean;
    created_at: string;
  }[];
  able: { project: string; channel: string; channel_name: string; kind: string }[];
  /** Where letters go that no messenger took, if the hub mails at all. */
  email: string;
  mails: boolean;
}

export interface Operator {
  id: string;
  name: string;
  presence: Presence | "offline";
}

export type Ability =
  | "files"
  | "voice"
  | "location"
  | "contact"
  | "phone"
  | "buttons"
  | "quotes"
  | "edits"
  | "deletes"
  | "reactions"
  | "typing"
  | "delivered"
  | "read"
  | "staff"
  | "join"
  | "blocked";

export interface Channel {
  id: string;
  kind: string;
  name: string;
  enabled: boolean;
  capabilities: {
    text_max_chars: number;
    attachments_max: number;
    attachment_max_bytes: number;
    hears: Ability[];
    does: Ability[];
    /** Seconds of 0 are without end. */
    window_seconds: number;
    edits_seconds: number;
    deletes_seconds: number;
    reactions: string[];
  };
}

export type View = "queue" | "mine" | "all" | "closed";

/** What a list is narrowed to; empty says everything, `none` of an owner says nobody's. */
export interface Filter {
  owner: string;
  status: string;
  channel: string;
  awaits: "" | "operator" | "customer" | "bot" | "nobody";
  sort: "last" | "waiting";
}

export type Counts = Record<"queue" | "mine" | "all" | "waiting", { n: number; more: boolean }>;

export interface Page {
  items: Dialog[];
  next: string | null;
  looked_back_to: string | null;
}

export interface Backlog {
  n: number;
  more: boolean;
  oldest_at: string | null;
}

export interface Health {
  at: string;
  program: string;
  deliveries: Backlog;
  deliveries_held: Backlog;
  rules: Backlog;
  timers_late: Backlog;
  calls_late: Backlog;
  dead_letters: Backlog;
  store: { kind: string; version: number; behind_bytes: number };
  bus: { kind: string; connected: boolean };
  disk: { free_bytes: number; total_bytes: number; low: boolean } | null;
}

export interface Letter {
  id: string;
  channel: string;
  channel_name: string;
  kind: string;
  error: string;
  size_bytes: number;
  created_at: string;
  replayed_at: string | null;
}

export interface Replayed {
  letter: Letter;
  outcome: "stored" | "known" | "nothing" | "failed";
  dialog: string | null;
}

/** What an empty product still has doors to. */
export interface Start {
  dialogs: boolean;
  examples: boolean;
  site_seen: boolean;
  messengers: boolean;
}

export interface Hit {
  dialog: Dialog;
  /** Null where the dialog's name is what was found. */
  entry: Entry | null;
  marks: [start: number, end: number][];
}

export interface Problem {
  status: number;
  code: string;
  detail?: string;
  field?: string;
  current?: string;
}

export type Event =
  | { event: "dialog.changed"; project: string; dialog: Dialog; entries: Entry[] }
  | { event: "entry.changed"; project: string; entry: Entry }
  | { event: "operator.typing"; project: string; dialog: string; operator: string; name: string }
  | {
      event: "operator.looking";
      project: string;
      dialog: string;
      operator: string;
      name: string;
      here: boolean;
    }
  | { event: "visitor.typing"; project: string; dialog: string }
  | { event: "presence.changed"; project: string; operator: string; presence: Presence }
  | { event: "lead.changed"; project: string; lead: Lead }
  | { event: "call.changed"; project: string; call: Call }
  | {
      event: "channel.told";
      project: string;
      channel: string;
      state: Trouble["state"] | "ok";
      reason: string;
      since: string | null;
    };

/** A channel that something is wrong with; `failure.<reason>` says what. */
export interface Trouble {
  channel: string;
  kind: string;
  name: string;
  state: "halted" | "away" | "deaf";
  reason: string;
  since: string | null;
}

export type Frame =
  | { t: "hello"; cursor: string; gap: boolean }
  | { t: "event"; cursor: string; event: Event }
  | { t: "ping" };
