import "./hours.css";
import type { JSX } from "preact";
import { Ahead } from "./ahead";
import { put } from "./draft";
import { Count, Pick, Text } from "./fields";
import { Dates } from "./dates";
import type { Project } from "./project";
import { Setup } from "./setup";
import { wrongSpan } from "./spans";
import { Week, Zone } from "./week";
import { YearCalendar, YearMissing } from "./year";
import { t } from "./words";

function wrong(now: Project): { place: string; words: string } | null {
  if (!now.name.trim()) return { place: "name", words: t("admin.wrong.empty") };
  const place = wrongSpan(now.schedule);
  return place ? { place, words: t("admin.wrong.span") } : null;
}

/** What a project is called, when it works, and when it has days off. */
export function Hours(): JSX.Element {
  return (
    <Setup home="hours" check={wrong}>
      {(now) => (
        <>
          <YearMissing project={now} />
          <div class="hours">
            <div class="hours-form">
              <fieldset class="form" disabled={now.as_code.includes("name")}>
                <legend class="visually-hidden">{t("admin.hours.project")}</legend>
                <Text
                  place="name"
                  label={t("admin.hours.name")}
                  max={100}
                  value={now.name}
                  onInput={(name) => put({ name })}
                  {...(now.as_code.includes("name") ? { help: t("admin.hours.as_code") } : {})}
                />
              </fieldset>
              <fieldset class="form" disabled={now.as_code.includes("lang")}>
                <legend class="visually-hidden">{t("admin.hours.lang")}</legend>
                <Pick
                  label={t("admin.hours.lang")}
                  value={now.lang}
                  of={[
                    ["ru", t("inbox.lang.ru")],
                    ["en", t("inbox.lang.en")],
                  ]}
                  help={t("admin.hours.lang.help")}
                  onPick={(lang) => put({ lang })}
                />
              </fieldset>
              <h2>{t("admin.hours.week")}</h2>
              <Zone project={now} />
              <Week project={now} />
              <Dates project={now} />
              <YearCalendar project={now} />
              <h2>{t("admin.hours.reopen")}</h2>
              <p class="remark">{t("admin.hours.reopen.why")}</p>
              <div class="pair">
                <Count
                  place="reopen_days"
                  label={t("admin.hours.reopen_days")}
                  min={0}
                  max={365}
                  unit={t("admin.days", { n: now.reopen_days })}
                  value={now.reopen_days}
                  onInput={(reopen_days) => put({ reopen_days })}
                />
                <Count
                  place="reopen_days_auto"
                  label={t("admin.hours.reopen_days_auto")}
                  min={0}
                  max={365}
                  unit={t("admin.days", { n: now.reopen_days_auto })}
                  value={now.reopen_days_auto}
                  onInput={(reopen_days_auto) => put({ reopen_days_auto })}
                />
              </div>
            </div>
            <Ahead schedule={now.schedule} />
          </div>
        </>
      )}
    </Setup>
  );
}
