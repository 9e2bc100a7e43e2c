import type { JSX } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { Refused } from "./api";
import { thereAt } from "./callbacks";
import { refusal, t } from "./settings";
import type { Decided, Doubt } from "./wire";

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
  /** What is odd about what was wished. */
  doubts: readonly Doubt[];
  /** Sends it; what the hub has against it is shown, and without a lead nothing was done. */
  send: <D extends Decided>(what: () => Promise<D>) => Promise<D | null>;
  clear: () => void;
}

export function useAsking(): Asking {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const [doubts, setDoubts] = useState<readonly Doubt[]>([]);
  const wishes = useRef(0);
  const clear = (): void => {
    wishes.current += 1;
    setTrouble("");
    setDoubts([]);
  };
  const send: Asking["send"] = async (what) => {
    if (busy) return null;
    setBusy(true);
    clear();
    const mine = wishes.current;
    try {
      const decided = await what();
      // Of a wish that was changed meanwhile nothing is odd any more.
      if (mine === wishes.current) setDoubts(decided.warnings);
      return decided;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (mine === wishes.current) setTrouble(refusal(error.problem.code));
      return null;
    } finally {
      setBusy(false);
    }
  };
  return { busy, trouble, doubts, send, clear };
}

interface DoubtsProps {
  asking: Asking;
  /** What was done in spite of it, or nothing. */
  done?: string;
  children: JSX.Element;
}

/** What the operator should know before he says that it is meant. */
export function Doubts({ asking, done, children }: DoubtsProps): JSX.Element | null {
  if (asking.trouble)
    return (
      <p class="asks-wrong" role="alert">
        {asking.trouble}
      </p>
    );
  if (!asking.doubts.length) return null;
  return (
    <div class="asks-outside" role="alert">
      {done ? <p>{done}</p> : null}
      {asking.doubts.map((one) => (
        <p key={one}>{t(`inbox.lead.doubt.${one}`)}</p>
      ))}
      <div class="asks-steps">{children}</div>
    </div>
  );
}

export function Steps(props: { label: string; busy: boolean; onClose: () => void }): JSX.Element {
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
