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
/** Whether it is still to be seen what there is. */
export const awaited = signal(true);
let asked = 0;

/** The one that makes calls by that script. */
export function trunkFor({ first, connect }: Script): Trunk | null {
  const all = trunks.value?.items ?? [];
  return all.find(({ scenarios }) => scenarios.includes(`${first}:${connect}`)) ?? all[0] ?? null;
}

export async function loadTrunks(): Promise<void> {
  const id = project.value;
  const mine = (asked += 1);
  try {
    const found = await telephony.trunks(id);
    if (asked === mine) trunks.value = found;
    if (asked === mine) awaited.value = false;
    const said = await telephony.voice(id);
    if (asked === mine) voice.value = said;
  } catch (error) {
    // The page goes on without: nothing is offered that nobody knows of.
    if (!(error instanceof Refused)) throw error;
    if (asked === mine) awaited.value = false;
  }
}

/** Has them read when the page is shown. */
export function useTrunks(): Trunks | null {
  useEffect(() => {
    trunks.value = null;
    awaited.value = true;
    void loadTrunks();
  }, [project.value]);
  return trunks.value;
}
