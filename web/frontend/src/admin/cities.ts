import { first } from "./words";

/** The city that a zone is named for; browsers do not know what Russians call theirs. */
export function city(zone: string): string {
  const own = zone.split("/").at(-1) ?? zone;
  return first(`inbox.zone.${own.toLowerCase()}`, "") || own.replaceAll("_", " ");
}
