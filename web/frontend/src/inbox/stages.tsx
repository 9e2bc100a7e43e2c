import "./stages.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, call as ask } from "./api";
import { listen } from "./callsheard";
import { phone } from "./names";
import { tell } from "./rows";
import { t } from "./settings";
import type { Call, Leg } from "./wire";

const LOOK_EVERY = 3_000;

const at = (project: string, id: string): string =>
  `/projects/${encodeURIComponent(project)}/calls/${encodeURIComponent(id)}`;

/** A call that was ordered from this screen, as it goes on; null until it is known. */
export function useCall(project: string, id: string): Call | null {
  const [found, setFound] = useState<Call | null>(null);
  useEffect(() => {
    setFound(null);
    if (!id) return;
    let here = true;
    let over = false;
    const put = (next: Call): void => {
      if (!here || next.id !== id) return;
      over ||= next.stage === "settled";
      setFound((had) => (had && had.rev >= next.rev ? had : next));
    };
    const read = (): void => {
      ask<{ call: Call }>("GET", at(project, id)).then(
        ({ call }) => put(call),
        (error: unknown) => {
          if (!(error instanceof Refused)) throw error;
        },
      );
    };
    const stop = listen({ call: put, again: read });
    read();
    // Whoever may not see the line's channel hears nothing of it by the socket.
    const look = window.setInterval(() => {
      if (!over) read();
    }, LOOK_EVERY);
    return () => {
      here = false;
      clearInterval(look);
      stop();
    };
  }, [project, id]);
  return found;
}

const ended = (call: Call): boolean => call.stage === "ended" || call.stage === "settled";

/** What each phone of the call does, live, and how it ended. */
export function Stages({ call, ringOnly = false }: { call: Call | null; ringOnly?: boolean }): JSX.Element {
  const over = call !== null && ended(call);
  return (
    <div class="ring-stages" role="group" aria-label={t("inbox.ring.stages")}>
      {call?.training ? <p class="ring-training">{t("inbox.ring.training")}</p> : null}
      <ol aria-live="polite">
        {!call?.legs.length && !over ? <li class="ring-stage">{t("inbox.ring.ordered")}</li> : null}
        {call?.legs.map((leg, n) => <One key={n} leg={leg} ringOnly={ringOnly} />)}
        {call?.talk_at ? (
          <li class={over ? "ring-stage over" : "ring-stage up"}>
            <span>{t("inbox.ring.talking")}</span>
            <Since from={call.talk_at} to={call.ended_at} />
          </li>
        ) : null}
        {call && over ? <li class="ring-stage end">{end(call, ringOnly)}</li> : null}
      </ol>
      {call?.live && !over ? (
        <button
          type="button"
          class="button"
          disabled={call.cancelling}
          onClick={() => void ask("POST", `${at(call.project, call.id)}/cancel`).catch(tell)}
        >
          {t("inbox.ring.cancel")}
        </button>
      ) : null}
    </div>
  );
}

function end({ outcome, ended_by, legs, side, talk_at }: Call, ringOnly: boolean): string {
  if (ringOnly && outcome === "talked") return t("inbox.ring.over_ring");
  // No phone was rung: somebody was in another call for as long as this one waited.
  if (outcome === "busy" && side && !legs.length) return t(`inbox.ring.over_taken.${side}`);
  const how = t("inbox.ring.over", { outcome: t(`inbox.ring.outcome.${outcome ?? "unknown"}`) });
  const by = talk_at && (ended_by === "operator" || ended_by === "visitor") ? t(`inbox.ring.by.${ended_by}`) : "";
  return [how, by].filter(Boolean).join(". ");
}

function One({ leg, ringOnly }: { leg: Leg; ringOnly: boolean }): JSX.Element {
  const { role, number, state, outcome, code } = leg;
  const what =
    state !== "ended"
      ? t(`inbox.ring.state.${state}`)
      : ringOnly && outcome === "talked"
        ? t("inbox.ring.answered")
        : t(`inbox.ring.outcome.${outcome ?? "unknown"}`);
  return (
    <li class={state === "ended" && outcome !== "talked" ? "ring-stage failed" : `ring-stage ${state}`}>
      <span>
        {t(`inbox.ring.role.${role}`)} <span class="quiet">{phone(number)}</span>
      </span>
      <span title={code || undefined}>{what}</span>
      <Since from={leg.at} to={leg.ended_at} />
    </li>
  );
}

function Since({ from, to }: { from: string; to: string | null }): JSX.Element {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (to) return;
    const tick = window.setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(tick);
  }, [to]);
  const until = to ? Date.parse(to) : now;
  const seconds = Math.max(0, Math.floor((until - Date.parse(from)) / 1_000));
  return (
    <time class="ring-time">
      {Math.floor(seconds / 60)}:{String(seconds % 60).padStart(2, "0")}
    </time>
  );
}
