import "./calling.css";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Refused } from "../inbox/api";
import { clock, project as here } from "../inbox/rows";
import { refusal } from "../inbox/settings";
import { moment } from "./ahead";
import { CallTest } from "./calltest";
import { calls } from "./calls";
import { phoneOf } from "./checks";
import { city } from "./cities";
import { changes, put } from "./draft";
import { wrong } from "./editing";
import { Count, Lines, Pick, Switch } from "./fields";
import { useLatest } from "./latest";
import { PhoneLine, Shown } from "./phoneline";
import { CAUSES, type Calling as Settings, type Cause, type Project, type Whereabouts } from "./project";
import { wrongKeys } from "./script";
import { ScriptForm } from "./scriptform";
import { Seats } from "./seats";
import { Setup } from "./setup";
import { clock as timeOf } from "./spans";
import { Exhausted, Texting } from "./texting";
import { numberOf } from "./tidying";
import { trunkFor, useTrunks } from "./trunks";
import { Time } from "./week";
import { first, t } from "./words";
import { dateIn, wall } from "./zones";

/** The pauses of a project that says nothing else, as in the hub. */
const PAUSES: Record<Cause, number> = {
  busy: 5,
  no_answer: 30,
  rejected: 60,
  unreachable: 120,
  operator: 3,
  dropped: 1,
};
const PHONE = /^\+[1-9]\d{6,14}$/;

function check({ calling, texting }: Project): { place: string; words: string } | null {
  const numbers = calling.numbers.map(numberOf);
  const bad = numbers.findIndex((one) => one !== "" && !PHONE.test(one) && !/^\d{2,6}$/.test(one));
  if (bad >= 0) return { place: `calling.numbers.${bad}`, words: t("admin.wrong.calling.numbers") };
  if (calling.shown.trim() && !PHONE.test(phoneOf(calling.shown)))
    return { place: "calling.shown", words: t("admin.wrong.phone") };
  const keys = wrongKeys(calling.script);
  if (keys)
    return {
      place: `calling.script.${keys}`,
      words: t(keys === "keys" ? "admin.wrong.script.keys" : "admin.wrong.script.cancel"),
    };
  const empty = texting.findIndex(({ text }) => text.trim() === "");
  if (empty >= 0) return { place: `texting.${empty}.text`, words: t("admin.wrong.empty") };
  const { since, until } = calling.quiet;
  if (timeOf(since) !== since || timeOf(until) !== until || since >= until)
    return { place: "calling.quiet", words: t("admin.wrong.calling.quiet") };
  return null;
}

/** How a project calls people back. */
export function Calling(): JSX.Element {
  return (
    <Setup home="calling" check={check}>
      {(now) => <Form project={now} />}
    </Setup>
  );
}

function Form({ project }: { project: Project }): JSX.Element {
  const { calling } = project;
  const known = useTrunks();
  const trunk = trunkFor(calling.script);
  const set = (part: Partial<Settings>): void => put({ calling: { ...calling, ...part } });
  return (
    <div class="calling">
      <Pick
        label={t("admin.calling.mode")}
        value={calling.mode}
        of={[
          ["dialog", t("admin.calling.mode.dialog")],
          ["collect", t("admin.calling.mode.collect")],
        ]}
        help={t(`admin.calling.mode.${calling.mode}.help`)}
        onPick={(mode) => set({ mode })}
      />
      <Switch
        label={t("admin.calling.autonomous")}
        help={t("admin.calling.autonomous.help")}
        value={calling.autonomous}
        onTurn={(autonomous) => set({ autonomous })}
      />
      <Switch
        label={t("admin.calling.missed")}
        help={t("admin.calling.missed.help")}
        value={calling.call_back_missed}
        onTurn={(call_back_missed) => set({ call_back_missed })}
      />
      <Switch
        label={t("admin.calling.notices")}
        help={t("admin.calling.notices.help")}
        value={project.notices_name_people}
        onTurn={(notices_name_people) => put({ notices_name_people })}
      />

      <h2>{t("admin.calling.line")}</h2>
      {known ? <PhoneLine trunk={trunk} /> : null}

      <h2>{t("admin.script")}</h2>
      <ScriptForm
        place="calling.script"
        script={calling.script}
        trunk={trunk}
        names={known?.variables ?? null}
        onPut={(script) => set({ script })}
      />
      {trunk ? <CallTest trunk={trunk} script={calling.script} shown={phoneOf(calling.shown)} /> : null}

      <h2>{t("admin.calling.numbers.title")}</h2>
      <Lines
        place="calling.numbers"
        label={t("admin.calling.numbers")}
        help={t("admin.calling.numbers.help")}
        example="+74951234567"
        value={calling.numbers}
        read={numberOf}
        onInput={(numbers) => set({ numbers })}
      />
      <Shown
        place="calling.shown"
        trunk={trunk}
        value={calling.shown}
        label={t("admin.calling.shown")}
        otherwise={t("admin.calling.shown.line")}
        onPut={(shown) => set({ shown })}
      />
      <Seats instead={calling.numbers.some((one) => one.trim() !== "")} />

      <h2>{t("admin.calling.tries.title")}</h2>
      <div class="pair">
        <Count
          place="calling.tries"
          label={t("admin.calling.tries")}
          min={1}
          max={10}
          unit={t("admin.times", { n: calling.tries })}
          value={calling.tries}
          onInput={(tries) => set({ tries })}
        />
        <Count
          place="calling.per_phone_a_day"
          label={t("admin.calling.per_day")}
          help={t("admin.calling.per_day.help")}
          min={1}
          max={20}
          unit={t("admin.times", { n: calling.per_phone_a_day })}
          value={calling.per_phone_a_day}
          onInput={(per_phone_a_day) => set({ per_phone_a_day })}
        />
        <Count
          place="calling.calls_max"
          label={t("admin.calling.at_once")}
          help={t("admin.calling.at_once.help")}
          min={1}
          max={500}
          unit=""
          value={calling.calls_max}
          onInput={(calls_max) => set({ calls_max })}
        />
      </div>
      <h3 class="field-name">{t("admin.calling.pauses")}</h3>
      <p class="remark">{t("admin.calling.pauses.why")}</p>
      <div class="pauses">
        {CAUSES.map((cause) => {
          const minutes = calling.retries[cause] ?? PAUSES[cause];
          return (
            <Count
              key={cause}
              place={`calling.retries.${cause}`}
              label={t(`admin.calling.cause.${cause}`)}
              min={1}
              max={10_080}
              unit={t("admin.minutes")}
              value={minutes}
              onInput={(n) => set({ retries: { ...calling.retries, [cause]: n } })}
            />
          );
        })}
      </div>

      <Exhausted calling={calling} onPut={set} />

      <h2>{t("admin.calling.quiet")}</h2>
      <p class="remark">{t("admin.calling.quiet.why")}</p>
      <QuietHours quiet={calling.quiet} onPut={(quiet) => set({ quiet })} />
      <TryIt project={project} />

      <Texting home={project} />
    </div>
  );
}

interface QuietProps {
  quiet: Settings["quiet"];
  onPut: (quiet: Settings["quiet"]) => void;
}

function QuietHours({ quiet, onPut }: QuietProps): JSX.Element {
  const places = ["calling.quiet", "calling.quiet.since", "calling.quiet.until"];
  const faulty = places.find((place) => wrong(place) !== "");
  const about = faulty ? "quiet-wrong" : undefined;
  return (
    <div class="setting" role="group" aria-label={t("admin.calling.quiet")} data-place="calling.quiet">
      <span class="span">
        {t("admin.calling.quiet.from")}
        <Time
          label={t("admin.hours.from")}
          value={quiet.since}
          bad={faulty !== undefined}
          about={about}
          onPut={(since) => onPut({ ...quiet, since })}
        />
        {t("admin.calling.quiet.to")}
        <Time
          label={t("admin.hours.to")}
          value={quiet.until}
          bad={faulty !== undefined}
          about={about}
          onPut={(until) => onPut({ ...quiet, until })}
        />
        <span class="quiet">{t("admin.calling.quiet.theirs")}</span>
      </span>
      {faulty ? (
        <p id="quiet-wrong" class="field-wrong">
          {wrong(faulty)}
        </p>
      ) : null}
    </div>
  );
}

/** A phone to try: where its owner is thought to be, what time it is there, when it would ring. */
function TryIt({ project }: { project: Project }): JSX.Element {
  const [phone, setPhone] = useState("");
  const [found, setFound] = useState<Whereabouts | null>(null);
  const [trouble, setTrouble] = useState("");
  const latest = useLatest();
  const look = async (): Promise<void> => {
    const wanted = latest();
    setTrouble("");
    setFound(null);
    try {
      const answer = await calls.whereabouts(here.value, phone);
      if (wanted()) setFound(answer);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!wanted()) return;
      const { code, field } = error.problem;
      setTrouble(field === "phone" ? first(`admin.try.${code}`, "admin.wrong.phone") : refusal(code));
    }
  };
  return (
    <form
      class="try-phone"
      onSubmit={(event) => {
        event.preventDefault();
        void look();
      }}
    >
      <label class="field-name" for="try-phone">
        {t("admin.try")}
      </label>
      <div class="check-line">
        <input
          id="try-phone"
          type="tel"
          autocomplete="off"
          maxLength={40}
          placeholder="+7 423 200-00-00"
          aria-describedby="try-phone-said"
          value={phone}
          onInput={(event) => {
            // What is said is of the phone that stands there.
            latest();
            setFound(null);
            setTrouble("");
            setPhone(event.currentTarget.value);
          }}
        />
        <button type="submit" class="button" disabled={!phone.trim()}>
          {t("admin.try.go")}
        </button>
      </div>
      <div id="try-phone-said" role="status">
        {trouble ? <p class="field-wrong">{trouble}</p> : null}
        {found ? <Told found={found} project={project} /> : null}
      </div>
    </form>
  );
}

function Told({ found, project }: { found: Whereabouts; project: Project }): JSX.Element {
  const { zones, why, soonest } = found;
  const ours = project.schedule.zone;
  const [one = ours] = zones;
  const then = new Date(clock.value);
  const values = {
    time: wall(one, then),
    city: (zones.length ? zones : [ours]).map(city).join(", "),
    why: why === "project" ? "" : t(`admin.try.why.${why}`),
  };
  const when = soonest ? moment(soonest, ours, dateIn(ours, then), "on") : "";
  const there = soonest ? wall(one, soonest) : "";
  return (
    <>
      <p class="try-said">
        {t(why === "project" ? "admin.try.project" : zones.length > 1 ? "admin.try.several" : "admin.try.there", values)}
      </p>
      <p class="quiet">
        {!soonest
          ? t("admin.try.never")
          : Date.parse(soonest) - clock.value < 90_000
            ? t("admin.try.now")
            : t("admin.try.when", { when, there })}
      </p>
      {changes.value ? <p class="quiet">{t("admin.try.saved")}</p> : null}
    </>
  );
}
