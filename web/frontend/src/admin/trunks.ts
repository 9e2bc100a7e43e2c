// The trunks of the project and its voice, read once by every page that shows them.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Refused } from "../inbox/api";
import { project } from "../inbox/rows";
import type { Script, Trunk, Trunks } from "./script";
import { type Voice, telephony } from "./telephony";

/** Null until they are known. */
export const trunks = signal<Trunks | null>(null);
export const voice = signal<Voice | null>(null);

/** The one that makes calls by that script. */
export function trunkFor({ first, connect }: Script): Trunk | null {
  const all = trunks.value?.items ?? [];
  return all.find(({ scenarios }) => scenarios.includes(`${first}:${connect}`)) ?? all[0] ?? null;
}

export async function loadTrunks(): Promise<void> {
  const id = project.value;
  try {
    const found = await telephony.trunks(id);
    if (project.value === id) trunks.value = found;
    const said = await telephony.voice(id);
    if (project.value === id) voice.value = said;
  } catch (error) {
    // The page goes on without: nothing is offered that nobody knows of.
    if (!(error instanceof Refused)) throw error;
  }
}

/** Has them read when the page is shown. */
export function useTrunks(): Trunks | null {
  useEffect(() => {
    trunks.value = null;
    void loadTrunks();
  }, [project.value]);
  return trunks.value;
}
