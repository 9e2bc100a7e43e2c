import "./leads.css";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Refused, api } from "./api";
import { leadWhy, originOf } from "./callbacks";
import { LeadCalls } from "./callhistory";
import { CallNow } from "./callnow";
import { type LeadStep, LeadSheet } from "./leadsteps";
import { listen } from "./leadsheard";
import { LiveCalls } from "./livecalls";
import { inOrder, learnt, soughtBy } from "./leadsorder";
import { type Item, Menu } from "./menu";
import { Avatar, Empty, Icon, IconButton } from "./parts";
import { open } from "./route";
import { phone } from "./names";
import { channels, clock, project, tell } from "./rows";
import { first, t } from "./settings";
import { due, full } from "./times";
import type { Lead, LeadView } from "./wire";

const VIEWS: readonly LeadView[] = ["planned", "waiting", "ended"];

interface Kept {
  all: ReadonlyMap<string, Lead>;
  next: string | null;
  /** Set where the hub paused its search before the page was full. */
  lookedTo: string | null;
  state: "loading" | "ready" | "failed";
}

/** Statuses under which the phone rings or somebody talks: nothing can be decided then. */
const CALLING = new Set(["calling_operator", "operator_on_line", "calling_visitor", "visitor_on_line", "talking"]);

const NONE: Kept = { all: new Map(), next: null, lookedTo: null, state: "loading" };
/** Who types is not asked for at every letter. */
const TYPED_MS = 250;
const SOUGHT_MAX = 100;

/** The orders to call people back: what is planned, what waits for people, what has ended. */
export function Leads(): JSX.Element {
  const [view, setView] = useState<LeadView>("planned");
  const [sought, setSought] = useState("");
  return (
    <section class="leads" aria-label={t("inbox.leads")}>
      <header class="leads-head">
        <h1>{t("inbox.leads")}</h1>
        <Views view={view} onChoose={setView} />
        <Seek onSeek={setSought} />
      </header>
      <LiveCalls />
      <LeadList key={`${project.value} ${view} ${sought}`} view={view} sought={sought} />
    </section>
  );
}

/** Where one types a phone or a name; what is typed is looked for once the typing pauses. */
function Seek({ onSeek }: { onSeek: (sought: string) => void }): JSX.Element {
  const [typed, setTyped] = useState("");
  useEffect(() => {
    const timer = window.setTimeout(() => onSeek(typed.trim()), typed ? TYPED_MS : 0);
    return () => window.clearTimeout(timer);
  }, [typed]);
  return (
    <div class="search leads-search" role="search">
      <Icon name="search" />
      <input
        type="text"
        inputMode="search"
        enterKeyHint="search"
        autoComplete="off"
        spellcheck={false}
        maxLength={SOUGHT_MAX}
        placeholder={t("inbox.leads.search.placeholder")}
        aria-label={t("inbox.leads.search")}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.isComposing || (event.code !== "Escape" && event.code !== "Enter")) return;
          event.preventDefault();
          if (event.code === "Escape") setTyped("");
          else onSeek(typed.trim());
        }}
      />
      {typed ? (
        <IconButton icon="close" label={t("inbox.search.leave")} onClick={() => setTyped("")} />
      ) : null}
    </div>
  );
}

function Views(props: { view: LeadView; onChoose: (view: LeadView) => void }): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    const at = (VIEWS.indexOf(props.view) + by + VIEWS.length) % VIEWS.length;
    props.onChoose(VIEWS[at] ?? "planned");
    frame.current?.querySelectorAll("button")[at]?.focus();
  };
  return (
    <div ref={frame} class="leads-views" role="tablist" aria-label={t("inbox.leads.views")} onKeyDown={move}>
      {VIEWS.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          aria-selected={props.view === name}
          aria-controls="leads"
          tabIndex={props.view === name ? 0 : -1}
          onClick={() => props.onChoose(name)}
        >
          {t(`inbox.leads.${name}`)}
        </button>
      ))}
    </div>
  );
}

function LeadList({ view, sought }: { view: LeadView; sought: string }): JSX.Element {
  const where = project.value;
  const [kept, setKept] = useState<Kept>(NONE);
  const [asked, setAsked] = useState<{ lead: string; step: LeadStep } | null>(null);
  const here = useRef(true);
  // What is told while an answer is on its way: that may be older.
  const fresh = useRef<Lead[] | null>(null);
  const questions = useRef(0);
  const isSought = useRef(soughtBy(sought)).current;
  const learn = (told: readonly Lead[]): void => {
    fresh.current?.push(...told.filter(isSought));
    setKept((had) => ({
      ...had,
      all: learnt(had.all, told.filter((one) => had.all.has(one.id) || isSought(one))),
    }));
  };
  const load = async (after: string | null): Promise<void> => {
    const mine = (questions.current += 1);
    fresh.current = [];
    setKept((had) => ({ ...had, state: "loading" }));
    try {
      const page = await api.leads(where, view, after, { q: sought });
      if (!here.current || mine !== questions.current) return;
      const told = fresh.current ?? [];
      fresh.current = null;
      setKept((had) => ({
        all: learnt(learnt(after === null ? new Map() : had.all, page.items), told),
        next: page.next,
        lookedTo: page.looked_to,
        state: "ready",
      }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (here.current && mine === questions.current) setKept((had) => ({ ...had, state: "failed" }));
    }
  };
  useEffect(() => {
    if (where) void load(null);
    const deaf = listen({
      lead: (lead) => lead.project === where && learn([lead]),
      again: () => void load(null),
    });
    return () => {
      here.current = false;
      deaf();
    };
  }, []);

  const items = inOrder(kept.all.values(), view);
  const lead = asked ? kept.all.get(asked.lead) : undefined;
  return (
    <div id="leads" class="leads-body" role="tabpanel" aria-busy={kept.state === "loading"}>
      {items.length ? (
        <ul class="leads-list" aria-label={t(`inbox.leads.${view}`)}>
          {items.map((one) => (
            <Row key={one.id} lead={one} onLearn={learn} onAsk={(step) => setAsked({ lead: one.id, step })} />
          ))}
        </ul>
      ) : kept.state === "ready" && sought ? (
        kept.next ? null : (
          <Empty title={t("inbox.search.none", { query: sought })}>
            <p class="quiet">{t(`inbox.leads.search.none_in.${view}`)}</p>
          </Empty>
        )
      ) : kept.state === "ready" ? (
        <Empty title={t(`inbox.leads.none.${view}`)}>
          <p class="quiet">{t(`inbox.leads.none_why.${view}`)}</p>
        </Empty>
      ) : kept.state === "loading" ? (
        <Skeleton />
      ) : null}
      {kept.state === "failed" ? (
        <Empty title={t("inbox.leads.failed")}>
          <button type="button" class="button" onClick={() => void load(null)}>
            {t("inbox.try_again")}
          </button>
        </Empty>
      ) : null}
      {kept.lookedTo && kept.state === "ready" ? (
        <p class="quiet leads-looked" role="status">
          {t(view === "planned" ? "inbox.leads.search.ahead" : "inbox.search.back", { date: full(kept.lookedTo) })}
        </p>
      ) : null}
      {kept.next && kept.state !== "failed" ? (
        <button
          type="button"
          class="button leads-more"
          disabled={kept.state === "loading"}
          onClick={() => void load(kept.next)}
        >
          {t(kept.lookedTo ? "inbox.leads.search.further" : "inbox.more")}
        </button>
      ) : null}
      {asked && lead ? (
        <LeadSheet
          step={asked.step}
          lead={lead}
          onClose={() => setAsked(null)}
          onDone={(next, stay = false) => {
            learn([next]);
            if (!stay) setAsked(null);
            // Of a corrected phone the answer is another lead.
            if (next.id !== lead.id) void load(null);
          }}
        />
      ) : null}
    </div>
  );
}

function Skeleton(): JSX.Element {
  return (
    <ul class="leads-list leads-skeleton" aria-hidden="true">
      {[1, 2, 3].map((one) => (
        <li key={one} class="lead">
          <span class="avatar" />
          <span class="lead-who">
            <span class="bone" />
          </span>
        </li>
      ))}
    </ul>
  );
}

interface RowProps {
  lead: Lead;
  onLearn: (told: Lead[]) => void;
  onAsk: (step: LeadStep) => void;
}

function Row({ lead, onLearn, onAsk }: RowProps): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [past, setPast] = useState(false);
  const number = [phone(lead.phone), lead.extension ? t("inbox.lead.extension", { n: lead.extension }) : ""]
    .filter(Boolean)
    .join(" ");
  const name = lead.name || number;
  const automatic = async (): Promise<void> => {
    setBusy(true);
    try {
      const { lead: next } = await api.automateLead(lead);
      if (next) onLearn([next]);
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };
  const confirm = async (): Promise<void> => {
    setBusy(true);
    try {
      onLearn([await api.confirmLead(lead)]);
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };
  const items: Item[] = [];
  if (lead.attempts || lead.calls) items.push({ label: t("inbox.calls.history_of"), onChoose: () => setPast(true) });
  if (lead.held) items.push({ label: t("inbox.lead.automatic"), onChoose: () => void automatic() });
  if (lead.status !== "awaiting_operator")
    items.push({ label: t("inbox.lead.correct_title"), onChoose: () => onAsk("phone") });
  items.push({ label: t("inbox.lead.cancel_title"), onChoose: () => onAsk("cancel") });
  return (
    <li class="lead">
      <Avatar name={lead.name} kind={kindOf(lead)} />
      <div class="lead-who">
        <p class="lead-name">
          {lead.dialog ? (
            <a
              href={`#${encodeURIComponent(lead.dialog)}`}
              onClick={(event) => {
                if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                event.preventDefault();
                open(lead.dialog);
              }}
            >
              <bdi>{name}</bdi>
            </a>
          ) : (
            <bdi>{name}</bdi>
          )}
          {lead.name ? <span class="lead-phone">{number}</span> : null}
        </p>
        <p class="quiet">{about(lead)}</p>
        {lead.comment ? (
          <p class="lead-comment" dir="auto">
            {lead.comment}
          </p>
        ) : null}
      </div>
      <When lead={lead} />
      {lead.live && !CALLING.has(lead.status) ? (
        <div class="lead-steps">
          {lead.status === "awaiting_operator" ? (
            <button type="button" class="button strong" disabled={busy} onClick={() => void confirm()}>
              {t("inbox.calls.confirm")}
            </button>
          ) : null}
          {lead.dialog && lead.status !== "awaiting_operator" ? (
            <CallNow
              dialog={lead.dialog}
              phone={lead.phone}
              zones={lead.clocks.map(({ zone }) => zone)}
              name={name}
              icon
              onDone={(next) => onLearn([next])}
            />
          ) : null}
          {lead.status === "awaiting_operator" ? null : (
            <button type="button" class="button" disabled={busy} onClick={() => onAsk("move")}>
              {t(lead.due_at ? "inbox.lead.move" : "inbox.lead.set_time")}
            </button>
          )}
          <Menu label={t("inbox.lead.more", { name })} class="icon-button" items={items}>
            <Icon name="more" />
          </Menu>
        </div>
      ) : lead.calls ? (
        <div class="lead-steps">
          <button type="button" class="button" onClick={() => setPast(true)}>
            {t("inbox.calls")}
          </button>
        </div>
      ) : null}
      {past ? <LeadCalls lead={lead} onClose={() => setPast(false)} /> : null}
    </li>
  );
}

const kindOf = (lead: Lead): string =>
  channels.value.find((one) => one.id === lead.channel)?.kind ?? "site";

/** Who asked for it, how often, and how far it is. */
function about(lead: Lead): string {
  return [
    originOf(lead.origin, lead.rule, lead.rule_name ?? ""),
    lead.joins > 1 ? t("inbox.lead.joins", { n: lead.joins }) : "",
    lead.attempts ? t("inbox.lead.attempts", { n: lead.attempts, of: lead.tries }) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

function When({ lead }: { lead: Lead }): JSX.Element {
  if (!lead.live) {
    const cause = first(`inbox.lead.cause.${lead.cause}`, "") || lead.cause;
    return (
      <div class="lead-when">
        <p>{cause || first(`status.${lead.status}`, lead.status)}</p>
        <p class="quiet">{full(lead.ended_at ?? lead.changed_at)}</p>
      </div>
    );
  }
  if (CALLING.has(lead.status))
    return (
      <div class="lead-when">
        <p>{first(`status.${lead.status}`, lead.status)}</p>
      </div>
    );
  const why = leadWhy(lead);
  const mark = lead.held ? t("inbox.lead.held") : lead.wanted ? t("inbox.lead.wanted") : "";
  if (!lead.due_at)
    return (
      <div class="lead-when">
        <p class="waits">
          {lead.status === "awaiting_operator"
            ? t("inbox.calls.confirm_title")
            : first(`inbox.lead.cause.${lead.cause}`, "inbox.lead.no_time")}
        </p>
        <p class="quiet">{t("inbox.lead.since", { at: full(lead.requested_at ?? lead.created_at) })}</p>
      </div>
    );
  const late = Date.parse(lead.due_at) <= clock.value;
  return (
    <div class="lead-when">
      <p class={late ? "waits" : ""}>
        <time dateTime={lead.due_at} title={full(lead.due_at)}>
          {late ? t("inbox.lead.now") : due(lead.due_at)}
        </time>
        {mark ? <span class="lead-mark">{mark}</span> : null}
      </p>
      {why ? <p class="quiet">{why}</p> : null}
    </div>
  );
}
