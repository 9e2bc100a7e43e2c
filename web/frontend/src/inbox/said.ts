import { spans } from "../marks";
import { doer, saidOfCall, whyOfCall } from "./callbacks";
import { phone } from "./names";
import { dialogs, me } from "./rows";
import { first, t } from "./settings";
import { due } from "./times";
import type { Entry } from "./wire";

/** What happened, in one line. */
export function said(entry: Entry): string {
  const name = entry.author.name || t("inbox.system.hub");
  const byOperator = entry.author.kind === "operator";
  const { data } = entry;
  switch (entry.verb) {
    case "taken":
      return t("inbox.system.taken", { name });
    case "returned":
      return t("inbox.system.returned", { name });
    case "assigned":
      if (entry.author.kind === "rule")
        return t("inbox.system.assigned_rule", { rule: doer(entry), to: data.name ?? "" });
      return data.operator === entry.author.id
        ? t("inbox.system.taken", { name })
        : t("inbox.system.assigned", { name, to: data.name ?? "" });
    case "closed":
      if (entry.author.kind === "rule")
        return t("inbox.system.closed_rule", { name: doer(entry) });
      return byOperator ? t("inbox.system.closed", { name }) : t("inbox.system.closed_itself");
    case "reopened":
      return byOperator ? t("inbox.system.reopened", { name }) : t("inbox.system.reopened_itself");
    case "sealed":
      return t("inbox.system.sealed");
    case "retried":
      return t("inbox.system.retried", { name });
    case "no_reply":
      return t("inbox.system.no_reply", { name });
    case "call_asked":
      return data.at
        ? t("inbox.system.call_asked_at", { phone: phone(data.phone ?? ""), at: due(data.at) })
        : t("inbox.system.call_asked", { phone: phone(data.phone ?? "") });
    case "rated":
      return t("inbox.system.rated", {
        score: first(`inbox.score.${data.score ?? ""}`, "inbox.score.none"),
      });
    case "fields":
      // What the platform told of the person, who has said nothing.
      if (entry.author.kind === "hub") return t("inbox.system.profile", { name: data.name ?? "" });
      if (entry.author.kind === "rule")
        return t("inbox.system.fields_rule", { name: doer(entry), values: listed(data) });
      return t("inbox.system.fields", { values: listed(data) });
    case "identified":
      return t("inbox.verified");
    case "handed":
      return t("inbox.system.handed");
    case "imported":
      return [t("inbox.system.imported", { status: first(`status.${data.status ?? ""}`, "status.new") }), entry.text]
        .filter(Boolean)
        .join(" · ");
    case "consent":
      return t("inbox.system.consent");
    case "tapped":
      return data.number
        ? t("inbox.system.tapped_number", { phone: phone(data.number) })
        : t("inbox.system.tapped");
    case "subscribed":
      return t("inbox.system.subscribed", { email: data.email ?? "" });
    case "emailed":
      return t("inbox.system.emailed", { name });
    case "joined":
      if (data.to)
        return t("inbox.system.joined_to", { channel: first(`kind.${data.kind ?? ""}`, data.kind ?? "") });
      return data.page
        ? t("inbox.system.joined_from", { page: data.title || data.page })
        : t("inbox.system.joined");
    case "edited":
    case "deleted":
    case "reacted":
      return t(`inbox.system.${entry.verb}_failed`, { reason: failureOf(entry.failure) });
    default:
      return saidOfCall(entry) || entry.text || t("inbox.system.other");
  }
}

const listed = (data: Record<string, string>): string =>
  Object.entries(data)
    .map(([name, value]) => `${name}: ${value}`)
    .join(", ");

/** Why it happened: what was said with it, or which rule moved. */
export function why(entry: Entry): string {
  const { data } = entry;
  switch (entry.verb) {
    case "taken":
      return entry.author.kind === "operator" ? t("inbox.why.taken") : t("inbox.why.rule");
    case "assigned":
    case "returned":
    case "no_reply":
      return entry.author.kind === "operator" ? t("inbox.why.hand") : t("inbox.why.rule");
    case "closed":
      if (data.result) return data.result;
      if (data.rule === "auto_close") return t("inbox.why.answered");
      if (entry.author.kind === "rule") return t("inbox.why.origin.own");
      return entry.author.kind === "operator" ? t("inbox.why.hand") : t("inbox.why.silent");
    case "reopened":
      return entry.author.kind === "operator" ? t("inbox.why.hand") : t("inbox.why.wrote");
    case "sealed":
      return t("inbox.why.sealed");
    case "retried":
      return t("inbox.why.retried");
    case "call_asked":
      return data.comment || t("inbox.why.form");
    case "tapped":
      return t("inbox.why.tapped");
    case "subscribed":
      return t("inbox.why.form");
    case "emailed":
      return t("inbox.why.hand");
    case "rated":
      return entry.text || (data.text ?? "");
    case "fields":
      return entry.author.kind === "rule" ? t("inbox.why.origin.own") : t("inbox.why.form");
    case "identified":
      return t("inbox.why.identified");
    default:
      return whyOfCall(entry);
  }
}

/** Why, for a line of the thread itself: only what the hub did of its own accord needs it there. */
export function whyItself(entry: Entry): string {
  const itself = entry.author.kind !== "operator" && entry.author.kind !== "visitor";
  return itself && CALLS.has(entry.verb ?? "") ? why(entry) : "";
}

const CALLS = new Set(["planned", "call", "routed", "refused", "spam"]);

/** What a quoted line says in one line. */
export function gist(entry: Entry): string {
  if (entry.deleted_at) return t("inbox.deleted");
  if (entry.text) return spans(entry.text.slice(0, 300)).plain;
  if (entry.spot) return t("inbox.place");
  if (entry.card) return entry.card.name || entry.card.phone;
  const file = entry.attachments[0];
  return file ? first(`inbox.preview.${file.kind}`, "inbox.preview.file") : said(entry);
}

/** Why a message did not arrive, in words. */
export function failureOf(code: string): string {
  if (!code) return t("error.delivery");
  return first(`failure.${code}`, first(`error.${code}`, "error.delivery"));
}

export function authorOf(entry: Entry): string {
  if (entry.kind !== "in") {
    if (isBot(entry)) return t("inbox.bot");
    const mine = entry.author.id === me.value?.operator.id;
    return mine ? t("inbox.you") : entry.author.name || t("inbox.system.hub");
  }
  return entry.author.name || dialogs.value.get(entry.dialog)?.name || t("inbox.guest");
}

/** Whether the hub said it of its own accord. */
export function isBot(entry: Entry): boolean {
  return entry.kind === "out" && (entry.author.kind === "bot" || entry.author.kind === "rule");
}
