import type { JSX } from "preact";
import { begun } from "./drafts";
import { previewOf } from "./preview";
import { nameOf, phone } from "./names";
import { Avatar, Icon, IconButton } from "./parts";
import { thread, typing } from "./reading";
import { open } from "./route";
import { belongs } from "./order";
import { clock, dialogs, filter, me, view } from "./rows";
import { first, t } from "./settings";
import { askAssign, take } from "./steps";
import { ago, date, full, hours, sameDay, wait } from "./times";
import type { Dialog } from "./wire";

interface RowProps {
  id: string;
  n: number;
  top: number;
  of: number;
  stop: boolean;
}

/** One dialog at its height in the list; hovering or focusing offers to take it or hand it over. */
export function Row({ id, n, top, of, stop }: RowProps): JSX.Element | null {
  const row = dialogs.value.get(id);
  if (!row) return null;
  const name = nameOf(row);
  const gone = !belongs(row, view.value, filter.value, me.value?.operator.id ?? "");
  return (
    <li
      class={gone ? "place gone" : "place"}
      style={{ transform: `translateY(${top}px)` }}
      data-id={id}
      aria-setsize={of}
      aria-posinset={n + 1}
    >
      <a
        class="row"
        href={`#${encodeURIComponent(id)}`}
        tabIndex={stop ? 0 : -1}
        aria-current={thread.value?.id === id ? "true" : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          open(id);
        }}
      >
        <Avatar name={row.name} kind={row.kind} />
        <span class="row-main">
          <span class="row-line">
            <span class="row-name" dir="auto">
              {name}
            </span>
            <When row={row} />
          </span>
          <span class="row-line">
            <span class="row-preview">
              <Second row={row} />
            </span>
            <Marks row={row} />
          </span>
        </span>
      </a>
      {row.open && !gone ? <Acts row={row} /> : null}
    </li>
  );
}

/** The quick steps; on a touch screen they are in the dialog itself. */
function Acts({ row }: { row: Dialog }): JSX.Element {
  return (
    <span class="row-acts">
      {row.owner === null ? (
        <IconButton
          icon="hand"
          label={t("inbox.step.take")}
          onClick={() => void take(row, "take")}
        />
      ) : null}
      <IconButton icon="give" label={t("inbox.row.assign")} onClick={() => askAssign(row)} />
    </span>
  );
}

function Second({ row }: { row: Dialog }): JSX.Element {
  const draft = begun(row.id);
  if (typing.value.get(row.id) === "") return <em class="types">{t("inbox.typing")}</em>;
  if (draft)
    return (
      <>
        <span class="draft">{t("inbox.preview.draft")} </span>
        <bdi>{draft}</bdi>
      </>
    );
  if (awaitsCall(row) && (row.unanswered === 0 || !row.preview))
    return <>{[row.name ? phone(row.phone) : "", t("inbox.row.waits_call")].filter(Boolean).join(" · ")}</>;
  return <Preview row={row} />;
}

/** Whether a call to the person is to come. */
function awaitsCall(row: Dialog): boolean {
  const planned = row.call_status === "new" || row.call_status === "awaiting_retry";
  return row.phone !== "" && (row.call_at !== null || (planned && row.open));
}

function Preview({ row }: { row: Dialog }): JSX.Element {
  if (!row.preview) return <>{t("inbox.preview.empty")}</>;
  const { author, attachment } = row.preview;
  const text = previewOf(row);
  const who =
    author === "operator"
      ? row.owner === me.value?.operator.id || !row.owner_name
        ? t("inbox.preview.you")
        : `${row.owner_name}:`
      : author === "bot" || author === "rule"
        ? t("inbox.preview.bot")
        : "";
  return (
    <>
      {who ? <span class="who">{who} </span> : null}
      <bdi>{text || (attachment ? first(`inbox.preview.${attachment}`, attachment) : "")}</bdi>
    </>
  );
}

/** When the operator must act, or when something last happened. */
function When({ row }: { row: Dialog }): JSX.Element {
  if (row.call_at && awaitsCall(row))
    return (
      <span class="row-when call-at" title={t("inbox.row.call_at", { time: full(row.call_at) })}>
        <Icon name="phone" />
        {soon(row.call_at)}
      </span>
    );
  const since = row.open && row.awaits === "operator" ? row.waiting_since : null;
  if (since) {
    const { words, degree } = wait(since);
    return (
      <span class={`row-when waits ${degree}`} title={t("inbox.waits", { time: words })}>
        {words}
      </span>
    );
  }
  return (
    <time class="row-when" dateTime={row.last_at} title={full(row.last_at)}>
      {ago(row.last_at)}
    </time>
  );
}

/** Whose it is if not one's own, and what waits in it or how it stands. */
function Marks({ row }: { row: Dialog }): JSX.Element {
  const foreign = row.open && row.owner !== null && row.owner !== me.value?.operator.id;
  return (
    <span class="row-marks">
      {foreign ? (
        <span class="owner" title={t("inbox.owner.other", { name: row.owner_name })}>
          {short(row.owner_name)}
        </span>
      ) : null}
      {row.unanswered > 0 ? (
        <span class="unanswered">
          <span aria-hidden="true">{row.unanswered > 99 ? "99+" : row.unanswered}</span>
          <span class="visually-hidden">{t("inbox.unanswered", { n: row.unanswered })}</span>
        </span>
      ) : quiet(row) ? (
        <span class="row-status">{first(`status.${row.status}`)}</span>
      ) : null}
    </span>
  );
}

/** A status that says no more than the list it stands in is left out. */
function quiet(row: Dialog): boolean {
  return !row.open || !["new", "chatting"].includes(row.status);
}

/** When the next call is due: the time today and tomorrow, the day after that. */
function soon(at: string): string {
  const now = new Date(clock.value);
  if (sameDay(at, now.toISOString())) return hours(at);
  now.setDate(now.getDate() + 1);
  if (sameDay(at, now.toISOString())) return t("inbox.row.tomorrow", { time: hours(at) });
  return date(at);
}

function short(name: string): string {
  return name
    .split(/\s+/)
    .map((word) => [...word][0] ?? "")
    .slice(0, 2)
    .join("")
    .toUpperCase();
}
