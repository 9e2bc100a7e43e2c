// The shapes of the API, as its contract has them.

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
}

export interface Visit {
  page: string;
  title: string;
  referrer: string;
  lang: string;
  zone: string;
  utm: Record<string, string>;
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
  reply_to: string;
  state: OutState | null;
  failure: string;
  edited_at: string | null;
  deleted_at: string | null;
  reactions: { by: string; emoji: string }[];
  verb: string | null;
  data: Record<string, string>;
}

export interface Contact {
  id: string;
  name: string;
  phones: string[];
  emails: string[];
}

export interface Channel {
  id: string;
  kind: string;
  name: string;
  enabled: boolean;
  capabilities: {
    text_max_chars: number;
    attachments_max: number;
    attachment_max_bytes: number;
    delivered: boolean;
    read: boolean;
    typing: boolean;
    edits: boolean;
    deletes: boolean;
  };
}

export type View = "queue" | "mine" | "all" | "closed";

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
  | { event: "visitor.typing"; project: string; dialog: string }
  | { event: "presence.changed"; project: string; operator: string; presence: Presence };

export type Frame =
  | { t: "hello"; cursor: string; gap: boolean }
  | { t: "event"; cursor: string; event: Event }
  | { t: "ping" };
