import "./callback.css";
import type { JSX } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { freshKey } from "../keys";
import { type Wish, api } from "./api";
import { When, Outside, fromField, inHours, toField, useAsking } from "./callbackwhen";
import { thread } from "./reading";
import { phone as written } from "./row";
import { learn } from "./rows";
import { t } from "./settings";
import { Sheet } from "./sheet";
import type { Dialog } from "./wire";

/** Asks whom to call back and when, and plans it. */
export function Callback({ dialog, onClose }: { dialog: Dialog; onClose: () => void }): JSX.Element {
  const phones = [...new Set([dialog.phone, ...(thread.value?.contact?.phones ?? [])])].filter(Boolean);
  const id = useId();
  const key = useRef(freshKey());
  const [phone, setPhone] = useState(written(phones[0] ?? ""));
  const [soon, setSoon] = useState(false);
  const [value, setValue] = useState(toField(inHours(1)));
  const [comment, setComment] = useState("");
  const asking = useAsking();
  const zones = dialog.visit.zone ? [dialog.visit.zone] : [];

  const ask = (at: string | null, anyway = false): Promise<void> =>
    asking.send(async (meant) => {
      const wish: Wish = {
        key: key.current,
        phone: phone.trim(),
        at,
        comment: comment.trim(),
        anyway: meant,
      };
      learn([await api.callBack(dialog.id, wish)]);
      onClose();
    }, anyway);
  const at = fromField(value);

  return (
    <Sheet title={t("inbox.step.call_back")} class="asking" onClose={onClose}>
      <form
        class="asking-body"
        onSubmit={(event) => {
          event.preventDefault();
          if (phone.trim() && (soon || at)) void ask(soon ? null : at);
        }}
      >
        <div class="asks">
          <label for={`${id}-phone`}>{t("inbox.lead.phone")}</label>
          <input
            id={`${id}-phone`}
            type="tel"
            required
            autoFocus
            list={`${id}-phones`}
            maxLength={40}
            autocomplete="off"
            value={phone}
            onInput={(event) => {
              asking.clear();
              setPhone(event.currentTarget.value);
            }}
          />
          <datalist id={`${id}-phones`}>
            {phones.map((one) => (
              <option key={one} value={written(one)} />
            ))}
          </datalist>
        </div>
        <div class="near" role="group" aria-label={t("inbox.lead.when")}>
          <button type="button" class="near-one" aria-pressed={soon} onClick={() => setSoon(true)}>
            {t("inbox.lead.soon")}
          </button>
          <button type="button" class="near-one" aria-pressed={!soon} onClick={() => setSoon(false)}>
            {t("inbox.lead.at_time")}
          </button>
        </div>
        {soon ? (
          <p class="quiet">{t("inbox.lead.soon_why")}</p>
        ) : (
          <When
            value={value}
            zones={zones}
            onInput={(next) => {
              asking.clear();
              setValue(next);
            }}
          />
        )}
        <div class="asks">
          <label for={`${id}-comment`}>{t("inbox.lead.comment")}</label>
          <textarea
            id={`${id}-comment`}
            rows={2}
            maxLength={500}
            value={comment}
            onInput={(event) => setComment(event.currentTarget.value)}
          />
        </div>
        <Outside
          asking={asking}
          at={at}
          onAnyway={() => void ask(soon ? null : at, true)}
          onNext={(next) => void ask(next)}
        />
        {asking.outside === null ? (
          <div class="asks-steps">
            <button type="button" class="button" onClick={onClose}>
              {t("inbox.cancel")}
            </button>
            <button type="submit" class="button strong" disabled={asking.busy || !phone.trim()}>
              {t("inbox.lead.plan")}
            </button>
          </div>
        ) : null}
      </form>
    </Sheet>
  );
}
