import { computed, signal } from "@preact/signals";
import { isHere } from "./awaited";
import { lines } from "./reading";
import type { Attachment } from "./wire";

const chosen = signal<Attachment | null>(null);

/** The picture that is looked at, and those of the whole thread before and after it as they come. */
export const gallery = computed<{ pictures: Attachment[]; at: number } | null>(() => {
  const file = chosen.value;
  if (!file) return null;
  const all = lines.value
    .filter((entry) => !entry.deleted_at)
    .flatMap((entry) => entry.attachments)
    .filter((one) => one.kind === "image" && isHere(one));
  const at = all.findIndex((one) => one.id === file.id);
  return at < 0 ? { pictures: [file], at: 0 } : { pictures: all, at };
});

/** Opens that picture over the window; null closes it. */
export function showPicture(file: Attachment | null): void {
  chosen.value = file;
}
