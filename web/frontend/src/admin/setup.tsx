import "./setup.css";
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Empty } from "../inbox/parts";
import { goTo } from "../inbox/route";
import { project } from "../inbox/rows";
import { changes, draft, drop, load, save, state, takeTheirs } from "./draft";
import { refused, saved, saving } from "./editing";
import type { Project } from "./project";
import { ROOM } from "./rooms";
import { tidied } from "./tidying";
import { Wait } from "./wait";
import { first, t } from "./words";

/** On which page each part is changed. */
const HOME: Record<string, Home> = { schedule: "hours", calling: "calling", texting: "calling", policy: "rules" };

type Home = "hours" | "calling" | "rules";

const part = (place: string): string => place.split(".")[0] ?? "";

/** What is wrong before it is sent, as far as a page can know. */
export type Check = (now: Project) => { place: string; words: string } | null;

interface SetupProps {
  home: Home;
  check: Check;
  children: (now: Project) => ComponentChildren;
}

/** A page of a project's settings: read when it opens, with a bar to save what was changed. */
export function Setup({ home, check, children }: SetupProps): JSX.Element {
  useEffect(() => {
    saved.value = false;
    void load();
  }, [project.value]);
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent): void => {
      if (changes.value) event.preventDefault();
    };
    const press = (event: KeyboardEvent): void => {
      if (event.code !== "KeyS" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      void saveAndShow(check);
    };
    window.addEventListener("beforeunload", warn);
    document.addEventListener("keydown", press);
    return () => {
      window.removeEventListener("beforeunload", warn);
      document.removeEventListener("keydown", press);
    };
  }, []);
  const now = draft.value;
  return (
    <div class="setup">
      <div class="setup-main">
        <h1 class="site-title">{t(`admin.room.${home}`)}</h1>
        {state.value === "loading" ? (
          <Wait />
        ) : state.value !== "ready" || !now ? (
          <Empty title={t(state.value === "missing" ? "admin.missing" : "admin.failed")}>
            <button type="button" class="button" onClick={() => void load()}>
              {t("admin.again")}
            </button>
          </Empty>
        ) : (
          <>
            {now.warnings
              .filter(({ field, code }) => HOME[part(field)] === home && code !== "unknown_names")
              .map(({ field, code }) => (
                <p key={field} class="remark warn" role="note">
                  {first(`admin.warned.${code}`, "")}
                </p>
              ))}
            {children(now)}
          </>
        )}
      </div>
      {changes.value || saved.value ? <Bar check={check} /> : null}
    </div>
  );
}

function Bar({ check }: { check: Check }): JSX.Element {
  const unsaved = changes.value !== null;
  const wrong = refused.value;
  const moved = wrong?.place === "form" && wrong.words === t("admin.refused.project.changed");
  return (
    <div class={unsaved ? "save-bar" : "save-bar done"} role="status">
      <span class={wrong ? "save-wrong" : undefined}>
        {wrong?.words ?? t(unsaved ? "admin.unsaved" : "admin.project.saved")}
      </span>
      {unsaved ? (
        <>
          <button type="button" class="button" disabled={saving.value} onClick={drop}>
            {t("admin.drop")}
          </button>
          {moved ? (
            <button type="button" class="button strong" onClick={() => void takeTheirs()}>
              {t("admin.project.take_theirs")}
            </button>
          ) : (
            <button
              type="button"
              class="button strong"
              disabled={saving.value}
              onClick={() => void saveAndShow(check)}
            >
              {t("admin.save")}
            </button>
          )}
        </>
      ) : null}
    </div>
  );
}

/** Saves, or brings what is wrong into view with the cursor in it. */
async function saveAndShow(check: Check): Promise<void> {
  if (draft.value) draft.value = tidied(draft.value);
  const wrong = draft.value && check(draft.value);
  refused.value = wrong;
  if (wrong || !(await save())) show();
}

/** The place that the hub named may be inside of what the screen has one field for. */
function nearest(place: string): string {
  for (let at = place; at; at = at.slice(0, Math.max(0, at.lastIndexOf("."))))
    if (document.querySelector(`[data-place="${CSS.escape(at)}"]`)) return at;
  return place;
}

/** Brings what was refused into view, on the page where it is changed. */
export function show(): void {
  const wrong = refused.value;
  if (!wrong || wrong.place === "form") return;
  goTo(`#/admin/${ROOM}${HOME[part(wrong.place)] ?? "hours"}`);
  // What is folded away opens first, then what is wrong is said there, then it is looked for.
  requestAnimationFrame(() => {
    const place = nearest(wrong.place);
    const own = first(`admin.wrong.${place.replace(/\.\d.*$/, "")}`, "");
    refused.value = { place, words: own || wrong.words };
    requestAnimationFrame(() => {
      const field = document.querySelector<HTMLElement>(".admin [aria-invalid='true']");
      field?.focus();
      const found = field ?? document.querySelector<HTMLElement>(`[data-place="${CSS.escape(place)}"]`);
      found?.scrollIntoView({ block: "center" });
    });
  });
}
