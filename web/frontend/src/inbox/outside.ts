import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";

/** Folds what is open as soon as something outside of its frame is pressed. */
export function useOutside(open: boolean, frame: RefObject<HTMLElement | null>, fold: () => void): void {
  useLayoutEffect(() => {
    if (!open) return;
    const away = (event: Event): void => {
      if (!frame.current?.contains(event.target as Node)) fold();
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
}
