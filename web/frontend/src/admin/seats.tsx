import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { phone } from "../inbox/names";
import { project } from "../inbox/rows";
import { type Seat, telephony } from "./telephony";
import { t } from "./words";

/** Where everybody's calls go, and who cannot be rung. */
export function Seats({ instead }: { instead: boolean }): JSX.Element | null {
  const [all, setAll] = useState<Seat[] | null>(null);
  useEffect(() => {
    let here = true;
    telephony.seats(project.value).then(
      (found) => here && setAll(found),
      () => {},
    );
    return () => {
      here = false;
    };
  }, [project.value]);
  if (!all) return null;
  const lacking = all.filter((one) => !one.number || !one.enabled).length;
  return (
    <section class="seats" aria-label={t("admin.seats")}>
      <h2>{t("admin.seats")}</h2>
      <p class="remark">{t("admin.seats.why")}</p>
      {instead ? <p class="remark">{t("admin.seats.instead")}</p> : null}
      {lacking && !instead ? (
        <p class="remark warn" role="note">
          {t("admin.seats.lacking", { n: lacking })}
        </p>
      ) : null}
      <ul>
        {all.map((one) => (
          <li key={one.operator}>
            <span class="seat-name">{one.name}</span>
            <span class={one.number && one.enabled ? undefined : "quiet"}>{where(one)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function where({ number, tones, enabled }: Seat): string {
  if (!number) return t("admin.seats.none");
  const extension = tones.replaceAll(",", "");
  const told = [phone(number), extension ? t("admin.seats.tones", { tones: extension }) : ""];
  return [...told, enabled ? "" : t("admin.seats.off")].filter(Boolean).join(" · ");
}
