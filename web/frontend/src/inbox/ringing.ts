// Which of what comes in is told by a sound and a notification, and by which tab.
import { effect } from "@preact/signals";
import { nameOf } from "./names";
import { previewOf } from "./preview";
import { thread } from "./reading";
import { open } from "./route";
import { dialogs, me, project } from "./rows";
import { type Rings, first, ringing, t } from "./settings";
import { audible, play, wake } from "./sounds";
import { isSeen, looksAt, office, once } from "./tabs";
import type { Dialog, Event } from "./wire";

const AGAIN = 15_000;
/** Sounds nearer to each other than this are one noise. */
const GAP = 1_200;

const sounding = office("sounds");
const noticing = office("notices");
const untaken = new Set<string>();
const calling = new Set<string>();
let rang = 0;

/** What an event is to this operator's ears. */
export function reasonOf(event: Event, mine: string): Rings | null {
  if (event.event !== "dialog.changed") return null;
  if (event.entries.some(({ verb, data }) => verb === "assigned" && data.operator === mine))
    return event.entries.some(({ author }) => author.id === mine) ? null : "transfer";
  const said = event.entries.find((entry) => entry.kind === "in" || entry.verb === "call_asked");
  if (!said || !event.dialog.open) return null;
  const anew = event.entries.some(
    (entry) => entry.seq === 1 || (entry.verb === "reopened" && entry.author.kind !== "operator"),
  );
  return anew ? "new" : "message";
}

function concerns(dialog: Dialog, reason: Rings): boolean {
  const own = dialog.owner === me.value?.operator.id;
  const free = dialog.owner === null;
  switch (ringing.of.value) {
    case "mine":
      return own || reason === "transfer";
    case "free":
      return free || reason === "transfer";
    case "ours":
      return own || free || reason === "transfer";
    case "all":
      return true;
  }
}

/** Three rings for a call that comes in, once for each. */
function ringCall(event: Event): void {
  if (event.event !== "call.changed" || event.project !== project.value) return;
  const { call } = event;
  if (!call.live || call.purpose !== "incoming" || call.talk_at || calling.has(call.id)) return;
  calling.add(call.id);
  if (ringing.call.value === "on") sound("call", `call ${call.id}`);
  if (ringing.notices.value === "off" || permission() !== "granted") return;
  if (!noticing.held.value || !once("notices", `call ${call.id}`)) return;
  const title = t("inbox.calls.pop.rings", { name: call.name || call.phone });
  notify(title, call.name ? call.phone : "", call.id, () => call.dialog && open(call.dialog));
}

export function ring(event: Event): void {
  ringCall(event);
  const reason = reasonOf(event, me.value?.operator.id ?? "");
  if (!reason || event.event !== "dialog.changed") return;
  const { dialog } = event;
  if (!concerns(dialog, reason) || isSeen(dialog.id)) return;
  const key = `${dialog.id} ${dialog.rev}`;
  if (reason === "new") untaken.add(dialog.id);
  if (ringing[reason].value === "on") sound(reason, key);
  if (noticing.held.value && once("notices", key)) show(dialog, reason);
}

function sound(tune: Rings, key: string): void {
  if (!sounding.held.value || Date.now() - rang < GAP || !once("sounds", key)) return;
  rang = Date.now();
  play(tune);
}

export const permission = (): NotificationPermission =>
  "Notification" in window ? Notification.permission : "denied";

function show(dialog: Dialog, reason: Rings): void {
  if (ringing.notices.value === "off" || permission() !== "granted") return;
  const { preview } = dialog;
  const said =
    previewOf(dialog) || (preview?.attachment ? first(`inbox.preview.${preview.attachment}`) : "");
  const title = nameOf(dialog);
  notify(
    reason === "transfer" ? t("inbox.notice.transfer", { name: title }) : title,
    said || first(`status.${dialog.status}`),
    dialog.id,
    () => open(dialog.id),
  );
}

/** Shows a notification of the system; a newer one of the same dialog takes its place. */
export function notify(title: string, body: string, tag: string, onOpen: () => void): boolean {
  try {
    const shown = new Notification(title, { body, tag, icon: "/favicon.svg" });
    shown.onclick = () => {
      window.focus();
      shown.close();
      onOpen();
    };
    return true;
  } catch {
    // Some phones have the constructor and refuse its use.
    return false;
  }
}

/** Begins to listen for who stands before the screen. */
export function attend(): void {
  noticing.stand();
  const press = (): void => wake();
  document.addEventListener("pointerdown", press, { capture: true });
  document.addEventListener("keydown", press, { capture: true });
  effect(() => {
    if (!audible.value) return;
    sounding.stand();
    document.removeEventListener("pointerdown", press, { capture: true });
    document.removeEventListener("keydown", press, { capture: true });
  });
  const look = (): void => {
    const open = thread.value?.id ?? "";
    looksAt(document.visibilityState === "visible" ? open : "");
  };
  effect(look);
  document.addEventListener("visibilitychange", look);
  window.setInterval(remind, AGAIN);
}

/** Rings again for who wrote first and whom nobody has taken. */
function remind(): void {
  for (const id of untaken) {
    const dialog = dialogs.peek().get(id);
    if (!dialog?.open || dialog.owner !== null || dialog.awaits !== "operator") untaken.delete(id);
  }
  if (untaken.size && ringing.repeat.value === "on" && ringing.new.value === "on")
    sound("new", `again ${Date.now()}`);
}
