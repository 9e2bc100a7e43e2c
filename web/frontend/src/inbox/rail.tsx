import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { heardAt, light } from "./live";
import { Tabs } from "./list";
import { useOutside } from "./outside";
import { Icon, type IconName } from "./parts";
import { type page as Page, back, page, showAdmin, showHealth, showLeads, showSounds } from "./route";
import { clock, counts, me, role } from "./rows";
import { Settings } from "./me";
import { ringing, presence, t } from "./settings";
import { Sheet } from "./sheet";
import { shown } from "./shown";
import { audible } from "./sounds";
import { compact } from "./window";

type PageName = (typeof Page)["value"];

interface Way {
  to: PageName;
  icon: IconName;
  words: string;
  go: () => void;
}

/** Where one may go from anywhere; what one may not see is not named. */
function ways(): Way[] {
  const found: Way[] = [
    { to: "dialogs", icon: "inbox", words: t("inbox.title"), go: back },
    { to: "leads", icon: "callback", words: t("inbox.leads"), go: showLeads },
  ];
  if (role.value === "admin")
    found.push({ to: "admin", icon: "gear", words: t("inbox.admin"), go: showAdmin });
  if (role.value === "admin" || role.value === "supervisor")
    found.push({ to: "health", icon: "health", words: t("inbox.health"), go: showHealth });
  return found;
}

export function Rail(): JSX.Element {
  return compact.value ? <Bottom /> : <Side />;
}

function Side(): JSX.Element {
  const name = me.value?.operator.name || me.value?.operator.login || "";
  return (
    <nav class="rail" aria-label={t("inbox.rail")}>
      {ways().map((way) => (
        <button
          key={way.to}
          type="button"
          class="rail-item"
          aria-current={page.value === way.to ? "page" : undefined}
          title={way.words}
          onClick={way.go}
        >
          <Icon name={way.icon} />
          <span class="visually-hidden">{way.words}</span>
          {way.to === "dialogs" && counts.value?.waiting.n ? (
            <span class="count">{counts.value.waiting.n}</span>
          ) : null}
        </button>
      ))}
      <span class="rail-space" />
      <Sound />
      <Fold class="light-button" label={lightWords()} icon={<Bulb />}>
        <Connection />
      </Fold>
      <Fold
        class={`me-button ${presence.value}`}
        label={t("inbox.me", { name })}
        icon={[...name][0]?.toUpperCase()}
      >
        <Settings />
      </Fold>
    </nav>
  );
}

/** A phone's bar: the lists, and everything else behind one button. */
function Bottom(): JSX.Element {
  const lists = page.value === "dialogs";
  return (
    <nav class="bottom" aria-label={t("inbox.rail")}>
      {lists ? (
        <Tabs />
      ) : (
        <button type="button" class="bottom-item" onClick={back}>
          <Icon name="inbox" />
          <span>{t("inbox.title")}</span>
        </button>
      )}
      <button
        type="button"
        class="bottom-item"
        aria-haspopup="dialog"
        onClick={() => (shown.value = "more")}
      >
        <Icon name="more" />
        <span>{t("inbox.more_places")}</span>
      </button>
    </nav>
  );
}

/** What a phone's bar has no room for. */
export function More(): JSX.Element {
  const close = (): void => {
    shown.value = null;
  };
  return (
    <Sheet title={t("inbox.more_places")} class="more-sheet" onClose={close}>
      <div class="more-body">
        {ways().map((way) => (
          <button
            key={way.to}
            type="button"
            class="menu-item"
            onClick={() => {
              close();
              way.go();
            }}
          >
            <Icon name={way.icon} />
            {way.words}
          </button>
        ))}
        <Connection />
        <Settings />
      </div>
    </Sheet>
  );
}

/** Shown only while the browser keeps the page silent though it should sound. */
function Sound(): JSX.Element | null {
  const wanted = (["new", "message", "transfer"] as const).some((one) => ringing[one].value === "on");
  if (audible.value || !wanted || ringing.volume.value === "0") return null;
  return (
    <button
      type="button"
      class="rail-item"
      title={t("inbox.sounds.asleep")}
      aria-label={t("inbox.sounds.asleep")}
      onClick={showSounds}
    >
      <Icon name="muted" />
    </button>
  );
}

const lightWords = (): string => t(`inbox.light.${light.value}`);

function Bulb(): JSX.Element {
  return (
    <>
      <span class={`light ${light.value}`} />
      <span class="visually-hidden" role="status">
        {lightWords()}
      </span>
    </>
  );
}

/** Session, socket and freshness, each in words. */
function Connection(): JSX.Element {
  const name = me.value?.operator.name || me.value?.operator.login || "";
  const passed = Math.max(0, Math.round((clock.value - heardAt.value) / 60_000));
  return (
    <dl class="connection">
      <div>
        <dt>{t("inbox.light.session")}</dt>
        <dd>{t("inbox.light.as", { name })}</dd>
      </div>
      <div>
        <dt>{t("inbox.light.socket")}</dt>
        <dd>
          <span class={`light ${light.value}`} aria-hidden="true" />
          {lightWords()}
        </dd>
      </div>
      <div>
        <dt>{t("inbox.light.fresh")}</dt>
        <dd>
          {heardAt.value === 0
            ? t("inbox.light.never")
            : passed < 1
              ? t("inbox.light.now")
              : t("inbox.light.ago", { n: passed })}
        </dd>
      </div>
    </dl>
  );
}

interface FoldProps {
  class: string;
  label: string;
  icon: JSX.Element | string | undefined;
  children: JSX.Element;
}

/** A button of the rail that unfolds a card beside it. */
function Fold(props: FoldProps): JSX.Element {
  const [open, setOpen] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!open) return;
    const away = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      event.stopImmediatePropagation();
      button.current?.focus();
      setOpen(false);
    };
    document.addEventListener("keydown", away, { capture: true });
    return () => document.removeEventListener("keydown", away, { capture: true });
  }, [open]);
  useOutside(open, frame, () => setOpen(false));

  // What is opened over the page from the card is not looked at through it.
  useEffect(() => {
    if (shown.value) setOpen(false);
  }, [shown.value]);

  return (
    <div class="fold" ref={frame}>
      <button
        ref={button}
        type="button"
        class={props.class}
        aria-expanded={open}
        aria-label={props.label}
        title={props.label}
        onClick={() => setOpen(!open)}
      >
        {props.icon}
      </button>
      {open ? (
        <div class="menu" role="group" aria-label={props.label}>
          {props.children}
        </div>
      ) : null}
    </div>
  );
}
