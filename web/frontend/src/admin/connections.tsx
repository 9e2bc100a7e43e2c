import "./connections.css";
import "./setup.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused } from "../inbox/api";
import { Empty, Icon } from "../inbox/parts";
import { open } from "../inbox/route";
import { project as here, tell } from "../inbox/rows";
import { full } from "../inbox/times";
import { ConnectionForm } from "./connectionform";
import { type Connection, type Invalid, addressOf, connecting } from "./connecting";
import { BareSwitch } from "./fields";
import { useLatest } from "./latest";
import { justSaved } from "./savebar";
import type { Condition } from "./terms";
import { Failed, Wait } from "./wait";
import { first, t } from "./words";

const NEW = "+";

/** How filled forms become calls: one connection, or all of them and what they could not read. */
export function Connections({ part }: { part: string }): JSX.Element {
  return part ? (
    <ConnectionForm key={`${here.value} ${part}`} id={part === NEW ? "" : part} />
  ) : (
    <All key={here.value} />
  );
}

function All(): JSX.Element {
  const [found, setFound] = useState<Connection[] | null>(null);
  const [failed, setFailed] = useState(false);
  const id = here.value;
  const latest = useLatest();
  const read = (): void => {
    const wanted = latest();
    setFailed(false);
    connecting.all(id).then(
      (all) => wanted() && setFound(all),
      () => wanted() && setFailed(true),
    );
  };
  useEffect(() => {
    justSaved.value = "";
    read();
  }, []);
  return (
    <div class="setup connections">
      <div class="setup-main">
        <header class="admin-head with-action">
          <div>
            <h1 class="site-title">{t("admin.room.connections")}</h1>
            <p class="remark">{t("admin.links.why")}</p>
          </div>
          <a class="button strong with-icon" href={addressOf(NEW)}>
            <Icon name="plus" />
            {t("admin.links.add")}
          </a>
        </header>
        {failed ? (
          <Failed onAgain={read} />
        ) : !found ? (
          <Wait />
        ) : found.length ? (
          <ol class="links" aria-label={t("admin.room.connections")}>
            {found.map((one) => (
              <Card key={one.id} connection={one} all={found} onChange={read} />
            ))}
          </ol>
        ) : (
          <Empty title={t("admin.links.none")}>
            <p class="quiet">{t("admin.links.none_why")}</p>
          </Empty>
        )}
        <InvalidForms />
      </div>
    </div>
  );
}

interface CardProps {
  connection: Connection;
  all: Connection[];
  onChange: () => void;
}

function Card({ connection, all, onChange }: CardProps): JSX.Element {
  const { id, rev, terms, meets } = connection;
  const [busy, setBusy] = useState(false);
  const others = all.filter((one) => meets.includes(one.id)).map((one) => one.terms.name);
  const turn = async (active: boolean): Promise<void> => {
    setBusy(true);
    try {
      await connecting.change(here.value, id, rev, { ...terms, active });
    } catch (error) {
      tell(error);
    }
    setBusy(false);
    onChange();
  };
  return (
    <li class="link-card">
      <span class="link-rank" title={t("admin.links.priority")}>
        <span class="visually-hidden">{t("admin.links.priority")}: </span>
        {terms.priority}
      </span>
      <div class="link-what">
        <a href={addressOf(id)}>{terms.name}</a>
        <span class="quiet">
          {[
            first(`admin.source.${terms.source}`, terms.source),
            t(`admin.links.handling.${terms.handling}`),
            terms.conditions.map(conditionSaid).join(", "),
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
        {others.length ? (
          <span class="meets">{t("admin.links.meets", { names: others.join(", ") })}</span>
        ) : null}
      </div>
      <BareSwitch
        aria-label={t("admin.turned_on", { name: terms.name })}
        disabled={busy}
        on={busy ? !terms.active : terms.active}
        onTurn={(on) => void turn(on)}
      />
    </li>
  );
}

function conditionSaid({ by, field, op, values }: Condition): string {
  const what = by === "field" ? field : t(`admin.links.by.${by}`);
  return `${what} ${t(`admin.links.op.${op}`)} ${values.join(" / ")}`;
}

/** Forms whose phone could not be read: once the field is put right they are sent again. */
function InvalidForms(): JSX.Element | null {
  const [all, setAll] = useState<Invalid[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState("");
  const id = here.value;
  const read = async (after: string | null): Promise<void> => {
    setBusy(true);
    try {
      const page = await connecting.invalid(id, after);
      setAll((had) => (after ? [...had, ...page.items] : page.items));
      setNext(page.next);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setSaid(t("admin.failed"));
    }
    setBusy(false);
  };
  useEffect(() => void read(null), []);
  const resend = async (ids: string[]): Promise<void> => {
    setBusy(true);
    try {
      const { items } = await connecting.resend(id, ids);
      const left = items.filter((one) => one.waiting).length;
      setSaid(t(left ? "admin.invalid.still" : "admin.invalid.done", { n: left || items.length }));
      setAll((had) =>
        had.flatMap((one) => {
          const now = items.find((each) => each.id === one.id) ?? one;
          return now.waiting ? [now] : [];
        }),
      );
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };
  if (!all.length && !said) return null;
  return (
    <section class="invalid-forms" aria-label={t("admin.invalid")}>
      <h2>{t("admin.invalid")}</h2>
      <p class="remark">{t("admin.invalid.why")}</p>
      <p role="status" class="remark">
        {said}
      </p>
      <ul>
        {all.map((one) => (
          <li key={one.id} class="invalid-form">
            <div>
              <p>
                <button type="button" class="link" onClick={() => open(one.dialog)}>
                  {one.form || t("admin.invalid.form")}
                </button>{" "}
                <span class="quiet">
                  {[one.name, full(one.created_at)].filter(Boolean).join(" · ")}
                </span>
              </p>
              <p class="invalid-why">
                {[one.written, first(`invalid.${one.reason}`, one.reason)].filter(Boolean).join(": ")}
              </p>
            </div>
            <button type="button" class="button" disabled={busy} onClick={() => void resend([one.id])}>
              {t("admin.invalid.resend")}
            </button>
          </li>
        ))}
      </ul>
      <div class="adds">
        {all.length > 1 ? (
          <button
            type="button"
            class="button"
            disabled={busy}
            onClick={() => void resend(all.slice(0, 50).map((one) => one.id))}
          >
            {t("admin.invalid.resend_all")}
          </button>
        ) : null}
        {next ? (
          <button type="button" class="button" disabled={busy} onClick={() => void read(next)}>
            {t("admin.more")}
          </button>
        ) : null}
      </div>
    </section>
  );
}
