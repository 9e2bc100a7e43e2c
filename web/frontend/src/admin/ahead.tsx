import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { project } from "../inbox/rows";
import { lang } from "../inbox/settings";
import { compact } from "../inbox/window";
import { calls } from "./calls";
import type { Day, Outlook, Schedule } from "./project";
import { ROUND, wrongSpan } from "./spans";
import { first, t } from "./words";
import { dateIn, later, named, wall, weekday } from "./zones";

const AFTER = 250;
const AGAIN = 60_000;

/** How the hours look from now on, asked anew with each change of them, saved or not. */
export function Ahead({ schedule }: { schedule: Schedule }): JSX.Element {
  const [seen, setSeen] = useState<{ outlook: Outlook; zone: string } | null>(null);
  const asked = JSON.stringify(schedule);
  useEffect(() => {
    if (wrongSpan(schedule)) return;
    let here = true;
    const look = (): void =>
      void calls
        .outlook(project.value, schedule)
        .then((outlook) => here && setSeen({ outlook, zone: schedule.zone }))
        .catch(() => {});
    const soon = window.setTimeout(look, AFTER);
    const again = window.setInterval(look, AGAIN);
    return () => {
      here = false;
      clearTimeout(soon);
      clearInterval(again);
    };
  }, [asked]);
  return (
    <section class="ahead" aria-label={t("admin.ahead")}>
      <h2>{t("admin.ahead")}</h2>
      {seen ? <Told {...seen} /> : null}
    </section>
  );
}

function Told({ outlook, zone }: { outlook: Outlook; zone: string }): JSX.Element {
  const today = outlook.local.slice(0, 10);
  const [words, tone] = state(outlook, zone, today);
  return (
    <>
      <p class={`ahead-now ${tone}`} role="status">
        <span class="ahead-sign" aria-hidden="true" />
        {words}
      </p>
      <details class="ahead-more" open={!compact.value}>
        <summary>{t("admin.ahead.days")}</summary>
        <ol class="ahead-days">
          {outlook.days.map(({ date, spans, why }) => (
            <li key={date} class={why === "date" ? "special" : undefined}>
              <span class="ahead-date">{named(date, lang.value, { weekday: "short", month: "short", year: undefined })}</span>
              <span class={spans.length ? "ahead-hours" : "ahead-hours quiet"}>
                {hours(spans)
                  .split(", ")
                  .map((span) => (
                    <span key={span}>{span}</span>
                  ))}
                {why === "date" ? <span class="tag">{t("admin.ahead.special")}</span> : null}
              </span>
            </li>
          ))}
        </ol>
      </details>
    </>
  );
}

/** The hours of one day in words. */
export function hours(spans: Day): string {
  if (!spans.length) return t("admin.hours.closed");
  return spans.join() === ROUND.join() ? t("admin.hours.always") : spans.join(", ");
}

function state({ open, until, opens }: Outlook, zone: string, today: string): [string, string] {
  if (open && !until) return [t("admin.ahead.always"), "good"];
  if (open && until) return [t("admin.ahead.open", { when: moment(until, zone, today, "until") }), "good"];
  if (opens) return [t("admin.ahead.closed", { when: moment(opens, zone, today, "on") }), "shut"];
  return [t("admin.ahead.never"), "shut"];
}

/** A moment to come by the wall's clock there: of today, tomorrow, a day of the week, or a date. */
export function moment(at: string, zone: string, today: string, how: "on" | "until"): string {
  const date = dateIn(zone, at);
  const time = wall(zone, at);
  if (date === today) return t(`admin.moment.${how}.today`, { time });
  if (date === later(today, 1)) return t(`admin.moment.${how}.tomorrow`, { time });
  const day = date < later(today, 7) ? first(`admin.moment.${how}.${weekday(date)}`) : named(date, lang.value);
  return how === "until" ? `${time}, ${day}` : t("admin.moment.on.day", { day, time });
}
