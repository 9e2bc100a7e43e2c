import { computed, signal } from "@preact/signals";
import { ADMIN, HEALTH, LEADS, type Place, SOUNDS, hashOf, placeOf } from "./address";
import { leave, leaving, loses } from "./leave";
import { closeThread, jumpTo, openThread, thread } from "./reading";

export const LIST: Place = { page: "dialogs", dialog: "" };

export const place = signal<Place>(LIST);
/** Which page is shown beside the rail. */
export const page = computed(() => place.value.page);

/** Which of our entries in the browser's history is shown: how far a step back goes is told by it. */
let at = numberOf(history.state) ?? 0;

function numberOf(state: unknown): number | undefined {
  const known = (state as { at?: unknown } | null)?.at;
  return typeof known === "number" ? known : undefined;
}

function write(how: "push" | "replace", hash: string): void {
  if (how === "push") at += 1;
  history[`${how}State`]({ at }, "", hash);
}

/** The address of the page names the open dialog, so that back and reload do what people expect. */
export function follow(): void {
  place.value = placeOf(location.hash);
  const id = place.value.page === "dialogs" ? place.value.dialog : "";
  if (id && thread.value?.id !== id) void openThread(id);
  else if (!id && thread.value) closeThread();
}

export function open(id: string): void {
  leave({ page: "dialogs", dialog: id }, () => {
    if (name(id)) void openThread(id);
  });
}

/** Opens the dialog with that line in sight. */
export function openAt(id: string, seq: number): void {
  leave({ page: "dialogs", dialog: id }, () => {
    name(id);
    void jumpTo(id, seq);
  });
}

/** Puts the dialog into the address; false if it is the one that is open. */
function name(id: string): boolean {
  place.value = { page: "dialogs", dialog: id };
  if (thread.value?.id === id) return false;
  write(thread.value ? "replace" : "push", hashOf(id));
  return true;
}

/** Walks to another page by its address. */
export function goTo(hash: string): void {
  if (location.hash === hash) return;
  leave(placeOf(hash), () => {
    write("push", hash);
    follow();
  });
}

/** Gives what is shown its new address, after which the old one names nothing; nothing is asked. */
export function becomes(hash: string): void {
  write("replace", hash);
  follow();
}

export const showHealth = (): void => goTo(HEALTH);
export const showLeads = (): void => goTo(LEADS);
export const showSounds = (): void => goTo(SOUNDS);
/** The operator's own phone, on the same page as what is heard. */
export const seatAsked = signal(false);
export function showSeat(): void {
  leave({ page: "sounds" }, () => {
    seatAsked.value = true;
    showSounds();
  });
}
export const showAdmin = (): void => goTo(ADMIN);

export function back(): void {
  leave(LIST, () => {
    place.value = LIST;
    write("replace", location.pathname + location.search);
    closeThread();
  });
}

/** The browser has walked already: where that loses something, it walks back while the form asks. */
function walked({ state }: PopStateEvent): void {
  const known = numberOf(state);
  const to = known ?? at + 1;
  // An address that was typed has no number yet; it stands behind the one it was typed over.
  if (known === undefined) history.replaceState({ at: to }, "");
  const by = to - at;
  if (!by) return;
  if (loses(placeOf(location.hash))) {
    history.go(-by);
    leaving.value = () => history.go(by);
  } else {
    at = to;
    follow();
  }
}

/** A link to a page of ours walks as every button does. */
function followed(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[href^='#']") : null;
  if (!link || event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  goTo(link.hash);
}

write("replace", location.href);
window.addEventListener("popstate", walked);
document.addEventListener("click", followed);
