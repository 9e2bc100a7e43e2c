// Calls by phone, as the API has them.
import type { Decided, Presence } from "./wire";

export type Outcome =
  | "talked"
  | "busy"
  | "no_answer"
  | "rejected"
  | "unreachable"
  | "invalid_number"
  | "provider_refused"
  | "too_late"
  | "congestion"
  | "no_key"
  | "cancelled"
  | "dropped"
  | "time_limit"
  | "engine_error"
  | "unknown"
  | "missed";

export type Side = "operator" | "visitor";

/** One phone of a call; an operator's own shows its last figures alone. */
export interface Leg {
  role: Side;
  name: string;
  operator: string;
  number: string;
  state: "calling" | "ringing" | "up" | "ended";
  outcome: Outcome | null;
  code: string;
  by_far: boolean;
  at: string;
  answered_at: string | null;
  ended_at: string | null;
}

/** A call by phone as it now stands. */
export interface Call {
  id: string;
  rev: number;
  project: string;
  channel: string;
  purpose: "callback" | "test" | "incoming";
  lead: string;
  dialog: string;
  contact: string;
  phone: string;
  name: string;
  n: number;
  /** Who is rung first. */
  first: Side;
  stage: "ordered" | "begun" | "ended" | "settled";
  status: string;
  outcome: Outcome | null;
  /** Which side failed. */
  side: "" | Side;
  ended_by: "" | Side | "hub";
  operator: string;
  operator_name: string;
  legs: Leg[];
  cancelling: boolean;
  /** No real phone rings. */
  training: boolean;
  live: boolean;
  began_at: string;
  dialled_at: string | null;
  talk_at: string | null;
  ended_at: string | null;
  changed_at: string;
  talked_s: number;
  waited_s: number;
  loss: "" | "menu" | "queue" | "operator";
  recorded: boolean;
  result: Result | "";
  /** What people have still to do about it. */
  task: "" | "result" | "missed";
}

export type Result = "done" | "call_again" | "voicemail" | "wrong_number" | "no_need" | "spam";

export interface Colleague {
  operator: string;
  name: string;
  presence: Presence | "offline";
}

/** A call with whom it could be handed over to now. */
export interface CallCard {
  call: Call;
  transfers: boolean;
  colleagues: Colleague[];
  listens: boolean;
}

/** A call with its result; with warnings nothing was done yet. */
export interface Resulted extends Decided {
  call: Call;
}
