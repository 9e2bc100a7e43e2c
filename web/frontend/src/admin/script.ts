// How two phones are connected, as the API has it.

export interface Say {
  text: string;
  /** The id of a file; it goes before the text. */
  recording: string;
}

export type Side = "operator" | "visitor";
export type Connect = "key" | "message";
export type Scenario = `${Side}:${Connect}`;

export interface Script {
  first: Side;
  connect: Connect;
  keys: string;
  cancel_keys: string;
  wait_s: number;
  repeats: number;
  operator_says: Say;
  visitor_says: Say;
  responsible_first: boolean;
  ring_s: number;
  rounds: number;
  pause_s: number;
  visitor_ring_s: number;
  talk_max_s: number;
  short_talk_s: number;
  confirm: boolean;
  record: boolean;
  record_notice: Say;
}

export const SAYS = ["operator_says", "visitor_says", "record_notice"] as const;
export type Says = (typeof SAYS)[number];

export const SCENARIOS: readonly (readonly [Side, Connect])[] = [
  ["operator", "key"],
  ["operator", "message"],
  ["visitor", "key"],
  ["visitor", "message"],
];

/** A trunk, and what can be asked of it. */
export interface Trunk {
  id: string;
  kind: string;
  name: string;
  training: boolean;
  scenarios: Scenario[];
  says: boolean;
  groups: boolean;
  shows_number: boolean;
  records: boolean;
  transfers: boolean;
  numbers: string[];
  prefixes: string[];
  calls_max: number;
}

export interface Trunks {
  /** The first of them dials. */
  items: Trunk[];
  variables: string[];
}

const said = ({ text, recording }: Say): boolean => text.trim() !== "" || recording !== "";

/** What whoever is rung first hears. */
export const firstSays = (script: Script): Says =>
  script.first === "operator" ? "operator_says" : "visitor_says";

/** The message has keys to wait for and does not name them; the product's own words do. */
export function keysUnsaid(script: Script): boolean {
  const { text, recording } = script[firstSays(script)];
  return script.connect === "key" && !recording && text.trim() !== "" && !text.includes(script.keys);
}

export type OwnWords = "request" | "name" | "page" | "keys" | "press" | "wait";

/** What is said to that side where no message is written, piece by piece; nothing at all if empty. */
export function ownWords({ first, connect }: Script, side: Side): OwnWords[] {
  const byKey = connect === "key" && first === side;
  if (side === "operator") return ["request", "name", "page", ...(byKey ? (["keys"] as const) : [])];
  return first === "visitor" ? [byKey ? "press" : "wait"] : [];
}

const KEYS = /^[0-9*#]{1,4}$/;

/** What is wrong with the keys, by its place in the script. */
export function wrongKeys({ first, connect, keys, cancel_keys: cancel }: Script): "keys" | "cancel_keys" | "" {
  if (!KEYS.test(keys)) return "keys";
  if (!cancel) return "";
  if (!KEYS.test(cancel) || first === "visitor") return "cancel_keys";
  return connect === "key" && (keys.endsWith(cancel) || cancel.endsWith(keys)) ? "cancel_keys" : "";
}

/** As it is kept: nobody but operators who are rung first can cancel. */
export function tidyScript(script: Script): Script {
  const trimmed = (say: Say): Say => ({ ...say, text: say.text.trim() });
  return {
    ...script,
    keys: script.keys.trim(),
    cancel_keys: script.first === "operator" ? script.cancel_keys.trim() : "",
    operator_says: trimmed(script.operator_says),
    visitor_says: trimmed(script.visitor_says),
    record_notice: trimmed(script.record_notice),
  };
}

/** One step of a call: the end of its key among the texts, and what it is filled with. */
export interface Step {
  key: "confirm" | "silent" | "join" | "recorded" | `${"ring" | "key" | "hears" | "second"}.${Side}`;
  values: Record<string, string | number>;
}

/** The call as it goes when everybody answers; `speaks` is whether messages can be heard at all. */
export function stepsOf(script: Script, speaks = true): Step[] {
  const { first, connect } = script;
  const second: Side = first === "operator" ? "visitor" : "operator";
  const hears = (side: Side): boolean =>
    speaks && (said(script[`${side}_says`]) || ownWords(script, side).length > 0);
  const ring = (side: Side): Step => ({
    key: `ring.${side}`,
    values:
      side === "operator" ? { n: script.rounds, seconds: script.ring_s } : { seconds: script.visitor_ring_s },
  });
  const steps: Step[] = script.confirm ? [{ key: "confirm", values: {} }] : [];
  steps.push(ring(first));
  if (connect === "key") steps.push({ key: `key.${first}`, values: { keys: script.keys, seconds: script.wait_s } });
  else if (hears(first)) steps.push({ key: `hears.${first}`, values: { n: script.repeats } });
  else steps.push({ key: "silent", values: {} });
  steps.push(ring(second));
  if (hears(second)) steps.push({ key: `second.${second}`, values: {} });
  steps.push({ key: script.record ? "recorded" : "join", values: {} });
  return steps;
}
