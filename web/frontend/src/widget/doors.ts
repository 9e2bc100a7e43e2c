import { generate } from "lean-qr/nano";
import type { Say } from "../texts";
import { type Leaves, leaving } from "./left";
import { fresh, ICON, link, make, round, worded } from "./make";
import { icon } from "./style";
import { device } from "./visit";
import type { Config, Kind, Messenger } from "./wire";

const NAMES: Record<Kind, string> = {
  telegram: "Telegram",
  vk: "VK",
  whatsapp: "WhatsApp",
  viber: "Viber",
  max: "MAX",
};

const SHAPES: Partial<Record<Kind, string>> = {
  telegram: "M3.5 11.5L20.5 4.5 17.5 20l-6-4.5-2.5 3v-4.5l8-7-10 6z",
  whatsapp:
    "M4 20l1.2-4.3A8.2 8.2 0 1 1 8.3 18.8zM9 8.5c0 3.5 3 6.5 6.5 6.5l1-1.8-2-1.2-1.2 1a5 5 0 0 1-2.3-2.3l1-1.2-1.2-2z",
  viber: "M6 5h12v10h-6l-3.5 3.5V15H6zM9.5 8.5c0 2.5 1.5 4 4 4M13 8.5a2 2 0 0 1 1.5 1.5",
};

/** Addresses that open a messenger, and nothing that a browser would run. */
const LEADS = /^(https?|tg|viber|whatsapp):\/\//i;

export interface Leads extends Leaves {
  chosen: (kind: Kind) => void;
  /** A link that takes the person along and works once; empty if none is to be had. */
  lead: (kind: Kind) => Promise<string>;
}

export interface Asks extends Leads {
  call: () => void;
  /** The project's number was pressed. */
  dialled: () => void;
}

/** Other ways to reach the project: a call back, its phone, its messengers. */
export function doors(say: Say, config: Config, asks: Asks): HTMLElement | null {
  const row = make("div", "doors");
  if (config.callback?.enabled) {
    const call = worded(say("widget.call.title"), asks.call, "door wide");
    call.prepend(icon(ICON.phone));
    row.append(call);
  }
  const number = (config.phone ?? "").replace(/[^\d+]/g, "");
  if (number && device() === "phone") {
    const dial = make("a", "door wide", icon(ICON.phone), say("widget.phone.dial"));
    dial.href = `tel:${number}`;
    dial.addEventListener("click", asks.dialled);
    row.append(dial);
  }
  row.append(...messengers(say, config, asks));
  return row.childElementCount ? row : null;
}

/** The messengers as buttons, and where the squares of one are shown; nothing if there are none. */
export function messengers(say: Say, config: Config, asks: Leads): HTMLElement[] {
  const offered = (config.messengers ?? []).filter(({ kind, url }) => NAMES[kind] && LEADS.test(url));
  if (!offered.length) return [];
  const list = make("ul", "messengers");
  list.setAttribute("aria-label", say("widget.messengers"));
  const code = make("div", "code");
  code.hidden = true;
  const phone = device() === "phone";
  for (const each of offered)
    list.append(
      make("li", "", phone ? direct(each, code, say, config, asks) : shown(each, code, say, config, asks)),
    );
  return [list, code];
}

/** Where it leads: with the person if the hub is there to say how, and else without. */
async function way({ kind, url, joins }: Messenger, asks: Leads): Promise<string> {
  const led = joins ? await asks.lead(kind) : "";
  return LEADS.test(led) ? led : url;
}

/** On a phone one tap opens the messenger; the link is asked for as the finger comes down. */
function direct(
  messenger: Messenger,
  code: HTMLElement,
  say: Say,
  config: Config,
  asks: Leads,
): HTMLElement {
  const { kind, url, joins } = messenger;
  const door = link(url, `messenger ${kind}`, badge(kind), make("span", "name", NAMES[kind]));
  const plain = door.href;
  let asked: Promise<string> | null = null;
  const ask = (): Promise<string> =>
    (asked ??= way(messenger, asks).then((led) => {
      door.href = led;
      return led;
    }));
  // A key works once, so the next tap has another.
  const forget = (): void => {
    asked = null;
    door.href = plain;
  };
  let opening = false;
  const open = (): void => {
    // However often it is tapped until the answer is here, it is opened once.
    if (opening) return;
    opening = true;
    void ask().then((led) => {
      opening = false;
      const opened = window.open(led, "_blank");
      if (opened) opened.opener = null;
      else location.assign(led);
      forget();
    });
  };
  if (joins) door.addEventListener("pointerdown", () => void ask());
  door.addEventListener("click", (event) => {
    asks.chosen(kind);
    if (asks.asksPhone()) {
      event.preventDefault();
      const go = (): void => {
        code.hidden = true;
        open();
      };
      code.replaceChildren(leaving(say, config, kind, NAMES[kind], asks, go));
      code.hidden = false;
      code.scrollIntoView({ block: "nearest" });
      return;
    }
    if (!joins) return;
    if (door.href !== plain) {
      // The browser follows it once this is over.
      window.setTimeout(forget);
      return;
    }
    event.preventDefault();
    open();
  });
  return door;
}

/** On a computer the squares are shown to the phone that lies beside it. */
function shown(
  messenger: Messenger,
  code: HTMLElement,
  say: Say,
  config: Config,
  asks: Leads,
): HTMLElement {
  const { kind } = messenger;
  const button = make("button", `messenger ${kind}`, badge(kind), make("span", "name", NAMES[kind]));
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  code.id ||= fresh("code");
  button.setAttribute("aria-controls", code.id);
  const close = (): void => {
    code.hidden = true;
    button.setAttribute("aria-expanded", "false");
    button.focus();
  };
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "true";
    for (const other of button.closest("ul")?.querySelectorAll("[aria-expanded]") ?? [])
      other.setAttribute("aria-expanded", "false");
    code.hidden = true;
    if (open) return;
    button.setAttribute("aria-expanded", "true");
    asks.chosen(kind);
    if (asks.asksPhone()) {
      code.replaceChildren(leaving(say, config, kind, NAMES[kind], asks, reveal));
      code.hidden = false;
      code.scrollIntoView({ block: "nearest" });
    } else reveal();
  });
  const reveal = (): void =>
    void way(messenger, asks).then((url) => {
      // Another one may have been pressed meanwhile.
      if (button.getAttribute("aria-expanded") !== "true") return;
      const direct = link(url, "strong", say("widget.messenger.open", { name: NAMES[kind] }));
      const words = make("p", "", say("widget.messenger.scan", { name: NAMES[kind] }));
      const picture = qr(url, say("widget.messenger.code", { name: NAMES[kind] }));
      const text = make("div", "", words, direct);
      code.replaceChildren(picture, text, round(say("widget.messenger.hide"), ICON.cross, close));
      code.hidden = false;
      code.scrollIntoView({ block: "nearest" });
    });
  return button;
}

function badge(kind: Kind): HTMLElement {
  const shape = SHAPES[kind];
  const mark = make("span", "badge", shape ? icon(shape) : kind === "vk" ? "VK" : "M");
  mark.setAttribute("aria-hidden", "true");
  return mark;
}

/** The address as squares for the camera of a phone. */
function qr(address: string, name: string): SVGSVGElement {
  const squares = generate(address);
  const edge = 3;
  let path = "";
  for (let y = 0; y < squares.size; y += 1)
    for (let x = 0; x < squares.size; x += 1)
      if (squares.get(x, y)) path += `M${x + edge} ${y + edge}h1v1h-1z`;
  const picture = icon(path, squares.size + edge * 2);
  picture.removeAttribute("aria-hidden");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", name);
  picture.setAttribute("class", "qr");
  picture.setAttribute("shape-rendering", "crispEdges");
  return picture;
}
