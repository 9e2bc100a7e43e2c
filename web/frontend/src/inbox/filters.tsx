import type { JSX } from "preact";
import { IconButton } from "./parts";
import { channels, filter, me, narrow, operators, view } from "./rows";
import { first, t } from "./settings";
import type { Filter } from "./wire";

/** What a request may be in now; the rest are kept from an older system. */
const STATUSES = [
  "new",
  "accepted",
  "chatting",
  "awaiting_operator",
  "awaiting_retry",
  "potential",
  "mobile_direct",
  "subscribed",
  "email",
  "processed",
  "chat_closed",
  "ended_by_operator",
  "ended_by_visitor",
  "spam",
];

interface Narrowing {
  field: keyof Filter;
  words: string;
}

/** What the list is narrowed to, in words. */
function narrowings(): Narrowing[] {
  const { owner, status, channel, awaits, sort } = filter.value;
  const found: Narrowing[] = [];
  if (awaits) found.push({ field: "awaits", words: t("inbox.filter.unanswered") });
  if (channel) found.push({ field: "channel", words: channelName(channel) });
  if (owner) found.push({ field: "owner", words: ownerName(owner) });
  if (status) found.push({ field: "status", words: first(`status.${status}`, status) });
  if (sort === "waiting" && view.value !== "closed")
    found.push({ field: "sort", words: t("inbox.filter.by_waiting") });
  return found;
}

const channelName = (id: string): string =>
  channels.value.find((one) => one.id === id)?.name || id;

function ownerName(id: string): string {
  if (id === "none") return t("inbox.filter.nobody");
  if (id === me.value?.operator.id) return t("inbox.filter.me");
  return operators.value.find((one) => one.id === id)?.name ?? id;
}

export function Chips(): JSX.Element | null {
  const all = narrowings();
  if (all.length === 0) return null;
  return (
    <ul class="chips" aria-label={t("inbox.filter.on")}>
      {all.map(({ field, words }) => (
        <li key={field} class="filter-chip">
          <span>{words}</span>
          <IconButton
            icon="close"
            label={t("inbox.filter.remove", { name: words })}
            onClick={() => narrow({ [field]: field === "sort" ? "last" : "" })}
          />
        </li>
      ))}
    </ul>
  );
}

export function Filters(): JSX.Element {
  const { owner, status, channel, awaits, sort } = filter.value;
  const lists = view.value;
  return (
    <div class="filters" id="filters" role="group" aria-label={t("inbox.filter")}>
      <label class="check">
        <input
          type="checkbox"
          checked={awaits === "operator"}
          onChange={(event) => narrow({ awaits: event.currentTarget.checked ? "operator" : "" })}
        />
        {t("inbox.filter.unanswered")}
      </label>
      {lists === "closed" ? null : (
        <label class="check">
          <input
            type="checkbox"
            checked={sort === "waiting"}
            onChange={(event) => narrow({ sort: event.currentTarget.checked ? "waiting" : "last" })}
          />
          {t("inbox.filter.by_waiting")}
        </label>
      )}
      <Select
        name={t("inbox.filter.channel")}
        value={channel}
        of={channels.value.map((one) => [one.id, one.name || first(`kind.${one.kind}`, one.kind)])}
        onChoose={(to) => narrow({ channel: to })}
      />
      {lists === "all" || lists === "closed" ? (
        <Select
          name={t("inbox.filter.owner")}
          value={owner}
          of={[
            ["none", t("inbox.filter.nobody")],
            ...operators.value.map((one): [string, string] => [one.id, ownerName(one.id)]),
          ]}
          onChoose={(to) => narrow({ owner: to })}
        />
      ) : null}
      <Select
        name={t("inbox.filter.status")}
        value={status}
        of={STATUSES.map((one) => [one, first(`status.${one}`, one)])}
        onChoose={(to) => narrow({ status: to })}
      />
    </div>
  );
}

interface SelectProps {
  name: string;
  value: string;
  of: [string, string][];
  onChoose: (value: string) => void;
}

function Select({ name, value, of, onChoose }: SelectProps): JSX.Element {
  return (
    <label class="filter-select">
      <span>{name}</span>
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        <option value="">{t("inbox.filter.any")}</option>
        {of.map(([one, words]) => (
          <option key={one} value={one}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
