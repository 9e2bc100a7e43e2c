import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { fileAddress } from "../links";
import { detach, retryUpload, shift, type Upload } from "./drafts";
import { ending } from "./files";
import { IconButton } from "./parts";
import { refusal, t } from "./settings";
import { size } from "./times";
import type { Dialog } from "./wire";

interface UploadsProps {
  dialog: Dialog;
  uploads: readonly Upload[];
}

/** The files that go with the reply, in their order: dragged or moved with Alt and the arrows. */
export function Uploads({ dialog, uploads }: UploadsProps): JSX.Element | null {
  const [held, setHeld] = useState<number | null>(null);
  if (!uploads.length) return null;
  return (
    <ul class="uploads" aria-label={t("inbox.files")}>
      {uploads.map((one, i) => (
        <li
          key={one.n}
          class={`upload ${one.failed ? "failed" : ""} ${held === one.n ? "held" : ""}`}
          draggable={uploads.length > 1}
          onDragStart={(event) => {
            event.dataTransfer?.setData("text/plain", one.name);
            setHeld(one.n);
          }}
          onDragEnd={() => setHeld(null)}
          onDragOver={(event) => {
            event.preventDefault();
            const from = uploads.findIndex((other) => other.n === held);
            if (held !== null && from >= 0 && from !== i) shift(dialog.id, held, from < i ? 1 : -1);
          }}
          onDrop={(event) => {
            if (held !== null) event.stopPropagation();
          }}
          onKeyDown={(event) => {
            const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
            if (!event.altKey || !by) return;
            event.preventDefault();
            shift(dialog.id, one.n, by);
          }}
        >
          <Face one={one} />
          <span class="upload-about">
            <bdi class="file-name">{one.name}</bdi>
            {one.failed ? (
              <span class="upload-failed">{refusal(one.failed)}</span>
            ) : one.file ? (
              <span class="file-size">{size(one.size)}</span>
            ) : (
              <progress
                max={1}
                value={one.share}
                aria-label={t("inbox.uploading", { name: one.name })}
              />
            )}
          </span>
          {one.failed && one.source ? (
            <IconButton
              icon="again"
              label={t("inbox.upload_again", { name: one.name })}
              onClick={() => retryUpload(dialog, one)}
            />
          ) : null}
          <IconButton
            icon="close"
            label={t("inbox.remove_file", { name: one.name })}
            onClick={() => detach(dialog.id, one.n)}
          />
        </li>
      ))}
    </ul>
  );
}

function Face({ one }: { one: Upload }): JSX.Element {
  const stored = one.file?.kind === "image" ? fileAddress(one.file.thumb || one.file.url) : "";
  const picture = one.preview || stored;
  return picture ? (
    <img class="upload-face" src={picture} alt="" draggable={false} />
  ) : (
    <span class="upload-face" aria-hidden="true">
      {ending(one.name)}
    </span>
  );
}
