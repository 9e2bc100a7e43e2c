import "./callhistory.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, api } from "./api";
import { enderOf, legWords, outcomeOf } from "./callsaid";
import { calls, callsIn, learnCalls } from "./calls";
import { Icon } from "./parts";
import { phone } from "./names";
import { me, role } from "./rows";
import { first, t } from "./settings";
import { Sheet } from "./sheet";
import { full } from "./times";
import { Voice } from "./voice";
import type { Call, Dialog, Lead } from "./wire";

/** How many calls are shown before the others are asked for. */
const SHOWN = 5;

/** The calls of the open dialog, as a part of its card. */
export function DialogCalls({ dialog }: { dialog: Dialog }): JSX.Element | null {
  const all = callsIn(dialog.id);
  const [whole, setWhole] = useState(false);
  if (!all.length) return null;
  return (
    <section class="card-section" aria-label={t("inbox.calls.history")}>
      <h3>{t("inbox.calls.history")}</h3>
      <History of={whole ? all : all.slice(0, SHOWN)} />
      {all.length > SHOWN && !whole ? (
        <button type="button" class="link" onClick={() => setWhole(true)}>
          {t("inbox.more")}
        </button>
      ) : null}
    </section>
  );
}

/** The calls of one lead. */
export function LeadCalls({ lead, onClose }: { lead: Lead; onClose: () => void }): JSX.Element {
  const [state, setState] = useState<"loading" | "ready" | "failed">("loading");
  const [ids, setIds] = useState<string[]>([]);
  useEffect(() => {
    api.calls(lead.project, { lead: lead.id }).then(
      ({ items }) => {
        learnCalls(items);
        setIds(items.map((call) => call.id));
        setState("ready");
      },
      (error: unknown) => {
        if (!(error instanceof Refused)) throw error;
        setState("failed");
      },
    );
  }, []);
  const known = ids.flatMap((id) => calls.value.get(id) ?? []);
  return (
    <Sheet title={t("inbox.calls.history_of")} class="asking" onClose={onClose}>
      <div class="asking-body" aria-busy={state === "loading"}>
        <p class="quiet">{[lead.name, phone(lead.phone)].filter(Boolean).join(" · ")}</p>
        {state === "failed" ? <p role="alert">{t("inbox.calls.history_failed")}</p> : null}
        {state === "ready" && !known.length ? <p>{t("inbox.calls.history_none")}</p> : null}
        {known.length ? <History of={known} /> : null}
      </div>
    </Sheet>
  );
}

const KINDS = { callback: "outgoing", test: "testing", incoming: "incoming" } as const;

function History({ of }: { of: readonly Call[] }): JSX.Element {
  return (
    <ul class="calls-past">
      {of.map((call) => (
        <Past key={call.id} call={call} />
      ))}
    </ul>
  );
}

function Past({ call }: { call: Call }): JSX.Element {
  const talked = call.talk_at !== null;
  const words = call.live ? first(`status.${call.status}`, call.status) : outcomeOf(call);
  const about = [
    t(`inbox.calls.${KINDS[call.purpose]}`),
    enderOf(call),
    call.n > 1 && call.lead ? t("inbox.calls.attempt", { n: call.n }) : "",
    call.result ? first(`inbox.calls.result.${call.result}`, call.result) : "",
  ];
  return (
    <li>
      <p class="call-when">
        <Icon name={call.purpose === "incoming" ? "callback" : "phone"} />
        <time dateTime={call.began_at}>{full(call.began_at)}</time>
        {call.training ? <span class="call-mark">{t("inbox.ring.training")}</span> : null}
      </p>
      <p class={talked ? "" : "call-lost"}>{words}</p>
      <p class="quiet">{about.filter(Boolean).join(" · ")}</p>
      {call.recorded ? <Recording call={call} /> : null}
      {call.legs.length ? (
        <details>
          <summary>{t("inbox.calls.details")}</summary>
          <ul>
            {call.legs.map((leg, i) => (
              <li key={i}>
                {legWords(leg)}
                {leg.code ? (
                  <span class="quiet">{` · ${t("inbox.calls.code")} ${leg.code}`}</span>
                ) : null}
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </li>
  );
}

/** Fetched only when somebody wants to hear it: each listening is kept on record. */
function Recording({ call }: { call: Call }): JSX.Element {
  const [open, setOpen] = useState(false);
  const may = role.value !== "operator" || call.operator === me.value?.operator.id;
  if (!may) return <p class="quiet">{t("inbox.calls.recording_closed")}</p>;
  if (!open)
    return (
      <button type="button" class="button call-listen" onClick={() => setOpen(true)}>
        <Icon name="play" />
        {t("inbox.calls.listen")}
      </button>
    );
  const url = `/api/v1/projects/${encodeURIComponent(call.project)}/calls/${encodeURIComponent(call.id)}/recording`;
  return <Voice file={{ url, name: t("inbox.calls.recording") }} />;
}
