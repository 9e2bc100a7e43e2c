// What the loader and the panel agree on, and the shapes of the visitors' socket.

export interface Config {
  project: { name: string };
  lang: string;
  color: string;
  open: boolean;
  next_opening: string | null;
  text_max_chars: number;
  attachments_max: number;
  attachment_max_bytes: number;
  greeting: string;
}

/** What the loader hands to the panel. */
export interface Place {
  root: ShadowRoot;
  launcher: HTMLButtonElement;
  origin: string;
  channel: string;
  lang: "ru" | "en";
  config: Config;
  badge: (unread: number) => void;
  closed: () => void;
}

export interface Panel {
  open: () => void;
  close: () => void;
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
}

export type Frame =
  | { t: "hello"; key: string; now: number; name: string; dialog: string | null; entries: Entry[] }
  | { t: "ok"; key: string; seq: number; dialog: string }
  | { t: "error"; key: string; code: string; field?: string; again: boolean }
  | { t: "entry"; entry: Entry }
  | { t: "typing"; name: string }
  | { t: "closed" }
  | { t: "pong" };
