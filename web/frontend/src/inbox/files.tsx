import "./files.css";
import type { JSX } from "preact";
import { fileAddress } from "../links";
import { Awaited, isHere, wasAwaited } from "./awaited";
import { showPicture } from "./gallery";
import { Icon } from "./parts";
import { t } from "./settings";
import { size } from "./times";
import { Voice } from "./voice";
import type { Attachment, Entry } from "./wire";

/** A grid shows so many pictures; the rest is a number on the last. */
const GRID = 4;
const WIDE = 320;

/** All that came with a message: pictures as one grid, the rest one below another. */
export function Files({ entries }: { entries: Entry[] }): JSX.Element | null {
  const files = entries.flatMap((entry) => entry.attachments.map((file) => ({ entry, file })));
  if (!files.length) return null;
  const pictures = files.filter(({ file }) => file.kind === "image");
  return (
    <>
      {pictures.length ? <Pictures pictures={pictures} /> : null}
      {files.map(({ entry, file }) =>
        file.kind === "image" ? null : !isHere(file) ? (
          <Awaited key={file.id} entry={entry} file={file} />
        ) : file.kind === "audio" ? (
          <Voice key={file.id} file={file} />
        ) : file.kind === "video" ? (
          <Video key={file.id} file={file} />
        ) : (
          <FileCard key={file.id} file={file} />
        ),
      )}
    </>
  );
}

function Pictures(props: { pictures: { entry: Entry; file: Attachment }[] }): JSX.Element {
  const { pictures } = props;
  const rest = pictures.length - GRID;
  return (
    <div class={`pictures n${Math.min(GRID, pictures.length)}`}>
      {pictures.slice(0, GRID).map(({ entry, file }, i) =>
        isHere(file) ? (
          <Picture
            key={file.id}
            file={file}
            alone={pictures.length === 1}
            rest={i === GRID - 1 && rest > 0 ? rest : 0}
          />
        ) : (
          <Awaited key={file.id} entry={entry} file={file} />
        ),
      )}
    </div>
  );
}

function Picture(props: { file: Attachment; alone: boolean; rest: number }): JSX.Element {
  const { file, alone, rest } = props;
  const address = fileAddress(file.url);
  // The place is kept before the picture is there, so that the text does not jump.
  const boxed = wasAwaited(file);
  const own = alone && !boxed;
  const scale = Math.min(1, WIDE / (file.width || WIDE), WIDE / (file.height || WIDE));
  const wide = own && file.width ? Math.max(48, Math.round(file.width * scale)) : 240;
  const high = own && file.height ? Math.max(48, Math.round(file.height * scale)) : 180;
  return (
    <a
      class={boxed ? "picture boxed" : "picture"}
      href={address}
      target="_blank"
      rel="noopener noreferrer nofollow"
      aria-label={t("inbox.open_picture", { name: file.name })}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        showPicture(file);
      }}
    >
      <img
        src={file.thumb ? fileAddress(file.thumb) : address}
        alt={file.name}
        width={wide}
        height={high}
        loading="lazy"
      />
      {rest ? <span class="picture-rest">{`+${rest}`}</span> : null}
    </a>
  );
}

function Video({ file }: { file: Attachment }): JSX.Element {
  return (
    <figure class={wasAwaited(file) ? "video boxed" : "video"}>
      <video
        src={fileAddress(file.url)}
        width={file.width || undefined}
        height={file.height || undefined}
        controls
        playsInline
        preload="metadata"
        aria-label={file.name}
      />
    </figure>
  );
}

/** The kind of a file as people call it: what stands after the last dot of its name. */
export function ending(name: string): string {
  const found = /\.([\p{L}\p{N}]{1,5})$/u.exec(name);
  return found?.[1]?.toUpperCase() ?? "";
}

export function FileCard({ file }: { file: Attachment }): JSX.Element {
  return (
    <a
      class="file"
      href={fileAddress(file.url)}
      download={file.name}
      rel="noopener noreferrer nofollow"
      title={t("inbox.download", { name: file.name })}
    >
      <span class="file-kind" aria-hidden="true">
        {ending(file.name) || <Icon name="file" />}
      </span>
      <span class="file-about">
        <bdi class="file-name">{file.name}</bdi>
        <span class="file-size">{size(file.size_bytes)}</span>
      </span>
      <Icon name="download" />
    </a>
  );
}
