import { signal } from "@preact/signals";
import { isHere } from "./awaited";
import { lines } from "./reading";
import type { Attachment } from "./wire";

/** The pictures that are being looked at one by one. */
export const gallery = signal<{ pictures: Attachment[]; at: number } | null>(null);

/** Opens the picture; those of the whole thread stand before and after it. */
export function showPicture(file: Attachment): void {
  const all = lines
    .peek()
    .filter((entry) => !entry.deleted_at)
    .flatMap((entry) => entry.attachments)
    .filter((one) => one.kind === "image" && isHere(one));
  const at = all.findIndex((one) => one.id === file.id);
  gallery.value = at < 0 ? { pictures: [file], at: 0 } : { pictures: all, at };
}
