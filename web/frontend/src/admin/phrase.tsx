import "./phrase.css";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { inserted, unknown } from "./phrases";
import { Frame } from "./fields";
import { first, t } from "./words";

interface PhraseProps {
  place: string;
  label: string;
  value: string;
  /** The variables there are; null until they are known. */
  names: readonly string[] | null;
  max?: number;
  help?: string;
  /** What is said where the field is left empty. */
  otherwise?: string;
  onInput: (value: string) => void;
}

/** A text with variables: they are offered beneath it, and one that there is not is said to be none. */
export function Phrase(props: PhraseProps): JSX.Element {
  const { place, value, names } = props;
  const field = useRef<HTMLTextAreaElement>(null);
  const lacking = names ? unknown(value, names) : [];
  const add = (name: string): void => {
    const box = field.current;
    if (!box) return;
    const [text, at] = inserted(value, `{{ ${name} }}`, box.selectionStart, box.selectionEnd);
    props.onInput(text);
    requestAnimationFrame(() => {
      box.focus();
      box.setSelectionRange(at, at);
    });
  };
  return (
    <div class="phrase">
      <Frame place={place} label={props.label} help={props.help}>
        {(ties) => (
          <textarea
            {...ties}
            ref={field}
            rows={2}
            maxLength={props.max ?? 1_000}
            placeholder={props.otherwise}
            value={value}
            onInput={(event) => props.onInput(event.currentTarget.value)}
          />
        )}
      </Frame>
      {lacking.length ? (
        <p class="remark warn" role="status">
          {t("admin.phrase.unknown", { names: lacking.join(", ") })}
        </p>
      ) : null}
      {names ? (
        <div class="variables" role="group" aria-label={t("admin.phrase.variables")}>
          {names
            .filter((name) => !name.includes("…"))
            .map((name) => (
              <button key={name} type="button" class="variable" title={`{{ ${name} }}`} onClick={() => add(name)}>
                {first(`admin.variable.${name}`, "") || name}
              </button>
            ))}
        </div>
      ) : null}
    </div>
  );
}
