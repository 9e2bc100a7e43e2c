import "./install.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, api } from "../inbox/api";
import { Icon } from "../inbox/parts";
import { clock, project } from "../inbox/rows";
import { refusal } from "../inbox/settings";
import type { ChannelSettings, CheckStep } from "./wire";
import { originOf } from "./checks";
import { Copied } from "./copied";
import { apply, lookAgain, saving } from "./editing";
import { first, passed, t } from "./words";

const AGAIN = 4_000;
/** A page seen within this time is most likely open now. */
const LATELY = 10 * 60_000;
const BUILDERS = ["tilda", "wordpress", "bitrix", "other"] as const;

export function Install({ view }: { view: ChannelSettings }): JSX.Element {
  const hub = view.public_url || location.origin;
  const code = `<script src="${hub}/widget.js" data-channel="${view.id}" async></script>`;
  const [builder, setBuilder] = useState<(typeof BUILDERS)[number]>("tilda");

  useEffect(() => {
    const timer = window.setInterval(() => {
      if (document.visibilityState === "visible") void lookAgain();
    }, AGAIN);
    return () => clearInterval(timer);
  }, []);

  return (
    <>
      <Seen view={view} />
      <h2>{t("admin.install.code")}</h2>
      <p class="remark">{t("admin.install.code.help")}</p>
      <pre class="code" tabIndex={0}>
        {code}
      </pre>
      <Copied text={code} words={t("admin.install.copy")} />
      <h2>{t("admin.install.where")}</h2>
      <div class="pick-of" role="group" aria-label={t("admin.install.where")}>
        {BUILDERS.map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={builder === one}
            onClick={() => setBuilder(one)}
          >
            {t(`admin.install.${one}`)}
          </button>
        ))}
      </div>
      <ol class="ways">
        {t(`admin.install.${builder}.steps`)
          .split("\n")
          .map((step) => (
            <li key={step}>{step}</li>
          ))}
      </ol>
      <Check view={view} />
    </>
  );
}

/** Where the chat has been fetched from, and who was turned away. */
function Seen({ view }: { view: ChannelSettings }): JSX.Element {
  const [last, ...others] = view.seen;
  void clock.value;
  const fresh = last && Date.now() - Date.parse(last.at) < LATELY;
  const known = new Set(view.settings.origins);
  const strangers = view.refused.filter(({ origin }) => !known.has(origin) && !known.has("*"));
  return (
    <div class="seen">
      <p role="status" class="visually-hidden">
        {last && view.enabled ? t("admin.seen.now", { site: host(last.origin) }) : ""}
      </p>
      {!view.enabled ? (
        <p class="seen-line off">
          <Icon name="info" />
          <span>{t("admin.seen.off")}</span>
        </p>
      ) : last ? (
        <p class={fresh ? "seen-line good" : "seen-line"}>
          <Icon name="check" />
          <span>
            {t("admin.seen.on", { site: host(last.origin), when: passed(last.at) })}
            <small title={last.page}>{last.page}</small>
          </span>
        </p>
      ) : (
        <p class="seen-line">
          <Icon name="clock" />
          <span>
            {t("admin.seen.never")}
            <small>{t("admin.seen.never.help")}</small>
          </span>
        </p>
      )}
      {others.length ? (
        <p class="quiet">
          {t("admin.seen.also", {
            sites: [...new Set(others.map(({ origin }) => host(origin)))].join(", "),
          })}
        </p>
      ) : null}
      {strangers.map(({ origin, at }) => (
        <p class="seen-line bad" key={origin}>
          <Icon name="info" />
          <span>
            {t("admin.seen.refused", { site: host(origin), when: passed(at) })}
            <small>{t("admin.seen.refused.help")}</small>
          </span>
          {view.as_code ? null : <Allow origin={origin} view={view} />}
        </p>
      ))}
    </div>
  );
}

function Allow({ origin, view }: { origin: string; view: ChannelSettings }): JSX.Element {
  return (
    <button
      type="button"
      class="button"
      disabled={saving.value}
      onClick={() => void apply({ settings: { origins: [...view.settings.origins, origin] } })}
    >
      {t("admin.seen.allow")}
    </button>
  );
}

const host = (origin: string): string => origin.replace(/^https?:\/\//, "");

function Check({ view }: { view: ChannelSettings }): JSX.Element {
  const [url, setUrl] = useState("");
  const [steps, setSteps] = useState<CheckStep[] | null>(null);
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  const address = url.trim() || view.seen[0]?.page || view.settings.origins.find((one) => one !== "*") || "";

  const look = async (): Promise<void> => {
    setBusy(true);
    setTrouble("");
    setSteps(null);
    const whole = /^[a-z]+:\/\//i.test(address) ? address : `https://${address}`;
    try {
      setSteps(await api.checkPage(project.value, view.id, whole));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTrouble(error.problem.field === "url" ? t("admin.check.url.wrong") : refusal(error.problem.code));
    }
    setBusy(false);
  };
  return (
    <>
      <h2>{t("admin.check")}</h2>
      <form
        class="page-check"
        onSubmit={(event) => {
          event.preventDefault();
          void look();
        }}
      >
        <label for="check-url">{t("admin.check.url")}</label>
        <div class="check-line">
          <input
            id="check-url"
            inputMode="url"
            spellcheck={false}
            placeholder={address || "https://example.com"}
            value={url}
            onInput={(event) => setUrl(event.currentTarget.value)}
          />
          <button type="submit" class="button" disabled={busy || !address}>
            {t(busy ? "admin.check.busy" : "admin.check.run")}
          </button>
        </div>
        <p class="field-wrong" role="alert">
          {trouble}
        </p>
      </form>
      {steps ? (
        <ol class="check-steps" aria-label={t("admin.check.steps")}>
          {steps.map((step) => (
            <StepLine key={step.step} step={step} view={view} address={address} />
          ))}
        </ol>
      ) : null}
    </>
  );
}

/** A moment in words, anything else as it is. */
const told = (detail: string): string => (/^\d{4}-\d\d-\d\dT/.test(detail) ? passed(detail) : detail);

interface StepProps {
  step: CheckStep;
  view: ChannelSettings;
  address: string;
}

function StepLine({ step, view, address }: StepProps): JSX.Element {
  const verdict = step.ok === null ? "unknown" : step.ok ? "good" : "bad";
  const origin = step.detail || originOf(address);
  return (
    <li class={`check-step ${verdict}`}>
      <span class="check-sign" aria-hidden="true">
        <Icon name={step.ok ? "check" : step.ok === null ? "more" : "close"} />
      </span>
      <span>
        <span class="visually-hidden">{t(`admin.check.${verdict}`)}: </span>
        {first(`admin.check.${step.step}.${step.code}`, `admin.check.${step.step}`)}
        {step.detail && !step.ok ? <small>{told(step.detail)}</small> : null}
      </span>
      {step.step === "origin" && step.ok === false && !view.as_code ? (
        <Allow origin={origin} view={view} />
      ) : null}
    </li>
  );
}
