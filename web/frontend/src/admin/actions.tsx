import type { JSX } from "preact";
import { Icon, IconButton } from "../inbox/parts";
import { operators } from "../inbox/rows";
import { wrong } from "./editing";
import { Count, Frame, Text } from "./fields";
import { Phrase } from "./phrase";
import type { Action } from "./project";
import { t } from "./words";

const MOST = 5;

/** What each action begins with. */
const BLANK: { [K in Action["type"]]: Extract<Action, { type: K }> } = {
  say: { type: "say", text: "" },
  call: { type: "call", after_minutes: 0 },
  note: { type: "note", text: "" },
  assign: { type: "assign", operator: "" },
  tell: { type: "tell", field: "", value: "" },
  spam: { type: "spam" },
  close: { type: "close", result: "" },
};
const TYPES = Object.keys(BLANK) as Action["type"][];

export const begun = (type: Action["type"]): Action => ({ ...BLANK[type] });

interface ActionsProps {
  place: string;
  actions: Action[];
  names: readonly string[] | null;
  onPut: (actions: Action[]) => void;
}

/** Up to five things to do, one after another. */
export function Actions({ place, actions, names, onPut }: ActionsProps): JSX.Element {
  const set = (n: number, action: Action): void => onPut(actions.map((had, at) => (at === n ? action : had)));
  const up = (n: number): void => {
    const next = [...actions];
    const [one] = next.splice(n, 1);
    if (one) next.splice(n - 1, 0, one);
    onPut(next);
  };
  return (
    <div class="actions" data-place={place}>
      <ol>
        {actions.map((action, n) => {
          const name = t("admin.action.nth", { n: n + 1 });
          return (
            <li key={`${n} ${action.type}`} class="block">
              <div class="block-head">
                <select
                  class="action-type"
                  aria-label={name}
                  value={action.type}
                  onChange={(event) => set(n, begun(event.currentTarget.value as Action["type"]))}
                >
                  {TYPES.map((type) => (
                    <option key={type} value={type}>
                      {t(`admin.action.${type}`)}
                    </option>
                  ))}
                </select>
                <span class="order">
                  {n > 0 ? (
                    <span class="turn-up">
                      <IconButton icon="down" label={t("admin.action.up")} onClick={() => up(n)} />
                    </span>
                  ) : null}
                  {actions.length > 1 ? (
                    <IconButton
                      icon="close"
                      label={t("admin.remove", { what: name })}
                      onClick={() => onPut(actions.filter((_, at) => at !== n))}
                    />
                  ) : null}
                </span>
              </div>
              <Fields place={`${place}.${n}`} action={action} names={names} onPut={(next) => set(n, next)} />
            </li>
          );
        })}
      </ol>
      {wrong(place) ? <p class="field-wrong">{wrong(place)}</p> : null}
      {actions.length < MOST ? (
        <button type="button" class="button with-icon" onClick={() => onPut([...actions, begun("note")])}>
          <Icon name="plus" />
          {t("admin.action.add")}
        </button>
      ) : null}
    </div>
  );
}

interface FieldsProps {
  place: string;
  action: Action;
  names: readonly string[] | null;
  onPut: (action: Action) => void;
}

function Fields({ place, action, names, onPut }: FieldsProps): JSX.Element | null {
  switch (action.type) {
    case "say":
    case "note":
      return (
        <Phrase
          place={`${place}.text`}
          label={t(`admin.action.${action.type}.text`)}
          names={names && names.filter((name) => name !== "opens")}
          value={action.text}
          onInput={(text) => onPut({ ...action, text })}
        />
      );
    case "call":
      return (
        <Count
          place={`${place}.after_minutes`}
          label={t("admin.action.call.after")}
          help={t("admin.action.call.help")}
          min={0}
          max={10_080}
          unit={t("admin.minutes")}
          value={action.after_minutes}
          onInput={(after_minutes) => onPut({ ...action, after_minutes })}
        />
      );
    case "assign":
      return (
        <Frame place={`${place}.operator`} label={t("admin.action.assign.to")} help={t("admin.action.assign.help")}>
          {(ties) => (
            <select
              {...ties}
              class="short"
              value={action.operator}
              onChange={(event) => onPut({ ...action, operator: event.currentTarget.value })}
            >
              <option value="">{t("admin.action.assign.choose")}</option>
              {action.operator && !operators.value.some(({ id }) => id === action.operator) ? (
                <option value={action.operator}>…</option>
              ) : null}
              {operators.value.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Frame>
      );
    case "tell":
      return (
        <>
          <Text
            place={`${place}.field`}
            label={t("admin.action.tell.field")}
            help={t("admin.action.tell.help")}
            example="city"
            short
            max={40}
            value={action.field}
            onInput={(field) => onPut({ ...action, field })}
          />
          <Phrase
            place={`${place}.value`}
            label={t("admin.action.tell.value")}
            names={names && names.filter((name) => name !== "opens")}
            max={500}
            value={action.value}
            onInput={(value) => onPut({ ...action, value })}
          />
        </>
      );
    case "close":
      return (
        <Text
          place={`${place}.result`}
          label={t("admin.action.close.result")}
          max={200}
          value={action.result}
          onInput={(result) => onPut({ ...action, result })}
        />
      );
    case "spam":
      return <p class="remark">{t("admin.action.spam.help")}</p>;
  }
}
