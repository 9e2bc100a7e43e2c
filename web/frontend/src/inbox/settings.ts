import { type Signal, computed, effect, signal } from "@preact/signals";
import texts from "catalogue";
import { type Lang, type Say, type Texts, knows, speak } from "../texts";
import { Refused, api } from "./api";
import type { Presence } from "./wire";

export type Theme = "system" | "light" | "dark";
export type Density = "comfortable" | "dense";
export type Switch = "on" | "off";
export type Rings = "new" | "message" | "transfer" | "call";

/** A choice that this browser remembers and its other tabs follow. */
function stored<T extends string>(name: string, allowed: readonly T[], otherwise: T): Signal<T> {
  const known = (found: string | null): T => allowed.find((one) => one === found) ?? otherwise;
  const value = signal<T>(known(localStorage.getItem(name)));
  effect(() => localStorage.setItem(name, value.value));
  window.addEventListener("storage", (event) => {
    if (event.key === name) value.value = known(event.newValue);
  });
  return value;
}

const SWITCH = ["on", "off"] as const;

const shell: Lang = document.documentElement.lang.startsWith("en") ? "en" : "ru";

export const lang = stored<Lang>("otklik.lang", ["ru", "en"], shell);
export const theme = stored<Theme>("otklik.theme", ["system", "light", "dark"], "system");
export const presence = stored<Presence>("otklik.presence", ["online", "away"], "online");
export const density = stored<Density>("otklik.density", ["comfortable", "dense"], "comfortable");
/** Whether single letters do things; the arrows and Ctrl+K always do. */
export const letters = stored<Switch>("otklik.letters", SWITCH, "on");

/** What is heard and shown of what comes in. */
export const ringing = {
  new: stored<Switch>("otklik.ring.new", SWITCH, "on"),
  message: stored<Switch>("otklik.ring.message", SWITCH, "on"),
  transfer: stored<Switch>("otklik.ring.transfer", SWITCH, "on"),
  call: stored<Switch>("otklik.ring.call", SWITCH, "on"),
  repeat: stored<Switch>("otklik.ring.repeat", SWITCH, "off"),
  notices: stored<Switch>("otklik.ring.notices", SWITCH, "off"),
  of: stored("otklik.ring.of", ["ours", "mine", "free", "all"] as const, "ours"),
  /** Whether this browser's sounds were set up or put off. */
  asked: stored<Switch>("otklik.ring.asked", SWITCH, "off"),
  volume: stored("otklik.ring.volume", ["0", "25", "50", "75", "100"] as const, "50"),
};

const known = signal<Texts>(texts);
const sayer = computed(() => speak(known.value, lang.value));

/** Makes the sentences that a lazy part brings speakable. */
export function addTexts(more: Texts): void {
  const now = known.value;
  known.value = { ru: { ...now.ru, ...more.ru }, en: { ...now.en, ...more.en } };
}

/** The sentence in the operator's language; what renders with it follows a change of language. */
export const t: Say = (key, values) => sayer.value(key, values);

/** The first of the keys that has a sentence. */
export function first(...keys: string[]): string {
  const key = keys.find((one) => knows(known.value, one));
  return key !== undefined && knows(known.value, key) ? t(key) : (keys.at(-1) ?? "");
}

/** The refusal in words, to stand alone. */
export function refusal(code: string): string {
  const words = first(`error.${code}`, "error.refused");
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

effect(() => {
  document.documentElement.lang = lang.value;
});
effect(() => {
  document.documentElement.dataset.theme = theme.value;
});
effect(() => {
  document.documentElement.dataset.density = density.value;
});

export async function setLang(to: Lang): Promise<void> {
  lang.value = to;
  try {
    await api.change({ lang: to });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

export async function setPresence(to: Presence): Promise<void> {
  presence.value = to;
  await api.setPresence(to).catch(() => {});
}
