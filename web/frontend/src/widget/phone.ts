/** Whether it can be a phone, however it is written; the hub decides. */
export function isPhone(written: string): boolean {
  return /^\+?[\d\s().\-–—]{5,40}$/.test(written) && /^\d{7,15}$/.test(written.replace(/\D/g, ""));
}
