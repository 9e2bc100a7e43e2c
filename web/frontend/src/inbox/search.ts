import { computed, effect, signal } from "@preact/signals";
import { Refused, api } from "./api";
import { dialogs, learn, me, project } from "./rows";
import type { Hit } from "./wire";

/** Typing faster than this asks once. */
const PAUSE = 250;

export interface Findings {
  query: string;
  hits: Hit[];
  next: string | null;
  lookedBackTo: string | null;
  state: "loading" | "ready" | "failed";
  /** Why the last question was refused. */
  code: string;
}

const NONE: Findings = {
  query: "",
  hits: [],
  next: null,
  lookedBackTo: null,
  state: "ready",
  code: "",
};

export const query = signal("");
export const findings = signal<Findings>(NONE);
export const searching = computed(() => query.value.trim() !== "");

let pause = 0;
let question = 0;

export function type(words: string): void {
  query.value = words;
  clearTimeout(pause);
  if (words.trim()) {
    if (!findings.value.hits.length) findings.value = { ...findings.value, state: "loading" };
    pause = window.setTimeout(ask, PAUSE);
  } else leaveSearch();
}

export function leaveSearch(): void {
  clearTimeout(pause);
  question += 1;
  query.value = "";
  findings.value = NONE;
}

/** Asks for what is typed, or for the next page of it. */
export async function ask({ more = false } = {}): Promise<void> {
  const words = query.value.trim();
  const before = findings.value;
  if (more && (before.next === null || before.state === "loading" || before.query !== words)) return;
  clearTimeout(pause);
  if (!words) return;
  const mine = (question += 1);
  findings.value = { ...before, state: "loading" };
  try {
    const page = await api.search(project.value, words, more ? before.next : null);
    if (mine !== question) return;
    learn(page.items.map((hit) => hit.dialog));
    findings.value = {
      query: words,
      hits: more ? [...before.hits, ...page.items] : page.items,
      next: page.next,
      lookedBackTo: page.looked_back_to,
      state: "ready",
      code: "",
    };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (mine !== question) return;
    const kept = more ? before : { ...NONE, query: words };
    findings.value = { ...kept, state: "failed", code: error.problem.code };
  }
}

/** The dialog of a hit as it now stands. */
export function dialogOf(hit: Hit): Hit["dialog"] {
  return dialogs.value.get(hit.dialog.id) ?? hit.dialog;
}

// What was found belongs to the project that was searched, and to who searched it.
const scope = computed(() => `${me.value?.operator.id} ${project.value}`);
effect(() => {
  void scope.value;
  leaveSearch();
});
