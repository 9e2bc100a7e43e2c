import "./callback.css";
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { freshKey } from "../keys";
import { api } from "./api";
import { Doubts, useAsking } from "./callbackwhen";
import { theirs } from "./callbacks";
import { Icon } from "./parts";
import { phone as written } from "./names";
import { t } from "./settings";
import { Sheet } from "./sheet";
import type { Lead } from "./wire";

interface CallNowProps {
  dialog: string;
  phone: string;
  /** Where the person may be, as far as that is known. */
  zones: readonly string[];
  /** Whose number it is, for those who do not see what stands beside the button. */
  name?: string;
  icon?: boolean;
  strong?: boolean;
  onDone?: (lead: Lead) => void;
}

/** Calls at once; where something speaks against that it is asked first whether it is meant. */
export function CallNow(props: CallNowProps): JSX.Element {
  const key = useRef(freshKey());
  const [done, setDone] = useState(false);
  const asking = useAsking();
  const ask = async (anyway = false): Promise<void> => {
    const wish = { key: key.current, phone: props.phone, at: null, anyway };
    const decided = await asking.send(() => api.callBack(props.dialog, wish));
    if (!decided?.lead) return;
    key.current = freshKey();
    asking.clear();
    setDone(true);
    props.onDone?.(decided.lead);
  };
  const label = t("inbox.calls.call_to", { name: props.name || written(props.phone) });
  const there = theirs(new Date().toISOString(), props.zones);
  return (
    <>
      <button
        type="button"
        class={props.icon ? "icon-button" : `button ${props.strong ? "strong" : ""}`}
        aria-label={label}
        title={label}
        disabled={asking.busy}
        onClick={() => void ask()}
      >
        {props.icon ? <Icon name="phone" /> : t("inbox.calls.call")}
      </button>
      <span class="visually-hidden" role="status">
        {done ? t("inbox.calls.called") : ""}
      </span>
      {asking.doubts.length || asking.trouble ? (
        <Sheet title={t("inbox.calls.warning")} class="asking" onClose={asking.clear}>
          <div class="asking-body">
            <p class="quiet">
              {[props.name, written(props.phone)].filter(Boolean).join(" · ")}
            </p>
            {there ? <p>{t("inbox.calls.client_time", { time: there })}</p> : null}
            <Doubts asking={asking}>
              <>
                <button type="button" class="button" onClick={asking.clear}>
                  {t("inbox.cancel")}
                </button>
                <button type="button" class="button strong" disabled={asking.busy} onClick={() => void ask(true)}>
                  {t("inbox.lead.anyway")}
                </button>
              </>
            </Doubts>
          </div>
        </Sheet>
      ) : null}
    </>
  );
}
