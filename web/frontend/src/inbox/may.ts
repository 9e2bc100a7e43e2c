import { channels, me } from "./rows";
import { first, t } from "./settings";
import type { Ability, Channel, Dialog, Entry } from "./wire";

/** What a channel that names no reactions of its own gets. */
const COMMON = ["👍", "❤️", "🔥", "🙏", "😊", "😢"];

export function limits(dialog: Dialog): Channel["capabilities"] | undefined {
  return channels.value.find((channel) => channel.id === dialog.channel)?.capabilities;
}

/** Whether the channel only hears: nobody can be answered there. */
export const isMute = (channel: string): boolean =>
  channels.value.find(({ id }) => id === channel)?.capabilities.text_max_chars === 0;

export function can(dialog: Dialog, ability: Ability): boolean {
  return limits(dialog)?.does.includes(ability) ?? false;
}

/** Why the channel does not do it, in words. */
export function cannot(dialog: Dialog, ability: "files" | "quotes"): string {
  return t(`inbox.cannot.${ability}`, { channel: kindName(dialog) });
}

export const kindName = (dialog: Dialog): string => first(`kind.${dialog.kind}`, dialog.kind);

/** Until when the platform lets one write freely; null where it does not end. */
export function writeUntil(dialog: Dialog): number | null {
  const window = limits(dialog)?.window_seconds ?? 0;
  if (!window || !dialog.heard_at) return null;
  return Date.parse(dialog.heard_at) + window * 1000;
}

const young = (entry: Entry, seconds: number): boolean =>
  seconds === 0 || Date.now() - Date.parse(entry.at) < seconds * 1000;

const mine = (entry: Entry): boolean =>
  entry.kind === "out" &&
  entry.author.kind === "operator" &&
  entry.author.id === me.value?.operator.id &&
  !entry.deleted_at;

export function mayEdit(dialog: Dialog, entry: Entry): boolean {
  return (
    mine(entry) &&
    entry.text !== "" &&
    can(dialog, "edits") &&
    young(entry, limits(dialog)?.edits_seconds ?? 0)
  );
}

export function mayDelete(dialog: Dialog, entry: Entry): boolean {
  return mine(entry) && can(dialog, "deletes") && young(entry, limits(dialog)?.deletes_seconds ?? 0);
}

/** The reactions that may be put on the line; none where the channel has none. */
export function mayReact(dialog: Dialog, entry: Entry): string[] {
  if (entry.kind !== "in" || entry.deleted_at || !can(dialog, "reactions")) return [];
  const own = limits(dialog)?.reactions ?? [];
  return own.length ? own : COMMON;
}
