import type { Lead } from "./wire";

interface Ear {
  lead: (lead: Lead) => void;
  /** Something may have been missed. */
  again: () => void;
}

const ears = new Set<Ear>();

/** Tells of every lead that changes until what it returns is called. */
export function listen(ear: Ear): () => void {
  ears.add(ear);
  return () => ears.delete(ear);
}

export const hear = (lead: Lead): void => ears.forEach((ear) => ear.lead(lead));
export const missed = (): void => ears.forEach((ear) => ear.again());
