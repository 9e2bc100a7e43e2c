import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon, IconButton } from "../inbox/parts";
import { BUTTONS_MOST, type BotButton, type Does, type DoesType, LABEL_MOST, TYPES, moved, turned } from "./bots";
import { ours } from "./botwords";
import { refused } from "./editing";
import { Frame, Text } from "./fields";
import { Phrase } from "./phrase";
import { t } from "./words";

interface BotButtonsProps {
  buttons: BotButton[];
  names: readonly string[] | null;
  /** The channel has no buttons and says them as numbered lines. */
  plain: boolean;
  onPut: (buttons: BotButton[]) => void;
}

/** What stands under the greeting, one below the other; one of them is open at a time. */
export function BotButtons({ buttons, names, plain, onPut }: BotButtonsProps): JSX.Element {
  const [open, setOpen] = useState("");
  const wrong = /^settings\.buttons\.(\d+)/.exec(refused.value?.place ?? "")?.[1];
  const faulty = wrong === undefined ? undefined : buttons[Number(wrong)]?.id;
  // It is open as soon as it is called wrong, and stays so once it is mended.
  const shown = faulty ?? open;
  useEffect(() => {
    if (faulty) setOpen(faulty);
  }, [faulty]);
  const change = (n: number, part: Partial<BotButton>): void =>
    onPut(buttons.map((each, at) => (at === n ? { ...each, ...part } : each)));
  const turn = (id: string): void => {
    if (faulty) refused.value = null;
    setOpen(shown === id ? "" : id);
  };
  const move = (n: number, to: number): void => {
    onPut(moved(buttons, n, to));
    toButton(buttons[n]?.id ?? "");
  };
  const remove = (n: number): void => {
    onPut(buttons.filter((_, at) => at !== n));
    const next = buttons[n + 1] ?? buttons[n - 1];
    if (next) toButton(next.id);
    else focus(".bot-add");
  };
  const add = (): void => {
    const id = `b${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? ""}`;
    onPut([...buttons, { id, label: "", does: { type: "answer", text: "" } }]);
    setOpen(id);
    focus(`[data-button="${id}"] input`);
  };
  const named = (button: BotButton): string => button.label.trim() || t("admin.bot.button.unnamed");
  return (
    <section class="bot-buttons" aria-labelledby="bot-buttons">
      <div class="bot-buttons-head">
        <h2 id="bot-buttons">{t("admin.bot.buttons")}</h2>
        <span class="quiet">{t("admin.bot.buttons.count", { n: buttons.length, most: BUTTONS_MOST })}</span>
      </div>
      <p class="remark">{t(plain ? "admin.bot.buttons.numbered" : "admin.bot.buttons.why")}</p>
      <ol class="own-rules" aria-label={t("admin.bot.buttons")}>
        {buttons.map((each, n) => (
          <li key={each.id} class="rule on" data-button={each.id}>
            <div class="own-head">
              <button
                type="button"
                class="own-name"
                aria-expanded={shown === each.id}
                onClick={() => turn(each.id)}
              >
                <strong>{named(each)}</strong>
                <span class="quiet">{t(`admin.bot.does.${each.does.type}`)}</span>
              </button>
              <span class="order">
                {n > 0 ? (
                  <span class="turn-up">
                    <IconButton
                      icon="down"
                      label={t("admin.bot.button.up", { name: named(each) })}
                      onClick={() => move(n, n - 1)}
                    />
                  </span>
                ) : null}
                {n < buttons.length - 1 ? (
                  <IconButton
                    icon="down"
                    label={t("admin.bot.button.down", { name: named(each) })}
                    onClick={() => move(n, n + 1)}
                  />
                ) : null}
                <IconButton
                  icon="close"
                  label={t("admin.remove", { what: named(each) })}
                  onClick={() => remove(n)}
                />
              </span>
            </div>
            {shown === each.id ? (
              <Edited button={each} at={`settings.buttons.${n}`} names={names} onPut={(part) => change(n, part)} />
            ) : null}
          </li>
        ))}
      </ol>
      {buttons.length < BUTTONS_MOST ? (
        <button type="button" class="button with-icon bot-add" onClick={add}>
          <Icon name="plus" />
          {t("admin.bot.button.add")}
        </button>
      ) : null}
    </section>
  );
}

interface EditedProps {
  button: BotButton;
  at: string;
  names: readonly string[] | null;
  onPut: (part: Partial<BotButton>) => void;
}

function Edited({ button, at, names, onPut }: EditedProps): JSX.Element {
  const { does } = button;
  return (
    <div class="bot-button">
      <Text
        place={`${at}.label`}
        label={t("admin.bot.label")}
        help={t("admin.bot.label.help", { n: LABEL_MOST })}
        short
        max={LABEL_MOST}
        value={button.label}
        onInput={(label) => onPut({ label })}
      />
      <Frame place={`${at}.does`} label={t("admin.bot.does")}>
        {(ties) => (
          <select
            {...ties}
            class="short"
            value={does.type}
            onChange={(event) => onPut({ does: turned(does, event.currentTarget.value as DoesType) })}
          >
            {TYPES.map((type) => (
              <option key={type} value={type}>
                {t(`admin.bot.does.${type}`)}
              </option>
            ))}
          </select>
        )}
      </Frame>
      <Words does={does} at={`${at}.does`} names={names} onPut={(next) => onPut({ does: next })} />
    </div>
  );
}

interface WordsProps {
  does: Does;
  at: string;
  names: readonly string[] | null;
  onPut: (does: Does) => void;
}

/** What it says on each step of what it does. */
function Words({ does, at, names, onPut }: WordsProps): JSX.Element {
  const phrase = (name: string, label: string, value: string, otherwise: string, set: (value: string) => Does): JSX.Element => (
    <Phrase
      key={`${does.type} ${name}`}
      place={`${at}.${name}`}
      label={label}
      names={names}
      otherwise={otherwise}
      value={value}
      onInput={(typed) => onPut(set(typed))}
    />
  );
  switch (does.type) {
    case "answer":
      return phrase("text", t("admin.bot.answer.text"), does.text, "", (text) => ({ ...does, text }));
    case "operator":
      return (
        <>
          <p class="remark">{t("admin.bot.operator.why")}</p>
          {phrase("text", t("admin.bot.operator.text"), does.text, ours("rules.bot.handed"), (text) => ({ ...does, text }))}
        </>
      );
    case "call":
      return (
        <>
          <p class="remark">{t("admin.bot.call.why")}</p>
          {phrase("question", t("admin.bot.call.question"), does.question, ours("rules.bot.number"), (question) => ({
            ...does,
            question,
          }))}
          {phrase("text", t("admin.bot.call.text"), does.text, ours("rules.bot.calls"), (text) => ({ ...does, text }))}
        </>
      );
    case "ask":
      return (
        <>
          {phrase("question", t("admin.bot.ask.question"), does.question, "", (question) => ({ ...does, question }))}
          <Text
            place={`${at}.field`}
            label={t("admin.bot.ask.field")}
            help={t("admin.bot.ask.field.help")}
            example="city"
            short
            max={40}
            value={does.field}
            onInput={(field) => onPut({ ...does, field })}
          />
          {phrase("thanks", t("admin.bot.ask.thanks"), does.thanks, ours("rules.bot.thanks"), (thanks) => ({
            ...does,
            thanks,
          }))}
        </>
      );
  }
}

/** The cursor goes along with what was moved. */
const toButton = (id: string): void => focus(`[data-button="${id}"] .own-name`);

function focus(where: string): void {
  requestAnimationFrame(() => document.querySelector<HTMLElement>(where)?.focus());
}
