import { signal } from "@preact/signals";
import { backOff, freshKey } from "../keys";
import { Refused, api } from "./api";
import { wasSent } from "./drafts";
import { learnEntries } from "./reading";
import type { Attachment } from "./wire";

/** What the operator wrote and the hub has not yet confirmed. */
export interface Unsent {
  key: string;
  dialog: string;
  mode: "reply" | "note";
  text: string;
  attachments: Attachment[];
  reply_to: string;
  at: number;
  /** The code of the refusal; empty while it is still on its way. */
  refused: string;
}

export const unsent = signal<readonly Unsent[]>([]);

let prefix = "";
let again = 0;
let attempt = 0;
const busy = new Set<string>();

/** Takes up what an earlier life of this page has left behind. */
export function start(operator: string): void {
  prefix = `otklik.unsent.${operator}.`;
  const kept: Unsent[] = [];
  for (let i = 0; i < localStorage.length; i += 1) {
    const name = localStorage.key(i) ?? "";
    if (!name.startsWith(prefix)) continue;
    try {
      kept.push(JSON.parse(localStorage.getItem(name) ?? "") as Unsent);
    } catch {
      // Half-written by a browser that died; there is nothing in it to send.
    }
  }
  unsent.value = kept.sort((a, b) => a.at - b.at);
  flush();
}

export function stop(): void {
  clearTimeout(again);
  prefix = "";
  unsent.value = [];
}

export function put(what: Omit<Unsent, "key" | "at" | "refused">): void {
  const at = Math.max(Date.now(), (unsent.value.at(-1)?.at ?? 0) + 1);
  keep({ ...what, key: freshKey(), at, refused: "" });
  flush();
}

export function retry(key: string): void {
  const item = unsent.value.find((other) => other.key === key);
  if (item) keep({ ...item, refused: "" });
  flush();
}

export function drop(key: string): void {
  localStorage.removeItem(prefix + key);
  unsent.value = unsent.value.filter((item) => item.key !== key);
}

function keep(item: Unsent): void {
  try {
    localStorage.setItem(prefix + item.key, JSON.stringify(item));
  } catch {
    // A full or forbidden storage only costs the reload; the message itself goes out.
  }
  const rest = unsent.value.filter((other) => other.key !== item.key);
  unsent.value = [...rest, item].sort((a, b) => a.at - b.at);
}

/** Sends what waits: one after another in a dialog, dialogs beside each other. */
export function flush(): void {
  clearTimeout(again);
  for (const dialog of new Set(unsent.value.map((item) => item.dialog))) void sendAll(dialog);
}

async function sendAll(dialog: string): Promise<void> {
  if (busy.has(dialog)) return;
  busy.add(dialog);
  try {
    for (;;) {
      const item = unsent.value.find((other) => other.dialog === dialog && !other.refused);
      if (!item) return;
      try {
        await send(item);
        attempt = 0;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.problem.status === 401) return;
        if (error.passing) {
          again = window.setTimeout(flush, backOff(attempt, 1_000));
          attempt += 1;
          return;
        }
        keep({ ...item, refused: error.problem.code });
      }
    }
  } finally {
    busy.delete(dialog);
  }
}

async function send(item: Unsent): Promise<void> {
  const entry =
    item.mode === "note"
      ? await api.note(item.dialog, item.key, item.text)
      : await api.say(
          item.dialog,
          item.key,
          item.text,
          item.attachments.map((file) => file.id),
          item.reply_to,
        );
  learnEntries([entry]);
  drop(item.key);
  wasSent(item.dialog, item.mode);
}
