// The phone of a visitor: shows what each played messenger shows, does what a person does.
const words = JSON.parse(document.getElementById("words").textContent);
const at = (id) => document.getElementById(id);
const tabs = [...document.querySelectorAll("[role=tab]")];
const states = new Map();
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

function aim(next) {
  about = next;
  at("about").hidden = !next;
  if (!next) return;
  const what = next.rewrite ? words.editing : words.answering;
  at("about-text").textContent = `${what} ${next.text || words.a_file}`;
  if (next.rewrite) at("text").value = next.text;
  at("text").focus();
}

function size(bytes) {
  const unit = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  return bytes < 1_000_000
    ? `${unit.format(Math.max(bytes / 1_000, 0.1))} ${words.kb}`
    : `${unit.format(bytes / 1_000_000)} ${words.mb}`;
}

function file(one) {
  if (one.kind === "image") return make("img", { src: one.url, alt: one.name });
  if (one.kind === "audio")
    return make("audio", { src: one.url, controls: "", "aria-label": one.name });
  if (one.kind === "video") return make("video", { src: one.url, controls: "" });
  return make("a", { href: one.url, download: one.name }, `${one.name} · ${size(one.size)}`);
}

function step(label, text, onclick) {
  return make("button", { type: "button", title: label, "aria-label": label, onclick }, text);
}

function key(bubble, [label, data]) {
  if (data.startsWith("https://"))
    return make("a", { href: data, target: "_blank", rel: "noreferrer" }, label);
  const press = () =>
    data === "phone" ? tell({ do: "send_card" }) : tell({ do: "press", bubble: bubble.id, data });
  return make("button", { type: "button", onclick: press }, label);
}

function line(state, bubble) {
  const can = (verb) => state.can.includes(verb);
  const quoted = state.bubbles.find((each) => each.id === bubble.quote);
  const time = new Date(bubble.at).toLocaleTimeString(document.documentElement.lang, {
    hour: "2-digit",
    minute: "2-digit",
  });
  const told = [bubble.edited ? words.edited : "", time, bubble.mine && bubble.read ? "✓✓" : ""];
  return make(
    "article",
    { class: bubble.mine ? "bubble mine" : "bubble", "data-id": bubble.id },
    bubble.quote ? make("div", { class: "quote" }, quoted ? quoted.text || words.a_file : "…") : null,
    ...bubble.files.map(file),
    bubble.place ? make("p", {}, `📍 ${bubble.place.join(", ")}`) : null,
    bubble.card ? make("p", {}, `👤 ${bubble.card.join(" · ")}`) : null,
    bubble.text ? make("p", {}, bubble.text) : null,
    bubble.buttons.length
      ? make(
          "div",
          { class: "keys" },
          ...bubble.buttons.map((row) => make("div", {}, ...row.map((one) => key(bubble, one)))),
        )
      : null,
    make(
      "div",
      { class: "foot" },
      bubble.reactions.length ? make("span", {}, bubble.reactions.join(" ")) : null,
      can("write") ? step(words.reply, "↩", () => aim({ bubble: bubble.id, text: bubble.text })) : null,
      !bubble.mine && can("react")
        ? step(words.like, "👍", () =>
            tell({ do: "react", bubble: bubble.id, text: bubble.reactions.includes("👍") ? "" : "👍" }),
          )
        : null,
      bubble.mine && bubble.text && can("rewrite")
        ? step(words.edit, "✎", () => aim({ bubble: bubble.id, text: bubble.text, rewrite: true }))
        : null,
      bubble.mine && can("take_back")
        ? step(words.delete, "✕", () => tell({ do: "take_back", bubble: bubble.id }))
        : null,
      make("span", {}, told.filter(Boolean).join(" · ")),
    ),
  );
}

function show() {
  const state = states.get(open);
  for (const tab of tabs) {
    const mine = tab.dataset.kind === open;
    tab.setAttribute("aria-selected", String(mine));
    tab.tabIndex = mine ? 0 : -1;
    if (mine) tab.classList.remove("new");
  }
  if (!state) return;
  at("chat").setAttribute("aria-labelledby", `tab-${open}`);
  const log = at("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  log.replaceChildren(
    ...(state.bubbles.length
      ? state.bubbles.map((bubble) => line(state, bubble))
      : [make("p", { class: "empty" }, words.empty)]),
  );
  if (atEnd) log.scrollTop = log.scrollHeight;
  at("typing").textContent = state.typing ? words.typing : "";
  at("block").hidden = !state.can.includes("block");
  at("block").textContent = state.blocked ? words.unblock : words.block;
  for (const button of document.querySelectorAll("[data-verb]"))
    button.hidden = !state.can.includes(button.dataset.verb);
  if (state.can.includes("read") && !document.hidden) tell({ do: "read" });
}

function choose(kind) {
  open = kind;
  aim(null);
  at("log").scrollTop = at("log").scrollHeight;
  show();
  at("log").scrollTop = at("log").scrollHeight;
}

function connect() {
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/live`);
  socket.addEventListener("open", () => (at("note").textContent = ""));
  socket.addEventListener("message", (event) => {
    const state = JSON.parse(event.data);
    if (state.cannot) {
      at("note").textContent = words.cannot;
      return;
    }
    const before = states.get(state.kind);
    states.set(state.kind, state);
    const tab = tabs.find((each) => each.dataset.kind === state.kind);
    const last = state.bubbles.at(-1);
    if (before && last && !last.mine && state.kind !== open) tab.classList.add("new");
    if (state.kind === open) show();
  });
  socket.addEventListener("close", () => {
    at("note").textContent = words.offline;
    setTimeout(connect, 1_000);
  });
}

for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab.dataset.kind));
  tab.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = tabs.at((index + by) % tabs.length);
    next.focus();
    choose(next.dataset.kind);
  });
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("text").value;
  if (!text.trim()) return;
  tell({ do: about?.rewrite ? "rewrite" : "write", bubble: about?.bubble ?? "", text });
  at("text").value = "";
  aim(null);
});
let typed = 0;
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
for (const button of document.querySelectorAll("[data-do]"))
  button.addEventListener("click", () =>
    button.dataset.do === "file" ? at("file").click() : tell({ do: button.dataset.do }),
  );
at("file").addEventListener("change", async () => {
  const [chosen] = at("file").files;
  if (!chosen) return;
  const form = new FormData();
  form.append("text", at("text").value);
  form.append("file", chosen);
  const answer = await fetch(`/files/${open}`, { method: "POST", body: form });
  at("note").textContent = answer.ok ? "" : words.cannot;
  at("file").value = "";
  at("text").value = "";
});

choose(open);
connect();
