// What the lines of a log and a lead say of calls to come: who or which rule, when, and why.
import { isOfCall } from "./callgroups";
import { saidOfDial, saidOfResult } from "./callsaid";
import { phone } from "./names";
import { clock } from "./rows";
import { first, lang, t } from "./settings";
import { due, hours } from "./times";
import type { Dialog, Entry, Lead } from "./wire";

const NAMED = ["connection", "automation", "own", "bot"] as const;

/** What the rule is called; one that nobody named is the project's. */
export function ruleName(rule: string, name = ""): string {
  const kind = NAMED.find((one) => rule.startsWith(`${one}:`));
  if (name) return t(kind ? `inbox.rule.${kind}` : "inbox.rule.named", { name });
  if (rule === "form") return t("inbox.rule.form");
  const known = first(`inbox.rule.${rule}`, "");
  return known ? t("inbox.rule.named", { name: known }) : t("inbox.rule.other");
}

/** Who did it: a person by the name, a rule by its own. */
export function doer(entry: Entry): string {
  if (entry.author.kind === "operator") return entry.author.name;
  const rule = entry.data.rule ?? (entry.author.kind === "rule" ? entry.author.id : "");
  return rule ? ruleName(rule, entry.author.name || (entry.data.name ?? "")) : "";
}

/** The zone that the browser of the person says; one that hides where it is says UTC. */
export function clockOf({ visit }: Dialog): string[] {
  return visit.zone.includes("/") && !visit.zone.startsWith("Etc/") ? [visit.zone] : [];
}

/** What time it is where the person is, and where that is: «06:10, Владивосток». */
export function theirs(at: string, zones: readonly string[]): string {
  const walls = [...new Set(zones.map((zone) => wall(at, zone)).filter(Boolean))];
  const [one] = zones;
  if (!one || !walls.length) return "";
  if (walls.length > 1) return `${walls[0]}–${walls.at(-1)}`;
  return [walls[0], place(one)].filter(Boolean).join(", ");
}

function wall(at: string, zone: string): string {
  return parts(at, zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
    .filter(({ type }) => type === "hour" || type === "literal" || type === "minute")
    .map(({ value }) => value)
    .join("");
}

/** The city that the zone is named for; browsers have no Russian names of them. */
function place(zone: string): string {
  const city = zone.split("/").at(-1) ?? "";
  return first(`inbox.zone.${city.toLowerCase()}`, "") || (lang.value === "en" ? city.replaceAll("_", " ") : "");
}

function parts(at: string, zone: string, how: Intl.DateTimeFormatOptions): Intl.DateTimeFormatPart[] {
  try {
    return new Intl.DateTimeFormat(lang.value, { timeZone: zone, ...how }).formatToParts(new Date(at));
  } catch {
    // A zone that this browser does not know.
    return [];
  }
}

/** The same moment on the person's wall, unless that reads as the operator's own. */
export function thereAt(at: string, zones: readonly string[]): string {
  const there = theirs(at, zones);
  return there && !there.startsWith(hours(at)) ? t("inbox.call.there", { time: there }) : "";
}

/** What a line about calls says. */
export function saidOfCall(entry: Entry): string {
  const { data } = entry;
  const who = doer(entry);
  const number = phone(data.phone ?? "");
  const at = data.at ? due(data.at) : "";
  switch (entry.verb) {
    case "planned":
      if (entry.author.kind === "operator")
        return at
          ? t("inbox.call.by_hand_at", { name: who, phone: number, at })
          : t("inbox.call.by_hand", { name: who, phone: number });
      return at && data.chosen
        ? t("inbox.call.chosen", { phone: number, at })
        : t("inbox.call.wanted", { name: who || t("inbox.rule.other"), phone: number });
    case "call":
      if (isOfCall(entry)) return saidOfDial(entry);
      return data.do ? decided(entry, at) : became(entry, at);
    case "routed":
      return routed(entry);
    case "left":
      return t("inbox.call.left", {
        phone: number,
        channel: first(`kind.${data.messenger ?? ""}`, data.messenger ?? ""),
      });
    case "potential":
      return t("inbox.call.potential", { phone: number });
    case "refused":
      return refused(entry);
    case "spam":
      return entry.author.kind === "operator"
        ? t("inbox.call.spam", { name: who })
        : t("inbox.call.spam_rule", { name: who || t("inbox.rule.other") });
    case "unspam":
      return t("inbox.call.unspam", { name: who });
    default:
      return "";
  }
}

/** What an operator decided about a call. */
function decided(entry: Entry, at: string): string {
  const { data } = entry;
  const name = doer(entry);
  switch (data.do) {
    case "move":
      return t("inbox.call.moved", { name, at });
    case "automatic":
      return t("inbox.call.automatic", { name });
    case "result":
      return saidOfResult(entry);
    case "correct":
      return t("inbox.call.corrected_by", { name, phone: phone(data.phone ?? "") });
    default:
      return t("inbox.call.cancelled", { name });
  }
}

/** What became of a wish to be called. */
function became({ data }: Entry, at: string): string {
  const { cause = "", status = "" } = data;
  if (cause === "joined")
    return at ? t("inbox.call.joined_at", { at }) : t("inbox.call.joined");
  if (cause === "duplicate") return t("inbox.call.duplicate");
  if (cause) return ended(cause);
  if (status && !PLANNED.has(status)) return first(`status.${status}`, status);
  if (at) return t("inbox.call.planned", { at });
  return t(data.due ? "inbox.call.soon" : "inbox.call.by_people");
}

/** Statuses under which a call is to come. */
const PLANNED = new Set(["new", "awaiting_retry"]);

function ended(cause: string): string {
  const known = first(`inbox.call.cause.${cause}`, "");
  if (known) return known;
  const reason = first(`inbox.lead.cause.${cause}`, cause);
  return t("inbox.call.ended", { reason: reason.slice(0, 1).toLowerCase() + reason.slice(1) });
}

function routed({ data }: Entry): string {
  if (data.invalid)
    return t("inbox.call.invalid", {
      reason: first(`invalid.${data.invalid}`, "invalid.no_such_number"),
    });
  return data.name
    ? t("inbox.call.routed", { name: data.name })
    : t("inbox.call.unrouted");
}

function refused(entry: Entry): string {
  const what = (entry.data.what ?? "").split(" ").filter(Boolean);
  const words = what.length
    ? t(what.length > 1 ? "inbox.call.refused_all" : what[0] === "calls" ? "inbox.call.refused_calls" : "inbox.call.refused_messages")
    : t("inbox.call.allowed");
  return entry.author.kind === "operator" ? `${words} · ${entry.author.name}` : words;
}

/** Why a line about calls stands there. */
export function whyOfCall(entry: Entry): string {
  const { data } = entry;
  const by = entry.author.kind === "operator" ? t("inbox.why.hand") : "";
  switch (entry.verb) {
    case "planned":
      return [by || reason(entry), data.comment].filter(Boolean).join(" · ");
    case "call":
      if (data.do === "cancel") return first(`inbox.lead.cause.${data.cause ?? ""}`, data.cause ?? "");
      if (data.do === "result") return data.comment ?? "";
      if (isOfCall(entry)) return "";
      if (data.do) return by;
      return [data.despite ? t("inbox.why.despite") : "", whyPlanned(data)].filter(Boolean).join(" · ");
    case "routed":
      return data.others
        ? t("inbox.why.overlap", { n: data.others.split(" ").filter(Boolean).length })
        : data.handling === "register" && data.name
          ? t("inbox.why.register")
          : "";
    case "left":
      return t("inbox.why.left");
    case "potential":
      return t("inbox.why.potential");
    case "refused":
      return data.rule ? t("inbox.why.stop_word") : by;
    case "spam":
    case "unspam":
      return by || t("inbox.why.spam");
    default:
      return "";
  }
}

/** Why the call is then, or why there is none. */
function whyPlanned(data: Record<string, string>): string {
  if (data.cause === "duplicate") return t("inbox.why.duplicate");
  if (data.cause === "joined") return data.rule ? ruleName(data.rule) : t("inbox.why.joined");
  if (data.at) return whyThen(data.at, (data.zones ?? "").split(" "), data.why ?? "");
  return data.due || data.cause || data.status ? "" : t("inbox.why.autonomous");
}

function reason({ data }: Entry): string {
  const minutes = Math.round((Date.parse(data.deadline ?? "") - Date.parse(data.requested ?? "")) / 60_000);
  if (data.origin === "silence")
    return minutes > 0 ? t("inbox.why.silence", { time: lasting(minutes) }) : t("inbox.why.silence_only");
  return first(`inbox.why.origin.${data.origin ?? ""}`, "");
}

/** A length of minutes as people say it: 60 min is an hour. */
export function lasting(minutes: number): string {
  const unit = minutes % 1_440 === 0 ? "day" : minutes % 60 === 0 ? "hour" : "minute";
  const n = unit === "day" ? minutes / 1_440 : unit === "hour" ? minutes / 60 : minutes;
  return new Intl.NumberFormat(lang.value, { style: "unit", unit, unitDisplay: "long" }).format(n);
}

function whyThen(at: string, zones: string[], why: string): string {
  const there = thereAt(at, zones.filter(Boolean));
  return there ? [there, why === "project" ? "" : first(`inbox.call.zone.${why}`, "")].filter(Boolean).join(", ") : "";
}

/** What the client's clock says when the lead is due, or now that it is; and how that is known. */
export function leadWhy({ due_at, clocks, why }: Lead): string {
  if (!due_at) return "";
  const at = new Date(Math.max(Date.parse(due_at), clock.value)).toISOString();
  return whyThen(at, clocks.map(({ zone }) => zone), why);
}

/** Who asked for the call, in a few words. */
export function originOf(origin: string, rule: string, name = ""): string {
  if (name) return ruleName(rule || `${origin}:`, name);
  return first(`inbox.origin.${origin}`, "inbox.origin.own");
}
