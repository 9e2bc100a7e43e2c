import "./callback.css";
import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { api } from "./api";
import { Doubts, Steps, When, fromField, inHours, toField, useAsking } from "./callbackwhen";
import { phone as written } from "./names";
import { t } from "./settings";
import { Sheet } from "./sheet";
import { due } from "./times";
import { CANCELS, type Cancel, type Lead } from "./wire";

export type LeadStep = "move" | "cancel" | "phone";

interface StepProps {
  lead: Lead;
  /** Told how it now stands; it is left open while there is something to be read. */
  onDone: (lead: Lead, stay?: boolean) => void;
  onClose: () => void;
}

/** What is asked before an order to call is changed. */
export function LeadSheet({ step, ...props }: StepProps & { step: LeadStep }): JSX.Element {
  switch (step) {
    case "move":
      return <Move {...props} />;
    case "cancel":
      return <Cancelling {...props} />;
    case "phone":
      return <Correct {...props} />;
  }
}

export const zonesOf = (lead: Lead): string[] => lead.clocks.map(({ zone }) => zone);

const whose = (lead: Lead): string =>
  [lead.name, written(lead.phone)].filter(Boolean).join(" · ");

function Move({ lead, onDone, onClose }: StepProps): JSX.Element {
  const [value, setValue] = useState(toField(soonest(lead)));
  const [moved, setMoved] = useState<Lead | null>(null);
  const asking = useAsking();
  const at = fromField(value);
  const move = async (): Promise<void> => {
    const decided = await asking.send(() => api.moveLead(moved ?? lead, at));
    if (!decided?.lead) return;
    onDone(decided.lead, decided.warnings.length > 0);
    setMoved(decided.lead);
  };
  return (
    <Sheet title={t("inbox.lead.move_title")} class="asking" onClose={onClose}>
      <form
        class="asking-body"
        onSubmit={(event) => {
          event.preventDefault();
          if (at) void move();
        }}
      >
        <p class="quiet">{whose(lead)}</p>
        <When
          value={value}
          zones={zonesOf(lead)}
          onInput={(next) => {
            asking.clear();
            setValue(next);
          }}
        />
        <Doubts
          asking={asking}
          done={moved?.due_at ? t("inbox.lead.moved", { at: due(moved.due_at) }) : ""}
        >
          <button type="button" class="button" onClick={onClose}>
            {t("inbox.lead.leave_so")}
          </button>
        </Doubts>
        {asking.doubts.length ? null : (
          <Steps label={t("inbox.lead.move")} busy={asking.busy || !at} onClose={onClose} />
        )}
      </form>
    </Sheet>
  );
}

function soonest(lead: Lead): Date {
  const due = Date.parse(lead.due_at ?? "");
  return due > Date.now() ? new Date(due) : inHours(1);
}

function Cancelling({ lead, onDone, onClose }: StepProps): JSX.Element {
  const id = useId();
  const [cause, setCause] = useState<Cancel>(CANCELS[0]);
  const asking = useAsking();
  const cancel = async (): Promise<void> => {
    const decided = await asking.send(() => api.cancelLead(lead, cause));
    if (decided?.lead) onDone(decided.lead);
  };
  return (
    <Sheet title={t("inbox.lead.cancel_title")} class="asking" onClose={onClose}>
      <form
        class="asking-body"
        onSubmit={(event) => {
          event.preventDefault();
          void cancel();
        }}
      >
        <p class="quiet">{whose(lead)}</p>
        <fieldset class="asks">
          <legend>{t("inbox.lead.reason")}</legend>
          {CANCELS.map((one) => (
            <label key={one} class="asks-one">
              <input
                type="radio"
                name={id}
                checked={cause === one}
                onChange={() => setCause(one)}
              />
              {t(`inbox.lead.cause.${one}`)}
            </label>
          ))}
        </fieldset>
        <Doubts asking={asking}>
          <></>
        </Doubts>
        <Steps label={t("inbox.lead.cancel")} busy={asking.busy} onClose={onClose} />
      </form>
    </Sheet>
  );
}

function Correct({ lead, onDone, onClose }: StepProps): JSX.Element {
  const id = useId();
  const [phone, setPhone] = useState(written(lead.phone));
  const asking = useAsking();
  const correct = async (): Promise<void> => {
    const decided = await asking.send(() => api.correctLead(lead, phone.trim()));
    if (decided?.lead) onDone(decided.lead);
  };
  return (
    <Sheet title={t("inbox.lead.correct_title")} class="asking" onClose={onClose}>
      <form
        class="asking-body"
        onSubmit={(event) => {
          event.preventDefault();
          if (phone.trim()) void correct();
        }}
      >
        <div class="asks">
          <label for={id}>{t("inbox.lead.phone")}</label>
          <input
            id={id}
            type="tel"
            required
            autoFocus
            maxLength={40}
            autocomplete="off"
            value={phone}
            aria-describedby={`${id}-help`}
            onInput={(event) => {
              asking.clear();
              setPhone(event.currentTarget.value);
            }}
          />
          <p id={`${id}-help`} class="quiet">
            {t("inbox.lead.correct_why")}
          </p>
        </div>
        <Doubts asking={asking}>
          <></>
        </Doubts>
        <Steps label={t("inbox.lead.correct")} busy={asking.busy || !phone.trim()} onClose={onClose} />
      </form>
    </Sheet>
  );
}
