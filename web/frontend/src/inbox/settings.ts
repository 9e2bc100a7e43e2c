import { computed, effect, signal } from "@preact/signals";
import texts from "catalogue";
import { type Lang, type Say, knows, speak } from "../texts";
import { Refused, api } from "./api";
import type { Presence } from "./wire";

export type Theme = "system" | "light" | "dark";

function stored<T extends string>(name: string, allowed: readonly T[], otherwise: T) {
  const found = localStorage.getItem(name);
  const value = signal<T>(allowed.find((one) => one === found) ?? otherwise);
  effect(() => localStorage.setItem(name, value.value));
  return value;
}

const shell: Lang = document.documentElement.lang.startsWith("en") ? "en" : "ru";

export const lang = stored<Lang>("otklik.lang", ["ru", "en"], shell);
export const theme = stored<Theme>("otklik.theme", ["system", "light", "dark"], "system");
export const presence = stored<Presence>("otklik.presence", ["online", "away"], "online");

const sayer = computed(() => speak(texts, lang.value));

/** The sentence in the operator's language; what renders with it follows a change of language. */
export const t: Say = (key, values) => sayer.value(key, values);

/** The first of the keys that has a sentence. */
export function first(...keys: string[]): string {
  const key = keys.find((one) => knows(texts, one));
  return key !== undefined && knows(texts, key) ? t(key) : (keys.at(-1) ?? "");
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
