// What is being written on the page that is shown, and who asks before it is lost.
import { signal } from "@preact/signals";
import type { Place } from "./address";

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
