import "./pop.css";
import type { JSX } from "preact";
import { hide, incoming, second } from "./calls";
import { leave } from "./leave";
import { Icon, IconButton } from "./parts";
import { LIST, back, open } from "./route";
import { phone } from "./names";
import { dialogs } from "./rows";
import { type } from "./search";
import { first, t } from "./settings";
import { seconds } from "./times";
import type { Call } from "./wire";

/** Who calls right now, each with a way to the card, or to the search for who it may be. */
export function Pops(): JSX.Element {
  return (
    <section class="pops" aria-label={t("inbox.calls.pop")} aria-live="polite">
      {incoming.value.map((call) => (
        <Pop key={call.id} call={call} />
      ))}
    </section>
  );
}

function Pop({ call }: { call: Call }): JSX.Element {
  const known = call.name || (call.dialog ? (dialogs.value.get(call.dialog)?.name ?? "") : "");
  const name = known || phone(call.phone);
  const find = (): void =>
    leave(LIST, () => {
      back();
      type(call.phone);
    });
  return (
    <div class="pop" role="group" aria-label={t("inbox.calls.pop.rings", { name })}>
      <span class="call-sign" aria-hidden="true">
        <Icon name="phone" />
      </span>
      <div class="call-words">
        <p class="call-now">
          <bdi>{t("inbox.calls.pop.rings", { name })}</bdi>
          {call.training ? <span class="call-mark">{t("inbox.ring.training")}</span> : null}
        </p>
        <p class="quiet">
          {known ? `${phone(call.phone)} · ` : ""}
          {first(`status.${call.status}`, call.status)}
          <span aria-hidden="true">{` · ${seconds((second.value - Date.parse(call.began_at)) / 1_000)}`}</span>
        </p>
      </div>
      <div class="call-steps">
        {call.dialog ? (
          <button type="button" class="button strong" onClick={() => open(call.dialog)}>
            {t("inbox.calls.pop.open")}
          </button>
        ) : null}
        {!known ? (
          <button type="button" class={call.dialog ? "button" : "button strong"} onClick={find}>
            {t("inbox.calls.pop.find")}
          </button>
        ) : null}
        <IconButton icon="close" label={t("inbox.calls.pop.hide")} onClick={() => hide(call)} />
      </div>
    </div>
  );
}
