import "./rules.css";
import texts from "catalogue";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { project as here } from "../inbox/rows";
import { lang } from "../inbox/settings";
import { type Key, type Lang, speak } from "../texts";
import { calls } from "./calls";
import { phoneOf } from "./checks";
import { put, rule } from "./draft";
import { BareSwitch, Count, Lines, Switch } from "./fields";
import { DryRun } from "./dryrun";
import { lacking } from "./filtering";
import { Own, wrongRule } from "./own";
import { Phrase } from "./phrase";
import type { Policy, Project } from "./project";
import { Setup } from "./setup";
import { t } from "./words";

type BuiltIn = Exclude<keyof Policy, "own">;

function check({ policy }: Project): { place: string; words: string } | null {
  const bad = policy.spam.phones.findIndex((one) => one.trim() && !/^\+[1-9]\d{6,14}$/.test(phoneOf(one)));
  if (bad >= 0) return { place: `policy.spam.phones.${bad}`, words: t("admin.wrong.phone") };
  for (const [n, own] of policy.own.entries()) {
    const wrong = wrongRule(own);
    if (wrong) return { place: `policy.own.${n}.${wrong}`, words: t("admin.wrong.empty") };
    const empty = lacking(own.where);
    if (empty) return { place: `policy.own.${n}.where.${empty}`, words: t("admin.wrong.filter") };
  }
  return null;
}

/** What happens by itself, and what it would have done lately. */
export function Rules(): JSX.Element {
  const [names, setNames] = useState<string[] | null>(null);
  useEffect(() => {
    let mine = true;
    void calls
      .variables(here.value)
      .then((found) => mine && setNames(found))
      .catch(() => {});
    return () => {
      mine = false;
    };
  }, [here.value]);
  return (
    <Setup home="rules" check={check}>
      {(now) => (
        <div class="rules">
          <div>
            <p class="remark">{t("admin.rules.why")}</p>
            <Cards project={now} names={names} />
            <Own project={now} names={names} />
          </div>
          <DryRun project={now} check={check} />
        </div>
      )}
    </Setup>
  );
}

interface CardsProps {
  project: Project;
  names: readonly string[] | null;
}

function Cards({ project, names }: CardsProps): JSX.Element {
  const { policy } = project;
  const own = (key: Key, values = {}): string => ours(project.lang, key, values);
  return (
    <>
      <Card id="silence" policy={policy}>
        <Count
          place="policy.silence.minutes"
          label={t("admin.rule.silence.minutes")}
          min={1}
          max={1_440}
          unit={t("admin.minutes")}
          value={policy.silence.minutes}
          onInput={(minutes) => rule("silence", { minutes })}
        />
        <Switch
          label={t("admin.rule.silence.asks_phone")}
          help={t("admin.rule.silence.asks_phone.help")}
          value={policy.silence.asks_phone}
          onTurn={(asks_phone) => rule("silence", { asks_phone })}
        />
        {policy.silence.asks_phone ? (
          <Phrase
            place="policy.silence.text"
            label={t("admin.rule.silence.text")}
            names={plain(names)}
            otherwise={own("rules.ask_phone", { name: project.name })}
            value={policy.silence.text}
            onInput={(text) => rule("silence", { text })}
          />
        ) : null}
      </Card>
      <Card id="phone_only" policy={policy} />
      <Card id="closed_hours" policy={policy}>
        <Phrase
          place="policy.closed_hours.text"
          label={t("admin.rule.text")}
          names={names}
          otherwise={own("rules.closed_hours", { when: "{{ opens }}" })}
          value={policy.closed_hours.text}
          onInput={(text) => rule("closed_hours", { text })}
        />
      </Card>
      <Card id="auto_close" policy={policy}>
        <Count
          place="policy.auto_close.hours"
          label={t("admin.rule.auto_close.hours")}
          min={1}
          max={720}
          unit={t("admin.hours_unit", { n: policy.auto_close.hours })}
          value={policy.auto_close.hours}
          onInput={(hours) => rule("auto_close", { hours })}
        />
        <Phrase
          place="policy.auto_close.text"
          label={t("admin.rule.auto_close.text")}
          names={plain(names)}
          otherwise={t("admin.rule.auto_close.nothing")}
          value={policy.auto_close.text}
          onInput={(text) => rule("auto_close", { text })}
        />
      </Card>
      <Card id="potential" policy={policy} />
      <Card id="spam" policy={policy}>
        <Lines
          place="policy.spam.phrases"
          label={t("admin.rule.spam.phrases")}
          help={t("admin.rule.spam.phrases.help")}
          example={t("admin.rule.spam.phrases.example")}
          value={policy.spam.phrases}
          onInput={(phrases) => rule("spam", { phrases })}
        />
        <Lines
          place="policy.spam.phones"
          label={t("admin.rule.spam.phones")}
          help={t("admin.one_a_line")}
          example="+79123456789"
          read={phoneOf}
          value={policy.spam.phones}
          onInput={(phones) => rule("spam", { phones })}
        />
      </Card>
      <Card id="stop_words" policy={policy}>
        <Lines
          place="policy.stop_words.words"
          label={t("admin.rule.stop_words.words")}
          help={t("admin.one_a_line")}
          value={policy.stop_words.words}
          onInput={(words) => rule("stop_words", { words })}
        />
        <Phrase
          place="policy.stop_words.text"
          label={t("admin.rule.text")}
          names={plain(names)}
          otherwise={own("rules.stopped")}
          value={policy.stop_words.text}
          onInput={(text) => rule("stop_words", { text })}
        />
      </Card>
    </>
  );
}

/** The variables of every phrase; when we open is known only to those said while we are closed. */
export function plain(names: readonly string[] | null): readonly string[] | null {
  return names && names.filter((name) => name !== "opens");
}

/** The product's own words, in the language in which the project speaks. */
function ours(of: Lang, key: Key, values: Record<string, string>): string {
  return speak(texts, of)(key, values);
}

interface CardProps {
  id: BuiltIn;
  policy: Policy;
  children?: ComponentChildren;
}

/** One rule: its switch, one sentence of what it does, and its numbers and words while it is on. */
function Card({ id, policy, children }: CardProps): JSX.Element {
  const on = policy[id].enabled;
  return (
    <section class={on ? "rule on" : "rule"} data-place={`policy.${id}`} aria-label={t(`admin.rule.${id}`)}>
      <BareSwitch
        aria-describedby={`rule-${id}`}
        on={on}
        onTurn={(enabled) => put({ policy: { ...policy, [id]: { ...policy[id], enabled } } })}
      >
        <span>{t(`admin.rule.${id}`)}</span>
      </BareSwitch>
      <p id={`rule-${id}`} class="rule-does">
        {t(`admin.rule.${id}.does`)}
      </p>
      {on && children ? (
        <fieldset class="rule-fields" lang={lang.value}>
          <legend class="visually-hidden">{t(`admin.rule.${id}`)}</legend>
          {children}
        </fieldset>
      ) : null}
    </section>
  );
}
