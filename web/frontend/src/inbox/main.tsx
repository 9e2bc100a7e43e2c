import "./tokens.css";
import "./inbox.css";
import "./signin.css";
import "./list.css";
import "./found.css";
import "./thread.css";
import "./card.css";
import "./health.css";
import { effect } from "@preact/signals";
import { type JSX, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Card } from "./card";
import { compose } from "./composer";
import { toSearch } from "./found";
import { Health } from "./health";
import { List, step } from "./list";
import { light } from "./live";
import { IconButton } from "./parts";
import { Rail } from "./rail";
import { back, follow, page } from "./route";
import { refusal, t } from "./settings";
import { FirstPassword, SignIn, Unreachable } from "./signin";
import { counts, notice, opened, phase, startUp, thread } from "./store";
import { Thread, take } from "./thread";

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
  return (
    <div class={`app ${thread.value ? "reading" : ""} ${card ? "with-card" : ""}`}>
      {light.value === "off" ? (
        <p class="offline" role="status">
          {t("inbox.offline")}
        </p>
      ) : null}
      <Rail />
      <main class="panes">
        {page.value === "health" ? (
          <Health />
        ) : (
          <>
            <List />
            <Thread onCard={() => setCard(!card)} />
            <Card onClose={() => setCard(false)} />
          </>
        )}
      </main>
      <Notice />
    </div>
  );
}

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

/** Keys are told by their place, so that they work on a Russian layout too. */
function press(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (target.closest("input, textarea, select, [contenteditable]")) {
    if (event.code === "Escape") target.blur();
    return;
  }
  if (page.value !== "dialogs" && event.code !== "Escape") return;
  const dialog = opened.value;
  switch (event.code) {
    case "KeyJ":
    case "ArrowDown":
      if (event.code === "ArrowDown" && target.closest(".log")) return;
      step(1);
      break;
    case "KeyK":
    case "ArrowUp":
      if (event.code === "ArrowUp" && target.closest(".log")) return;
      step(-1);
      break;
    case "Slash":
      toSearch();
      break;
    case "Escape":
      back();
      break;
    case "KeyR":
    case "KeyN":
      if (!dialog?.open) return;
      compose(dialog, event.code === "KeyR" ? "reply" : "note");
      break;
    case "KeyE":
      if (!dialog?.open || event.repeat) return;
      void take(dialog, "close");
      break;
    default:
      return;
  }
  event.preventDefault();
}

function run(): void {
  const root = document.getElementById("app");
  if (!root) return;
  render(<App />, root);
  effect(() => {
    const waiting = counts.value?.waiting.n ?? 0;
    document.title = `${waiting ? `(${waiting}) ` : ""}${t("inbox.title")} · Otklik`;
  });
  void startUp();
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run);
else run();
