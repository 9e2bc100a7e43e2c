import "./menu.css";
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useOutside } from "./outside";

export interface Item {
  label: string;
  /** The keys that do the same, to be learned on the way. */
  keys?: string;
  checked?: boolean;
  /** Only where its own button has no room. */
  narrow?: boolean;
  onChoose: () => void;
}

interface MenuProps {
  label: string;
  items: Item[];
  class?: string;
  up?: boolean;
  children: ComponentChildren;
}

/** A button that unfolds a list of steps; arrows move in it, Escape folds it. */
export function Menu(props: MenuProps): JSX.Element {
  const [open, setOpen] = useState(false);
  const [up, setUp] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  // Before the next key: whoever presses Enter at once means the first step, not the button.
  useLayoutEffect(() => {
    if (!open) return;
    setUp(hasNoRoom(frame.current));
    shownSteps(frame.current)[0]?.focus({ preventScroll: true });
  }, [open]);
  useOutside(open, frame, () => setOpen(false));

  function press(event: KeyboardEvent): void {
    if (!open) return;
    event.stopPropagation();
    const all = shownSteps(frame.current);
    const at = all.findIndex((one) => one === document.activeElement);
    const to =
      event.key === "ArrowDown"
        ? at + 1
        : event.key === "ArrowUp"
          ? at - 1
          : event.key === "Home"
            ? 0
            : event.key === "End"
              ? -1
              : undefined;
    if (to !== undefined) all.at(to % all.length)?.focus();
    else if (event.key === "Escape") {
      setOpen(false);
      button.current?.focus();
    } else if (event.key === "Tab") {
      setOpen(false);
      return;
    } else return;
    event.preventDefault();
  }

  return (
    <div ref={frame} class="menu-frame" onKeyDown={press}>
      <button
        ref={button}
        type="button"
        class={props.class}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={props.label}
        title={props.label}
        onClick={() => setOpen(!open)}
      >
        {props.children}
      </button>
      {open ? (
        <div class={props.up || up ? "steps-menu up" : "steps-menu"} role="menu" aria-label={props.label}>
          {props.items.map((item) => (
            <button
              key={item.label}
              type="button"
              role={item.checked === undefined ? "menuitem" : "menuitemradio"}
              aria-checked={item.checked}
              tabIndex={-1}
              class={item.narrow ? "only-narrow-step" : undefined}
              onClick={() => {
                setOpen(false);
                button.current?.focus();
                item.onChoose();
              }}
            >
              <span>{item.label}</span>
              {item.keys ? <kbd>{item.keys}</kbd> : null}
            </button>
          ))}
        </div>
      ) : null}
    </div>
  );
}

/** Whether the list would be cut off by the end of what scrolls, or of the window. */
function hasNoRoom(frame: HTMLElement | null): boolean {
  const list = frame?.querySelector("[role=menu]");
  if (!frame || !list) return false;
  const scrolled = frame.closest("[role=log]")?.getBoundingClientRect();
  const end = Math.min(scrolled?.bottom ?? Infinity, window.innerHeight);
  const { bottom } = frame.getBoundingClientRect();
  const needed = list.clientHeight + 8;
  return bottom + needed > end && frame.getBoundingClientRect().top - needed > (scrolled?.top ?? 0);
}

function shownSteps(frame: HTMLElement | null): HTMLElement[] {
  const all = frame?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [];
  return [...all].filter((one) => one.offsetParent !== null);
}
