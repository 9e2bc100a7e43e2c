import "./texting.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { channels, project } from "../inbox/rows";
import { count } from "../inbox/smsparts";
import { calls } from "./calls";
import { Copied } from "./copied";
import { put } from "./draft";
import { Lines, Pick, Switch, Text } from "./fields";
import { Phrase } from "./phrase";
import { type Calling, type Project, type SmsTrigger, WHENS } from "./project";
import { t } from "./words";

/** What a text may name, as in hub/telling/triggers.py. */
const NAMES = ["first_name", "phone", "project", "operator", "number"];
const TEXT_MAX = 670;
const MOST = 20;
const SMS = new Set(["smsaero"]);

/** What is written by SMS after a call. */
export function Texting({ home }: { home: Project }): JSX.Element {
  const { texting } = home;
  const by = channels.value.filter(({ kind }) => SMS.has(kind));
  const set = (n: number, change: Partial<SmsTrigger>): void =>
    put({ texting: texting.map((one, at) => (at === n ? { ...one, ...change } : one)) });
  return (
    <section class="texting" data-place="texting" aria-labelledby="texting-title">
      <h2 id="texting-title">{t("admin.texting")}</h2>
      <p class="remark">{t("admin.texting.why")}</p>
      {by.length === 0 ? (
        <p class="remark">
          {t("admin.texting.no_channel")} <a href="#/admin/channels">{t("admin.texting.connect")}</a>
        </p>
      ) : null}
      {texting.map((one, n) => (
        <div key={one.id} class="texting-one" role="group" aria-label={t(`admin.texting.when.${one.when}`)}>
          <Switch
            label={t("admin.texting.enabled")}
            value={one.enabled}
            onTurn={(enabled) => set(n, { enabled })}
          />
          <Pick
            label={t("admin.texting.when")}
            value={one.when}
            of={WHENS.map((when) => [when, t(`admin.texting.when.${when}`)])}
            onPick={(when) => set(n, { when })}
          />
          {by.length > 1 || !by.some(({ id }) => id === one.channel) ? (
            <div data-place={`texting.${n}.channel`}>
              <Pick
                label={t("admin.texting.channel")}
                value={one.channel}
                of={by.map(({ id, name }) => [id, name])}
                onPick={(channel) => set(n, { channel })}
              />
            </div>
          ) : null}
          <Phrase
            place={`texting.${n}.text`}
            label={t("admin.texting.text")}
            max={TEXT_MAX}
            names={NAMES}
            value={one.text}
            onInput={(text) => set(n, { text })}
          />
          <Cost text={one.text} home={home} />
          <div class="texting-foot">
            <Switch
              label={t("admin.texting.only_hours")}
              help={t("admin.texting.only_hours.help")}
              value={one.only_hours}
              onTurn={(only_hours) => set(n, { only_hours })}
            />
            <button
              type="button"
              class="button"
              onClick={() => put({ texting: texting.filter((_, at) => at !== n) })}
            >
              {t("admin.texting.remove")}
            </button>
          </div>
        </div>
      ))}
      {texting.length < MOST && by[0] ? (
        <button
          type="button"
          class="button"
          onClick={() => put({ texting: [...texting, fresh(texting, by[0]?.id ?? "")] })}
        >
          {t("admin.texting.add")}
        </button>
      ) : null}
    </section>
  );
}

/** What one such message costs, with names put in as they may be. */
function Cost({ text, home }: { text: string; home: Project }): JSX.Element {
  const { parts, units } = count(filled(text, home).trim());
  return (
    <p class="texting-cost" role="status">
      {t("inbox.sms.cost", { parts, n: units })}
    </p>
  );
}

function filled(text: string, home: Project): string {
  const known: Record<string, string> = {
    first_name: t("admin.texting.sample.client"),
    phone: "+79161234567",
    project: home.name,
    operator: t("admin.texting.sample.operator"),
    number: home.calling.shown || "+74951234567",
  };
  const put = (_: string, name: string): string => known[name] ?? "";
  return text.replace(/\{\{\s*(\w+)[^}]*\}\}/g, put).replace(/(?<!\d)\$(\w+)\$(?!\d)/g, put);
}

/** One that is not there yet, for the first occasion that has none. */
function fresh(had: SmsTrigger[], channel: string): SmsTrigger {
  const when = WHENS.find((each) => had.every((one) => one.when !== each)) ?? "after_call";
  let n = had.length + 1;
  while (had.some(({ id }) => id === `sms-${n}`)) n += 1;
  return { id: `sms-${n}`, enabled: true, when, channel, text: start(when), only_hours: false };
}

const start = (when: SmsTrigger["when"]): string =>
  t(`admin.texting.start.${when}`, { what: "{{ project }}" });

interface ExhaustedProps {
  calling: Calling;
  onPut: (part: Partial<Calling>) => void;
}

/** Who is told of clients that no call reached: people by e-mail, a system by a signed event. */
export function Exhausted({ calling, onPut }: ExhaustedProps): JSX.Element {
  return (
    <>
      <Lines
        place="calling.mails"
        label={t("admin.calling.mails")}
        help={t("admin.calling.mails.help")}
        example="sales@example.com"
        value={calling.mails}
        onInput={(mails) => onPut({ mails })}
      />
      <Text
        place="calling.exhausted_url"
        label={t("admin.calling.exhausted_url")}
        help={t("admin.calling.exhausted_url.help")}
        example="https://crm.example.com/hook"
        keys="url"
        max={500}
        value={calling.exhausted_url}
        onInput={(exhausted_url) => onPut({ exhausted_url })}
      />
      {calling.exhausted_url.trim() ? <EventKey /> : null}
    </>
  );
}

function EventKey(): JSX.Element | null {
  const [known, setKnown] = useState<{ header: string; key: string } | null>(null);
  useEffect(() => {
    let mine = true;
    setKnown(null);
    void calls
      .eventKey(project.value)
      .then((found) => mine && setKnown(found))
      .catch(() => {});
    return () => {
      mine = false;
    };
  }, [project.value]);
  if (!known) return null;
  return (
    <p class="remark">
      {t("admin.calling.event_key", { header: known.header })} <Copied text={known.key} />
    </p>
  );
}
