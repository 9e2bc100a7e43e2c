import "./tokens.css";
import "./inbox.css";
import "./rail.css";
import "./signin.css";
import "./list.css";
import "./row.css";
import "./found.css";
import "./thread.css";
import "./switch.css";
import "./card.css";
import { type JSX, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Assign } from "./assign";
import { incoming } from "./calls";
import { Card } from "./card";
import { count } from "./favicon";
import { lazy } from "./lazy";
import { List } from "./list";
import { light } from "./live";
import { IconButton } from "./parts";
import { More, Rail } from "./rail";
import { opened, thread } from "./reading";
import { attend } from "./ringing";
import { back, follow, page } from "./route";
import { notice } from "./rows";
import { phase, startUp } from "./session";
import { refusal, ringing, t } from "./settings";
import { press } from "./shortcuts";
import { shown } from "./shown";
import { FirstPassword, SignIn, Unreachable } from "./signin";
import { Thread } from "./thread";
import { Troubles } from "./troubles";
import { Undo } from "./undo";
import { compact } from "./window";

const Admin = lazy(() => import("../admin/admin"), "Admin");
const Health = lazy(() => import("./health"), "Health");
const Hearing = lazy(() => import("./hearing"), "Hearing");
const Help = lazy(() => import("./help"), "Help");
const Leads = lazy(() => import("./leads"), "Leads");
const Pops = lazy(() => import("./pop"), "Pops");
const Palette = lazy(() => import("./palette"), "Palette");

function App(): JSX.Element {
  switch (phase.value) {
    case "starting":
      return <main class="door" aria-busy="true" />;
    case "sign-in":
      return <SignIn />;
    case "password":
      return <FirstPassword />;
    case "unreachable":
      return <Unreachable />;
    case "inside":
      return <Inside />;
  }
}

function Inside(): JSX.Element {
  const [card, setCard] = useState(false);
  useEffect(follow, []);
  useEffect(() => {
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  useEffect(() => (opened.value ? undefined : setCard(false)), [opened.value]);
  return (
    <div class={`app ${thread.value ? "reading" : ""} ${card ? "with-card" : ""}`}>
      <div class="banners">
        {light.value === "off" ? (
          <p class="offline" role="status">
            {t("inbox.offline")}
          </p>
        ) : null}
        <Troubles />
        {incoming.value.length ? <Pops /> : null}
      </div>
      <Rail />
      <main class="panes" {...swipe}>
        {page.value === "health" ? (
          <Health />
        ) : page.value === "sounds" ? (
          <Hearing />
        ) : page.value === "leads" ? (
          <Leads />
        ) : page.value === "admin" ? (
          <Admin />
        ) : (
          <>
            <List />
            {!thread.value && !compact.value && ringing.asked.value === "off" ? (
              <>
                <Hearing />
                <Assign />
              </>
            ) : (
              <>
                <Thread onCard={() => setCard(!card)} />
                <Card onClose={() => setCard(false)} />
              </>
            )}
          </>
        )}
      </main>
      <Notice />
      <Undo />
      {shown.value === "palette" ? <Palette /> : null}
      {shown.value === "help" ? <Help /> : null}
      {shown.value === "more" ? <More /> : null}
    </div>
  );
}

/** How far from the left edge a finger starts to mean "back", and how far it then goes. */
const EDGE = 28;
const FAR = 72;

let finger: { x: number; y: number } | null = null;

const swipe = {
  onTouchStart: (event: TouchEvent): void => {
    const touch = event.touches[0];
    const starts = compact.value && thread.value && event.touches.length === 1;
    finger = starts && touch && touch.clientX < EDGE ? { x: touch.clientX, y: touch.clientY } : null;
  },
  onTouchMove: (event: TouchEvent): void => {
    const touch = event.touches[0];
    if (!finger || !touch) return;
    const along = touch.clientX - finger.x;
    const across = Math.abs(touch.clientY - finger.y);
    if (across > FAR / 2) finger = null;
    else if (along > FAR) {
      finger = null;
      back();
    }
  },
};

function Notice(): JSX.Element {
  const now = notice.value;
  useEffect(() => {
    if (!now) return;
    const gone = window.setTimeout(() => {
      if (notice.value === now) notice.value = null;
    }, 8_000);
    return () => clearTimeout(gone);
  }, [now]);
  const who = now?.current ?? "";
  return (
    <div class="notices" role="alert">
      {now ? (
        <p class="notice">
          <span>
            {now.code === "taken" && who
              ? t("inbox.taken_by", { name: who })
              : refusal(now.code)}
          </span>
          <IconButton
            icon="close"
            label={t("inbox.dismiss")}
            onClick={() => {
              notice.value = null;
            }}
          />
        </p>
      ) : null}
    </div>
  );
}

function run(): void {
  const root = document.getElementById("app");
  if (!root) return;
  render(<App />, root);
  count();
  attend();
  void startUp();
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run);
else run();
