// One channel's settings while they are being changed; kept while the person looks elsewhere.
import { batch, computed, signal } from "@preact/signals";
import { Refused, api } from "../inbox/api";
import { project, tell } from "../inbox/rows";
import type { ChannelChange, ChannelSettings, SiteSettings } from "./wire";
import { type Troubles, check, placeOf } from "./checks";
import { emptied } from "./typed";
import { first, t } from "./words";

export type State = "loading" | "failed" | "missing" | "ready";

export const state = signal<State>("loading");
/** As the hub has it. */
export const kept = signal<ChannelSettings | null>(null);
export const name = signal("");
export const site = signal<SiteSettings | null>(null);
export const saving = signal(false);
export const saved = signal(false);
interface Refusal {
  /** A field's, or "form" where it is none of them. */
  place: string;
  words: string;
  /** Somebody else has saved it meanwhile. */
  overtaken?: boolean;
}

/** What the last save was refused for. */
export const refused = signal<Refusal | null>(null);
/** The channel that was asked for last. */
let asked = "";
emptied(() =>
  batch(() => {
    kept.value = site.value = null;
    state.value = "loading";
  }),
);

/** Nothing is called wrong before the person tried to save it. */
const tried = signal(false);

export const troubles = computed<Troubles>(() =>
  tried.value && site.value ? check(site.value) : new Map(),
);
export const changes = computed<ChannelChange | null>(() => {
  const before = kept.value;
  const now = site.value;
  if (!before || !now) return null;
  const settings = differing(before.settings, now);
  const change: ChannelChange = {};
  if (Object.keys(settings).length) change.settings = settings;
  if (name.value.trim() && name.value.trim() !== before.name) change.name = name.value.trim();
  return change.name || change.settings ? change : null;
});

/** The parts that differ, as they are now. */
export function differing<T extends object>(before: T, now: T): Partial<T> {
  const parts = Object.keys(now) as (keyof T)[];
  const other = parts.filter((part) => JSON.stringify(now[part]) !== JSON.stringify(before[part]));
  return Object.fromEntries(other.map((part) => [part, now[part]])) as Partial<T>;
}

/** What is wrong at a place, in words. */
export function wrong(place: string): string {
  const key = troubles.value.get(place);
  if (key) return t(key);
  return refused.value?.place === place ? refused.value.words : "";
}

export function put<K extends keyof SiteSettings>(key: K, value: SiteSettings[K]): void {
  const now = site.value;
  if (!now) return;
  batch(() => {
    site.value = { ...now, [key]: value };
    saved.value = false;
    if (refused.value?.place.split(".")[0] === key) refused.value = null;
  });
}

export async function load(channel: string): Promise<void> {
  if (kept.value?.id === channel && changes.value) return;
  if (kept.value?.id !== channel)
    batch(() => {
      kept.value = null;
      site.value = null;
      state.value = "loading";
    });
  asked = channel;
  try {
    const view = await api.channelSettings(project.value, channel);
    if (asked === channel && !changes.value) show(view);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (asked === channel && !kept.value) state.value = error.problem.status === 404 ? "missing" : "failed";
  }
}

export function show(view: ChannelSettings): void {
  batch(() => {
    kept.value = view;
    name.value = view.name;
    site.value = view.settings;
    state.value = "ready";
    tried.value = false;
    refused.value = null;
  });
}

/** Who fetched the chat, told anew; what is being edited stays. */
export async function lookAgain(): Promise<void> {
  const before = kept.value;
  if (!before) return;
  const view = await api.channelSettings(project.value, before.id).catch(() => null);
  if (view && kept.value?.id === view.id)
    kept.value = { ...kept.value, seen: view.seen, refused: view.refused };
}

export function drop(): void {
  const before = kept.value;
  if (!before) return;
  // What I began from is no more, if somebody else has saved it.
  const overtaken = refused.value?.overtaken;
  show(before);
  if (overtaken) void load(before.id);
}

/** Puts parts of it on the form again. */
export function takeBack({ name: called, settings }: { name?: string; settings: object }): void {
  const now = site.value;
  if (!now) return;
  batch(() => {
    site.value = { ...now, ...settings };
    name.value = called ?? name.value;
    saved.value = false;
  });
}

/** Somebody else has saved meanwhile: theirs is taken, and mine put over it for one more look. */
export async function takeTheirs(): Promise<void> {
  const before = kept.value;
  if (!before) return;
  const theirs = await api.channelSettings(project.value, before.id).catch(tell);
  if (theirs && kept.value?.id === theirs.id) keepOver(theirs, before);
}

/** Takes it as the hub has it now, with what was typed since `before` over it. */
function keepOver(view: ChannelSettings, before: Pick<ChannelSettings, "name" | "settings">): void {
  const now = site.value;
  if (!now) return;
  const mine = differing(before.settings, now);
  const called = name.value === before.name ? view.name : name.value;
  batch(() => {
    show(view);
    name.value = called;
    site.value = { ...view.settings, ...mine };
  });
}

/** The place of the first thing that is wrong, or nothing once it is saved. */
export async function save(): Promise<string> {
  const before = kept.value;
  const change = changes.value;
  if (!before || !change || saving.value) return "";
  tried.value = true;
  const [place] = troubles.value.keys();
  if (place !== undefined) return place;
  const sent = { name: name.value, settings: site.value ?? before.settings };
  return send(before, { ...change, rev: before.rev }, sent);
}

/** Changes one thing at once, past what else is being edited. */
export async function apply(change: ChannelChange): Promise<void> {
  const before = kept.value;
  if (!before) return;
  // To switch it on or off undoes nothing that somebody else has saved.
  await send(before, change.settings ? { ...change, rev: before.rev } : change, before);
}

/** It as it is now; what others have saved since it was read stays to be taken or gone over. */
export function since<S>(view: ChannelSettings<S>, before: ChannelSettings<S>): ChannelSettings<S> {
  if (view.rev <= before.rev + 1) return view;
  return { ...view, rev: before.rev, name: before.name, settings: before.settings };
}

/** Sends it; what differs from `sent` by then was typed meanwhile, or is not sent, and stays. */
async function send(
  before: ChannelSettings,
  change: ChannelChange,
  sent: Pick<ChannelSettings, "name" | "settings">,
): Promise<string> {
  saving.value = true;
  try {
    const view = await api.changeChannel(project.value, before.id, change);
    if (kept.value?.id !== before.id || !site.value) return "";
    batch(() => {
      keepOver(since(view, before), sent);
      // One thing that was changed at once is as it was just changed.
      if (sent === before && site.value) site.value = { ...site.value, ...change.settings };
      saved.value = true;
    });
    return "";
  } catch (error) {
    if (!(error instanceof Refused) || !site.value) throw error;
    const { code, field } = error.problem;
    const place = field ? placeOf(field, site.value) : "form";
    const words =
      place === "form"
        ? first(`admin.refused.${code}`, `error.${code}`, "error.refused")
        : t("admin.wrong.value");
    refused.value = { place, words, overtaken: code === "changed" };
    return place;
  } finally {
    saving.value = false;
  }
}
