import "./hearing.css";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { notify, permission } from "./ringing";
import { Reaching } from "./reaching";
import { back, page } from "./route";
import { MySeat } from "./seat";
import { type Rings, ringing, t } from "./settings";
import { audible, play, wake } from "./sounds";

/** Sound and notifications, each to be tried at once: at the first sign-in and from the menu. */
export function Hearing(): JSX.Element {
  const whole = page.value === "sounds";
  const first = ringing.asked.value === "off";
  const Title = whole ? "h1" : "h2";
  const Part = whole ? "h2" : "h3";
  const done = (): void => {
    ringing.asked.value = "on";
    if (whole) back();
  };
  return (
    <section class={whole ? "hearing whole" : "hearing"} aria-labelledby="hearing-title">
      <div class="hearing-body">
        <Title id="hearing-title">{t("inbox.sounds")}</Title>
        <p class="quiet">{t(first ? "inbox.sounds.first" : "inbox.sounds.here")}</p>
        <Sounds Title={Part} />
        <Notices Title={Part} />
        <Reaching Title={Part} />
        <MySeat Title={Part} />
        <div class="hearing-steps">
          <button type="button" class="button strong" onClick={done}>
            {t("inbox.sounds.done")}
          </button>
          {first ? (
            <button type="button" class="button" onClick={done}>
              {t("inbox.sounds.skip")}
            </button>
          ) : null}
        </div>
      </div>
    </section>
  );
}

interface PartProps {
  Title: "h2" | "h3";
}

function Sounds({ Title }: PartProps): JSX.Element {
  const [tried, setTried] = useState(false);
  const listen = (tune: Rings): void => {
    wake();
    setTried(true);
    // The browser may need a moment to let the page be heard for the first time.
    if (audible.value) play(tune);
    else window.setTimeout(() => play(tune), 150);
  };
  const tunes: [Rings, string][] = [
    ["new", t("inbox.sounds.new")],
    ["message", t("inbox.sounds.message")],
    ["transfer", t("inbox.sounds.transfer")],
    ["call", t("inbox.sounds.call")],
  ];
  return (
    <div class="hearing-card" role="group" aria-labelledby="sounds-title">
      <Title id="sounds-title">{t("inbox.sounds.title")}</Title>
      {tunes.map(([tune, words]) => (
        <div key={tune} class="hearing-row">
          <label>
            <input
              type="checkbox"
              checked={ringing[tune].value === "on"}
              onChange={(event) => {
                ringing[tune].value = event.currentTarget.checked ? "on" : "off";
              }}
            />
            {words}
          </label>
          <button
            type="button"
            class="button"
            aria-label={t("inbox.sounds.listen_to", { name: words })}
            onClick={() => listen(tune)}
          >
            {t("inbox.sounds.listen")}
          </button>
        </div>
      ))}
      <div class="hearing-row">
        <label>
          <span class="wide">{t("inbox.sounds.volume")}</span>
          <input
            type="range"
            min="0"
            max="100"
            step="25"
            value={ringing.volume.value}
            aria-valuetext={`${ringing.volume.value} %`}
            onInput={(event) => {
              ringing.volume.value = event.currentTarget.value as typeof ringing.volume.value;
            }}
            onChange={() => listen("message")}
          />
        </label>
      </div>
      <div class="hearing-row">
        <label>
          <span class="wide">{t("inbox.sounds.of")}</span>
          <select
            value={ringing.of.value}
            onChange={(event) => {
              ringing.of.value = event.currentTarget.value as typeof ringing.of.value;
            }}
          >
            {(["ours", "mine", "free", "all"] as const).map((one) => (
              <option key={one} value={one}>
                {t(`inbox.sounds.of.${one}`)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div class="hearing-row">
        <label>
          <input
            type="checkbox"
            checked={ringing.repeat.value === "on"}
            onChange={(event) => {
              ringing.repeat.value = event.currentTarget.checked ? "on" : "off";
            }}
          />
          {t("inbox.sounds.repeat")}
        </label>
      </div>
      <p class={tried && !audible.value ? "hearing-trouble" : "hidden"} role="status">
        {tried && !audible.value ? t("inbox.sounds.blocked") : ""}
      </p>
    </div>
  );
}

function Notices({ Title }: PartProps): JSX.Element {
  const [allowed, setAllowed] = useState(permission());
  const [shown, setShown] = useState<boolean | null>(null);
  const on = allowed === "granted" && ringing.notices.value === "on";

  async function allow(to: boolean): Promise<void> {
    let now = permission();
    if (to && now === "default") now = await Notification.requestPermission();
    setAllowed(now);
    ringing.notices.value = to && now === "granted" ? "on" : "off";
  }

  return (
    <div class="hearing-card" role="group" aria-labelledby="notices-title">
      <Title id="notices-title">{t("inbox.notices.title")}</Title>
      <div class="hearing-row">
        <label>
          <input
            type="checkbox"
            checked={on}
            disabled={allowed === "denied"}
            onChange={(event) => void allow(event.currentTarget.checked)}
          />
          {t("inbox.notices.show")}
        </label>
        <button
          type="button"
          class="button"
          disabled={!on}
          onClick={() =>
            setShown(
              notify(t("inbox.notices.test_title"), t("inbox.notices.test_text"), "test", () => {}),
            )
          }
        >
          {t("inbox.notices.test")}
        </button>
      </div>
      {allowed === "denied" ? (
        <p class="hearing-trouble">
          {t("Notification" in window ? "inbox.notices.denied" : "inbox.notices.none")}
        </p>
      ) : null}
      <p class={shown === null ? "hidden" : "quiet"} role="status">
        {shown === null ? "" : t(shown ? "inbox.notices.sent" : "inbox.notices.none")}
      </p>
    </div>
  );
}
