import type { JSX } from "preact";

const PHONE =
  "M6 3h3l2 5-2.5 1.5a11 11 0 0 0 6 6L16 13l5 2v3a2 2 0 0 1-2.2 2A16 16 0 0 1 4 5.2 2 2 0 0 1 6 3z";

const SHAPES: Record<string, string> = {
  site: "M4 6h16v9h-8l-4 4v-4H4zM8 10.5h8",
  telegram: "M3.5 11.5L20.5 4.5 17.5 20l-6-4.5-2.5 3v-4.5l8-7-10 6z",
  whatsapp:
    "M4 20l1.2-4.3A8.2 8.2 0 1 1 8.3 18.8zM9 8.5c0 3.5 3 6.5 6.5 6.5l1-1.8-2-1.2-1.2 1a5 5 0 0 1-2.3-2.3l1-1.2-1.2-2z",
  viber: "M6 5h12v10h-6l-3.5 3.5V15H6zM9.5 8.5c0 2.5 1.5 4 4 4M13 8.5a2 2 0 0 1 1.5 1.5",
  form: "M5 4h14v16H5zM8 8.5h8M8 12.5h8M8 16.5h4",
};
SHAPES.greenapi = SHAPES.whatsapp ?? "";
SHAPES.asterisk = SHAPES.mango = SHAPES.simulator = PHONE;

const LETTERS: Record<string, string> = { vk: "VK", max: "M", tilda: "T", marquiz: "Q", jivosite: "J", smsaero: "SMS" };

/** The platform by its shape or letters; the colour only repeats it. */
export function KindMark({ kind, picture = "" }: { kind: string; picture?: string }): JSX.Element {
  const shape = SHAPES[kind];
  return (
    <span class={`kind-mark kind-${kind}`} aria-hidden="true">
      {picture ? (
        <img src={picture} alt="" width={40} height={40} />
      ) : shape ? (
        <svg class="icon" viewBox="0 0 24 24">
          <path d={shape} />
        </svg>
      ) : (
        (LETTERS[kind] ?? kind.slice(0, 2).toUpperCase())
      )}
    </span>
  );
}
