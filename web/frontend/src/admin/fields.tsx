import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";
import { wrong } from "./editing";

interface FrameProps {
  place: string;
  label: string;
  help?: string | undefined;
  children: (ties: Ties) => JSX.Element;
}

interface Ties {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": boolean;
}

/** A label above, help below, and what is wrong right at the field. */
export function Frame({ place, label, help, children }: FrameProps): JSX.Element {
  const id = useId();
  const words = wrong(place);
  const about = [help ? `${id}-help` : "", words ? `${id}-wrong` : ""].filter(Boolean).join(" ");
  return (
    <div class="setting" data-place={place}>
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": about || undefined, "aria-invalid": words !== "" })}
      {help ? (
        <p id={`${id}-help`} class="field-help">
          {help}
        </p>
      ) : null}
      {words ? (
        <p id={`${id}-wrong`} class="field-wrong">
          {words}
        </p>
      ) : null}
    </div>
  );
}

interface TextProps {
  place: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  onLeave?: (value: string) => void;
  help?: string;
  example?: string;
  max?: number;
  keys?: "tel" | "url";
  short?: boolean;
}

export function Text(props: TextProps): JSX.Element {
  return (
    <Frame place={props.place} label={props.label} help={props.help}>
      {(ties) => (
        <input
          {...ties}
          class={props.short ? "short" : undefined}
          type="text"
          inputMode={props.keys ?? "text"}
          autocomplete="off"
          spellcheck={props.keys === undefined}
          placeholder={props.example}
          maxLength={props.max}
          value={props.value}
          onInput={(event) => props.onInput(event.currentTarget.value)}
          onBlur={(event) => props.onLeave?.(event.currentTarget.value)}
        />
      )}
    </Frame>
  );
}

export function Area(props: TextProps & { rows?: number }): JSX.Element {
  return (
    <Frame place={props.place} label={props.label} help={props.help}>
      {(ties) => (
        <textarea
          {...ties}
          rows={props.rows ?? 3}
          placeholder={props.example}
          maxLength={props.max}
          value={props.value}
          onInput={(event) => props.onInput(event.currentTarget.value)}
          onBlur={(event) => props.onLeave?.(event.currentTarget.value)}
        />
      )}
    </Frame>
  );
}

interface CountProps {
  place: string;
  label: string;
  value: number;
  min: number;
  max: number;
  unit: string;
  help?: string;
  onInput: (value: number) => void;
}

export function Count(props: CountProps): JSX.Element {
  return (
    <Frame place={props.place} label={props.label} help={props.help}>
      {(ties) => (
        <span class="with-unit">
          <input
            {...ties}
            type="number"
            inputMode="numeric"
            min={props.min}
            max={props.max}
            value={props.value}
            onInput={(event) => {
              const typed = event.currentTarget.valueAsNumber;
              if (Number.isInteger(typed)) props.onInput(Math.min(props.max, Math.max(props.min, typed)));
            }}
            onBlur={(event) => {
              event.currentTarget.value = String(props.value);
            }}
          />
          <span>{props.unit}</span>
        </span>
      )}
    </Frame>
  );
}

interface PickProps<T extends string> {
  label: string;
  value: T;
  of: readonly (readonly [T, string])[];
  onPick: (value: T) => void;
  help?: string | undefined;
}

/** Few choices that are all seen at once. */
export function Pick<T extends string>(props: PickProps<T>): JSX.Element {
  const group = useId();
  return (
    <fieldset class="setting pick" aria-describedby={props.help ? `${group}-help` : undefined}>
      <legend>{props.label}</legend>
      <div class="pick-of">
        {props.of.map(([one, words]) => (
          <label key={one}>
            <input
              type="radio"
              name={group}
              checked={props.value === one}
              onChange={() => props.onPick(one)}
            />
            <span>{words}</span>
          </label>
        ))}
      </div>
      {props.help ? (
        <p id={`${group}-help`} class="field-help">
          {props.help}
        </p>
      ) : null}
    </fieldset>
  );
}

interface BareSwitchProps {
  on: boolean;
  onTurn: (on: boolean) => void;
  disabled?: boolean;
  title?: string;
  look?: string;
  /** Its name, where no words stand beside. */
  "aria-label"?: string;
  "aria-describedby"?: string | undefined;
  children?: ComponentChildren;
}

/** A switch alone, with what stands beside it. */
export function BareSwitch({ on, onTurn, title, look, children, ...ties }: BareSwitchProps): JSX.Element {
  return (
    <label class={look ? `switch ${look}` : "switch"} title={title}>
      <input
        {...ties}
        type="checkbox"
        role="switch"
        checked={on}
        onChange={(event) => onTurn(event.currentTarget.checked)}
      />
      <span class="switch-track" aria-hidden="true" />
      {children}
    </label>
  );
}

interface SwitchProps {
  label: string;
  value: boolean;
  onTurn: (value: boolean) => void;
  help?: string;
  children?: ComponentChildren;
}

export function Switch(props: SwitchProps): JSX.Element {
  const id = useId();
  return (
    <div class="setting switch-field">
      <BareSwitch aria-describedby={props.help ? id : undefined} on={props.value} onTurn={props.onTurn}>
        <span>{props.label}</span>
      </BareSwitch>
      {props.help ? (
        <p id={id} class="field-help">
          {props.help}
        </p>
      ) : null}
    </div>
  );
}

interface LinesProps {
  place: string;
  label: string;
  value: string[];
  onInput: (value: string[]) => void;
  read?: (line: string) => string;
  help?: string;
  example?: string;
}

/** Several values, one a line; they are put in order when the field is left. */
export function Lines(props: LinesProps): JSX.Element {
  const cut = (text: string): string[] => (text ? text.split("\n") : []);
  const faulty = props.value.findIndex((_, n) => wrong(`${props.place}.${n}`) !== "");
  const tidy = (lines: string[]): string[] => [
    ...new Set(lines.map((line) => (props.read ?? trimmed)(line)).filter((line) => line !== "")),
  ];
  return (
    <Area
      place={faulty < 0 ? props.place : `${props.place}.${faulty}`}
      label={props.label}
      {...(props.help ? { help: props.help } : {})}
      {...(props.example ? { example: props.example } : {})}
      value={props.value.join("\n")}
      onInput={(text) => props.onInput(cut(text))}
      onLeave={(text) => props.onInput(tidy(cut(text)))}
    />
  );
}

const trimmed = (line: string): string => line.trim();
