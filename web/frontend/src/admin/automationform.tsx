import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused } from "../inbox/api";
import { theirs } from "../inbox/callbacks";
import { open } from "../inbox/route";
import { phone } from "../inbox/names";
import { channels, project as here, tell } from "../inbox/rows";
import { due, full } from "../inbox/times";
import {
  type Aim,
  type Automation,
  type Foreseen,
  type Foresight,
  type Handled,
  type Segment,
  addressOf,
  automating,
} from "./automating";
import { Drafting, type Kind } from "./drafting";
import { BareSwitch, Count, Frame, Pick, Text } from "./fields";
import { first, t } from "./words";

const DELAY_MAX = 71;

const KIND: Kind<Automation, Aim, Segment[]> = {
  room: "automations",
  name: "automation",
  part: "aim",
  words: { new: "admin.auto.new", nameless: "admin.auto.wrong.name", drop: "admin.auto.drop" },
  addressOf,
  read: async (project, id) => {
    const [segments, all] = await Promise.all([automating.segments(project), id ? automating.all(project) : []]);
    return [segments, all.find((each) => each.id === id)];
  },
  blank: (segments) => ({
    name: "",
    segment: segments[0]?.id ?? "",
    channels: [],
    delay_hours: 0,
    purpose: "answer",
    countries: ["RU"],
  }),
  draftOf: ({ aim }) => aim,
  tidy: (aim) => ({
    ...aim,
    name: aim.name.trim(),
    countries: [...new Set(aim.countries.map((one) => one.trim().toUpperCase()).filter(Boolean))],
  }),
  add: automating.add,
  change: (project, { id }, aim) => automating.change(project, id, aim),
  drop: (project, { id }) => automating.drop(project, id),
};

/** One automation: whom it calls, when and why, and what it would do now. */
export function AutomationForm({ id }: { id: string }): JSX.Element {
  return (
    <Drafting id={id} kind={KIND}>
      {({ draft, known, kept, put, keep, dropping }) => (
        <>
          <div>
            {kept ? <Enabled kept={kept} keep={keep} /> : null}
            <Fields aim={draft} segments={known} put={put} />
            {dropping ? <div class="adds">{dropping}</div> : null}
            {kept ? <Done id={kept.id} /> : null}
          </div>
          <Preview aim={KIND.tidy(draft)} />
        </>
      )}
    </Drafting>
  );
}

/** Turns it on and off at once, and says what turning it off has stopped. */
function Enabled({ kept, keep }: { kept: Automation; keep: (now: Automation) => void }): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [stopped, setStopped] = useState("");
  const turn = async (on: boolean): Promise<void> => {
    setBusy(true);
    try {
      const now = await automating.turn(here.value, kept.id, on);
      keep(now);
      setStopped(on ? "" : t("admin.auto.stopped", { n: now.stopped }));
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };
  return (
    <div class="setting switch-field">
      <BareSwitch disabled={busy} on={kept.enabled} onTurn={(on) => void turn(on)}>
        <span>{t("admin.auto.on")}</span>
      </BareSwitch>
      <p class="field-help" role="status">
        {stopped || t(kept.enabled ? "admin.auto.off_why" : "admin.auto.on_why")}
      </p>
    </div>
  );
}

interface FieldsProps {
  aim: Aim;
  segments: Segment[];
  put: (change: Partial<Aim>) => void;
}

function Fields({ aim, segments, put }: FieldsProps): JSX.Element {
  return (
    <>
      <Text
        place="name"
        label={t("admin.auto.name")}
        help={t("admin.auto.name.help")}
        max={80}
        value={aim.name}
        onInput={(name) => put({ name })}
      />
      <Frame place="segment" label={t("admin.auto.segment")}>
        {(ties) => (
          <select {...ties} value={aim.segment} onChange={(event) => put({ segment: event.currentTarget.value })}>
            {segments.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </select>
        )}
      </Frame>
      <fieldset class="setting">
        <legend class="field-name">{t("admin.auto.channels")}</legend>
        <div class="ticks">
          {channels.value.map((one) => (
            <label key={one.id}>
              <input
                type="checkbox"
                checked={aim.channels.includes(one.id)}
                onChange={(event) =>
                  put({
                    channels: event.currentTarget.checked
                      ? [...aim.channels, one.id]
                      : aim.channels.filter((each) => each !== one.id),
                  })
                }
              />
              {one.name}
            </label>
          ))}
        </div>
        <p class="field-help">{t("admin.auto.channels.help")}</p>
      </fieldset>
      <Count
        place="delay_hours"
        label={t("admin.auto.delay")}
        help={t("admin.auto.delay.help")}
        min={0}
        max={DELAY_MAX}
        unit={t("admin.auto.hours")}
        value={aim.delay_hours}
        onInput={(delay_hours) => put({ delay_hours })}
      />
      <Pick
        label={t("admin.auto.purpose")}
        value={aim.purpose}
        of={[
          ["answer", t("admin.auto.purpose.answer")],
          ["advert", t("admin.auto.purpose.advert")],
        ]}
        help={t(`admin.auto.purpose.${aim.purpose}.help`)}
        onPick={(purpose) => put({ purpose })}
      />
      <Text
        place="countries"
        label={t("admin.auto.countries")}
        help={t("admin.auto.countries.help")}
        example="RU, KZ"
        short
        max={80}
        value={aim.countries.join(", ")}
        onInput={(text) => put({ countries: text.split(",").map((one) => one.replace(/^ /, "")) })}
      />
    </>
  );
}

/** Whom it would call of the last days, and whom not and why; nothing is done. */
function Preview({ aim }: { aim: Aim }): JSX.Element {
  const [found, setFound] = useState<Foresight | null>(null);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const run = async (): Promise<void> => {
    setBusy(true);
    setTrouble("");
    try {
      const wanted = { ...aim, name: aim.name || t("admin.auto.new") };
      setFound(await automating.preview(here.value, wanted));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setFound(null);
      setTrouble(first(`error.${error.problem.code}`, "error.refused"));
    }
    setBusy(false);
  };
  return (
    <section class="try-form" aria-label={t("admin.auto.preview")}>
      <h2>{t("admin.auto.preview")}</h2>
      <p class="remark">{t("admin.auto.preview.why")}</p>
      <button
        type="button"
        class="button strong"
        disabled={busy || !aim.segment}
        onClick={() => void run()}
      >
        {t("admin.auto.preview.go")}
      </button>
      <div role="status">
        {trouble ? <p class="field-wrong">{trouble}</p> : null}
        {found ? (
          <p class="found-n found-some">
            {t(found.calls ? "admin.auto.preview.n" : "admin.auto.preview.nobody", { n: found.calls })}
          </p>
        ) : null}
      </div>
      {found ? (
        <ul class="found-some">
          {found.items.map((one) => (
            <li key={one.dialog} class={one.why ? "not" : undefined}>
              <button type="button" class="button-like" onClick={() => open(one.dialog)}>
                <bdi>{one.name || (one.phone ? phone(one.phone) : t("inbox.guest"))}</bdi>
              </button>
              <p class="quiet">{foretold(one)}</p>
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}

function foretold(one: Foreseen): string {
  const number = one.name && one.phone ? phone(one.phone) : "";
  if (one.why) return [number, first(`automation.skipped.${one.why}`, one.why)].filter(Boolean).join(" · ");
  const there = one.due_at ? theirs(one.due_at, one.zones) : "";
  return [
    number,
    one.due_at ? due(one.due_at) : t("inbox.lead.no_time"),
    there ? t("inbox.call.there", { time: there }) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** What it did with each request so far, the newest first. */
function Done({ id }: { id: string }): JSX.Element | null {
  const [all, setAll] = useState<Handled[]>([]);
  useEffect(() => {
    let mine = true;
    automating.handled(here.value, id).then(
      ({ items }) => mine && setAll(items),
      () => {},
    );
    return () => {
      mine = false;
    };
  }, [id]);
  if (!all.length) return null;
  return (
    <section aria-label={t("admin.auto.handled")}>
      <h2>{t("admin.auto.handled")}</h2>
      <ul class="found-some">
        {all.map((one) => (
          <li key={one.dialog}>
            <button type="button" class="button-like" onClick={() => open(one.dialog)}>
              {handledSaid(one)}
            </button>
            <p class="quiet">{full(one.changed_at)}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function handledSaid(one: Handled): string {
  const why =
    first(`automation.${one.state === "skipped" ? "skipped" : "cause"}.${one.cause}`, "") ||
    first(`inbox.lead.cause.${one.cause}`, "") ||
    first(`status.${one.status ?? ""}`, one.status ?? "");
  return [t(`admin.auto.state.${one.state}`), why.toLowerCase()].filter(Boolean).join(": ");
}
