import type { JSX } from "preact";
import { useId, useMemo } from "preact/hooks";
import { Icon } from "../inbox/parts";
import { clock as now } from "../inbox/rows";
import { lang } from "../inbox/settings";
import { city } from "./cities";
import { put } from "./draft";
import { wrong } from "./editing";
import { BareSwitch, Frame } from "./fields";
import type { Day, Project, Schedule } from "./project";
import { ROUND, USUAL, asMonday, clock, ends, spanOf, withBreak } from "./spans";
import { t } from "./words";
import { RUSSIA, later, named, offset, others, wall } from "./zones";

const change = (project: Project, part: Partial<Schedule>): void =>
  put({ schedule: { ...project.schedule, ...part } });

/** More spans than this are nobody's day. */
const MOST = 8;

/** A Monday, so that the days of a week have names in every language. */
const MONDAY = "2024-01-01";

export const dayName = (n: number): string =>
  named(later(MONDAY, n), lang.value, { weekday: "long", day: undefined, month: undefined, year: undefined });

/** The project's zone, with what its clock reads now. */
export function Zone({ project }: { project: Project }): JSX.Element {
  const { zone } = project.schedule;
  const rest = useMemo(others, []);
  const fixed = project.as_code.includes("zone");
  const line = (one: string): string => {
    const away = offset(one);
    return away ? `${city(one)} · UTC${away}` : one;
  };
  const known = RUSSIA.includes(zone) || rest.includes(zone);
  return (
    <Frame
      place="schedule.zone"
      label={t("admin.hours.zone")}
      help={fixed ? t("admin.hours.as_code") : t("admin.hours.now", { time: wall(zone, new Date(now.value)) })}
    >
      {(ties) => (
        <select
          {...ties}
          class="short"
          disabled={fixed}
          value={zone}
          onChange={(event) => change(project, { zone: event.currentTarget.value })}
        >
          {known ? null : <option value={zone}>{zone}</option>}
          <optgroup label={t("admin.hours.zone.russia")}>
            {RUSSIA.map((one) => (
              <option key={one} value={one}>
                {line(one)}
              </option>
            ))}
          </optgroup>
          <optgroup label={t("admin.hours.zone.others")}>
            {rest.map((one) => (
              <option key={one} value={one}>
                {one.replaceAll("_", " ")}
              </option>
            ))}
          </optgroup>
        </select>
      )}
    </Frame>
  );
}

/** The hours of each day of the week. */
export function Week({ project }: { project: Project }): JSX.Element {
  const { week } = project.schedule;
  const fixed = project.as_code.includes("hours");
  const set = (n: number, day: Day): void =>
    change(project, { week: week.map((had, at) => (at === n ? day : had)) });
  return (
    <fieldset class="setting week" disabled={fixed}>
      <legend class="visually-hidden">{t("admin.hours.week")}</legend>
      {fixed ? <p class="remark">{t("admin.hours.as_code")}</p> : null}
      {week.map((day, n) => (
        <DayHours key={n} place={`schedule.week.${n}`} name={dayName(n)} day={day} onPut={(next) => set(n, next)} />
      ))}
      <div class="adds">
        <button type="button" class="button" onClick={() => change(project, { week: asMonday(week) })}>
          {t("admin.hours.as_monday")}
        </button>
        <button
          type="button"
          class="button"
          onClick={() => change(project, { week: week.map(() => [...ROUND]) })}
        >
          {t("admin.hours.always")}
        </button>
      </div>
    </fieldset>
  );
}

interface DayProps {
  place: string;
  name: string;
  day: Day;
  onPut: (day: Day) => void;
  children?: JSX.Element;
}

/** Whether a day is worked, and from when till when. */
export function DayHours({ place, name, day, onPut, children }: DayProps): JSX.Element {
  const id = useId();
  const faulty = [place, ...day.map((_, n) => `${place}.${n}`)].find((one) => wrong(one) !== "");
  const set = (n: number, span: string): void => onPut(day.map((had, at) => (at === n ? span : had)));
  const less = (n: number): void => onPut(day.filter((_, at) => at !== n));
  const room = withBreak(day);
  return (
    <div class="workday" role="group" aria-labelledby={`${id}-name`} data-place={place}>
      <BareSwitch look="day-name" on={day.length > 0} onTurn={(on) => onPut(on ? [...USUAL] : [])}>
        <span id={`${id}-name`}>{name}</span>
      </BareSwitch>
      <div class="day-spans">
        {day.length ? null : <span class="quiet day-closed">{t("admin.hours.closed")}</span>}
        {day.map((span, n) => {
          const [from, to] = ends(span);
          const bad = wrong(`${place}.${n}`) !== "";
          return (
            <span key={n} class="span" data-place={`${place}.${n}`}>
              <Time
                label={t("admin.hours.from")}
                value={from}
                bad={bad}
                about={faulty ? `${id}-wrong` : undefined}
                onPut={(time) => set(n, spanOf(time, to))}
              />
              <span aria-hidden="true">–</span>
              <Time
                label={t("admin.hours.to")}
                value={to}
                bad={bad}
                about={faulty ? `${id}-wrong` : undefined}
                onPut={(time) => set(n, spanOf(from, time))}
              />
              {day.length > 1 ? (
                <button
                  type="button"
                  class="icon-button tiny"
                  aria-label={t("admin.remove", { what: `${from}–${to}` })}
                  title={t("admin.remove", { what: `${from}–${to}` })}
                  onClick={() => less(n)}
                >
                  <Icon name="close" />
                </button>
              ) : null}
            </span>
          );
        })}
        {day.length === 1 && room !== day ? (
          <button type="button" class="link" onClick={() => onPut(room)}>
            {t("admin.hours.break")}
          </button>
        ) : day.length && room !== day && day.length < MOST ? (
          <button
            type="button"
            class="icon-button tiny"
            aria-label={t("admin.hours.break")}
            title={t("admin.hours.break")}
            onClick={() => onPut(room)}
          >
            <Icon name="plus" />
          </button>
        ) : null}
        {children}
      </div>
      {faulty ? (
        <p id={`${id}-wrong`} class="field-wrong">
          {wrong(faulty)}
        </p>
      ) : null}
    </div>
  );
}

interface TimeProps {
  label: string;
  value: string;
  bad?: boolean;
  about?: string | undefined;
  onPut: (value: string) => void;
}

/** A time of day as people type it; it is written out when the field is left. */
export function Time({ label, value, bad = false, about, onPut }: TimeProps): JSX.Element {
  return (
    <input
      class="time"
      type="text"
      inputMode="numeric"
      autocomplete="off"
      aria-label={label}
      aria-invalid={bad}
      aria-describedby={about}
      placeholder="09:00"
      maxLength={5}
      value={value}
      onInput={(event) => onPut(event.currentTarget.value.replaceAll("–", ""))}
      onBlur={(event) => {
        const meant = clock(event.currentTarget.value);
        if (meant && meant !== value) onPut(meant);
      }}
    />
  );
}
