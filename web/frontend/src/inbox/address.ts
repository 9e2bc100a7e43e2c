/** What the part of the page's address after "#" says; people and programs may have changed it. */
export type Place =
  | { page: "health" }
  | { page: "sounds" }
  | { page: "leads" }
  | { page: "admin"; rest: string }
  | { page: "dialogs"; dialog: string };

export const HEALTH = "#/health";
export const SOUNDS = "#/sounds";
export const LEADS = "#/leads";
export const ADMIN = "#/admin";

export function placeOf(hash: string): Place {
  if (hash === HEALTH) return { page: "health" };
  if (hash === SOUNDS) return { page: "sounds" };
  if (hash === LEADS) return { page: "leads" };
  if (hash === ADMIN || hash.startsWith(`${ADMIN}/`))
    return { page: "admin", rest: hash.slice(ADMIN.length + 1) };
  // A page of an address with a slash that we do not know is the list; no dialog's id begins so.
  if (hash.startsWith("#/")) return { page: "dialogs", dialog: "" };
  try {
    return { page: "dialogs", dialog: decodeURIComponent(hash.slice(1)) };
  } catch {
    // A percent sign that nothing follows, as of an address cut short in a letter.
    return { page: "dialogs", dialog: "" };
  }
}

export function hashOf(dialog: string): string {
  return `#${encodeURIComponent(dialog)}`;
}
