// A menu that a text offers as numbered lines, where there can be buttons in their place.

/** The text without the numbered lines of that menu at its end; null if they do not stand there. */
export function above(text: string, menu: readonly string[]): string | null {
  const lines = menu.map((label, n) => `${n + 1}. ${label}`).join("\n");
  return lines && text.endsWith(lines) ? text.slice(0, -lines.length).trimEnd() : null;
}
