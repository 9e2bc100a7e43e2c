import type { Config } from "./wire";

type Counters = Window & {
  ym?: (...told: unknown[]) => void;
  gtag?: (...told: unknown[]) => void;
  dataLayer?: unknown[];
};

/** Tells the site's own counters that something was reached; a counter that fails harms nobody. */
export function reached(goals: Config["goals"], name: string): void {
  const { ym, gtag, dataLayer } = window as Counters;
  attempt(() => goals?.metrica && ym?.(Number(goals.metrica), "reachGoal", name));
  attempt(() => goals?.ga && gtag?.("event", name));
  attempt(() => goals?.data_layer && dataLayer?.push({ event: name }));
}

/** Asks Metrica who this is; its cookie is read where it does not answer. */
export function metricaClient(goals: Config["goals"], tell: (id: string) => void): void {
  attempt(() => goals?.metrica && (window as Counters).ym?.(Number(goals.metrica), "getClientID", tell));
}

function attempt(told: () => unknown): void {
  try {
    told();
  } catch {
    // The site's counter, the site's trouble.
  }
}
