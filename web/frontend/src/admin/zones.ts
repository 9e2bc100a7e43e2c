// Zones of the clock in people's words.

/** From west to east; first for those who choose, since most live there. */
export const RUSSIA = [
  "Europe/Kaliningrad",
  "Europe/Moscow",
  "Europe/Samara",
  "Europe/Saratov",
  "Asia/Yekaterinburg",
  "Asia/Omsk",
  "Asia/Novosibirsk",
  "Asia/Krasnoyarsk",
  "Asia/Irkutsk",
  "Asia/Yakutsk",
  "Asia/Vladivostok",
  "Asia/Magadan",
  "Asia/Kamchatka",
];

/** Every other zone the browser knows. */
export function others(): string[] {
  return Intl.supportedValuesOf("timeZone").filter((zone) => !RUSSIA.includes(zone));
}

function part(zone: string, lang: string, how: Intl.DateTimeFormatOptions["timeZoneName"], at: Date): string {
  const parts = new Intl.DateTimeFormat(lang, { timeZone: zone, timeZoneName: how }).formatToParts(at);
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
}

/** How far its clock is from UTC then, +7; "" for a zone the browser does not know. */
export function offset(zone: string, at = new Date()): string {
  try {
    return part(zone, "en", "shortOffset", at).replace(/^(GMT|UTC)/, "") || "+0";
  } catch {
    return "";
  }
}

/** What the clock on the wall reads there, 06:10. */
export function wall(zone: string, at: Date | string): string {
  try {
    const how = { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
    return new Intl.DateTimeFormat("ru", how).format(new Date(at));
  } catch {
    return "";
  }
}

/** The date there then, 2026-03-02. */
export function dateIn(zone: string, at: Date | string): string {
  try {
    return new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date(at));
  } catch {
    return new Date(at).toISOString().slice(0, 10);
  }
}

/** The day after so many, of a date without a clock. */
export function later(date: string, days: number): string {
  return new Date(Date.parse(`${date}T12:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** Monday is 0. */
export function weekday(date: string): number {
  return (new Date(`${date}T12:00:00Z`).getUTCDay() + 6) % 7;
}

/** 1 January, with the year where it is another than now. */
export function named(date: string, lang: string, more: Intl.DateTimeFormatOptions = {}): string {
  const year = date.slice(0, 4) === String(new Date().getFullYear()) ? {} : { year: "numeric" as const };
  const how = { timeZone: "UTC", day: "numeric", month: "long", ...year, ...more } as const;
  return new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, how).format(new Date(`${date}T12:00:00Z`));
}
