export interface Piece {
  text: string;
  href?: string;
}

const ADDRESS = /https?:\/\/[^\s<>"'«»]+/gi;

/** The text cut at its web addresses; joined again the pieces are the text. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trim(match[0]);
    if (!safe(address, address)) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index) });
    found.push({ text: address, href: address });
    from = match.index + address.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}

/** An address without the punctuation of the sentence it stands in. */
function trim(address: string): string {
  let end = address.length;
  while (end > 0) {
    const last = address[end - 1] ?? "";
    const opened = address.slice(0, end).split("(").length;
    const closed = address.slice(0, end).split(")").length;
    if (!".,;:!?".includes(last) && !(last === ")" && closed > opened)) break;
    end -= 1;
  }
  return address.slice(0, end);
}

/** The address if a browser may follow it as a plain page or file, else nothing. */
export function safe(address: string, origin: string = location.origin): string | undefined {
  try {
    const url = new URL(address, origin);
    return ["http:", "https:"].includes(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** Where a stored file is, for a link that must lead somewhere. */
export function fileAddress(address: string, origin: string = location.origin): string {
  return safe(address, origin) ?? "about:blank";
}
