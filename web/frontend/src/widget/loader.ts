import texts from "catalogue";
import { type Say, speak } from "../texts";
import { tones } from "./color";
import css from "./loader.css";
import { meant } from "./pages";
import { Shelf } from "./shelf";
import { dress, icon } from "./style";
import { tread } from "./visit";
import type { Config, Identity, Panel, Person, Place, Sample } from "./wire";

type Ear = (detail: object) => void;
type Call = [name: string, ...values: unknown[]];

interface Preview {
  otklik?: string;
  config?: Config;
  open?: boolean;
  show?: Sample;
  theme?: "light" | "dark";
  lang?: string;
}

declare global {
  interface Window {
    Otklik?: Record<string, unknown> & { q?: Call[] | { push: (call: Call) => void } };
  }
}

const BUBBLE = "M4 5h16v11H10l-5 4v-4H4z";
const DOWN = "M6 9l6 6 6-6";
/** Settings older than this are asked for again when the chat is opened. */
const FRESH = 5 * 60_000;

function begin(script: HTMLScriptElement, channel: string): void {
  const origin = new URL(script.src).origin;
  const data = script.dataset;
  const preview = data.preview !== undefined;
  let sample: Sample = "chat";
  const shelf = new Shelf(`otklik.${channel}.`);
  const life = new AbortController();
  const { signal } = life;
  const ears = new Map<string, Set<Ear>>();
  const person: Person = { identity: undefined, fields: {} };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let forced: "light" | "dark" | undefined;
  let wish: "open" | "call" | "" = "";
  let place: Place | null = null;
  let panel: Panel | null = null;
  let loading: Promise<Panel> | null = null;
  let failures = 0;
  let asked = 0;
  let waiting = 0;
  let questions = 0;
  let unread = 0;
  let address = location.href;

  const host = document.createElement("div");
  host.id = "otklik-widget";
  const root = host.attachShadow({ mode: "open" });
  dress(root, css);
  const launcher = document.createElement("button");
  launcher.type = "button";
  launcher.className = "launcher";
  launcher.setAttribute("aria-expanded", "false");
  const words = document.createElement("b");
  const count = document.createElement("span");
  count.hidden = true;
  count.setAttribute("aria-hidden", "true");
  launcher.append(icon(BUBBLE), icon(DOWN), words, count);
  launcher.addEventListener("click", () => act(isOpen() ? "" : "open"));
  root.append(launcher);

  const isOpen = (): boolean => launcher.getAttribute("aria-expanded") === "true";

  function emit(event: string, detail: object = {}): void {
    for (const ear of ears.get(event) ?? []) {
      try {
        ear(detail);
      } catch (error) {
        // The site's own mistake; it must not become ours.
        setTimeout(() => {
          throw error;
        });
      }
    }
  }

  function load(): Promise<Panel> {
    // A failed import is remembered by the browser under its address, so a retry has another one.
    loading ??= (
      import(`${origin}/widget/panel.js?v=${PANEL_HASH}${failures ? `&try=${failures}` : ""}`) as Promise<{
        mount: (at: Place) => Panel;
      }>
    ).then(({ mount }) => (panel = mount(place as Place)));
    loading.catch(() => {
      loading = null;
      failures += 1;
    });
    return loading;
  }

  function act(next: "open" | "call" | ""): void {
    wish = next;
    if (!place) return;
    if (!next) return panel?.close();
    if (Date.now() - asked > FRESH && !preview) ask(0);
    load().then(
      (there) => {
        if (wish === "open") there.open();
        if (wish === "call") there.call();
      },
      () => emit("error", { code: "offline" }),
    );
  }

  const verbs: Record<string, (...values: never[]) => unknown> = {
    open: () => act("open"),
    close: () => act(""),
    toggle: () => act(isOpen() ? "" : "open"),
    call: () => act("call"),
    identify: (who: Identity | null) => {
      person.identity = who?.id ? claim(who) : null;
      panel?.told("identity");
    },
    setField: (name: string, value: unknown) => {
      person.fields = { ...person.fields, [String(name).slice(0, 40)]: String(value ?? "").slice(0, 500) };
      panel?.told("fields");
    },
    on: (event: string, ear: Ear) => {
      const heard = ears.get(event) ?? new Set();
      ears.set(event, heard.add(ear));
      if (event === "ready" && place) ear({});
      return () => heard.delete(ear);
    },
    destroy: () => {
      life.abort();
      clearTimeout(waiting);
      host.remove();
      delete window.Otklik;
    },
  };
  const run = ([name, ...values]: Call): void => {
    verbs[name]?.(...(values as never[]));
  };
  const early = window.Otklik?.q;
  window.Otklik = { ...verbs, q: { push: run } };

  function label(say: Say): void {
    const told = place?.config.launcher_text ?? "";
    const name = unread ? say("widget.launcher.unread", { n: unread }) : say("widget.launcher.open");
    words.textContent = told;
    launcher.setAttribute("aria-label", told ? `${told}. ${name}` : name);
    count.hidden = unread === 0;
    count.textContent = unread > 99 ? "99+" : String(unread);
  }

  /** Looks, side and whether it is shown on this page at all. */
  function look(): void {
    if (!place) return;
    const { config, lang } = place;
    const theme = forced ?? data.theme ?? config.theme ?? "auto";
    const shade = theme === "dark" || (theme === "auto" && dark.matches) ? "dark" : "light";
    host.dataset.theme = shade;
    host.dataset.side = data.side ?? config.side ?? "right";
    for (const [name, value] of Object.entries(tones(config.color, shade))) host.style.setProperty(name, value);
    for (const name of ["bottom", "edge"] as const) {
      // Always set: the site may have a property of this name that would come down to us.
      host.style.setProperty(`--${name}`, `${Number(data[name]) || 0}px`);
    }
    launcher.lang = lang;
    label(speak(texts, lang));
    launcher.hidden =
      data.launcher === "none" ||
      meant(config.hide_on, location.href) ||
      (!config.open && config.offline?.mode === "hide");
  }

  /** The language that the visitor, the tag or the page has chosen. */
  function wished(): "ru" | "en" | undefined {
    const wishes = [shelf.get("lang"), data.lang, document.documentElement.lang];
    return wishes.map(known).find((one) => one !== undefined);
  }

  function show(config: Config, wanted?: string): void {
    asked = Date.now();
    const lang = known(wanted) ?? wished() ?? known(config.lang) ?? "ru";
    if (place) {
      place.config = config;
      place.lang = lang;
      look();
      panel?.refresh();
      return;
    }
    place = {
      root,
      launcher,
      origin,
      channel,
      lang,
      config,
      person,
      preview,
      sample,
      life: signal,
      emit,
      renew: () => ask(0),
      badge: (n) => {
        if (n === unread) return;
        unread = n;
        look();
        emit("unread", { count: n });
      },
      speak: (chosen) => {
        shelf.set("lang", chosen);
        if (place) place.lang = chosen;
        look();
        // Some of its texts are in the language that is asked for.
        if (!preview) ask(0);
      },
      opened: (open) => {
        if (!open) wish = "";
        emit(open ? "open" : "close");
      },
    };
    look();
    const put = (): unknown => host.isConnected || signal.aborted || document.body?.append(host);
    put();
    // Some sites replace the whole body when one goes to another page.
    const bodies = new MutationObserver(put);
    bodies.observe(document.documentElement, { childList: true });
    signal.addEventListener("abort", () => bodies.disconnect());
    emit("ready");
    if (wish) act(wish);
    else if (!preview) whenIdle(() => void (signal.aborted || load().catch(() => {})));
  }

  function ask(attempt: number): void {
    clearTimeout(waiting);
    const again = (wait: number): void => {
      waiting = window.setTimeout(() => ask(attempt + 1), wait * (0.5 + Math.random() / 2));
    };
    const mine = (questions += 1);
    const query = new URLSearchParams({ p: location.origin + location.pathname });
    const lang = wished();
    if (lang) query.set("lang", lang);
    fetch(`${origin}/widget/${encodeURIComponent(channel)}/config?${query}`, { credentials: "omit", signal })
      .then(async (answer) => {
        if (answer.ok) {
          const config = (await answer.json()) as Config;
          // Asked for again meanwhile, in another language perhaps.
          if (mine !== questions) return;
          shelf.write("config", config);
          show(config);
          // A closed chat looks now and then whether it opened, whatever the page's clock says.
          if (!config.open) again(10 * 60_000);
        } else if (answer.status >= 500 || answer.status === 429) throw new Error();
        else {
          // This site has no chat here, or no longer.
          shelf.remove("config");
          emit("error", { code: "refused" });
          life.abort();
          host.remove();
        }
      })
      .catch(() => {
        if (signal.aborted || mine !== questions) return;
        const kept = place ? null : shelf.read<Config>("config");
        if (kept) {
          show(kept);
          asked = 0;
        }
        again(Math.min(60_000, 2_000 * 2 ** attempt));
      });
  }

  /** The site may change its page without loading one. */
  function moved(): void {
    if (location.href === address) return;
    address = location.href;
    tread(shelf);
    look();
    panel?.moved();
  }

  dark.addEventListener?.("change", look, { signal });
  if (preview) {
    window.addEventListener(
      "message",
      ({ source, origin: whose, data: told }: MessageEvent<Preview | undefined>) => {
        if (source !== parent || whose !== origin || told?.otklik !== "preview" || !told.config) return;
        forced = told.theme;
        sample = told.show ?? "chat";
        if (place) place.sample = sample;
        show(told.config, told.lang);
        if (told.open) act(sample === "call" ? "call" : "open");
        else if (told.open === false && isOpen()) act("");
        else if (sample === "invite") void load().catch(() => {});
      },
      { signal },
    );
    parent.postMessage({ otklik: "ready" }, origin);
  } else {
    tread(shelf);
    if (window.navigation) window.navigation.addEventListener("navigatesuccess", moved, { signal });
    else {
      const looks = setInterval(moved, 1_000);
      signal.addEventListener("abort", () => clearInterval(looks));
    }
    ask(0);
  }
  if (Array.isArray(early)) early.forEach(run);
}

/** What a site says of a person, as plain words. */
function claim(who: Identity): Identity {
  const told: Identity = { id: "" };
  for (const name of ["id", "name", "email", "phone", "hash"] as const)
    if (who[name] != null) told[name] = String(who[name]).slice(0, name === "phone" ? 100 : 200);
  return told;
}

function known(lang: string | null | undefined): "ru" | "en" | undefined {
  return (["ru", "en"] as const).find((one) => lang?.toLowerCase().startsWith(one));
}

function whenIdle(run: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(run, { timeout: 3_000 });
  else setTimeout(run, 1_000);
}

/** A frame of the same site whose own page has the chat already. */
function inside(): boolean {
  try {
    return window.top !== window && !!window.top?.Otklik;
  } catch {
    return false;
  }
}

const script =
  (document.currentScript as HTMLScriptElement | null) ??
  document.querySelector<HTMLScriptElement>("script[data-channel][src*='widget.js']");
const channel = script?.dataset.channel;
if (script && channel && !window.Otklik?.destroy && !inside()) begin(script, channel);
