import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { Refused } from "./api";
import { thereAt } from "./callbacks";
import { tell } from "./rows";
import { refusal, t } from "./settings";
import { due } from "./times";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MORNING = 10;

/** The moment as a field of the operator's own clock has it. */
export function toField(at: Date): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The moment that a field says, empty while it says none. */
export function fromField(value: string): string {
  const at = new Date(value);
  return value && !Number.isNaN(at.getTime()) ? at.toISOString() : "";
}

/** An hour from now, at whole five minutes. */
export function inHours(n: number): Date {
  return new Date(Math.ceil((Date.now() + n * HOUR) / (5 * MINUTE)) * 5 * MINUTE);
}

function tomorrow(): Date {
  const at = new Date();
  at.setDate(at.getDate() + 1);
  at.setHours(MORNING, 0, 0, 0);
  return at;
}

interface WhenProps {
  value: string;
  zones: readonly string[];
  onInput: (value: string) => void;
}

/** A time on the operator's clock, and what the client's says then. */
export function When({ value, zones, onInput }: WhenProps): JSX.Element {
  const id = useId();
  const at = fromField(value);
  const there = at ? thereAt(at, zones) : "";
  const near = [
    { words: t("inbox.lead.in_hour"), at: inHours(1) },
    { words: t("inbox.lead.in_three"), at: inHours(3) },
    { words: t("inbox.lead.tomorrow"), at: tomorrow() },
  ];
  return (
    <div class="asks">
      <label for={id}>{t("inbox.lead.when")}</label>
      <input
        id={id}
        type="datetime-local"
        required
        value={value}
        min={toField(new Date())}
        aria-describedby={`${id}-there`}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <div class="near" role="group" aria-label={t("inbox.lead.near")}>
        {near.map(({ words, at: then }) => (
          <button
            key={words}
            type="button"
            class="near-one"
            aria-pressed={value === toField(then)}
            onClick={() => onInput(toField(then))}
          >
            {words}
          </button>
        ))}
      </div>
      <p id={`${id}-there`} class="quiet" aria-live="polite">
        {there}
      </p>
    </div>
  );
}

export interface Asking {
  busy: boolean;
  /** What was refused, in words. */
  trouble: string;
  /** The next lawful moment, while the wished one is outside of hours. */
  outside: string | null;
  send: (what: (anyway: boolean) => Promise<void>, anyway?: boolean) => Promise<void>;
  clear: () => void;
}

/** Sends what may be outside of hours; then the operator says whether it is meant. */
export function useAsking(): Asking {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const [outside, setOutside] = useState<string | null>(null);
  const clear = (): void => {
    setTrouble("");
    setOutside(null);
  };
  const send: Asking["send"] = async (what, anyway = false) => {
    if (busy) return;
    setBusy(true);
    clear();
    try {
      await what(anyway);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { code, current, status } = error.problem;
      if (code === "outside_hours") setOutside(current ?? "");
      else if (status === 401) tell(error);
      else setTrouble(refusal(code));
    }
    setBusy(false);
  };
  return { busy, trouble, outside, send, clear };
}

interface OutsideProps {
  asking: Asking;
  at: string;
  onAnyway: () => void;
  onNext: (at: string) => void;
}

/** The time is one at which nobody is called: another one, or it all the same. */
export function Outside({ asking, at, onAnyway, onNext }: OutsideProps): JSX.Element | null {
  const next = asking.outside;
  if (asking.trouble)
    return (
      <p class="asks-wrong" role="alert">
        {asking.trouble}
      </p>
    );
  if (next === null) return null;
  return (
    <div class="asks-outside" role="alert">
      <p>{t("inbox.lead.outside")}</p>
      <div class="asks-steps">
        {next ? (
          <button type="button" class="button strong" disabled={asking.busy} onClick={() => onNext(next)}>
            {t("inbox.lead.next", { at: due(next) })}
          </button>
        ) : null}
        <button type="button" class="button" disabled={asking.busy} onClick={onAnyway}>
          {t("inbox.lead.anyway", { at: due(at) })}
        </button>
      </div>
    </div>
  );
}
