import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Place } from "../inbox/address";
import { leaving, unsaved as guard } from "../inbox/leave";
import { Modal } from "../inbox/sheet";
import { refused } from "./editing";
import { type Kept, type Typed, useTyped } from "./typed";
import { t } from "./words";

/** What was just saved; a thing that is new gets its address with it, and its page begins anew. */
export const justSaved = signal("");

/** The two ways to have done with what was typed. */
interface Ways {
  onDrop: () => void;
  /** False if it was refused. */
  onSave: () => Promise<boolean>;
}

interface Form extends Ways {
  unsaved: boolean;
  busy: boolean;
  /** The pages that show the same form, by what follows `#/admin/`; without it, this page alone. */
  within?: ((rest: string) => boolean) | undefined;
}

interface SaveBarProps extends Form {
  typed: Typed;
  saved: boolean;
  /** What is in the way besides what was refused, in words. */
  wrong?: string;
  /** What is said once it is saved. */
  done?: string;
  /** Takes what somebody else has saved meanwhile, and puts mine over it for one more look. */
  onTheirs?: () => Promise<void>;
}

/** Saves what is edited on a page, by Ctrl+S as well; stands there while there is something to say. */
export function SaveBar(props: SaveBarProps): JSX.Element {
  const { unsaved, saved, busy, wrong, done, within, onTheirs } = props;
  const typed = useTyped(props.typed);
  const { onDrop, onSave } = settling(typed, props);
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
  return (
    <>
      {typed.offered && !unsaved && !saved && !words ? (
        <Offer typed={typed} />
      ) : unsaved || saved || words ? (
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
      ) : null}
      <Leaving unsaved={unsaved} busy={busy} within={within} onDrop={onDrop} onSave={onSave} />
    </>
  );
}

/** After either of them what was typed need not be kept. */
export function settling(typed: Kept, { onDrop, onSave }: Ways): Ways {
  return {
    onDrop: () => {
      onDrop();
      typed.settled();
    },
    onSave: async () => {
      const saved = await onSave();
      if (saved) typed.settled();
      return saved;
    },
  };
}

/** Says that something typed before was not saved, and puts it on the form again if it is wanted. */
export function Offer({ typed }: { typed: Kept }): JSX.Element {
  return (
    <div class="save-bar" role="status">
      <span>{t("admin.typed")}</span>
      <button type="button" class="button" onClick={typed.decline}>
        {t("admin.typed.decline")}
      </button>
      <button type="button" class="button strong" onClick={typed.takeBack}>
        {t("admin.typed.back")}
      </button>
    </div>
  );
}

/** Lets nobody lose what a form has unsaved without a word: asks first, or has the browser ask. */
export function Leaving({ unsaved, busy, within, onDrop, onSave }: Form): JSX.Element | null {
  const why = useId();
  const wrote = useRef(false);
  // At once, for whoever steps back with the last letter.
  useLayoutEffect(() => {
    // What was being saved while it was asked is saved now: nothing is lost by going.
    const meant = wrote.current && !unsaved ? leaving.value : null;
    wrote.current = unsaved;
    leaving.value = null;
    meant?.();
  }, [unsaved]);
  useEffect(() => {
    if (!unsaved) return;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [unsaved]);
  useLayoutEffect(() => {
    if (!unsaved) return;
    const mine = (to: Place): boolean => to.page === "admin" && (within?.(to.rest) ?? false);
    guard.value = mine;
    return () => {
      if (guard.value === mine) guard.value = null;
    };
  }, [unsaved]);

  const go = leaving.value;
  if (!unsaved || !go) return null;
  const stay = (): void => {
    leaving.value = null;
  };
  const walk = (): void => {
    guard.value = leaving.value = null;
    go();
  };
  const saveAndWalk = async (): Promise<void> => {
    const saved = await onSave();
    // Whoever closed the question meanwhile stays.
    const still = leaving.value === go;
    if (saved && still) return walk();
    if (still) stay();
    if (!saved) toWrong();
  };
  return (
    <Modal label={t("admin.unsaved")} class="sheet leaving" onClose={stay}>
      <h2>{t("admin.unsaved")}</h2>
      <p id={why}>{t("admin.leave.why")}</p>
      <div class="leaving-ways">
        <button
          type="button"
          class="button strong"
          autofocus
          aria-describedby={why}
          disabled={busy}
          onClick={() => void saveAndWalk()}
        >
          {t("admin.save")}
        </button>
        <button
          type="button"
          class="button"
          disabled={busy}
          onClick={() => {
            onDrop();
            walk();
          }}
        >
          {t("admin.leave.go")}
        </button>
        <button type="button" class="button" onClick={stay}>
          {t("admin.leave.stay")}
        </button>
      </div>
    </Modal>
  );
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
