import { signal } from "@preact/signals";
import { closeThread, jumpTo, openThread, thread } from "./store";

const HEALTH = "#/health";

/** Which page is shown beside the rail. */
export const page = signal<"dialogs" | "health">("dialogs");

/** The address of the page names the open dialog, so that back and reload do what people expect. */
export function follow(): void {
  page.value = location.hash === HEALTH ? "health" : "dialogs";
  if (page.value === "health") {
    closeThread();
    return;
  }
  const id = decodeURIComponent(location.hash.slice(1));
  if (id && thread.value?.id !== id) void openThread(id);
  else if (!id && thread.value) closeThread();
}

export function open(id: string): void {
  if (name(id)) void openThread(id);
}

/** Opens the dialog with that line in sight. */
export function openAt(id: string, seq: number): void {
  name(id);
  void jumpTo(id, seq);
}

/** Puts the dialog into the address; false if it is the one that is open. */
function name(id: string): boolean {
  page.value = "dialogs";
  if (thread.value?.id === id) return false;
  const hash = `#${encodeURIComponent(id)}`;
  if (thread.value) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  return true;
}

export function showHealth(): void {
  if (page.value === "health") return;
  history.pushState(null, "", HEALTH);
  follow();
}

export function back(): void {
  page.value = "dialogs";
  history.replaceState(null, "", location.pathname + location.search);
  closeThread();
}

window.addEventListener("popstate", follow);
window.addEventListener("hashchange", follow);
