import "./linked.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused, api } from "../inbox/api";
import { Icon } from "../inbox/parts";
import { unsaved } from "../inbox/leave";
import { becomes } from "../inbox/route";
import { project } from "../inbox/rows";
import { refusal } from "../inbox/settings";
import type { ChannelForm } from "./wire";
import { Asked, say, want } from "./asked";
import { refused } from "./editing";
import { type Values, blank, missing, nameOf, placed, secrets, told, unplaced } from "./filling";
import { formOf } from "./forms";
import { LINKS } from "./known";
import { useLatest } from "./latest";
import { KindMark } from "./mark";
import { Leaving, Offer, attempt, settling } from "./savebar";
import { begin } from "./trial";
import { Failed, Wait } from "./wait";
import { useTyped } from "./typed";
import { first, t } from "./words";

/** The ones that most businesses look for come first. */
const ORDER = [
  "telegram",
  "max",
  "vk",
  "whatsapp",
  "greenapi",
  "viber",
  "smsaero",
  "asterisk",
  "mango",
  "simulator",
  "site",
  "form",
  "tilda",
  "marquiz",
  "jivosite",
];

const named = (kind: string): string => first(`channel.${kind}`, `kind.${kind}`, kind);

/** What can be connected, each with the one thing that it takes. */
export function Kinds(): JSX.Element {
  const [kinds, setKinds] = useState<string[] | null>(null);
  const [failed, setFailed] = useState(false);
  const id = project.value;
  const latest = useLatest();
  const read = (): void => {
    const wanted = latest();
    setFailed(false);
    void api
      .channelKinds(id)
      .then((all) => wanted() && setKinds(all))
      .catch(() => wanted() && setFailed(true));
  };
  useEffect(read, [id]);
  if (failed) return <Failed onAgain={read} />;
  if (!kinds) return <Wait />;
  const rank = (kind: string): number => (ORDER.includes(kind) ? ORDER.indexOf(kind) : ORDER.length);
  return (
    <ul class="kind-cards" aria-label={t("admin.channels.choose")}>
      {[...kinds]
        .sort((a, b) => rank(a) - rank(b))
        .map((kind) => (
          <li key={kind} class="kind-card">
            <KindMark kind={kind} />
            <a href={`#/admin/+/${kind}`}>{named(kind)}</a>
            <p class="quiet">{first(`channel.${kind}.needs`, "admin.channels.any")}</p>
          </li>
        ))}
    </ul>
  );
}

/** A channel that is yet to be: which one, then what it needs. */
export function Adding({ kind }: { kind: string }): JSX.Element {
  return (
    <div class="channels">
      <header class="linked-head">
        <a
          class="icon-button"
          href={kind ? "#/admin/+" : "#/admin"}
          aria-label={t(kind ? "admin.to_kinds" : "admin.to_channels")}
          title={t(kind ? "admin.to_kinds" : "admin.to_channels")}
        >
          <Icon name="back" />
        </a>
        {kind ? <KindMark kind={kind} /> : null}
        <h1>{kind ? named(kind) : t("admin.channels.choose")}</h1>
      </header>
      {kind ? <New kind={kind} /> : <Kinds />}
    </div>
  );
}

function New({ kind }: { kind: string }): JSX.Element {
  const site = kind === "site";
  const [form, setForm] = useState<ChannelForm | null>(null);
  const usual = site ? "" : first(`kind.${kind}`, kind);
  const [name, setName] = useState(usual);
  const [values, setValues] = useState<Values>({});
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  const read = async (): Promise<void> => {
    setTrouble("");
    refused.value = null;
    if (site) {
      setForm({ kind, fields: [], receives: [], mute: false, calls: false });
      return;
    }
    try {
      const found = await formOf(project.value, kind);
      setForm(found);
      setValues(blank(found.fields));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTrouble(error.problem.status === 400 ? t("admin.channels.no_kind") : t("admin.failed"));
    }
  };
  useEffect(() => void read(), [kind]);
  const fields = form?.fields ?? [];
  const settings = told(fields, values, blank(fields));
  const typed = useTyped({
    form: `new/${kind}`,
    mine: placed(name === usual ? "" : name, settings, secrets(fields)),
    onBack: (mine) => {
      const { name: called, settings: had } = unplaced(mine);
      setName((now) => called ?? now);
      setValues((now) => ({ ...now, ...had }));
    },
  });
  if (!form) return trouble ? <Failed title={trouble} onAgain={() => void read()} /> : <Wait />;
  /** False if it was refused. */
  const add = async (): Promise<boolean> => {
    setTrouble(name.trim() ? "" : t("admin.wrong.empty"));
    refused.value = null;
    const lack = missing(form.fields, values);
    if (lack) want(lack);
    if (lack || !name.trim()) return false;
    setBusy(true);
    try {
      const made = await api.addChannel(project.value, kind, name.trim(), settings);
      becomes(`#/admin/${encodeURIComponent(made.id)}`);
      if (!site) void begin(made.id);
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const field = nameOf(error.problem.field ?? "");
      if (form.fields.some((each) => each.name === field)) say(kind, field);
      else setTrouble(refusal(error.problem.code));
      setBusy(false);
      return false;
    }
  };
  const ways = settling(typed, { onDrop: () => {}, onSave: add });
  const unsent = name !== usual || Object.keys(settings).length > 0;
  const steps = first(`channel.${kind}.steps`, "");
  const link = LINKS[kind];
  return (
    <form
      class="new-channel"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void attempt(ways.onSave);
      }}
    >
      {typed.offered && !unsent ? <Offer typed={typed} /> : null}
      {steps ? (
        <div class="how-to">
          <h2>{t("admin.channels.how")}</h2>
          <ol class="ways">
            {steps.split("\n").map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
          {link ? (
            <a class="link" href={link} target="_blank" rel="noopener noreferrer">
              {first(`channel.${kind}.link.name`, "admin.channels.docs")}
            </a>
          ) : null}
        </div>
      ) : null}
      <div class="setting">
        <label for="new-name">{t(site ? "admin.add_site.name" : "admin.name")}</label>
        <input
          id="new-name"
          autofocus={site}
          maxLength={100}
          placeholder={site ? "example.com" : named(kind)}
          aria-invalid={trouble !== "" && !name.trim()}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        {site ? null : <p class="field-help">{t("admin.name.help")}</p>}
      </div>
      <Asked
        kind={kind}
        fields={form.fields}
        values={values}
        kept={{}}
        onPut={(field, value) => {
          // A field that is merely left says again what it holds.
          if (values[field] === value) return;
          setValues((now) => ({ ...now, [field]: value }));
          if (refused.value?.place === field) refused.value = null;
        }}
      />
      <p class="field-wrong" role="alert">
        {trouble}
      </p>
      <p class="steps">
        <button type="submit" class="button strong" disabled={busy || !name.trim()}>
          {t(busy ? "admin.adding" : site ? "admin.add" : "admin.add_and_try")}
        </button>
        <a
          class="button"
          href="#/admin"
          onClick={() => {
            // Whoever cancels has said so already.
            ways.onDrop();
            unsaved.value = null;
          }}
        >
          {t("admin.drop")}
        </a>
      </p>
      <Leaving unsaved={unsent} busy={busy} {...ways} />
    </form>
  );
}
