import type { Key } from "../texts";
import { contrast } from "../widget/color";
import type { PrechatField, SiteSettings } from "./wire";

/** What is wrong, by the place in the settings: `color`, `messengers.0.url`. */
export type Troubles = ReadonlyMap<string, Key>;

const ORIGIN = /^https?:\/\/[^\s/?#@A-Z]+$/;
const LINK = /^https?:\/\/[^\s"'<>]{1,1000}$/;
const DOOR = /^(https:\/\/[^\s"'<>]{1,500}|(tg|viber|whatsapp):\/\/[^\s"'<>]{1,500})$/;
const SLUG = /^[a-z][a-z0-9_]{0,39}$/;
const SECRET_MIN = 16;
/** Less than this and the button is lost on a white page. */
const SEEN = 3;

/** All that a save would be refused for; the hub has the last word. */
export function check(site: SiteSettings): Troubles {
  const found = new Map<string, Key>();
  const say = (place: string, key: Key): void => {
    found.set(place, key);
  };
  if (!/^#[0-9a-f]{6}$/i.test(site.color)) say("color", "admin.wrong.color");
  if (site.phone && !/^\+[1-9][0-9]{6,14}$/.test(site.phone)) say("phone", "admin.wrong.phone");
  site.origins.forEach((origin, n) => {
    if (origin !== "*" && !ORIGIN.test(origin)) say(`origins.${n}`, "admin.wrong.origin");
  });
  site.messengers.forEach(({ url }, n) => {
    if (!DOOR.test(url)) say(`messengers.${n}.url`, "admin.wrong.door");
  });
  const names = site.prechat.fields.map((field) => field.name);
  site.prechat.fields.forEach((field, n) => {
    if (!field.label.trim() && !KNOWN.includes(field.name)) say(`prechat.fields.${n}.label`, "admin.wrong.label");
    if (!SLUG.test(field.name)) say(`prechat.fields.${n}.name`, "admin.wrong.slug");
    else if (names.indexOf(field.name) < n) say(`prechat.fields.${n}.name`, "admin.wrong.twice");
    if (field.kind === "select" && field.options.length === 0)
      say(`prechat.fields.${n}.options`, "admin.wrong.options");
  });
  if (site.prechat.enabled && names.length === 0) say("prechat", "admin.wrong.no_fields");
  for (const { purpose, url } of site.consents)
    if (url && !LINK.test(url)) say(`consents.${purpose}.url`, "admin.wrong.link");
  if (!/^[0-9]{0,12}$/.test(site.goals.metrica)) say("goals.metrica", "admin.wrong.counter");
  const { identity_secret: secret } = site;
  const long = typeof secret === "string" ? secret.length >= SECRET_MIN : secret.set;
  if (site.identity !== "off" && !long) say("identity_secret", "admin.wrong.secret");
  return found;
}

/** The fields that fill in the contact by themselves. */
export const KNOWN = ["name", "phone", "email"];

/** A name for one more field that none of the others has. */
export function freeName(fields: PrechatField[], own = false): string {
  const taken = new Set(fields.map((field) => field.name));
  for (const name of [...(own ? [] : KNOWN), "question"]) if (!taken.has(name)) return name;
  for (let n = 2; ; n += 1) if (!taken.has(`question_${n}`)) return `question_${n}`;
}

/** How the colour is seen: its letters, how clear they are, and a darker one if a white page swallows it. */
export function judge(color: string): { ink: string; letters: number; paper: number; better: string } | null {
  if (!/^#[0-9a-f]{6}$/i.test(color)) return null;
  const ink = contrast(color, "#ffffff") >= 4.5 ? "#ffffff" : "#000000";
  const paper = contrast(color, "#ffffff");
  return { ink, letters: contrast(color, ink), paper, better: paper < SEEN ? darker(color) : "" };
}

function darker(color: string): string {
  const parts = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  for (let share = 0.98; share > 0; share -= 0.02) {
    const tried = `#${parts.map((part) => Math.round(part * share).toString(16).padStart(2, "0")).join("")}`;
    if (contrast(tried, "#ffffff") >= SEEN) return tried;
  }
  return "#000000";
}

/** An address as people paste it, as an origin; what cannot be one stays as it is. */
export function originOf(pasted: string): string {
  const text = pasted.trim();
  if (text === "*" || text === "") return text;
  try {
    const url = new URL(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`);
    return url.hostname ? url.origin : text;
  } catch {
    return text;
  }
}

/** A phone as people write it, as +79123456789; eight at the beginning is Russia's own. */
export function phoneOf(typed: string): string {
  const digits = typed.replace(/\D/g, "");
  if (!digits) return "";
  if (!typed.trim().startsWith("+") && digits.length === 11 && digits.startsWith("8"))
    return `+7${digits.slice(1)}`;
  return `+${digits}`;
}

/** The hub's own name for a place, settings.messengers[0].url, as ours. */
export function placeOf(field: string, site: SiteSettings): string {
  const place = field.replace(/^\$?\.?settings\.?/, "").replace(/\[(\d+)\]/g, ".$1");
  const consent = /^consents\.(\d+)(.*)$/.exec(place);
  const purpose = consent ? site.consents[Number(consent[1])]?.purpose : undefined;
  return purpose ? `consents.${purpose}${consent?.[2]}` : place;
}
