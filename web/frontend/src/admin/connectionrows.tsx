// The parts of a connection that are lists of rows.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused } from "../inbox/api";
import { Icon, IconButton } from "../inbox/parts";
import { project as here } from "../inbox/rows";
import { type Connection, type Doubt, connecting } from "./connecting";
import { Frame, Text } from "./fields";
import {
  type By,
  type Condition,
  type PlanRow,
  type Sources,
  type Terms,
  UNITS,
  type Unit,
  inUnits,
} from "./terms";
import { first, t } from "./words";

const MOST = 20;

interface ConditionsProps {
  all: Condition[];
  of: By[];
  onPut: (all: Condition[]) => void;
}

export function Conditions({ all, of, onPut }: ConditionsProps): JSX.Element {
  const change = (n: number, part: Partial<Condition>): void =>
    onPut(all.map((each, at) => (at === n ? { ...each, ...part } : each)));
  return (
    <>
      {all.map((one, n) => (
        <div class="line-of" key={n}>
          <Frame place={`conditions.${n}.by`} label={t("admin.links.condition.by")}>
            {(ties) => (
              <select
                {...ties}
                value={one.by}
                onChange={(event) => change(n, { by: event.currentTarget.value as By })}
              >
                {of.map((by) => (
                  <option key={by} value={by}>
                    {t(`admin.links.by.${by}`)}
                  </option>
                ))}
              </select>
            )}
          </Frame>
          {one.by === "field" ? (
            <Text
              place={`conditions.${n}.field`}
              label={t("admin.links.condition.field")}
              max={100}
              value={one.field}
              onInput={(field) => change(n, { field })}
            />
          ) : null}
          <Frame place={`conditions.${n}.op`} label={t("admin.links.condition.op")}>
            {(ties) => (
              <select
                {...ties}
                value={one.op}
                onChange={(event) => change(n, { op: event.currentTarget.value as Condition["op"] })}
              >
                {(["is", "is_not", "contains"] as const).map((op) => (
                  <option key={op} value={op}>
                    {t(`admin.links.op.${op}`)}
                  </option>
                ))}
              </select>
            )}
          </Frame>
          {one.by === "field" ? null : <Values one={one} n={n} onPut={(values) => change(n, { values })} />}
          <IconButton
            icon="close"
            label={t("admin.remove", { what: t(`admin.links.by.${one.by}`) })}
            onClick={() => onPut(all.filter((_, at) => at !== n))}
          />
          {one.by === "field" ? <Values one={one} n={n} onPut={(values) => change(n, { values })} /> : null}
        </div>
      ))}
      {all.length < MOST && of.length ? (
        <Add
          words={t("admin.links.condition.add")}
          onAdd={() => onPut([...all, { by: of[0] ?? "form_name", values: [], field: "", op: "is" }])}
        />
      ) : null}
    </>
  );
}

function Values(props: { one: Condition; n: number; onPut: (values: string[]) => void }): JSX.Element {
  return (
    <Text
      place={`conditions.${props.n}.values`}
      label={t("admin.links.condition.values")}
      max={300}
      value={props.one.values.join("; ")}
      onInput={(text) => props.onPut(text.split(";").map((each) => each.replace(/^ /, "")))}
    />
  );
}

/** What the hub said of rows, each as it was then. */
interface Told {
  of: string[];
  words: string[];
  doubts: Doubt[];
  wrong: string;
  /** The one that it refused. */
  at: number;
}

interface PlanningProps {
  rows: PlanRow[];
  kept: Connection | null;
  onPut: (rows: PlanRow[]) => void;
}

/** Rows of a field, its value and when to call; each is told back as the hub understands it. */
export function Planning({ rows, kept, onPut }: PlanningProps): JSX.Element {
  const [told, setTold] = useState<Told>({
    of: (kept?.terms.planning ?? []).map((row) => JSON.stringify(row)),
    words: kept?.words ?? [],
    doubts: kept?.doubts ?? [],
    wrong: "",
    at: -1,
  });
  const whole = rows.every((row) => row.field.trim() && row.when.trim());
  const asked = JSON.stringify(rows);
  useEffect(() => {
    if (!rows.length || !whole) return;
    let mine = true;
    const of = rows.map((row) => JSON.stringify(row));
    const later = window.setTimeout(() => {
      connecting.plan(here.value, rows).then(
        ({ words, doubts }) => mine && setTold({ of, words, doubts, wrong: "", at: -1 }),
        (error: unknown) => {
          if (!(error instanceof Refused)) throw error;
          const { code, field = "" } = error.problem;
          const at = Number(/(\d+)/.exec(field)?.[1] ?? rows.length - 1);
          if (mine) setTold({ of, words: [], doubts: [], wrong: first(`error.${code}`, "admin.wrong.value"), at });
        },
      );
    }, 400);
    return () => {
      mine = false;
      clearTimeout(later);
    };
  }, [asked]);
  const change = (n: number, part: Partial<PlanRow>): void =>
    onPut(rows.map((each, at) => (at === n ? { ...each, ...part } : each)));
  /** What was told of a row as it stands is shown at it, wherever it stands now. */
  const toldOf = (n: number): number => {
    const row = JSON.stringify(rows[n]);
    return told.of[n] === row ? n : told.of.indexOf(row);
  };
  const isWrong = (n: number): boolean => told.at >= 0 && toldOf(n) === told.at;
  const back = (n: number): string => {
    if (isWrong(n)) return told.wrong;
    const doubt = told.doubts.find((one) => one.row === toldOf(n));
    const words = told.words[toldOf(n)];
    return [
      words ? t("admin.links.planning.so", { when: words }) : "",
      doubt ? first(`planning.doubt.${doubt.code}`, doubt.code).replace("{n}", String(n + 1)) : "",
    ]
      .filter(Boolean)
      .join(" · ");
  };
  return (
    <>
      {rows.map((row, n) => (
        <div class="line-of" key={n}>
          <Text
            place={`planning.${n}.field`}
            label={t("admin.links.planning.field")}
            max={100}
            value={row.field}
            onInput={(field) => change(n, { field })}
          />
          <Text
            place={`planning.${n}.value`}
            label={t("admin.links.planning.value")}
            example={t("admin.links.planning.any")}
            max={300}
            value={row.value}
            onInput={(value) => change(n, { value })}
          />
          <Text
            place={`planning.${n}.when`}
            label={t("admin.links.planning.when")}
            example={t("admin.links.planning.example")}
            max={60}
            value={row.when}
            onInput={(when) => change(n, { when })}
          />
          <IconButton
            icon="close"
            label={t("admin.remove", { what: t("admin.links.planning.nth", { n: n + 1 }) })}
            onClick={() => onPut(rows.filter((_, at) => at !== n))}
          />
          <p class={isWrong(n) ? "said-back wrong" : "said-back"} aria-live="polite">
            {back(n)}
          </p>
        </div>
      ))}
      {rows.length < MOST ? (
        <Add
          words={t("admin.links.planning.add")}
          onAdd={() => onPut([...rows, { field: rows.at(-1)?.field ?? "", value: "", when: "" }])}
        />
      ) : null}
    </>
  );
}

export function Offsets({ all, onPut }: { all: number[]; onPut: (all: number[]) => void }): JSX.Element {
  const change = (n: number, seconds: number): void =>
    onPut(all.map((each, at) => (at === n ? seconds : each)));
  return (
    <>
      {all.map((seconds, n) => {
        const { n: count, unit } = inUnits(seconds);
        const label = t("admin.links.offset.nth", { n: n + 1 });
        return (
          <div class="line-of" key={n}>
            <Frame place={`offsets.${n}`} label={label}>
              {(ties) => (
                <input
                  {...ties}
                  type="number"
                  inputMode="numeric"
                  min={0}
                  max={44_640}
                  value={count}
                  onInput={(event) => {
                    const typed = event.currentTarget.valueAsNumber;
                    if (Number.isInteger(typed) && typed >= 0) change(n, typed * UNITS[unit]);
                  }}
                />
              )}
            </Frame>
            <Frame place={`offsets.${n}.unit`} label={t("admin.links.offset.unit")}>
              {(ties) => (
                <select
                  {...ties}
                  value={unit}
                  onChange={(event) => change(n, count * UNITS[event.currentTarget.value as Unit])}
                >
                  {(["minute", "hour", "day"] as const).map((one) => (
                    <option key={one} value={one}>
                      {t(`admin.links.unit.${one}`)}
                    </option>
                  ))}
                </select>
              )}
            </Frame>
            <span />
            <IconButton
              icon="close"
              label={t("admin.remove", { what: label })}
              onClick={() => onPut(all.filter((_, at) => at !== n))}
            />
          </div>
        );
      })}
      {all.length < 10 ? (
        <Add
          words={t("admin.links.offset.add")}
          onAdd={() => onPut([...all, all.length ? (all.at(-1) ?? 0) + UNITS.hour : 0])}
        />
      ) : null}
    </>
  );
}

interface ParametersProps {
  terms: Terms;
  sources: Sources;
  unknown: Record<string, string[]>;
  put: (change: Partial<Terms>) => void;
}

export function Parameters({ terms, sources, unknown, put }: ParametersProps): JSX.Element {
  const left = sources.parameters.filter((name) => !(name in terms.parameters));
  const custom = Object.entries(terms.custom);
  const odd = (place: string): string => {
    const names = unknown[place] ?? [];
    return names.length ? t("admin.links.unknown", { names: names.map((one) => `$${one}$`).join(", ") }) : "";
  };
  const rest = (of: Record<string, string>, name: string): Record<string, string> =>
    Object.fromEntries(Object.entries(of).filter(([key]) => key !== name));
  return (
    <>
      {Object.entries(terms.parameters).map(([name, value]) => (
        <div class="line-of wide" key={name}>
          <Text
            place={`parameters.${name}`}
            label={first(`admin.links.parameter.${name}`, name)}
            help={odd(`parameters.${name}`)}
            example="$form_name$"
            max={1000}
            value={value}
            onInput={(next) => put({ parameters: { ...terms.parameters, [name]: next } })}
          />
          <IconButton
            icon="close"
            label={t("admin.remove", { what: name })}
            onClick={() => put({ parameters: rest(terms.parameters, name) })}
          />
        </div>
      ))}
      {custom.map(([name, value], n) => (
        <div class="line-of" key={n}>
          <Text
            place={`custom.${name}.name`}
            label={t("admin.links.custom.name")}
            max={64}
            value={name}
            onInput={(next) =>
              put({ custom: Object.fromEntries(custom.map((pair, at) => (at === n ? [next, value] : pair))) })
            }
          />
          <Text
            place={`custom.${name}`}
            label={t("admin.links.custom.value")}
            help={odd(`custom.${name}`)}
            example="$form_name$"
            max={1000}
            value={value}
            onInput={(next) => put({ custom: { ...terms.custom, [name]: next } })}
          />
          <span />
          <IconButton
            icon="close"
            label={t("admin.remove", { what: name || t("admin.links.custom.name") })}
            onClick={() => put({ custom: rest(terms.custom, name) })}
          />
        </div>
      ))}
      <div class="adds">
        {left.length ? (
          <select
            class="button"
            aria-label={t("admin.links.parameter.add")}
            value=""
            onChange={(event) => {
              const name = event.currentTarget.value;
              if (name) put({ parameters: { ...terms.parameters, [name]: "" } });
            }}
          >
            <option value="">{t("admin.links.parameter.add")}</option>
            {left.map((name) => (
              <option key={name} value={name}>
                {first(`admin.links.parameter.${name}`, name)}
              </option>
            ))}
          </select>
        ) : null}
        {custom.length < MOST && !("" in terms.custom) ? (
          <button type="button" class="button" onClick={() => put({ custom: { ...terms.custom, "": "" } })}>
            {t("admin.links.custom.add")}
          </button>
        ) : null}
      </div>
    </>
  );
}

function Add({ words, onAdd }: { words: string; onAdd: () => void }): JSX.Element {
  return (
    <div class="adds">
      <button type="button" class="button with-icon" onClick={onAdd}>
        <Icon name="plus" />
        {words}
      </button>
    </div>
  );
}
