import "./alike.css";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "./api";
import { Avatar } from "./parts";
import { openThread } from "./reading";
import { phone } from "./names";
import { tell } from "./rows";
import { t } from "./settings";
import { date } from "./times";
import type { Alike as Other, Dialog } from "./wire";

/** Who else has the same phone; most often it is one person. */
export function Alike({ dialog, phones }: { dialog: Dialog; phones: string[] }): JSX.Element | null {
  const [all, setAll] = useState<Other[]>([]);
  const [sure, setSure] = useState("");
  const [busy, setBusy] = useState(false);
  const known = phones.join(" ");
  useEffect(() => {
    let here = true;
    setAll([]);
    if (known)
      api.alike(dialog.id).then(
        (found) => here && setAll(found),
        () => {},
      );
    return () => {
      here = false;
    };
  }, [dialog.id, dialog.contact, known]);

  async function join(other: Other): Promise<void> {
    setBusy(true);
    try {
      await api.merge(dialog.id, other.contact);
      setAll((had) => had.filter((one) => one.contact !== other.contact));
      await openThread(dialog.id);
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  }

  if (!all.length) return null;
  return (
    <section class="card-section alike" aria-label={t("inbox.alike")}>
      <h3>{t("inbox.alike")}</h3>
      <ul>
        {all.map((one) => (
          <li key={one.contact}>
            <Avatar name={one.name} kind={one.kind || "site"} />
            <span class="alike-who">
              <bdi>{one.name || t("inbox.guest")}</bdi>
              <span class="quiet">
                {[
                  one.phones.map(phone).join(", "),
                  one.dialogs ? t("inbox.alike.dialogs", { n: one.dialogs }) : "",
                  one.last_at ? date(one.last_at) : "",
                ]
                  .filter(Boolean)
                  .join(" · ")}
              </span>
            </span>
            <button
              type="button"
              class={sure === one.contact ? "button strong" : "button"}
              disabled={busy}
              onBlur={() => setSure("")}
              onClick={() => (sure === one.contact ? void join(one) : setSure(one.contact))}
            >
              {t(sure === one.contact ? "inbox.alike.sure" : "inbox.alike.join")}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
