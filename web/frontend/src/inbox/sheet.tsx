import "./sheet.css";
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { IconButton } from "./parts";
import { t } from "./settings";

interface SheetProps {
  title: string;
  class?: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A dialog over the page: focus stays in it and goes back where it was; Escape closes it. */
export function Sheet(props: SheetProps): JSX.Element {
  return (
    <Modal label={props.title} class={`sheet ${props.class ?? ""}`} onClose={props.onClose}>
      <header class="sheet-head">
        <h2>{props.title}</h2>
        <IconButton icon="close" label={t("inbox.dismiss")} onClick={props.onClose} />
      </header>
      {props.children}
    </Modal>
  );
}

interface ModalProps {
  label: string;
  class: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function Modal(props: ModalProps): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  // Before the next key, which is meant for what was just opened.
  useLayoutEffect(() => {
    const before = document.activeElement;
    const dialog = box.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={box}
      class={props.class}
      aria-label={props.label}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) props.onClose();
      }}
      // The page's own keys are not meant while something lies over it.
      onKeyDown={(event) => event.stopPropagation()}
    >
      {props.children}
    </dialog>
  );
}
