import { type Piece, pieces, safe } from "./links.ts";

/** The light markup of messengers as the hub keeps it; bots/line/text.py writes the same. */
export type Style = "link" | "bold" | "italic" | "strike" | "code";

export interface Span {
  start: number;
  end: number;
  style: Style;
  url: string;
}

export interface Marked extends Piece {
  styles: Style[];
}

const MARKS: Record<string, Style> = { "**": "bold", _: "italic", "~~": "strike" };
const TOKEN =
  /(?<escape>\\[\\*_~`[\]])|(?<code>(?<!`)`[^`\n]+`(?!`))|(?<mark>\*+|_+|~+)|(?<open>\[)|\]\((?<url>https?:\/\/(?:[^\s()<>]|\([^\s()<>]*\))+)\)|(?<line>\n)/gu;
const WORD = /[\p{L}\p{N}]/u;

/** The plain text, and what the markup says of it, counted in it. */
export function spans(text: string): { plain: string; found: Span[] } {
  const { found, cut } = read(text);
  const kept: string[] = [];
  let last = 0;
  for (const [start, end] of cut) {
    kept.push(text.slice(last, start));
    last = end;
  }
  kept.push(text.slice(last));
  const moved = (at: number): number =>
    at - cut.reduce((gone, [start, end]) => (end <= at ? gone + end - start : gone), 0);
  return {
    plain: kept.join(""),
    found: found.map((span) => ({ ...span, start: moved(span.start), end: moved(span.end) })),
  };
}

/** The text in pieces that are each drawn in one way; bare web addresses are links too. */
export function marked(text: string): Marked[] {
  const { plain, found } = spans(text);
  const edges = new Set([0, plain.length]);
  for (const { start, end } of found) edges.add(start).add(end);
  const sorted = [...edges].sort((a, b) => a - b);
  const made: Marked[] = [];
  for (const [i, from] of sorted.slice(0, -1).entries()) {
    const to = sorted[i + 1] ?? plain.length;
    const around = found.filter((span) => span.start <= from && span.end >= to);
    const styles = around.map((span) => span.style).filter((style) => style !== "link");
    const url = around.find((span) => span.style === "link")?.url;
    const href = url === undefined ? undefined : safe(url, url);
    const piece = plain.slice(from, to);
    if (href) made.push({ text: piece, href, styles });
    else if (styles.includes("code")) made.push({ text: piece, styles });
    else made.push(...pieces(piece).map((one) => ({ ...one, styles })));
  }
  return made;
}

function read(text: string): { found: Span[]; cut: [number, number][] } {
  const found: Span[] = [];
  const cut: [number, number][] = [];
  let opened: { style: Style; begin: number; inside: number }[] = [];

  function close(at: number, end: number, style: Style, url = ""): boolean {
    for (let depth = opened.length - 1; depth >= 0; depth -= 1) {
      const one = opened[depth];
      if (!one || one.style !== style || !text.slice(one.inside, at).trim()) continue;
      opened = opened.slice(0, depth);
      found.push({ start: one.inside, end: at, style, url });
      cut.push([one.begin, one.inside], [at, end]);
      return true;
    }
    return false;
  }

  for (const token of text.matchAll(TOKEN)) {
    const start = token.index;
    const end = start + token[0].length;
    const before = [...text.slice(Math.max(0, start - 2), start)].at(-1) ?? "";
    const after = [...text.slice(end, end + 2)][0] ?? "";
    const groups = token.groups ?? {};
    if (groups.escape) cut.push([start, start + 1]);
    else if (groups.code) {
      const inner = text.slice(start + 1, end - 1);
      if (inner !== inner.trim() || WORD.test(before) || WORD.test(after)) continue;
      found.push({ start: start + 1, end: end - 1, style: "code", url: "" });
      cut.push([start, start + 1], [end - 1, end]);
    } else if (groups.open) opened.push({ style: "link", begin: start, inside: end });
    else if (groups.url) {
      if (close(start, end, "link", groups.url))
        opened = opened.filter((one) => one.style !== "link");
    } else if (groups.line) opened = [];
    else {
      const style = MARKS[token[0]];
      if (!style) continue;
      if (before.trim() && !WORD.test(after) && close(start, end, style)) continue;
      const again = opened.some((one) => one.style === style);
      if (after.trim() && !WORD.test(before) && !again)
        opened.push({ style, begin: start, inside: end });
    }
  }
  return { found, cut: cut.sort((a, b) => a[0] - b[0]) };
}
