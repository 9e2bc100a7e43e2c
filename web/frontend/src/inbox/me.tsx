import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { leave } from "./leave";
import { Icon } from "./parts";
import { showSeat, showSounds } from "./route";
import { me } from "./rows";
import { signOut } from "./session";
import { density, lang, presence, setLang, setPresence, t, theme } from "./settings";
import { shown } from "./shown";
import { PasswordForm } from "./signin";

/** The operator's own choices. */
export function Settings(): JSX.Element {
  const [changing, setChanging] = useState(false);
  const name = me.value?.operator.name || me.value?.operator.login || "";
  if (changing)
    return (
      <PasswordForm
        needsCurrent={!me.value?.must_set_password}
        onDone={() => setChanging(false)}
        onLater={() => setChanging(false)}
      />
    );
  return (
    <>
      <p class="menu-name">{name}</p>
      <Choice
        name={t("inbox.presence")}
        value={presence.value}
        of={[
          ["online", t("inbox.presence.online")],
          ["away", t("inbox.presence.away")],
        ]}
        onChoose={(to) => void setPresence(to)}
      />
      <Choice
        name={t("inbox.theme")}
        value={theme.value}
        of={[
          ["system", t("inbox.theme.system")],
          ["light", t("inbox.theme.light")],
          ["dark", t("inbox.theme.dark")],
        ]}
        onChoose={(to) => {
          theme.value = to;
        }}
      />
      <Choice
        name={t("inbox.density")}
        value={density.value}
        of={[
          ["comfortable", t("inbox.density.comfortable")],
          ["dense", t("inbox.density.dense")],
        ]}
        onChoose={(to) => {
          density.value = to;
        }}
      />
      <Choice
        name={t("inbox.lang")}
        value={lang.value}
        of={[
          ["ru", t("inbox.lang.ru")],
          ["en", t("inbox.lang.en")],
        ]}
        onChoose={(to) => void setLang(to)}
      />
      <div class="menu-items">
        <button
          type="button"
          class="menu-item"
          onClick={() => {
            shown.value = null;
            showSounds();
          }}
        >
          <Icon name="bell" />
          {t("inbox.sounds")}
        </button>
        <button
          type="button"
          class="menu-item"
          onClick={() => {
            shown.value = null;
            showSeat();
          }}
        >
          <Icon name="phone" />
          {t("inbox.seat")}
        </button>
        <button type="button" class="menu-item" onClick={() => (shown.value = "help")}>
          <Icon name="keys" />
          {t("inbox.help")}
        </button>
        <button type="button" class="menu-item" onClick={() => setChanging(true)}>
          <Icon name="key" />
          {t(me.value?.must_set_password ? "inbox.password.title" : "inbox.password.change")}
        </button>
        <button type="button" class="menu-item" onClick={() => leave(null, () => void signOut())}>
          <Icon name="leave" />
          {t("inbox.sign_out")}
        </button>
      </div>
    </>
  );
}

interface ChoiceProps<T extends string> {
  name: string;
  value: T;
  of: [T, string][];
  onChoose: (value: T) => void;
}

function Choice<T extends string>({ name, value, of, onChoose }: ChoiceProps<T>): JSX.Element {
  return (
    <fieldset class="choice">
      <legend>{name}</legend>
      {of.map(([one, words]) => (
        <button key={one} type="button" aria-pressed={value === one} onClick={() => onChoose(one)}>
          {words}
        </button>
      ))}
    </fieldset>
  );
}
