import "./refusals.css";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api } from "./api";
import { openThread } from "./reading";
import { learn, tell } from "./rows";
import { t } from "./settings";
import { date } from "./times";
import type { Contact, Dialog, Refusal } from "./wire";

/** What the client wants no more of; it beats every rule, and people are told of it. */
export function Refusals({ dialog, contact }: { dialog: Dialog; contact: Contact }): JSX.Element {
  const [busy, setBusy] = useState<Refusal | null>(null);
  const since: Record<Refusal, string | null> = {
    calls: contact.no_calls_at ?? null,
    messages: contact.no_writes_at ?? null,
  };
  const turn = async (one: Refusal): Promise<void> => {
    const all: Refusal[] = ["calls", "messages"];
    setBusy(one);
    try {
      learn([await api.refuse(dialog.id, all.filter((each) => (each === one) !== (since[each] !== null)))]);
      await openThread(dialog.id);
    } catch (error) {
      tell(error);
    }
    setBusy(null);
  };
  return (
    <ul class="refusals" aria-label={t("inbox.card.peace")}>
      {(["calls", "messages"] as const).map((one) => {
        const at = since[one];
        return (
          <li key={one}>
            <label class={at ? "switch refusal on" : "switch refusal"}>
              <input
                type="checkbox"
                role="switch"
                checked={busy === one ? !at : at !== null}
                disabled={busy !== null}
                onChange={() => void turn(one)}
              />
              <span class="switch-track" aria-hidden="true" />
              <span>{t(`inbox.call.refused_${one}`)}</span>
              {at ? <span class="quiet">{t("inbox.card.since", { at: date(at) })}</span> : null}
            </label>
          </li>
        );
      })}
    </ul>
  );
}
