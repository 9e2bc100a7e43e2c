import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Found, SearchField } from "./found";
import { open } from "./route";
import { searching } from "./search";
import { Avatar, Empty } from "./parts";
import { first, t } from "./settings";
import {
  choose,
  counts,
  listed,
  listings,
  loadList,
  look,
  me,
  project,
  projects,
  thread,
  typing,
  view,
} from "./store";
import { ago, wait } from "./times";
import type { Dialog, View } from "./wire";

const VIEWS: View[] = ["queue", "mine", "all", "closed"];

export function List(): JSX.Element {
  return (
    <section class="list" aria-label={t("inbox.list")}>
      <header class="list-head">
        <Projects />
        {projects.value.length > 0 ? <SearchField /> : null}
        {searching.value ? null : <Tabs />}
      </header>
      {searching.value ? <Found /> : <Rows />}
    </section>
  );
}

function Projects(): JSX.Element {
  if (projects.value.length < 2)
    return <h1 class="project">{projects.value[0]?.name ?? t("inbox.no_projects")}</h1>;
  return (
    <select
      class="project"
      aria-label={t("inbox.project")}
      value={project.value}
      onChange={(event) => void choose(event.currentTarget.value)}
    >
      {projects.value.map((one) => (
        <option key={one.id} value={one.id}>
          {one.name}
        </option>
      ))}
    </select>
  );
}

function Tabs(): JSX.Element {
  const move = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const to = VIEWS[(VIEWS.indexOf(view.value) + step + VIEWS.length) % VIEWS.length] ?? "queue";
    look(to);
    document.getElementById(`tab-${to}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={t("inbox.views")} onKeyDown={move}>
      {VIEWS.map((name) => {
        const count = name === "closed" ? undefined : counts.value?.[name];
        return (
          <button
            key={name}
            id={`tab-${name}`}
            type="button"
            role="tab"
            aria-selected={view.value === name}
            aria-controls="rows"
            tabIndex={view.value === name ? 0 : -1}
            onClick={() => look(name)}
          >
            {t(`inbox.view.${name}`)}
            {count && count.n > 0 ? (
              <span class="count">{count.more ? `${count.n}+` : count.n}</span>
            ) : null}
          </button>
        );
      })}
    </div>
  );
}

function Rows(): JSX.Element {
  const listing = listings.value[view.value];
  const rows = listed.value;
  return (
    <div
      class="rows"
      id="rows"
      role="tabpanel"
      aria-labelledby={`tab-${view.value}`}
      aria-busy={listing.state === "loading"}
    >
      {rows.length > 0 ? (
        <ul class="row-list" aria-label={t("inbox.dialogs")}>
          {rows.map((row) => (
            <Row key={row.id} row={row} />
          ))}
        </ul>
      ) : listing.state === "ready" ? (
        <Empty title={t(`inbox.empty.${view.value}`)} />
      ) : projects.value.length === 0 ? (
        <Empty title={t("inbox.ask_admin")} />
      ) : listing.state === "failed" ? null : (
        <Skeleton />
      )}
      {listing.state === "failed" ? (
        <Empty title={t("inbox.list_failed")}>
          <button type="button" class="button" onClick={() => void loadList(view.value)}>
            {t("inbox.try_again")}
          </button>
        </Empty>
      ) : listing.next !== null ? (
        <More key={view.value} />
      ) : null}
    </div>
  );
}

function Row({ row }: { row: Dialog }): JSX.Element {
  const name = row.name || t("inbox.guest");
  const waits = row.open && row.awaits === "operator" && row.waiting_since;
  const clock = waits ? wait(waits) : null;
  const here = thread.value?.id === row.id;
  return (
    <li>
      <a
        class="row"
        href={`#${encodeURIComponent(row.id)}`}
        aria-current={here ? "true" : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          open(row.id);
        }}
      >
        <Avatar name={name} kind={row.kind} />
        <span class="row-main">
          <span class="row-name">{name}</span>
          <span class="row-preview">
            {typing.value.get(row.id) === "" ? (
              <em>{t("inbox.typing")}</em>
            ) : (
              <Preview row={row} />
            )}
          </span>
        </span>
        <span class="row-side">
          {clock ? (
            <span class={`waits ${clock.degree}`} title={t("inbox.waits", { time: clock.words })}>
              {clock.words}
            </span>
          ) : (
            <time class="row-time" dateTime={row.last_at}>
              {ago(row.last_at)}
            </time>
          )}
          {row.unanswered > 0 ? (
            <span class="unanswered" aria-label={t("inbox.unanswered", { n: row.unanswered })}>
              {row.unanswered}
            </span>
          ) : row.open && row.owner !== null && row.owner !== me.value?.operator.id ? (
            <span class="owner" title={row.owner_name}>
              {short(row.owner_name)}
            </span>
          ) : row.open ? null : (
            <span class="row-status">{first(`status.${row.status}`)}</span>
          )}
        </span>
      </a>
    </li>
  );
}

function Preview({ row }: { row: Dialog }): JSX.Element {
  if (!row.preview) return <>{t("inbox.preview.empty")}</>;
  const { author, text, attachment } = row.preview;
  const who =
    author === "operator"
      ? row.owner === me.value?.operator.id || !row.owner_name
        ? t("inbox.preview.you")
        : `${row.owner_name}: `
      : author === "bot" || author === "rule"
        ? t("inbox.preview.bot")
        : "";
  return (
    <>
      {who ? <span class="who">{who} </span> : null}
      {text || (attachment ? first(`inbox.preview.${attachment}`, attachment) : "")}
    </>
  );
}

function short(name: string): string {
  return name
    .split(/\s+/)
    .map((word) => [...word][0] ?? "")
    .slice(0, 2)
    .join("")
    .toUpperCase();
}

function More(): JSX.Element {
  const end = useRef<HTMLButtonElement>(null);
  const { next } = listings.value[view.value];
  useEffect(() => {
    const seen = new IntersectionObserver((marks) => {
      if (marks.some((mark) => mark.isIntersecting)) void loadList(view.value, { more: true });
    });
    if (end.current) seen.observe(end.current);
    return () => seen.disconnect();
  }, [next]);
  return (
    <button
      ref={end}
      type="button"
      class="more"
      onClick={() => void loadList(view.value, { more: true })}
    >
      {t("inbox.more")}
    </button>
  );
}

/** Shown only after a moment, so that a quick answer does not flicker. */
function Skeleton(): JSX.Element {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: 7 }, (_, i) => (
        <div key={i} class="row">
          <span class="avatar" />
          <span class="row-main">
            <span class="bar" />
            <span class="bar wide" />
          </span>
        </div>
      ))}
    </div>
  );
}

/** Moves the focus along the rows; the first step enters at the open dialog. */
export function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLAnchorElement>(".row-list .row")];
  const at = rows.findIndex((row) => row === document.activeElement);
  const from = at >= 0 ? at : rows.findIndex((row) => row.hasAttribute("aria-current"));
  const to = rows[Math.min(rows.length - 1, Math.max(0, from + by))];
  to?.focus();
  to?.scrollIntoView({ block: "nearest" });
}
