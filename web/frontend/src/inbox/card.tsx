import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { fileAddress, safe } from "../links";
import { Alike } from "./alike";
import { isHere } from "./awaited";
import { clockOf } from "./callbacks";
import { callsIn } from "./calls";
import { FileCard } from "./files";
import { lazy } from "./lazy";
import { Avatar, Icon, IconButton } from "./parts";
import { isMute } from "./may";
import { lines, opened, thread } from "./reading";
import { Refusals } from "./refusals";
import { open, showLeads } from "./route";
import { phone } from "./names";
import { previewOf } from "./preview";
import { first, t } from "./settings";
import { emailed } from "./steps";
import { ago, due, full } from "./times";
import type { Attachment, Dialog, Known, Visit } from "./wire";

const CallNow = lazy(() => import("./callnow"), "CallNow");
const DialogCalls = lazy(() => import("./callhistory"), "DialogCalls");

/** The value of what a source's rights hide from us. */
const NO_ACCESS = "no_access";

/** How many of the files are shown before they are asked for. */
const FILES = 4;

/** Who the client is and where from; what the page claimed is shown as such. */
export function Card({ onClose }: { onClose: () => void }): JSX.Element | null {
  const dialog = opened.value;
  const now = thread.value;
  if (!dialog || !now) return null;
  const contact = now.contact;
  const name = contact?.name || dialog.name || t("inbox.guest");
  return (
    <aside class="card" aria-label={t("inbox.card")}>
      <header>
        <div>
          <h2>
            <bdi>{name}</bdi>
          </h2>
          <p class="quiet">
            {dialog.n > 1 ? t("inbox.card.again", { n: dialog.n }) : t("inbox.card.first")}
            {dialog.verified ? (
              <span class="card-verified">
                <Icon name="check" />
                {t("inbox.verified")}
              </span>
            ) : null}
          </p>
        </div>
        <IconButton icon="close" label={t("inbox.card_close")} class="card-close" onClick={onClose} />
      </header>
      <Reach
        key={dialog.id}
        dialog={dialog}
        phones={contact?.phones ?? []}
        emails={contact?.emails ?? []}
        callAt={dialog.call_at}
      />
      {contact ? <Refusals dialog={dialog} contact={contact} /> : null}
      {contact ? <Alike dialog={dialog} phones={contact.phones} /> : null}
      <Identities all={now.identities} />
      <Fields fields={dialog.fields ?? {}} />
      {callsIn(dialog.id).length ? <DialogCalls key={dialog.id} dialog={dialog} /> : null}
      <Source dialog={dialog} />
      <Files />
      {now.others.length ? (
        <Section name={t("inbox.card.others")}>
          <ul class="others">
            {now.others.map((other) => (
              <li key={other.id}>
                <button type="button" onClick={() => open(other.id)}>
                  <span class="others-what">{first(`status.${other.status}`, other.status)}</span>
                  <time dateTime={other.last_at} title={full(other.last_at)}>
                    {ago(other.last_at)}
                  </time>
                  {previewOf(other) ? (
                    <span class="others-said" dir="auto">
                      {previewOf(other)}
                    </span>
                  ) : null}
                </button>
              </li>
            ))}
          </ul>
        </Section>
      ) : null}
      <Section name={t("inbox.card.dialog")}>
        <dl>
          <Field name={t("inbox.card.status")}>{first(`status.${dialog.status}`, dialog.status)}</Field>
          <Field name={t("inbox.card.owner")}>{dialog.owner_name || t("inbox.owner.none")}</Field>
          <Field name={t("inbox.card.created")}>{full(dialog.created_at)}</Field>
          <Field name={t("inbox.card.last")}>{full(dialog.last_at)}</Field>
          <Field name={t("inbox.card.closed")}>{dialog.closed_at ? full(dialog.closed_at) : null}</Field>
        </dl>
      </Section>
    </aside>
  );
}

function Reach(props: {
  dialog: Dialog;
  phones: string[];
  emails: string[];
  callAt: string | null;
}): JSX.Element | null {
  const { dialog, phones, emails, callAt } = props;
  /** The address that a letter was begun to; the mail program does not tell whether it went. */
  const [begun, setBegun] = useState("");
  if (!phones.length && !emails.length && !callAt) return null;
  return (
    <ul class="reach">
      {phones.map((number) => (
        <li key={number}>
          <Icon name="phone" />
          <a href={`tel:${number.replace(/[^+\d]/g, "")}`}>{phone(number)}</a>
          <Copy what={number} label={t("inbox.copy_phone")} />
          <CallNow
            dialog={dialog.id}
            phone={number}
            zones={clockOf(dialog)}
            icon
          />
        </li>
      ))}
      {emails.map((email) => (
        <li key={email}>
          <Icon name="mail" />
          <a href={`mailto:${encodeURIComponent(email)}`} onClick={() => setBegun(email)}>
            {email}
          </a>
          <Copy what={email} label={t("inbox.copy_email")} />
        </li>
      ))}
      {emails.includes(begun) ? (
        <li>
          <button
            type="button"
            class="link"
            onClick={() => {
              setBegun("");
              void emailed(dialog);
            }}
          >
            {t("inbox.email.mark")}
          </button>
        </li>
      ) : null}
      {callAt ? (
        <li class="reach-call">
          <Icon name="clock" />
          <span>{t("inbox.card.call_at", { at: due(callAt) })}</span>
          <button type="button" class="link" onClick={showLeads}>
            {t("inbox.card.call_change")}
          </button>
        </li>
      ) : null}
    </ul>
  );
}

/** Where else the same person is known, each with what the messenger calls them. */
function Identities({ all }: { all: Known[] }): JSX.Element | null {
  const known = all.filter((one) => one.kind !== "site" && !isMute(one.channel));
  if (!known.length) return null;
  return (
    <Section name={t("inbox.card.messengers")}>
      <ul class="identities">
        {known.map((one) => (
          <li key={one.channel}>
            <Avatar
              name={one.name}
              kind={one.kind}
              picture={one.picture ? fileAddress(one.picture) : ""}
            />
            <span>
              <bdi>{one.name || t("inbox.guest")}</bdi>
              <span class="quiet">
                {[first(`kind.${one.kind}`, one.kind), one.username ? `@${one.username}` : ""]
                  .filter(Boolean)
                  .join(" · ")}
                {one.reachable ? "" : ` · ${t("inbox.card.unreachable")}`}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

export function Copy({ what, label }: { what: string; label: string }): JSX.Element {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const over = window.setTimeout(() => setDone(false), 1_500);
    return () => clearTimeout(over);
  }, [done]);
  return (
    <>
      <IconButton
        icon={done ? "check" : "copy"}
        label={done ? t("inbox.copied") : label}
        class={done ? "copied" : ""}
        onClick={() => void copy(what).then(setDone)}
      />
      <span class="visually-hidden" role="status">
        {done ? t("inbox.copied") : ""}
      </span>
    </>
  );
}

/** Puts the words into the clipboard, on pages without https too. */
async function copy(what: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(what);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = what;
    field.className = "visually-hidden";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

function Fields({ fields }: { fields: Record<string, string> }): JSX.Element | null {
  const known = Object.entries(fields).filter(([, value]) => value);
  if (!known.length) return null;
  return (
    <Section name={t("inbox.card.fields")}>
      <dl>
        {known.map(([name, value]) => (
          <Field key={name} name={name === "comment" ? t("inbox.card.comment") : name}>
            <span dir="auto">{value}</span>
          </Field>
        ))}
      </dl>
    </Section>
  );
}

function Source({ dialog }: { dialog: Dialog }): JSX.Element {
  const { visit } = dialog;
  const point = [dialog.entry_point.value, dialog.entry_point.comment].filter(Boolean).join(" · ");
  return (
    <Section name={t("inbox.card.source")}>
      <dl>
        <Field name={t("inbox.card.channel")}>{first(`kind.${dialog.kind}`, dialog.kind)}</Field>
        <Field name={t("inbox.card.entry_point")}>{point}</Field>
        <Field name={t("inbox.card.page")}>
          {visit.page ? <Address of={visit.page} words={visit.title || visit.page} /> : null}
        </Field>
        <Field name={t("inbox.card.entry_page")}>
          {visit.entry_page && visit.entry_page !== visit.page ? (
            <Address of={visit.entry_page} words={visit.entry_page} />
          ) : null}
        </Field>
        <Field name={t("inbox.card.referrer")}>
          {visit.referrer ? <Address of={visit.referrer} words={visit.referrer} /> : null}
        </Field>
        <Field name={t("inbox.card.pages")}>{visit.pages ? String(visit.pages) : null}</Field>
        <Field name={t("inbox.card.device")}>
          {visit.device ? first(`inbox.device.${visit.device}`, visit.device) : null}
        </Field>
        <Field name={t("inbox.card.lang")}>{visit.lang}</Field>
        <Field name={t("inbox.card.zone")}>{visit.zone}</Field>
      </dl>
      <Marks
        name={t("inbox.card.utm")}
        of={{
          ...visit.utm,
          ...(visit.label ? { label: visit.label } : {}),
          ...visit.custom,
          ...clicks(visit),
        }}
      />
      {visit.first && (Object.keys(visit.first.utm).length || visit.first.referrer) ? (
        <details class="first-visit">
          <summary>{t("inbox.card.first_visit")}</summary>
          <dl>
            <Field name={t("inbox.card.when")}>{visit.first.at ? full(visit.first.at) : null}</Field>
            <Field name={t("inbox.card.page")}>
              {visit.first.page ? <Address of={visit.first.page} words={visit.first.page} /> : null}
            </Field>
            <Field name={t("inbox.card.referrer")}>
              {visit.first.referrer ? (
                <Address of={visit.first.referrer} words={visit.first.referrer} />
              ) : null}
            </Field>
          </dl>
          <Marks name="" of={visit.first.utm} />
        </details>
      ) : null}
    </Section>
  );
}

/** What an advertiser's own click is known by. */
function clicks(visit: Visit): Record<string, string> {
  const { yclid, gclid, ym_client_id, ga_client_id } = visit;
  const all = { yclid, gclid, ym_client_id, ga_client_id };
  return Object.fromEntries(Object.entries(all).filter((pair): pair is [string, string] => Boolean(pair[1])));
}

function Marks({ name, of }: { name: string; of: Record<string, string> }): JSX.Element | null {
  const all = Object.entries(of);
  if (!all.length) return null;
  return (
    <>
      {name ? <h4>{name}</h4> : null}
      <dl class="marks">
        {all.map(([key, value]) => (
          <Field key={key} name={key}>
            {value === NO_ACCESS ? t("connection.no_access") : value}
          </Field>
        ))}
      </dl>
    </>
  );
}

function Files(): JSX.Element | null {
  const [all, setAll] = useState(false);
  const files = lines.value
    .filter((entry) => !entry.deleted_at)
    .flatMap((entry) => entry.attachments)
    .filter(isHere)
    .reverse();
  if (!files.length) return null;
  const shown: Attachment[] = all ? files : files.slice(0, FILES);
  return (
    <Section name={t("inbox.card.files")}>
      <div class="card-files">
        {shown.map((file) => (
          <FileCard key={file.id} file={file} />
        ))}
      </div>
      {files.length > shown.length ? (
        <button type="button" class="link" onClick={() => setAll(true)}>
          {t("inbox.card.all_files", { n: files.length })}
        </button>
      ) : null}
    </Section>
  );
}

function Section({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <section class="card-section">
      <h3>{name}</h3>
      {children}
    </section>
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
      {words.replace(/^https?:\/\/(www\.)?/i, "")}
    </a>
  );
}
