// The tabs of one browser kept in step: who rings, what is looked at, who has signed out.
import { type Signal, signal } from "@preact/signals";
import { freshKey } from "../keys";

export type Word =
  | { t: "looks"; tab: string; dialog: string }
  | { t: "who" }
  | { t: "out" }
  | { t: "in" }
  | { t: "project"; id: string };

const tab = freshKey();
const line = new BroadcastChannel("otklik");
const ears = new Set<(word: Word) => void>();
const looks = new Map<string, string>();
let mine = "";

/** Hears what the other tabs say. */
export function onTabs(ear: (word: Word) => void): void {
  ears.add(ear);
}

export function tellTabs(word: Word): void {
  line.postMessage(word);
}

/** Says which dialog a person sees in this tab; empty if none. */
export function looksAt(dialog: string): void {
  if (dialog === mine) return;
  mine = dialog;
  tellTabs({ t: "looks", tab, dialog });
}

/** Whether a person sees that dialog in this tab or another. */
export function isSeen(dialog: string): boolean {
  return mine === dialog || [...looks.values()].includes(dialog);
}

line.onmessage = (message: MessageEvent<Word>) => {
  const word = message.data;
  if (word.t === "looks") {
    if (word.dialog) looks.set(word.tab, word.dialog);
    else looks.delete(word.tab);
  } else if (word.t === "who") tellTabs({ t: "looks", tab, dialog: mine });
  for (const ear of ears) ear(word);
};
tellTabs({ t: "who" });
window.addEventListener("pagehide", () => looksAt(""));

/**
 * Whether this tab is the one of all that does a thing; it is asked to be when `stand` is called.
 * Where a browser has no locks (pages without https), each tab does it and `once` tells them apart.
 */
export function office(name: string): { held: Signal<boolean>; stand: () => void } {
  const held = signal(false);
  let stands = false;
  const stand = (): void => {
    if (stands) return;
    stands = true;
    if (!("locks" in navigator)) {
      held.value = true;
      return;
    }
    void navigator.locks.request(`otklik.${name}`, () => {
      held.value = true;
      return new Promise<never>(() => {});
    });
  };
  return { held, stand };
}

/** Whether this tab is the first to do what that key names. */
export function once(name: string, key: string): boolean {
  if ("locks" in navigator) return true;
  const place = `otklik.once.${name}`;
  if (localStorage.getItem(place) === key) return false;
  localStorage.setItem(place, key);
  return true;
}
