import "./doors.css";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Icon, type IconName } from "../inbox/parts";
import { page, showAdmin } from "../inbox/route";
import { project } from "../inbox/rows";
import { addExamples, busy, dropExamples, lookAtStart, site, start } from "./start";
import { t } from "./words";

/** What stands where the dialogs of a new product are not yet. */
export function Doors(): JSX.Element | null {
  useEffect(() => void lookAtStart(), [project.value]);
  const now = start.value;
  if (!now) return null;
  const empty = !now.dialogs || now.examples;
  if (!empty && page.value === "admin") return null;
  return (
    <section class="doors" aria-label={t("admin.doors")}>
      {now.examples ? (
        <Shown />
      ) : (
        <header>
          <h2>{t(empty ? "admin.doors.title" : "admin.doors.choose")}</h2>
          {empty ? <p class="quiet">{t("admin.doors.why")}</p> : null}
        </header>
      )}
      {empty ? (
        <ul>
          {now.examples ? null : (
            <Door icon="play" title={t("admin.doors.play")} why={t("admin.doors.play.why")}>
              <button
                type="button"
                class="button strong"
                disabled={busy.value}
                onClick={() => void addExamples()}
              >
                {t("admin.doors.play.go")}
              </button>
            </Door>
          )}
          <Door
            icon={now.site_seen ? "check" : "site"}
            title={t("admin.doors.site")}
            why={t(now.site_seen ? "admin.doors.site.done" : "admin.doors.site.why")}
          >
            <a class={now.examples ? "button strong" : "button"} href={to("install")}>
              {t(now.site_seen ? "admin.doors.site.look" : "admin.doors.site.go")}
            </a>
          </Door>
          <Door icon="send" title={t("admin.doors.messenger")} why={t("admin.doors.messenger.why")}>
            <a class="button" href="#/admin/+">
              {t("admin.doors.messenger.go")}
            </a>
          </Door>
        </ul>
      ) : (
        <button type="button" class="button" onClick={showAdmin}>
          {t("admin.channels")}
        </button>
      )}
    </section>
  );
}

const to = (section: string): string =>
  site.value === "#/admin" ? site.value : `${site.value}/${section}`;

/** Says that what is seen is made up. */
function Shown(): JSX.Element {
  return (
    <header class="examples">
      <h2>{t("admin.examples.shown")}</h2>
      <p class="quiet">{t("admin.examples.why")}</p>
      {page.value === "admin" ? <Drop /> : null}
    </header>
  );
}

/** The same above the list, as long as there are examples in it. */
export function ExamplesStrip(): JSX.Element {
  return (
    <p class="examples-strip">
      <span>{t("admin.examples.shown")}</span>
      <Drop />
    </p>
  );
}

function Drop(): JSX.Element {
  return (
    <button type="button" class="button" disabled={busy.value} onClick={() => void dropExamples()}>
      {t("admin.examples.drop")}
    </button>
  );
}

interface DoorProps {
  icon: IconName;
  title: string;
  why: string;
  children: JSX.Element;
}

function Door({ icon, title, why, children }: DoorProps): JSX.Element {
  return (
    <li class="door-way">
      <span class="door-icon" aria-hidden="true">
        <Icon name={icon} />
      </span>
      <h3>{title}</h3>
      <p class="quiet">{why}</p>
      {children}
    </li>
  );
}
