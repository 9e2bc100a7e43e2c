// What is being written on the page that is shown, and who asks before it is lost.
import { signal } from "@preact/signals";
import type { Place } from "./address";

/** With what the names begin under which a tab keeps what an operator typed on its forms. */
export const typedBy = (operator: string): string => `otklik.typed.${operator}.`;

/** Lets go of all that an operator's forms have kept in this tab: whoever signs out was asked. */
export function forgetTyped(operator: string): void {
  const mine = typedBy(operator);
  try {
    for (const name of Object.keys(sessionStorage)) if (name.startsWith(mine)) sessionStorage.removeItem(name);
  } catch {
    // A browser that forbids storage has kept nothing.
  }
}

/** Whether what is being written outlives a walk to that place; null while nothing would be lost. */
export const unsaved = signal<((to: Place) => boolean) | null>(null);

/** What somebody is about to do that would lose it: the form asks, and does it or forgets it. */
export const leaving = signal<(() => void) | null>(null);

/** Whether a walk there, or out of the product, would lose anything. */
export const loses = (to: Place | null): boolean => unsaved.value !== null && !(to && unsaved.value(to));

/** Does it at once where nothing is lost by it, else when the person has said so. */
export function leave(to: Place | null, go: () => void): void {
  if (loses(to)) leaving.value = go;
  else go();
}
