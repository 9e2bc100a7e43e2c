// The calls that this screen knows of: those under way, and those of the open dialog.
import { batch, computed, effect, signal } from "@preact/signals";
import { Refused, api } from "./api";
import { thread } from "./reading";
import { channels, project } from "./rows";
import type { Call } from "./wire";

const TRUNKS = new Set(["asterisk", "mango", "simulator"]);
/** A pop that nobody told the end of goes after this long. */
const RINGS = 15 * 60_000;

export const calls = signal<ReadonlyMap<string, Call>>(new Map());
/** Pops that this operator does not want to see any more. */
const hidden = signal<ReadonlySet<string>>(new Set());
/** Seconds of a live call are counted only while there is one. */
export const second = signal(Date.now());

/** Takes calls in whatever order they come; an older state never replaces a newer. */
export function learnCalls(told: readonly Call[]): void {
  const all = new Map(calls.peek());
  for (const call of told) if ((all.get(call.id)?.rev ?? -1) < call.rev) all.set(call.id, call);
  calls.value = all;
}

/** Those of a dialog, the newest first. */
export function callsIn(dialog: string): Call[] {
  return [...calls.value.values()].filter((call) => call.dialog === dialog).sort(newest);
}

const newest = (a: Call, b: Call): number => Date.parse(b.began_at) - Date.parse(a.began_at);

export const live = computed(() =>
  [...calls.value.values()].filter((call) => call.live && call.project === project.value).sort(newest),
);

/** Calls that come in right now, the oldest first, but those put aside. */
export const incoming = computed(() =>
  live.value
    .filter((call) => call.purpose === "incoming" && !hidden.value.has(call.id))
    .filter((call) => second.value - Date.parse(call.began_at) < RINGS)
    .reverse(),
);

export function hide(call: Call): void {
  hidden.value = new Set([...hidden.value, call.id]);
}

/** The call that is under way in the dialog. */
export function liveIn(dialog: string): Call | undefined {
  return callsIn(dialog).find((call) => call.live);
}

/** The newest call of the dialog that people have still to do something about. */
export function taskIn(dialog: string): Call | undefined {
  const last = callsIn(dialog).find((call) => call.purpose !== "test");
  return last && !last.live && last.task ? last : undefined;
}

/** Whether the project can call at all, as far as this operator sees its channels. */
export const hasTrunk = computed(() => channels.value.some((one) => TRUNKS.has(one.kind) && one.enabled));

async function read(what: () => Promise<{ items: Call[] }>): Promise<void> {
  try {
    learnCalls((await what()).items);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

/** Reads again what is under way, and what the open dialog is shown with. */
export function reloadCalls(): void {
  const where = project.peek();
  if (!where) return;
  const dialog = thread.peek()?.id;
  const open = [...calls.peek().values()].filter((call) => call.live && call.project === where);
  void read(async () => {
    const page = await api.calls(where, { live: "true" });
    const still = new Set(page.items.map((call) => call.id));
    // What ended unheard of is asked for by its id.
    const gone = open.filter((call) => !still.has(call.id));
    for (const call of gone) void read(async () => ({ items: [(await api.call(call)).call] }));
    return page;
  });
  if (dialog) void read(() => api.calls(where, { dialog }));
}

effect(() => {
  const where = project.value;
  batch(() => {
    calls.value = new Map();
    hidden.value = new Set();
  });
  if (where) void read(() => api.calls(where, { live: "true" }));
});

effect(() => {
  const dialog = thread.value?.id;
  const where = project.peek();
  if (dialog && where && dialog !== asked) void read(() => api.calls(where, { dialog }));
  asked = dialog;
});

let asked: string | undefined;
let ticking = 0;

effect(() => {
  const runs = live.value.length > 0;
  if (runs && !ticking) {
    second.value = Date.now();
    ticking = window.setInterval(() => {
      second.value = Date.now();
    }, 1_000);
  } else if (!runs && ticking) {
    clearInterval(ticking);
    ticking = 0;
  }
});
