import { computed, effect, signal, untracked } from "@preact/signals";
import { Refused, api, upload } from "./api";
import { channels, me, tell } from "./rows";
import type { Attachment, Dialog, Draft as Kept, Mode } from "./wire";

export type { Mode } from "./wire";

export interface Upload {
  n: number;
  name: string;
  size: number;
  share: number;
  file: Attachment | null;
  failed: string;
  /** What to try again with; null for a file that came with the draft. */
  source: File | null;
  /** A picture of it to show before the hub has it, empty if there is none. */
  preview: string;
  stop: () => void;
}

interface Draft {
  text: string;
  mode: Mode;
  reply_to: string;
  uploads: readonly Upload[];
}

/** What this browser keeps of a draft; `saved` once the hub has the same. */
interface Stored {
  text: string;
  mode: Mode;
  reply_to: string;
  files: Attachment[];
  saved: boolean;
}

const EMPTY: Draft = { text: "", mode: "reply", reply_to: "", uploads: [] };
const isEmpty = (one: Draft): boolean => !one.text && !one.reply_to && one.uploads.length === 0;
const files = (one: Draft): Attachment[] => one.uploads.flatMap((each) => each.file ?? []);

const PAUSE = 600;
const LATER = 10_000;

/** What is being written in each dialog. This browser keeps it at once, the hub a moment later. */
export const drafts = signal<ReadonlyMap<string, Draft>>(new Map());

/** What the hub has not been told of yet; what it was last told. */
const unsaved = new Set<string>();
const saved = new Map<string, Mode>();
const saving = new Set<string>();
/** How often something was written or told there: an answer asked for before that is too old. */
const turns = new Map<string, number>();
const timers = new Map<string, number>();

/** A shared computer keeps one operator's drafts from the next. */
const operator = computed(() => me.value?.operator.id ?? "");
const prefix = (): string => `otklik.draft.${operator.peek()}.`;

effect(() => {
  const who = operator.value;
  untracked(() => begin(who));
});

/** Takes up what this browser keeps of the operator's drafts, and nobody else's. */
function begin(who: string): void {
  for (const timer of timers.values()) clearTimeout(timer);
  for (const kept of [unsaved, saved, saving, timers]) kept.clear();
  drafts.value = new Map();
  if (!who) return;
  for (let i = 0; i < localStorage.length; i += 1) {
    const name = localStorage.key(i) ?? "";
    if (name.startsWith(prefix())) recall(name.slice(prefix().length), localStorage.getItem(name));
  }
}

/** Another tab of this browser writes in the same drafts. */
window.addEventListener("storage", (event) => {
  if (!event.key?.startsWith(prefix())) return;
  const dialog = event.key.slice(prefix().length);
  if (!unsaved.has(dialog)) recall(dialog, event.newValue, false);
});

function recall(dialog: string, record: string | null, mine = true): void {
  turn(dialog);
  // A file on its way, or one to be tried again, is in this tab only.
  const here = draft(dialog).uploads.filter((one) => one.file === null);
  if (record === null) {
    put(dialog, { ...EMPTY, uploads: here });
    return;
  }
  try {
    const { text, mode, reply_to, files, saved: known } = JSON.parse(record) as Stored;
    put(dialog, { text, mode, reply_to, uploads: [...files.map(arrived), ...here] });
    if (mine && !known) unsaved.add(dialog);
  } catch {
    // Half-written by a browser that died, or of an older shape: nothing to take up.
  }
}

/** Taken before the hub is asked for a draft, told to `receive` with the answer. */
export const turnOf = (dialog: string): number => turns.get(dialog) ?? 0;

function turn(dialog: string): void {
  turns.set(dialog, turnOf(dialog) + 1);
}

export function draft(dialog: string): Draft {
  return drafts.value.get(dialog) ?? EMPTY;
}

/** What a list shows of something begun there, empty if nothing was. */
export function begun(dialog: string): string {
  const now = drafts.value.get(dialog);
  return now ? now.text.trim() || (now.uploads[0]?.name ?? "") : "";
}

function put(dialog: string, next: Draft): void {
  const all = new Map(drafts.value);
  if (isEmpty(next) && next.mode === "reply") all.delete(dialog);
  else all.set(dialog, next);
  drafts.value = all;
}

export function write(dialog: string, change: Partial<Draft>): void {
  const before = draft(dialog);
  put(dialog, { ...before, ...change });
  const only = Object.keys(change);
  // Which of the two is chosen is worth keeping only together with something written.
  if (only.length === 1 && only[0] === "mode" && isEmpty(before)) return;
  turn(dialog);
  unsaved.add(dialog);
  keep(dialog);
  later(dialog, PAUSE);
}

function keep(dialog: string): void {
  const { text, mode, reply_to } = draft(dialog);
  const done = !unsaved.has(dialog);
  try {
    if (isEmpty(draft(dialog)) && done) localStorage.removeItem(prefix() + dialog);
    else {
      const record: Stored = { text, mode, reply_to, files: files(draft(dialog)), saved: done };
      localStorage.setItem(prefix() + dialog, JSON.stringify(record));
    }
  } catch {
    // Without storage the hub's copy is the one that lasts.
  }
}

function later(dialog: string, after: number): void {
  clearTimeout(timers.get(dialog));
  timers.set(
    dialog,
    window.setTimeout(() => void save(dialog), after),
  );
}

/** Tells the hub now what is written there, if it does not know. */
export async function save(dialog: string): Promise<void> {
  clearTimeout(timers.get(dialog));
  if (!unsaved.has(dialog)) return;
  if (saving.has(dialog)) {
    later(dialog, PAUSE);
    return;
  }
  const now = draft(dialog);
  const { text, reply_to } = now;
  // To say that there is nothing lets go only of a draft of the same mode.
  const mode = (isEmpty(now) && saved.get(dialog)) || now.mode;
  saving.add(dialog);
  try {
    await api.setDraft(dialog, { text, mode, reply_to, attachments: files(now).map((one) => one.id) });
    if (isEmpty(now)) saved.delete(dialog);
    else saved.set(dialog, mode);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.passing) later(dialog, LATER);
    // What the hub will not keep is kept here, and it is not asked again until it changes.
    if (error.passing || error.problem.status === 401) return;
  } finally {
    saving.delete(dialog);
    turn(dialog);
  }
  if (draft(dialog) === now || (isEmpty(draft(dialog)) && isEmpty(now))) {
    unsaved.delete(dialog);
    keep(dialog);
  }
}

/** Takes up what the hub kept when it was asked; what was written here since goes before it. */
export function receive(dialog: string, kept: Kept | null, asked: number): void {
  const now = draft(dialog);
  if (asked !== turnOf(dialog)) {
    if (unsaved.has(dialog)) later(dialog, PAUSE);
    return;
  }
  if (kept) saved.set(dialog, kept.mode);
  else saved.delete(dialog);
  if (unsaved.has(dialog)) {
    later(dialog, PAUSE);
    return;
  }
  if (now.uploads.some((one) => one.file === null)) return;
  if (kept) {
    const uploads = kept.attachments.map(arrived);
    put(dialog, { text: kept.text, mode: kept.mode, reply_to: kept.reply_to, uploads });
    // Whether the next words are a note is not for a late answer to change.
  } else if (!isEmpty(now)) put(dialog, { ...EMPTY, mode: now.mode });
  keep(dialog);
}

/** Empties the draft of what was just sent. */
export function discard(dialog: string): void {
  for (const one of draft(dialog).uploads) forget(one);
  const { mode } = draft(dialog);
  turn(dialog);
  put(dialog, { ...EMPTY, mode });
  clearTimeout(timers.get(dialog));
  if (saved.has(dialog) || saving.has(dialog)) {
    unsaved.add(dialog);
    later(dialog, PAUSE);
  } else unsaved.delete(dialog);
  keep(dialog);
}

/** The hub has a message of that mode, and with it has let go of its draft. */
export function wasSent(dialog: string, mode: Mode): void {
  turn(dialog);
  if (saved.get(dialog) !== mode || saving.has(dialog) || !isEmpty(draft(dialog))) return;
  clearTimeout(timers.get(dialog));
  saved.delete(dialog);
  unsaved.delete(dialog);
  keep(dialog);
}

let numbers = 0;

/** Begins to upload files for the next reply, as far as the channel takes them. */
export function attach(dialog: Dialog, chosen: File[]): void {
  const limits = channels.value.find((channel) => channel.id === dialog.channel)?.capabilities;
  const most = limits?.attachments_max ?? 10;
  for (const file of chosen) {
    if (draft(dialog.id).uploads.length >= most) {
      tell(new Refused({ status: 0, code: "too_many_files" }));
      return;
    }
    if (limits && file.size > limits.attachment_max_bytes) {
      tell(new Refused({ status: 0, code: "too_large" }));
      continue;
    }
    const n = (numbers += 1);
    const preview = file.type.startsWith("image/") ? URL.createObjectURL(file) : "";
    const one: Upload = {
      n,
      name: file.name || "file",
      size: file.size,
      share: 0,
      file: null,
      failed: "",
      source: file,
      preview,
      stop: () => {},
    };
    write(dialog.id, { mode: "reply", uploads: [...draft(dialog.id).uploads, one] });
    send(dialog, n, file);
  }
}

function send(dialog: Dialog, n: number, file: File): void {
  const { done, stop } = upload(dialog.project, file, (share) => change(dialog.id, n, { share }));
  change(dialog.id, n, { stop, share: 0, failed: "" });
  done.then(
    (stored) => {
      change(dialog.id, n, { file: stored, share: 1, source: null });
      write(dialog.id, {});
    },
    (error: unknown) => {
      const code = error instanceof Refused ? error.problem.code : "refused";
      change(dialog.id, n, { failed: code });
    },
  );
}

/** Tries the same file once more. */
export function retryUpload(dialog: Dialog, one: Upload): void {
  if (one.source) send(dialog, one.n, one.source);
}

function arrived(file: Attachment): Upload {
  return {
    n: (numbers += 1),
    name: file.name,
    size: file.size_bytes,
    share: 1,
    file,
    failed: "",
    source: null,
    preview: "",
    stop: () => {},
  };
}

function forget(one: Upload): void {
  one.stop();
  if (one.preview) URL.revokeObjectURL(one.preview);
}

function change(dialog: string, n: number, values: Partial<Upload>): void {
  const now = draft(dialog);
  const uploads = now.uploads.map((one) => (one.n === n ? { ...one, ...values } : one));
  put(dialog, { ...now, uploads });
}

export function detach(dialog: string, n: number): void {
  const { uploads } = draft(dialog);
  for (const one of uploads) if (one.n === n) forget(one);
  write(dialog, { uploads: uploads.filter((one) => one.n !== n) });
}

/** Moves a file one place on or back among those that go together. */
export function shift(dialog: string, n: number, by: 1 | -1): void {
  const uploads = [...draft(dialog).uploads];
  const at = uploads.findIndex((one) => one.n === n);
  const one = uploads[at];
  const other = uploads[at + by];
  if (!one || !other) return;
  uploads[at] = other;
  uploads[at + by] = one;
  write(dialog, { uploads });
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") for (const dialog of unsaved) void save(dialog);
});
