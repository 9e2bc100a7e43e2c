type Shade = "light" | "dark";

/** The surface on which letters of the accent stand out least. */
const PAPER: Record<Shade, string> = { light: "#eeece9", dark: "#262522" };
const INK: Record<Shade, string> = { light: "#1f1d1a", dark: "#eeebe6" };

function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(one: string, other: string): number {
  const [a, b] = [luminance(one), luminance(other)].sort((x, y) => y - x) as [number, number];
  return (a + 0.05) / (b + 0.05);
}

/** The project's colour with letters on it that can be read, and one for letters on paper. */
export function tones(color: string, shade: Shade): Record<string, string> {
  const accent = /^#[0-9a-f]{6}$/i.test(color) ? color : "#0b6e6e";
  return {
    "--accent": accent,
    "--on-accent": contrast(accent, "#ffffff") >= 4.5 ? "#ffffff" : "#000000",
    "--accent-ink": contrast(accent, PAPER[shade]) >= 4.5 ? accent : INK[shade],
  };
}
