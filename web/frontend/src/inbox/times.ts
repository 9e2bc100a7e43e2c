import { clock } from "./rows";
import { lang, t } from "./settings";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long ago, up to a day; then the date. */
export function ago(at: string): string {
  const passed = Math.max(0, clock.value - Date.parse(at));
  if (passed < MINUTE) return t("inbox.time.now");
  if (passed < HOUR) return t("inbox.time.minutes", { n: Math.floor(passed / MINUTE) });
  if (passed < DAY) return t("inbox.time.hours", { n: Math.floor(passed / HOUR) });
  return date(at);
}

export function date(at: string): string {
  return shape(at, { day: "numeric", month: "short" });
}

/** How long somebody waits and how bad that is. */
export function wait(since: string): { words: string; degree: "calm" | "warm" | "hot" } {
  const passed = Math.max(0, clock.value - Date.parse(since));
  const degree = passed < MINUTE ? "calm" : passed < 5 * MINUTE ? "warm" : "hot";
  if (passed < MINUTE) return { words: t("inbox.time.under_minute"), degree };
  if (passed < HOUR) return { words: t("inbox.time.minutes", { n: Math.floor(passed / MINUTE) }), degree };
  if (passed < DAY) return { words: t("inbox.time.hours", { n: Math.floor(passed / HOUR) }), degree };
  return { words: t("inbox.time.days", { n: Math.floor(passed / DAY) }), degree };
}

export function hours(at: string): string {
  return shape(at, { hour: "2-digit", minute: "2-digit" });
}

export function full(at: string): string {
  return shape(at, {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  });
}

/** A moment to come: by its day's name if that is near, else by its date. */
export function due(at: string): string {
  const then = new Date(clock.value);
  if (sameDay(at, then.toISOString())) return t("inbox.time.due_today", { time: hours(at) });
  then.setDate(then.getDate() + 1);
  if (sameDay(at, then.toISOString())) return t("inbox.row.tomorrow", { time: hours(at) });
  return shape(at, { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" });
}

/** Whether two moments are of one day where the operator is. */
export function sameDay(a: string, b: string): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

export function day(at: string): string {
  const now = new Date(clock.value);
  const then = new Date(at);
  if (then.toDateString() === now.toDateString()) return t("inbox.time.today");
  now.setDate(now.getDate() - 1);
  if (then.toDateString() === now.toDateString()) return t("inbox.time.yesterday");
  const year = then.getFullYear() === new Date(clock.value).getFullYear();
  return shape(at, { day: "numeric", month: "long", ...(year ? {} : { year: "numeric" as const }) });
}

function shape(at: string, how: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(lang.value, { hourCycle: "h23", ...how }).format(new Date(at));
}

export function size(bytes: number): string {
  const large = bytes >= 1024 * 1024;
  return new Intl.NumberFormat(lang.value, {
    style: "unit",
    unit: large ? "megabyte" : "kilobyte",
    unitDisplay: "short",
    maximumFractionDigits: large ? 1 : 0,
  }).format(large ? bytes / 1024 / 1024 : Math.max(1, bytes / 1024));
}

/** A length of sound, as players show it. */
export function seconds(all: number): string {
  const whole = Math.max(0, Math.floor(all));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
