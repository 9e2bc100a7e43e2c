import "./automations.css";
import "./connections.css";
import "./setup.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Empty, Icon } from "../inbox/parts";
import { project as here, tell } from "../inbox/rows";
import {
  type Automation,
  NEW,
  SEGMENT,
  type Segment,
  addressOf,
  automating,
} from "./automating";
import { AutomationForm } from "./automationform";
import { BareSwitch } from "./fields";
import { useLatest } from "./latest";
import { SegmentForm } from "./segmentform";
import { justSaved } from "./savebar";
import { Failed, Wait } from "./wait";
import { t } from "./words";

/** What calls people by itself, and the saved filters that say whom. */
export function Automations({ part }: { part: string }): JSX.Element {
  const id = part.startsWith(SEGMENT) ? part.slice(SEGMENT.length) : part;
  const known = id === NEW ? "" : id;
  if (part.startsWith(SEGMENT)) return <SegmentForm key={`${here.value} ${part}`} id={known} />;
  if (part) return <AutomationForm key={`${here.value} ${part}`} id={known} />;
  return <All key={here.value} />;
}

interface Found {
  automations: Automation[];
  segments: Segment[];
}

function All(): JSX.Element {
  const [found, setFound] = useState<Found | null>(null);
  const [failed, setFailed] = useState(false);
  const id = here.value;
  const latest = useLatest();
  const read = (): void => {
    const wanted = latest();
    setFailed(false);
    Promise.all([automating.all(id), automating.segments(id)]).then(
      ([automations, segments]) => wanted() && setFound({ automations, segments }),
      () => wanted() && setFailed(true),
    );
  };
  useEffect(() => {
    justSaved.value = "";
    read();
  }, []);
  return (
    <div class="setup automations">
      <div class="setup-main">
        <header class="admin-head with-action">
          <div>
            <h1 class="site-title">{t("admin.room.automations")}</h1>
            <p class="remark">{t("admin.auto.why")}</p>
          </div>
          {found?.segments.length ? (
            <a class="button strong with-icon" href={addressOf(NEW)}>
              <Icon name="plus" />
              {t("admin.auto.add")}
            </a>
          ) : null}
        </header>
        {failed ? (
          <Failed onAgain={read} />
        ) : !found ? (
          <Wait />
        ) : (
          <>
            {found.automations.length ? (
              <ul class="links" aria-label={t("admin.room.automations")}>
                {found.automations.map((one) => (
                  <Card key={one.id} automation={one} onChange={read} />
                ))}
              </ul>
            ) : (
              <Empty title={t("admin.auto.none")}>
                <p class="quiet">
                  {t(found.segments.length ? "admin.auto.none_why" : "admin.auto.segment_first")}
                </p>
              </Empty>
            )}
            <h2>{t("admin.segments")}</h2>
            <p class="remark">{t("admin.segments.why")}</p>
            <ul class="links" aria-label={t("admin.segments")}>
              {found.segments.map((one) => (
                <li key={one.id} class="link-card">
                  <div class="link-what">
                    <a href={addressOf(SEGMENT + one.id)}>{one.name}</a>
                    <span class="quiet">
                      {t(one.shared ? "admin.segments.shared" : "admin.segments.own")}
                    </span>
                  </div>
                </li>
              ))}
            </ul>
            <div class="adds">
              <a class="button with-icon" href={addressOf(SEGMENT + NEW)}>
                <Icon name="plus" />
                {t("admin.segments.add")}
              </a>
            </div>
          </>
        )}
      </div>
    </div>
  );
}

function Card({ automation, onChange }: { automation: Automation; onChange: () => void }): JSX.Element {
  const { id, aim, enabled } = automation;
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState("");
  const turn = async (on: boolean): Promise<void> => {
    setBusy(true);
    try {
      const { stopped } = await automating.turn(here.value, id, on);
      setSaid(on ? "" : t("admin.auto.stopped", { n: stopped }));
      onChange();
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };
  return (
    <li class="link-card">
      <div class="link-what">
        <a href={addressOf(id)}>{aim.name}</a>
        <span class="quiet">
          {[
            automation.segment_name,
            aim.delay_hours ? t("admin.auto.after", { n: aim.delay_hours }) : t("admin.auto.at_once"),
            t(`admin.auto.purpose.${aim.purpose}`),
          ].join(" · ")}
        </span>
        <span class="stopped" role="status">
          {said}
        </span>
      </div>
      <BareSwitch
        aria-label={t("admin.turned_on", { name: aim.name })}
        disabled={busy}
        on={busy ? !enabled : enabled}
        onTurn={(on) => void turn(on)}
      />
    </li>
  );
}
