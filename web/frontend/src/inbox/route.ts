import { computed, signal } from "@preact/signals";
import { ADMIN, HEALTH, LEADS, type Place, SOUNDS, hashOf, placeOf } from "./address";
import { closeThread, jumpTo, openThread, thread } from "./reading";

export const place = signal<Place>({ page: "dialogs", dialog: "" });
/** Which page is shown beside the rail. */
export const page = computed(() => place.value.page);

/** The address of the page names the open dialog, so that back and reload do what people expect. */
export function follow(): void {
  place.value = placeOf(location.hash);
  const id = place.value.page === "dialogs" ? place.value.dialog : "";
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
  place.value = { page: "dialogs", dialog: id };
  if (thread.value?.id === id) return false;
  const hash = hashOf(id);
  if (thread.value) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  return true;
}

/** Walks to another page by its address. */
export function goTo(hash: string): void {
  if (location.hash === hash) return;
  history.pushState(null, "", hash);
  follow();
}

export const showHealth = (): void => goTo(HEALTH);
export const showLeads = (): void => goTo(LEADS);
export const showSounds = (): void => goTo(SOUNDS);
/** The operator's own phone, on the same page as what is heard. */
export const seatAsked = signal(false);
export function showSeat(): void {
  seatAsked.value = true;
  showSounds();
}
export const showAdmin = (): void => goTo(ADMIN);

export function back(): void {
  place.value = { page: "dialogs", dialog: "" };
  history.replaceState(null, "", location.pathname + location.search);
  closeThread();
}

window.addEventListener("popstate", follow);
window.addEventListener("hashchange", follow);
