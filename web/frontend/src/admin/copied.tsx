import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Icon } from "../inbox/parts";
import { t } from "./words";

/** Puts the text on the clipboard and says so; where there is none, the text can still be marked. */
export function Copied({ text, words }: { text: string; words?: string }): JSX.Element {
  const [done, setDone] = useState("");
  const copy = async (): Promise<void> => {
    if (await put(text)) setDone(text);
  };
  return (
    <button type="button" class="button with-icon" onClick={() => void copy()}>
      <Icon name={done === text ? "check" : "copy"} />
      <span aria-live="polite">{done === text ? t("admin.copied") : (words ?? t("admin.copy"))}</span>
    </button>
  );
}

/** Without https a browser has no clipboard for scripts, only the old command. */
async function put(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const before = document.activeElement;
    const field = document.createElement("textarea");
    field.className = "visually-hidden";
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (before instanceof HTMLElement) before.focus();
    return done;
  }
}
