import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "./api";
import { me, operators, project, tell } from "./rows";
import { t } from "./settings";
import { Sheet } from "./sheet";
import { assign, choosing } from "./steps";
import type { Dialog, Operator } from "./wire";

const ORDER: Record<Operator["presence"], number> = { online: 0, away: 1, offline: 2 };

/** Asks to whom the dialog goes, while somebody is being chosen. */
export function Assign(): JSX.Element | null {
  const dialog = choosing.value;
  return dialog ? <Choose key={dialog.id} dialog={dialog} /> : null;
}

function Choose({ dialog }: { dialog: Dialog }): JSX.Element {
  const [asked, setAsked] = useState<Operator[] | null>(null);
  // Those who are known stand there at once; who joined since comes with the answer.
  const known = dialog.project === project.value && operators.value.length ? operators.value : null;
  const all = asked ?? known;
  const [words, setWords] = useState("");
  const list = useRef<HTMLUListElement>(null);
  const close = (): void => {
    choosing.value = null;
  };

  useEffect(() => {
    api.operators(dialog.project).then(setAsked, (error: unknown) => {
      tell(error);
      if (!known) close();
    });
  }, []);

  const wanted = words.trim().toLowerCase();
  const shown = (all ?? [])
    .filter((one) => one.id !== dialog.owner && one.name.toLowerCase().includes(wanted))
    .sort((a, b) => ORDER[a.presence] - ORDER[b.presence] || a.name.localeCompare(b.name));

  async function give(operator: Operator | undefined): Promise<void> {
    if (!operator) return;
    close();
    await assign(dialog, operator.id);
  }

  function move(event: KeyboardEvent, from: number): void {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    const buttons = [...(list.current?.querySelectorAll("button") ?? [])];
    buttons[Math.min(buttons.length - 1, Math.max(0, from + by))]?.focus();
  }

  return (
    <Sheet title={t("inbox.assign")} class="assign" onClose={close}>
      <input
        type="search"
        class="assign-search"
        autoFocus
        aria-label={t("inbox.assign.search")}
        placeholder={t("inbox.assign.search")}
        value={words}
        onInput={(event) => setWords(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") {
            // Else it would press the button that the focus goes back to.
            event.preventDefault();
            void give(shown[0]);
          } else move(event, -1);
        }}
      />
      <ul ref={list} class="assign-list" aria-label={t("inbox.assign.people")} aria-busy={!all}>
        {shown.map((one, i) => (
          <li key={one.id}>
            <button type="button" onClick={() => void give(one)} onKeyDown={(event) => move(event, i)}>
              <span class={`presence ${one.presence}`} aria-hidden="true" />
              <bdi>{one.id === me.value?.operator.id ? t("inbox.assign.me", { name: one.name }) : one.name}</bdi>
              <span class="quiet">{t(`inbox.presence.${one.presence}`)}</span>
            </button>
          </li>
        ))}
      </ul>
      {all && shown.length === 0 ? <p class="quiet assign-none">{t(words ? "inbox.assign.none" : "inbox.assign.alone")}</p> : null}
    </Sheet>
  );
}
