import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { refused, wrong } from "./editing";
import type { FormField } from "./wire";
import { Area, Lines, Pick, Switch, Text } from "./fields";
import { EXAMPLES } from "./known";
import { type Value, type Values, isKept, isMapping, isNetwork, ordered } from "./filling";
import { first, t } from "./words";

interface AskedProps {
  kind: string;
  fields: FormField[];
  values: Values;
  kept: Values;
  onPut: (name: string, value: Value) => void;
}

/** The settings of a kind: what it needs, and folded away the way to it. */
export function Asked(props: AskedProps): JSX.Element {
  const { fields, values } = props;
  const folded = (field: FormField): boolean => isNetwork(field) || isMapping(field);
  const plain = ordered(fields.filter((field) => !folded(field)));
  const one = (field: FormField): JSX.Element => <One key={field.name} field={field} {...props} />;
  return (
    <>
      {plain.map(one)}
      <Folded name={t("admin.mapping")} why={t("admin.mapping.why")} fields={fields.filter(isMapping)} values={values} one={one} />
      <Folded name={t("admin.network")} why={t("admin.network.why")} fields={fields.filter(isNetwork)} values={values} one={one} />
    </>
  );
}

interface FoldedProps {
  name: string;
  why: string;
  fields: FormField[];
  values: Values;
  one: (field: FormField) => JSX.Element;
}

/** Settings that few look for: open where one of them is other than usual, or wrong. */
function Folded({ name, why, fields, values, one }: FoldedProps): JSX.Element | null {
  const [open, setOpen] = useState(() =>
    fields.some(({ name, default: usual }) => isKept(values[name]) || (typeof values[name] === "string" && values[name] !== usual)),
  );
  const faulty = fields.some(({ name }) => wrong(name));
  if (!fields.length) return null;
  return (
    <details class="more-fields" open={open || faulty} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{name}</summary>
      <p class="remark">{why}</p>
      {fields.map(one)}
    </details>
  );
}

function One({ field, kind, values, kept, onPut }: AskedProps & { field: FormField }): JSX.Element {
  const { name, type } = field;
  const value = values[name] ?? null;
  const words = (end: string): string =>
    first(`channel.${kind}.${name}${end}`, `channel.field.${name}${end}`, "");
  const label = words("") || name;
  const help = words(".help");
  const example = EXAMPLES[`${kind}.${name}`] ?? (words(".example") || EXAMPLES[name]);
  const about = { ...(help ? { help } : {}), ...(example ? { example } : {}) };
  if (type === "secret") return <Hidden name={name} label={label} about={about} kept={kept[name] ?? null} value={value} onPut={onPut} />;
  if (type === "bool")
    return (
      <Switch label={label} {...(help ? { help } : {})} value={value === true} onTurn={(on) => onPut(name, on)} />
    );
  if (type === "choice") {
    const usual = String(field.default);
    const order = [usual, ...field.choices.filter((one) => one !== usual)];
    return (
      <Pick
        label={label}
        {...(help ? { help } : {})}
        value={String(value ?? usual)}
        of={order.map((one) => [one, words(`.${one}`) || one] as const)}
        onPick={(one) => onPut(name, one)}
      />
    );
  }
  if (type === "list")
    return (
      <Lines
        place={name}
        label={label}
        {...about}
        value={Array.isArray(value) ? value : []}
        onInput={(lines) => onPut(name, lines)}
      />
    );
  const text = value === null || typeof value === "object" ? "" : String(value);
  const long = type === "text" && (field.max ?? 0) > 1_000;
  const Shape = long ? Area : Text;
  return (
    <Shape
      place={name}
      label={label}
      {...about}
      {...(name.endsWith("url") ? { keys: "url" as const } : {})}
      short={type === "number"}
      {...(field.max && type === "text" ? { max: field.max } : {})}
      value={text}
      onInput={(typed) => onPut(name, typed)}
      onLeave={(typed) => onPut(name, typed.trim())}
    />
  );
}

interface HiddenProps {
  name: string;
  label: string;
  about: { help?: string; example?: string };
  kept: Value;
  value: Value;
  onPut: (name: string, value: Value) => void;
}

/** A secret is written and never read: what is kept is only said to be there. */
function Hidden({ name, label, about, kept, value, onPut }: HiddenProps): JSX.Element {
  if (isKept(value))
    return (
      <div class="setting" data-place={name}>
        <p class="field-name">{label}</p>
        <p class="secret-kept">
          <span class="dots" aria-hidden="true">
            ••••••••••••
          </span>
          <span class="quiet">{t("admin.secret.kept")}</span>
          <button
            type="button"
            class="button"
            aria-label={t("admin.secret.replace_what", { what: label })}
            onClick={() => onPut(name, "")}
          >
            {t("admin.secret.replace")}
          </button>
        </p>
        {wrong(name) ? <p class="field-wrong">{wrong(name)}</p> : null}
      </div>
    );
  return (
    <>
      <Text
        place={name}
        label={label}
        {...about}
        keys="url"
        max={600}
        value={typeof value === "string" ? value : ""}
        onInput={(typed) => onPut(name, typed)}
        onLeave={(typed) => onPut(name, typed.trim())}
      />
      {isKept(kept) ? (
        <p class="steps">
          <button type="button" class="button" onClick={() => onPut(name, kept)}>
            {t("admin.secret.keep")}
          </button>
        </p>
      ) : null}
    </>
  );
}

/** Says at the field that its value does not fit: why, if the code has words, or an example. */
export function say(kind: string, name: string, code = ""): void {
  const own = [`channel.${kind}.${name}.wrong`, `channel.field.${name}.wrong`];
  const words = first(`admin.wrong.${code}`, ...own, "admin.wrong.value");
  refused.value = { place: name, words };
}

/** Says at the field that nothing goes without it. */
export function want(name: string): void {
  refused.value = { place: name, words: t("admin.wrong.empty") };
}
