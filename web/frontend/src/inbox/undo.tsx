import "./undo.css";
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { t } from "./settings";

interface Undoable {
  words: string;
  back: () => void;
}

/** How long a step can be taken back; the hub allows no longer. */
const LASTS = 10_000;

export const undoable = signal<Undoable | null>(null);

/** Says what was done, and takes it back for as long as that can be done. */
export function Undo(): JSX.Element {
  const now = undoable.value;
  useEffect(() => {
    if (!now) return;
    const gone = window.setTimeout(() => {
      if (undoable.value === now) undoable.value = null;
    }, LASTS);
    return () => clearTimeout(gone);
  }, [now]);
  return (
    <div class="undo" role="status">
      {now ? (
        <p class="notice">
          <span>{now.words}</span>
          <button
            type="button"
            class="undo-back"
            onClick={() => {
              undoable.value = null;
              now.back();
            }}
          >
            {t("inbox.undo")}
          </button>
        </p>
      ) : null}
    </div>
  );
}
