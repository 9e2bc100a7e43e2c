import "./callback.css";
import type { JSX } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { freshKey } from "../keys";
import { type Wish, api } from "./api";
import { clockOf, theirs } from "./callbacks";
import { hasTrunk } from "./calls";
import { Doubts, Steps, When, fromField, inHours, toField, useAsking } from "./callbackwhen";
import { thread } from "./reading";
import { phone as written } from "./names";
import { t } from "./settings";
import { Sheet } from "./sheet";
import type { Wanted } from "./steps";
import type { Dialog } from "./wire";

/** Asks whom to call back and when, and plans it. */
export function Callback({
  dialog,
  wanted,
  onClose,
}: {
  dialog: Dialog;
  wanted: Wanted;
  onClose: () => void;
}): JSX.Element {
  const phones = [...new Set([dialog.phone, ...(thread.value?.contact?.phones ?? [])])].filter(Boolean);
  const id = useId();
  const key = useRef(freshKey());
  const [phone, setPhone] = useState(wanted.phone ?? written(phones[0] ?? ""));
  const [soon, setSoon] = useState(wanted.soon ?? false);
  const [value, setValue] = useState(toField(inHours(1)));
  const asking = useAsking();
  const zones = clockOf(dialog);

  const ask = async (at: string | null, anyway = false): Promise<void> => {
    const wish: Wish = { key: key.current, phone: phone.trim(), at, anyway };
    const decided = await asking.send(() => api.callBack(dialog.id, wish));
    if (decided?.lead) onClose();
  };
  const at = fromField(value);
  const there = theirs(new Date().toISOString(), zones);

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
          {[true, false].map((one) => (
            <button
              key={String(one)}
              type="button"
              class="near-one"
              aria-pressed={soon === one}
              onClick={() => {
                asking.clear();
                setSoon(one);
              }}
            >
              {t(one ? "inbox.lead.soon" : "inbox.lead.at_time")}
            </button>
          ))}
        </div>
        {soon ? (
          <>
            <p class="quiet">{t(hasTrunk.value ? "inbox.lead.soon_why" : "inbox.calls.no_trunk")}</p>
            {there ? <p class="quiet">{t("inbox.calls.client_time", { time: there })}</p> : null}
          </>
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
        <Doubts asking={asking}>
          <button
            type="button"
            class="button"
            disabled={asking.busy}
            onClick={() => void ask(soon ? null : at, true)}
          >
            {t("inbox.lead.anyway")}
          </button>
        </Doubts>
        <Steps
          label={t(soon ? "inbox.calls.call" : "inbox.lead.plan")}
          busy={asking.busy || !phone.trim() || (!soon && !at)}
          onClose={onClose}
        />
      </form>
    </Sheet>
  );
}
