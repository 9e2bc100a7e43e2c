import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Step, api } from "./api";
import { Composer } from "./composer";
import { attach } from "./drafts";
import { Line } from "./line";
import { Avatar, Empty, Icon, IconButton } from "./parts";
import { type Unsent, unsent } from "./outbox";
import { back, open } from "./route";
import { first, t } from "./settings";
import {
  channels,
  learn,
  lines,
  loadNewer,
  loadOlder,
  me,
  opened,
  openThread,
  tell,
  thread,
  typing,
} from "./store";
import { day, sameDay } from "./times";
import type { Dialog, Entry } from "./wire";

const GROUP = 3 * 60_000;
/** How near the end still counts as reading the newest. */
const NEAR = 80;
/** How near an edge the lines beyond it are fetched. */
const EDGE = 200;

export function Thread({ onCard }: { onCard: () => void }): JSX.Element {
  const now = thread.value;
  const dialog = opened.value;
  if (!now) {
    return (
      <section class="thread none" aria-label={t("inbox.thread")}>
        <Empty title={t("inbox.choose")}>
          <p class="quiet">{t("inbox.choose_keys")}</p>
        </Empty>
      </section>
    );
  }
  return (
    <section
      class="thread"
      aria-label={t("inbox.thread")}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        if (dialog?.open) attach(dialog, [...(event.dataTransfer?.files ?? [])]);
      }}
    >
      {dialog ? <Head dialog={dialog} onCard={onCard} /> : null}
      {now.state === "failed" ? (
        <Empty title={t("inbox.thread_failed")}>
          <button type="button" class="button" onClick={() => void openThread(now.id)}>
            {t("inbox.try_again")}
          </button>
        </Empty>
      ) : (
        <Log key={now.id} id={now.id} />
      )}
      {dialog?.open ? <Composer key={now.id} dialog={dialog} /> : null}
      {dialog && !dialog.open ? <Closed dialog={dialog} /> : null}
    </section>
  );
}

function Head({ dialog, onCard }: { dialog: Dialog; onCard: () => void }): JSX.Element {
  const name = dialog.name || t("inbox.guest");
  const channel = channels.value.find((one) => one.id === dialog.channel);
  const mine = dialog.owner === me.value?.operator.id;
  const role = me.value?.memberships.find((one) => one.project.id === dialog.project)?.role;
  const mayRelease = dialog.owner === null || mine || role !== "operator";
  return (
    <header class="thread-head">
      <IconButton icon="back" label={t("inbox.back")} class="only-narrow" onClick={back} />
      <Avatar name={name} kind={dialog.kind} />
      <div class="thread-who">
        <h2>{name}</h2>
        <p class="quiet">
          <span>{channel?.name || first(`kind.${dialog.kind}`, dialog.kind)}</span>
          <span class="chip">{first(`status.${dialog.status}`, dialog.status)}</span>
          {dialog.open ? (
            <span data-testid="owner">
              {dialog.owner === null
                ? t("inbox.owner.none")
                : mine
                  ? t("inbox.owner.me")
                  : t("inbox.owner.other", { name: dialog.owner_name })}
            </span>
          ) : null}
        </p>
      </div>
      <div class="thread-steps">
        {dialog.open && dialog.owner === null ? (
          <StepButton dialog={dialog} step="take" strong />
        ) : null}
        {dialog.open && dialog.owner !== null && mayRelease ? (
          <StepButton dialog={dialog} step="return" />
        ) : null}
        {dialog.open && mayRelease ? <StepButton dialog={dialog} step="close" /> : null}
        {!dialog.open && !dialog.sealed ? <StepButton dialog={dialog} step="reopen" /> : null}
      </div>
      <IconButton icon="info" label={t("inbox.card")} class="card-toggle" onClick={onCard} />
    </header>
  );
}

/** Takes one step with the dialog and shows how it then stands; a refusal says who was first. */
export async function take(dialog: Dialog, step: Step): Promise<void> {
  try {
    learn([await api.step(dialog.id, step)]);
  } catch (error) {
    tell(error);
    void openThread(dialog.id);
  }
}

function StepButton(props: { dialog: Dialog; step: Step; strong?: boolean }): JSX.Element {
  const [busy, setBusy] = useState(false);
  return (
    <button
      type="button"
      class={`button ${props.strong ? "strong" : ""}`}
      disabled={busy}
      onClick={async () => {
        setBusy(true);
        await take(props.dialog, props.step);
        setBusy(false);
      }}
    >
      {t(`inbox.step.${props.step}`)}
    </button>
  );
}

function Closed({ dialog }: { dialog: Dialog }): JSX.Element {
  const newer = thread.value?.others.find(
    (other) => other.identity === dialog.identity && other.n > dialog.n,
  );
  return (
    <footer class="closed">
      <p>{t(dialog.sealed ? "inbox.sealed" : "inbox.closed")}</p>
      {dialog.sealed && newer ? (
        <button type="button" class="button" onClick={() => open(newer.id)}>
          {t("inbox.open_newer")}
        </button>
      ) : null}
    </footer>
  );
}

function Log({ id }: { id: string }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const height = useRef(0);
  const oldest = useRef("");
  const [below, setBelow] = useState(0);
  const entries = lines.value;
  const waiting = unsent.value.filter((item) => item.dialog === id && !arrived(item, entries));
  const shown = `${entries.length}.${waiting.length}`;
  const newest = entries.at(-1)?.id;
  const seen = useRef(newest);
  const target = thread.value?.target ?? null;
  const newer = thread.value?.newer ?? false;
  const jumped = useRef(0);
  const cutOff = useRef(newer);

  useLayoutEffect(() => {
    const area = box.current;
    if (!area) return;
    const head = entries[0]?.id ?? "";
    const line = target && target.n !== jumped.current ? lineOf(area, target.seq) : null;
    // A line to be looked at is still to come: the end is not what is wanted meanwhile.
    if (target && target.n !== jumped.current) following.current = false;
    if (target && line) {
      jumped.current = target.n;
      show(area, line);
      setBelow(0);
    } else if (following.current && !newer) {
      area.scrollTop = area.scrollHeight;
      setBelow(0);
    } else if (head !== oldest.current && oldest.current) {
      // Older lines came in above: what was being read stays where it was.
      area.scrollTop += area.scrollHeight - height.current;
    } else if (seen.current !== newest && !newer && !cutOff.current) {
      setBelow((n) => n + 1);
    }
    oldest.current = head;
    seen.current = newest;
    cutOff.current = newer;
    height.current = area.scrollHeight;
  }, [shown, newest, target?.n, newer]);

  useEffect(() => {
    // What the operator just wrote is always followed.
    if (waiting.length) toEnd();
  }, [waiting.length]);

  useEffect(() => {
    const area = box.current;
    const inner = area?.firstElementChild;
    if (!area || !inner) return;
    const grown = new ResizeObserver(() => {
      if (following.current) area.scrollTop = area.scrollHeight;
    });
    grown.observe(inner);
    grown.observe(area);
    return () => grown.disconnect();
  }, []);

  function toEnd(): void {
    following.current = true;
    setBelow(0);
    if (thread.value?.newer) {
      void openThread(id);
      return;
    }
    box.current?.scrollTo({ top: box.current.scrollHeight });
  }

  const typist = typing.value.get(id);
  return (
    <div class="log-frame">
      <div
        ref={box}
        class="log"
        tabIndex={0}
        role="log"
        aria-live="polite"
        aria-label={t("inbox.messages")}
        aria-busy={thread.value?.state === "loading"}
        onScroll={(event) => {
          const area = event.currentTarget;
          const left = area.scrollHeight - area.scrollTop - area.clientHeight;
          following.current = left < NEAR && !thread.value?.newer;
          if (following.current) setBelow(0);
          if (area.scrollTop < EDGE) void loadOlder();
          if (left < EDGE) void loadNewer();
        }}
      >
        <div class="log-inner">
          {thread.value?.more ? (
            <button type="button" class="more" onClick={() => void loadOlder()}>
              {t("inbox.older")}
            </button>
          ) : null}
          {entries.map((entry, i) => {
            const before = entries[i - 1];
            return (
              <Line
                key={entry.id}
                entry={entry}
                divider={!before || !sameDay(before.at, entry.at) ? day(entry.at) : ""}
                first={!before || !together(before, entry)}
              />
            );
          })}
          {newer ? (
            <button type="button" class="more" onClick={() => void loadNewer()}>
              {t("inbox.newer")}
            </button>
          ) : null}
          {waiting.map((item) => (
            <Line key={item.key} entry={drawn(item)} unsent={item} divider="" first />
          ))}
          {typist === undefined ? null : (
            <p class="typing">
              {typist ? t("inbox.typing_operator", { name: typist }) : t("inbox.typing")}
            </p>
          )}
        </div>
      </div>
      {newer || below > 0 ? (
        <button type="button" class="pill" onClick={toEnd}>
          <Icon name="down" />
          {newer ? t("inbox.to_newest") : t("inbox.new_below", { n: below })}
        </button>
      ) : null}
    </div>
  );
}

function lineOf(area: HTMLElement, seq: number): HTMLElement | null {
  return area.querySelector<HTMLElement>(`[data-seq="${seq}"]`);
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
    reply_to: "",
    state: item.refused ? "failed" : "queued",
    failure: item.refused,
    edited_at: null,
    deleted_at: null,
    reactions: [],
    verb: null,
    data: {},
  };
}
