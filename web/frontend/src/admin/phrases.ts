// Names in phrases, {{ name }} and $name$, as far as a screen has to know them.

/** Besides those that are listed, a name may be that of any field or campaign's label. */
const OPEN = /^(field|utm)_/;
const OWN = new Set(["and", "or", "not", "in", "if", "else", "elif", "endif", "true", "false", "none"]);

/** The names in it that nothing would fill in. */
export function unknown(text: string, names: readonly string[]): string[] {
  const found = new Set<string>();
  for (const [, inner = ""] of text.matchAll(/\{\{(.*?)\}\}/gs)) {
    // What stands in quotes is a text, what follows a bar is what is done with the value.
    const plain = inner.replace(/"[^"]*"|'[^']*'/g, " ").replace(/\|\s*\w+/g, " ");
    for (const [name] of plain.matchAll(/[\p{L}_][\p{L}\p{N}_.]*/gu)) if (!OWN.has(name.toLowerCase())) found.add(name);
  }
  for (const [, name = ""] of text.matchAll(/(?<!\d)\$([\p{L}_](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_])?)\$(?!\d)/gu)) found.add(name);
  return [...found].filter((name) => !names.includes(name) && !OPEN.test(name));
}

/** The text with that piece put in place of what is marked, and where the cursor then stands. */
export function inserted(text: string, piece: string, from: number, to: number): [string, number] {
  const before = text.slice(0, from);
  const gap = before !== "" && !/\s$/.test(before) ? " " : "";
  return [`${before}${gap}${piece}${text.slice(to)}`, from + gap.length + piece.length];
}
