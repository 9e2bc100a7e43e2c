// The shapes of the API that only its administrators meet.

/** A secret setting never comes back, only whether there is one. */
export interface Secret {
  secret: true;
  set: boolean;
}

export interface Messenger {
  kind: "telegram" | "vk" | "whatsapp" | "viber" | "max";
  url: string;
}

export interface PrechatField {
  name: string;
  label: string;
  required: boolean;
  kind: "text" | "phone" | "email" | "select";
  options: string[];
}

export interface ConsentText {
  purpose: "processing" | "advertising" | "transfer";
  text: string;
  url: string;
  required: boolean;
}

/** The settings of a channel of kind `site`. */
export interface SiteSettings {
  origins: string[];
  color: string;
  theme: "auto" | "light" | "dark";
  side: "right" | "left";
  title: string;
  greeting: string;
  answer_time: number;
  operator_names: boolean;
  messengers: Messenger[];
  phone: string;
  callback: { enabled: boolean; text: string };
  subscription: { enabled: boolean; text: string };
  prechat: { enabled: boolean; fields: PrechatField[] };
  consents: ConsentText[];
  offline: { mode: "message" | "callback" | "hide"; text: string };
  invite: {
    enabled: boolean;
    text: string;
    after_seconds: number;
    pages: string[];
    once_hours: number;
  };
  rating: boolean;
  goals: { metrica: string; ga: boolean; data_layer: boolean };
  identity: "off" | "optional" | "required";
  /** Read as a Secret, written as the new secret itself. */
  identity_secret: Secret | string;
  launcher_text: string;
  hide_on: string[];
  visitor_per_minute: number;
  address_per_minute: number;
}

export interface ChannelSettings<S = SiteSettings> extends Arranged {
  settings: S;
  /** What is to be entered at the platform, by name. */
  handed: Record<string, string>;
  seen: { origin: string; page: string; at: string; script: boolean }[];
  refused: { origin: string; at: string }[];
  public_url: string;
}

/** A channel as its administrator sees it: switched off ones too. */
export interface Arranged {
  id: string;
  rev: number;
  kind: string;
  name: string;
  enabled: boolean;
  as_code: boolean;
  /** It is in use and its settings are whole. */
  works: boolean;
  /** Dialogs in which something has not gone out yet. */
  waiting: number;
  pulse: Pulse | null;
}

/** How a channel lives, and by `reason` why it does not. */
export interface Pulse {
  state: "ok" | "halted" | "away" | "deaf" | "unknown";
  reason: string;
  since: string | null;
  last_in_at: string | null;
  last_out_at: string | null;
  name: string;
  username: string;
  hook_error: string;
  hook_error_at: string | null;
}

export interface ChannelChange<S = SiteSettings> {
  /** Of the channel as it was read; without it whatever stands is changed. */
  rev?: number;
  name?: string;
  enabled?: boolean;
  settings?: Partial<S>;
}

/** One setting as a form asks for it. */
export interface FormField {
  name: string;
  type: "text" | "secret" | "choice" | "number" | "bool" | "list";
  required: boolean;
  default: string | number | boolean | string[];
  choices: string[];
  min: number | null;
  max: number | null;
}

export interface ChannelForm {
  kind: string;
  fields: FormField[];
  receives: ("hook" | "poll")[];
  /** It only hears: nobody can be answered there. */
  mute: boolean;
  /** It is a telephone line: nobody writes there. */
  calls: boolean;
}

/** How a source would read a body. */
export interface Reading {
  /** Why nothing could be made of it, or what else it was than a request. */
  error: string;
  event: string;
  form: string;
  id: string;
  handling: "" | "callback" | "register";
  name: string;
  /** Empty where nobody could be called, by `why_not`; `written` is what stood there. */
  phone: string;
  written: string;
  why_not: string;
  email: string;
  /** The words of the box that was ticked for offers, empty if none was. */
  advertising: string;
  comment: string;
  page: string;
  utm: Record<string, string>;
  fields: { name: string; value: string }[];
  said: { staff: boolean; text: string; at: string }[];
  ignored: { name: string; why: string }[];
}

export interface TrialStep {
  step: "key" | "hook" | "write" | "seen";
  state: "waiting" | "ok" | "failed";
  code: string;
  detail: string;
  took_ms: number;
}

/** A channel being tried out. */
export interface Trial {
  began_at: string;
  until: string;
  name: string;
  username: string;
  picture: string;
  link: string;
  /** Where the message that was seen stands, empty until then. */
  dialog: string;
  steps: TrialStep[];
}

export interface CheckStep {
  step: "address" | "https" | "page" | "script" | "csp" | "origin" | "visible";
  ok: boolean | null;
  code: string;
  detail: string;
}
