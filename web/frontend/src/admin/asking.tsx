import type { JSX } from "preact";
import { Icon, IconButton } from "../inbox/parts";
import { type Purpose, PURPOSES, usual } from "./consents";
import type { ConsentText, Messenger, PrechatField, SiteSettings } from "./wire";
import { freeName, phoneOf } from "./checks";
import { put, wrong } from "./editing";
import { Area, Frame, Lines, Switch, Text } from "./fields";
import { t } from "./words";

interface SectionProps {
  site: SiteSettings;
}

const KINDS = ["telegram", "vk", "whatsapp", "viber", "max"] as const;
const EXAMPLES: Record<Messenger["kind"], string> = {
  telegram: "https://t.me/company_bot",
  vk: "https://vk.me/company",
  whatsapp: "https://wa.me/79991234567",
  viber: "viber://pa?chatURI=company",
  max: "https://max.ru/company",
};

export function Callback({ site }: SectionProps): JSX.Element {
  const { callback, subscription } = site;
  return (
    <>
      <Switch
        label={t("admin.callback.enabled")}
        help={t("admin.callback.enabled.help")}
        value={callback.enabled}
        onTurn={(enabled) => put("callback", { ...callback, enabled })}
      />
      {callback.enabled ? (
        <Area
          place="callback.text"
          label={t("admin.callback.text")}
          help={t("admin.empty_is_ours")}
          example={t("admin.callback.text.example")}
          rows={2}
          max={500}
          value={callback.text}
          onInput={(text) => put("callback", { ...callback, text })}
        />
      ) : null}
      <Text
        place="phone"
        label={t("admin.callback.phone")}
        help={t("admin.callback.phone.help")}
        example="+7 812 123-45-67"
        keys="tel"
        max={30}
        short
        value={site.phone}
        onInput={(phone) => put("phone", phone)}
        onLeave={(phone) => put("phone", phoneOf(phone))}
      />
      <Switch
        label={t("admin.subscription.enabled")}
        help={t("admin.subscription.enabled.help")}
        value={subscription.enabled}
        onTurn={(enabled) => put("subscription", { ...subscription, enabled })}
      />
      {subscription.enabled ? (
        <Area
          place="subscription.text"
          label={t("admin.callback.text")}
          help={t("admin.empty_is_ours")}
          example={t("admin.subscription.text.example")}
          rows={2}
          max={500}
          value={subscription.text}
          onInput={(text) => put("subscription", { ...subscription, text })}
        />
      ) : null}
      <h2>{t("admin.consent.title")}</h2>
      <p class="remark">{t("admin.consent.why")}</p>
      {PURPOSES.map((purpose) => (
        <Consent key={purpose} purpose={purpose} site={site} />
      ))}
    </>
  );
}

function Consent({ purpose, site }: SectionProps & { purpose: Purpose }): JSX.Element {
  const given = site.consents.find((one) => one.purpose === purpose);
  const first = purpose === "processing";
  const set = (next: ConsentText | null): void => {
    const others = site.consents.filter((one) => one.purpose !== purpose);
    const all = next ? [...others, next] : others;
    put("consents", PURPOSES.flatMap((each) => all.find((one) => one.purpose === each) ?? []));
  };
  const blank: ConsentText = { purpose, text: "", url: "", required: first };
  const now = given ?? blank;
  return (
    <div class="block">
      {first ? (
        <p class="block-title">
          {t("admin.consent.processing")} <span class="tag">{t("admin.consent.always")}</span>
        </p>
      ) : (
        <Switch
          label={t(`admin.consent.${purpose}`)}
          value={given !== undefined}
          onTurn={(on) => set(on ? blank : null)}
        />
      )}
      {first || given ? (
        <>
          <Area
            place={`consents.${purpose}.text`}
            label={t("admin.consent.text")}
            help={t("admin.consent.text.help")}
            example={usual(purpose)}
            max={2000}
            value={now.text}
            onInput={(text) => set({ ...now, text })}
          />
          <Text
            place={`consents.${purpose}.url`}
            label={t("admin.consent.url")}
            example="https://example.com/privacy"
            keys="url"
            value={now.url}
            onInput={(url) => set({ ...now, url })}
            onLeave={(url) => set({ ...now, url: url.trim() })}
          />
          {first ? null : (
            <Switch
              label={t("admin.consent.required")}
              value={now.required}
              onTurn={(required) => set({ ...now, required })}
            />
          )}
        </>
      ) : null}
    </div>
  );
}

/** The list with one moved; a list without a place for it stays. */
function moved<T>(list: readonly T[], from: number, by: number): T[] {
  const next = [...list];
  const [one] = next.splice(from, 1);
  if (one !== undefined) next.splice(Math.max(0, from + by), 0, one);
  return next;
}

interface OrderProps {
  n: number;
  of: number;
  what: string;
  onMove: (by: number) => void;
  onRemove: () => void;
}

function Order({ n, of, what, onMove, onRemove }: OrderProps): JSX.Element {
  return (
    <span class="order">
      <button
        type="button"
        class="icon-button turn-up"
        aria-label={t("admin.move.up", { what })}
        title={t("admin.move.up", { what })}
        disabled={n === 0}
        onClick={() => onMove(-1)}
      >
        <Icon name="down" />
      </button>
      <button
        type="button"
        class="icon-button"
        aria-label={t("admin.move.down", { what })}
        title={t("admin.move.down", { what })}
        disabled={n === of - 1}
        onClick={() => onMove(1)}
      >
        <Icon name="down" />
      </button>
      <IconButton icon="close" label={t("admin.remove", { what })} onClick={onRemove} />
    </span>
  );
}

export function Messengers({ site }: SectionProps): JSX.Element {
  const { messengers } = site;
  const set = (next: Messenger[]): void => put("messengers", next);
  const left = KINDS.filter((kind) => !messengers.some((one) => one.kind === kind));
  return (
    <>
      <p class="remark">{t("admin.messengers.why")}</p>
      {messengers.map((one, n) => (
        <div class="block" key={one.kind}>
          <div class="block-head">
            <p class="block-title">{t(`kind.${one.kind}`)}</p>
            <Order
              n={n}
              of={messengers.length}
              what={t(`kind.${one.kind}`)}
              onMove={(by) => set(moved(messengers, n, by))}
              onRemove={() => set(messengers.filter((_, at) => at !== n))}
            />
          </div>
          <Text
            place={`messengers.${n}.url`}
            label={t("admin.messengers.url")}
            example={EXAMPLES[one.kind]}
            keys="url"
            value={one.url}
            onInput={(url) => set(messengers.map((each, at) => (at === n ? { ...each, url } : each)))}
            onLeave={(url) =>
              set(messengers.map((each, at) => (at === n ? { ...each, url: url.trim() } : each)))
            }
          />
        </div>
      ))}
      {left.length ? (
        <div class="adds" role="group" aria-label={t("admin.messengers.add")}>
          {left.map((kind) => (
            <button
              key={kind}
              type="button"
              class="button with-icon"
              onClick={() => set([...messengers, { kind, url: "" }])}
            >
              <Icon name="plus" />
              {t(`kind.${kind}`)}
            </button>
          ))}
        </div>
      ) : null}
    </>
  );
}

const NAME: PrechatField = { name: "name", label: "", required: false, kind: "text", options: [] };
const MOST = 6;

export function Prechat({ site }: SectionProps): JSX.Element {
  const { prechat } = site;
  const set = (fields: PrechatField[]): void => put("prechat", { ...prechat, fields });
  const add = (): void => {
    const name = freeName(prechat.fields);
    const kind = name === "phone" || name === "email" ? name : "text";
    set([...prechat.fields, { name, label: "", required: false, kind, options: [] }]);
  };
  return (
    <>
      <Switch
        label={t("admin.prechat.enabled")}
        help={t("admin.prechat.enabled.help")}
        value={prechat.enabled}
        onTurn={(enabled) =>
          // A form that asks nothing would be seen by nobody; a name is what most ask.
          put("prechat", { enabled, fields: prechat.fields.length ? prechat.fields : [NAME] })
        }
      />
      {wrong("prechat") ? <p class="field-wrong">{wrong("prechat")}</p> : null}
      {prechat.enabled ? (
        <>
          {prechat.fields.map((field, n) => (
            <Question
              key={n}
              field={field}
              others={prechat.fields.filter((_, at) => at !== n)}
              n={n}
              onChange={(next) => set(prechat.fields.map((each, at) => (at === n ? next : each)))}
              onMove={(by) => set(moved(prechat.fields, n, by))}
              onRemove={() => set(prechat.fields.filter((_, at) => at !== n))}
            />
          ))}
          {prechat.fields.length < MOST ? (
            <div class="adds">
              <button type="button" class="button with-icon" onClick={add}>
                <Icon name="plus" />
                {t("admin.prechat.add")}
              </button>
            </div>
          ) : null}
        </>
      ) : null}
    </>
  );
}

interface QuestionProps {
  field: PrechatField;
  others: PrechatField[];
  n: number;
  onChange: (field: PrechatField) => void;
  onMove: (by: number) => void;
  onRemove: () => void;
}

type What = "name" | "phone" | "email" | "text" | "select";

function Question({ field, others, n, onChange, onMove, onRemove }: QuestionProps): JSX.Element {
  const place = `prechat.fields.${n}`;
  const what: What =
    field.name === "name" || field.name === "phone" || field.name === "email"
      ? field.name
      : field.kind === "select"
        ? "select"
        : "text";
  const become = (to: What): void => {
    const own = to === "text" || to === "select";
    const wasOwn = what === "text" || what === "select";
    onChange({
      ...field,
      name: own ? (wasOwn ? field.name : freeName(others, true)) : to,
      kind: to === "name" ? "text" : to,
      options: to === "select" ? field.options : [],
    });
  };
  const title = field.label || (what === "text" || what === "select" ? "" : t(`admin.prechat.${what}`));
  return (
    <div class="block">
      <div class="block-head">
        <p class="block-title">{title || t("admin.prechat.nth", { n: n + 1 })}</p>
        <Order
          n={n}
          of={others.length + 1}
          what={title || t("admin.prechat.nth", { n: n + 1 })}
          onMove={onMove}
          onRemove={onRemove}
        />
      </div>
      <div class="pair">
        <Frame place={`${place}.kind`} label={t("admin.prechat.what")}>
          {(ties) => (
            <select
              {...ties}
              value={what}
              onChange={(event) => become(event.currentTarget.value as What)}
            >
              {(["name", "phone", "email", "text", "select"] as const).map((one) => (
                <option key={one} value={one}>
                  {t(`admin.prechat.${one}`)}
                </option>
              ))}
            </select>
          )}
        </Frame>
        <Text
          place={`${place}.label`}
          label={t("admin.prechat.label")}
          {...(what === "text" || what === "select" ? {} : { example: t(`admin.prechat.${what}`) })}
          max={80}
          value={field.label}
          onInput={(label) => onChange({ ...field, label })}
        />
      </div>
      {what === "text" || what === "select" ? (
        <Text
          place={`${place}.name`}
          label={t("admin.prechat.slug")}
          help={t("admin.prechat.slug.help")}
          example="city"
          max={40}
          short
          value={field.name}
          onInput={(name) => onChange({ ...field, name })}
        />
      ) : null}
      {what === "select" ? (
        <Lines
          place={`${place}.options`}
          label={t("admin.prechat.options")}
          help={t("admin.prechat.options.help")}
          value={field.options}
          onInput={(options) => onChange({ ...field, options })}
        />
      ) : null}
      {what === "phone" ? <p class="remark">{t("admin.prechat.phone.help")}</p> : null}
      <Switch
        label={t("admin.prechat.required")}
        value={field.required}
        onTurn={(required) => onChange({ ...field, required })}
      />
    </div>
  );
}
