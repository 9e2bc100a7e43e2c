import { signal } from "@preact/signals";
import { Refused, upload } from "./api";
import { channels, me, tell } from "./store";
import type { Attachment, Dialog } from "./wire";

export interface Upload {
  n: number;
  name: string;
  share: number;
  file: Attachment | null;
  failed: string;
  stop: () => void;
}

export type Mode = "reply" | "note";

interface Draft {
  text: string;
  mode: Mode;
  uploads: readonly Upload[];
}

const EMPTY: Draft = { text: "", mode: "reply", uploads: [] };

/** What is being written in each dialog; the text outlives a reload. */
export const drafts = signal<ReadonlyMap<string, Draft>>(new Map());

/** A shared computer keeps one operator's drafts from the next. */
const place = (dialog: string): string => `otklik.draft.${me.value?.operator.id ?? ""}.${dialog}`;

export function draft(dialog: string): Draft {
  const kept = drafts.value.get(place(dialog));
  return kept ?? { ...EMPTY, text: localStorage.getItem(place(dialog)) ?? "" };
}

export function write(dialog: string, change: Partial<Draft>): void {
  const next = { ...draft(dialog), ...change };
  drafts.value = new Map(drafts.value).set(place(dialog), next);
  try {
    if (next.text) localStorage.setItem(place(dialog), next.text);
    else localStorage.removeItem(place(dialog));
  } catch {
    // Without storage a draft lives as long as the page.
  }
}

export function discard(dialog: string): void {
  write(dialog, { text: "", uploads: [] });
}

let numbers = 0;

/** Begins to upload files for the next reply, as far as the channel takes them. */
export function attach(dialog: Dialog, files: File[]): void {
  const limits = channels.value.find((channel) => channel.id === dialog.channel)?.capabilities;
  const most = limits?.attachments_max ?? 10;
  for (const file of files) {
    if (draft(dialog.id).uploads.length >= most) {
      tell(new Refused({ status: 0, code: "too_many_files" }));
      return;
    }
    if (limits && file.size > limits.attachment_max_bytes) {
      tell(new Refused({ status: 0, code: "too_large" }));
      continue;
    }
    begin(dialog, file);
  }
}

function begin(dialog: Dialog, file: File): void {
  const n = (numbers += 1);
  const { done, stop } = upload(dialog.project, file, (share) => change(dialog.id, n, { share }));
  const one: Upload = { n, name: file.name || "file", share: 0, file: null, failed: "", stop };
  write(dialog.id, { mode: "reply", uploads: [...draft(dialog.id).uploads, one] });
  done.then(
    (stored) => change(dialog.id, n, { file: stored, share: 1 }),
    (error: unknown) => change(dialog.id, n, { failed: error instanceof Refused ? error.problem.code : "refused" }),
  );
}

function change(dialog: string, n: number, values: Partial<Upload>): void {
  const { uploads } = draft(dialog);
  write(dialog, { uploads: uploads.map((one) => (one.n === n ? { ...one, ...values } : one)) });
}

export function detach(dialog: string, n: number): void {
  const { uploads } = draft(dialog);
  uploads.find((one) => one.n === n)?.stop();
  write(dialog, { uploads: uploads.filter((one) => one.n !== n) });
}
