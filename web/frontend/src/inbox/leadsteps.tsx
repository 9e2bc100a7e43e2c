import "./callback.css";
import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { api } from "./api";
import { When, Outside, fromField, inHours, toField, useAsking } from "./callbackwhen";
import { phone as written } from "./row";
import { t } from "./settings";
import { Sheet } from "./sheet";
import type { Lead } from "./wire";

export type LeadStep = "move" | "cancel" | "phone";

interface StepProps {
  lead: Lead;
  onDone: (lead: Lead) => void;
  onClose: () => void;
}

/** What is asked before an order to call is changed. */
export function LeadSheet({ step, ...props }: StepProps & { step: LeadStep }): JSX.Element {
  switch (step) {
    case "move":
      return <Move {...props} />;
    case "cancel":
      return <Cancel {...props} />;
    case "phone":
      return <Correct {...props} />;
  }
}

const whose = (lead: Lead): string =>
  [lead.name, written(lead.phone)].filter(Boolean).join(" · ");

function Move({ lead, onDone, onClose }: StepProps): JSX.Element {
  const [value, setValue] = useState(toField(soonest(lead)));
  const asking = useAsking();
  const at = fromField(value);
  const move = (to: string, anyway = false): Promise<void> =>
    asking.send(async (meant) => onDone(await api.moveLead(lead.project, lead.id, to, meant)), anyway);
  return (
    <Sheet title={t("inbox.lead.move_title")} class="asking" onClose={onClose}>
      <form
        class="asking-body"
        onSubmit={(event) => {
          event.preventDefault();
          if (at) void move(at);
        }}
      >
        <p class="quiet">{whose(lead)}</p>
        <When
          value={value}
          zones={lead.zones}
          onInput={(next) => {
            asking.clear();
            setValue(next);
          }}
        />
        <Outside
          asking={asking}
          at={at}
          onAnyway={() => void move(at, true)}
          onNext={(next) => void move(next)}
        />
        {asking.outside === null ? (
          <Steps label={t("inbox.lead.move")} busy={asking.busy || !at} onClose={onClose} />
        ) : null}
      </form>
    </Sheet>
  );
}

function soonest(lead: Lead): Date {
  const due = Date.parse(lead.due_at ?? "");
  return due > Date.now() ? new Date(due) : inHours(1);
}

const REASONS = ["called", "asked", "wrong", "other"] as const;

function Cancel({ lead, onDone, onClose }: StepProps): JSX.Element {
  const id = useId();
  const [cause, setCause] = useState("");
  const asking = useAsking();
  const reasons = REASONS.map((one) => t(`inbox.lead.reason.${one}`));
  return (
    <Sheet title={t("inbox.lead.cancel_title")} class="asking" onClose={onClose}>
      <form
        class="asking-body"
        onSubmit={(event) => {
          event.preventDefault();
          if (cause.trim())
            void asking.send(async () =>
              onDone(await api.cancelLead(lead.project, lead.id, cause.trim())),
            );
        }}
      >
        <p class="quiet">{whose(lead)}</p>
        <div class="asks">
          <label for={id}>{t("inbox.lead.reason")}</label>
          <input
            id={id}
            required
            maxLength={200}
            autoFocus
            value={cause}
            onInput={(event) => setCause(event.currentTarget.value)}
          />
          <div class="near" role="group" aria-label={t("inbox.lead.reasons")}>
            {reasons.map((one) => (
              <button
                key={one}
                type="button"
                class="near-one"
                aria-pressed={cause === one}
                onClick={() => setCause(one)}
              >
                {one}
              </button>
            ))}
          </div>
        </div>
        <Wrong words={asking.trouble} />
        <Steps label={t("inbox.lead.cancel")} busy={asking.busy || !cause.trim()} onClose={onClose} />
      </form>
    </Sheet>
  );
}

function Correct({ lead, onDone, onClose }: StepProps): JSX.Element {
  const id = useId();
  const [phone, setPhone] = useState(written(lead.phone));
  const asking = useAsking();
  return (
    <Sheet title={t("inbox.lead.correct_title")} class="asking" onClose={onClose}>
      <form
        class="asking-body"
        onSubmit={(event) => {
          event.preventDefault();
          if (phone.trim())
            void asking.send(async () =>
              onDone(await api.correctLead(lead.project, lead.id, phone.trim())),
            );
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
        <Wrong words={asking.trouble} />
        <Steps label={t("inbox.lead.correct")} busy={asking.busy || !phone.trim()} onClose={onClose} />
      </form>
    </Sheet>
  );
}

function Wrong({ words }: { words: string }): JSX.Element | null {
  return words ? (
    <p class="asks-wrong" role="alert">
      {words}
    </p>
  ) : null;
}

function Steps(props: { label: string; busy: boolean; onClose: () => void }): JSX.Element {
  return (
    <div class="asks-steps">
      <button type="button" class="button" onClick={props.onClose}>
        {t("inbox.cancel")}
      </button>
      <button type="submit" class="button strong" disabled={props.busy}>
        {props.label}
      </button>
    </div>
  );
}
