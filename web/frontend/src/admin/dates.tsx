import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { lang } from "../inbox/settings";
import { put } from "./draft";
import { wrong } from "./editing";
import type { Day, Project } from "./project";
import { DayHours } from "./week";
import { t } from "./words";
import { dateIn, named } from "./zones";

/** Dates that are not as their day of the week is; those that are over are folded away. */
export function Dates({ project }: { project: Project }): JSX.Element {
  const { dates, zone } = project.schedule;
  const today = dateIn(zone, new Date());
  const all = Object.keys(dates).sort();
  const past = all.filter((date) => date < today);
  const [picked, setPicked] = useState("");
  const set = (next: Record<string, Day>): void =>
    put({ schedule: { ...project.schedule, dates: next } });
  const line = (date: string): JSX.Element => (
    <Special
      key={date}
      date={date}
      day={dates[date] ?? []}
      onPut={(day) => set({ ...dates, [date]: day })}
      onDrop={() => set(Object.fromEntries(Object.entries(dates).filter(([one]) => one !== date)))}
    />
  );
  return (
    <section>
      <h2>{t("admin.dates")}</h2>
      <p class="remark">{t("admin.dates.why")}</p>
      <ul class="dates" aria-label={t("admin.dates")}>
        {all.filter((date) => date >= today).map(line)}
      </ul>
      {past.length ? (
        <details class="more-fields">
          <summary>{t("admin.dates.past", { n: past.length })}</summary>
          <ul class="dates">{past.map(line)}</ul>
        </details>
      ) : null}
      <div class="adds add-date">
        <label class="visually-hidden" for="add-date">
          {t("admin.dates.date")}
        </label>
        <input id="add-date" type="date" min={today} value={picked} onInput={(event) => setPicked(event.currentTarget.value)} />
        <button
          type="button"
          class="button"
          disabled={!/^\d{4}-\d\d-\d\d$/.test(picked) || picked in dates}
          onClick={() => {
            set({ ...dates, [picked]: [] });
            setPicked("");
          }}
        >
          {t("admin.dates.add")}
        </button>
      </div>
    </section>
  );
}

interface SpecialProps {
  date: string;
  day: Day;
  onPut: (day: Day) => void;
  onDrop: () => void;
}

function Special({ date, day, onPut, onDrop }: SpecialProps): JSX.Element {
  const name = named(date, lang.value, { weekday: "short" });
  const place = `schedule.dates.${date}`;
  const faulty = [place, ...day.map((_, n) => `${place}.${n}`)].some((one) => wrong(one) !== "");
  return (
    <li class={faulty ? "date faulty" : "date"}>
      <DayHours place={place} name={name} day={day} onPut={onPut}>
        <button
          type="button"
          class="link date-drop"
          aria-label={t("admin.dates.drop", { date: name })}
          onClick={onDrop}
        >
          {t("admin.dates.as_week")}
        </button>
      </DayHours>
    </li>
  );
}
