import "./script.css";
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import type { Key } from "../texts";
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

function Keys(part: PartProps): JSX.Element {
  const { script } = part;
  return (
    <div class="pair">
      {script.connect === "key" ? (
        <>
          <Pressed {...part} of="keys" label={t("admin.script.keys")} help={t("admin.script.keys.help")} />
          <Counted {...part} of="wait_s" />
        </>
      ) : (
        <Counted {...part} of="repeats" unit={t("admin.times", { n: script.repeats })} />
      )}
      {script.first === "operator" ? (
        <Pressed {...part} of="cancel_keys" label={t("admin.script.cancel")} help={t("admin.script.cancel.help")} />
      ) : null}
    </div>
  );
}

interface PressedProps extends PartProps {
  of: "keys" | "cancel_keys";
  label: string;
  help: string;
}

/** Keys of a telephone. */
function Pressed({ place, script, set, of, label, help }: PressedProps): JSX.Element {
  const typed = (keys: string): string => keys.replace(/[^0-9*#]/g, "").slice(0, 4);
  return (
    <Frame place={`${place}.${of}`} label={label} help={help}>
      {(ties) => (
        <input
          {...ties}
          class="keys"
          inputMode="tel"
          autocomplete="off"
          value={script[of]}
          onInput={(event) => set({ [of]: (event.currentTarget.value = typed(event.currentTarget.value)) })}
        />
      )}
    </Frame>
  );
}

interface Bounds {
  label: Key;
  help?: Key;
  min: number;
  max: number;
  /** How many of what is kept make one of what is seen. */
  per?: number;
}

const COUNTS = {
  wait_s: { label: "admin.script.wait", help: "admin.script.wait.help", min: 1, max: 120 },
  repeats: { label: "admin.script.repeats", min: 1, max: 10 },
  ring_s: { label: "admin.script.ring", min: 1, max: 120 },
  rounds: { label: "admin.script.rounds", min: 1, max: 10 },
  pause_s: { label: "admin.script.pause", min: 0, max: 300 },
  visitor_ring_s: { label: "admin.script.visitor_ring", min: 1, max: 120 },
  short_talk_s: { label: "admin.script.short", help: "admin.script.short.help", min: 0, max: 120 },
  talk_max_s: { label: "admin.script.talk_max", min: 1, max: 240, per: 60 },
} as const satisfies Record<string, Bounds>;

interface CountedProps extends PartProps {
  of: keyof typeof COUNTS;
  /** Seconds if it is left out. */
  unit?: string;
}

function Counted({ place, script, set, of, unit = t("admin.seconds") }: CountedProps): JSX.Element {
  const { label, help, per = 1, ...limits }: Bounds = COUNTS[of];
  return (
    <Count
      place={`${place}.${of}`}
      label={t(label)}
      {...(help ? { help: t(help) } : {})}
      {...limits}
      unit={unit}
      value={Math.round(script[of] / per)}
      onInput={(n) => set({ [of]: n * per })}
    />
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

function Times(part: PartProps): JSX.Element {
  const { script, set } = part;
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
        <Counted {...part} of="ring_s" />
        <Counted {...part} of="rounds" unit="" />
        <Counted {...part} of="pause_s" />
      </div>
      <h3>{t("admin.script.visitors")}</h3>
      <div class="three">
        <Counted {...part} of="visitor_ring_s" />
        <Counted {...part} of="short_talk_s" />
        <Counted {...part} of="talk_max_s" unit={t("admin.minutes")} />
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
