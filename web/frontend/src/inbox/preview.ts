import { spans } from "../marks";
import type { Dialog } from "./wire";

/** The last words as they are drawn, without the markup that messengers have. */
export function previewOf(row: Dialog): string {
  const words = row.preview?.text ?? "";
  return row.kind === "site" ? words : spans(words).plain;
}
