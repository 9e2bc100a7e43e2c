import "./palette.css";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Refused, api } from "./api";
import { nameOf } from "./names";
import { Avatar, Keys } from "./parts";
import { previewOf } from "./preview";
import { open } from "./route";
import { dialogs, learn, project } from "./rows";
import { first, t } from "./settings";
import { Modal } from "./sheet";
import { type Act, everywhere, withDialog } from "./shortcuts";
import { shown } from "./shown";
import type { Dialog } from "./wire";

const PAUSE = 200;
const MOST = 8;

interface Item {
  key: string;
  name: string;
  aside?: string;
  keys?: string;
  row?: Dialog;
  run: () => void;
}

const close = (): void => {
  shown.value = null;
};

/** Every word of the query begins some word of the name. */
function fits(name: string, query: string): boolean {
  const words = name.toLocaleLowerCase().split(/[\s:,.()«»"-]+/u);
  return query
    .toLocaleLowerCase()
    .split(/\s+/u)
    .every((part) => words.some((word) => word.startsWith(part)));
}

function found(query: string, further: readonly string[]): Item[] {
  const words = query.trim();
  const acts = [...withDialog(), ...everywhere()].filter((act) => !words || fits(act.name, words));
  const all = dialogs.value;
  const near = words
    ? [...all.values()].filter((row) => row.project === project.value && fits(row.name, words))
    : [];
  near.sort(
    (a, b) => Number(b.open) - Number(a.open) || Date.parse(b.last_at) - Date.parse(a.last_at),
  );
  const ids = [...new Set([...near.slice(0, MOST).map((row) => row.id), ...further])];
  const people = ids.slice(0, MOST).flatMap((id): Item[] => {
    const row = all.get(id);
    return row ? [asItem(row)] : [];
  });
  return words ? [...people, ...acts.map(asAct)] : acts.map(asAct);
}

function asItem(row: Dialog): Item {
  return {
    key: row.id,
    name: nameOf(row),
    aside: previewOf(row) || first(`status.${row.status}`),
    row,
    run: () => open(row.id),
  };
}

const asAct = (act: Act): Item => ({ key: act.name, ...act });

/** Dialogs by name, steps and places in one field. */
export function Palette(): JSX.Element {
  const [query, setQuery] = useState("");
  const [marked, mark] = useState("");
  const [further, setFurther] = useState<readonly string[]>([]);
  const list = useRef<HTMLDivElement>(null);
  const items = found(query, further);
  const chosen = Math.max(0, items.findIndex((item) => item.key === marked));

  // It is the same one that Enter means, wherever it comes to stand when others are found late.
  useLayoutEffect(() => mark(items[0]?.key ?? ""), [query]);

  useEffect(() => {
    setFurther([]);
    const words = query.trim();
    if (words.length < 2) return;
    let here = true;
    const pause = window.setTimeout(async () => {
      try {
        const page = await api.search(project.value, words, null);
        const named = page.items.filter((hit) => hit.entry === null).map((hit) => hit.dialog);
        if (!here) return;
        learn(named);
        setFurther(named.map((row) => row.id));
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
      }
    }, PAUSE);
    return () => {
      here = false;
      clearTimeout(pause);
    };
  }, [query]);

  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  function run(item: Item | undefined): void {
    if (!item) return;
    close();
    // The palette gives the focus back first, then the step may put it where it wants it.
    window.setTimeout(item.run);
  }

  function press(event: KeyboardEvent): void {
    if (event.isComposing) return;
    if (event.code === "KeyK" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      close();
      return;
    }
    const by = event.code === "ArrowDown" ? 1 : event.code === "ArrowUp" ? -1 : 0;
    if (by) mark(items.at((chosen + by) % Math.max(1, items.length))?.key ?? "");
    else if (event.code === "Enter" || event.code === "NumpadEnter") run(items[chosen]);
    else return;
    event.preventDefault();
  }

  return (
    <Modal label={t("inbox.palette")} class="palette" onClose={close}>
      <input
        class="palette-field"
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={items[chosen] ? `palette-${chosen}` : undefined}
        aria-label={t("inbox.palette.field")}
        placeholder={t("inbox.palette.field")}
        autocomplete="off"
        spellcheck={false}
        autofocus
        value={query}
        onInput={(event) => {
          setQuery(event.currentTarget.value);
        }}
        onKeyDown={press}
      />
      <div
        ref={list}
        class="palette-list"
        id="palette-list"
        role="listbox"
        aria-label={t("inbox.palette.results")}
      >
        {items.map((item, i) => (
          <div
            key={item.key}
            id={`palette-${i}`}
            class="palette-item"
            role="option"
            aria-selected={i === chosen}
            onPointerMove={() => mark(item.key)}
            onClick={() => run(item)}
          >
            {item.row ? <Avatar name={item.row.name} kind={item.row.kind} /> : null}
            <bdi class="palette-name">{item.name}</bdi>
            {item.aside ? <bdi class="palette-kind">{item.aside}</bdi> : null}
            {item.keys ? <Keys of={item.keys} /> : null}
          </div>
        ))}
      </div>
      {items.length === 0 ? <p class="palette-none">{t("inbox.palette.none")}</p> : null}
    </Modal>
  );
}
