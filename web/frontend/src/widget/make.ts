import { icon } from "./style";

export const ICON = {
  close: "M6 9l6 6 6-6",
  back: "M15 5l-7 7 7 7",
  clip: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7L9.3 17a1.7 1.7 0 0 1-2.4-2.4L14.5 7",
  send: "M4 12l16-8-5 16-3-7z",
  cross: "M6 6l12 12M18 6L6 18",
  down: "M12 5v14M6 13l6 6 6-6",
  reply: "M9 7L4 12l5 5M4 12h9a7 7 0 0 1 7 7",
  phone:
    "M6.5 3.5h3l1.5 4.5-2 1.5a11 11 0 0 0 5.5 5.5l1.5-2 4.5 1.5v3a2 2 0 0 1-2.2 2A16.5 16.5 0 0 1 4.5 5.7a2 2 0 0 1 2-2.2z",
  file: "M7 3h7l5 5v13H7zM14 3v5h5",
  good: "M7 11v9H4v-9zM7 11l4-8a2.2 2.2 0 0 1 2.2 2.7L12.5 9H18a2 2 0 0 1 2 2.4l-1.3 7a2 2 0 0 1-2 1.6H7",
  bad: "M7 13V4H4v9zM7 13l4 8a2.2 2.2 0 0 0 2.2-2.7L12.5 15H18a2 2 0 0 0 2-2.4l-1.3-7a2 2 0 0 0-2-1.6H7",
  done: "M5 12.5l4.5 4.5L19 7",
} as const;

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  kind = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.append(...children);
  return element;
}

/** A button with a sign and a name that is only heard or shown on hover. */
export function round(
  label: string,
  path: string,
  act?: () => void,
  kind = "round",
): HTMLButtonElement {
  const element = make("button", kind, icon(path));
  element.type = act ? "button" : "submit";
  element.title = label;
  element.setAttribute("aria-label", label);
  if (act) element.addEventListener("click", act);
  return element;
}

export function worded(words: string, act: () => void, kind = "plain"): HTMLButtonElement {
  const element = make("button", kind, words);
  element.type = "button";
  element.addEventListener("click", act);
  return element;
}

export function link(address: string, kind: string, ...children: (Node | string)[]): HTMLAnchorElement {
  const element = make("a", kind, ...children);
  element.href = address;
  element.target = "_blank";
  element.rel = "noopener noreferrer nofollow";
  return element;
}

/** A sign whose meaning is told in words to those who do not see it. */
export function sign(words: string, mark: string, kind: string): HTMLElement {
  const element = make("span", kind, mark);
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", words);
  element.title = words;
  return element;
}

let named = 0;

/** An id of this page's own, to tie a field to its words. */
export function fresh(kind: string): string {
  named += 1;
  return `otklik-${kind}-${named}`;
}
