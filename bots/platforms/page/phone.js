// A person's phone: shows what each played messenger shows, does what a person does.
const words = JSON.parse(document.getElementById("words").textContent);
const at = (id) => document.getElementById(id);
const lang = document.documentElement.lang;
const who = document.body.dataset.who;
const tabs = [...document.querySelectorAll("[role=tab]")];
const states = new Map();
/** What is in the log now: the node of each message and what it was made of. */
const drawn = new Map();
const seen = new Map();
let open = tabs[0].dataset.kind;
let about = null;
let socket = null;

function make(name, props = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(props))
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  node.append(...children.filter((each) => each !== null));
  return node;
}

function tell(deed) {
  if (socket && socket.readyState === WebSocket.OPEN)
    socket.send(JSON.stringify({ kind: open, ...deed }));
}

function note(text) {
  at("note").textContent = text;
  at("note").hidden = !text;
}

function aim(next) {
  if (about?.rewrite && !next?.rewrite) write("");
  about = next;
  at("about").hidden = !next;
  if (!next) return;
  const what = next.rewrite ? words.editing : words.answering;
  at("about-text").textContent = `${what} ${next.text || words.a_file}`;
  if (next.rewrite) write(next.text);
  at("text").focus();
}

function write(text) {
  at("text").value = text;
  fit();
}

/** The field grows with what is written, up to what the style allows. */
function fit() {
  at("text").style.height = "auto";
  at("text").style.height = `${at("text").scrollHeight + 2}px`;
}

function size(bytes) {
  const unit = new Intl.NumberFormat(lang, { maximumFractionDigits: 1 });
  return bytes < 1_000_000
    ? `${unit.format(Math.max(bytes / 1_000, 0.1))} ${words.kb}`
    : `${unit.format(bytes / 1_000_000)} ${words.mb}`;
}

function file(one) {
  if (one.kind === "image") return make("img", { src: one.url, alt: one.name });
  if (one.kind === "audio")
    return make("audio", { src: one.url, controls: "", "aria-label": one.name });
  if (one.kind === "video")
    return make("video", { src: one.url, controls: "", "aria-label": one.name });
  return make("a", { href: one.url, download: one.name }, `${one.name} · ${size(one.size)}`);
}

function step(name, label, text, onclick, pressed) {
  const props = { type: "button", title: label, "aria-label": label, "data-step": name, onclick };
  if (pressed !== undefined) props["aria-pressed"] = String(pressed);
  return make("button", props, text);
}

function key(bubble, [label, data], index) {
  if (data.startsWith("https://"))
    return make("a", { href: data, target: "_blank", rel: "noreferrer" }, label);
  const press = () =>
    data === "phone" ? tell({ do: "send_card" }) : tell({ do: "press", bubble: bubble.id, data });
  return make("button", { type: "button", "data-step": `key-${index}`, onclick: press }, label);
}

/** WhatsApp's text carries its own marks; the others' platforms have taken them out already. */
const MARKS = { "*": "b", _: "i", "~": "s" };

function styled(kind, text) {
  if (kind !== "whatsapp") return [text];
  return text
    .split(/(?<![\p{L}\p{N}])([*_~](?=\S)[^*_~\n]*\S[*_~])(?![\p{L}\p{N}])/u)
    .map((part, index) =>
      index % 2 && part[0] === part.at(-1) ? make(MARKS[part[0]], {}, part.slice(1, -1)) : part,
    );
}

function steps(state, bubble) {
  const can = (verb) => state.can.includes(verb);
  const liked = bubble.reactions.includes("👍");
  const react = () => tell({ do: "react", bubble: bubble.id, text: liked ? "" : "👍" });
  const aimed = { bubble: bubble.id, text: bubble.text };
  return [
    can("write") ? step("reply", words.reply, "↩", () => aim(aimed)) : null,
    !bubble.mine && can("react") ? step("like", words.like, "👍", react, liked) : null,
    bubble.mine && bubble.text && can("rewrite")
      ? step("edit", words.edit, "✎", () => aim({ ...aimed, rewrite: true }))
      : null,
    bubble.mine && can("take_back")
      ? step("delete", words.delete, "✕", () => tell({ do: "take_back", bubble: bubble.id }))
      : null,
  ];
}

function line(state, bubble, quoted) {
  const time = new Date(bubble.at).toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit" });
  let count = 0;
  return make(
    "article",
    { class: bubble.mine ? "bubble mine" : "bubble", "data-id": bubble.id },
    make("span", { class: "hidden" }, bubble.mine ? words.you : words.business),
    bubble.quote ? make("div", { class: "quote" }, quoted) : null,
    ...bubble.files.map(file),
    bubble.place ? make("p", {}, `📍 ${bubble.place.map((each) => each.toFixed(4)).join(", ")}`) : null,
    bubble.card ? make("p", {}, `👤 ${bubble.card.filter(Boolean).join(" · ")}`) : null,
    bubble.text ? make("p", { dir: "auto" }, ...styled(state.kind, bubble.text)) : null,
    bubble.buttons.length
      ? make(
          "div",
          { class: "keys" },
          ...bubble.buttons.map((row) =>
            make("div", {}, ...row.map((one) => key(bubble, one, count++))),
          ),
        )
      : null,
    make(
      "div",
      { class: "foot" },
      bubble.reactions.length
        ? make("span", { class: "reactions" }, bubble.reactions.join(" "))
        : null,
      make("span", { class: "steps" }, ...steps(state, bubble)),
      bubble.edited ? make("span", {}, words.edited) : null,
      make("span", {}, time),
      bubble.mine && bubble.read
        ? make("span", { role: "img", "aria-label": words.read }, "✓✓")
        : null,
    ),
  );
}

/** Redraws only what changed, so that neither focus nor a playing voice is lost. */
function draw(state) {
  const log = at("log");
  const wanted = new Map();
  for (const bubble of state.bubbles) {
    const known = state.bubbles.find((each) => each.id === bubble.quote);
    const quoted = bubble.quote ? (known ? known.text || words.a_file : words.quote_gone) : "";
    wanted.set(bubble.id, { bubble, quoted, text: JSON.stringify([open, state.can, bubble, quoted]) });
  }
  for (const [id, had] of drawn)
    if (!wanted.has(id) || had.kind !== open) {
      had.node.remove();
      drawn.delete(id);
    }
  let before = null;
  for (const [id, { bubble, quoted, text }] of wanted) {
    const had = drawn.get(id);
    let node = had?.node;
    if (had?.text !== text) {
      node = line(state, bubble, quoted);
      const focused = had?.node.contains(document.activeElement)
        ? document.activeElement.dataset.step
        : "";
      had?.node.replaceWith(node);
      if (focused) node.querySelector(`[data-step="${focused}"]`)?.focus();
      drawn.set(id, { node, text, kind: open });
    }
    const place = before ? before.nextSibling : log.firstChild;
    if (node !== place) log.insertBefore(node, place);
    before = node;
  }
}

function show() {
  const state = states.get(open);
  const tab = tabs.find((each) => each.dataset.kind === open);
  for (const each of tabs) {
    each.setAttribute("aria-selected", String(each === tab));
    each.tabIndex = each === tab ? 0 : -1;
    each.classList.toggle("starting", !states.has(each.dataset.kind));
  }
  unseen(tab, false);
  at("chat").setAttribute("aria-labelledby", tab.id);
  const log = at("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  draw(state ?? { bubbles: [], can: [] });
  const empty = log.querySelector(".empty");
  const told = !state
    ? words.starting.replace("{messenger}", tab.dataset.name)
    : state.bubbles.length
      ? ""
      : words[`empty.${who}`];
  if (!told) empty?.remove();
  else if (empty) empty.textContent = told;
  else log.append(make("p", { class: "empty" }, told));
  if (atEnd) toEnd();
  const can = state?.can ?? [];
  at("typing").textContent = state?.typing ? words.typing : "";
  at("block").hidden = !can.includes("block");
  at("block").textContent = state?.blocked ? words.unblock : words.block;
  at("tools").disabled = !state || state.blocked;
  at("text").placeholder = state?.blocked ? words.blocked : words.message;
  for (const button of document.querySelectorAll("[data-verb]"))
    button.hidden = !!state && !can.includes(button.dataset.verb);
  if (!can.includes("begin")) unfold(false);
  read();
}

/** Tells that what came was seen, once for each last message. */
function read() {
  const state = states.get(open);
  const last = state?.bubbles.findLast((each) => !each.mine)?.id;
  if (!last || document.hidden || !state.can.includes("read") || seen.get(open) === last) return;
  seen.set(open, last);
  tell({ do: "read" });
}

function unseen(tab, on) {
  tab.classList.toggle("new", on);
  tab.querySelector(".unseen").hidden = !on;
}

const toEnd = () => (at("log").scrollTop = at("log").scrollHeight);

function choose(kind) {
  if (open !== kind) {
    open = kind;
    aim(null);
    note("");
  }
  show();
  toEnd();
  tabs.find((each) => each.dataset.kind === kind).scrollIntoView({ block: "nearest", inline: "nearest" });
}

function heard(state) {
  if (state.kind === "call") {
    drawCalls(state.calls);
    return;
  }
  if (state.cannot) {
    note(words.cannot);
    return;
  }
  const before = states.get(state.kind);
  states.set(state.kind, state);
  const tab = tabs.find((each) => each.dataset.kind === state.kind);
  const last = state.bubbles.at(-1);
  if (state.kind === open) show();
  else {
    tab.classList.remove("starting");
    if (before && last && !last.mine && last.id !== before.bubbles.at(-1)?.id) unseen(tab, true);
  }
}

function connect() {
  const url = `${location.origin.replace("http", "ws")}/live?who=${who}`;
  socket = new WebSocket(url);
  socket.addEventListener("open", () => note(""));
  socket.addEventListener("message", (event) => heard(JSON.parse(event.data)));
  socket.addEventListener("close", () => {
    // The messengers may be new ones when the demo is back, and have to say that they are there.
    states.clear();
    show();
    drawCalls([]);
    note(words.offline);
    setTimeout(connect, 1_000);
  });
}

function unfold(on) {
  at("link").hidden = !on;
  document.querySelector("[data-do=link]").setAttribute("aria-expanded", String(on));
  if (on) at("address").focus();
}

/** What a phone does with a link into a messenger: opens the chat there, by the key that it has. */
const HOSTS = { "t.me": "telegram", "max.ru": "max", "vk.me": "vk", "vk.com": "vk", "wa.me": "whatsapp" };

function follow(typed) {
  let link = null;
  try {
    link = new URL(typed);
  } catch {
    note(words.link_wrong);
    return;
  }
  const kind = link.protocol === "viber:" ? "viber" : HOSTS[link.hostname];
  const there = tabs.find((each) => each.dataset.kind === kind);
  if (!there) {
    note(words.link_wrong);
    return;
  }
  unfold(false);
  at("address").value = "";
  choose(kind);
  const given = (name) => link.searchParams.get(name) ?? "";
  // WhatsApp's links carry words, which the person has still to send.
  if (kind === "whatsapp") {
    write(given("text"));
    at("text").focus();
  } else tell({ do: "begin", text: given("start") || given("ref") || given("context") });
}

for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab.dataset.kind));
  tab.addEventListener("keydown", (event) => {
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs.at(to % tabs.length);
    next.focus();
    choose(next.dataset.kind);
  });
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("text").value;
  if (!text.trim()) return;
  tell({ do: about?.rewrite ? "rewrite" : "write", bubble: about?.bubble ?? "", text });
  about = null;
  aim(null);
  write("");
  toEnd();
});
let typed = 0;
at("text").addEventListener("input", fit);
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("form").requestSubmit();
  } else if (event.key === "Escape") aim(null);
  else if (Date.now() - typed > 3_000 && states.get(open)?.can.includes("type")) {
    typed = Date.now();
    tell({ do: "type" });
  }
});
at("about-end").addEventListener("click", () => aim(null));
at("block").addEventListener("click", () => tell({ do: "block", on: !states.get(open).blocked }));
at("link").addEventListener("submit", (event) => {
  event.preventDefault();
  follow(at("address").value.trim());
});
at("link").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  unfold(false);
  document.querySelector("[data-do=link]").focus();
});
for (const button of document.querySelectorAll("[data-do]"))
  button.addEventListener("click", () => {
    if (button.dataset.do === "file") at("file").click();
    else if (button.dataset.do === "link") unfold(at("link").hidden);
    else tell({ do: button.dataset.do });
    toEnd();
  });
at("file").addEventListener("change", async () => {
  const [chosen] = at("file").files;
  if (!chosen) return;
  const form = new FormData();
  form.append("text", at("text").value);
  form.append("file", chosen);
  at("file").value = "";
  try {
    const answer = await fetch(`/files/${open}?who=${who}`, { method: "POST", body: form });
    note(answer.ok ? "" : words.cannot);
    if (answer.ok) write("");
  } catch {
    note(words.offline);
  }
});
// A picture that has arrived makes the log longer, which should not hide what was last.
at("log").addEventListener(
  "load",
  (event) => {
    const log = at("log");
    const grown = event.target.clientHeight + 120;
    if (log.scrollHeight - log.scrollTop - log.clientHeight < grown) toEnd();
  },
  true,
);
document.addEventListener("visibilitychange", read);

choose(open);
connect();
