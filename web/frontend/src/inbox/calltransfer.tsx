import "./callback.css";
import type { JSX } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { Refused, api } from "./api";
import { learnCalls } from "./calls";
import { first, refusal, t } from "./settings";
import { Sheet } from "./sheet";
import type { Call, CallCard, Colleague } from "./wire";

interface TransferProps {
  call: Call;
  onDone: (name: string) => void;
  onClose: () => void;
}

const ORDER = ["online", "away", "offline"];

/** Whom the talk is handed over to: a colleague who has a phone, or a number. */
export function Transfer({ call, onDone, onClose }: TransferProps): JSX.Element {
  const id = useId();
  const [card, setCard] = useState<CallCard | null>(null);
  const [number, setNumber] = useState("");
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    void safely(async () => setCard(await api.call(call)));
  }, []);
  const safely = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setTrouble("");
    try {
      await what();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTrouble(refusal(error.problem.code));
    }
    setBusy(false);
  };
  const hand = (to: { operator?: string; number?: string }, name: string): Promise<void> =>
    safely(async () => {
      learnCalls([await api.transferCall(call, to)]);
      onDone(name);
    });
  const people: Colleague[] = [...(card?.colleagues ?? [])].sort(
    (a, b) => ORDER.indexOf(a.presence) - ORDER.indexOf(b.presence) || a.name.localeCompare(b.name),
  );
  return (
    <Sheet title={t("inbox.calls.transfer_title")} class="asking" onClose={onClose}>
      <form
        class="asking-body"
        onSubmit={(event) => {
          event.preventDefault();
          if (number.trim()) void hand({ number: number.trim() }, number.trim());
        }}
      >
        {card && !card.transfers ? <p class="asks-wrong">{refusal("no_transfer")}</p> : null}
        {card?.transfers && !people.length ? <p class="quiet">{t("inbox.calls.transfer_none")}</p> : null}
        {people.length ? (
          <ul class="call-people">
            {people.map((one) => (
              <li key={one.operator}>
                <button
                  type="button"
                  class="button"
                  disabled={busy}
                  onClick={() => void hand({ operator: one.operator }, one.name)}
                >
                  <bdi>{one.name}</bdi>
                  <span class="quiet">{first(`inbox.calls.presence.${one.presence}`, one.presence)}</span>
                </button>
              </li>
            ))}
          </ul>
        ) : null}
        {card?.transfers ? (
          <div class="asks">
            <label for={id}>{t("inbox.calls.transfer_number")}</label>
            <input
              id={id}
              type="tel"
              maxLength={40}
              autocomplete="off"
              value={number}
              aria-describedby={`${id}-help`}
              onInput={(event) => setNumber(event.currentTarget.value)}
            />
            <p id={`${id}-help`} class="quiet">
              {t("inbox.calls.transfer_number_help")}
            </p>
          </div>
        ) : null}
        {trouble ? (
          <p class="asks-wrong" role="alert">
            {trouble}
          </p>
        ) : null}
        <div class="asks-steps">
          <button type="button" class="button" onClick={onClose}>
            {t("inbox.cancel")}
          </button>
          {card?.transfers ? (
            <button type="submit" class="button strong" disabled={busy || !number.trim()}>
              {t("inbox.calls.transfer")}
            </button>
          ) : null}
        </div>
      </form>
    </Sheet>
  );
}
