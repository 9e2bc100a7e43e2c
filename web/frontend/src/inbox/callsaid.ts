// What a call says of itself in words: how far it is, what came of it and who ended it.
import { first, t } from "./settings";
import { due, seconds } from "./times";
import type { Call, Entry, Leg, Side } from "./wire";

/** What became of it, in words; empty while it is under way. */
export function outcomeOf(call: Call): string {
  if (call.live || !call.outcome) return "";
  if (call.outcome === "talked" || (call.talk_at && call.talked_s > 0)) {
    const time = seconds(call.talked_s);
    return call.operator_name
      ? t("inbox.calls.talk_with", { time, name: call.operator_name })
      : t("inbox.calls.talk", { time });
  }
  if (call.outcome === "unknown" && call.talk_at) return t("inbox.lead.cause.connected");
  const words = failed(call.outcome, call.side);
  const waited = call.waited_s ? t("inbox.calls.waited", { time: seconds(call.waited_s) }) : "";
  return [words, call.loss ? t(`inbox.calls.loss.${call.loss}`) : "", waited].filter(Boolean).join(" · ");
}

/** Who hung up, or why it ended though both could have gone on. */
export function enderOf(call: Call): string {
  if (call.live || !call.talk_at) return "";
  if (call.outcome === "dropped") return t("inbox.ring.outcome.dropped");
  return call.ended_by ? t(`inbox.calls.by.${call.ended_by}`) : "";
}

function failed(outcome: string, side: Side | ""): string {
  const words = first(`inbox.ring.outcome.${outcome}`, "inbox.ring.outcome.unknown");
  return side
    ? `${t(`inbox.ring.role.${side}`)}: ${words}`
    : words.slice(0, 1).toUpperCase() + words.slice(1);
}

/** What a leg did, for whoever wants to know it to the end. */
export function legWords(leg: Leg): string {
  const who = leg.name || leg.number;
  const how = leg.outcome ? first(`inbox.ring.outcome.${leg.outcome}`, leg.outcome) : "";
  return [`${t(`inbox.ring.role.${leg.role}`)}: ${who}`, how].filter(Boolean).join(" · ");
}

const PLANNED = new Set(["new", "awaiting_retry"]);

/** What one line of a call says. */
export function saidOfDial({ data }: Entry): string {
  if (data.incoming) return saidOfIncoming(data);
  const { status = "", outcome = "", side = "", operator_name = "", talked_s, cause = "" } = data;
  const at = data.at ? t("inbox.calls.next", { at: due(data.at) }) : "";
  const end = cause === "exhausted" || cause === "nobody" ? t(`inbox.calls.${cause}`) : "";
  if (cause === "connected") return t("inbox.lead.cause.connected");
  if (talked_s !== undefined || cause === "talked") {
    const time = seconds(Number(talked_s ?? 0));
    const talk = operator_name
      ? t("inbox.calls.talk_with", { time, name: operator_name })
      : t("inbox.calls.talk", { time });
    const by = data.ended_by ? first(`inbox.calls.by.${data.ended_by}`, "") : "";
    return [talk, outcome === "dropped" ? t("inbox.ring.outcome.dropped") : by, at, end]
      .filter(Boolean)
      .join(" · ");
  }
  if (outcome) return [failed(outcome, side === "operator" || side === "visitor" ? side : ""), at, end].filter(Boolean).join(" · ");
  const words = status && !PLANNED.has(status) ? first(`status.${status}`, status) : "";
  const who = status === "operator_on_line" || status === "talking" ? operator_name : "";
  return [words || at || t("inbox.calls.panel"), who, end].filter(Boolean).join(" · ");
}

/** What the exchange told of a call from outside. */
function saidOfIncoming(data: Record<string, string>): string {
  const { incoming = "", operator_name = "", loss = "", waited_s = "", talked_s = "" } = data;
  if (incoming === "ringing") return t("inbox.calls.in.ringing");
  if (incoming === "answered") return t("inbox.calls.in.answered", { name: operator_name || t("inbox.ring.role.operator") });
  const waited = Number(waited_s) > 0 ? t("inbox.calls.waited", { time: seconds(Number(waited_s)) }) : "";
  if (incoming === "missed") {
    const lost = loss ? first(`inbox.calls.loss.${loss}`, "") : "";
    return [t("inbox.calls.in.missed"), lost, waited].filter(Boolean).join(" · ");
  }
  if (data.cause === "connected") return t("inbox.lead.cause.connected");
  const by = data.ended_by ? first(`inbox.calls.by.${data.ended_by}`, "") : "";
  return [t("inbox.calls.talk", { time: seconds(Number(talked_s)) }), by].filter(Boolean).join(" · ");
}

/** All lines of one call as one sentence: the last that tells how it ended, else how far it is. */
export function saidOfCallWhole(entries: readonly Entry[]): string {
  const last = entries.at(-1);
  if (!last) return "";
  const told = [...entries].reverse().find(({ data }) => data.outcome || data.incoming);
  const mark = entries.some(({ data }) => data.training) ? t("inbox.ring.training") : "";
  const name = t(told?.data.incoming ? "inbox.sounds.call" : "inbox.calls.panel");
  return [name, saidOfDial(told ?? last), mark].filter(Boolean).join(" · ");
}

/** What an operator said came of a call. */
export function saidOfResult({ author, data }: Entry): string {
  return t("inbox.calls.resulted", {
    name: author.name,
    result: first(`inbox.calls.result.${data.result ?? ""}`, data.result ?? ""),
  });
}
