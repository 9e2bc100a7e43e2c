import { signal } from "@preact/signals";
import { type Step, api } from "./api";
import { openThread, thread } from "./reading";
import { open } from "./route";
import { beside, learn, tell } from "./rows";
import { t } from "./settings";
import { undoable } from "./undo";
import type { Dialog } from "./wire";

/** The dialog for which somebody is being chosen, if that is going on. */
export const choosing = signal<Dialog | null>(null);

/** Whether a call is meant for now, and to which number; without one, the person's. */
export interface Wanted {
  soon?: boolean;
  phone?: string;
}

/** The dialog whose person is to be called back, while it is asked when. */
export const callingBack = signal<(Wanted & { dialog: Dialog }) | null>(null);

async function did(dialog: Dialog, what: () => Promise<Dialog>): Promise<boolean> {
  try {
    learn([await what()]);
    return true;
  } catch (error) {
    tell(error);
    void openThread(dialog.id);
    return false;
  }
}

/** Takes one step with the dialog and shows how it then stands; a refusal says who was first. */
export function take(dialog: Dialog, step: Step): Promise<boolean> {
  return did(dialog, () => api.step(dialog.id, step));
}

/** Closes the dialog and opens its neighbour in the list, the one below if there is one. */
export async function closeAndNext(dialog: Dialog): Promise<void> {
  const next = beside(dialog.id, 1) ?? beside(dialog.id, -1);
  if (!(await take(dialog, "close")) || !next || next === dialog.id) return;
  // Whoever went elsewhere while it was being closed stays there.
  if (thread.peek()?.id === dialog.id) open(next);
}

/** Marks the dialog as spam; for a moment that can be taken back. */
export async function markSpam(dialog: Dialog): Promise<void> {
  if (!(await take(dialog, "spam"))) return;
  undoable.value = { words: t("inbox.spam.done"), back: () => void take(dialog, "unspam") };
}

/** Says that what the client wrote needs no reply. */
export function noReply(dialog: Dialog): Promise<boolean> {
  return did(dialog, () => api.noReply(dialog.id));
}

/** Notes that the client was answered by a letter, which the hub does not see. */
export function emailed(dialog: Dialog): Promise<boolean> {
  return did(dialog, () => api.emailed(dialog.id));
}

/** Gives the dialog to another operator. */
export function assign(dialog: Dialog, operator: string): Promise<boolean> {
  return did(dialog, () => api.assign(dialog.id, operator));
}

/** Asks when to call the person back. */
export function askCallback(dialog: Dialog, wanted: Wanted = {}): void {
  callingBack.value = { ...wanted, dialog };
}

/** Asks whom to give the dialog to. */
export function askAssign(dialog: Dialog): void {
  choosing.value = dialog;
}
