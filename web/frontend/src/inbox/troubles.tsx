import "./troubles.css";
import type { JSX } from "preact";
import { ADMIN } from "./address";
import { Icon } from "./parts";
import { place } from "./route";
import { clock } from "./rows";
import { first, t } from "./settings";
import { full, hours, sameDay } from "./times";
import { calendar, troubles } from "./trouble";
import type { Trouble } from "./wire";

const SHOWN = 3;
const HOURS = `${ADMIN}/~hours`;
const KEY = new Set(["dead_key", "credentials"]);

/** What keeps channels from working, above everything, for whoever can mend it. */
export function Troubles(): JSX.Element | null {
  const all = troubles.value;
  // Where the year is confirmed, its page says so itself.
  const year = isHours() ? null : calendar.value;
  if (!all.length && !year) return null;
  return (
    <div class="troubles" role="status" aria-label={t("inbox.trouble.list")}>
      <ul>
        {all.slice(0, SHOWN).map((trouble) => (
          <li key={trouble.channel}>
            <Icon name="alert" />
            <span>{words(trouble)}</span>
            <a href={`${ADMIN}/${encodeURIComponent(trouble.channel)}`}>
              {t("inbox.trouble.settings")}
            </a>
          </li>
        ))}
        {year ? (
          <li>
            <Icon name="clock" />
            <span>{t("inbox.trouble.calendar", { year })}</span>
            <a href={HOURS}>
              {t("inbox.trouble.calendar_look")}
            </a>
          </li>
        ) : null}
        {all.length > SHOWN ? (
          <li>
            <a href={ADMIN}>
              {t("inbox.trouble.more", { n: all.length - SHOWN })}
            </a>
          </li>
        ) : null}
      </ul>
    </div>
  );
}

const isHours = (): boolean => place.value.page === "admin" && place.value.rest.startsWith("~hours");

const moment = (at: string): string =>
  sameDay(at, new Date(clock.value).toISOString()) ? hours(at) : full(at);

function words({ kind, name, state, reason, since }: Trouble): string {
  const platform = first(`kind.${kind}`, kind);
  const channel = platform === name ? name : t("inbox.trouble.channel", { kind: platform, name });
  const why = first(`failure.${reason}`, "failure.delivery");
  switch (state) {
    case "away":
      return t("inbox.trouble.away", { channel, time: moment(since ?? "") });
    case "deaf":
      return t("inbox.trouble.deaf", { channel, reason: why });
    case "halted":
      return KEY.has(reason)
        ? t("inbox.trouble.key", { channel })
        : t("inbox.trouble.halted", { channel, reason: why });
  }
}
