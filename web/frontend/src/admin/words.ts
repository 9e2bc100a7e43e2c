import texts from "catalogue";
import { addTexts, lang } from "../inbox/settings";

addTexts(texts);

export { first, t } from "../inbox/settings";

const STEPS = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [Infinity, "day"],
] as const;

/** How long ago, to the second while it is about one: who has just pasted the code waits for it. */
export function passed(at: string): string {
  const told = new Intl.RelativeTimeFormat(lang.value, { numeric: "always", style: "short" });
  let n = Math.max(0, (Date.now() - Date.parse(at)) / 1_000);
  for (const [most, unit] of STEPS) {
    if (Math.round(n) < most) return told.format(-Math.round(n), unit);
    n /= most;
  }
  return at;
}

/** As people write it: a name of the platform's, or a phone. */
export function written(username: string): string {
  if (/^[a-z]/i.test(username)) return `@${username}`;
  return /^[0-9]{7,15}$/.test(username) ? `+${username}` : username;
}
