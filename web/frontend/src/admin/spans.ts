// Hours of a day as people type them. A day is its open spans, 09:00–18:00; none is closed.
import type { Day, Schedule } from "./project";

export const ROUND: Day = ["00:00–24:00"];
export const USUAL: Day = ["09:00–18:00"];
/** A break that is put in is an hour long. */
const BREAK = 60;
const LEAST = 30;

/** The moment of a day that was meant: 9, 930, 9.30 and 9:30 are all times; null if it is none. */
export function clock(typed: string): string | null {
  const found = /^\s*(\d{1,2})(?:\s*[:.,\- ]?\s*(\d{2}))?\s*$/.exec(typed);
  const hour = Number(found?.[1] ?? 25);
  const minute = Number(found?.[2] ?? 0);
  if (!found || minute > 59 || hour > 24 || (hour === 24 && minute > 0)) return null;
  return `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
}

export function ends(span: string): [from: string, to: string] {
  const [from = "", to = ""] = span.split("–");
  return [from, to];
}

export const spanOf = (from: string, to: string): string => `${from}–${to}`;

/** The day with its times written out; what is none stays as it was typed. */
export function writtenOut(day: Day): Day {
  return day.map((span) => {
    const [from, to] = ends(span);
    return spanOf(clock(from) ?? from, clock(to) ?? to);
  });
}

const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

const told = (all: number): string =>
  `${String(Math.floor(all / 60)).padStart(2, "0")}:${String(all % 60).padStart(2, "0")}`;

/** The number of the first span that is none, or begins before the last has ended; else -1. */
export function faulty(day: Day): number {
  let since = 0;
  return day.findIndex((span, n) => {
    const [from, to] = ends(span);
    if (clock(from) !== from || clock(to) !== to) return true;
    const begins = minutes(from);
    if (begins >= minutes(to) || (n > 0 && begins <= since)) return true;
    since = minutes(to);
    return false;
  });
}

/** The place of the first thing that is wrong in a schedule, as the hub would name it; else "". */
export function wrongSpan(schedule: Schedule): string {
  const days: [string, Day][] = [
    ...schedule.week.map((day, n): [string, Day] => [`schedule.week.${n}`, day]),
    ...Object.entries(schedule.dates).map(([date, day]): [string, Day] => [`schedule.dates.${date}`, day]),
  ];
  for (const [place, day] of days) {
    const n = faulty(day);
    if (n >= 0) return `${place}.${n}`;
  }
  return "";
}

/** The day with a break in its longest span; the same where there is no room for one. */
export function withBreak(day: Day): Day {
  const read = day.map((span) => ends(span).map(clock) as [string | null, string | null]);
  const lengths = read.map(([from, to]) => (from && to ? minutes(to) - minutes(from) : 0));
  const longest = Math.max(0, ...lengths);
  const n = lengths.indexOf(longest);
  const [from, to] = read[n] ?? [null, null];
  if (!from || !to || longest < BREAK + 2 * LEAST) return day;
  // Lunch at one, where the day is long enough around it; else in the middle.
  const room = minutes(from) + LEAST <= 13 * 60 && 14 * 60 + LEAST <= minutes(to);
  const middle = (minutes(from) + minutes(to) - BREAK) / 2;
  const begins = room ? 13 * 60 : Math.round(middle / LEAST) * LEAST;
  return [
    ...day.slice(0, n),
    spanOf(from, told(begins)),
    spanOf(told(begins + BREAK), to),
    ...day.slice(n + 1),
  ];
}

/** Monday's hours from Tuesday to Friday too. */
export function asMonday(week: Day[]): Day[] {
  return week.map((day, n) => (n > 0 && n < 5 ? [...(week[0] ?? [])] : day));
}
