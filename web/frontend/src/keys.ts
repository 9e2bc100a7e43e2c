/** A fresh random key, good on pages without https too, where randomUUID is not offered. */
export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Milliseconds to wait before attempt n (0, 1, …), so that a thousand screens do not return at once. */
export function backOff(n: number, first = 500, most = 15_000): number {
  return Math.min(most, first * 2 ** n) * (0.5 + Math.random() / 2);
}
