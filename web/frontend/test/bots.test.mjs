import assert from "node:assert/strict";
import { test } from "node:test";
import { TYPES, deed, lack, moved, ready, tidied, turned, wrongIn } from "../src/admin/bots.ts";

const answer = (id, label, text = "От 900 ₽") => ({ id, label, does: { type: "answer", text } });
const ask = (field, question = "Какой размер?") => ({
  id: "size",
  label: "Замер",
  does: { type: "ask", field, question, thanks: "" },
});
const bot = (...buttons) => ({ enabled: true, greeting: "", buttons, share: "" });

test("a button that does another thing keeps the words that have a place there", () => {
  const call = turned(turned(ask("size").does, "operator"), "call");
  assert.deepEqual(call, { type: "call", text: "", question: "" });
  assert.deepEqual(turned(ask("size").does, "call"), { type: "call", text: "", question: "Какой размер?" });
  assert.deepEqual(turned(answer("a", "Цены").does, "ask"), {
    type: "ask",
    field: "",
    question: "",
    thanks: "От 900 ₽",
  });
  for (const type of TYPES) assert.equal(turned(ask("size").does, type).type, type);
});

test("what is moved stands where it was put and nothing is lost", () => {
  assert.deepEqual(moved(["a", "b", "c"], 2, 0), ["c", "a", "b"]);
  assert.deepEqual(moved(["a", "b", "c"], 0, 1), ["b", "a", "c"]);
});

test("the first thing that is wrong is told by its place", () => {
  assert.equal(wrongIn(bot(answer("a", "Цены"), ask("size"))), null);
  assert.deepEqual(wrongIn(bot(answer("a", "Цены"), answer("b", " "))), ["settings.buttons.1.label", "empty"]);
  assert.deepEqual(wrongIn(bot(answer("a", "Цены"), answer("b", " ЦЕНЫ"))), ["settings.buttons.1.label", "twice"]);
  assert.deepEqual(wrongIn(bot(answer("a", "Цены", " "))), ["settings.buttons.0.does.text", "empty"]);
  assert.deepEqual(wrongIn(bot(ask("size", ""))), ["settings.buttons.0.does.question", "empty"]);
  assert.deepEqual(wrongIn(bot(ask("Размер"))), ["settings.buttons.0.does.field", "slug"]);
  assert.equal(lack({ id: "m", label: "Человек", does: { type: "operator", text: "" } }, []), null);
});

test("what is being written is tried without the buttons that are not ready", () => {
  const { buttons } = ready(bot(answer("a", " Цены "), answer("b", ""), ask("", "Что?"), answer("c", "цены")));
  assert.deepEqual(buttons.map(({ id, label }) => [id, label]), [["a", "Цены"]]);
});

test("words are kept without the spaces around them", () => {
  const { greeting, buttons } = tidied({ ...bot(ask(" size ")), greeting: " Привет\n" });
  assert.equal(greeting, "Привет");
  assert.equal(buttons[0].does.field, "size");
  assert.equal(buttons[0].does.type, "ask");
});

test("a deed is told from what it was done to", () => {
  assert.deepEqual(deed("handed"), ["handed", ""]);
  assert.deepEqual(deed("planned:+79123456789"), ["planned", "+79123456789"]);
  assert.deepEqual(deed("kept:size"), ["kept", "size"]);
});
