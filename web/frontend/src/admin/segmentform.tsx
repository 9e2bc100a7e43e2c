import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { freshKey } from "../keys";
import { Refused } from "../inbox/api";
import { Empty, Icon, IconButton } from "../inbox/parts";
import { goTo, open } from "../inbox/route";
import { phone } from "../inbox/row";
import { project as here } from "../inbox/rows";
import { date, full } from "../inbox/times";
import {
  AUTOMATIONS,
  type Counted,
  type Draft,
  SEGMENT,
  type Segment,
  addressOf,
  automating,
} from "./automating";
import { calls } from "./calls";
import { placeOf } from "./draft";
import { refused } from "./editing";
import { Switch, Text } from "./fields";
import { FilterBuilder } from "./filter";
import { pruned } from "./filtering";
import type { FilterField } from "./project";
import { Bar, DropButton, justSaved } from "./savebar";
import { Wait } from "./wait";
import { first, t } from "./words";

const MOST = 10;
const SOON = 600;

const BLANK: Draft = { name: "", filters: [{}], shared: true };

const tidy = ({ name, filters, shared }: Draft): Draft => ({
  name: name.trim(),
  filters: filters.map(pruned),
  shared,
});

/** A saved filter, or several of them together, and how many requests it finds. */
export function SegmentForm({ id }: { id: string }): JSX.Element {
  const [fields, setFields] = useState<FilterField[]>([]);
  const [kept, setKept] = useState<Segment | null>(null);
  const [draft, setDraft] = useState<Draft | null>(null);
  const [trouble, setTrouble] = useState<"" | "admin.missing" | "admin.failed">("");
  const [busy, setBusy] = useState(false);
  const key = useRef(freshKey());
  const project = here.value;

  const read = async (): Promise<void> => {
    setTrouble("");
    try {
      const [all, known] = await Promise.all([
        calls.filterFields(project),
        id ? automating.segments(project) : [],
      ]);
      const one = known.find((each) => each.id === id) ?? null;
      setFields(all);
      setKept(one);
      setDraft(one ?? BLANK);
      if (id && !one) setTrouble("admin.missing");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTrouble("admin.failed");
    }
  };
  useEffect(() => {
    refused.value = null;
    void read();
    return () => {
      refused.value = null;
    };
  }, []);

  if (trouble)
    return (
      <Empty title={t(trouble)}>
        <button type="button" class="button" onClick={() => void read()}>
          {t("admin.again")}
        </button>
      </Empty>
    );
  if (!draft) return <Wait />;

  const before: Draft = kept ?? BLANK;
  const unsaved = JSON.stringify(tidy(draft)) !== JSON.stringify(tidy(before));
  const put = (change: Partial<Draft>): void => {
    setDraft({ ...draft, ...change });
    justSaved.value = "";
    refused.value = null;
  };
  const save = async (): Promise<void> => {
    const wanted = tidy(draft);
    if (!wanted.name) {
      refused.value = { place: "name", words: t("admin.segments.wrong.name") };
      return;
    }
    setBusy(true);
    refused.value = null;
    try {
      const now = kept
        ? await automating.changeSegment(project, kept.id, wanted)
        : await automating.addSegment(project, key.current, wanted);
      setKept(now);
      setDraft(now);
      justSaved.value = now.id;
      if (!id) goTo(addressOf(SEGMENT + now.id));
    } catch (error) {
      refuse(error);
    }
    setBusy(false);
  };
  const drop = async (): Promise<void> => {
    try {
      if (kept) await automating.dropSegment(project, kept.id);
      goTo(AUTOMATIONS);
    } catch (error) {
      refuse(error);
    }
  };

  return (
    <div class="setup automations">
      <div class="setup-main">
        <header class="admin-head">
          <a class="link" href={AUTOMATIONS}>
            {t("admin.room.automations")}
          </a>
          <h1 class="site-title">{draft.name || t("admin.segments.new")}</h1>
        </header>
        <div class="link-form">
          <div>
            <Text
              place="name"
              label={t("admin.links.name")}
              max={80}
              value={draft.name}
              onInput={(name) => put({ name })}
            />
            <Switch
              label={t("admin.segments.share")}
              help={t("admin.segments.share.help")}
              value={draft.shared}
              onTurn={(shared) => put({ shared })}
            />
            {draft.filters.map((filter, n) => (
              <section key={n} class="union">
                <header>
                  <span>{n ? t("admin.segments.or") : t("admin.segments.who")}</span>
                  {draft.filters.length > 1 ? (
                    <IconButton
                      icon="close"
                      label={t("admin.segments.drop_filter")}
                      onClick={() => put({ filters: draft.filters.filter((_, at) => at !== n) })}
                    />
                  ) : null}
                </header>
                <FilterBuilder
                  place={`filters.${n}`}
                  fields={fields}
                  value={filter}
                  onPut={(next) =>
                    put({ filters: draft.filters.map((each, at) => (at === n ? next : each)) })
                  }
                  empty={t("admin.segments.everything")}
                />
              </section>
            ))}
            <div class="adds">
              {draft.filters.length < MOST ? (
                <button
                  type="button"
                  class="button with-icon"
                  onClick={() => put({ filters: [...draft.filters, {}] })}
                >
                  <Icon name="plus" />
                  {t("admin.segments.more")}
                </button>
              ) : null}
              {kept ? <DropButton words={t("admin.segments.drop")} onDrop={() => void drop()} /> : null}
            </div>
          </div>
          <Count draft={tidy(draft)} />
        </div>
      </div>
      <Bar unsaved={unsaved} saved={kept !== null && justSaved.value === kept.id} busy={busy} onDrop={() => put(before)} onSave={() => void save()} />
    </div>
  );
}

function refuse(error: unknown): void {
  if (!(error instanceof Refused)) throw error;
  const { code, field, current } = error.problem;
  const place = field ? placeOf(field).replace(/^segment\./, "") : "form";
  refused.value = {
    place,
    words: first(`admin.refused.segment.${code}`, `error.${code}`, "admin.wrong.value").replace(
      "{name}",
      current ?? "",
    ),
  };
}

/** How many requests pass as it stands, and the newest of them. */
function Count({ draft }: { draft: Draft }): JSX.Element {
  const [found, setFound] = useState<Counted | null>(null);
  const [trouble, setTrouble] = useState("");
  const asked = JSON.stringify(draft.filters);
  useEffect(() => {
    let mine = true;
    const later = window.setTimeout(() => {
      automating.count(here.value, draft.filters).then(
        (counted) => {
          if (!mine) return;
          setFound(counted);
          setTrouble("");
        },
        (error: unknown) => {
          if (!(error instanceof Refused)) throw error;
          if (mine) setTrouble(t("admin.segments.unfinished"));
        },
      );
    }, SOON);
    return () => {
      mine = false;
      clearTimeout(later);
    };
  }, [asked]);
  return (
    <section class="try-form" aria-label={t("admin.segments.found")}>
      <h2>{t("admin.segments.found")}</h2>
      <div role="status">
        {trouble ? (
          <p class="remark">{trouble}</p>
        ) : found ? (
          <>
            <p class="found-n">{t("admin.segments.n", { n: found.n })}</p>
            <p class="quiet">
              {t(found.more ? "admin.segments.back_to" : "admin.segments.of_all", {
                date: date(found.back_to),
              })}
            </p>
          </>
        ) : (
          <p class="quiet" aria-busy="true" />
        )}
      </div>
      {found && !trouble ? (
        <ul class="found-some">
          {found.items.map((one) => (
            <li key={one.dialog}>
              <button type="button" class="button-like" onClick={() => open(one.dialog)}>
                <bdi>{one.name || (one.phone ? phone(one.phone) : t("inbox.guest"))}</bdi>
              </button>
              <p class="quiet">
                {[one.name && one.phone ? phone(one.phone) : "", full(one.created_at)]
                  .filter(Boolean)
                  .join(" · ")}
              </p>
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}
