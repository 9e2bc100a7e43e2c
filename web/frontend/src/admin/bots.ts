// A channel's first bot as the API has it, and what a page knows of it before the hub does.

export const BUTTONS_MOST = 8;
export const LABEL_MOST = 20;
/** As many lines as one trial may have. */
export const LINES_MOST = 60;

export const TYPES = ["answer", "ask", "call", "operator"] as const;

/** What a button does; an empty text that may be empty is the product's own words. */
export type Does =
  | { type: "answer"; text: string }
  | { type: "ask"; field: string; question: string; thanks: string }
  | { type: "call"; text: string; question: string }
  | { type: "operator"; text: string };
export type DoesType = Does["type"];

export interface BotButton {
  id: string;
  label: string;
  does: Does;
}

export interface BotSettings {
  enabled: boolean;
  greeting: string;
  buttons: BotButton[];
  /** What the messenger's own sharing of the number is called. */
  share: string;
}

export interface BotView {
  rev: number;
  settings: BotSettings;
  /** Whether the channel has buttons, or says the menu as numbered lines. */
  buttons: boolean;
  /** Whether the channel has a sharing of one's number. */
  phone: boolean;
}

/** What the one who tries it says, presses, shares or opens. */
export interface Line {
  text?: string;
  pressed?: string;
  phone?: string;
  opens?: boolean;
}

export interface Said {
  text: string;
  buttons: { label: string; data?: string; asks?: string }[][];
}

export interface Answered {
  says: Said[];
  did: string[];
  silent: boolean;
}

/** The same button doing another thing; of its words those stay that have a place there. */
export function turned(does: Does, type: DoesType): Does {
  if (does.type === type) return does;
  const text = does.type === "ask" ? does.thanks : does.text;
  const question = "question" in does ? does.question : "";
  switch (type) {
    case "ask":
      return { type, field: "", question, thanks: text };
    case "call":
      return { type, text, question };
    default:
      return { type, text };
  }
}

/** With the one at `n` standing at `to`. */
export function moved<T>(all: readonly T[], n: number, to: number): T[] {
  const next = [...all];
  next.splice(to, 0, ...next.splice(n, 1));
  return next;
}

/** Without what a person leaves at the ends of words. */
export function tidied(settings: BotSettings): BotSettings {
  const trim = (does: Does): Does =>
    Object.fromEntries(Object.entries(does).map(([name, words]) => [name, words.trim()])) as Does;
  return {
    ...settings,
    greeting: settings.greeting.trim(),
    share: settings.share.trim(),
    buttons: settings.buttons.map(({ id, label, does }) => ({ id, label: label.trim(), does: trim(does) })),
  };
}

export type Fault = "empty" | "twice" | "slug";

/** What a button lacks, by its place in it; `before` are those that stand over it. */
export function lack({ label, does }: BotButton, before: readonly BotButton[]): [string, Fault] | null {
  const words = label.trim().toLowerCase();
  if (!words) return ["label", "empty"];
  if (before.some((each) => each.label.trim().toLowerCase() === words)) return ["label", "twice"];
  if (does.type === "answer" && !does.text.trim()) return ["does.text", "empty"];
  if (does.type !== "ask") return null;
  if (!does.question.trim()) return ["does.question", "empty"];
  return /^[a-z][a-z0-9_]{0,39}$/.test(does.field.trim()) ? null : ["does.field", "slug"];
}

/** The first thing that is wrong, by its place; null if all may be kept. */
export function wrongIn({ buttons }: BotSettings): [string, Fault] | null {
  for (const [n, button] of buttons.entries()) {
    const found = lack(button, buttons.slice(0, n));
    if (found) return [`settings.buttons.${n}.${found[0]}`, found[1]];
  }
  return null;
}

/** What of it can be tried while it is still being written. */
export function ready(settings: BotSettings): BotSettings {
  const tidy = tidied(settings);
  return { ...tidy, buttons: tidy.buttons.filter((each, n) => !lack(each, tidy.buttons.slice(0, n))) };
}

/** What the bot did besides speaking: which of its deeds, and to what. */
export function deed(did: string): [name: string, of: string] {
  const at = did.indexOf(":");
  return at < 0 ? [did, ""] : [did.slice(0, at), did.slice(at + 1)];
}
