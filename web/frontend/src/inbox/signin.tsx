import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Refused, api, csrf } from "./api";
import { lang, refusal, t } from "./settings";
import { me } from "./rows";
import { begin, enter, later, startUp } from "./session";
import { tellTabs } from "./tabs";

function reason(error: unknown): string {
  if (!(error instanceof Refused)) throw error;
  return refusal(error.problem.code);
}

export function SignIn(): JSX.Element {
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(): Promise<void> {
    setBusy(true);
    setTrouble("");
    try {
      enter(await api.signIn(login.trim(), password));
      tellTabs({ t: "in" });
    } catch (error) {
      const wrong = error instanceof Refused && error.problem.status === 401;
      setTrouble(wrong ? t("inbox.sign_in.wrong") : reason(error));
    }
    setBusy(false);
  }

  return (
    <Door title={t("inbox.sign_in.title")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label>
          {t("inbox.sign_in.login")}
          <input
            name="login"
            autocomplete="username"
            autocapitalize="off"
            spellcheck={false}
            required
            autofocus
            value={login}
            onInput={(event) => setLogin(event.currentTarget.value)}
          />
        </label>
        <label>
          {t("inbox.sign_in.password")}
          <input
            name="password"
            type="password"
            autocomplete="current-password"
            required
            value={password}
            aria-describedby="password-help"
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
        <p id="password-help" class="quiet">
          {t("inbox.sign_in.help")}
        </p>
        <Trouble words={trouble} />
        <button type="submit" class="button strong" disabled={busy}>
          {t("inbox.sign_in.enter")}
        </button>
      </form>
    </Door>
  );
}

/** After a one-time code: a password of one's own, now or later. */
export function FirstPassword(): JSX.Element {
  return (
    <Door title={t("inbox.password.title")}>
      <p class="quiet">{t("inbox.password.why")}</p>
      <PasswordForm needsCurrent={false} onDone={begin} onLater={later} />
    </Door>
  );
}

interface PasswordFormProps {
  needsCurrent: boolean;
  onDone: () => void;
  onLater: () => void;
}

export function PasswordForm({ needsCurrent, onDone, onLater }: PasswordFormProps): JSX.Element {
  const [current, setCurrent] = useState("");
  const [fresh, setFresh] = useState("");
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(): Promise<void> {
    setBusy(true);
    setTrouble("");
    try {
      await api.setPassword(fresh, needsCurrent ? current : "");
      // The session has a new id now, and with it a new token.
      const who = await api.me();
      me.value = who;
      csrf.value = who.csrf;
      onDone();
    } catch (error) {
      const field = error instanceof Refused ? error.problem.field : "";
      setTrouble(
        field === "current"
          ? refusal("wrong_password")
          : field === "new"
            ? t("inbox.password.length")
            : reason(error),
      );
    }
    setBusy(false);
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {needsCurrent ? (
        <label>
          {t("inbox.password.current")}
          <input
            type="password"
            autocomplete="current-password"
            required
            value={current}
            onInput={(event) => setCurrent(event.currentTarget.value)}
          />
        </label>
      ) : null}
      <label>
        {t("inbox.password.new")}
        <input
          type="password"
          autocomplete="new-password"
          required
          value={fresh}
          aria-describedby="password-rule"
          onInput={(event) => setFresh(event.currentTarget.value)}
        />
      </label>
      <p id="password-rule" class="quiet">
        {t("inbox.password.rule")}
      </p>
      <Trouble words={trouble} />
      <div class="form-steps">
        <button type="submit" class="button strong" disabled={busy}>
          {t("inbox.password.save")}
        </button>
        <button type="button" class="button" onClick={onLater}>
          {t(needsCurrent ? "inbox.password.cancel" : "inbox.password.later")}
        </button>
      </div>
    </form>
  );
}

export function Unreachable(): JSX.Element {
  return (
    <Door title={t("inbox.unreachable")}>
      <p class="quiet">{t("inbox.unreachable_help")}</p>
      <button type="button" class="button strong" onClick={() => void startUp()}>
        {t("inbox.try_again")}
      </button>
    </Door>
  );
}

function Trouble({ words }: { words: string }): JSX.Element {
  return (
    <p class="form-trouble" role="alert">
      {words}
    </p>
  );
}

function Door(props: { title: string; children: JSX.Element | JSX.Element[] }): JSX.Element {
  return (
    <main class="door">
      <div class="door-card">
        <p class="brand">Otklik</p>
        <h1>{props.title}</h1>
        {props.children}
        <div class="langs">
          {(["ru", "en"] as const).map((one) => (
            <button
              key={one}
              type="button"
              class="link"
              lang={one}
              aria-pressed={lang.value === one}
              onClick={() => {
                lang.value = one;
              }}
            >
              {t(`inbox.lang.${one}`)}
            </button>
          ))}
        </div>
      </div>
    </main>
  );
}
