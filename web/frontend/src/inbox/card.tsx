import type { ComponentChildren, JSX } from "preact";
import { IconButton } from "./parts";
import { safe } from "../links";
import { open } from "./route";
import { first, t } from "./settings";
import { opened, thread } from "./store";
import { ago, full } from "./times";

export function Card({ onClose }: { onClose: () => void }): JSX.Element | null {
  const dialog = opened.value;
  const now = thread.value;
  if (!dialog || !now) return null;
  const { visit } = dialog;
  const contact = now.contact;
  const point = [dialog.entry_point.value, dialog.entry_point.comment].filter(Boolean).join(" · ");
  return (
    <aside class="card" aria-label={t("inbox.card")}>
      <header>
        <h2>{contact?.name || dialog.name || t("inbox.guest")}</h2>
        <IconButton icon="close" label={t("inbox.card_close")} class="card-close" onClick={onClose} />
      </header>
      <dl>
        <Field name={t("inbox.card.status")}>{first(`status.${dialog.status}`, dialog.status)}</Field>
        <Field name={t("inbox.card.owner")}>{dialog.owner_name || t("inbox.owner.none")}</Field>
        <Field name={t("inbox.card.visit_n")}>
          {dialog.n > 1 ? t("inbox.card.again", { n: dialog.n }) : t("inbox.card.first")}
        </Field>
        <Field name={t("inbox.card.phones")}>{contact?.phones.join(", ")}</Field>
        <Field name={t("inbox.card.emails")}>{contact?.emails.join(", ")}</Field>
      </dl>
      <h3>{t("inbox.card.source")}</h3>
      <dl>
        <Field name={t("inbox.card.channel")}>{first(`kind.${dialog.kind}`, dialog.kind)}</Field>
        <Field name={t("inbox.card.entry_point")}>{point}</Field>
        <Field name={t("inbox.card.page")}>
          {visit.page ? <Address of={visit.page} words={visit.title || visit.page} /> : null}
        </Field>
        <Field name={t("inbox.card.referrer")}>
          {visit.referrer ? <Address of={visit.referrer} words={visit.referrer} /> : null}
        </Field>
        {Object.entries(visit.utm).map(([name, value]) => (
          <Field key={name} name={name}>
            {value}
          </Field>
        ))}
        <Field name={t("inbox.card.lang")}>{visit.lang}</Field>
        <Field name={t("inbox.card.zone")}>{visit.zone}</Field>
      </dl>
      <h3>{t("inbox.card.times")}</h3>
      <dl>
        <Field name={t("inbox.card.created")}>{full(dialog.created_at)}</Field>
        <Field name={t("inbox.card.last")}>{full(dialog.last_at)}</Field>
        <Field name={t("inbox.card.closed")}>{dialog.closed_at ? full(dialog.closed_at) : null}</Field>
      </dl>
      {now.others.length ? (
        <>
          <h3>{t("inbox.card.others")}</h3>
          <ul class="others">
            {now.others.map((other) => (
              <li key={other.id}>
                <button type="button" class="link" onClick={() => open(other.id)}>
                  {first(`status.${other.status}`, other.status)}
                </button>
                <span class="quiet">{ago(other.last_at)}</span>
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </aside>
  );
}

function Field({ name, children }: { name: string; children: ComponentChildren }): JSX.Element | null {
  if (!children) return null;
  return (
    <div class="field">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Address({ of, words }: { of: string; words: string }): JSX.Element {
  const address = /^https?:/i.test(of) ? safe(of) : undefined;
  if (!address) return <>{words}</>;
  return (
    <a href={address} title={of} target="_blank" rel="noopener noreferrer nofollow">
      {words}
    </a>
  );
}
