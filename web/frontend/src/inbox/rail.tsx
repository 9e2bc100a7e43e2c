import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "./api";
import { role } from "./health";
import { light } from "./live";
import { Icon, IconButton } from "./parts";
import { PasswordForm } from "./signin";
import { lang, presence, setLang, setPresence, t, theme } from "./settings";
import { back, page, showHealth } from "./route";
import { counts, leave, me } from "./store";

export function Rail(): JSX.Element {
  const [menu, setMenu] = useState(false);
  const frame = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!menu) return;
    const away = (event: Event): void => {
      const outside = event instanceof MouseEvent && !frame.current?.contains(event.target as Node);
      const escape = event instanceof KeyboardEvent && event.key === "Escape";
      if (!outside && !escape) return;
      if (escape) event.stopImmediatePropagation();
      setMenu(false);
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("keydown", away, { capture: true });
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("keydown", away, { capture: true });
    };
  }, [menu]);

  const name = me.value?.operator.name || me.value?.operator.login || "";
  const dark =
    theme.value === "dark" ||
    (theme.value === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  return (
    <nav class="rail" aria-label={t("inbox.rail")}>
      <button
        type="button"
        class="rail-item"
        aria-current={page.value === "dialogs" ? "page" : undefined}
        title={t("inbox.title")}
        onClick={back}
      >
        <Icon name="inbox" />
        <span class="visually-hidden">{t("inbox.title")}</span>
        {counts.value?.waiting.n ? <span class="count">{counts.value.waiting.n}</span> : null}
      </button>
      {role() === "admin" || role() === "supervisor" ? (
        <button
          type="button"
          class="rail-item"
          aria-current={page.value === "health" ? "page" : undefined}
          title={t("inbox.health")}
          onClick={showHealth}
        >
          <Icon name="health" />
          <span class="visually-hidden">{t("inbox.health")}</span>
        </button>
      ) : null}
      <span class="rail-space" />
      <IconButton
        icon={dark ? "sun" : "moon"}
        label={t(dark ? "inbox.theme.to_light" : "inbox.theme.to_dark")}
        onClick={() => {
          theme.value = dark ? "light" : "dark";
        }}
      />
      <Light />
      <div class="me" ref={frame}>
        <button
          type="button"
          class={`me-button ${presence.value}`}
          aria-expanded={menu}
          aria-label={t("inbox.me", { name })}
          title={name}
          onClick={() => setMenu(!menu)}
        >
          {[...name][0]?.toUpperCase()}
        </button>
        {menu ? <Menu name={name} /> : null}
      </div>
    </nav>
  );
}

function Light(): JSX.Element {
  const words = t(`inbox.light.${light.value}`);
  return (
    <span class={`light ${light.value}`} role="status" title={words}>
      <span class="visually-hidden">{words}</span>
    </span>
  );
}

function Menu({ name }: { name: string }): JSX.Element {
  const [changing, setChanging] = useState(false);
  return (
    <div class="menu" role="group" aria-label={t("inbox.settings")}>
      <p class="menu-name">{name}</p>
      {changing ? (
        <PasswordForm
          needsCurrent={!me.value?.must_set_password}
          onDone={() => setChanging(false)}
          onLater={() => setChanging(false)}
        />
      ) : (
        <>
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
            name={t("inbox.lang")}
            value={lang.value}
            of={[
              ["ru", "Русский"],
              ["en", "English"],
            ]}
            onChoose={(to) => void setLang(to)}
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
          <button type="button" class="menu-item" onClick={() => setChanging(true)}>
            {t(me.value?.must_set_password ? "inbox.password.title" : "inbox.password.change")}
          </button>
          <button
            type="button"
            class="menu-item"
            onClick={() => void api.signOut().catch(() => {}).finally(leave)}
          >
            {t("inbox.sign_out")}
          </button>
        </>
      )}
    </div>
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
