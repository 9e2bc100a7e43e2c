// What the operator can do from the keyboard: one table for the keys, the palette and the help.
import { compose } from "./composer";
import { toSearch } from "./found";
import { leave } from "./leave";
import { opened } from "./reading";
import { LIST, back, goTo, page, showLeads, showSounds } from "./route";
import { VIEWS, look, role } from "./rows";
import { density, letters, presence, setPresence, t, theme } from "./settings";
import { askAssign, askCallback, closeAndNext, markSpam, noReply, take } from "./steps";
import { HEALTH } from "./address";
import { goToRow, step } from "./rowlist";
import { shown } from "./shown";
import type { Dialog } from "./wire";

export interface Act {
  name: string;
  /** Physical keys, as they are told to a person. */
  keys?: string;
  run: () => void;
}

const mine = (of: (dialog: Dialog) => unknown): (() => void) => {
  return () => {
    const dialog = opened.value;
    if (dialog) of(dialog);
  };
};

/** What can be done with the open dialog now. */
export function withDialog(): Act[] {
  const dialog = opened.value;
  if (!dialog) return [];
  if (!dialog.open)
    return dialog.sealed
      ? []
      : [{ name: t("inbox.step.reopen"), run: mine((row) => take(row, "reopen")) }];
  return [
    { name: t("inbox.act.reply"), keys: "R", run: mine((row) => compose(row, "reply")) },
    { name: t("inbox.act.note"), keys: "N", run: mine((row) => compose(row, "note")) },
    ...(dialog.owner === null
      ? [{ name: t("inbox.step.take"), keys: "A", run: mine((row) => take(row, "take")) }]
      : [{ name: t("inbox.step.return"), run: mine((row) => take(row, "return")) }]),
    { name: t("inbox.row.assign"), keys: "T", run: mine(askAssign) },
    ...(dialog.awaits === "operator"
      ? [{ name: t("inbox.step.no_reply"), run: mine(noReply) }]
      : []),
    { name: t("inbox.step.close"), keys: "E", run: mine((row) => take(row, "close")) },
    { name: t("inbox.step.close_next"), keys: "Shift+E", run: mine(closeAndNext) },
    { name: t("inbox.step.call_back"), run: mine((dialog) => askCallback(dialog)) },
    { name: t("inbox.step.spam"), run: mine(markSpam) },
  ];
}

/** Where one can go and what can be switched, whatever is open. */
export function everywhere(): Act[] {
  const views = VIEWS.map((name, i) => ({
    name: t("inbox.act.view", { name: t(`inbox.view.${name}`) }),
    keys: String(i + 1),
    run: () =>
      leave(LIST, () => {
        if (page.value !== "dialogs") back();
        look(name);
      }),
  }));
  return [
    ...views,
    { name: t("inbox.act.search"), keys: "/", run: toSearch },
    { name: t("inbox.leads"), run: showLeads },
    { name: t("inbox.sounds"), run: showSounds },
    ...(role.value === "admin" ? [{ name: t("inbox.admin"), run: () => goTo("#/admin") }] : []),
    ...(role.value === "admin" || role.value === "supervisor"
      ? [{ name: t("inbox.health"), run: () => goTo(HEALTH) }]
      : []),
    {
      name: t(presence.value === "online" ? "inbox.act.away" : "inbox.act.online"),
      run: () => void setPresence(presence.value === "online" ? "away" : "online"),
    },
    {
      name: t(density.value === "dense" ? "inbox.act.comfortable" : "inbox.act.dense"),
      run: () => {
        density.value = density.value === "dense" ? "comfortable" : "dense";
      },
    },
    {
      name: t("inbox.theme.to_dark"),
      run: () => {
        theme.value = "dark";
      },
    },
    {
      name: t("inbox.theme.to_light"),
      run: () => {
        theme.value = "light";
      },
    },
    { name: t("inbox.help"), keys: "?", run: () => (shown.value = "help") },
  ];
}

const ACTS: Partial<Record<string, (dialog: Dialog) => unknown>> = {
  KeyR: (dialog) => compose(dialog, "reply"),
  KeyN: (dialog) => compose(dialog, "note"),
  KeyE: (dialog) => take(dialog, "close"),
  KeyA: (dialog) => (dialog.owner === null ? take(dialog, "take") : askAssign(dialog)),
  KeyT: (dialog) => askAssign(dialog),
};

/** Keys are told by their place, so that they work on a Russian layout too. */
export function press(event: KeyboardEvent): void {
  if (event.isComposing || event.defaultPrevented) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.code !== "KeyK" || event.altKey || event.shiftKey) return;
    event.preventDefault();
    shown.value = "palette";
    return;
  }
  const target = event.target as HTMLElement;
  if (event.altKey) return;
  if (shown.value && !target.closest("dialog")) {
    // What was asked for is still being fetched: its first letters are no steps with the dialog.
    if (event.code === "Escape") shown.value = null;
    return;
  }
  if (target.closest("input, textarea, select, [contenteditable]")) {
    if (event.code === "Escape") target.blur();
    return;
  }
  if (event.code === "Escape") {
    const here = opened.value?.id;
    back();
    goToRow(here);
    event.preventDefault();
    return;
  }
  if (target.closest("dialog, [role=menu]") || page.value !== "dialogs") return;
  if (walked(event, target) || (letters.value === "on" && typed(event))) event.preventDefault();
}

function walked(event: KeyboardEvent, target: HTMLElement): boolean {
  if (target.closest(".log, [role=tablist], [role=slider]")) return false;
  if (event.code !== "ArrowDown" && event.code !== "ArrowUp") return false;
  step(event.code === "ArrowDown" ? 1 : -1);
  return true;
}

function typed(event: KeyboardEvent): boolean {
  if (event.code === "KeyJ" || event.code === "KeyK") step(event.code === "KeyJ" ? 1 : -1);
  else if (event.code === "Slash" && event.shiftKey) shown.value = "help";
  else if (event.code === "Slash") toSearch();
  else if (/^Digit[1-4]$/.test(event.code) && !event.shiftKey)
    look(VIEWS[Number(event.code.slice(-1)) - 1] ?? "queue");
  else {
    const dialog = opened.value;
    const act = ACTS[event.code];
    if (!act || !dialog?.open || event.repeat) return false;
    if (event.code === "KeyE" && event.shiftKey) void closeAndNext(dialog);
    else if (event.shiftKey) return false;
    else void act(dialog);
  }
  return true;
}
