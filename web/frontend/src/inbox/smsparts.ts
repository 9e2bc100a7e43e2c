// How many parts an SMS is cut into, as hub/telling/parts.py counts them.
const PLAIN = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const ESCAPED = new Set("\f^{}\\[~]|€");

export interface Parts {
  parts: number;
  units: number;
  unicode: boolean;
}

/** What the text costs; no letter is cut in two between parts. */
export function count(text: string): Parts {
  const letters = [...text];
  const unicode = letters.some((one) => !PLAIN.has(one) && !ESCAPED.has(one));
  const [one, more] = unicode ? [70, 67] : [160, 153];
  const sizes = letters.map((letter) => (unicode ? letter.length : ESCAPED.has(letter) ? 2 : 1));
  const units = sizes.reduce((sum, size) => sum + size, 0);
  if (units <= one) return { parts: units ? 1 : 0, units, unicode };
  let parts = 1;
  let left = more;
  for (const size of sizes) {
    if (size > left) {
      parts += 1;
      left = more;
    }
    left -= size;
  }
  return { parts, units, unicode };
}
