import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused } from "../inbox/api";
import { Icon, IconButton } from "../inbox/parts";
import { open } from "../inbox/route";
import { phone } from "../inbox/names";
import { project as here } from "../inbox/rows";
import { date, full } from "../inbox/times";
import { type Counted, type Draft, SEGMENT, type Segment, addressOf, automating } from "./automating";
import { calls } from "./calls";
import { Drafting, type Kind } from "./drafting";
import { Switch, Text } from "./fields";
import { FilterBuilder } from "./filter";
import { pruned } from "./filtering";
import type { FilterField } from "./project";
import { t } from "./words";

const MOST = 10;
const SOON = 600;

const KIND: Kind<Segment, Draft, FilterField[]> = {
  room: "automations",
  name: "segment",
  part: "segment",
  words: { new: "admin.segments.new", nameless: "admin.segments.wrong.name", drop: "admin.segments.drop" },
  addressOf: (id) => addressOf(SEGMENT + id),
  read: async (project, id) => {
    const [fields, all] = await Promise.all([calls.filterFields(project), id ? automating.segments(project) : []]);
    return [fields, all.find((each) => each.id === id)];
  },
  blank: () => ({ name: "", filters: [{}], shared: true }),
  draftOf: (kept) => kept,
  tidy: ({ name, filters, shared }) => ({ name: name.trim(), filters: filters.map(pruned), shared }),
  add: automating.addSegment,
  change: (project, { id }, segment) => automating.changeSegment(project, id, segment),
  drop: (project, { id }) => automating.dropSegment(project, id),
};

/** A saved filter, or several of them together, and how many requests it finds. */
export function SegmentForm({ id }: { id: string }): JSX.Element {
  return (
    <Drafting id={id} kind={KIND}>
      {({ draft, known, put, dropping }) => (
        <>
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
                  fields={known}
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
              {dropping}
            </div>
          </div>
          <Count draft={KIND.tidy(draft)} />
        </>
      )}
    </Drafting>
  );
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
