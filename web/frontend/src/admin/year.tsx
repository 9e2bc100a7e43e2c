import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused } from "../inbox/api";
import { project as here } from "../inbox/rows";
import { lang, refusal } from "../inbox/settings";
import { hours } from "./ahead";
import { calls } from "./calls";
import { changes, kept, takeOver } from "./draft";
import type { CalendarYear, Project, Proposal } from "./project";
import { first, t } from "./words";
import { dateIn, named, weekday } from "./zones";

/** From November on, and for a year that has begun: that nobody has confirmed its days off. */
export function YearMissing({ project }: { project: Project }): JSX.Element | null {
  const year = project.calendar_missing;
  if (!year) return null;
  return (
    <p class="banner" role="note">
      {t("admin.year.missing", { year })}{" "}
      <button type="button" class="link" onClick={() => document.getElementById("year")?.scrollIntoView()}>
        {t("admin.year.look")}
      </button>
    </p>
  );
}

/** The production calendar of a year: what it would change, to be ticked and put in force. */
export function YearCalendar({ project }: { project: Project }): JSX.Element {
  const thisYear = Number(dateIn(project.schedule.zone, new Date()).slice(0, 4));
  const missing = project.calendar_missing;
  const [year, setYear] = useState(missing ?? thisYear);
  useEffect(() => {
    if (missing) setYear(missing);
  }, [missing]);
  const [found, setFound] = useState<CalendarYear | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  /** The year that was just put in force. */
  const [done, setDone] = useState(0);
  const week = JSON.stringify(kept.value?.schedule.week);
  const asked = `${year} ${week}`;
  /** What the proposals that are shown were asked for; others take their place in a moment. */
  const [told, setTold] = useState("");
  useEffect(() => {
    let mine = true;
    setTrouble("");
    void calls
      .calendar(here.value, year)
      .then((answer) => {
        if (!mine) return;
        setFound(answer);
        setTold(asked);
        setChosen(new Set(answer.proposals.filter((each) => each.chosen).map((each) => each.date)));
      })
      .catch(() => mine && setTrouble(t("admin.year.failed")));
    return () => {
      mine = false;
    };
  }, [asked]);

  const confirm = async (): Promise<void> => {
    const rev = kept.value?.rev;
    if (rev === undefined) return;
    setBusy(true);
    setTrouble("");
    try {
      takeOver(await calls.confirmCalendar(here.value, year, rev, [...chosen]));
      setFound((had) => (had?.year === year ? { ...had, confirmed: true } : had));
      setDone(year);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTrouble(first(`admin.refused.project.${error.problem.code}`, "") || refusal(error.problem.code));
    }
    setBusy(false);
  };
  const tick = (date: string, on: boolean): void => {
    const next = new Set(chosen);
    if (on) next.add(date);
    else next.delete(date);
    setDone(0);
    setChosen(next);
  };
  const fixed = project.as_code.includes("hours");
  const today = dateIn(project.schedule.zone, new Date());
  const past = found?.proposals.filter(({ date }) => date < today) ?? [];
  const line = (each: Proposal): JSX.Element => (
    <Line key={each.date} proposal={each} on={chosen.has(each.date)} onTick={(on) => tick(each.date, on)} />
  );
  const unsaved = changes.value?.schedule !== undefined;
  return (
    <section id="year" class="year" aria-label={t("admin.year")}>
      <h2>{t("admin.year")}</h2>
      <p class="remark">{t("admin.year.why")}</p>
      <div class="pick-of" role="group" aria-label={t("admin.year.which")}>
        {[thisYear, thisYear + 1].map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={one === year}
            onClick={() => {
              setYear(one);
              setDone(0);
            }}
          >
            {one}
          </button>
        ))}
      </div>
      {found?.year === year ? (
        <>
          {unsaved ? <p class="remark warn">{t("admin.year.saved_hours")}</p> : null}
          {found.moves_known ? null : <p class="remark warn">{t("admin.year.no_moves", { year })}</p>}
          <fieldset class="proposals" disabled={fixed || busy || told !== asked}>
            <legend class="visually-hidden">{t("admin.year.of", { year })}</legend>
            {past.length ? (
              <details>
                <summary>{t("admin.dates.past", { n: past.length })}</summary>
                {past.map(line)}
              </details>
            ) : null}
            {found.proposals.filter(({ date }) => date >= today).map(line)}
          </fieldset>
          <p class="steps">
            <button type="button" class="button strong" disabled={fixed || busy || unsaved || told !== asked} onClick={() => void confirm()}>
              {t(found.confirmed ? "admin.year.again" : "admin.year.confirm", { year })}
            </button>
            <span class="quiet" role="status">
              {done === year ? t("admin.year.done") : found.confirmed ? t("admin.year.confirmed") : ""}
            </span>
          </p>
        </>
      ) : null}
      <p class="field-wrong" role="alert">
        {trouble}
      </p>
    </section>
  );
}

interface LineProps {
  proposal: Proposal;
  on: boolean;
  onTick: (on: boolean) => void;
}

function Line({ proposal, on, onTick }: LineProps): JSX.Element {
  const { date, kind, spans, other, kept } = proposal;
  const name = lang.value === "ru" ? proposal.name_ru : proposal.name_en;
  const values = { name, other: other ? named(other, lang.value, { year: undefined }) : "" };
  const why = kind === "working" || (kind === "day_off" && other)
    ? t(`admin.year.${kind}`, values)
    : kind === "shortened"
      ? t("admin.year.shortened", values)
      : name;
  return (
    <label class={weekday(date) > 4 ? "proposal weekend" : "proposal"}>
      <input type="checkbox" checked={on} onChange={(event) => onTick(event.currentTarget.checked)} />
      <span class="proposal-date">{named(date, lang.value, { weekday: "short", month: "short", year: undefined })}</span>
      <span class="proposal-why">{why}</span>
      <span class="quiet proposal-hours">
        {hours(spans)}
        {kept && kept.join() !== spans.join() ? <small>{t("admin.year.kept", { hours: hours(kept) })}</small> : null}
      </span>
    </label>
  );
}
