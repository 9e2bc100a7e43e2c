import "./help.css";
import type { JSX } from "preact";
import { Keys } from "./parts";
import { letters, t } from "./settings";
import { Sheet } from "./sheet";
import { shown } from "./shown";

/** The keys, in the groups that one looks for them in. */
function sections(): [string, [string, string][]][] {
  return [
    [
      t("inbox.help.list"),
      [
        [t("inbox.act.step"), "↑ ↓ J K"],
        [t("inbox.act.open"), "Enter"],
        [t("inbox.act.back"), "Esc"],
        [t("inbox.act.search"), "/"],
        [t("inbox.views"), "1 2 3 4"],
      ],
    ],
    [
      t("inbox.help.dialog"),
      [
        [t("inbox.act.reply"), "R"],
        [t("inbox.act.note"), "N"],
        [t("inbox.step.take"), "A"],
        [t("inbox.row.assign"), "T"],
        [t("inbox.step.close"), "E"],
        [t("inbox.step.close_next"), "Shift+E"],
      ],
    ],
    [
      t("inbox.help.everywhere"),
      [
        [t("inbox.palette"), "Ctrl+K"],
        [t("inbox.help"), "?"],
      ],
    ],
  ];
}

export function Help(): JSX.Element {
  return (
    <Sheet title={t("inbox.help")} class="help" onClose={() => (shown.value = null)}>
      <div class="help-body">
        <p class="quiet">{t("inbox.help.layout")}</p>
        {sections().map(([name, rows]) => (
          <section key={name}>
            <h3>{name}</h3>
            <dl>
              {rows.map(([words, keys]) => (
                <div key={keys}>
                  <dt>{words}</dt>
                  <dd>
                    <Keys of={keys} />
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <label class="help-switch">
          <input
            type="checkbox"
            checked={letters.value === "on"}
            onChange={(event) => {
              letters.value = event.currentTarget.checked ? "on" : "off";
            }}
          />
          {t("inbox.help.letters")}
        </label>
      </div>
    </Sheet>
  );
}
