import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { fileAddress, pieces } from "../links";
import { api } from "./api";
import { Icon } from "./parts";
import { type Unsent, drop, retry } from "./outbox";
import { first as firstOf, t } from "./settings";
import { learnEntries, me, tell } from "./store";
import { full, hours, size } from "./times";
import type { Attachment, Entry, OutState } from "./wire";

interface LineProps {
  entry: Entry;
  divider: string;
  /** Whether it begins a group of one author. */
  first: boolean;
  unsent?: Unsent;
}

export function Line({ entry, divider, first, unsent }: LineProps): JSX.Element {
  return (
    <>
      {divider ? (
        <div class="day" role="separator">
          <span>{divider}</span>
        </div>
      ) : null}
      {entry.kind === "system" ? (
        <p class="system">
          {said(entry)} · <time dateTime={entry.at}>{hours(entry.at)}</time>
        </p>
      ) : (
        <Bubble entry={entry} first={first} unsent={unsent} />
      )}
    </>
  );
}

function said(entry: Entry): string {
  const name = entry.author.name || t("inbox.system.hub");
  switch (entry.verb) {
    case "taken":
      return t("inbox.system.taken", { name });
    case "returned":
      return t("inbox.system.returned", { name });
    case "closed":
      return entry.author.kind === "operator"
        ? t("inbox.system.closed", { name })
        : t("inbox.system.closed_itself");
    case "reopened":
      return entry.author.kind === "operator"
        ? t("inbox.system.reopened", { name })
        : t("inbox.system.reopened_itself");
    case "sealed":
      return t("inbox.system.sealed");
    case "retried":
      return t("inbox.system.retried", { name });
    default:
      return entry.text || t("inbox.system.other");
  }
}

function Bubble(props: { entry: Entry; first: boolean; unsent: Unsent | undefined }): JSX.Element {
  const { entry, first, unsent } = props;
  const pictures = entry.attachments.filter((file) => file.kind === "image");
  const others = entry.attachments.filter((file) => file.kind !== "image");
  const named = first && entry.kind !== "in" && entry.author.id !== me.value?.operator.id;
  return (
    <div class={`message ${entry.kind} ${first ? "first" : ""}`} data-seq={unsent ? undefined : entry.seq}>
      <div class="bubble">
        {entry.kind === "note" ? (
          <span class="author">
            {t("inbox.note_by", { name: entry.author.name })}
          </span>
        ) : named && entry.author.name ? (
          <span class="author">{entry.author.name}</span>
        ) : null}
        {entry.deleted_at ? <p class="gone">{t("inbox.deleted")}</p> : null}
        {pictures.length ? (
          <div class={`pictures n${Math.min(4, pictures.length)}`}>
            {pictures.map((file) => (
              <Picture key={file.id} file={file} />
            ))}
          </div>
        ) : null}
        {others.map((file) => (
          <FileCard key={file.id} file={file} />
        ))}
        {entry.text ? (
          <p class={entry.deleted_at ? "text struck" : "text"}>
            <Text text={entry.text} />
          </p>
        ) : null}
        <span class="meta">
          {entry.reactions.length ? (
            <span>{entry.reactions.map((reaction) => reaction.emoji).join(" ")}</span>
          ) : null}
          {entry.edited_at ? <span>{t("inbox.edited")}</span> : null}
          {entry.late ? <span title={t("inbox.late_why")}>{t("inbox.late")}</span> : null}
          <time dateTime={entry.at} title={full(entry.at)}>
            {hours(entry.at)}
          </time>
          {entry.state ? <Tick state={entry.state} /> : null}
        </span>
      </div>
      {entry.state === "failed" || entry.state === "unknown" ? (
        <Trouble entry={entry} unsent={unsent} />
      ) : null}
    </div>
  );
}

const TICKS: Record<OutState, string> = {
  queued: "◷",
  sending: "◷",
  sent: "✓",
  delivered: "✓✓",
  read: "✓✓",
  failed: "!",
  unknown: "?",
};

function Tick({ state }: { state: OutState }): JSX.Element {
  const words = t(`inbox.state.${state}`);
  return (
    <span class={`tick ${state}`} role="img" aria-label={words} title={words}>
      {TICKS[state]}
    </span>
  );
}

function Trouble({ entry, unsent }: { entry: Entry; unsent: Unsent | undefined }): JSX.Element {
  const [busy, setBusy] = useState(false);
  const reason = entry.failure
    ? firstOf(`error.${entry.failure}`, "error.delivery")
    : t("error.delivery");
  const repeat = async (): Promise<void> => {
    if (unsent) {
      retry(unsent.key);
      return;
    }
    setBusy(true);
    try {
      learnEntries([await api.retry(entry.dialog, entry.id)]);
    } catch (error) {
      tell(error);
    }
    setBusy(false);
  };
  return (
    <p class={`trouble ${entry.state ?? ""}`}>
      <span>
        {entry.state === "failed" ? t("inbox.not_sent", { reason }) : t("inbox.fate_unknown")}
      </span>
      <button type="button" class="link" disabled={busy} onClick={() => void repeat()}>
        {t("inbox.retry")}
      </button>
      {unsent ? (
        <button type="button" class="link" onClick={() => drop(unsent.key)}>
          {t("inbox.remove")}
        </button>
      ) : null}
    </p>
  );
}

export function Text({ text }: { text: string }): JSX.Element {
  return (
    <>
      {pieces(text).map((piece, i) =>
        piece.href ? (
          <a key={i} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        ) : (
          piece.text
        ),
      )}
    </>
  );
}

function Picture({ file }: { file: Attachment }): JSX.Element {
  const address = fileAddress(file.url);
  // The place is kept before the picture is there, so that the text does not jump.
  const wide = Math.min(320, file.width || 240);
  const high = file.width ? Math.min(320, Math.round((wide * file.height) / file.width)) : 180;
  return (
    <a
      class="picture"
      href={address}
      target="_blank"
      rel="noopener noreferrer nofollow"
      aria-label={t("inbox.open_picture", { name: file.name })}
    >
      <img src={file.thumb ? fileAddress(file.thumb) : address} alt={file.name} width={wide} height={high} loading="lazy" />
    </a>
  );
}

function FileCard({ file }: { file: Attachment }): JSX.Element {
  return (
    <a class="file" href={fileAddress(file.url)} target="_blank" rel="noopener noreferrer nofollow">
      <Icon name="file" />
      <span class="file-name">{file.name}</span>
      <span class="quiet">{size(file.size_bytes)}</span>
    </a>
  );
}
