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
};

/** Initials with the channel's badge; the letter says the platform, the colour only repeats it. */
export function Avatar({ name, kind }: { name: string; kind: string }): JSX.Element {
  const initials = name
    .split(/\s+/)
    .map((word) => [...word][0] ?? "")
    .filter((letter) => /[\p{L}\p{N}]/u.test(letter))
    .slice(0, 2)
    .join("");
  const channel = first(`kind.${kind}`, kind);
  return (
    <span class="avatar" aria-hidden="true">
      {initials.toUpperCase() || "?"}
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
