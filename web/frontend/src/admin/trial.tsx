import "./trial.css";
import type { JSX } from "preact";
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Refused, api } from "../inbox/api";
import { Icon } from "../inbox/parts";
import { clock, project } from "../inbox/rows";
import { lang, refusal } from "../inbox/settings";
import type { Arranged, Trial, TrialStep } from "./wire";
import { KindMark } from "./mark";
import { Qr } from "./qr";
import { first, t, written } from "./words";

const AGAIN = 2_000;
const STARTING = 8;

/** The trials that this screen knows of, by channel; undefined is not asked yet. */
const trials = signal<Record<string, Trial | null>>({});
/** The channel whose key and updates are being asked about right now. */
const asking = signal("");
const trouble = signal<{ channel: string; words: string } | null>(null);

function keep(channel: string, trial: Trial | null): void {
  trials.value = { ...trials.value, [channel]: trial };
}

/** Tries the channel anew. */
export async function begin(channel: string): Promise<void> {
  asking.value = channel;
  trouble.value = null;
  keep(channel, null);
  try {
    keep(channel, await begun(channel));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { code } = error.problem;
    trouble.value = { channel, words: first(`admin.trial.refused.${code}`, "") || refusal(code) };
  }
  if (asking.value === channel) asking.value = "";
}

/** A channel that was made this moment may still be starting. */
async function begun(channel: string): Promise<Trial> {
  for (let n = 1; ; n += 1) {
    try {
      return await api.beginTrial(project.value, channel);
    } catch (error) {
      if (!(error instanceof Refused) || error.problem.status !== 503 || n === STARTING) throw error;
    }
    await new Promise((done) => setTimeout(done, AGAIN));
  }
}

async function look(channel: string): Promise<void> {
  const found = await api.trial(project.value, channel).catch(() => undefined);
  if (found !== undefined && asking.value !== channel) keep(channel, found);
}

/** Whether a message is still waited for. */
function waits(trial: Trial | null | undefined): boolean {
  if (!trial || Date.now() > Date.parse(trial.until)) return false;
  const state = (step: TrialStep["step"]): string => trial.steps.find((one) => one.step === step)?.state ?? "";
  return !trial.steps.some(ends) && state("seen") === "waiting";
}

interface TryingProps {
  channel: Arranged;
  /** A telephone line: its trial ends with its key, the rest is a test call. */
  calls?: boolean;
  onSeen: () => void;
}

/** The round trip, step by step, until a real message has come back. */
export function Trying({ channel, calls = false, onSeen }: TryingProps): JSX.Element {
  const { id } = channel;
  const whole = trials.value[id];
  const trial = calls && whole ? { ...whole, link: "", steps: whole.steps.filter(ofLine) } : whole;
  const busy = asking.value === id;
  useEffect(() => {
    if (trials.value[id] === undefined && asking.value !== id) void look(id);
    const timer = window.setInterval(() => {
      if (document.visibilityState === "visible" && waits(trials.value[id])) void look(id);
    }, AGAIN);
    return () => clearInterval(timer);
  }, [id]);
  void clock.value;
  const over = trial && !busy && !waits(trial) && Date.now() > Date.parse(trial.until);
  const seen = trial?.steps.some((one) => one.step === "seen" && one.state === "ok") ?? false;
  useEffect(() => {
    if (trial && !busy) onSeen();
  }, [trial?.began_at, seen, busy]);
  // Where nobody writes to us the key is all that can be tried.
  const outward = !calls && trial !== null && trial !== undefined && !trial.steps.some((one) => one.step === "seen");
  const good = seen || (outward && trial.steps.every((one) => one.state === "ok"));
  const said = trouble.value?.channel === id ? trouble.value.words : "";
  return (
    <section class={good ? "trying good" : "trying"} aria-labelledby="trying-title">
      <div class="trying-head">
        <div>
          <h2 id="trying-title">{t("admin.trial")}</h2>
          {trial || busy ? null : <p class="quiet">{t(calls ? "admin.trial.why_line" : "admin.trial.why")}</p>}
        </div>
        <button
          type="button"
          class={trial || busy ? "button" : "button strong"}
          disabled={busy || !channel.enabled}
          onClick={() => void begin(id)}
        >
          {t(busy ? "admin.trial.busy" : trial ? "admin.trial.again" : "admin.trial.begin")}
        </button>
      </div>
      {channel.enabled ? null : <p class="quiet">{t("admin.trial.refused.off")}</p>}
      <p class="field-wrong" role="alert">
        {said}
      </p>
      {busy ? <Steps steps={ASKED} kind={channel.kind} trial={null} /> : null}
      {trial && !busy ? (
        <>
          {trial.name ? <Whose trial={trial} kind={channel.kind} /> : null}
          <Steps steps={trial.steps} kind={channel.kind} trial={trial} />
          {seen ? <Done trial={trial} /> : null}
          {!seen && trial.link && waits(trial) ? <Invite trial={trial} kind={channel.kind} /> : null}
          {calls && trial.steps.some(({ step, state }) => step === "key" && state === "ok") ? (
            <p>
              <a class="link" href="#/admin/~calling">
                {t("admin.trial.call")}
              </a>
            </p>
          ) : null}
          {over && !seen && !calls && !outward ? <p class="remark warn">{t("admin.trial.over")}</p> : null}
        </>
      ) : null}
    </section>
  );
}

/** What is asked of a line: whether it answers, and whether it tells of calls where it could. */
const ofLine = ({ step, code }: TrialStep): boolean => step === "key" || (step === "hook" && code !== "none" && code !== "poll");

/** Whether nothing that comes after it can be: nobody could write, or be heard. */
const ends = ({ step, state, code }: TrialStep): boolean =>
  state === "failed" && (step === "key" || code === "no_public_address");

const pending = (step: TrialStep["step"]): TrialStep => ({ step, state: "waiting", code: "", detail: "", took_ms: 0 });
/** While the platform is being asked. */
const ASKED = [pending("key"), pending("hook")];

function Whose({ trial, kind }: { trial: Trial; kind: string }): JSX.Element {
  const address = written(trial.username);
  return (
    <p class="whose">
      <KindMark kind={kind} picture={trial.picture} />
      <span>
        <strong>{trial.name}</strong>
        {address && address !== trial.name ? <span class="quiet">{address}</span> : null}
      </span>
    </p>
  );
}

interface StepsProps {
  steps: TrialStep[];
  kind: string;
  trial: Trial | null;
}

function Steps({ steps, kind, trial }: StepsProps): JSX.Element {
  const end = steps.findIndex(ends);
  const shown = end < 0 ? steps : steps.slice(0, end + 1);
  return (
    <ol class="trial-steps" aria-label={t("admin.trial.steps")} aria-live="polite">
      {shown.map((step) => (
        <Step key={step.step} step={step} kind={kind} trial={trial} />
      ))}
    </ol>
  );
}

function Step({ step, kind, trial }: { step: TrialStep; kind: string; trial: Trial | null }): JSX.Element {
  const { state } = step;
  const sign = state === "ok" ? "check" : state === "failed" ? "close" : "clock";
  return (
    <li class={`trial-step ${state}`}>
      <span class="trial-sign" aria-hidden="true">
        {state === "waiting" ? <span class="trial-wait" /> : <Icon name={sign} />}
      </span>
      <span class="trial-words">
        <span class="visually-hidden">{t(`admin.trial.state.${state}`)}: </span>
        {wording(step, kind, trial)}
        {step.detail && step.state === "failed" ? <small>{step.detail}</small> : null}
      </span>
      {step.took_ms && state !== "waiting" ? <span class="trial-took">{took(step.took_ms)}</span> : null}
    </li>
  );
}

/** What is said of a step: how it went, why not and what to do, in the words of the platform's kind. */
function wording({ step, state, code, detail }: TrialStep, kind: string, trial: Trial | null): string {
  if (step === "key" || step === "hook") {
    if (!code && state === "waiting") return t(`admin.trial.${step}.asking`);
    const how = state === "failed" ? code : state === "ok" && step === "key" ? code || "ok" : code;
    return first(`channel.${kind}.trial.${step}.${how}`, `admin.trial.${step}.${how}`, `admin.trial.${step}.${state}`);
  }
  if (step === "write") {
    if (state === "ok") return t("admin.trial.write.ok");
    return trial?.link && detail
      ? t("admin.trial.write.to", { who: written(detail) })
      : first(`channel.${kind}.trial.write`, "admin.trial.write.any");
  }
  if (code === "heard") return t("admin.trial.seen.heard");
  if (state === "ok") return t("admin.trial.seen.ok", { name: detail || t("admin.trial.somebody") });
  return first(`channel.${kind}.trial.seen.waiting`, "admin.trial.seen.waiting");
}

function took(ms: number): string {
  const seconds = Math.max(ms / 1_000, 0.1);
  const n = new Intl.NumberFormat(lang.value, { maximumFractionDigits: seconds < 10 ? 1 : 0 }).format(seconds);
  return t("admin.trial.took", { seconds: n });
}

/** The way to write to it: a link for here, squares for the phone. */
function Invite({ trial, kind }: { trial: Trial; kind: string }): JSX.Element {
  return (
    <div class="invite">
      <Qr address={trial.link} label={t("admin.trial.qr")} />
      <div>
        <p>{t("admin.trial.scan")}</p>
        <a class="button strong" href={trial.link} target="_blank" rel="noopener noreferrer">
          {t("admin.trial.open", { what: first(`kind.${kind}`, kind) })}
        </a>
      </div>
    </div>
  );
}

function Done({ trial }: { trial: Trial }): JSX.Element {
  return (
    <p class="trial-done" role="status">
      <Icon name="check" />
      <span>{t("admin.trial.done")}</span>
      {trial.dialog ? (
        <a class="button" href={`#${encodeURIComponent(trial.dialog)}`}>
          {t("admin.trial.dialog")}
        </a>
      ) : null}
    </p>
  );
}
