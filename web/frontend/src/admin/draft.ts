// A project's settings while they are being changed, on all their pages together.
import { batch, computed, signal } from "@preact/signals";
import { Refused } from "../inbox/api";
import { project, tell } from "../inbox/rows";
import { calendar } from "../inbox/trouble";
import { calls } from "./calls";
import { type State, differing, refused, saved, saving } from "./editing";
import type { Policy, Project, ProjectChange } from "./project";
import { emptied } from "./typed";
import { first } from "./words";

export const state = signal<State>("loading");
/** As the hub has it. */
export const kept = signal<Project | null>(null);
export const draft = signal<Project | null>(null);

emptied(() =>
  batch(() => {
    kept.value = draft.value = null;
    state.value = "loading";
  }),
);

export const changes = computed<ProjectChange | null>(() => {
  const before = kept.value;
  const now = draft.value;
  if (!before || !now) return null;
  const changed: ProjectChange = differing(before, now);
  return Object.keys(changed).length ? changed : null;
});

export function put(change: ProjectChange): void {
  const now = draft.value;
  if (!now) return;
  batch(() => {
    draft.value = { ...now, ...change };
    saved.value = false;
    const [part = ""] = refused.value?.place.split(".") ?? [];
    if (part in change) refused.value = null;
  });
}

/** Changes one part of the rules. */
export function rule<K extends keyof Policy>(name: K, change: Partial<Policy[K]>): void {
  const now = draft.value?.policy;
  if (now) put({ policy: { ...now, [name]: { ...now[name], ...change } } });
}

/** Reads it anew, unless something of it is being changed. */
export async function load(): Promise<void> {
  const id = project.value;
  if (kept.value?.id === id && changes.value) return;
  if (kept.value?.id !== id)
    batch(() => {
      kept.value = draft.value = null;
      state.value = "loading";
    });
  try {
    const found = await calls.project(id);
    // What was saved while it was read is newer than what was read.
    const older = kept.value?.id === id && kept.value.rev > found.rev;
    if (project.value === id && !changes.value && !older) show(found);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (!kept.value) state.value = error.problem.status === 404 ? "missing" : "failed";
  }
}

export function show(found: Project): void {
  batch(() => {
    calendar.value = found.calendar_missing;
    kept.value = draft.value = found;
    state.value = "ready";
    refused.value = null;
  });
}

/** What somebody else, or the calendar of a year, has changed; what is being edited stays over it. */
export function takeOver(found: Project): void {
  keepOver(found, kept.value);
}

/** Takes it as the hub has it now, with what was typed since `before` over it. */
function keepOver(found: Project, before: Project | null): void {
  const now = draft.value;
  if (project.value !== found.id || now?.id !== found.id) return;
  const mine = before ? differing(before, now) : {};
  show(found);
  draft.value = { ...found, ...mine };
}

export function drop(): void {
  // What I began from is no more, if somebody else has saved it.
  const overtaken = refused.value?.overtaken;
  if (kept.value) show(kept.value);
  if (overtaken) void load();
}

/** Saves all that has changed; false if it was refused, and `refused` says where. */
export async function save(): Promise<boolean> {
  const before = kept.value;
  const change = changes.value;
  const sent = draft.value;
  if (!before || !change || saving.value) return true;
  saving.value = true;
  try {
    keepOver(await calls.changeProject(before.id, before.rev, change), sent);
    saved.value = true;
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { code, field } = error.problem;
    refused.value = {
      place: field && error.problem.status === 400 ? placeOf(field) : "form",
      words: field && error.problem.status === 400
        ? first(`admin.wrong.${code}`, "admin.wrong.value")
        : first(`admin.refused.project.${code}`, `error.${code}`, "error.refused"),
      overtaken: code === "changed",
    };
    return false;
  } finally {
    saving.value = false;
  }
}

/** Somebody else has saved meanwhile: theirs is taken, and mine put over it for one more look. */
export async function takeTheirs(): Promise<void> {
  await calls.project(project.value).then(takeOver, tell);
}

/** The hub's own name for a place, $.schedule.week[0][1], as ours. */
export const placeOf = (field: string): string =>
  field.replace(/^\$?\.?/, "").replace(/\[(\d+)\]/g, ".$1");
