import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { fileAddress } from "../links";
import { gallery, showPicture } from "./gallery";
import { Icon, IconButton } from "./parts";
import { t } from "./settings";
import { Modal } from "./sheet";
import { size } from "./times";

const MOST = 8;

/** One picture over the whole window, with its neighbours a key away. */
export function Lightbox(): JSX.Element | null {
  const now = gallery.value;
  const [zoom, setZoom] = useState(1);
  const frame = useRef<HTMLDivElement>(null);
  const image = useRef<HTMLImageElement>(null);
  const at = now?.at ?? 0;
  const count = now?.pictures.length ?? 0;
  const file = now?.pictures[at];

  useEffect(() => {
    setZoom(1);
    for (const near of [at - 1, at + 1]) {
      const other = now?.pictures[near];
      if (other) new Image().src = fileAddress(other.url);
    }
  }, [file?.id]);

  useLayoutEffect(() => {
    const shown = image.current;
    const area = frame.current;
    if (!shown || !area) return;
    shown.style.width = zoom === 1 ? "" : `${area.clientWidth * zoom}px`;
    area.scrollTo({
      left: (area.scrollWidth - area.clientWidth) / 2,
      top: (area.scrollHeight - area.clientHeight) / 2,
    });
  }, [zoom]);

  if (!now || !file) return null;
  const close = (): void => showPicture(null);
  const go = (to: number): void => {
    const other = now.pictures[to];
    if (other) showPicture(other);
  };
  const closer = (): void => setZoom((z) => Math.min(MOST, z * 2));
  const wider = (): void => setZoom((z) => Math.max(1, z / 2));

  function press(event: KeyboardEvent): void {
    switch (event.key) {
      case "ArrowLeft":
        if (zoom > 1) return;
        go(at - 1);
        break;
      case "ArrowRight":
        if (zoom > 1) return;
        go(at + 1);
        break;
      case "+":
      case "=":
        closer();
        break;
      case "-":
        wider();
        break;
      case "0":
        setZoom(1);
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  return (
    <Modal label={t("inbox.picture", { name: file.name })} class="lightbox" onClose={close}>
      <div class="lightbox-inner" onKeyDown={press}>
        <header>
          <p>
            <bdi>{file.name}</bdi>
            <span>
              {count > 1 ? `${t("inbox.picture.of", { n: at + 1, count })} · ` : ""}
              {size(file.size_bytes)}
            </span>
          </p>
          <IconButton icon="minus" label={t("inbox.picture.wider")} onClick={wider} />
          <IconButton icon="plus" label={t("inbox.picture.closer")} onClick={closer} />
          <a
            class="icon-button"
            href={fileAddress(file.url)}
            download={file.name}
            aria-label={t("inbox.download", { name: file.name })}
            title={t("inbox.download", { name: file.name })}
          >
            <Icon name="download" />
          </a>
          <IconButton icon="close" label={t("inbox.dismiss")} onClick={close} />
        </header>
        <div
          ref={frame}
          class={zoom > 1 ? "lightbox-frame near" : "lightbox-frame"}
          onClick={(event) => {
            if (event.target === event.currentTarget) close();
          }}
          onWheel={(event) => {
            if (!event.ctrlKey) return;
            event.preventDefault();
            if (event.deltaY < 0) closer();
            else wider();
          }}
        >
          <img
            key={file.id}
            ref={image}
            src={fileAddress(file.url)}
            alt={file.name}
            width={file.width || undefined}
            height={file.height || undefined}
            onClick={() => (zoom > 1 ? setZoom(1) : closer())}
          />
        </div>
        {at > 0 ? (
          <IconButton icon="back" class="lightbox-back" label={t("inbox.picture.before")} onClick={() => go(at - 1)} />
        ) : null}
        {at < count - 1 ? (
          <IconButton icon="on" class="lightbox-on" label={t("inbox.picture.after")} onClick={() => go(at + 1)} />
        ) : null}
      </div>
    </Modal>
  );
}
