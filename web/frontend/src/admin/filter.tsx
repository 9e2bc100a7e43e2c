import "./filter.css";
import type { JSX } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { call } from "../inbox/api";
import { Icon, IconButton } from "../inbox/parts";
import { channels, operators, project } from "../inbox/rows";
import { lang } from "../inbox/settings";
import { wrong } from "./editing";
import { type Group, type Join, begun, closed, compared, fieldOf, isGroup, opened } from "./filtering";
import type { Filter, FilterField } from "./project";
import { first, t } from "./words";

const MOST = 20;

/** What there is something to choose of; groups nobody can make yet, so none is offered. */
const offered = (fields: readonly FilterField[], chosen: FilterField | undefined): FilterField[] =>
  fields.filter((one) => one.of !== "groups" || one === chosen);

interface FilterProps {
  /** Where it stands among the settings, for what is wrong with it. */
  place: string;
  fields: FilterField[];
  value: Filter;
  onPut: (filter: Filter) => void;
  /** What a filter without conditions means here. */
  empty?: string;
}

/** A filter put together of conditions, with one level of groups. */
export function FilterBuilder({ place, fields, value, onPut, empty }: FilterProps): JSX.Element {
  // A group without conditions is no part of a filter, but stays on the screen to be filled.
  const [group, setGroup] = useState<Group | null>(() => opened(value));
  const given = JSON.stringify(value);
  useEffect(() => {
    const mine = group && JSON.stringify(closed(group));
    if (mine !== given) setGroup(opened(value));
  }, [given]);
  if (!group)
    return (
      <div class="filter" data-place={place}>
        <p class="remark">{t("filter.builder.beyond")}</p>
        <button type="button" class="button" onClick={() => onPut({})}>
          {t("filter.builder.anew")}
        </button>
      </div>
    );
  const put = (next: Group): void => {
    setGroup(next);
    onPut(closed(next));
  };
  const words = wrong(place);
  return (
    <div class="filter" data-place={place}>
      {group.items.length ? null : <p class="remark">{empty ?? t("filter.builder.everything")}</p>}
      <Items group={group} fields={fields} place={place} nests onPut={put} />
      {words ? (
        <p class="field-wrong" role="alert">
          {words}
        </p>
      ) : null}
    </div>
  );
}

interface ItemsProps {
  group: Group;
  fields: FilterField[];
  place: string;
  nests?: boolean;
  onPut: (group: Group) => void;
}

function Items({ group, fields, place, nests = false, onPut }: ItemsProps): JSX.Element {
  const set = (items: Group["items"]): void => onPut({ ...group, items });
  const change = (n: number, item: Filter | Group): void =>
    set(group.items.map((had, at) => (at === n ? item : had)));
  const drop = (n: number): void => set(group.items.filter((_, at) => at !== n));
  const [one] = fields;
  return (
    <>
      {group.items.length > 1 ? (
        <JoinPick join={group.join} onPick={(join) => onPut({ ...group, join })} />
      ) : null}
      <ul class="conditions">
        {group.items.map((item, n) => {
          const at = `${place}.${group.join}.${n}`;
          return (
            <li key={n} class={isGroup(item) ? "condition-group" : "condition"} data-place={at}>
              {isGroup(item) ? (
                <>
                  <Items
                    group={item}
                    fields={fields}
                    place={at}
                    onPut={(next) => (next.items.length ? change(n, next) : drop(n))}
                  />
                  {item.items.length > 1 ? (
                    <IconButton icon="close" label={t("filter.builder.drop_group")} onClick={() => drop(n)} />
                  ) : null}
                </>
              ) : (
                <Condition
                  condition={item}
                  fields={fields}
                  place={at}
                  onPut={(next) => change(n, next)}
                  onDrop={() => drop(n)}
                />
              )}
            </li>
          );
        })}
      </ul>
      {one && group.items.length < MOST ? (
        <div class="adds">
          <button type="button" class="button with-icon" onClick={() => set([...group.items, begun(one)])}>
            <Icon name="plus" />
            {t("filter.builder.add")}
          </button>
          {nests && group.items.length ? (
            <button
              type="button"
              class="button"
              onClick={() =>
                set([...group.items, { join: group.join === "all" ? "any" : "all", items: [begun(one)] }])
              }
            >
              {t("filter.builder.add_group")}
            </button>
          ) : null}
        </div>
      ) : null}
    </>
  );
}

function JoinPick({ join, onPick }: { join: Join; onPick: (join: Join) => void }): JSX.Element {
  const id = useId();
  return (
    <div class="pick-of join" role="radiogroup" aria-label={t("filter.builder.join")}>
      {(["all", "any"] as const).map((one) => (
        <label key={one}>
          <input type="radio" name={id} checked={join === one} onChange={() => onPick(one)} />
          <span>{t(`filter.builder.${one}`)}</span>
        </label>
      ))}
    </div>
  );
}

interface ConditionProps {
  condition: Filter;
  fields: FilterField[];
  place: string;
  onPut: (condition: Filter) => void;
  onDrop: () => void;
}

function Condition({ condition, fields, place, onPut, onDrop }: ConditionProps): JSX.Element {
  const { field: name = "", op = "" } = condition;
  const field = fieldOf(fields, name);
  const open = field?.name.endsWith(".*") ?? false;
  const words = wrong(place) || wrong(`${place}.value`) || wrong(`${place}.field`) || wrong(`${place}.op`);
  const id = useId();
  const ties = { "aria-invalid": words !== "", "aria-describedby": words ? id : undefined };
  return (
    <>
      <select
        class="condition-field"
        aria-label={t("filter.builder.field")}
        value={field?.name ?? name}
        onChange={(event) => {
          const next = fieldOf(fields, event.currentTarget.value);
          if (next) onPut(begun(next));
        }}
      >
        {field ? null : <option value={name}>{name}</option>}
        {offered(fields, field).map((one) => (
          <option key={one.name} value={one.name}>
            {fieldName(one.name)}
          </option>
        ))}
      </select>
      {open ? (
        <input
          class="condition-name"
          aria-label={t("filter.builder.name")}
          placeholder={t("filter.builder.name")}
          maxLength={80}
          value={name.slice(name.indexOf(".") + 1)}
          onInput={(event) =>
            onPut({ ...condition, field: `${name.slice(0, name.indexOf("."))}.${event.currentTarget.value.trim()}` })
          }
        />
      ) : null}
      {field && field.ops.length > 1 ? (
        <select
          class="condition-op"
          aria-label={t("filter.builder.op")}
          value={op}
          onChange={(event) => onPut(compared(condition, field, event.currentTarget.value))}
        >
          {field.ops.map((one) => (
            <option key={one} value={one}>
              {opName(one, field)}
            </option>
          ))}
        </select>
      ) : null}
      {field ? <Value condition={condition} field={field} ties={ties} onPut={(value) => onPut({ ...condition, value: value ?? null })} /> : null}
      <IconButton icon="close" label={t("filter.builder.drop")} onClick={onDrop} />
      {words ? (
        <p id={id} class="field-wrong">
          {words}
        </p>
      ) : null}
    </>
  );
}

interface Ties {
  "aria-invalid": boolean;
  "aria-describedby": string | undefined;
}

interface ValueProps {
  condition: Filter;
  field: FilterField;
  ties: Ties;
  onPut: (value: Filter["value"]) => void;
}

function Value({ condition, field, ties, onPut }: ValueProps): JSX.Element | null {
  const { op = "", value } = condition;
  const choices = useChoices(field);
  const about = { ...ties, class: "condition-value", "aria-label": t("filter.builder.value") };
  if (op === "is_set" || op === "not_set") return null;
  if (op === "within_days" || op === "older_than_days" || field.type === "number")
    return (
      <input
        {...about}
        class="condition-value number"
        type="number"
        inputMode="numeric"
        value={typeof value === "number" ? value : ""}
        onInput={(event) => {
          const typed = event.currentTarget.valueAsNumber;
          onPut(Number.isInteger(typed) ? typed : null);
        }}
      />
    );
  if (field.type === "flag")
    return (
      <select {...about} value={String(value)} onChange={(event) => onPut(event.currentTarget.value === "true")}>
        <option value="true">{t("filter.builder.yes")}</option>
        <option value="false">{t("filter.builder.no")}</option>
      </select>
    );
  if (field.type === "moment")
    return (
      <input
        {...about}
        type="datetime-local"
        value={localOf(String(value ?? ""))}
        onInput={(event) => {
          const at = new Date(event.currentTarget.value);
          onPut(Number.isNaN(at.getTime()) ? "" : at.toISOString());
        }}
      />
    );
  if (op === "one_of") {
    const many = Array.isArray(value) ? value : [];
    if (choices) return <Several choices={choices} chosen={many} onPut={onPut} />;
    return (
      <input
        {...about}
        placeholder={t("filter.builder.commas")}
        value={many.join(", ")}
        onChange={(event) =>
          onPut(event.currentTarget.value.split(",").map((one) => one.trim()).filter((one) => one !== ""))
        }
      />
    );
  }
  const text = typeof value === "string" ? value : "";
  if (choices)
    return (
      <select {...about} value={text} onChange={(event) => onPut(event.currentTarget.value)}>
        {choices.some(([code]) => code === text) ? null : (
          <option value={text}>{text || t("filter.builder.choose")}</option>
        )}
        {choices.map(([code, words]) => (
          <option key={code} value={code}>
            {words}
          </option>
        ))}
      </select>
    );
  return <input {...about} maxLength={500} value={text} onInput={(event) => onPut(event.currentTarget.value)} />;
}

type Choice = readonly [code: string, words: string];

interface SeveralProps {
  choices: readonly Choice[];
  chosen: string[];
  onPut: (chosen: string[]) => void;
}

/** Some of all there are, each to be ticked; folded away with the names of those that are. */
function Several({ choices, chosen, onPut }: SeveralProps): JSX.Element {
  const names = chosen.map((code) => choices.find(([one]) => one === code)?.[1] ?? code);
  return (
    <details class="several">
      <summary>{names.join(", ") || t("filter.builder.choose")}</summary>
      <div class="several-of" role="group" aria-label={t("filter.builder.value")}>
        {choices.map(([code, words]) => (
          <label key={code}>
            <input
              type="checkbox"
              checked={chosen.includes(code)}
              onChange={(event) =>
                onPut(event.currentTarget.checked ? [...chosen, code] : chosen.filter((one) => one !== code))
              }
            />
            {words}
          </label>
        ))}
      </div>
    </details>
  );
}

/** All values that a field can have, with their names; null where it can have any. */
function useChoices(field: FilterField): readonly Choice[] | null {
  const [fetched, setFetched] = useState<readonly Choice[] | null>(null);
  const { of, name, choices } = field;
  useEffect(() => {
    if (of !== "connections" && of !== "automations") return;
    let mine = true;
    void call<{ items: { id: string; name: string }[] }>("GET", `/projects/${encodeURIComponent(project.value)}/${of}`)
      .then(({ items }) => mine && setFetched(items.map((one) => [one.id, one.name] as const)))
      .catch(() => {});
    return () => {
      mine = false;
    };
  }, [of, project.value]);
  if (choices.length) return choices.map((code) => [code, choiceName(name, code)] as const);
  if (of === "channels") return channels.value.map((one) => [one.id, one.name] as const);
  if (of === "operators") return operators.value.map((one) => [one.id, one.name] as const);
  if (name === "kind")
    return [...new Set(channels.value.map((one) => one.kind))].map((kind) => [kind, choiceName(name, kind)] as const);
  return of === "" || of === "groups" ? null : fetched;
}

export function fieldName(name: string): string {
  const [family = "", rest = ""] = name.split(".");
  if (rest === "*") return first(`filter.builder.any.${family}`, "filter.builder.any.field");
  const known = first(`filter.field.${name}`, "");
  if (known) return known;
  return (first(`filter.field.${family}.other`, "") || name).replace("{name}", rest);
}

function opName(op: string, field?: FilterField): string {
  return first(`filter.op.${field?.type}.${op}`, `filter.op.${op}`);
}

function choiceName(field: string, code: string): string {
  return first(`filter.choice.${field}.${code}`, `status.${code}`, `kind.${code}`, "") || code;
}

function localOf(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** A filter in one line of words; "" for one that lets everything pass. */
export function said(filter: Filter, fields: FilterField[]): string {
  const group = opened(filter);
  if (!group) return t("filter.builder.beyond.short");
  return group.items.map((item) => oneSaid(item, fields)).join(` ${t(`filter.builder.${group.join}.between`)} `);
}

function oneSaid(item: Filter | Group, fields: FilterField[]): string {
  if (isGroup(item)) return `(${said(closed(item), fields)})`;
  const { field: name = "", op = "", value } = item;
  const field = fieldOf(fields, name);
  const shown = Array.isArray(value)
    ? value.map((one) => valueName(one, name, field)).join(", ")
    : valueName(value, name, field);
  if (op === "is" || op === "one_of") return `${fieldName(name)}: ${shown || "…"}`;
  const bare = op === "is_set" || op === "not_set";
  return [fieldName(name), opName(op, field), bare ? "" : shown || "…"].filter(Boolean).join(" ");
}

function valueName(value: Filter["value"], name: string, field: FilterField | undefined): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return t(value ? "filter.builder.yes" : "filter.builder.no");
  if (typeof value === "number") return new Intl.NumberFormat(lang.value).format(value);
  if (Array.isArray(value)) return value.join(", ");
  if (field?.of === "channels") return channels.value.find((one) => one.id === value)?.name ?? value;
  if (field?.of === "operators") return operators.value.find((one) => one.id === value)?.name ?? value;
  if (field?.type === "moment") return new Intl.DateTimeFormat(lang.value, { dateStyle: "medium" }).format(new Date(value));
  return field?.choices.length ? choiceName(name, value) : `«${value}»`;
}
