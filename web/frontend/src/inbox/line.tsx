import "./line.css";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { pieces } from "../links";
import { type Style, marked } from "../marks";
import { Acts, Rewriting, rewriting } from "./acts";
import { api } from "./api";
import { doer } from "./callbacks";
import { isOfCall } from "./callgroups";
import { saidOfCallWhole } from "./callsaid";
import { quote } from "./composer";
import { Files } from "./files";
import { type Unsent, drop, retry } from "./outbox";
import { can, kindName } from "./may";
import { Icon, IconButton } from "./parts";
import { Buttons, Place, Shared } from "./places";
import { entryOf, fetchQuoted, jumpTo, learnEntries } from "./reading";
import { dialogs, me, tell } from "./rows";
import { authorOf, failureOf, gist, isBot, said, whyItself } from "./said";
import { t } from "./settings";
import { full, hours } from "./times";
import type { Entry, OutState } from "./wire";

interface LineProps {
  entry: Entry;
  /** What came in the same album, after it. */
  rest?: Entry[];
  /** The day that begins with it, in words. */
  day: string;
  /** Whether the unread ones begin with it. */
  unread: boolean;
  /** Whether it begins a group of one author. */
  first: boolean;
  unsent?: Unsent;
}

export function Line(props: LineProps): JSX.Element {
  const { entry, day, unread } = props;
  return (
    <>
      {day ? (
        <div class="day" role="separator">
          <span>{day}</span>
        </div>
      ) : null}
      {unread ? (
        <div class="unread" role="separator">
          <span>{t("inbox.unread")}</span>
        </div>
      ) : null}
      {isOfCall(entry) ? (
        <Dialled entries={[entry, ...(props.rest ?? [])]} />
      ) : entry.kind === "system" ? (
        <System entry={entry} />
      ) : (
        <Bubble {...props} />
      )}
    </>
  );
}

/** All that was told of one call, folded. */
function Dialled({ entries }: { entries: Entry[] }): JSX.Element {
  const first = entries[0];
  return (
    <details class="system dialled">
      <summary>
        <Icon name="phone" />
        <bdi>{saidOfCallWhole(entries)}</bdi> ·{" "}
        <time dateTime={first?.at}>{first ? hours(first.at) : ""}</time>
      </summary>
      <ol>
        {entries.map((entry) => (
          <li key={entry.id} data-seq={entry.seq}>
            <time dateTime={entry.at}>{hours(entry.at)}</time> <bdi>{said(entry)}</bdi>
          </li>
        ))}
      </ol>
    </details>
  );
}

function System({ entry }: { entry: Entry }): JSX.Element {
  const loud = entry.verb === "call_asked" || entry.verb === "rated";
  const words = entry.verb === "call_asked" ? entry.data.comment : entry.text || entry.data.text;
  const reason = whyItself(entry);
  return (
    <p class={loud ? "system loud" : "system"} data-seq={entry.seq}>
      {entry.verb === "call_asked" ? <Icon name="phone" /> : null}
      <span>
        <bdi>{said(entry)}</bdi>
        {reason ? <bdi>{` · ${lower(reason)}`}</bdi> : null} ·{" "}
        <time dateTime={entry.at}>{hours(entry.at)}</time>
        {loud && words ? <bdi class="system-words">{words}</bdi> : null}
      </span>
    </p>
  );
}

const lower = (words: string): string => words.slice(0, 1).toLowerCase() + words.slice(1);

function Bubble({ entry, rest = [], first, unsent }: LineProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const mine = entry.author.id === me.value?.operator.id && entry.author.kind === "operator";
  const last = rest.at(-1) ?? entry;
  const worst = [entry, ...rest].find((one) => one.state === "failed" || one.state === "unknown");
  const text = entry.text || (rest.find((one) => one.text)?.text ?? "");
  const bot = isBot(entry);
  const name = bot ? t("inbox.bot") : entry.author.name || (entry.kind === "in" ? t("inbox.guest") : t("inbox.system.hub"));
  const dialog = dialogs.value.get(entry.dialog);
  const settled = entry.kind !== "note" && !unsent && !entry.deleted_at && dialog?.open;
  const answerable = settled && can(dialog, "quotes");
  // Written by somebody of ours in the messenger itself: there is no operator to name.
  const elsewhere = entry.kind === "out" && entry.author.kind === "operator" && !entry.author.id && !unsent;
  const answer = (): void => {
    if (answerable) quote(dialog, entry);
  };
  useSwipe(box, answer);
  return (
    <div
      ref={box}
      class={`message ${entry.kind} ${first ? "first" : ""}`}
      data-seq={unsent ? undefined : entry.seq}
    >
      {rest.map((one) => (
        <span key={one.id} data-seq={one.seq} />
      ))}
      {first ? <span class="visually-hidden">{mine ? t("inbox.you") : name}</span> : null}
      <div class="message-row">
        <div
          class="bubble"
          onDblClick={(event) => {
            if ((event.target as HTMLElement).closest("a, button, input, video, .voice")) return;
            getSelection()?.removeAllRanges();
            answer();
          }}
        >
          {entry.kind === "note" ? (
            <span class="author">
              {t("inbox.note_by", { name: entry.author.kind === "rule" ? doer(entry) : entry.author.name })}
            </span>
          ) : bot && first ? (
            <span class="author">{t("inbox.bot")}</span>
          ) : elsewhere && dialog ? (
            <bdi class="author">
              {[entry.author.name, t("inbox.from_messenger", { channel: kindName(dialog) })]
                .filter(Boolean)
                .join(" · ")}
            </bdi>
          ) : first && entry.kind === "out" && !mine && entry.author.name ? (
            <bdi class="author">{entry.author.name}</bdi>
          ) : null}
          {entry.deleted_at ? <p class="gone">{t("inbox.deleted")}</p> : null}
          {entry.reply_to ? <Quote dialog={entry.dialog} id={entry.reply_to} /> : null}
          <Files entries={[entry, ...rest]} />
          {entry.spot ? <Place spot={entry.spot} /> : null}
          {entry.card ? <Shared card={entry.card} /> : null}
          {rewriting.value === entry.id ? (
            <Rewriting entry={entry} />
          ) : text ? (
            <Words text={text} struck={entry.deleted_at !== null} plain={dialog?.kind === "site"} />
          ) : null}
          {entry.data.opened && !text ? <p class="gone">{t("inbox.opened")}</p> : null}
          {entry.data.unsupported && dialog ? (
            <p class="gone">{t("inbox.unsupported", { channel: kindName(dialog) })}</p>
          ) : null}
          {entry.buttons?.length ? <Buttons rows={entry.buttons} /> : null}
          <span class="meta">
            {entry.edited_at && entry.data.before !== entry.text ? <Edited entry={entry} /> : null}
            {entry.late ? <span title={t("inbox.late_why")}>{t("inbox.late")}</span> : null}
            <time dateTime={last.at} title={full(last.at)}>
              {hours(last.at)}
            </time>
            {last.state ? <Tick state={worst?.state ?? last.state} /> : null}
          </span>
        </div>
        {answerable ? (
          <IconButton icon="reply" class="answer" label={t("inbox.answer")} onClick={answer} />
        ) : null}
        {settled ? <Acts dialog={dialog} entry={entry} /> : null}
      </div>
      <Reactions all={[entry, ...rest].flatMap((one) => one.reactions)} />
      {worst ? <Trouble entry={worst} unsent={unsent} /> : null}
    </div>
  );
}

function Edited({ entry }: { entry: Entry }): JSX.Element {
  const before = entry.data.before ?? "";
  const when = t("inbox.edited_at", { at: full(entry.edited_at ?? entry.at) });
  return (
    <span title={before ? `${when}\n${t("inbox.edited_before", { text: before })}` : when}>
      {t("inbox.edited")}
    </span>
  );
}

function Reactions({ all }: { all: Entry["reactions"] }): JSX.Element | null {
  if (!all.length) return null;
  const counts = new Map<string, number>();
  for (const { emoji } of all) counts.set(emoji, (counts.get(emoji) ?? 0) + 1);
  return (
    <ul class="reactions" aria-label={t("inbox.reactions")}>
      {[...counts].map(([emoji, n]) => (
        <li key={emoji}>
          {emoji}
          {n > 1 ? <span>{n}</span> : null}
        </li>
      ))}
    </ul>
  );
}

function Quote({ dialog, id }: { dialog: string; id: string }): JSX.Element {
  const entry = entryOf(id);
  useEffect(() => {
    if (entry === undefined) void fetchQuoted(dialog, id);
  }, [entry === undefined, id]);
  if (!entry)
    return (
      <span class="quote">
        <span class="quote-text">{t(entry === null ? "inbox.quote_gone" : "inbox.quote_waits")}</span>
      </span>
    );
  return (
    <button
      type="button"
      class="quote"
      title={t("inbox.quote_open")}
      onClick={() => void jumpTo(entry.dialog, entry.seq)}
    >
      <bdi class="quote-author">{authorOf(entry)}</bdi>
      <span class="quote-text" dir="auto">
        {gist(entry)}
      </span>
    </button>
  );
}

/** A finger that draws a message to the left answers it. */
function useSwipe(box: { current: HTMLDivElement | null }, answer: () => void): void {
  const act = useRef(answer);
  act.current = answer;
  useEffect(() => {
    const line = box.current;
    if (!line) return;
    let from: { x: number; y: number } | null = null;
    let drawn = 0;
    const back = (): void => {
      from = null;
      line.style.transform = "";
      line.classList.remove("drawn");
      drawn = 0;
    };
    const begin = (event: PointerEvent): void => {
      if (event.pointerType === "touch") from = { x: event.clientX, y: event.clientY };
    };
    const move = (event: PointerEvent): void => {
      if (!from) return;
      const across = event.clientX - from.x;
      if (Math.abs(event.clientY - from.y) > 24 && drawn === 0) {
        back();
        return;
      }
      if (across > -8) return;
      drawn = Math.max(-72, across);
      line.style.transform = `translateX(${drawn}px)`;
      line.classList.toggle("drawn", drawn < -56);
    };
    const end = (): void => {
      const far = drawn < -56;
      back();
      if (far) act.current();
    };
    line.addEventListener("pointerdown", begin);
    line.addEventListener("pointermove", move);
    line.addEventListener("pointerup", end);
    line.addEventListener("pointercancel", back);
    return () => {
      line.removeEventListener("pointerdown", begin);
      line.removeEventListener("pointermove", move);
      line.removeEventListener("pointerup", end);
      line.removeEventListener("pointercancel", back);
    };
  }, []);
}

const HOOK = "M2 8.5l3.2 3.2L12 4.5";
const TICKS: Record<OutState, string> = {
  queued: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5.5V8l1.8 1.4",
  sending: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5.5V8l1.8 1.4",
  sent: HOOK,
  delivered: `${HOOK}M8.5 11.3l.7.6L16 4.7`,
  read: `${HOOK}M8.5 11.3l.7.6L16 4.7`,
  failed: "M8 3.5V9M8 12.2v.1",
  unknown: "M5.8 5.8a2.2 2.2 0 1 1 3 2.1c-.5.3-.8.6-.8 1.3M8 12.2v.1",
};

function Tick({ state }: { state: OutState }): JSX.Element {
  const words = t(`inbox.state.${state}`);
  return (
    <span class={`tick ${state}`} role="img" aria-label={words} title={words}>
      <svg viewBox="0 0 18 16" aria-hidden="true">
        <path d={TICKS[state]} />
      </svg>
    </span>
  );
}

function Trouble({ entry, unsent }: { entry: Entry; unsent: Unsent | undefined }): JSX.Element {
  const [busy, setBusy] = useState(false);
  const reason = failureOf(entry.failure);
  const repeat = async (): Promise<void> => {
    if (unsent) {
      retry(unsent.key);
      return;
    }
    setBusy(true);
    try {
      learnEntries([await api.retry(entry.dialog, entry.id)]);
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };
  return (
    <p class={`trouble ${entry.state ?? ""}`}>
      <span>
        {entry.state === "failed" ? t("inbox.not_sent", { reason }) : t("inbox.fate_unknown")}
      </span>
      <button type="button" class="link" disabled={busy} onClick={() => void repeat()}>
        {t("inbox.retry")}
      </button>
      {unsent ? (
        <button type="button" class="link" onClick={() => drop(unsent.key)}>
          {t("inbox.remove")}
        </button>
      ) : null}
    </p>
  );
}

/** Longer texts are folded, so that one letter does not push a dialog off the screen. */
const LONG = 1_600;

function Words(props: { text: string; struck: boolean; plain: boolean }): JSX.Element {
  const { text, struck, plain } = props;
  const [whole, setWhole] = useState(false);
  const lines = text.length > LONG || text.split("\n", 40).length > 30;
  const shown = lines && !whole ? fold(text) : text;
  return (
    <>
      <p class={struck ? "text struck" : "text"} dir="auto">
        {plain ? <Text text={shown} /> : <Styled text={shown} />}
      </p>
      {lines ? (
        <button type="button" class="link unfold" onClick={() => setWhole(!whole)}>
          {t(whole ? "inbox.fold" : "inbox.unfold")}
        </button>
      ) : null}
    </>
  );
}

/** The beginning of a long text, cut between characters as people see them. */
function fold(text: string): string {
  const head = text.split("\n").slice(0, 24).join("\n").slice(0, LONG - 200);
  const at = head.search(/\s\S*$/);
  // Half of a joined emoji would be another emoji; what ends within the last few units is left.
  const end = at > LONG / 2 ? at : head.length;
  return `${Array.from(head.slice(0, end)).slice(0, -1).join("")}…`;
}

export function Text({ text }: { text: string }): JSX.Element {
  return (
    <>
      {pieces(text).map((piece, i) =>
        piece.href ? (
          <a key={i} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        ) : (
          piece.text
        ),
      )}
    </>
  );
}

const TAGS: Record<Style, "strong" | "em" | "s" | "code" | "span"> = {
  bold: "strong",
  italic: "em",
  strike: "s",
  code: "code",
  link: "span",
};

/** The text as messengers draw it; the sites' chat knows no markup. */
function Styled({ text }: { text: string }): JSX.Element {
  return (
    <>
      {marked(text).map((piece, i) => {
        const words = piece.styles.reduce<JSX.Element | string>((inner, style) => {
          const Tag = TAGS[style];
          return <Tag>{inner}</Tag>;
        }, piece.text);
        return piece.href ? (
          <a key={i} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {words}
          </a>
        ) : (
          <span key={i}>{words}</span>
        );
      })}
    </>
  );
}
