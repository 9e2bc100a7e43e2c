import texts from "catalogue";
import { speak } from "../texts";
import { Line } from "./live";
import { Memory } from "./memory";
import css from "./panel.css";
import { dress } from "./style";
import type { Attachment, Panel, Place } from "./wire";
import { View } from "./view";

const TYPING_EVERY = 3_000;

/** Puts the panel beside the launcher; a visitor whom the hub knows is connected at once. */
export function mount(place: Place): Panel {
  const { config, origin, channel, launcher } = place;
  const say = speak(texts, place.lang);
  const memory = new Memory(channel);
  let typed = 0;
  let over = false;

  dress(place.root, css);
  const view = new View(say, place.lang, origin, config, {
    close,
    send: (text) => put(text, []),
    files: (files) => void attach(files),
    typing: () => {
      if (Date.now() - typed < TYPING_EVERY) return;
      typed = Date.now();
      line.say({ t: "typing" });
    },
    retry: (item) => {
      memory.keep({ ...item, refused: "" });
      changed();
      line.flush();
    },
    drop: (item) => {
      memory.drop(item.key);
      changed();
    },
  });
  place.root.append(view.panel);

  const path = `/widget/${encodeURIComponent(channel)}`;
  const line = new Line(`${origin.replace(/^http/, "ws")}${path}/live`, `otklik.${channel}`, memory, {
    changed,
    typing: (name) => view.showTyping(name),
    closed: () => {
      over = true;
      changed();
    },
  });
  document.addEventListener("visibilitychange", read);
  changed();
  if (memory.key !== null || memory.queue().length > 0) line.start();

  function put(text: string, attachments: Attachment[]): void {
    over = false;
    typed = 0;
    memory.add(text, attachments);
    changed();
    line.flush();
  }

  function changed(): void {
    const entries = line.lines();
    view.showLines(entries, line.waiting());
    if (entries.some((entry) => !entry.mine)) view.showTyping("");
    view.showState(
      line.light === "off"
        ? say("widget.no_connection")
        : line.light === "refused"
          ? say("widget.refused")
          : over
            ? say("widget.closed")
            : "",
    );
    read();
  }

  /** What is on the open panel of a visible page is read; the rest is counted on the launcher. */
  function read(): void {
    const { dialog } = line;
    const theirs = line.lines().filter((entry) => !entry.mine && entry.dialog === dialog);
    const known = memory.read;
    const upto = known.dialog === dialog ? known.seq : 0;
    const last = Math.max(0, ...theirs.map((entry) => entry.seq));
    const looking = !view.panel.hidden && document.visibilityState === "visible";
    if (looking && dialog !== null && last > upto && line.light === "on") {
      memory.read = { dialog, seq: last };
      line.say({ t: "read", seq: last });
    }
    place.badge(looking ? 0 : theirs.filter((entry) => entry.seq > upto).length);
  }

  async function attach(files: File[]): Promise<void> {
    for (const file of files.slice(0, config.attachments_max)) {
      if (file.size > config.attachment_max_bytes) {
        view.showPending(`${file.name}: ${view.reason("too_large")}`, true);
        continue;
      }
      try {
        const stored = await upload(file);
        view.showPending("");
        put("", [stored]);
      } catch (error) {
        view.showPending(`${file.name}: ${view.reason((error as Error).message)}`, true);
      }
    }
    if (files.length > config.attachments_max)
      view.showPending(view.reason("too_many_files"), true);
  }

  function upload(file: File): Promise<Attachment> {
    return new Promise((resolve, reject) => {
      if (memory.key === null) {
        reject(new Error("offline"));
        return;
      }
      const request = new XMLHttpRequest();
      request.open("POST", `${origin}${path}/files?name=${encodeURIComponent(file.name || "file")}`);
      request.setRequestHeader("X-Visitor-Key", memory.key);
      request.upload.onprogress = (event) => {
        const share = event.lengthComputable ? Math.round((event.loaded / event.total) * 100) : 0;
        view.showPending(say("widget.uploading", { name: file.name, share: `${share} %` }));
      };
      request.onload = () => {
        if (request.status === 200 || request.status === 201)
          resolve(JSON.parse(request.responseText) as Attachment);
        else reject(new Error(request.status === 413 ? "too_large" : request.status === 429 ? "limited" : "refused"));
      };
      request.onerror = () => reject(new Error("offline"));
      request.send(file);
    });
  }

  function open(): void {
    line.start();
    view.panel.hidden = false;
    launcher.setAttribute("aria-expanded", "true");
    view.focus();
    read();
  }

  function close(): void {
    if (view.panel.hidden) return;
    view.panel.hidden = true;
    launcher.setAttribute("aria-expanded", "false");
    place.closed();
    launcher.focus();
    read();
  }

  return { open, close };
}
