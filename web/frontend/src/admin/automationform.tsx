import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { freshKey } from "../keys";
import { Refused } from "../inbox/api";
import { theirs } from "../inbox/callbacks";
import { Empty } from "../inbox/parts";
import { goTo, open } from "../inbox/route";
import { phone } from "../inbox/row";
import { channels, project as here, tell } from "../inbox/rows";
import { due, full } from "../inbox/times";
import {
  AUTOMATIONS,
  type Aim,
  type Automation,
  type Foreseen,
  type Foresight,
  type Handled,
  type Segment,
  addressOf,
  automating,
} from "./automating";
import { placeOf } from "./draft";
import { refused } from "./editing";
import { Count, Frame, Pick, Text } from "./fields";
import { Bar, DropButton, justSaved } from "./savebar";
import { Wait } from "./wait";
import { first, t } from "./words";

const DELAY_MAX = 71;

const blank = (segments: Segment[]): Aim => ({
  name: "",
  segment: segments[0]?.id ?? "",
  channels: [],
  delay_hours: 0,
  purpose: "answer",
  countries: ["RU"],
});

const tidy = (aim: Aim): Aim => ({
  ...aim,
  name: aim.name.trim(),
  countries: [...new Set(aim.countries.map((one) => one.trim().toUpperCase()).filter(Boolean))],
});

/** One automation: whom it calls, when and why, and what it would do now. */
export function AutomationForm({ id }: { id: string }): JSX.Element {
  const [segments, setSegments] = useState<Segment[]>([]);
  const [kept, setKept] = useState<Automation | null>(null);
  const [aim, setAim] = useState<Aim | null>(null);
  const [trouble, setTrouble] = useState<"" | "admin.missing" | "admin.failed">("");
  const [busy, setBusy] = useState(false);
  const [stopped, setStopped] = useState("");
  const key = useRef(freshKey());
  const project = here.value;

  const read = async (): Promise<void> => {
    setTrouble("");
    try {
      const [known, all] = await Promise.all([
        automating.segments(project),
        id ? automating.all(project) : [],
      ]);
      const one = all.find((each) => each.id === id) ?? null;
      setSegments(known);
      setKept(one);
      setAim(one?.aim ?? blank(known));
      if (id && !one) setTrouble("admin.missing");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTrouble("admin.failed");
    }
  };
  useEffect(() => {
    refused.value = null;
    void read();
    return () => {
      refused.value = null;
    };
  }, []);

  if (trouble)
    return (
      <Empty title={t(trouble)}>
        <button type="button" class="button" onClick={() => void read()}>
          {t("admin.again")}
        </button>
      </Empty>
    );
  if (!aim) return <Wait />;

  const before = kept?.aim ?? blank(segments);
  const unsaved = JSON.stringify(tidy(aim)) !== JSON.stringify(tidy(before));
  const put = (change: Partial<Aim>): void => {
    setAim({ ...aim, ...change });
    justSaved.value = "";
    refused.value = null;
  };
  const save = async (): Promise<void> => {
    const wanted = tidy(aim);
    if (!wanted.name) {
      refused.value = { place: "name", words: t("admin.auto.wrong.name") };
      return;
    }
    setBusy(true);
    refused.value = null;
    try {
      const now = kept
        ? await automating.change(project, kept.id, wanted)
        : await automating.add(project, key.current, wanted);
      setKept(now);
      setAim(now.aim);
      justSaved.value = now.id;
      if (!id) goTo(addressOf(now.id));
    } catch (error) {
      refuse(error);
    }
    setBusy(false);
  };
  const turn = async (on: boolean): Promise<void> => {
    if (!kept) return;
    setBusy(true);
    try {
      const now = await automating.turn(project, kept.id, on);
      setKept(now);
      setStopped(on ? "" : t("admin.auto.stopped", { n: now.stopped }));
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };
  const drop = async (): Promise<void> => {
    try {
      if (kept) await automating.drop(project, kept.id);
      goTo(AUTOMATIONS);
    } catch (error) {
      refuse(error);
    }
  };

  return (
    <div class="setup automations">
      <div class="setup-main">
        <header class="admin-head">
          <a class="link" href={AUTOMATIONS}>
            {t("admin.room.automations")}
          </a>
          <h1 class="site-title">{aim.name || t("admin.auto.new")}</h1>
        </header>
        <div class="link-form">
          <div>
            {kept ? (
              <div class="setting switch-field">
                <label class="switch">
                  <input
                    type="checkbox"
                    role="switch"
                    disabled={busy}
                    checked={kept.enabled}
                    onChange={(event) => void turn(event.currentTarget.checked)}
                  />
                  <span class="switch-track" aria-hidden="true" />
                  <span>{t("admin.auto.on")}</span>
                </label>
                <p class="field-help" role="status">
                  {stopped || t(kept.enabled ? "admin.auto.off_why" : "admin.auto.on_why")}
                </p>
              </div>
            ) : null}
            <Fields aim={aim} segments={segments} put={put} />
            {kept ? (
              <div class="adds">
                <DropButton words={t("admin.auto.drop")} onDrop={() => void drop()} />
              </div>
            ) : null}
            {kept ? <Done id={kept.id} /> : null}
          </div>
          <Preview aim={tidy(aim)} />
        </div>
      </div>
      <Bar unsaved={unsaved} saved={kept !== null && justSaved.value === kept.id} busy={busy} onDrop={() => put(before)} onSave={() => void save()} />
    </div>
  );
}

function refuse(error: unknown): void {
  if (!(error instanceof Refused)) throw error;
  const { code, field } = error.problem;
  refused.value = {
    place: field ? placeOf(field).replace(/^aim\./, "") : "form",
    words: first(`admin.refused.automation.${code}`, `error.${code}`, "admin.wrong.value"),
  };
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
