// Calls at a person's telephone: it rings, is answered, its keys are pressed, it is hung up.
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const title = document.title;
/** The card of each call and what it was made of. */
const cards = new Map();

function act(call, verb, digit = "") {
  tell({ kind: "call", do: verb, bubble: call.id, text: digit });
}

function verb(call, name) {
  const label = words[name === "hang_up" && !call.up ? "call.decline" : `call.${name}`];
  return make("button", { type: "button", class: name, onclick: () => act(call, name) }, label);
}

function pad(call) {
  const one = (digit) =>
    make("button", { type: "button", onclick: () => act(call, "press", digit) }, digit);
  return make("div", { class: "pad", role: "group", "aria-label": words["call.keys"] }, ...KEYS.map(one));
}

function stage(call) {
  if (!call.up) return words["call.rings"];
  if (call.hears === "joined") return words["call.joined"];
  if (call.hears === "ring") return words["call.waits"];
  return words["call.answered"];
}

function card(call) {
  const told = call.up && call.says && call.hears !== "joined";
  return make(
    "section",
    { class: call.up ? "call up" : "call", "aria-label": stage(call) },
    make("p", { class: "stage" }, make("b", {}, stage(call)), make("span", {}, words["call.training"])),
    make("p", { class: "from" }, call.display || words.business),
    told ? make("p", { class: "says" }, `${words["call.says"]} ${call.says}`) : null,
    call.sound ? make("audio", { src: call.sound, autoplay: "", controls: "" }) : null,
    call.up ? pad(call) : null,
    make("div", { class: "verbs" }, call.up ? null : verb(call, "answer"), verb(call, "hang_up")),
  );
}

/** Redraws only a call that changed: a key under a finger stays where it is. */
function drawCalls(calls) {
  const there = at("calls");
  const held = new Set(calls.map((each) => each.id));
  for (const [id, had] of cards)
    if (!held.has(id)) {
      had.node.remove();
      cards.delete(id);
    }
  for (const call of calls) {
    const text = JSON.stringify(call);
    const had = cards.get(call.id);
    if (had?.text === text) continue;
    const node = card(call);
    const focused = had?.node.contains(document.activeElement);
    if (had) had.node.replaceWith(node);
    else there.append(node);
    cards.set(call.id, { node, text });
    if (focused || !had) node.querySelector("button").focus();
  }
  there.hidden = !calls.length;
  document.title = calls.some((each) => !each.up) ? `☎ ${words["call.rings"]}` : title;
}
