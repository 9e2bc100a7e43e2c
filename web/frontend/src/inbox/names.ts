// How people and their numbers are written wherever an operator meets them.
import { t } from "./settings";
import type { Dialog } from "./wire";

/** By what a dialog is called: the name of the person, else the phone. */
export function nameOf(row: Dialog): string {
  return row.name || (row.phone ? phone(row.phone) : t("inbox.guest"));
}

/** A number as people read it aloud; what is not of that shape stays as it is. */
export function phone(number: string): string {
  const parts = /^\+7(\d{3})(\d{3})(\d{2})(\d{2})$/.exec(number);
  return parts ? `+7 ${parts[1]} ${parts[2]}-${parts[3]}-${parts[4]}` : number;
}
