import texts from "catalogue";
import { freshKey } from "../keys";
import { speak } from "../texts";
import type { Slots } from "./call";
import forms from "./forms.css";
import { metricaClient, reached } from "./goals";
import { Invite } from "./invite";
import { Line } from "./live";
import lines from "./messages.css";
import { Memory } from "./memory";
import css from "./panel.css";
import { dress } from "./style";
import { UNANSWERED, View } from "./view";
import { here, visit, zone } from "./visit";
import type { Attachment, Entry, Panel, Place } from "./wire";

const TYPING_EVERY = 3_000;
/** Who presses a messenger's button waits no longer than this; then the plain address does. */
const LEADS_WITHIN = 4_000;

/** Puts the panel beside the launcher; a visitor whom the hub knows is connected at once. */
export function mount(place: Place): Panel {
  const { origin, channel, launcher, life, emit, preview } = place;
  const memory = new Memory(preview ? "preview" : channel);
  const path = `${origin}/widget/${encodeURIComponent(channel)}`;
  let typed = 0;
  let metrica = "";
  let opened = false;
  let drawn = looks(place);

  for (const sheet of [css, lines, forms]) dress(place.root, sheet);
  const line = new Line(
    `${path.replace(/^http/, "ws")}/live`,
    `otklik.${channel}`,
    memory,
    {
      introduce: () => ({
        visit: visit(memory.shelf, metrica),
        identity: place.person.identity ?? undefined,
        fields: told(),
      }),
      changed,
      typing: (name) => view.showTyping(name),
      heard: (entry) => {
        if (entry.mine) return;
        view.showTyping("");
        emit("message", { direction: "in" });
      },
      trouble: (code) => {
        // Somebody asks for more than this page knows of.
        if (code === UNANSWERED) place.renew();
        emit("error", { code });
      },
    },
    life,
  );
  if (place.person.identity !== undefined) memory.meet(place.person.identity?.id ?? null);
  let view = draw();
  let invite = inviting();
  document.addEventListener("visibilitychange", read, { signal: life });
  // Before the line lets go of its socket, so the word still gets out.
  window.addEventListener("pagehide", leave, { signal: life, capture: true });
  life.addEventListener("abort", () => {
    view.dismiss();
    invite?.hide();
  });
  metricaClient(place.config.goals, (id) => (metrica = String(id)));
  if (preview) sample();
  else if (memory.key !== null || memory.queue().length > 0 || place.person.identity) line.start();

  function draw(): View {
    const made = new View(texts, place, line, memory, {
      close,
      send: (text, reply_to) => put(text, [], reply_to),
      attach: (files) => put("", files, ""),
      door: () => {
        if (preview) return null;
        line.start();
        if (line.light !== "on" || memory.key === null) return null;
        return { address: `${path}/files`, key: memory.key };
      },
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
      slots,
      ask: (frame) =>
        preview
          ? Promise.resolve({ ok: true, dialog: "", at: frame.at as string | null, url: "" })
          : line.ask(frame),
      asked: (planned) => {
        line.call = planned;
        changed();
        emit("call", { at: planned.at });
        reached(place.config.goals, "otklik_call");
      },
      introduced: (fields, given) => {
        memory.shelf.write("fields", fields);
        memory.shelf.set("prechat", "done");
        changed();
        if (preview) return;
        // The answers at once: the first message may be on the heels of the form.
        line.say({ t: "fields", fields: told() });
        if (given.length)
          void line
            .ask({ t: "consent", key: freshKey(), given, page: here() })
            .then(() => line.say({ t: "fields", fields: told() }));
        for (const item of memory.queue())
          if (item.refused === UNANSWERED) memory.keep({ ...item, refused: "" });
        line.flush();
        changed();
      },
      rate: (score, text) => {
        line.rated = true;
        changed();
        if (score !== "none") {
          emit("rate", { score });
          reached(place.config.goals, "otklik_rate");
        }
        if (!preview) void line.ask({ t: "rate", key: freshKey(), score, text });
      },
      dialled: () => {
        emit("phone");
        reached(place.config.goals, "otklik_phone");
        if (!preview) void line.ask({ t: "tap", key: freshKey() });
      },
      subscribes: () => memory.shelf.get("subscribed") !== "1",
      subscribed: () => {
        if (!preview) memory.shelf.set("subscribed", "1");
        emit("subscribe");
        reached(place.config.goals, "otklik_subscribe");
      },
      chosen: (kind) => {
        emit("messenger", { kind });
        reached(place.config.goals, `otklik_messenger_${kind}`);
      },
      asksPhone: () =>
        !preview && place.config.asks_phone === true && !line.call && memory.shelf.get("left") !== "1",
      passed: () => memory.shelf.set("left", "1"),
      lead: async (messenger) => {
        if (preview) return "";
        const asked = line.ask({ t: "join", key: freshKey(), messenger });
        const late = new Promise<null>((settle) => window.setTimeout(settle, LEADS_WITHIN, null));
        const answer = await Promise.race([asked, late]);
        return answer?.ok ? answer.url : "";
      },
      speak: (lang) => {
        place.speak(lang);
        redraw();
      },
    });
    place.root.append(made.panel);
    return made;
  }

  /** Another language or other settings: the same dialog in a new card. */
  function redraw(): void {
    const shown = !view.panel.hidden;
    view.dismiss();
    view = draw();
    view.panel.classList.add("still");
    if (shown) view.open("chat");
    changed();
  }

  function told(): Record<string, string> | undefined {
    // Twenty are told and no more; what the visitor answered comes first.
    const answered = memory.shelf.read<Record<string, string>>("fields") ?? {};
    const fields = { ...answered, ...place.person.fields, ...answered };
    return Object.keys(fields).length ? Object.fromEntries(Object.entries(fields).slice(0, 20)) : undefined;
  }

  function put(text: string, attachments: Attachment[], reply_to: string): void {
    typed = 0;
    if (preview) return pretend(text, attachments);
    memory.add(text, attachments, reply_to);
    line.start();
    changed();
    line.flush();
    emit("message", { direction: "out" });
    reached(place.config.goals, "otklik_message");
  }

  function changed(): void {
    view.changed();
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

  /** What was typed and not sent is told once, with the consent that was given to it. */
  function leave(): void {
    const typed = place.config.keeps_typed && !preview ? view.typed() : null;
    if (!typed || memory.shelf.get("typed") === typed.phone) return;
    memory.shelf.set("typed", typed.phone);
    line.say({ t: "left", key: freshKey(), ...typed, sent: false, zone: zone(), page: here() });
  }

  async function slots(): Promise<Slots> {
    if (preview) return { now: true, days: [] };
    const answer = await fetch(`${path}/slots?zone=${encodeURIComponent(zone())}`, {
      credentials: "omit",
      signal: life,
    });
    if (!answer.ok) throw new Error(String(answer.status));
    return (await answer.json()) as Slots;
  }

  function inviting(): Invite | null {
    const { config } = place;
    if (!config.invite || (preview && place.sample !== "invite")) return null;
    if (!preview && !config.open && config.offline?.mode === "hide") return null;
    const made = new Invite(speak(texts, place.lang), config.invite, memory.shelf, {
      busy: () => opened || launcher.hidden === true || line.entries.size > 0,
      open: () => open("chat"),
      shown: () => emit("invite"),
    });
    place.root.append(made.element);
    if (preview) made.draw();
    else made.wait();
    return made;
  }

  function open(what: "chat" | "call"): void {
    opened = true;
    invite?.hide();
    if (!preview) line.start();
    launcher.setAttribute("aria-expanded", "true");
    const before = view.panel.hidden;
    view.open(what);
    read();
    if (!before) return;
    place.opened(true);
    reached(place.config.goals, "otklik_open");
  }

  function close(): void {
    if (view.panel.hidden) return;
    view.panel.hidden = true;
    launcher.setAttribute("aria-expanded", "false");
    if (!preview) launcher.focus();
    place.opened(false);
    read();
  }

  /** A few lines for whoever chooses how the chat looks. */
  function sample(): void {
    const say = speak(texts, place.lang);
    const minute = 60_000;
    line.light = "on";
    line.dialog = "preview";
    if (place.sample === "new") return changed();
    pretend(say("widget.sample.question"), [], Date.now() - 4 * minute);
    pretend(say("widget.sample.answer"), [], Date.now() - 3 * minute, say("widget.sample.name"));
  }

  function pretend(text: string, attachments: Attachment[], at = Date.now(), author = ""): void {
    const seq = line.entries.size + 1;
    const entry: Entry = {
      id: "",
      dialog: "preview",
      seq,
      order: seq,
      at: new Date(at).toISOString(),
      mine: !author,
      key: `preview-${seq}`,
      author_name: author,
      text,
      attachments,
      state: null,
      deleted_at: null,
    };
    line.entries.set(`preview:${seq}`, entry);
    changed();
  }

  return {
    open: () => open("chat"),
    call: () => open("call"),
    close,
    refresh: () => {
      const now = looks(place);
      if (preview && now !== drawn) {
        memory.shelf.remove("prechat");
        line.entries.clear();
        sample();
        redraw();
        invite?.element.remove();
        invite = inviting();
        if (place.sample === "call" && opened) open("call");
      } else {
        view.refresh();
        changed();
      }
      drawn = now;
    },
    told: (what) => {
      if (what === "fields") return line.say({ t: "fields", fields: told() });
      memory.meet(place.person.identity?.id ?? null);
      line.renew();
      changed();
    },
    moved: () => {
      invite?.wait();
      line.say({ t: "page", page: here(), title: document.title.slice(0, 300) });
    },
  };
}

function looks({ config, lang, sample }: Place): string {
  return JSON.stringify([config, lang, sample]);
}
