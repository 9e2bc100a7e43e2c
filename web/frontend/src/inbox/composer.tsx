import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { attach, detach, discard, draft, type Mode, type Upload, write } from "./drafts";
import * as live from "./live";
import * as outbox from "./outbox";
import { IconButton } from "./parts";
import { refusal, t } from "./settings";
import { channels, me } from "./store";
import type { Dialog } from "./wire";

const TYPING_EVERY = 3_000;
/** What fits into the store's own limit when the channel names none. */
const NOTE_MAX = 10_000;

export function Composer({ dialog }: { dialog: Dialog }): JSX.Element {
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const typed = useRef(0);
  const { text, mode: wished, uploads } = draft(dialog.id);
  const foreign = dialog.owner !== null && dialog.owner !== me.value?.operator.id;
  const mode: Mode = foreign ? "note" : wished;
  const limits = channels.value.find((channel) => channel.id === dialog.channel)?.capabilities;
  const most = mode === "note" ? NOTE_MAX : (limits?.text_max_chars ?? NOTE_MAX);
  const left = most - [...text].length;
  const files = mode === "note" ? [] : uploads;
  const ready =
    left >= 0 && (text.trim() !== "" || files.length > 0) && files.every((one) => one.file !== null);

  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, 220)}px`;
  }, [text, mode]);

  useEffect(() => {
    // On a phone the keyboard would cover the thread that was just opened.
    if (matchMedia("(min-width: 900px)").matches) field.current?.focus({ preventScroll: true });
  }, []);

  function send(): void {
    if (!ready) return;
    outbox.put({
      dialog: dialog.id,
      mode,
      text: text.trim(),
      attachments: files.flatMap((one) => one.file ?? []),
    });
    discard(dialog.id);
    typed.current = 0;
    field.current?.focus();
  }

  function input(value: string): void {
    write(dialog.id, { text: value });
    if (mode === "reply" && value && Date.now() - typed.current > TYPING_EVERY) {
      typed.current = Date.now();
      live.tell({ t: "typing", dialog: dialog.id });
    }
  }

  return (
    <form
      class={`composer ${mode}`}
      aria-label={t("inbox.composer")}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="modes" role="group" aria-label={t("inbox.mode")}>
        {(["reply", "note"] as const).map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={mode === one}
            disabled={one === "reply" && foreign}
            onClick={() => {
              write(dialog.id, { mode: one });
              field.current?.focus();
            }}
          >
            {t(`inbox.mode.${one}`)}
          </button>
        ))}
        <span class="quiet">
          {mode === "note"
            ? foreign
              ? t("inbox.foreign", { name: dialog.owner_name })
              : t("inbox.note_hint")
            : dialog.owner === null
              ? t("inbox.takes")
              : null}
        </span>
      </div>
      {files.length ? (
        <ul class="uploads" aria-label={t("inbox.files")}>
          {files.map((one) => (
            <Chip key={one.n} dialog={dialog.id} one={one} />
          ))}
        </ul>
      ) : null}
      <div class="composer-row">
        {mode === "reply" && (limits?.attachments_max ?? 1) > 0 ? (
          <>
            <IconButton
              icon="clip"
              label={t("inbox.attach")}
              onClick={() => picker.current?.click()}
            />
            <input
              ref={picker}
              class="hidden"
              type="file"
              multiple
              tabIndex={-1}
              aria-label={t("inbox.attach_files")}
              onChange={(event) => {
                attach(dialog, [...(event.currentTarget.files ?? [])]);
                event.currentTarget.value = "";
              }}
            />
          </>
        ) : null}
        <textarea
          ref={field}
          id="composer"
          rows={1}
          value={text}
          aria-label={t(mode === "note" ? "inbox.note_text" : "inbox.reply_text")}
          placeholder={t(mode === "note" ? "inbox.note_placeholder" : "inbox.reply_placeholder")}
          onInput={(event) => input(event.currentTarget.value)}
          onPaste={(event) => {
            const pasted = [...(event.clipboardData?.files ?? [])];
            if (!pasted.length || mode === "note") return;
            event.preventDefault();
            attach(dialog, pasted);
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
        {left < 200 ? (
          <span class={left < 0 ? "left over" : "left"} role="status">
            {left}
          </span>
        ) : null}
        <button type="submit" class="button strong send" disabled={!ready}>
          {t(mode === "note" ? "inbox.save_note" : "inbox.send")}
        </button>
      </div>
    </form>
  );
}

function Chip({ dialog, one }: { dialog: string; one: Upload }): JSX.Element {
  return (
    <li class={one.failed ? "chip-file failed" : "chip-file"}>
      <span class="file-name">{one.name}</span>
      {one.failed ? (
        <span>{refusal(one.failed)}</span>
      ) : one.file ? null : (
        <progress max={1} value={one.share} aria-label={t("inbox.uploading", { name: one.name })} />
      )}
      <IconButton
        icon="close"
        label={t("inbox.remove_file", { name: one.name })}
        onClick={() => detach(dialog, one.n)}
      />
    </li>
  );
}

/** Puts the cursor into the composer, in the given mode. */
export function compose(dialog: Dialog, mode: Mode): void {
  write(dialog.id, { mode });
  document.getElementById("composer")?.focus();
}
