import "./callpanel.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, api } from "./api";
import { clockOf } from "./callbacks";
import { CallNow } from "./callnow";
import { outcomeOf, enderOf } from "./callsaid";
import { learnCalls, liveIn, second, taskIn } from "./calls";
import { listen } from "./leadsheard";
import { Icon } from "./parts";
import { ResultForm } from "./callresult";
import { phone } from "./names";
import { tell } from "./rows";
import { first, t } from "./settings";
import { hours, seconds } from "./times";
import { Transfer } from "./calltransfer";
import type { Call, Leg, Dialog, Lead } from "./wire";

/** What is to be seen and done about the calls of a dialog, over its composer. */
export function CallPanel({ dialog }: { dialog: Dialog }): JSX.Element | null {
  const call = liveIn(dialog.id);
  if (call) return <Live key={call.id} call={call} dialog={dialog} />;
  if (dialog.call_status === "awaiting_operator") return <Confirm dialog={dialog} />;
  const task = taskIn(dialog.id);
  return task ? <Task key={task.id} call={task} dialog={dialog} /> : null;
}

type Step = "operator" | "visitor" | "talk";

const STEPS = {
  operator: "inbox.ring.role.operator",
  visitor: "inbox.ring.role.visitor",
  talk: "inbox.ring.talking",
} as const;

/** Which step is under way, and how many are behind. */
function progress(call: Call): { steps: Step[]; at: number; since: string; who: Leg[] } {
  const other = call.first === "operator" ? "visitor" : "operator";
  const steps: Step[] = [call.first, other, "talk"];
  const legs = call.legs.filter((leg) => leg.state !== "ended");
  const talking = call.status === "talking" || call.talk_at !== null;
  const side: Step | null = talking
    ? "talk"
    : call.status === "calling_operator" || call.status === "operator_on_line"
      ? "operator"
      : call.status === "calling_visitor" || call.status === "visitor_on_line"
        ? "visitor"
        : null;
  const who = legs.filter((leg) => leg.role === side);
  const up = who.find((leg) => leg.answered_at);
  const since = talking
    ? (call.talk_at ?? call.changed_at)
    : (up?.answered_at ?? who.at(-1)?.at ?? call.changed_at);
  return { steps, at: side ? steps.indexOf(side) : -1, since, who };
}

function Live({ call, dialog }: { call: Call; dialog: Dialog }): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [handing, setHanding] = useState(false);
  const [given, setGiven] = useState("");
  const { steps, at, since, who } = progress(call);
  const talking = at === 2;
  const words = at < 0 ? t("inbox.calls.preparing") : first(`status.${call.status}`, call.status);
  const names = talking
    ? call.operator_name
    : who.map((leg) => leg.name || phone(leg.number)).filter(Boolean).slice(0, 3).join(", ");
  const stop = async (): Promise<void> => {
    setBusy(true);
    try {
      learnCalls([await api.cancelCall(call)]);
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };
  return (
    <section class="call-panel live" aria-label={t("inbox.calls.panel")}>
      <div class="call-line">
        <span class={talking ? "call-sign talks" : "call-sign"} aria-hidden="true">
          <Icon name="phone" />
        </span>
        <div class="call-words">
          <p class="call-now">
            <span role="status">{words}</span>
            <span class="call-clock" aria-hidden="true">
              {seconds((second.value - Date.parse(since)) / 1_000)}
            </span>
            {call.training ? <span class="call-mark">{t("inbox.ring.training")}</span> : null}
          </p>
          <p class="quiet">
            {[...new Set([names, phone(call.phone), dialog.visit.title])].filter(Boolean).join(" · ")}
          </p>
        </div>
        <div class="call-steps">
          {talking && call.purpose !== "incoming" ? (
            <button type="button" class="button" onClick={() => setHanding(true)}>
              {t("inbox.calls.transfer")}
            </button>
          ) : null}
          <button
            type="button"
            class="button danger"
            disabled={busy || call.cancelling}
            onClick={() => void stop()}
          >
            {t(call.cancelling ? "inbox.calls.cancelling" : talking ? "inbox.calls.hang_up" : "inbox.calls.cancel")}
          </button>
        </div>
      </div>
      <ol class="call-way" aria-label={t("inbox.calls.steps")}>
        {steps.map((step, i) => (
          <li
            key={step}
            class={i < at ? "done" : i === at ? "now" : ""}
            aria-current={i === at ? "step" : undefined}
          >
            <span class="call-dot" aria-hidden="true">
              {i < at ? <Icon name="check" /> : null}
            </span>
            {t(STEPS[step])}
            {i < at ? <span class="visually-hidden">{t("inbox.calls.step.done")}</span> : null}
          </li>
        ))}
      </ol>
      {given ? (
        <p class="quiet" role="status">
          {t("inbox.calls.transferred", { name: given })}
        </p>
      ) : null}
      {handing ? (
        <Transfer
          call={call}
          onClose={() => setHanding(false)}
          onDone={(name) => {
            setGiven(name);
            setHanding(false);
          }}
        />
      ) : null}
    </section>
  );
}

/** A lead that is not dialled before somebody here says so. */
function Confirm({ dialog }: { dialog: Dialog }): JSX.Element | null {
  const [lead, setLead] = useState<Lead | null>(null);
  const [busy, setBusy] = useState(false);
  const wanted = (one: Lead): boolean => one.dialog === dialog.id && one.status === "awaiting_operator";
  useEffect(() => {
    let here = true;
    let heard = 0;
    const read = (): void => {
      const before = heard;
      api.leads(dialog.project, "waiting", null, { phone: dialog.phone }).then(
        (page) => here && before === heard && setLead(page.items.find(wanted) ?? null),
        (error: unknown) => {
          if (!(error instanceof Refused)) throw error;
        },
      );
    };
    read();
    const deaf = listen({
      lead: (one) => {
        if (one.dialog !== dialog.id) return;
        heard += 1;
        setLead(wanted(one) ? one : null);
      },
      again: read,
    });
    return () => {
      here = false;
      deaf();
    };
  }, [dialog.id, dialog.phone]);
  if (!lead) return null;
  const decide = async (what: () => Promise<Lead | null>): Promise<void> => {
    setBusy(true);
    try {
      const now = await what();
      setLead(now && wanted(now) ? now : null);
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };
  return (
    <section class="call-panel task" aria-label={t("inbox.calls.confirm_title")}>
      <div class="call-line">
        <span class="call-sign" aria-hidden="true">
          <Icon name="phone" />
        </span>
        <div class="call-words">
          <p class="call-now">{t("inbox.calls.confirm_title")}</p>
          <p class="quiet">{[phone(lead.phone), t("inbox.calls.confirm_why")].join(" · ")}</p>
        </div>
        <div class="call-steps">
          <button
            type="button"
            class="button"
            disabled={busy}
            onClick={() => void decide(async () => (await api.cancelLead(lead, "not_needed")).lead)}
          >
            {t("inbox.calls.decline")}
          </button>
          <button
            type="button"
            class="button strong"
            disabled={busy}
            onClick={() => void decide(() => api.confirmLead(lead))}
          >
            {t("inbox.calls.confirm")}
          </button>
        </div>
      </div>
    </section>
  );
}

/** What is left to do when a call is over. */
function Task({ call, dialog }: { call: Call; dialog: Dialog }): JSX.Element {
  const missed = call.task === "missed";
  const title = t(missed ? "inbox.calls.task.missed" : "inbox.calls.task.result");
  return (
    <section class="call-panel task" aria-label={title}>
      <div class="call-line">
        <span class="call-sign" aria-hidden="true">
          <Icon name="phone" />
        </span>
        <div class="call-words">
          <p class="call-now">
            {title}
            {call.training ? <span class="call-mark">{t("inbox.ring.training")}</span> : null}
          </p>
          <p class="quiet">
            {[outcomeOf(call), enderOf(call), hours(call.ended_at ?? call.began_at)].filter(Boolean).join(" · ")}
          </p>
        </div>
        {missed ? (
          <div class="call-steps">
            <CallNow
              dialog={dialog.id}
              phone={call.phone}
              zones={clockOf(dialog)}
              strong
            />
          </div>
        ) : null}
      </div>
      <ResultForm call={call} dialog={dialog} />
    </section>
  );
}
