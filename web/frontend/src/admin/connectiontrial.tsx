import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Refused } from "../inbox/api";
import { project as here } from "../inbox/rows";
import { phone as written } from "../inbox/names";
import { due } from "../inbox/times";
import { type Tried, connecting } from "./connecting";
import { Area, Text } from "./fields";
import { type Terms, fieldsOf, phoneIn } from "./terms";
import { first, t } from "./words";

interface TrialProps {
  id: string;
  terms: Terms;
}

/** A form that nobody sent, and what would become of it with these terms, saved or not. */
export function ConnectionTrial({ id, terms }: TrialProps): JSX.Element {
  const [form, setForm] = useState("");
  const [lines, setLines] = useState("");
  const [tried, setTried] = useState<Tried | null>(null);
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  const run = async (): Promise<void> => {
    setBusy(true);
    setTrouble("");
    const fields = fieldsOf(lines);
    const sample = {
      source: terms.source,
      form: form.trim(),
      form_id: "",
      fields,
      phone: phoneIn(fields),
      terms: { ...terms, name: terms.name || t("admin.links.new") },
      id,
    };
    try {
      setTried(await connecting.preview(here.value, sample));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTried(null);
      setTrouble(first(`error.${error.problem.code}`, "admin.links.try.wrong"));
    }
    setBusy(false);
  };
  return (
    <section class="try-form" aria-label={t("admin.links.try")}>
      <h2>{t("admin.links.try")}</h2>
      <p class="remark">{t("admin.links.try.why")}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <Text place="sample.form" label={t("admin.links.try.form")} max={200} value={form} onInput={setForm} />
        <Area
          place="sample.fields"
          label={t("admin.links.try.fields")}
          help={t("admin.links.try.fields.help")}
          example={t("admin.links.try.fields.example")}
          rows={4}
          value={lines}
          onInput={setLines}
        />
        <button type="submit" class="button strong" disabled={busy}>
          {t("admin.links.try.go")}
        </button>
      </form>
      <div role="status">
        {trouble ? <p class="field-wrong">{trouble}</p> : null}
        {tried ? <Said tried={tried} id={id} /> : null}
      </div>
    </section>
  );
}

function Said({ tried, id }: { tried: Tried; id: string }): JSX.Element {
  const { connection, others } = tried;
  const mine = connection !== null && (connection.id === id || (!id && connection.id === "preview"));
  const marks = { ...tried.visit.utm, ...tried.visit.custom };
  const number = tried.phone
    ? [written(tried.phone), tried.extension].filter(Boolean).join(" · ")
    : `${tried.written ? `${tried.written}: ` : ""}${first(`invalid.${tried.invalid}`, tried.invalid)}`;
  return (
    <dl class="try-said">
      <dt>{t("admin.links.try.taken")}</dt>
      <dd>
        {connection
          ? mine
            ? t("admin.links.try.this")
            : t("admin.links.try.other", { name: connection.name, n: connection.priority })
          : t("admin.links.try.nobody")}
      </dd>
      {others.length ? (
        <>
          <dt>{t("admin.links.try.others")}</dt>
          <dd>{others.map((one) => `${one.name} (${one.priority})`).join(", ")}</dd>
        </>
      ) : null}
      <dt>{t("admin.links.try.phone")}</dt>
      <dd class={tried.phone ? undefined : "field-wrong"}>{number}</dd>
      {tried.handling === "callback" && tried.phone ? (
        <>
          <dt>{t("admin.links.try.when")}</dt>
          <dd>
            {[tried.words, tried.calls_at ? due(tried.calls_at) : t("admin.links.try.by_people")]
              .filter(Boolean)
              .join(" · ")}
          </dd>
        </>
      ) : tried.handling === "register" ? (
        <>
          <dt>{t("admin.links.try.when")}</dt>
          <dd>{t("admin.links.handling.register")}</dd>
        </>
      ) : null}
      {Object.keys(marks).length || tried.visit.label ? (
        <>
          <dt>{t("admin.links.parameters")}</dt>
          <dd>
            {[...Object.entries(marks), ...(tried.visit.label ? [["label", tried.visit.label] as const] : [])]
              .map(([name, value]) => `${name} = ${value === "no_access" ? t("connection.no_access") : value}`)
              .join(", ")}
          </dd>
        </>
      ) : null}
    </dl>
  );
}
