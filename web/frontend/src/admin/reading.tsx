import "./reading.css";
import type { ComponentChildren, JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { Refused, api } from "../inbox/api";
import { project } from "../inbox/rows";
import { refusal } from "../inbox/settings";
import type { Reading as Told } from "./wire";
import { first, t } from "./words";

const BODY_MAX = 200_000;
const SAMPLE = '{"name": "Anna", "phone": "8 912 345-67-89", "comment": "…"}';

/** What a site's form would become, told before the site sends one. */
export function Reading({ channel }: { channel: string }): JSX.Element {
  const [body, setBody] = useState("");
  const [found, setFound] = useState<Told | null>(null);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const id = useId();
  const read = async (): Promise<void> => {
    setBusy(true);
    setTrouble("");
    setFound(null);
    try {
      setFound(await api.readBody(project.value, channel, body, typeOf(body)));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTrouble(refusal(error.problem.code));
    }
    setBusy(false);
  };
  return (
    <section class="form-reading" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{t("admin.reading")}</h2>
      <p class="remark" id={`${id}-why`}>
        {t("admin.reading.why")}
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (body.trim() && !busy) void read();
        }}
      >
        <div class="setting">
          <label class="visually-hidden" for={id}>
            {t("admin.reading.body")}
          </label>
          <textarea
            id={id}
            rows={4}
            aria-describedby={`${id}-why`}
            spellcheck={false}
            maxLength={BODY_MAX}
            placeholder={SAMPLE}
            value={body}
            onInput={(event) => setBody(event.currentTarget.value)}
          />
        </div>
        <p class="steps">
          <button type="submit" class="button" disabled={busy || !body.trim()}>
            {t(busy ? "admin.reading.reading" : "admin.reading.read")}
          </button>
        </p>
      </form>
      <p class="field-wrong" role="alert">
        {trouble}
      </p>
      <div aria-live="polite">{found ? <Found told={found} /> : null}</div>
    </section>
  );
}

/** A body says by itself which of the two it is. */
const typeOf = (body: string): string =>
  /^\s*[[{]/.test(body) ? "application/json" : "application/x-www-form-urlencoded";

function Found({ told }: { told: Told }): JSX.Element {
  if (told.error)
    return <p class="remark warn">{first(`admin.reading.error.${told.error}`, "admin.reading.error")}</p>;
  if (told.said.length)
    return (
      <>
        <h3>{t("admin.reading.lines")}</h3>
        <dl>
          {told.said.map((line, n) => (
            <Pair key={n} name={t(line.staff ? "admin.reading.staff" : "admin.reading.visitor")}>
              {line.text || "…"}
            </Pair>
          ))}
        </dl>
      </>
    );
  if (told.event)
    return <p class="remark">{first(`admin.reading.event.${told.event}`, "admin.reading.event")}</p>;
  const utm = Object.entries(told.utm);
  const subscribes = told.advertising && told.email && !told.written;
  return (
    <>
      <dl>
        <Pair name={t("admin.reading.phone")}>
          {told.phone ? (
            <span class="found">{told.phone}</span>
          ) : (
            <span class="lacking">
              {told.written ? `${told.written}: ` : ""}
              {first(`admin.reading.why_not.${told.why_not}`, "admin.reading.why_not.other")}
            </span>
          )}
        </Pair>
        <Pair name={t("admin.reading.name")}>{told.name}</Pair>
        <Pair name={t("admin.reading.email")}>{told.email}</Pair>
        <Pair name={t("admin.reading.advertising")}>{told.advertising}</Pair>
        <Pair name={t("admin.reading.comment")}>{told.comment}</Pair>
        <Pair name={t("admin.reading.form")}>{told.form}</Pair>
        <Pair name={t("admin.reading.page")}>{told.page}</Pair>
        <Pair name={t("admin.reading.utm")}>{utm.map(([name, value]) => `${name}: ${value}`).join("\n")}</Pair>
        <Pair name={t("admin.reading.handling")}>
          {t(`admin.reading.handling.${subscribes ? "subscription" : told.handling || "connection"}`)}
        </Pair>
      </dl>
      <List name={t("admin.reading.fields")} of={told.fields.map(({ name, value }) => [name, value] as const)} />
      <List
        name={t("admin.reading.ignored")}
        of={told.ignored.map(({ name, why }) => [name, first(`admin.reading.ignored.${why}`, why)] as const)}
      />
    </>
  );
}

function List({ name, of }: { name: string; of: (readonly [string, string])[] }): JSX.Element | null {
  if (!of.length) return null;
  return (
    <>
      <h3>{name}</h3>
      <dl>
        {of.map(([key, value]) => (
          <Pair key={key} name={key}>
            {value}
          </Pair>
        ))}
      </dl>
    </>
  );
}

function Pair({ name, children }: { name: string; children: ComponentChildren }): JSX.Element | null {
  if (!children) return null;
  return (
    <>
      <dt dir="auto">{name}</dt>
      <dd dir="auto">{children}</dd>
    </>
  );
}
