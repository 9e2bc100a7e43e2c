export interface Part {
  text: string;
  found: boolean;
}

/** From one character up to the next, counted in code points, as the server counts them. */
export type Mark = [start: number, end: number];

/** How much is shown before the first mark, where the text is cut off there. */
const BEFORE = 20;

/** The text around its first mark, cut at the marks; "…" stands where it was cut off. */
export function snippet(text: string, marks: Mark[], most = 180): Part[] {
  const letters = Array.from(text);
  const first = marks[0]?.[0] ?? 0;
  const from = first > BEFORE * 2 && first < letters.length ? first - BEFORE : 0;
  const to = Math.min(letters.length, from + most);
  const parts: Part[] = [];
  const put = (start: number, end: number, found: boolean): void => {
    const piece = letters.slice(start, end).join("");
    if (piece) parts.push({ text: piece, found });
  };
  let at = from;
  for (const [start, end] of marks) {
    if (start < at || start >= to) continue;
    put(at, start, false);
    put(start, Math.min(end, to), true);
    at = Math.min(end, to);
  }
  put(at, to, false);
  if (from > 0) parts.unshift({ text: "…", found: false });
  if (to < letters.length) parts.push({ text: "…", found: false });
  return parts;
}
