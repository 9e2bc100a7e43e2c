import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import all from "emoji-data";
import { t } from "./settings";

const RECENT = "otklik.emoji";
const KEEP = 24;
const ACROSS = 8;
const MOST_FOUND = 80;
/** The groups of the Unicode tables; the second holds only skin tones and hair. */
const GROUPS = [0, 1, 3, 4, 5, 6, 7, 8, 9] as const;

function recent(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string").slice(0, KEEP) : [];
  } catch {
    return [];
  }
}

/** Emoji found by words of either language; the last used come first. */
export function Emoji({ onPick }: { onPick: (emoji: string) => void }): JSX.Element {
  const [words, setWords] = useState("");
  const [last] = useState(recent);
  const field = useRef<HTMLInputElement>(null);
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => field.current?.focus(), []);

  const wanted = words.toLowerCase().replaceAll("ё", "е").split(/\s+/).filter(Boolean);
  const found = wanted.length
    ? all.filter(([, , known]) => wanted.every((word) => known.includes(word))).slice(0, MOST_FOUND)
    : null;

  function pick(emoji: string): void {
    const kept = [emoji, ...last.filter((one) => one !== emoji)].slice(0, KEEP);
    localStorage.setItem(RECENT, JSON.stringify(kept));
    onPick(emoji);
  }

  function press(event: KeyboardEvent): void {
    const buttons = [...(box.current?.querySelectorAll<HTMLElement>(".emoji-grid button") ?? [])];
    const at = buttons.findIndex((one) => one === document.activeElement);
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -ACROSS, ArrowDown: ACROSS }[event.key];
    if (at < 0 && event.key === "Enter" && found?.[0]) {
      event.preventDefault();
      pick(found[0][0]);
    } else if (by !== undefined && (at >= 0 || event.key === "ArrowDown")) {
      event.preventDefault();
      const to = at < 0 ? 0 : at + by;
      if (to < 0) field.current?.focus();
      else buttons[Math.min(to, buttons.length - 1)]?.focus();
    }
  }

  const grid = (name: string, some: string[]): JSX.Element | null =>
    some.length ? (
      <section key={name}>
        <h3>{name}</h3>
        <div class="emoji-grid">
          {some.map((emoji) => (
            <button key={emoji} type="button" tabIndex={-1} onClick={() => pick(emoji)}>
              {emoji}
            </button>
          ))}
        </div>
      </section>
    ) : null;

  return (
    <div ref={box} class="emoji" role="dialog" aria-label={t("inbox.emoji")} onKeyDown={press}>
      <input
        ref={field}
        type="search"
        aria-label={t("inbox.emoji.search")}
        placeholder={t("inbox.emoji.search")}
        value={words}
        onInput={(event) => setWords(event.currentTarget.value)}
      />
      <div class="emoji-all">
        {found ? (
          found.length ? (
            grid(t("inbox.emoji.found"), found.map(([emoji]) => emoji))
          ) : (
            <p class="quiet">{t("inbox.emoji.none")}</p>
          )
        ) : (
          <>
            {grid(t("inbox.emoji.recent"), last)}
            {GROUPS.map((group) =>
              grid(
                t(`inbox.emoji.group.${group}`),
                all.filter(([, of]) => of === group).map(([emoji]) => emoji),
              ),
            )}
          </>
        )}
      </div>
    </div>
  );
}
