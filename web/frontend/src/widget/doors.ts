import { generate } from "lean-qr/nano";
import type { Say } from "../texts";
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

export interface Asks {
  call: () => void;
  chosen: (kind: Kind) => void;
}

/** Other ways to reach the project: a call back, its phone, its messengers. */
export function doors(say: Say, config: Config, asks: Asks): HTMLElement | null {
  const row = make("div", "doors");
  const phone = device() === "phone";
  if (config.callback?.enabled) {
    const call = worded(say("widget.call.title"), asks.call, "door wide");
    call.prepend(icon(ICON.phone));
    row.append(call);
  }
  const number = (config.phone ?? "").replace(/[^\d+]/g, "");
  if (number && phone) {
    const dial = make("a", "door wide", icon(ICON.phone), say("widget.phone.dial"));
    dial.href = `tel:${number}`;
    row.append(dial);
  }
  const messengers = (config.messengers ?? []).filter(({ kind, url }) => NAMES[kind] && LEADS.test(url));
  if (messengers.length) {
    const list = make("ul", "messengers");
    list.setAttribute("aria-label", say("widget.messengers"));
    const code = make("div", "code");
    code.hidden = true;
    for (const each of messengers) list.append(make("li", "", door(each, phone, code, say, asks)));
    row.append(list, code);
  }
  return row.childElementCount ? row : null;
}

function door(
  { kind, url }: Messenger,
  phone: boolean,
  code: HTMLElement,
  say: Say,
  asks: Asks,
): HTMLElement {
  const name = make("span", "name", NAMES[kind]);
  if (phone) {
    const direct = link(url, `messenger ${kind}`, badge(kind), name);
    direct.addEventListener("click", () => asks.chosen(kind));
    return direct;
  }
  const button = make("button", `messenger ${kind}`, badge(kind), name);
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
    code.hidden = open;
    if (open) return;
    button.setAttribute("aria-expanded", "true");
    asks.chosen(kind);
    const direct = link(url, "strong", say("widget.messenger.open", { name: NAMES[kind] }));
    const words = make("p", "", say("widget.messenger.scan", { name: NAMES[kind] }));
    const picture = qr(url, say("widget.messenger.code", { name: NAMES[kind] }));
    const text = make("div", "", words, direct);
    code.replaceChildren(picture, text, round(say("widget.messenger.hide"), ICON.cross, close));
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
