import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { refused } from "./editing";
import { t } from "./words";

/** What was just saved; a thing that is new gets its address with it, and its page begins anew. */
export const justSaved = signal("");

interface SaveBarProps {
  unsaved: boolean;
  saved: boolean;
  busy: boolean;
  /** What is in the way besides what was refused, in words. */
  wrong?: string;
  /** What is said once it is saved. */
  done?: string;
  onDrop: () => void;
  /** False if it was refused. */
  onSave: () => Promise<boolean>;
  /** Takes what somebody else has saved meanwhile, and puts mine over it for one more look. */
  onTheirs?: () => Promise<void>;
}

/** Saves what is edited on a page, by Ctrl+S as well; stands there while there is something to say. */
export function SaveBar(props: SaveBarProps): JSX.Element | null {
  const { unsaved, saved, busy, wrong, done, onDrop, onSave, onTheirs } = props;
  useWarning(unsaved);
  const save = (): void => {
    if (unsaved && !busy) void attempt(onSave);
  };
  const latest = useRef(save);
  latest.current = save;
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.code !== "KeyS" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      latest.current();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);

  // Without anything to save, only what no field tells of itself is told here.
  const no = unsaved || refused.value?.place === "form" ? refused.value : null;
  const words = wrong || no?.words;
  if (!unsaved && !saved && !words) return null;
  return (
    <div class={unsaved || words ? "save-bar" : "save-bar done"} role="status">
      <span class={words ? "save-wrong" : undefined}>
        {words || (unsaved ? t("admin.unsaved") : (done ?? t("admin.project.saved")))}
      </span>
      {unsaved || no?.overtaken ? (
        <>
          <button type="button" class="button" disabled={busy} onClick={onDrop}>
            {t("admin.drop")}
          </button>
          {no?.overtaken && onTheirs ? (
            <button type="button" class="button strong" disabled={busy} onClick={() => void onTheirs()}>
              {t("admin.project.take_theirs")}
            </button>
          ) : (
            <button type="button" class="button strong" disabled={busy} onClick={save}>
              {t("admin.save")}
            </button>
          )}
        </>
      ) : null}
    </div>
  );
}

/** Has the browser ask before it leaves a page with something unsaved. */
export function useWarning(unsaved: boolean): void {
  useEffect(() => {
    if (!unsaved) return;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [unsaved]);
}

/** Saves, or brings what is wrong into view. */
export async function attempt(save: () => Promise<boolean>): Promise<void> {
  if (!(await save())) toWrong();
}

/** Brings what is wrong into view with the cursor in it. */
export function toWrong(): void {
  // What is folded away opens first, then what is wrong is said there, then it is looked for.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      const place = refused.value?.place ?? "";
      if (place === "form") return;
      const field = document.querySelector<HTMLElement>(".admin [aria-invalid='true']");
      field?.focus();
      const found = field ?? document.querySelector(`[data-place="${CSS.escape(place)}"]`);
      found?.scrollIntoView({ block: "center" });
    }),
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
