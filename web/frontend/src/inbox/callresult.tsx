import "./callback.css";
import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { api } from "./api";
import { clockOf } from "./callbacks";
import { Doubts, When, fromField, inHours, toField, useAsking } from "./callbackwhen";
import { learnCalls } from "./calls";
import { thread } from "./reading";
import { t } from "./settings";
import { askCallback } from "./steps";
import type { Call, Dialog, Result } from "./wire";

const TALKED: readonly Result[] = ["done", "call_again", "voicemail", "no_need", "wrong_number", "spam"];
const MISSED: readonly Result[] = ["done", "call_again", "no_need", "spam"];

/** What came of the call: one press says what, another that it is meant. */
export function ResultForm({ call, dialog }: { call: Call; dialog: Dialog }): JSX.Element {
  const id = useId();
  const [code, setCode] = useState<Result | null>(null);
  const [comment, setComment] = useState("");
  const [value, setValue] = useState(toField(inHours(1)));
  const asking = useAsking();
  const all = (call.task === "missed" ? MISSED : TALKED).filter((one) => one !== "voicemail" || call.lead);
  const at = fromField(value);
  const save = async (anyway = false): Promise<void> => {
    if (!code) return;
    const wish = { code, comment: comment.trim(), at: code === "call_again" ? at : null, anyway };
    const told = await asking.send(() => api.resultOf(call, wish));
    if (told?.call.result) {
      learnCalls([told.call]);
      if (code === "wrong_number" && thread.peek()?.id === dialog.id) askCallback(dialog, { soon: true, phone: "" });
    }
  };
  return (
    <form
      class="call-result"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <div class="near" role="group" aria-label={t("inbox.calls.result")}>
        {all.map((one) => (
          <button
            key={one}
            type="button"
            class="near-one"
            aria-pressed={code === one}
            onClick={() => {
              asking.clear();
              setCode(code === one ? null : one);
            }}
          >
            {t(`inbox.calls.result.${one}`)}
          </button>
        ))}
      </div>
      {code === "call_again" ? (
        <When
          value={value}
          zones={clockOf(dialog)}
          onInput={(next) => {
            asking.clear();
            setValue(next);
          }}
        />
      ) : null}
      {code === "voicemail" ? <p class="quiet">{t("inbox.calls.result.again_why")}</p> : null}
      <Doubts asking={asking}>
        <button type="button" class="button" disabled={asking.busy} onClick={() => void save(true)}>
          {t("inbox.lead.anyway")}
        </button>
      </Doubts>
      {code ? (
        <div class="call-say">
          <label class="visually-hidden" for={`${id}-comment`}>
            {t("inbox.calls.result.comment")}
          </label>
          <input
            id={`${id}-comment`}
            type="text"
            maxLength={500}
            autocomplete="off"
            placeholder={t("inbox.calls.result.comment")}
            value={comment}
            onInput={(event) => setComment(event.currentTarget.value)}
          />
          <button type="submit" class="button strong" disabled={asking.busy || (code === "call_again" && !at)}>
            {t("inbox.calls.result.save")}
          </button>
        </div>
      ) : null}
    </form>
  );
}
