import "./health.css";
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, api } from "./api";
import { Avatar, Empty } from "./parts";
import { open } from "./route";
import { lang, refusal, t } from "./settings";
import { project, role, tell } from "./rows";
import { full, size, wait } from "./times";
import type { Backlog, Health as Figures, Letter, Replayed } from "./wire";

const EVERY = 15_000;
const SOON = 60_000;
const LONG = 5 * 60_000;

type Degree = "good" | "warm" | "hot";

const figures = signal<Figures | null>(null);
const failed = signal("");

/** What the signed-in operator is in the chosen project. */
async function look(): Promise<void> {
  try {
    figures.value = await api.health();
    failed.value = "";
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    failed.value = error.problem.code;
  }
}

export function Health(): JSX.Element {
  useEffect(() => {
    void look();
    const again = window.setInterval(() => void look(), EVERY);
    return () => clearInterval(again);
  }, []);
  const now = figures.value;
  return (
    <div class="health">
      <header>
        <h1>{t("inbox.health")}</h1>
        {now ? <p class="quiet">{t("inbox.health.at", { time: full(now.at) })}</p> : null}
      </header>
      {failed.value ? (
        <p class="health-failed" role="alert">
          {t("inbox.health.failed", { reason: refusal(failed.value) })}
        </p>
      ) : null}
      {now ? <Rows now={now} /> : failed.value ? null : <p class="quiet" aria-busy="true" />}
      <Letters key={project.value} />
    </div>
  );
}

function Rows({ now }: { now: Figures }): JSX.Element {
  const held = now.deliveries_held;
  return (
    <ul class="figures" aria-label={t("inbox.health.figures")}>
      <Figure name={t("inbox.health.deliveries")} degree={degree(now.deliveries, now.at)}>
        {queue(now.deliveries, now.at)}
        {held.n ? <small>{t("inbox.health.held", { n: held.n, more: plus(held) })}</small> : null}
      </Figure>
      <Figure name={t("inbox.health.rules")} degree={degree(now.rules, now.at)}>
        {queue(now.rules, now.at)}
      </Figure>
      <Figure name={t("inbox.health.timers")} degree={now.timers_late.n ? "hot" : "good"}>
        {now.timers_late.n ? queue(now.timers_late, now.at) : t("inbox.health.timers_good")}
      </Figure>
      <Figure name={t("inbox.health.calls")} degree={now.calls_late.n ? "hot" : "good"}>
        {now.calls_late.n ? queue(now.calls_late, now.at) : t("inbox.health.timers_good")}
      </Figure>
      <Figure name={t("inbox.health.letters")} degree={now.dead_letters.n ? "warm" : "good"}>
        {now.dead_letters.n
          ? t("inbox.health.letters_some", {
              n: now.dead_letters.n,
              more: plus(now.dead_letters),
            })
          : t("inbox.health.none")}
      </Figure>
      <Figure name={t("inbox.health.bus")} degree={now.bus.connected ? "good" : "hot"}>
        {now.bus.kind === "local"
          ? t("inbox.health.bus_local")
          : t(now.bus.connected ? "inbox.health.bus_good" : "inbox.health.bus_away")}
      </Figure>
      <Figure name={t("inbox.health.store")} degree="good">
        {t(now.store.kind === "sqlite" ? "inbox.health.store_sqlite" : "inbox.health.store_mongo")}
        {now.store.behind_bytes ? (
          <small>{t("inbox.health.behind", { size: size(now.store.behind_bytes) })}</small>
        ) : null}
      </Figure>
      {now.disk ? (
        <Figure name={t("inbox.health.disk")} degree={now.disk.low ? "hot" : "good"}>
          {t("inbox.health.disk_free", {
            free: gigabytes(now.disk.free_bytes),
            total: gigabytes(now.disk.total_bytes),
          })}
        </Figure>
      ) : null}
      <Figure name={t("inbox.health.program")} degree="good">
        {t("inbox.health.version", { version: now.program })}
      </Figure>
    </ul>
  );
}

function Figure(props: { name: string; degree: Degree; children: ComponentChildren }): JSX.Element {
  return (
    <li class={`figure ${props.degree}`}>
      <h2>{props.name}</h2>
      <p>{props.children}</p>
      {props.degree === "good" ? null : (
        <strong>{t(props.degree === "hot" ? "inbox.health.hot" : "inbox.health.warm")}</strong>
      )}
    </li>
  );
}

const plus = (backlog: Backlog): string => (backlog.more ? "+" : "");

function queue(backlog: Backlog, at: string): string {
  if (!backlog.n) return t("inbox.health.none");
  const n = { n: backlog.n, more: plus(backlog) };
  if (!backlog.oldest_at || waited(backlog, at) < 1_000) return t("inbox.health.waiting", n);
  return t("inbox.health.waiting_since", { ...n, time: wait(backlog.oldest_at).words });
}

const waited = (backlog: Backlog, at: string): number =>
  backlog.oldest_at ? Date.parse(at) - Date.parse(backlog.oldest_at) : 0;

function degree(backlog: Backlog, at: string): Degree {
  const passed = waited(backlog, at);
  return passed < SOON ? "good" : passed < LONG ? "warm" : "hot";
}

function gigabytes(bytes: number): string {
  return new Intl.NumberFormat(lang.value, {
    style: "unit",
    unit: "gigabyte",
    unitDisplay: "short",
    maximumFractionDigits: 1,
  }).format(bytes / 1024 ** 3);
}

type Outcome = Replayed["outcome"] | "dropped";

interface Line {
  letter: Letter;
  outcome?: Outcome;
  dialog?: string | null;
}

function Letters(): JSX.Element {
  const [lines, setLines] = useState<Line[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const [state, setState] = useState<"loading" | "ready" | "failed">("loading");
  const where = project.value;

  const load = async (after: string | null): Promise<void> => {
    setState("loading");
    try {
      const page = await api.letters(where, after);
      if (project.value !== where) return;
      const fresh = page.items.map((letter) => ({ letter }));
      setLines((before) => (after ? [...before, ...fresh] : fresh));
      setNext(page.next);
      setState("ready");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setState("failed");
    }
  };
  useEffect(() => {
    if (where) void load(null);
  }, [where]);

  const learn = (line: Line): void =>
    setLines((before) => before.map((one) => (one.letter.id === line.letter.id ? line : one)));
  return (
    <section class="letters" aria-label={t("inbox.health.letters")}>
      <h2>{t("inbox.health.letters")}</h2>
      <p class="quiet">{t("inbox.health.letters_why")}</p>
      {lines.length ? (
        <ul>
          {lines.map((line) => (
            <LetterRow key={line.letter.id} line={line} onDone={learn} />
          ))}
        </ul>
      ) : state === "ready" ? (
        <Empty title={t("inbox.health.letters_none")} />
      ) : null}
      {state === "failed" ? (
        <p class="health-failed" role="alert">
          {t("inbox.list_failed")}{" "}
          <button type="button" class="link" onClick={() => void load(null)}>
            {t("inbox.try_again")}
          </button>
        </p>
      ) : null}
      {next ? (
        <button
          type="button"
          class="button"
          disabled={state === "loading"}
          onClick={() => void load(next)}
        >
          {t("inbox.more")}
        </button>
      ) : null}
    </section>
  );
}

function LetterRow({ line, onDone }: { line: Line; onDone: (line: Line) => void }): JSX.Element {
  const [body, setBody] = useState<{ text: string; cut: boolean } | null>(null);
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const { letter, outcome } = line;
  const done = outcome !== undefined && outcome !== "failed";

  const act = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true);
    await what().catch(tell);
    setBusy(false);
    void look();
  };
  const show = (): Promise<void> =>
    act(async () => {
      const shown = await api.letter(project.value, letter.id);
      setBody({ text: shown.body, cut: shown.cut });
    });
  const replay = (): Promise<void> =>
    act(async () => {
      const answer = await api.replayLetter(project.value, letter.id);
      onDone({ letter: answer.letter, outcome: answer.outcome, dialog: answer.dialog });
    });
  const drop = (): Promise<void> =>
    act(async () => {
      await api.dropLetter(project.value, letter.id);
      onDone({ letter, outcome: "dropped" });
    });
  return (
    <li class="letter">
      <div class="letter-head">
        <Avatar name={letter.channel_name} kind={letter.kind || "site"} />
        <div class="letter-what">
          <p>
            {letter.channel_name} <span class="quiet">{full(letter.created_at)}</span>
          </p>
          <p class="letter-error">{letter.error}</p>
          <p class="quiet">{size(letter.size_bytes)}</p>
        </div>
      </div>
      {outcome ? (
        <p class={`outcome ${outcome}`} role="status">
          {t(`inbox.health.outcome.${outcome}`)}{" "}
          {line.dialog ? (
            <button type="button" class="link" onClick={() => open(line.dialog ?? "")}>
              {t("inbox.health.to_dialog")}
            </button>
          ) : null}
        </p>
      ) : null}
      {done ? null : (
        <div class="letter-steps">
          <button
            type="button"
            class="button"
            disabled={busy}
            aria-expanded={body !== null}
            onClick={() => (body ? setBody(null) : void show())}
          >
            {t(body ? "inbox.health.hide" : "inbox.health.show")}
          </button>
          {role.value === "admin" ? (
            <>
              <button type="button" class="button" disabled={busy} onClick={() => void replay()}>
                {t("inbox.health.replay")}
              </button>
              <button
                type="button"
                class={`button ${asked ? "danger" : ""}`}
                disabled={busy}
                onBlur={() => setAsked(false)}
                onClick={() => (asked ? void drop() : setAsked(true))}
              >
                {t(asked ? "inbox.health.drop_sure" : "inbox.health.drop")}
              </button>
            </>
          ) : null}
        </div>
      )}
      {body && !done ? (
        <>
          <pre class="letter-body" tabIndex={0}>
            {body.text}
          </pre>
          {body.cut ? <p class="quiet">{t("inbox.health.cut")}</p> : null}
        </>
      ) : null}
    </li>
  );
}
