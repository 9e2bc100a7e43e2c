import { computed, signal } from "@preact/signals";
import { ADMIN, HEALTH, LEADS, type Place, SOUNDS, hashOf, placeOf } from "./address";
import { leave, leaving, loses } from "./leave";
import { closeThread, jumpTo, openThread, thread } from "./reading";

export const LIST: Place = { page: "dialogs", dialog: "" };

export const place = signal<Place>(LIST);
/** Which page is shown beside the rail. */
export const page = computed(() => place.value.page);

/** One of our entries in the browser's history: by our number, and by the browser's key if it has any. */
interface Stop {
  at: number;
  key: string;
}

/** The one whose page is shown: how far a step back goes is told by it. */
let { at, key } = reached(0);

function reached(unknown: number): Stop {
  return { at: numberOf(history.state) ?? unknown, key: window.navigation?.currentEntry?.key ?? "" };
}

function numberOf(state: unknown): number | undefined {
  const known = (state as { at?: unknown } | null)?.at;
  return typeof known === "number" ? known : undefined;
}

function write(how: "push" | "replace", hash: string): void {
  if (how === "push") at += 1;
  history[`${how}State`]({ at }, "", hash);
  ({ key } = reached(at));
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
  // An address that was typed has no number yet; it stands behind the one it was typed over.
  if (numberOf(state) === undefined) history.replaceState({ at: at + 1 }, "");
  const stop = reached(at);
  if (stop.at === at) return;
  if (loses(placeOf(location.hash))) {
    // Of several quick steps the first is asked about, wherever the others were taken back from.
    leaving.value ??= () => walkTo(stop);
    walkTo({ at, key });
  } else {
    ({ at, key } = stop);
    follow();
  }
}

/** Walks there from wherever the browser is by then; how far is wrong once one more step is under way. */
function walkTo(stop: Stop): void {
  const by = stop.at - reached(stop.at).at;
  if (!by) return;
  if (!stop.key || !window.navigation) return history.go(by);
  const { committed, finished } = window.navigation.traverseTo(stop.key);
  Promise.all([committed, finished]).catch((error: unknown) => {
    // A step that came between has taken its place.
    if (error instanceof DOMException && error.name === "AbortError") walkTo(stop);
  });
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
