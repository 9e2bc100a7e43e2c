import "./acts.css";
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { freshKey } from "../keys";
import { api } from "./api";
import { mayDelete, mayEdit, mayReact } from "./may";
import { type Item, Menu } from "./menu";
import { useOutside } from "./outside";
import { Icon, IconButton } from "./parts";
import { learnEntries } from "./reading";
import { tell } from "./rows";
import { t } from "./settings";
import type { Dialog, Entry } from "./wire";

/** The line that is being rewritten, empty if none is. */
export const rewriting = signal("");

const OURS = "operator";

async function done(what: Promise<Entry>): Promise<boolean> {
  try {
    learnEntries([await what]);
    return true;
  } catch (error) {
    tell(error);
    return false;
  }
}

/** What may be done with a line besides answering it. */
export function Acts({ dialog, entry }: { dialog: Dialog; entry: Entry }): JSX.Element | null {
  const emoji = mayReact(dialog, entry);
  const items: Item[] = [];
  if (mayEdit(dialog, entry))
    items.push({ label: t("inbox.rewrite"), onChoose: () => (rewriting.value = entry.id) });
  if (mayDelete(dialog, entry))
    items.push({
      label: t("inbox.take_back"),
      onChoose: () => void done(api.takeBack(entry.dialog, entry.id, freshKey())),
    });
  if (!emoji.length && !items.length) return null;
  return (
    <span class="acts">
      {emoji.length ? <React entry={entry} emoji={emoji} /> : null}
      {items.length ? (
        <Menu label={t("inbox.line_more")} class="icon-button" items={items}>
          <Icon name="more" />
        </Menu>
      ) : null}
    </span>
  );
}

function React({ entry, emoji }: { entry: Entry; emoji: string[] }): JSX.Element {
  const [open, setOpen] = useState(false);
  const frame = useRef<HTMLSpanElement>(null);
  const ours = entry.reactions.find((one) => one.by === OURS)?.emoji ?? "";

  useEffect(() => {
    if (open) frame.current?.querySelector<HTMLElement>(".react-list button")?.focus();
  }, [open]);
  useOutside(open, frame, () => setOpen(false));

  function press(event: KeyboardEvent): void {
    if (!open) return;
    event.stopPropagation();
    const all = [...(frame.current?.querySelectorAll<HTMLElement>(".react-list button") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by) all.at((at + by) % all.length)?.focus();
    else if (event.key === "Escape") {
      setOpen(false);
      frame.current?.querySelector("button")?.focus();
    } else return;
    event.preventDefault();
  }

  return (
    <span ref={frame} class="react-frame" onKeyDown={press}>
      <IconButton icon="smile" label={t("inbox.react")} pressed={open} onClick={() => setOpen(!open)} />
      {open ? (
        <span class="react-list" role="group" aria-label={t("inbox.reactions")}>
          {emoji.map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={one === ours}
              aria-label={one}
              onClick={() => {
                setOpen(false);
                void done(api.react(entry.dialog, entry.id, freshKey(), one === ours ? "" : one));
              }}
            >
              {one}
            </button>
          ))}
        </span>
      ) : null}
    </span>
  );
}

/** The line's own text, to be said anew. */
export function Rewriting({ entry }: { entry: Entry }): JSX.Element {
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(entry.text);
  const [busy, setBusy] = useState(false);

  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, 240)}px`;
  }, [text]);
  useEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(entry.text.length, entry.text.length);
  }, []);

  function close(): void {
    rewriting.value = "";
    document.getElementById("composer")?.focus();
  }

  async function save(): Promise<void> {
    const said = text.trim();
    if (!said || busy) return;
    if (said === entry.text) {
      close();
      return;
    }
    setBusy(true);
    if (await done(api.rewrite(entry.dialog, entry.id, freshKey(), said))) close();
    setBusy(false);
  }

  return (
    <form
      class="rewriting"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <textarea
        ref={field}
        rows={1}
        value={text}
        dir="auto"
        aria-label={t("inbox.rewrite_text")}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.isComposing) return;
          event.stopPropagation();
          if (event.key === "Escape") close();
          else if (event.key === "Enter" && !event.shiftKey) void save();
          else return;
          event.preventDefault();
        }}
      />
      <span class="rewriting-steps">
        <button type="button" class="link" onClick={close}>
          {t("inbox.cancel")}
        </button>
        <button type="submit" class="link" disabled={!text.trim() || busy}>
          {t("inbox.rewrite_save")}
        </button>
      </span>
    </form>
  );
}
