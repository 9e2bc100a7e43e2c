import type { Say } from "../texts";
import { size } from "./bubble";
import { ICON, make, round, worded } from "./make";
import type { Attachment, Config } from "./wire";

interface Upload {
  file: File;
  /** Files chosen together are sent as one message. */
  batch: number;
  state: "waiting" | "sending" | "stored" | "failed";
  stored: Attachment | null;
  request: XMLHttpRequest | null;
  tile: HTMLElement;
  bar: HTMLElement;
  words: HTMLElement;
}

interface Asks {
  /** Where to and under whose key; nothing while there is no connection. */
  door: () => { address: string; key: string } | null;
  send: (files: Attachment[]) => void;
  reason: (code: string) => string;
}

const AGAIN_AFTER = 3_000;

/** Files on their way, one after the other, each with its progress and a way to stop it. */
export class Uploads {
  readonly element = make("div", "tray");
  private readonly notice = make("p", "wrong");
  private uploads: Upload[] = [];
  private batches = 0;
  private again = 0;

  constructor(
    private readonly say: Say,
    private readonly limits: Pick<Config, "attachments_max" | "attachment_max_bytes">,
    private readonly asks: Asks,
  ) {
    this.notice.setAttribute("role", "alert");
    this.element.append(this.notice);
  }

  close(): void {
    clearTimeout(this.again);
    for (const upload of this.uploads) upload.request?.abort();
  }

  add(files: File[]): void {
    const { attachments_max, attachment_max_bytes } = this.limits;
    const fit = files.filter((file) => file.size <= attachment_max_bytes && file.size > 0);
    const wrong = files.find((file) => !fit.includes(file));
    this.notice.textContent = wrong
      ? this.say(wrong.size ? "widget.file.too_large" : "widget.file.empty", {
          name: short(wrong.name),
          limit: size(attachment_max_bytes, this.say),
        })
      : fit.length > attachments_max
        ? this.say("widget.file.too_many", { n: attachments_max })
        : "";
    this.batches += 1;
    for (const file of fit.slice(0, attachments_max)) this.uploads.push(this.tile(file, this.batches));
    this.pump();
  }

  /** Goes on with what waits, if it can. */
  pump(): void {
    clearTimeout(this.again);
    if (this.uploads.some((upload) => upload.state === "sending")) return;
    const next = this.uploads.find((upload) => upload.state === "waiting");
    if (!next) return;
    const door = this.asks.door();
    if (!door) {
      for (const upload of this.uploads)
        if (upload.state === "waiting") upload.words.textContent = this.say("widget.file.waiting");
      return;
    }
    this.send(next, door);
  }

  private send(upload: Upload, door: { address: string; key: string }): void {
    const request = new XMLHttpRequest();
    upload.request = request;
    upload.state = "sending";
    this.progress(upload, 0);
    request.open("POST", `${door.address}?name=${encodeURIComponent(upload.file.name || "file")}`);
    request.setRequestHeader("X-Visitor-Key", door.key);
    request.upload.onprogress = ({ loaded, total }) => this.progress(upload, total ? loaded / total : 0);
    request.onload = () => this.answered(upload, request);
    request.onerror = () => {
      // The line was lost; the file is sent anew when it is back.
      upload.state = "waiting";
      upload.words.textContent = this.say("widget.file.waiting");
      this.again = window.setTimeout(() => this.pump(), AGAIN_AFTER);
    };
    request.send(upload.file);
  }

  private answered(upload: Upload, request: XMLHttpRequest): void {
    const { status } = request;
    if (status === 200 || status === 201) {
      upload.stored = JSON.parse(request.responseText) as Attachment;
      upload.state = "stored";
      this.progress(upload, 1);
    } else if (status >= 500) {
      request.onerror?.(new ProgressEvent("error"));
      return;
    } else {
      const code = status === 413 ? "too_large" : status === 429 ? "limited" : "refused";
      upload.state = "failed";
      upload.tile.classList.add("failed");
      upload.words.textContent = this.asks.reason(code);
      upload.words.after(worded(this.say("widget.retry"), () => this.retry(upload)));
    }
    this.finish(upload.batch);
    this.pump();
  }

  private retry(upload: Upload): void {
    this.remove(upload);
    this.add([upload.file]);
  }

  private remove(upload: Upload): void {
    this.uploads = this.uploads.filter((one) => one !== upload);
    upload.tile.remove();
    upload.request?.abort();
  }

  /** Sends what was stored of a batch when nothing of it is on its way any more. */
  private finish(batch: number): void {
    const all = this.uploads.filter((upload) => upload.batch === batch);
    if (all.some(({ state }) => state === "waiting" || state === "sending")) return;
    const stored = all.filter(({ state }) => state === "stored");
    for (const upload of stored) this.remove(upload);
    const files = stored.flatMap((upload) => upload.stored ?? []);
    if (files.length) this.asks.send(files);
  }

  private progress(upload: Upload, share: number): void {
    const percent = Math.round(share * 100);
    upload.bar.style.setProperty("--share", `${percent}%`);
    upload.bar.setAttribute("aria-valuenow", String(percent));
    upload.words.textContent = this.say("widget.uploading", { share: `${percent} %` });
  }

  private tile(file: File, batch: number): Upload {
    const name = make("span", "name", short(file.name));
    name.dir = "auto";
    const bar = make("div", "bar");
    bar.setAttribute("role", "progressbar");
    bar.setAttribute("aria-label", file.name);
    bar.setAttribute("aria-valuemin", "0");
    bar.setAttribute("aria-valuemax", "100");
    const words = make("span", "size", size(file.size, this.say));
    const tile = make("div", "tile", make("div", "about", name, words, bar));
    const upload: Upload = { file, batch, state: "waiting", stored: null, request: null, tile, bar, words };
    tile.append(
      round(this.say("widget.file.cancel", { name: short(file.name) }), ICON.cross, () => {
        this.remove(upload);
        this.finish(batch);
        this.pump();
      }),
    );
    this.element.append(tile);
    return upload;
  }
}

function short(name: string): string {
  const letters = Array.from(name || "file");
  return letters.length > 60 ? `${letters.slice(0, 40).join("")}…${letters.slice(-15).join("")}` : letters.join("");
}
