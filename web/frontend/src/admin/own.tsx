import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon, IconButton } from "../inbox/parts";
import { project as here } from "../inbox/rows";
import { Actions, begun } from "./actions";
import { calls } from "./calls";
import { put } from "./draft";
import { refused } from "./editing";
import { BareSwitch, Frame, Text } from "./fields";
import { FilterBuilder, said } from "./filter";
import { type Action, type FilterField, HAPPENINGS, type OwnRule, type Project } from "./project";
import { t } from "./words";

const MOST = 50;

/** What of a rule is lacking that nothing goes without, by its place in it; else "". */
export function wrongRule({ name, actions }: OwnRule): string {
  if (!name.trim()) return "name";
  if (!actions.length) return "actions";
  const empty = (action: Action): string => {
    if ((action.type === "say" || action.type === "note") && !action.text.trim()) return "text";
    if (action.type === "assign" && !action.operator) return "operator";
    return action.type === "tell" && !/^[a-z][a-z0-9_]{0,39}$/.test(action.field) ? "field" : "";
  };
  const n = actions.findIndex((action) => empty(action) !== "");
  const action = actions[n];
  return action ? `actions.${n}.${empty(action)}` : "";
}

interface OwnProps {
  project: Project;
  names: readonly string[] | null;
}

/** The project's own rules, in the order in which they are looked at. */
export function Own({ project, names }: OwnProps): JSX.Element {
  const { policy } = project;
  const rules = policy.own;
  const [open, setOpen] = useState("");
  const [fields, setFields] = useState<FilterField[]>([]);
  useEffect(() => {
    let mine = true;
    void calls
      .filterFields(here.value, "rule")
      .then((found) => mine && setFields(found))
      .catch(() => {});
    return () => {
      mine = false;
    };
  }, [here.value]);
  const wrong = /^policy\.own\.(\d+)/.exec(refused.value?.place ?? "")?.[1];
  const faulty = wrong === undefined ? undefined : rules[Number(wrong)]?.id;
  // It is open as soon as it is called wrong, and stays so once it is mended.
  const shown = faulty ?? open;
  useEffect(() => {
    if (faulty) setOpen(faulty);
  }, [faulty]);
  const turn = (id: string): void => {
    if (faulty) refused.value = null;
    setOpen(shown === id ? "" : id);
  };
  const set = (own: OwnRule[]): void => put({ policy: { ...policy, own } });
  const change = (n: number, part: Partial<OwnRule>): void =>
    set(rules.map((each, at) => (at === n ? { ...each, ...part } : each)));
  const move = (n: number, to: number): void => {
    const next = [...rules];
    const [one] = next.splice(n, 1);
    if (one) next.splice(to, 0, one);
    set(next);
  };
  const add = (): void => {
    const id = `r${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? ""}`;
    set([...rules, { id, name: "", enabled: true, on: "message", where: {}, actions: [begun("say")] }]);
    setOpen(id);
  };
  return (
    <section class="own">
      <h2>{t("admin.own")}</h2>
      <p class="remark">{t("admin.own.why")}</p>
      <ol class="own-rules" aria-label={t("admin.own")}>
        {rules.map((each, n) => (
          <li key={each.id} class={each.enabled ? "rule on" : "rule"}>
            <div class="own-head">
              <BareSwitch
                aria-label={t("admin.own.on", { name: each.name || t("admin.own.unnamed") })}
                on={each.enabled}
                onTurn={(enabled) => change(n, { enabled })}
              />
              <button
                type="button"
                class="own-name"
                aria-expanded={shown === each.id}
                onClick={() => turn(each.id)}
              >
                <strong>{each.name || t("admin.own.unnamed")}</strong>
                <span class="quiet">{brief(each, fields)}</span>
              </button>
              <span class="order">
                {n > 0 ? (
                  <span class="turn-up">
                    <IconButton icon="down" label={t("admin.own.up")} onClick={() => move(n, n - 1)} />
                  </span>
                ) : null}
                {n < rules.length - 1 ? (
                  <IconButton icon="down" label={t("admin.own.down")} onClick={() => move(n, n + 1)} />
                ) : null}
                <IconButton
                  icon="close"
                  label={t("admin.remove", { what: each.name || t("admin.own.unnamed") })}
                  onClick={() => set(rules.filter((_, at) => at !== n))}
                />
              </span>
            </div>
            {shown === each.id ? (
              <Edited rule={each} at={`policy.own.${n}`} fields={fields} names={names} onPut={(part) => change(n, part)} />
            ) : null}
          </li>
        ))}
      </ol>
      {rules.length < MOST ? (
        <button type="button" class="button with-icon" onClick={add}>
          <Icon name="plus" />
          {t("admin.own.add")}
        </button>
      ) : null}
    </section>
  );
}

/** When and what a rule does, in one line. */
function brief(rule: OwnRule, fields: FilterField[]): string {
  const where = said(rule.where, fields);
  const does = rule.actions.map(({ type }) => t(`admin.action.${type}.short`)).join(", ");
  return [t(`admin.happening.${rule.on}`), where, does].filter(Boolean).join(" · ");
}

interface EditedProps {
  rule: OwnRule;
  at: string;
  fields: FilterField[];
  names: readonly string[] | null;
  onPut: (part: Partial<OwnRule>) => void;
}

function Edited({ rule, at, fields, names, onPut }: EditedProps): JSX.Element {
  return (
    <fieldset class="rule-fields">
      <legend class="visually-hidden">{rule.name || t("admin.own.unnamed")}</legend>
      <Text
        place={`${at}.name`}
        label={t("admin.own.name")}
        help={t("admin.own.name.help")}
        max={80}
        value={rule.name}
        onInput={(name) => onPut({ name })}
      />
      <Frame place={`${at}.on`} label={t("admin.own.when")}>
        {(ties) => (
          <select
            {...ties}
            class="short"
            value={rule.on}
            onChange={(event) => onPut({ on: event.currentTarget.value as OwnRule["on"] })}
          >
            {HAPPENINGS.map((one) => (
              <option key={one} value={one}>
                {t(`admin.happening.${one}`)}
              </option>
            ))}
          </select>
        )}
      </Frame>
      <p class="field-name">{t("admin.own.where")}</p>
      <FilterBuilder
        place={`${at}.where`}
        fields={fields}
        value={rule.where}
        empty={t("admin.own.always")}
        onPut={(where) => onPut({ where })}
      />
      <p class="field-name own-then">{t("admin.own.then")}</p>
      <Actions place={`${at}.actions`} actions={rule.actions} names={names} onPut={(actions) => onPut({ actions })} />
    </fieldset>
  );
}
