import "./script.css";
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import { wrong } from "./editing";
import { Count, Frame, Switch } from "./fields";
import { SayField } from "./say";
import { SCENARIOS, type Script, type Side, type Trunk, firstSays, keysUnsaid, ownWords, stepsOf } from "./script";
import { trunks } from "./trunks";
import { t } from "./words";

interface ScriptProps {
  /** Where it stands in what is saved: `calling.script`. */
  place: string;
  script: Script;
  /** What dials; null where nothing does, and then everything is offered. */
  trunk: Trunk | null;
  names: readonly string[] | null;
  onPut: (script: Script) => void;
}

interface PartProps extends ScriptProps {
  set: (part: Partial<Script>) => void;
}

/** The scenario of a call with its messages and times; of a project, or a connection's own. */
export function ScriptForm(props: ScriptProps): JSX.Element {
  const { script, trunk, onPut } = props;
  const part: PartProps = { ...props, set: (change) => onPut({ ...script, ...change }) };
  return (
    <div class="script">
      <Scenarios {...part} />
      <Steps script={script} trunk={trunk} />
      <Keys {...part} />
      <Messages {...part} />
      <Times {...part} />
      <Rules {...part} />
    </div>
  );
}

function Scenarios({ place, script, trunk, set }: PartProps): JSX.Element {
  const group = useId();
  const trouble = wrong(`${place}.first`);
  return (
    <fieldset class="scenarios" data-place={`${place}.first`} aria-describedby={trouble ? `${group}-wrong` : undefined}>
      <legend>{t("admin.script.who")}</legend>
      <div class="scenarios-of">
        {SCENARIOS.map(([side, connect]) => {
          const lines = trunks.value?.items ?? [];
          const off = lines.length > 0 && !lines.some(({ scenarios }) => scenarios.includes(`${side}:${connect}`));
          const chosen = script.first === side && script.connect === connect;
          return (
            <label key={`${side}:${connect}`} class={off ? "scenario off" : "scenario"}>
              <input
                type="radio"
                name={group}
                checked={chosen}
                disabled={off && !chosen}
                onChange={() =>
                  set({ first: side, connect, ...(side === "visitor" ? { cancel_keys: "" } : {}) })
                }
              />
              <span class="scenario-name">{t(`admin.script.${side}_${connect}`)}</span>
              <span class="scenario-help">
                {off && trunk ? t("admin.script.not_here", { name: trunk.name }) : t(`admin.script.${side}_${connect}.help`)}
              </span>
            </label>
          );
        })}
      </div>
      {trouble ? (
        <p id={`${group}-wrong`} class="field-wrong">
          {trouble}
        </p>
      ) : null}
    </fieldset>
  );
}

/** The call in words, as it goes when everybody answers. */
function Steps({ script, trunk }: { script: Script; trunk: Trunk | null }): JSX.Element {
  return (
    <section class="script-steps" aria-label={t("admin.script.steps")}>
      <h3>{t("admin.script.steps")}</h3>
      <ol>
        {stepsOf(script, trunk?.says ?? true).map(({ key, values }) => (
          <li key={key}>{t(`admin.script.step.${key}`, values)}</li>
        ))}
      </ol>
    </section>
  );
}

function Keys({ place, script, set }: PartProps): JSX.Element {
  const typed = (keys: string): string => keys.replace(/[^0-9*#]/g, "").slice(0, 4);
  return (
    <div class="pair">
      {script.connect === "key" ? (
        <>
          <Frame place={`${place}.keys`} label={t("admin.script.keys")} help={t("admin.script.keys.help")}>
            {(ties) => (
              <input
                {...ties}
                class="keys"
                inputMode="tel"
                autocomplete="off"
                value={script.keys}
                onInput={(event) => set({ keys: (event.currentTarget.value = typed(event.currentTarget.value)) })}
              />
            )}
          </Frame>
          <Count
            place={`${place}.wait_s`}
            label={t("admin.script.wait")}
            help={t("admin.script.wait.help")}
            min={1}
            max={120}
            unit={t("admin.seconds")}
            value={script.wait_s}
            onInput={(wait_s) => set({ wait_s })}
          />
        </>
      ) : (
        <Count
          place={`${place}.repeats`}
          label={t("admin.script.repeats")}
          min={1}
          max={10}
          unit={t("admin.times", { n: script.repeats })}
          value={script.repeats}
          onInput={(repeats) => set({ repeats })}
        />
      )}
      {script.first === "operator" ? (
        <Frame place={`${place}.cancel_keys`} label={t("admin.script.cancel")} help={t("admin.script.cancel.help")}>
          {(ties) => (
            <input
              {...ties}
              class="keys"
              inputMode="tel"
              autocomplete="off"
              value={script.cancel_keys}
              onInput={(event) =>
                set({ cancel_keys: (event.currentTarget.value = typed(event.currentTarget.value)) })
              }
            />
          )}
        </Frame>
      ) : null}
    </div>
  );
}

function Messages({ place, script, trunk, names, set }: PartProps): JSX.Element {
  const says = firstSays(script);
  const addKeys = (): void => {
    const text = script[says].text.trim();
    const phrase = t("admin.script.unsaid.phrase", { keys: script.keys });
    set({ [says]: { ...script[says], text: [text.replace(/([^.!?…])$/, "$1."), phrase].filter(Boolean).join(" ") } });
  };
  if (trunk && !trunk.says) return <p class="remark">{t("admin.script.says.none", { name: trunk.name })}</p>;
  const unsaid = keysUnsaid(script) ? (
    <p class="remark warn with-step" role="status">
      <span>{t("admin.script.unsaid")}</span>
      <button type="button" class="button" onClick={addKeys}>
        {t("admin.script.unsaid.add")}
      </button>
    </p>
  ) : null;
  const own = (side: Side): string =>
    ownWords(script, side)
      .map((piece) =>
        t(`call.says.${piece}`, { name: "{{ name }}", page: "{{ page }}", keys: [...script.keys].join(" ") }),
      )
      .join(" ");
  const of = (side: Side): JSX.Element => (
    <SayField
      key={side}
      place={`${place}.${side}_says`}
      label={t(`admin.script.says.${side}`)}
      own={own(side)}
      {...(side === "visitor" ? { example: t("admin.script.says.visitor.example") } : {})}
      value={script[`${side}_says`]}
      names={names}
      onPut={(value) => set({ [`${side}_says`]: value })}
    />
  );
  const [one, other] = script.first === "operator" ? (["operator", "visitor"] as const) : (["visitor", "operator"] as const);
  return (
    <>
      {of(one)}
      {unsaid}
      {script.first === "operator" && script.connect === "message" ? (
        <p class="remark">{t("admin.script.robot")}</p>
      ) : null}
      {of(other)}
    </>
  );
}

function Times({ place, script, set }: PartProps): JSX.Element {
  const seconds = t("admin.seconds");
  return (
    <>
      <h3>{t("admin.script.operators")}</h3>
      <p class="remark">{t("admin.script.operators.why")}</p>
      <Switch
        label={t("admin.script.responsible")}
        help={t("admin.script.responsible.help")}
        value={script.responsible_first}
        onTurn={(responsible_first) => set({ responsible_first })}
      />
      <div class="three">
        <Count
          place={`${place}.ring_s`}
          label={t("admin.script.ring")}
          min={1}
          max={120}
          unit={seconds}
          value={script.ring_s}
          onInput={(ring_s) => set({ ring_s })}
        />
        <Count
          place={`${place}.rounds`}
          label={t("admin.script.rounds")}
          min={1}
          max={10}
          unit=""
          value={script.rounds}
          onInput={(rounds) => set({ rounds })}
        />
        <Count
          place={`${place}.pause_s`}
          label={t("admin.script.pause")}
          min={0}
          max={300}
          unit={seconds}
          value={script.pause_s}
          onInput={(pause_s) => set({ pause_s })}
        />
      </div>
      <h3>{t("admin.script.visitors")}</h3>
      <div class="three">
        <Count
          place={`${place}.visitor_ring_s`}
          label={t("admin.script.visitor_ring")}
          min={1}
          max={120}
          unit={seconds}
          value={script.visitor_ring_s}
          onInput={(visitor_ring_s) => set({ visitor_ring_s })}
        />
        <Count
          place={`${place}.short_talk_s`}
          label={t("admin.script.short")}
          help={t("admin.script.short.help")}
          min={0}
          max={120}
          unit={seconds}
          value={script.short_talk_s}
          onInput={(short_talk_s) => set({ short_talk_s })}
        />
        <Count
          place={`${place}.talk_max_s`}
          label={t("admin.script.talk_max")}
          min={1}
          max={240}
          unit={t("admin.minutes")}
          value={Math.round(script.talk_max_s / 60)}
          onInput={(minutes) => set({ talk_max_s: minutes * 60 })}
        />
      </div>
    </>
  );
}

function Rules({ place, script, trunk, names, set }: PartProps): JSX.Element {
  return (
    <>
      <Switch
        label={t("admin.script.confirm")}
        help={t("admin.script.confirm.help")}
        value={script.confirm}
        onTurn={(confirm) => set({ confirm })}
      />
      {trunk && !trunk.records && !script.record ? (
        <p class="remark">{t("admin.script.record.none", { name: trunk.name })}</p>
      ) : (
        <Switch
          label={t("admin.script.record")}
          help={t("admin.script.record.help")}
          value={script.record}
          onTurn={(record) => set({ record })}
        />
      )}
      {script.record ? (
        <SayField
          place={`${place}.record_notice`}
          label={t("admin.script.says.notice")}
          example={t("admin.script.says.notice.example")}
          value={script.record_notice}
          names={names}
          onPut={(record_notice) => set({ record_notice })}
        />
      ) : null}
    </>
  );
}
