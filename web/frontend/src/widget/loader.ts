import texts from "catalogue";
import { type Say, speak } from "../texts";
import css from "./loader.css";
import { dress, icon } from "./style";
import type { Config, Panel, Place } from "./wire";

interface Api {
  open: () => void;
  close: () => void;
}

declare global {
  interface Window {
    Otklik?: Api;
  }
}

const BUBBLE = "M4 5h16v11H10l-5 4v-4H4z";

function begin(script: HTMLScriptElement, channel: string): void {
  const origin = new URL(script.src).origin;
  let wanted = false;
  let place: Place | null = null;
  let panel: Promise<Panel> | null = null;

  function load(): Promise<Panel> {
    // A failed import is remembered by the browser under its address, so a retry has another one.
    panel ??= (
      import(`${origin}/widget/panel.js?v=${PANEL_HASH}${retries()}`) as Promise<{
        mount: (at: Place) => Panel;
      }>
    ).then(({ mount }) => mount(place as Place));
    panel.catch(() => {
      panel = null;
      failures += 1;
    });
    return panel;
  }

  let failures = 0;
  const retries = (): string => (failures ? `&try=${failures}` : "");

  function act(open: boolean): void {
    wanted = open;
    if (!place || (!open && !panel)) return;
    load().then(
      (there) => (wanted ? there.open() : there.close()),
      () => {
        wanted = false;
      },
    );
  }

  window.Otklik = { open: () => act(true), close: () => act(false) };

  function show(config: Config): void {
    const wishes = [script.dataset.lang, document.documentElement.lang, config.lang];
    const lang = wishes.map(known).find((one) => one !== undefined) ?? "ru";
    const say: Say = speak(texts, lang);
    const host = document.createElement("div");
    host.id = "otklik-widget";
    const root = host.attachShadow({ mode: "open" });
    dress(root, css);
    paint(host, config.color);
    const launcher = document.createElement("button");
    launcher.type = "button";
    launcher.setAttribute("aria-label", say("widget.launcher.open"));
    launcher.setAttribute("aria-expanded", "false");
    const count = document.createElement("span");
    count.hidden = true;
    count.setAttribute("aria-hidden", "true");
    launcher.append(icon(BUBBLE), count);
    launcher.addEventListener("click", () => act(launcher.getAttribute("aria-expanded") !== "true"));
    root.append(launcher);
    place = {
      root,
      launcher,
      origin,
      channel,
      lang,
      config,
      badge: (n) => {
        count.hidden = n === 0;
        count.textContent = n > 99 ? "99+" : String(n);
        launcher.setAttribute(
          "aria-label",
          n ? say("widget.launcher.unread", { n }) : say("widget.launcher.open"),
        );
      },
      closed: () => {
        wanted = false;
      },
    };
    document.body.append(host);
    if (wanted) act(true);
    else whenIdle(() => void load().catch(() => {}));
  }

  const address = `${origin}/widget/${encodeURIComponent(channel)}/config`;

  function ask(attempt: number): void {
    fetch(address, { credentials: "omit" }).then(
      (answer) => {
        // 403 and 404 are answers: this site has no chat here.
        if (answer.ok) return answer.json().then(show);
        if (answer.status >= 500) later(attempt);
        return undefined;
      },
      () => later(attempt),
    );
  }

  function later(attempt: number): void {
    setTimeout(() => ask(attempt + 1), Math.min(60_000, 2_000 * 2 ** attempt) * (0.5 + Math.random() / 2));
  }

  ask(0);
}

function known(lang: string | undefined): "ru" | "en" | undefined {
  return (["ru", "en"] as const).find((one) => lang?.toLowerCase().startsWith(one));
}

/** The project's colour, with letters on it that can be read. */
function paint(host: HTMLElement, color: string): void {
  if (!/^#[0-9a-f]{6}$/i.test(color)) return;
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  host.style.setProperty("--accent", color);
  host.style.setProperty("--on-accent", light > 0.18 ? "#1f1d1a" : "#ffffff");
  host.style.setProperty("--send", light > 0.18 ? "#1f1d1a" : color);
}

function whenIdle(run: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(run, { timeout: 3_000 });
  else setTimeout(run, 1_000);
}

const script =
  (document.currentScript as HTMLScriptElement | null) ??
  document.querySelector<HTMLScriptElement>("script[data-channel][src*='widget.js']");
const channel = script?.dataset.channel;
if (script && channel && !window.Otklik) {
  if (document.body) begin(script, channel);
  else document.addEventListener("DOMContentLoaded", () => begin(script, channel));
}
