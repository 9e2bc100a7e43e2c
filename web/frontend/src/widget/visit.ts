import type { Shelf } from "./shelf";

type Utm = Record<string, string>;

/** The way of a visitor through the site, kept between pages. */
interface Trail {
  first: { utm: Utm; page: string; referrer: string; at: string };
  last: { utm: Utm; yclid: string; gclid: string };
  entry: string;
  pages: number;
  seen: number;
}

const TRAIL = "trail";
/** A visit is over after so long without a new page. */
const PAUSE = 30 * 60_000;

/** Notes the page that was just come to: the first touch stays, a campaign replaces the last one. */
export function tread(shelf: Shelf, now = Date.now()): void {
  const query = new URLSearchParams(location.search);
  const utm: Utm = {};
  for (const [name, value] of query)
    if (/^utm_\w{1,20}$/.test(name)) utm[name] = value.slice(0, 200);
  const click = (name: string): string => query.get(name)?.slice(0, 200) ?? "";
  const last = { utm, yclid: click("yclid"), gclid: click("gclid") };
  const page = here();
  const known = shelf.read<Trail>(TRAIL);
  const trail: Trail = known?.first
    ? known
    : {
        first: { utm, page, referrer: document.referrer.slice(0, 2000), at: new Date(now).toISOString() },
        last,
        entry: page,
        pages: 0,
        seen: now,
      };
  if (Math.abs(now - trail.seen) > PAUSE) {
    trail.entry = page;
    trail.pages = 0;
  }
  trail.pages += 1;
  trail.seen = now;
  if (Object.keys(utm).length || last.yclid || last.gclid) trail.last = last;
  shelf.write(TRAIL, trail);
}

export function here(): string {
  return location.href.slice(0, 2000);
}

/** What is told of the visit to the hub; cookies of counters are read, never written. */
export function visit(shelf: Shelf, metrica: string): object {
  const trail = shelf.read<Trail>(TRAIL);
  return {
    page: here(),
    title: document.title.slice(0, 300),
    referrer: document.referrer.slice(0, 2000),
    lang: navigator.language,
    zone: zone(),
    utm: trail?.last.utm ?? {},
    first: trail?.first ?? null,
    entry_page: trail?.entry ?? here(),
    yclid: trail?.last.yclid ?? "",
    gclid: trail?.last.gclid ?? "",
    ym_client_id: metrica || cookie("_ym_uid"),
    ga_client_id: cookie("_ga").split(".").slice(-2).join("."),
    pages: trail?.pages ?? 1,
    device: device(),
  };
}

export function zone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
}

export function device(): "phone" | "tablet" | "pc" {
  if (!matchMedia("(pointer: coarse)").matches) return "pc";
  return Math.min(screen.width, screen.height) < 600 ? "phone" : "tablet";
}

function cookie(name: string): string {
  try {
    const found = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
    return decodeURIComponent(found?.slice(name.length + 1) ?? "").slice(0, 100);
  } catch {
    return "";
  }
}
