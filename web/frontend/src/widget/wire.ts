// What the loader and the panel agree on, and the shapes of the visitors' door.

export type Kind = "telegram" | "vk" | "whatsapp" | "viber" | "max";

export interface Messenger {
  kind: Kind;
  url: string;
  /** A link that takes the person along is to be had for the asking. */
  joins?: boolean;
}

export interface Field {
  name: string;
  label: string;
  required: boolean;
  kind: "text" | "phone" | "email" | "select";
  options?: string[];
}

export interface Consent {
  purpose: string;
  version: string | number;
  text: string;
  url?: string;
  required: boolean;
}

/** The settings of the chat as a page gets them; a hub of an older version leaves some out. */
export interface Config {
  project: { name: string };
  lang: string;
  color: string;
  theme?: "auto" | "light" | "dark";
  side?: "right" | "left";
  title?: string;
  greeting: string;
  open: boolean;
  next_opening: string | null;
  answer_time?: number;
  people?: { name: string }[];
  text_max_chars: number;
  attachments_max: number;
  attachment_max_bytes: number;
  messengers?: Messenger[];
  phone?: string;
  callback?: { enabled: boolean; text?: string };
  /** Whoever wants to hear of offers may leave an address. */
  subscription?: { text?: string; consents: Consent[] } | null;
  /** Whoever goes on in a messenger is asked for a phone before. */
  asks_phone?: boolean;
  /** A number that was typed and not sent is told to the hub. */
  keeps_typed?: boolean;
  prechat?: { enabled: boolean; fields?: Field[] };
  consents?: Consent[];
  offline?: { mode: "message" | "callback" | "hide"; text?: string };
  invite?: {
    enabled?: boolean;
    text: string;
    after_seconds: number;
    pages?: string[];
    once_hours?: number;
  } | null;
  rating?: boolean;
  goals?: { metrica?: string; ga?: boolean; data_layer?: boolean };
  identity?: "off" | "optional" | "required";
  launcher_text?: string;
  hide_on?: string[];
}

export interface Identity {
  id: string;
  name?: string;
  email?: string;
  phone?: string;
  hash?: string;
}

/** Whom the site says that this is. */
export interface Person {
  /** Nothing if the site never said; null if it said that the person has signed out. */
  identity: Identity | null | undefined;
  fields: Record<string, string>;
}

export type Sample = "chat" | "new" | "call" | "invite";

/** What the loader hands to the panel; `config` may be replaced by a newer one. */
export interface Place {
  root: ShadowRoot;
  launcher: HTMLButtonElement;
  origin: string;
  channel: string;
  lang: "ru" | "en";
  config: Config;
  person: Person;
  /** Drawn for an administrator who is choosing its looks: nothing leaves the page. */
  preview: boolean;
  /** What the administrator is looking at. */
  sample: Sample;
  /** Over when the site takes the chat away. */
  life: AbortSignal;
  badge: (unread: number) => void;
  speak: (lang: "ru" | "en") => void;
  opened: (open: boolean) => void;
  /** Fetches the settings anew. */
  renew: () => void;
  emit: (event: string, detail?: object) => void;
}

export interface Panel {
  open: () => void;
  close: () => void;
  call: () => void;
  /** The settings were fetched anew. */
  refresh: () => void;
  /** The site told something of the person. */
  told: (what: "identity" | "fields") => void;
  /** The page's address changed without a load. */
  moved: () => void;
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

export interface Entry {
  id: string;
  dialog: string;
  seq: number;
  order: number;
  at: string;
  mine: boolean;
  /** The key under which this browser or another of the visitor sent it. */
  key: string;
  author_name: string;
  text: string;
  attachments: Attachment[];
  state: string | null;
  deleted_at: string | null;
  reply_to?: string;
  edited_at?: string | null;
  reactions?: ({ emoji: string } | string)[];
  album?: string;
  /** What the text offers as numbered lines at its end. */
  menu?: string[];
}

export interface Given {
  purpose: string;
  version: string | number;
}

export interface Planned {
  phone_tail: string;
  at: string | null;
}

export type Frame =
  | {
      t: "hello";
      key: string;
      now: number;
      name: string;
      dialog: string | null;
      entries: Entry[];
      rated?: boolean;
      closed?: boolean;
      verified?: boolean;
      call?: Planned | null;
    }
  | { t: "ok"; key: string; seq?: number; dialog?: string; at?: string | null; url?: string }
  | { t: "error"; key: string; code: string; field?: string; again: boolean }
  | { t: "entry"; entry: Entry }
  | { t: "typing"; name: string }
  | ({ t: "asked" } & Planned)
  | { t: "closed" }
  | { t: "pong" };
