import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Assign } from "./assign";
import { beginner } from "./beginner";
import { liveIn, taskIn } from "./calls";
import { here } from "./company";
import { Composer } from "./composer";
import { attach } from "./drafts";
import { gallery } from "./gallery";
import { lazy } from "./lazy";
import { Log } from "./log";
import { type Item, Menu } from "./menu";
import { Avatar, Empty, Icon, IconButton } from "./parts";
import { opened, openThread, thread } from "./reading";
import { back, open } from "./route";
import { nameOf } from "./names";
import { channels, me } from "./rows";
import { first, t } from "./settings";
import { askAssign, askCallback, callingBack, closeAndNext, markSpam, noReply, take } from "./steps";
import { Timeline } from "./timeline";
import type { Step } from "./api";
import type { Dialog } from "./wire";

export { take } from "./steps";

const CallPanel = lazy(() => import("./callpanel"), "CallPanel");
const Callback = lazy(() => import("./callback"), "Callback");
const Doors = lazy(() => import("../admin/doors"), "Doors");
const Lightbox = lazy(() => import("./lightbox"), "Lightbox");

export function Thread({ onCard }: { onCard: () => void }): JSX.Element {
  const now = thread.value;
  const dialog = opened.value;
  const [over, setOver] = useState(false);
  if (!now) {
    return (
      <section class="thread none" aria-label={t("inbox.thread")}>
        {beginner.value ? (
          <Doors />
        ) : (
          <Empty title={t("inbox.choose")}>
            <p class="quiet">{t("inbox.choose_keys")}</p>
          </Empty>
        )}
        <Assign />
      </section>
    );
  }
  const takesFiles = dialog?.open && mayWrite(dialog);
  return (
    <section
      class={over && takesFiles ? "thread over" : "thread"}
      aria-label={t("inbox.thread")}
      onDragOver={(event) => {
        event.preventDefault();
        if (event.dataTransfer?.types.includes("Files")) setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (dialog && takesFiles) attach(dialog, [...(event.dataTransfer?.files ?? [])]);
      }}
    >
      {dialog ? <Head dialog={dialog} onCard={onCard} /> : null}
      {now.state === "failed" ? (
        <Empty title={t("inbox.thread_failed")}>
          <button type="button" class="button" onClick={() => void openThread(now.id)}>
            {t("inbox.try_again")}
          </button>
        </Empty>
      ) : (
        <Log key={now.id} id={now.id} />
      )}
      {dialog && isCalled(dialog) ? <CallPanel dialog={dialog} /> : null}
      {dialog?.open ? <Composer key={now.id} dialog={dialog} /> : null}
      {dialog && !dialog.open ? <Closed dialog={dialog} /> : null}
      {over && takesFiles ? <p class="drop">{t("inbox.drop_files")}</p> : null}
      <Assign />
      {callingBack.value ? (
        <Callback
          dialog={callingBack.value.dialog}
          wanted={callingBack.value}
          onClose={() => {
            callingBack.value = null;
          }}
        />
      ) : null}
      {gallery.value ? <Lightbox /> : null}
    </section>
  );
}

/** Whether there is anything about calls to be seen over the composer. */
function isCalled(dialog: Dialog): boolean {
  return Boolean(liveIn(dialog.id) ?? taskIn(dialog.id)) || dialog.call_status === "awaiting_operator";
}

/** Whoever does not lead the dialog leaves notes in it. */
function mayWrite(dialog: Dialog): boolean {
  return dialog.owner === null || dialog.owner === me.value?.operator.id;
}

function Head({ dialog, onCard }: { dialog: Dialog; onCard: () => void }): JSX.Element {
  const [timeline, setTimeline] = useState(false);
  const name = nameOf(dialog);
  const channel = channels.value.find((one) => one.id === dialog.channel);
  const mine = dialog.owner === me.value?.operator.id;
  const others = here(dialog.id);
  const status = first(`status.${dialog.status}`, dialog.status);
  return (
    <header class="thread-head">
      <IconButton icon="back" label={t("inbox.back")} class="only-narrow" onClick={back} />
      <Avatar name={dialog.name} kind={dialog.kind} />
      <div class="thread-who">
        <h2 title={name}>
          <bdi>{name}</bdi>
          {dialog.verified ? (
            <span class="verified" role="img" aria-label={t("inbox.verified")} title={t("inbox.verified")}>
              <Icon name="check" />
            </span>
          ) : null}
        </h2>
        <p class="quiet">
          <button
            type="button"
            class="chip status-chip"
            aria-haspopup="dialog"
            title={t("inbox.timeline.open")}
            onClick={() => setTimeline(true)}
          >
            {status}
          </button>
          {dialog.open ? (
            <span data-testid="owner" class="thread-owner">
              {dialog.owner === null
                ? t("inbox.owner.none")
                : mine
                  ? t("inbox.owner.me")
                  : t("inbox.owner.other", { name: dialog.owner_name })}
            </span>
          ) : null}
          <span class="thread-channel">{channel?.name || first(`kind.${dialog.kind}`, dialog.kind)}</span>
          {others.length ? (
            <span class="here" role="status">
              {t("inbox.here", { names: others.map((one) => one.name).join(", ") })}
            </span>
          ) : null}
        </p>
      </div>
      <Steps dialog={dialog} />
      <IconButton icon="info" label={t("inbox.card")} class="card-toggle" onClick={onCard} />
      {timeline ? <Timeline dialog={dialog} onClose={() => setTimeline(false)} /> : null}
    </header>
  );
}

function Steps({ dialog }: { dialog: Dialog }): JSX.Element {
  const role = me.value?.memberships.find((one) => one.project.id === dialog.project)?.role;
  const nobodys = dialog.owner === null;
  const mayRelease = nobodys || mayWrite(dialog) || role !== "operator";
  if (!dialog.open)
    return (
      <div class="thread-steps">
        {dialog.sealed ? null : <StepButton dialog={dialog} step="reopen" />}
        <IconButton
          icon="callback"
          label={t("inbox.step.call_back")}
          class="only-wide"
          onClick={() => askCallback(dialog)}
        />
      </div>
    );
  const items: Item[] = [];
  if (mayRelease) {
    items.push({ label: t("inbox.step.close_next"), keys: "Shift+E", onChoose: () => void closeAndNext(dialog) });
    items.push({ label: t("inbox.step.assign"), keys: "T", narrow: true, onChoose: () => askAssign(dialog) });
    if (!nobodys) items.push({ label: t("inbox.step.return"), onChoose: () => void take(dialog, "return") });
    if (dialog.waiting_since && dialog.awaits === "operator")
      items.push({ label: t("inbox.step.no_reply"), onChoose: () => void noReply(dialog) });
    items.push({ label: t("inbox.step.call_back"), narrow: true, onChoose: () => askCallback(dialog) });
    items.push({ label: t("inbox.step.spam"), onChoose: () => void markSpam(dialog) });
  }
  return (
    <div class="thread-steps">
      {nobodys ? <StepButton dialog={dialog} step="take" strong /> : null}
      {mayRelease ? (
        <>
          <button type="button" class="button only-wide" onClick={() => askAssign(dialog)}>
            {t("inbox.step.assign")}
          </button>
          <IconButton
            icon="callback"
            label={t("inbox.step.call_back")}
            class="only-wide"
            onClick={() => askCallback(dialog)}
          />
          <StepButton dialog={dialog} step="close" quiet={nobodys} />
          <Menu label={t("inbox.step.more")} class="icon-button" items={items}>
            <Icon name="more" />
          </Menu>
        </>
      ) : null}
    </div>
  );
}

function StepButton(props: { dialog: Dialog; step: Step; strong?: boolean; quiet?: boolean }): JSX.Element {
  const [busy, setBusy] = useState(false);
  return (
    <button
      type="button"
      class={`button ${props.strong ? "strong" : ""} ${props.quiet ? "only-wide" : ""}`}
      disabled={busy}
      onClick={async () => {
        setBusy(true);
        await take(props.dialog, props.step);
        setBusy(false);
      }}
    >
      {t(`inbox.step.${props.step}`)}
    </button>
  );
}

function Closed({ dialog }: { dialog: Dialog }): JSX.Element {
  const newer = thread.value?.others.find(
    (other) => other.identity === dialog.identity && other.n > dialog.n,
  );
  return (
    <footer class="closed">
      <p>{t(dialog.sealed ? "inbox.sealed" : "inbox.closed")}</p>
      <button type="button" class="button only-narrow" onClick={() => askCallback(dialog)}>
        {t("inbox.step.call_back")}
      </button>
      {dialog.sealed && newer ? (
        <button type="button" class="button" onClick={() => open(newer.id)}>
          {t("inbox.open_newer")}
        </button>
      ) : null}
    </footer>
  );
}
