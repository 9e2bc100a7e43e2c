// How a channel is, in words: the one thing that most needs to be known.
import { clock } from "../inbox/rows";
import { lang } from "../inbox/settings";
import type { Arranged } from "./wire";
import { first, passed, t } from "./words";

export type Tone = "good" | "warn" | "bad" | "quiet";

export interface Shape {
  tone: Tone;
  words: string;
}

/** A platform tells its last trouble for ever; an old one is over. */
const TOLD = 10 * 60_000;

export function health(channel: Arranged): Shape {
  void clock.value;
  const { pulse } = channel;
  if (!channel.enabled) return { tone: "quiet", words: t("admin.off") };
  if (!channel.works) return { tone: "bad", words: t("admin.broken") };
  if (!pulse || pulse.state === "unknown") return heard(channel, "admin.health.unknown");
  const { state, reason, since } = pulse;
  if (state === "halted")
    return { tone: "bad", words: first(`admin.health.halted.${reason}`, "admin.health.halted.any") };
  if (state === "away")
    return { tone: "bad", words: t("admin.health.away", { when: since ? at(since) : "" }) };
  if (state === "deaf")
    return { tone: "warn", words: first(`admin.health.deaf.${reason}`, "admin.health.deaf.any") };
  const told = pulse.hook_error_at;
  if (pulse.hook_error && (!told || Date.now() - Date.parse(told) < TOLD))
    return { tone: "warn", words: t("admin.health.hook", { words: pulse.hook_error }) };
  return heard(channel, "admin.health.silent");
}

function heard({ kind, pulse }: Arranged, otherwise: "admin.health.unknown" | "admin.health.silent"): Shape {
  const last = pulse?.last_in_at;
  if (last) return { tone: "good", words: t("admin.health.heard", { when: passed(last) }) };
  const words = first(`channel.${kind}.silent`, otherwise);
  return { tone: otherwise === "admin.health.silent" ? "good" : "quiet", words };
}

/** The time of today, else the day with it. */
function at(when: string): string {
  const then = new Date(when);
  const today = then.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(lang.value, {
    ...(today ? {} : { day: "numeric", month: "short" }),
    hour: "2-digit",
    minute: "2-digit",
  }).format(then);
}
