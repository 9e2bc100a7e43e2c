import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { refused } from "./editing";
import { t } from "./words";

/** What was just saved; a thing that is new gets its address with it, and its page begins anew. */
export const justSaved = signal("");

interface BarProps {
  unsaved: boolean;
  saved: boolean;
  busy: boolean;
  onDrop: () => void;
  onSave: () => void;
}

/** Appears when something was changed, and says what it was refused for. */
export function Bar({ unsaved, saved, busy, onDrop, onSave }: BarProps): JSX.Element | null {
  if (!unsaved && !saved && !refused.value) return null;
  return (
    <div class={unsaved || refused.value ? "save-bar" : "save-bar done"} role="status">
      <span class={refused.value ? "save-wrong" : undefined}>
        {refused.value?.words ?? t(unsaved ? "admin.unsaved" : "admin.project.saved")}
      </span>
      {unsaved ? (
        <>
          <button type="button" class="button" disabled={busy} onClick={onDrop}>
            {t("admin.drop")}
          </button>
          <button type="button" class="button strong" disabled={busy} onClick={onSave}>
            {t("admin.save")}
          </button>
        </>
      ) : null}
    </div>
  );
}

/** Deletes at the second press. */
export function DropButton({ words, onDrop }: { words: string; onDrop: () => void }): JSX.Element {
  const [sure, setSure] = useState(false);
  return (
    <button
      type="button"
      class={sure ? "button danger" : "button"}
      onBlur={() => setSure(false)}
      onClick={() => (sure ? onDrop() : setSure(true))}
    >
      {sure ? t("admin.links.drop_sure") : words}
    </button>
  );
}
