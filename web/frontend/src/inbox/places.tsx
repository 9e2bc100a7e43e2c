import "./places.css";
import type { JSX } from "preact";
import { Icon } from "./parts";
import { phone } from "./names";
import { t } from "./settings";
import type { Button, Card, Spot } from "./wire";

const degrees = (value: number): string => value.toFixed(5);

/** A place on the map; the map itself is a link, for a picture of it would tell a stranger. */
export function Place({ spot }: { spot: Spot }): JSX.Element {
  const at = `${degrees(spot.latitude)}, ${degrees(spot.longitude)}`;
  const where = `${spot.latitude}/${spot.longitude}`;
  const address = `https://www.openstreetmap.org/?mlat=${spot.latitude}&mlon=${spot.longitude}#map=16/${where}`;
  return (
    <a class="file spot" href={address} target="_blank" rel="noopener noreferrer nofollow" title={t("inbox.place.open")}>
      <span class="file-kind" aria-hidden="true">
        <Icon name="pin" />
      </span>
      <span class="file-about">
        <bdi class="file-name">{spot.title || t("inbox.place")}</bdi>
        <span class="file-size">{spot.address || at}</span>
      </span>
    </a>
  );
}

/** Somebody's name and number; whose it is decides whether it may be called as the client's. */
export function Shared({ card }: { card: Card }): JSX.Element {
  const number = card.phone.replace(/[^+\d]/g, "");
  const called = card.name || phone(card.phone);
  return (
    <span class="file shared">
      <span class="file-kind" aria-hidden="true">
        <Icon name="person" />
      </span>
      <span class="file-about">
        <bdi class="file-name">{called}</bdi>
        {number ? (
          <a class="file-size" href={`tel:${number}`}>
            {phone(card.phone)}
          </a>
        ) : null}
        <span class="file-size">{t(card.own ? "inbox.card_own" : "inbox.card_other")}</span>
      </span>
    </span>
  );
}

/** The buttons that stood under what was said; only the visitor can press them. */
export function Buttons({ rows }: { rows: Button[][] }): JSX.Element {
  return (
    <ul class="said-buttons" aria-label={t("inbox.buttons")}>
      {rows.flat().map((button, i) => (
        <li key={i}>{button.label}</li>
      ))}
    </ul>
  );
}
