import type { ComponentChildren, JSX } from "preact";
import { first } from "./settings";

const PATHS = {
  inbox: "M3 12h5l1.5 3h5L16 12h5M5 5h14l2 7v6a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1v-6z",
  back: "M15 5l-7 7 7 7",
  info: "M12 11v5M12 8h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  clip: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7L9.3 17a1.7 1.7 0 0 1-2.4-2.4L14.5 7",
  send: "M4 12l16-8-5 16-3-7z",
  close: "M6 6l12 12M18 6L6 18",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M19 5l-1.4 1.4M6.4 17.6L5 19",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  file: "M7 3h7l5 5v13H7zM14 3v5h5",
  health: "M3 12h4l2.5-6 4 12 2.5-6h5",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20",
  down: "M12 5v14M6 13l6 6 6-6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  more: "M5 11a1 1 0 1 0 0 2 1 1 0 0 0 0-2zM12 11a1 1 0 1 0 0 2 1 1 0 0 0 0-2zM19 11a1 1 0 1 0 0 2 1 1 0 0 0 0-2z",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  phone: "M6 3h3l2 5-2.5 1.5a11 11 0 0 0 6 6L16 13l5 2v3a2 2 0 0 1-2.2 2A16 16 0 0 1 4 5.2 2 2 0 0 1 6 3z",
  callback: "M6 3h3l2 5-2.5 1.5a11 11 0 0 0 6 6L16 13l5 2v3a2 2 0 0 1-2.2 2A16 16 0 0 1 4 5.2 2 2 0 0 1 6 3zM20.5 3.500l-6 6M14.500 4.500v5h5",
  filter: "M4 6h16M7 12h10M10 18h4",
  hand: "M12 4v9M8.5 9.5L12 13l3.5-3.5M4 14v4a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-4",
  give: "M4 12h14M13 6l6 6-6 6",
  gear: "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM19.4 13.5a7.7 7.7 0 0 0 0-3l2-1.5-2-3.4-2.3 1a7.6 7.6 0 0 0-2.6-1.5L14.100 2.500h-4.200L9.500 5.100A7.600 7.600 0 0 0 6.900 6.600l-2.300-1-2 3.400 2 1.500a7.700 7.700 0 0 0 0 3l-2 1.500 2 3.400 2.300-1a7.600 7.600 0 0 0 2.600 1.500l.4 2.600h4.200l.4-2.600a7.600 7.600 0 0 0 2.600-1.500l2.300 1 2-3.400z",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 21h4",
  muted: "M5 10v4h3l4 4V6L8 10zM16 9.500l5 5M21 9.500l-5 5",
  person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.500 20a7.500 7.500 0 0 1 15 0",
  all: "M4 6h16M4 12h16M4 18h10",
  archive: "M4 5h16v4H4zM6 9v10h12V9M10 13h4",
  key: "M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 12l8-8M16 7l3 3",
  leave: "M10 5H5v14h5M14 8l4 4-4 4M9 12h9",
  keys: "M3 7h18v10H3zM7 10.500h.01M11 10.500h.01M15 10.500h.01M8 14h8",
  reply: "M9 7l-5 5 5 5M4 12h9a7 7 0 0 1 7 7v0",
  smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 14.5a4.4 4.4 0 0 0 7 0M9 9.5h.01M15 9.5h.01",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  on: "M9 5l7 7-7 7",
  fold: "M6 15l6-6 6 6",
  again: "M20 12a8 8 0 1 1-2.3-5.6M20 4v4h-4",
  mail: "M4 6h16v12H4zM4 7l8 6 8-6",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  pin: "M12 21s7-6.2 7-11a7 7 0 0 0-14 0c0 4.800 7 11 7 11zM12 7.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z",
  pen: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  alert: "M12 4l9 16H3zM12 10v5M12 17.500v.1",
  eye: "M3 12s3.500-6 9-6 9 6 9 6-3.500 6-9 6-9-6-9-6zM12 9.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z",
  site: "M3 5h18v14H3zM3 9h18M6 7h.01M9 7h.01",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface IconButtonProps {
  icon: IconName;
  label: string;
  onClick: () => void;
  class?: string;
  pressed?: boolean;
}

export function IconButton(props: IconButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class={`icon-button ${props.class ?? ""}`}
      aria-label={props.label}
      title={props.label}
      aria-pressed={props.pressed}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

const LETTERS: Record<string, string> = {
  site: "S",
  telegram: "T",
  vk: "VK",
  max: "M",
  whatsapp: "W",
  greenapi: "W",
  viber: "V",
  smsaero: "SMS",
  asterisk: "☎",
  mango: "☎",
  simulator: "☎",
};

/** Initials with the channel's badge; the letter says the platform, the colour only repeats it. */
export function Avatar(props: { name: string; kind: string; picture?: string }): JSX.Element {
  const { name, kind, picture } = props;
  const initials = name
    .split(/\s+/)
    .map((word) => [...word][0] ?? "")
    .filter((letter) => /[\p{L}\p{N}]/u.test(letter))
    .slice(0, 2)
    .join("");
  const channel = first(`kind.${kind}`, kind);
  return (
    <span class="avatar" aria-hidden="true">
      {picture ? <img src={picture} alt="" loading="lazy" /> : initials.toUpperCase() || "?"}
      <span class={`badge kind-${kind}`} title={channel}>
        {LETTERS[kind] ?? kind.slice(0, 1).toUpperCase()}
      </span>
    </span>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

const APPLE = /Mac|iPhone|iPad/.test(navigator.userAgent);

/** Keys as they are printed on the operator's own keyboard. */
export function Keys({ of }: { of: string }): JSX.Element {
  const words = APPLE ? of.replaceAll("Ctrl", "⌘") : of;
  return (
    <span class="keys">
      {words.split(" ").map((one) => (
        <kbd key={one}>{one}</kbd>
      ))}
    </span>
  );
}
