import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Refused } from "../inbox/api";
import { project as here } from "../inbox/rows";
import { refusal } from "../inbox/settings";
import { date as dateOf, full } from "../inbox/times";
import { calls } from "./calls";
import { placeOf } from "./draft";
import { refused } from "./editing";
import { Count } from "./fields";
import type { DryRun as Tried, Policy, Project, Would } from "./project";
import { type Check, show } from "./setup";
import { tidied } from "./tidying";
import { first, t } from "./words";

const MOST_DAYS = 30;

/** What these rules, saved or not, would have done in the last days. */
export function DryRun({ project, check }: { project: Project; check: Check }): JSX.Element {
  const [days, setDays] = useState(7);
  const [tried, setTried] = useState<{ of: Policy; days: number; found: Tried } | null>(null);
  const now = tidied(project).policy;
  const stale = tried !== null && JSON.stringify(tried.of) !== JSON.stringify(now);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const run = async (): Promise<void> => {
    refused.value = check(project);
    if (refused.value) return show();
    setBusy(true);
    setTrouble("");
    try {
      setTried({ of: now, days, found: await calls.dryRun(here.value, now, days) });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { code, field = "" } = error.problem;
      setTried(null);
      if (error.problem.status === 400 && field) {
        setTrouble(t("admin.dry.wrong"));
        refused.value = { place: placeOf(field), words: first(`admin.wrong.${code}`, "admin.wrong.value") };
        show();
      } else setTrouble(refusal(code));
    }
    setBusy(false);
  };
  return (
    <section class="dry" aria-label={t("admin.dry")}>
      <h2>{t("admin.dry")}</h2>
      <p class="remark">{t("admin.dry.why")}</p>
      <form
        class="dry-ask"
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <Count
          place="days"
          label={t("admin.dry.days")}
          min={1}
          max={MOST_DAYS}
          unit={t("admin.days", { n: days })}
          value={days}
          onInput={setDays}
        />
        <button type="submit" class="button strong" disabled={busy}>
          {t(busy ? "admin.dry.busy" : "admin.dry.go")}
        </button>
      </form>
      <div role="status">
        {trouble ? <p class="field-wrong">{trouble}</p> : null}
        {stale ? <p class="remark warn">{t("admin.dry.stale")}</p> : null}
        {tried ? <Found days={tried.days} found={tried.found} policy={tried.of} /> : null}
      </div>
    </section>
  );
}

function Found({ days, found, policy }: { days: number; found: Tried; policy: Policy }): JSX.Element {
  const counts = Object.entries(found.counts).sort(([, a], [, b]) => b - a);
  return (
    <>
      <p class="dry-said">
        {counts.length ? t("admin.dry.looked", { n: found.looked }) : t("admin.dry.nothing", { n: days })}
        {found.more ? `. ${t("admin.dry.more", { date: dateOf(found.back_to) })}` : ""}
      </p>
      {counts.length ? (
        <>
          <ul class="dry-counts" aria-label={t("admin.dry.counts")}>
            {counts.map(([rule, n]) => (
              <li key={rule}>
                <strong>{n}</strong> {ruleName(rule, policy)}
              </li>
            ))}
          </ul>
          <ol class="dry-found" aria-label={t("admin.dry.found")}>
            {found.found.map((each, n) => (
              <li key={n}>
                <a href={`#${encodeURIComponent(each.dialog)}`}>{each.name || each.phone || t("admin.dry.guest")}</a>
                <time class="quiet" dateTime={each.at}>
                  {full(each.at)}
                </time>
                <span class="dry-does">{would(each)}</span>
                <span class="quiet">{ruleName(each.rule, policy)}</span>
              </li>
            ))}
          </ol>
        </>
      ) : null}
    </>
  );
}

/** A rule as people call it; of an own one, the name it has. */
export function ruleName(rule: string, policy: Policy): string {
  const [kind, id] = rule.split(":");
  if (kind === "own") return policy.own.find((own) => own.id === id)?.name ?? t("admin.own.unnamed");
  return first(`admin.rule.${rule}`, `admin.rule.${kind}`, "") || rule;
}

/** What would have happened, in words. */
function would({ what, text, phone, due_at }: Would): string {
  if (what === "plan")
    return due_at ? t("admin.would.plan", { phone, when: full(due_at) }) : t("admin.would.plan.waits", { phone });
  if (what === "say") return t("admin.would.say", { text });
  if (what === "refuse")
    return text
      .split(" ")
      .map((one) => first(`admin.would.refuse.${one}`))
      .join(", ");
  return first(`admin.would.${what}`, "") || what;
}
