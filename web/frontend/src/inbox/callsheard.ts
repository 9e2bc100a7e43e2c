import type { Call } from "./wire";

interface Ear {
  call: (call: Call) => void;
  /** Something may have been missed. */
  again: () => void;
}

const ears = new Set<Ear>();

/** Tells of every call that changes until what it returns is called. */
export function listen(ear: Ear): () => void {
  ears.add(ear);
  return () => ears.delete(ear);
}

export const hear = (call: Call): void => ears.forEach((ear) => ear.call(call));
export const missed = (): void => ears.forEach((ear) => ear.again());
