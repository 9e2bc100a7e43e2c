import "./awaited.css";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api } from "./api";
import { kindName } from "./may";
import { Icon, IconButton } from "./parts";
import { learnEntries } from "./reading";
import { dialogs, tell } from "./rows";
import { first, t } from "./settings";
import { size } from "./times";
import type { Attachment, Entry } from "./wire";

/** Those that were shown before they were here: they keep the place that was kept for them. */
const awaited = new Set<string>();

export const isHere = (file: Attachment): boolean => !file.coming && !file.lost;
export const wasAwaited = (file: Attachment): boolean => awaited.has(file.id);

/** Stands where a file will be whose bytes are still at the platform, or why they stay there. */
export function Awaited({ entry, file }: { entry: Entry; file: Attachment }): JSX.Element {
  awaited.add(file.id);
  const [busy, setBusy] = useState(false);
  const dialog = dialogs.value.get(entry.dialog);
  const channel = dialog ? kindName(dialog) : "";
  const words = file.coming
    ? t("inbox.file.coming", { channel })
    : first(`inbox.file.lost.${file.lost}`, "inbox.file.lost.rejected").replaceAll(
        "{channel}",
        channel,
      );
  const again = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    try {
      learnEntries([await api.fetchFile(entry.dialog, entry.id, file.id)]);
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };
  return (
    <div
      class={`awaited ${file.kind} ${file.coming ? "coming" : "lost"}`}
      aria-busy={file.coming}
      data-file={file.id}
    >
      <span class="awaited-sign" aria-hidden="true">
        {file.coming ? <span class="awaited-wheel" /> : <Icon name="file" />}
      </span>
      <span class="awaited-about">
        <bdi class="file-name">{file.name}</bdi>
        <span class="awaited-words">
          {file.coming && file.size_bytes ? `${words} · ${size(file.size_bytes)}` : words}
        </span>
      </span>
      {!file.lost || !dialog ? null : file.kind === "file" || file.kind === "audio" ? (
        <IconButton
          icon="again"
          label={t("inbox.file.again")}
          onClick={() => void again()}
        />
      ) : (
        <button type="button" class="link" disabled={busy} onClick={() => void again()}>
          {t("inbox.file.again")}
        </button>
      )}
    </div>
  );
}
