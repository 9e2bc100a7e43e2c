import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { byCall, isOfCall } from "./callgroups";
import { Line } from "./line";
import { type Unsent, unsent } from "./outbox";
import { Icon } from "./parts";
import {
  divide,
  isNews,
  lines,
  loadNewer,
  loadOlder,
  openThread,
  saw,
  thread,
  typing,
} from "./reading";
import { me } from "./rows";
import { t } from "./settings";
import { day, sameDay } from "./times";
import type { Entry } from "./wire";

const GROUP = 3 * 60_000;
/** How near the end still counts as reading the newest. */
const NEAR = 80;
/** How near an edge the lines beyond it are fetched. */
const EDGE = 200;
/** How much is seen of what was read before, above the unread divider. */
const ABOVE = 72;

/** Where the log goes by itself: to the unread divider, to the end, or nowhere. */
type Following = "news" | "end" | null;

const visible = (): boolean => document.visibilityState === "visible";

/** The lines of the open dialog; where they are read from and what is new in them is kept. */
export function Log({ id }: { id: string }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const following = useRef<Following>("news");
  const put = useRef(0);
  const height = useRef(0);
  const oldest = useRef("");
  const [below, setBelow] = useState(0);
  const now = thread.value;
  const entries = lines.value;
  const waiting = unsent.value.filter((item) => item.dialog === id && !arrived(item, entries));
  const shown = `${entries.length}.${waiting.length}`;
  const newest = entries.at(-1)?.id;
  const known = useRef(newest);
  const highest = entries.reduce((most, entry) => Math.max(most, entry.seq), 0);
  const target = now?.target ?? null;
  const newer = now?.newer ?? false;
  const jumped = useRef(0);
  const cutOff = useRef(newer);

  useLayoutEffect(() => {
    const area = box.current;
    if (!area) return;
    const head = entries[0]?.id ?? "";
    const line = target && target.n !== jumped.current ? lineIn(area, target.seq) : null;
    const arrives = known.current !== newest && !newer && !cutOff.current;
    // A line to be looked at is still to come: the end is not what is wanted meanwhile.
    if (target && target.n !== jumped.current) following.current = null;
    const watched = following.current !== null && visible();
    const wasAtEnd = height.current - area.scrollTop - area.clientHeight < NEAR;
    const divides = arrives && Boolean(oldest.current) && !watched && parted(entries, known.current);
    if (divides && following.current) following.current = "news";
    else if (arrives && oldest.current && watched && wasAtEnd) following.current = "end";
    if (target && line) {
      jumped.current = target.n;
      show(area, line);
      setBelow(0);
    } else if (following.current && !newer) {
      follow(area);
      if (left(area) < NEAR) setBelow(0);
      else if (arrives && oldest.current) setBelow((n) => n + 1);
    } else if (head !== oldest.current && oldest.current) {
      // Older lines came in above: what was being read stays where it was.
      area.scrollTop += area.scrollHeight - height.current;
    } else if (arrives) {
      setBelow((n) => n + 1);
    }
    oldest.current = head;
    known.current = newest;
    cutOff.current = newer;
    height.current = area.scrollHeight;
    look();
  }, [shown, newest, target?.n, newer]);

  useEffect(() => {
    // What the operator just wrote is always followed.
    if (!waiting.length) return;
    divide("nowhere");
    toEnd();
  }, [waiting.length]);

  useEffect(() => {
    const area = box.current;
    const inner = area?.firstElementChild;
    if (!area || !inner) return;
    const grown = new ResizeObserver(() => {
      follow(area);
      height.current = area.scrollHeight;
    });
    grown.observe(inner);
    grown.observe(area);
    document.addEventListener("visibilitychange", look);
    return () => {
      grown.disconnect();
      document.removeEventListener("visibilitychange", look);
    };
  }, []);

  function follow(area: HTMLElement): void {
    if (!following.current) return;
    const end = area.scrollHeight - area.clientHeight;
    area.scrollTop = following.current === "end" ? end : Math.min(end, newsIn(area));
    put.current = area.scrollTop;
  }

  function scrolled(area: HTMLElement): void {
    // What we put there ourselves may have grown before it is told of; only the operator turns away.
    if (!following.current || area.scrollTop !== put.current) {
      following.current = left(area) < NEAR && !thread.value?.newer ? "end" : null;
    }
    if (left(area) < NEAR) setBelow(0);
    if (area.scrollTop < EDGE) void loadOlder();
    if (left(area) < EDGE) void loadNewer();
    look();
  }

  /** Only what stands before open eyes was seen. */
  function look(): void {
    const area = box.current;
    if (!area || !visible() || thread.value?.newer || thread.value?.state === "failed") return;
    const last = lines.peek().reduce((most, entry) => Math.max(most, entry.seq), 0);
    if (left(area) < NEAR && last) saw(last);
  }

  function toEnd(): void {
    following.current = "end";
    setBelow(0);
    if (thread.value?.newer) void openThread(id);
    else if (box.current) follow(box.current);
  }

  const typist = typing.value.has(id);
  const divided = now?.divider ? entries.find((e) => e.seq > (now.divider ?? 0) && isNews(e)) : undefined;
  return (
    <div class="log-frame">
      <div
        ref={box}
        class="log"
        tabIndex={0}
        role="log"
        aria-live="polite"
        aria-label={t("inbox.messages")}
        aria-busy={now?.state === "loading"}
        onScroll={(event) => scrolled(event.currentTarget)}
      >
        <div class="log-inner">
          {now?.more ? (
            <button type="button" class="more" onClick={() => void loadOlder()}>
              {t("inbox.older")}
            </button>
          ) : null}
          {now?.state === "loading" && entries.length === 0 ? <Skeleton /> : null}
          {albums(entries.filter(isShown)).map(([entry, ...rest], i, all) => {
            if (!entry) return null;
            const before = all[i - 1]?.at(-1);
            return (
              <Line
                key={entry.id}
                entry={entry}
                rest={rest}
                day={!before || !sameDay(before.at, entry.at) ? day(entry.at) : ""}
                unread={entry === divided}
                first={!before || entry === divided || !together(before, entry)}
              />
            );
          })}
          {newer ? (
            <button type="button" class="more" onClick={() => void loadNewer()}>
              {t("inbox.newer")}
            </button>
          ) : null}
          {waiting.map((item) => (
            <Line key={item.key} entry={drawn(item)} unsent={item} day="" unread={false} first />
          ))}
          {typist ? <p class="typing">{t("inbox.typing")}</p> : null}
        </div>
      </div>
      {newer || below > 0 ? (
        <button type="button" class="pill" data-seq={highest} onClick={toEnd}>
          <Icon name="down" />
          {newer ? t("inbox.to_newest") : t("inbox.new_below", { n: below })}
        </button>
      ) : null}
    </div>
  );
}

/** Draws the divider if what just came is the first that this operator has not seen; tells if so. */
function parted(entries: Entry[], known: string | undefined): boolean {
  const open = thread.peek();
  const before = entries.find((entry) => entry.id === known);
  const last = entries.at(-1);
  const parts = Boolean(open && before && last && isNews(last) && open.seen >= before.seq);
  if (parts) divide("here");
  return parts;
}

/** How far the end is below what is seen. */
function left(area: HTMLElement): number {
  return area.scrollHeight - area.scrollTop - area.clientHeight;
}

/** How far the log may go with the unread divider still in sight. */
function newsIn(area: HTMLElement): number {
  const line = area.querySelector<HTMLElement>(".unread");
  if (!line) return Number.POSITIVE_INFINITY;
  const above = line.getBoundingClientRect().top - area.getBoundingClientRect().top;
  return Math.max(0, above + area.scrollTop - ABOVE);
}

function lineIn(area: HTMLElement, seq: number): HTMLElement | null {
  const found = area.querySelector<HTMLElement>(`.log-inner [data-seq="${seq}"]`);
  return found?.closest<HTMLElement>(".message, .system") ?? found;
}

/** Brings the line into the middle and lets it be noticed. */
function show(area: HTMLElement, line: HTMLElement): void {
  const high = line.offsetHeight;
  const above = line.getBoundingClientRect().top - area.getBoundingClientRect().top;
  area.scrollTop += above - Math.max(0, (area.clientHeight - high) / 2);
  line.classList.remove("flash");
  // Read, so that the same line can flash again.
  void line.offsetHeight;
  line.classList.add("flash");
}

/** An order to change a line shows in that line; only one that came to nothing stands by itself. */
function isShown(entry: Entry): boolean {
  return !["edited", "deleted", "reacted"].includes(entry.verb ?? "") || entry.state === "failed";
}

/** Neighbours that were sent in one go stand as one. */
function albums(entries: Entry[]): Entry[][] {
  const all: Entry[][] = [];
  for (const group of byCall(entries)) {
    const entry = group[0];
    const last = all.at(-1);
    if (!entry || isOfCall(entry)) {
      all.push(group);
      continue;
    }
    const first = last?.[0];
    const joins = first && entry.album && first.album === entry.album && first.kind === entry.kind;
    if (last && joins && !entry.deleted_at && !first.deleted_at) last.push(entry);
    else all.push([entry]);
  }
  return all;
}

function together(a: Entry, b: Entry): boolean {
  return (
    a.kind === b.kind &&
    a.kind !== "system" &&
    a.author.id === b.author.id &&
    a.author.kind === b.author.kind &&
    sameDay(a.at, b.at) &&
    Date.parse(b.at) - Date.parse(a.at) < GROUP
  );
}

/** The socket may bring the entry before the request's own answer does. */
function arrived(item: Unsent, entries: Entry[]): boolean {
  return entries.some((entry) => entry.id === item.key || entry.id.endsWith(`:${item.key}`));
}

function drawn(item: Unsent): Entry {
  const at = new Date(item.at).toISOString();
  return {
    id: item.key,
    dialog: item.dialog,
    rev: -1,
    seq: Number.MAX_SAFE_INTEGER,
    kind: item.mode === "note" ? "note" : "out",
    author: { kind: "operator", id: me.value?.operator.id ?? "", name: me.value?.operator.name ?? "" },
    at,
    order: 0,
    late: false,
    stored_at: at,
    changed_at: at,
    text: item.text,
    attachments: item.attachments,
    album: "",
    reply_to: item.reply_to ?? "",
    state: item.refused ? "failed" : "queued",
    failure: item.refused,
    edited_at: null,
    deleted_at: null,
    reactions: [],
    verb: null,
    data: {},
    spot: null,
    card: null,
    buttons: [],
  };
}

/** Shown only after a moment, so that a quick answer does not flicker. */
function Skeleton(): JSX.Element {
  return (
    <div class="log-skeleton" aria-hidden="true">
      {["in", "in wide", "out", "in", "out wide"].map((kind, i) => (
        <span key={i} class={`bar ${kind}`} />
      ))}
    </div>
  );
}
