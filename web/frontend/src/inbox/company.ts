import { effect, signal } from "@preact/signals";
import * as live from "./live";
import { clock, me } from "./rows";
import type { Looker } from "./wire";

/** A look lasts this long without being renewed; the hub forgets it after the same time. */
const LOOK = 45_000;
const RENEW = 20_000;
const WRITES = 5_000;

/** That somebody looks, or that they turned away, and when this screen came to know of it. */
type Looks = ReadonlyMap<string, Looker & { at: number; here: boolean }>;

const looks = signal<ReadonlyMap<string, Looks>>(new Map());
/** The dialog that is open on this screen. */
export const before = signal<string | null>(null);
const writers = signal<ReadonlyMap<string, string>>(new Map());
const ends = new Map<string, number>();

/** The other operators who have this dialog before them. */
export function here(dialog: string): Looker[] {
  const all = looks.value.get(dialog);
  return all ? [...all.values()].filter((look) => look.here && look.at + LOOK > clock.value) : [];
}

/** The name of the operator who is writing there, empty if nobody is. */
export function writer(dialog: string): string {
  return writers.value.get(dialog) ?? "";
}

/** Who is there by an answer to what was asked at that moment; what was heard since is newer. */
export function setHere(dialog: string, all: Looker[], asked: number): void {
  const at = Date.now();
  const since = [...(looks.value.get(dialog) ?? [])].filter(([, look]) => look.at >= asked);
  const told = all.map((one) => [one.operator, { ...one, at, here: true }] as const);
  looks.value = new Map(looks.value).set(dialog, new Map([...told, ...since]));
}

/** Somebody turned to the dialog or away from it. */
export function showLooking(look: Looker & { dialog: string; here: boolean }): void {
  const { dialog, operator, name } = look;
  if (operator === me.value?.operator.id) return;
  const fresh = new Map(looks.value.get(dialog));
  fresh.set(operator, { operator, name, at: Date.now(), here: look.here });
  looks.value = new Map(looks.value).set(dialog, fresh);
}

export function showWriting(dialog: string, name: string): void {
  writers.value = new Map(writers.value).set(dialog, name);
  clearTimeout(ends.get(dialog));
  ends.set(
    dialog,
    window.setTimeout(() => stopWriting(dialog), WRITES),
  );
}

export function stopWriting(dialog: string): void {
  if (!writers.value.has(dialog)) return;
  const rest = new Map(writers.value);
  rest.delete(dialog);
  writers.value = rest;
}

let told: string | null = null;

/** Says which dialog is before this operator's eyes; a hidden tab looks at none. */
function look(again: boolean): void {
  const dialog = document.visibilityState === "visible" ? before.peek() : null;
  if (dialog === told && !again) return;
  told = dialog;
  live.tell({ t: "looking", dialog });
}

// Each new socket is told anew, since the hub forgets with the old one.
effect(() => {
  const open = before.value;
  if (live.light.value === "on" && me.value && (open !== null || told !== null)) look(true);
});
document.addEventListener("visibilitychange", () => look(false));
window.setInterval(() => {
  if (told !== null) look(true);
}, RENEW);
