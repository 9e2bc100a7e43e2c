import "./linked.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, api } from "../inbox/api";
import { Empty, Icon } from "../inbox/parts";
import { project, tell } from "../inbox/rows";
import { refusal } from "../inbox/settings";
import type { ChannelChange, ChannelForm, ChannelSettings } from "./wire";
import { Asked, say, want } from "./asked";
import { BotDoor } from "./botdoor";
import { Copied } from "./copied";
import { differing, refused, since } from "./editing";
import { BareSwitch } from "./fields";
import { type Value, type Values, missing, nameOf, placed, secrets, told, unplaced } from "./filling";
import { formOf } from "./forms";
import { health } from "./health";
import { useLatest } from "./latest";
import { KindMark } from "./mark";
import { Reading } from "./reading";
import { SaveBar, attempt } from "./savebar";
import { Trying, begin } from "./trial";
import { Wait } from "./wait";
import { first, t } from "./words";

export type { Values } from "./filling";

const AGAIN = 10_000;

type View = ChannelSettings<Values>;

/** A channel on somebody else's platform: how it is, a trial of it, and its settings as a form. */
export function Linked({ found }: { found: View }): JSX.Element {
  const [view, setView] = useState(found);
  const [form, setForm] = useState<ChannelForm | null>(null);
  const [name, setName] = useState(found.name);
  const [values, setValues] = useState<Values>(found.settings);
  const [busy, setBusy] = useState(false);
  const [turning, setTurning] = useState<boolean | null>(null);
  const [saved, setSaved] = useState(false);
  const [trouble, setTrouble] = useState("");
  const { id, kind } = view;
  const latest = useLatest();

  useEffect(() => {
    let here = true;
    refused.value = null;
    void formOf(project.value, kind)
      .then((answer) => here && setForm(answer))
      .catch(() => here && setTrouble(t("admin.failed")));
    const timer = window.setInterval(() => {
      if (document.visibilityState === "visible") look();
    }, AGAIN);
    return () => {
      here = false;
      clearInterval(timer);
    };
  }, [id]);
  /** How it is now; what is being changed is told from what it was when the person began. */
  const look = (): void => {
    const wanted = latest();
    void api
      .channelSettings<Values>(project.value, id)
      .then((next) => wanted() && setView(({ rev, name, settings }) => ({ ...next, rev, name, settings })))
      .catch(() => {});
  };

  const fields = form?.fields ?? [];
  const changed = told(fields, values, view.settings);
  const renamed = name.trim() && name.trim() !== view.name ? name.trim() : "";
  const unsaved = Object.keys(changed).length > 0 || renamed !== "";

  const send = async (change: ChannelChange<Values>): Promise<boolean> => {
    setBusy(true);
    setTrouble("");
    refused.value = null;
    try {
      const next = await api.changeChannel<Values>(project.value, id, change);
      // Whatever was asked before this tells of what is no more.
      latest();
      setView((had) => since(next, had));
      if (change.settings || change.name) {
        // What is typed while it is being saved stays.
        setValues((now) => ({ ...next.settings, ...(differing(values, now) as Values) }));
        setName((now) => (now === name ? next.name : now));
      }
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const field = nameOf(error.problem.field ?? "");
      const { code } = error.problem;
      const words = first(`admin.refused.${code}`, "") || refusal(code);
      if (fields.some((each) => each.name === field)) say(kind, field, code);
      else if (code === "changed") refused.value = { place: "form", words, overtaken: true };
      else setTrouble(words);
      return false;
    } finally {
      setBusy(false);
    }
  };
  const turn = async (enabled: boolean): Promise<void> => {
    setTurning(enabled);
    await attempt(() => send({ enabled }));
    setTurning(null);
  };
  const save = async (): Promise<boolean> => {
    if (!unsaved || busy) return true;
    const lack = missing(fields, values);
    if (lack) {
      want(lack);
      return false;
    }
    const change: ChannelChange<Values> = { rev: view.rev };
    if (renamed) change.name = renamed;
    if (Object.keys(changed).length) change.settings = changed;
    if (!(await send(change))) return false;
    setSaved(true);
    // Whoever put in another key wants to know whether that one is taken.
    if (change.settings && view.enabled) void begin(id);
    return true;
  };
  /** What somebody else has saved is taken; `mine` is put over it, or let go. */
  const takeTheirs = async (mine: boolean): Promise<void> => {
    const next = await api.channelSettings<Values>(project.value, id).catch(tell);
    if (!next) return;
    latest();
    refused.value = null;
    setTrouble("");
    setView(next);
    setValues((now) => ({ ...next.settings, ...(mine && (differing(view.settings, now) as Values)) }));
    setName((now) => (mine && now !== view.name ? now : next.name));
  };
  const { tone, words } = health(view);
  return (
    <div class="linked">
      <header class="site-head">
        <h1 class="visually-hidden">{view.name}</h1>
        <a class="icon-button" href="#/admin" aria-label={t("admin.to_channels")} title={t("admin.to_channels")}>
          <Icon name="back" />
        </a>
        <KindMark kind={kind} />
        <input
          class="site-name"
          aria-label={t("admin.name")}
          maxLength={100}
          readOnly={view.as_code}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <BareSwitch
          disabled={view.as_code || busy}
          on={turning ?? view.enabled}
          onTurn={(on) => void turn(on)}
        >
          <span>{t(view.enabled ? "admin.on" : "admin.off")}</span>
        </BareSwitch>
      </header>
      <div class="linked-body">
        {view.as_code ? <p class="banner">{t("admin.as_code")}</p> : null}
        <p class={`linked-state ${tone}`} role="status">
          <span>{words}</span>
          {view.waiting && view.enabled ? (
            <span class="quiet">{t("admin.health.waiting", { n: view.waiting })}</span>
          ) : null}
        </p>
        <Trying channel={view} calls={form?.calls ?? false} onSeen={look} />
        <Handed kind={kind} values={view.handed} />
        {form?.mute && !form.calls && view.enabled ? <Reading channel={id} /> : null}
        {form && !form.mute ? <BotDoor channel={id} /> : null}
        {form ? (
          <form
            noValidate
            onSubmit={(event) => {
              event.preventDefault();
              void attempt(save);
            }}
          >
            <fieldset class="form" disabled={view.as_code}>
              <legend class="linked-title">{t("admin.linked.settings")}</legend>
              <Asked
                kind={kind}
                fields={fields}
                values={values}
                kept={view.settings}
                onPut={(field: string, value: Value) => {
                  // A field that is merely left says again what it holds.
                  if (values[field] === value) return;
                  setSaved(false);
                  setValues((now) => ({ ...now, [field]: value }));
                  if (refused.value?.place === field) refused.value = null;
                }}
              />
            </fieldset>
          </form>
        ) : trouble ? (
          <Empty title={trouble} />
        ) : (
          <Wait />
        )}
      </div>
      <SaveBar
        typed={{
          form: `channel/${id}`,
          mine: placed(renamed, changed, secrets(fields)),
          onBack: form
            ? (mine) => {
                const { name: called, settings } = unplaced(mine);
                setName((now) => called ?? now);
                setValues((now) => ({ ...now, ...settings }));
                setSaved(false);
              }
            : undefined,
        }}
        unsaved={unsaved}
        saved={saved}
        busy={busy}
        wrong={form ? trouble : ""}
        done={t("admin.linked.saved")}
        onDrop={() => {
          if (refused.value?.overtaken) return void takeTheirs(false);
          setValues(view.settings);
          setName(view.name);
          setTrouble("");
          refused.value = null;
        }}
        onSave={save}
        onTheirs={() => takeTheirs(true)}
      />
    </div>
  );
}

/** What the admin enters at the platform, each with a button that takes it along. */
function Handed({ kind, values }: { kind: string; values: Record<string, string> }): JSX.Element | null {
  const all = Object.entries(values);
  if (!all.length) return null;
  return (
    <section class="handed">
      <h2>{t("admin.handed")}</h2>
      <p class="remark">{first(`channel.${kind}.handed`, "admin.handed.why")}</p>
      <dl>
        {all.map(([name, value]) => (
          <div key={name}>
            <dt>{first(`channel.${kind}.handed.${name}`, `channel.handed.${name}`, name)}</dt>
            <dd>
              <code>{value}</code>
              <Copied text={value} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
