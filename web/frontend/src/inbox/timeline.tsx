import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Refused, api } from "./api";
import { byCall, isOfCall } from "./callgroups";
import { saidOfCallWhole } from "./callsaid";
import { Empty } from "./parts";
import { said, why } from "./said";
import { first, t } from "./settings";
import { Sheet } from "./sheet";
import { day, full, hours, sameDay } from "./times";
import type { Dialog, Entry } from "./wire";

/** What happened to the dialog, newest first: who or which rule, when and why. */
export function Timeline({ dialog, onClose }: { dialog: Dialog; onClose: () => void }): JSX.Element {
  const [items, setItems] = useState<Entry[]>([]);
  const [more, setMore] = useState(false);
  const [state, setState] = useState<"loading" | "ready" | "failed">("loading");

  const questions = useRef(0);

  async function load(before?: number): Promise<void> {
    const mine = (questions.current += 1);
    setState("loading");
    try {
      const page = await api.timeline(dialog.id, before);
      // Meanwhile something else was asked, of which more is known.
      if (mine !== questions.current) return;
      setItems((known) => (before === undefined ? page.items : [...known, ...page.items]));
      setMore(page.more);
      setState("ready");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (mine === questions.current) setState("failed");
    }
  }

  useEffect(() => void load(), [dialog.seq]);

  const groups = byCall(items);
  return (
    <Sheet title={t("inbox.timeline")} class="timeline" onClose={onClose}>
      <p class="timeline-now">
        <span class="chip">{first(`status.${dialog.status}`, dialog.status)}</span>
        <span class="quiet">{t(`inbox.awaits.${dialog.awaits}`)}</span>
      </p>
      {state === "failed" && items.length === 0 ? (
        <Empty title={t("inbox.timeline.failed")}>
          <button type="button" class="button" onClick={() => void load()}>
            {t("inbox.try_again")}
          </button>
        </Empty>
      ) : (
        <ol class="timeline-list" aria-busy={state === "loading"}>
          {groups.map((group, i) => {
            const entry = group[0];
            const before = groups[i - 1]?.[0];
            if (!entry) return null;
            const lines = [...group].reverse();
            const reason = why(entry);
            return (
              <li key={entry.id}>
                {!before || !sameDay(before.at, entry.at) ? (
                  <p class="timeline-day">{day(entry.at)}</p>
                ) : null}
                <time dateTime={entry.at} title={full(entry.at)}>
                  {hours(entry.at)}
                </time>
                {isOfCall(entry) ? (
                  <details class="dialled">
                    <summary>{saidOfCallWhole(lines)}</summary>
                    <ol>
                      {lines.map((line) => (
                        <li key={line.id}>
                          <time dateTime={line.at}>{hours(line.at)}</time> {said(line)}
                        </li>
                      ))}
                    </ol>
                  </details>
                ) : (
                  <p>
                    {said(entry)}
                    {reason ? <span class="quiet">{reason}</span> : null}
                  </p>
                )}
              </li>
            );
          })}
          {!more && state === "ready" ? (
            <li>
              <time dateTime={dialog.created_at} title={full(dialog.created_at)}>
                {hours(dialog.created_at)}
              </time>
              <p>
                {t("inbox.timeline.begun")}
                <span class="quiet">{full(dialog.created_at)}</span>
              </p>
            </li>
          ) : null}
        </ol>
      )}
      {more ? (
        <button
          type="button"
          class="more"
          disabled={state === "loading"}
          onClick={() => void load(items.at(-1)?.seq)}
        >
          {t("inbox.older")}
        </button>
      ) : null}
    </Sheet>
  );
}
