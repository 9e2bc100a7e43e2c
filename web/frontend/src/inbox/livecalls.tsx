import "./callhistory.css";
import type { JSX } from "preact";
import { live, second } from "./calls";
import { open } from "./route";
import { phone } from "./names";
import { first, t } from "./settings";
import { seconds } from "./times";

/** Everything that rings or is talked about right now, for whoever looks over it. */
export function LiveCalls(): JSX.Element | null {
  const calls = live.value.filter((call) => call.purpose !== "test");
  if (!calls.length) return null;
  return (
    <section class="calls-live" aria-labelledby="calls-live-title">
      <h2 id="calls-live-title">{t("inbox.calls.live", { n: calls.length })}</h2>
      <ul class="calls-past">
        {calls.map((call) => (
          <li key={call.id}>
            <p class="call-when">
              {call.dialog ? (
                <button type="button" class="link" onClick={() => open(call.dialog)}>
                  <bdi>{call.name || phone(call.phone)}</bdi>
                </button>
              ) : (
                <bdi>{call.name || phone(call.phone)}</bdi>
              )}
              <span>{first(`status.${call.status}`, call.status)}</span>
              <span aria-hidden="true">
                {seconds((second.value - Date.parse(call.talk_at ?? call.began_at)) / 1_000)}
              </span>
              {call.operator_name ? <span class="quiet">{call.operator_name}</span> : null}
              {call.training ? <span class="call-mark">{t("inbox.ring.training")}</span> : null}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
