import "./setup.css";
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { goTo } from "../inbox/route";
import { project } from "../inbox/rows";
import { changes, draft, drop, load, put, save, state, takeTheirs } from "./draft";
import { refused, saved, saving } from "./editing";
import type { Project } from "./project";
import { ROOM } from "./rooms";
import { SaveBar, toWrong } from "./savebar";
import { tidied } from "./tidying";
import { Failed, Wait } from "./wait";
import { first, t } from "./words";

/** On which page each part is changed. */
const HOME: Record<string, Home> = { schedule: "hours", calling: "calling", texting: "calling", policy: "rules" };

/** The pages that show parts of one and the same draft. */
const OURS = new RegExp(`^${ROOM}(hours|calling|rules)$`);

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
  const now = draft.value;
  return (
    <div class="setup">
      <div class="setup-main">
        <h1 class="site-title">{t(`admin.room.${home}`)}</h1>
        {state.value === "loading" ? (
          <Wait />
        ) : state.value !== "ready" || !now ? (
          <Failed onAgain={() => void load()} />
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
      <SaveBar
        typed={{ form: "settings", mine: changes.value ?? {}, onBack: now ? put : undefined }}
        unsaved={changes.value !== null}
        saved={saved.value}
        busy={saving.value}
        within={(rest) => OURS.test(rest)}
        onDrop={drop}
        onSave={() => checkAndSave(check)}
        onTheirs={takeTheirs}
      />
    </div>
  );
}

async function checkAndSave(check: Check): Promise<boolean> {
  if (draft.value) draft.value = tidied(draft.value);
  const wrong = draft.value && check(draft.value);
  refused.value = wrong;
  if (!wrong && (await save())) return true;
  toItsPage();
  return false;
}

/** The place that the hub named may be inside of what the screen has one field for. */
function nearest(place: string): string {
  for (let at = place; at; at = at.slice(0, Math.max(0, at.lastIndexOf("."))))
    if (document.querySelector(`[data-place="${CSS.escape(at)}"]`)) return at;
  return place;
}

/** Brings what was refused into view, on the page where it is changed. */
export function show(): void {
  toItsPage();
  toWrong();
}

function toItsPage(): void {
  const wrong = refused.value;
  if (!wrong || wrong.place === "form") return;
  goTo(`#/admin/${ROOM}${HOME[part(wrong.place)] ?? "hours"}`);
  requestAnimationFrame(() => {
    const place = nearest(wrong.place);
    const own = first(`admin.wrong.${place.replace(/\.\d.*$/, "")}`, "");
    refused.value = { place, words: own || wrong.words };
  });
}
