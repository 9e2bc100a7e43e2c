import "./composer.css";
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { writer } from "./company";
import { attach, discard, draft, type Mode, save, write } from "./drafts";
import { lazy } from "./lazy";
import * as live from "./live";
import { Menu } from "./menu";
import * as outbox from "./outbox";
import { useOutside } from "./outside";
import { Icon, IconButton } from "./parts";
import { rewriting } from "./acts";
import { can, cannot, isMute, kindName, limits as limitsOf, mayEdit, writeUntil } from "./may";
import { entryOf, fetchQuoted, lines, thread } from "./reading";
import { clock, me } from "./rows";
import { authorOf, gist } from "./said";
import { first, t } from "./settings";
import { count } from "./smsparts";
import { full, hours } from "./times";
import { Uploads } from "./uploads";
import type { Dialog, Entry } from "./wire";

const TYPING_EVERY = 3_000;
/** What fits into the store's own limit when the channel names none. */
const NOTE_MAX = 10_000;
const NEAR_END = 200;
const HIGH = 240;

/** Which key sends; with the other one a line breaks. */
type Key = "enter" | "ctrl";
const KEY = "otklik.send-key";
const sendKey = signal<Key>(localStorage.getItem(KEY) === "ctrl" ? "ctrl" : "enter");
const ctrl = navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl";

export function Composer({ dialog }: { dialog: Dialog }): JSX.Element {
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const typed = useRef(0);
  const { text, mode: wished, uploads, reply_to } = draft(dialog.id);
  const foreign = dialog.owner !== null && dialog.owner !== me.value?.operator.id;
  const until = writeUntil(dialog);
  const shut = until !== null && clock.value > until;
  const limits = limitsOf(dialog);
  const mute = isMute(dialog.channel);
  const barred = foreign || shut || mute;
  const mode: Mode = barred ? "note" : wished;
  const most = mode === "note" ? NOTE_MAX : (limits?.text_max_chars ?? NOTE_MAX);
  const left = most - [...text].length;
  const files = mode === "note" ? [] : uploads;
  const quoted = mode === "note" ? "" : reply_to;
  const ready =
    left >= 0 && (text.trim() !== "" || files.length > 0) && files.every((one) => one.file !== null);
  const elsewhere = writer(dialog.id);

  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, HIGH)}px`;
  }, [text, mode]);

  // Before the next key: a letter that comes too early would be a step with the dialog.
  useLayoutEffect(() => {
    // On a phone the keyboard would cover the thread that was just opened; and whoever already types
    // elsewhere goes on there, since the dialog may have come late.
    const elsewhere = document.activeElement?.matches("input, textarea, select");
    if (matchMedia("(min-width: 900px)").matches && !elsewhere) field.current?.focus({ preventScroll: true });
    return () => void save(dialog.id);
  }, []);

  function send(): void {
    if (!ready) return;
    outbox.put({
      dialog: dialog.id,
      mode,
      text: text.trim(),
      attachments: files.flatMap((one) => one.file ?? []),
      reply_to: quoted,
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

  function insert(words: string): void {
    const area = field.current;
    if (!area) return;
    area.setRangeText(words, area.selectionStart, area.selectionEnd, "end");
    input(area.value);
    area.focus();
  }

  function press(event: KeyboardEvent): void {
    if (event.isComposing) return;
    const held = event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && !event.altKey) {
      if (sendKey.value === "enter" ? event.shiftKey : !held) return;
      event.preventDefault();
      if (sendKey.value === "enter" && held) insert("\n");
      else send();
    } else if (held && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      quoteNext(dialog, event.key === "ArrowUp" ? -1 : 1);
    } else if (event.key === "ArrowUp" && !text && !held) {
      const last = lines.value.filter((one) => mayEdit(dialog, one)).at(-1);
      if (!last) return;
      event.preventDefault();
      rewriting.value = last.id;
    } else if (event.key === "Escape" && quoted) {
      event.stopPropagation();
      write(dialog.id, { reply_to: "" });
    }
  }

  const hint =
    mode === "note"
      ? foreign
        ? t("inbox.foreign", { name: dialog.owner_name })
        : t("inbox.note_hint")
      : dialog.owner === null
        ? t("inbox.takes")
        : "";
  const filesToo = !limits || can(dialog, "files");
  const takesFiles = mode === "reply" && filesToo;
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
            disabled={one === "reply" && barred}
            onClick={() => {
              write(dialog.id, { mode: one });
              field.current?.focus();
            }}
          >
            {t(`inbox.mode.${one}`)}
          </button>
        ))}
        {elsewhere ? (
          <span class="elsewhere" role="status">
            {t("inbox.writes", { name: elsewhere })}
          </span>
        ) : (
          <span class="compose-hint">{hint}</span>
        )}
      </div>
      <Window dialog={dialog} until={until} />
      {quoted ? <Quoted dialog={dialog} id={quoted} /> : null}
      <Uploads dialog={dialog} uploads={files} />
      <div class="composer-row">
        {takesFiles ? (
          <>
            <IconButton icon="clip" label={t("inbox.attach")} onClick={() => picker.current?.click()} />
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
        ) : mode === "reply" ? (
          <button
            type="button"
            class="icon-button off"
            aria-disabled="true"
            aria-label={cannot(dialog, "files")}
            title={cannot(dialog, "files")}
          >
            <Icon name="clip" />
          </button>
        ) : null}
        <textarea
          ref={field}
          id="composer"
          rows={1}
          value={text}
          dir="auto"
          enterkeyhint={sendKey.value === "enter" ? "send" : "enter"}
          aria-label={t(mode === "note" ? "inbox.note_text" : "inbox.reply_text")}
          placeholder={t(mode === "note" ? "inbox.note_placeholder" : "inbox.reply_placeholder")}
          onInput={(event) => input(event.currentTarget.value)}
          onPaste={(event) => {
            const pasted = [...(event.clipboardData?.files ?? [])];
            if (!pasted.length || !takesFiles) return;
            event.preventDefault();
            attach(dialog, pasted);
          }}
          onKeyDown={press}
        />
        <EmojiButton onPick={insert} />
        {dialog.type === "sms" && mode === "reply" && text.trim() && left >= 0 ? (
          <span class="left" role="status">
            {smsCost(text.trim())}
          </span>
        ) : left < NEAR_END ? (
          <span class={left < 0 ? "left over" : "left"} role="status">
            {left}
          </span>
        ) : null}
        <div class="send-frame">
          <button
            type="submit"
            class="button strong send"
            aria-label={t(mode === "note" ? "inbox.save_note" : "inbox.send")}
            disabled={!ready}
          >
            <Icon name={mode === "note" ? "check" : "send"} />
            <span>{t(mode === "note" ? "inbox.save_note" : "inbox.send")}</span>
          </button>
          <Menu
            up
            label={t("inbox.send_key")}
            class="send-key"
            items={(["enter", "ctrl"] as const).map((one) => ({
              label: t(one === "enter" ? "inbox.send_key.enter" : "inbox.send_key.ctrl", { ctrl }),
              checked: sendKey.value === one,
              onChoose: () => {
                sendKey.value = one;
                localStorage.setItem(KEY, one);
              },
            }))}
          >
            <Icon name="fold" />
          </Menu>
        </div>
      </div>
    </form>
  );
}

function smsCost(text: string): string {
  const { parts, units } = count(text);
  return t("inbox.sms.cost", { parts, n: units });
}

/** How near the end of the time to write freely is told beforehand. */
const SOON = 6 * 3_600_000;

/** What keeps a reply from arriving, or soon will, said before it is written. */
function Window({ dialog, until }: { dialog: Dialog; until: number | null }): JSX.Element | null {
  const away = thread.value?.id === dialog.id && !thread.value.reachable;
  const channel = kindName(dialog);
  const left = until === null ? null : until - clock.value;
  const mute = isMute(dialog.channel);
  const words = mute
    ? first(`inbox.mute.${dialog.kind}`, "inbox.mute")
    : away
      ? t("inbox.stopped", { channel })
      : left === null || left > SOON
        ? ""
        : left <= 0
          ? t("inbox.window.closed", { channel, at: full(new Date(until ?? 0).toISOString()) })
          : t("inbox.window.until", { channel, at: hours(new Date(until ?? 0).toISOString()) });
  if (!words) return null;
  return (
    <p class={mute || away || (left ?? 1) <= 0 ? "window shut" : "window"} role="status">
      <Icon name="clock" />
      <span>{words}</span>
    </p>
  );
}

function Quoted({ dialog, id }: { dialog: Dialog; id: string }): JSX.Element {
  const entry = entryOf(id);
  useEffect(() => {
    if (entry === undefined) void fetchQuoted(dialog.id, id);
  }, [entry === undefined, id]);
  return (
    <div class="quoted">
      <Icon name="reply" />
      <p>
        <bdi class="quote-author">{entry ? authorOf(entry) : ""}</bdi>
        <span class="quote-text" dir="auto">
          {entry ? gist(entry) : t(entry === null ? "inbox.quote_gone" : "inbox.quote_waits")}
        </span>
      </p>
      <IconButton icon="close" label={t("inbox.quote_drop")} onClick={() => write(dialog.id, { reply_to: "" })} />
    </div>
  );
}

const Emoji = lazy(() => import("./emoji"), "Emoji");

function EmojiButton({ onPick }: { onPick: (emoji: string) => void }): JSX.Element {
  const [open, setOpen] = useState(false);
  const frame = useRef<HTMLDivElement>(null);

  useOutside(open, frame, () => setOpen(false));

  return (
    <div
      ref={frame}
      class="emoji-frame"
      onKeyDown={(event) => {
        if (!open || event.key !== "Escape") return;
        event.stopPropagation();
        setOpen(false);
        frame.current?.querySelector("button")?.focus();
      }}
    >
      <IconButton icon="smile" label={t("inbox.emoji")} pressed={open} onClick={() => setOpen(!open)} />
      {open ? (
        <Emoji
          onPick={(emoji) => {
            onPick(emoji);
            setOpen(false);
          }}
        />
      ) : null}
    </div>
  );
}

/** Puts the cursor into the composer, in the given mode. */
export function compose(dialog: Dialog, mode: Mode): void {
  write(dialog.id, { mode });
  document.getElementById("composer")?.focus();
}

/** Begins a reply to that line. */
export function quote(dialog: Dialog, entry: Entry): void {
  if (!can(dialog, "quotes")) return;
  write(dialog.id, { reply_to: entry.id, mode: "reply" });
  document.getElementById("composer")?.focus();
}

/** Turns to the line before the quoted one or after it; past the last there is no quote. */
function quoteNext(dialog: Dialog, by: 1 | -1): void {
  if (thread.value?.id !== dialog.id || !can(dialog, "quotes")) return;
  const all = lines.value.filter((one) => (one.kind === "in" || one.kind === "out") && !one.deleted_at);
  const at = all.findIndex((one) => one.id === draft(dialog.id).reply_to);
  const to = at < 0 ? (by < 0 ? all.length - 1 : all.length) : Math.max(0, at + by);
  write(dialog.id, { reply_to: all[to]?.id ?? "", mode: "reply" });
}
