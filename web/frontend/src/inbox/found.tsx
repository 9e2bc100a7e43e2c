import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type Mark, snippet } from "../snippet";
import { nameOf } from "./names";
import { Avatar, Empty, Icon, IconButton } from "./parts";
import { previewOf } from "./preview";
import { open, openAt } from "./route";
import { ask, dialogOf, findings, leaveSearch, query, searching, type } from "./search";
import { refusal, t } from "./settings";
import { thread } from "./reading";
import { clock, me } from "./rows";
import { day, full, hours, sameDay } from "./times";
import type { Hit } from "./wire";

const FIELD = "search";

export function SearchField(): JSX.Element {
  const press = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    if (event.code === "Escape") leaveSearch();
    else if (event.code === "Enter") void ask();
    else if (event.code === "ArrowDown")
      document.querySelector<HTMLElement>(".row-list .row")?.focus();
    else return;
    if (event.code !== "Escape") event.preventDefault();
  };
  return (
    <div class="search" role="search">
      <Icon name="search" />
      <input
        id={FIELD}
        type="text"
        inputMode="search"
        enterKeyHint="search"
        autoComplete="off"
        spellcheck={false}
        maxLength={500}
        placeholder={t("inbox.search.placeholder")}
        aria-label={t("inbox.search")}
        aria-keyshortcuts="/"
        value={query.value}
        onInput={(event) => type(event.currentTarget.value)}
        onKeyDown={press}
      />
      {searching.value ? (
        <IconButton icon="close" label={t("inbox.search.leave")} onClick={leaveSearch} />
      ) : null}
    </div>
  );
}

export function toSearch(): void {
  const field = document.getElementById(FIELD);
  if (field instanceof HTMLInputElement) {
    field.focus();
    field.select();
  }
}

export function Found(): JSX.Element {
  const now = findings.value;
  const waits = now.state === "loading";
  const nothing = now.state === "ready" && now.hits.length === 0;
  return (
    <div class="rows" aria-busy={waits}>
      <p class="visually-hidden" role="status">
        {now.state === "ready" && !nothing ? t("inbox.search.found", { n: now.hits.length }) : ""}
      </p>
      {now.hits.length ? (
        <ul class={`row-list ${waits ? "stale" : ""}`} aria-label={t("inbox.search.results")}>
          {now.hits.map((hit) => (
            <Row key={hit.entry?.id ?? hit.dialog.id} hit={hit} />
          ))}
        </ul>
      ) : waits ? (
        <p class="search-waits">{t("inbox.search.waits")}</p>
      ) : null}
      {nothing && now.next === null ? (
        <Empty title={t("inbox.search.none", { query: now.query })}>
          <p class="quiet">{t("inbox.search.none_hint")}</p>
        </Empty>
      ) : null}
      {now.state === "failed" ? (
        <Empty title={refusal(now.code)}>
          <button type="button" class="button" onClick={() => void ask()}>
            {t("inbox.try_again")}
          </button>
        </Empty>
      ) : now.next !== null ? (
        <Further key={now.query} />
      ) : null}
    </div>
  );
}

function Row({ hit }: { hit: Hit }): JSX.Element {
  const { entry } = hit;
  const dialog = dialogOf(hit);
  const name = nameOf(dialog);
  const at = entry?.at ?? dialog.last_at;
  const who =
    entry?.kind === "note"
      ? t("inbox.search.note", { name: entry.author.name })
      : entry?.kind !== "out"
        ? ""
        : entry.author.id === me.value?.operator.id
          ? t("inbox.preview.you")
          : `${entry.author.name}: `;
  const here =
    thread.value?.id === dialog.id && (entry === null || thread.value.target?.seq === entry.seq);
  return (
    <li>
      <a
        class="row"
        href={`#${encodeURIComponent(dialog.id)}`}
        aria-current={here ? "true" : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          if (entry) openAt(dialog.id, entry.seq);
          else open(dialog.id);
        }}
      >
        <Avatar name={dialog.name} kind={dialog.kind} />
        <span class="row-main">
          <span class="row-name">
            {/* Its marks are of the name that was found; the person may have another one by now. */}
            {entry ? name : <Marked text={hit.dialog.name} marks={hit.marks} />}
          </span>
          <span class="row-preview found">
            {who ? <span class="who">{who} </span> : null}
            {entry ? (
              <>
                <Marked text={entry.text} marks={hit.marks} />
                {hit.marks.length === 0
                  ? entry.attachments.map((file) => ` ${file.name}`).join("")
                  : null}
              </>
            ) : (
              previewOf(dialog)
            )}
          </span>
        </span>
        <span class="row-side">
          <time class="row-time" dateTime={at} title={full(at)}>
            {sameDay(at, new Date(clock.value).toISOString()) ? hours(at) : day(at)}
          </time>
        </span>
      </a>
    </li>
  );
}

function Marked({ text, marks }: { text: string; marks: Mark[] }): JSX.Element {
  return (
    <>
      {snippet(text, marks).map((part, i) =>
        part.found ? <mark key={i}>{part.text}</mark> : part.text,
      )}
    </>
  );
}

/** Goes on by itself while pages are full; where the server paused, only when told to. */
function Further(): JSX.Element {
  const end = useRef<HTMLButtonElement>(null);
  const { next, lookedBackTo, state } = findings.value;
  useEffect(() => {
    if (lookedBackTo !== null) return;
    const seen = new IntersectionObserver((marks) => {
      if (marks.some((mark) => mark.isIntersecting)) void ask({ more: true });
    });
    if (end.current) seen.observe(end.current);
    return () => seen.disconnect();
  }, [next, lookedBackTo]);
  return (
    <div class="further">
      {lookedBackTo !== null ? (
        <p class="quiet">{t("inbox.search.back", { date: full(lookedBackTo) })}</p>
      ) : null}
      <button
        ref={end}
        type="button"
        class="more"
        disabled={state === "loading"}
        onClick={() => void ask({ more: true })}
      >
        {lookedBackTo === null ? t("inbox.more") : t("inbox.search.further")}
      </button>
    </div>
  );
}
