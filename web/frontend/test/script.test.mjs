import assert from "node:assert/strict";
import { test } from "node:test";
import { SCENARIOS, firstSays, keysUnsaid, ownWords, stepsOf, tidyScript, wrongKeys } from "../src/admin/script.ts";

const NOTHING = { text: "", recording: "" };
const PLAIN = {
  first: "operator",
  connect: "message",
  keys: "1",
  cancel_keys: "",
  wait_s: 20,
  repeats: 1,
  operator_says: NOTHING,
  visitor_says: NOTHING,
  responsible_first: true,
  ring_s: 30,
  rounds: 3,
  pause_s: 30,
  visitor_ring_s: 45,
  talk_max_s: 7_200,
  short_talk_s: 10,
  confirm: false,
  record: false,
  record_notice: NOTHING,
};
const said = (text) => ({ text, recording: "" });
const keys = (script, speaks) => stepsOf({ ...PLAIN, ...script }, speaks).map(({ key }) => key);

test("each of the four scenarios rings one side, waits for it, rings the other and joins them", () => {
  for (const [first, connect] of SCENARIOS) {
    const second = first === "operator" ? "visitor" : "operator";
    const told = keys({ first, connect, operator_says: said("Раз"), visitor_says: said("Два") });
    const waits = connect === "key" ? `key.${first}` : `hears.${first}`;
    assert.deepEqual(told, [`ring.${first}`, waits, `ring.${second}`, `second.${second}`, "join"]);
  }
});

test("the steps say what is silent, what is waited for and what is recorded", () => {
  assert.deepEqual(keys({ confirm: true, record: true }), [
    "confirm",
    "ring.operator",
    "hears.operator",
    "ring.visitor",
    "recorded",
  ]);
  assert.deepEqual(keys({ operator_says: said("Раз"), visitor_says: said("Два") }, false), [
    "ring.operator",
    "silent",
    "ring.visitor",
    "join",
  ]);
});

test("keys to wait for are to be named by whoever's message is heard first", () => {
  const key = { ...PLAIN, connect: "key", keys: "5" };
  assert.equal(firstSays({ ...key, first: "visitor" }), "visitor_says");
  assert.ok(keysUnsaid({ ...key, operator_says: said("Заявка с сайта") }));
  assert.ok(keysUnsaid({ ...key, first: "visitor", operator_says: said("Нажмите 5"), visitor_says: said("Раз") }));
  assert.ok(!keysUnsaid({ ...key, operator_says: said("Нажмите 5") }));
  assert.ok(!keysUnsaid({ ...key, operator_says: { text: "", recording: "f" } }));
  assert.ok(!keysUnsaid(PLAIN));
  assert.ok(!keysUnsaid(key));
});

test("who is rung first hears the product's own words, and an operator always", () => {
  const key = { ...PLAIN, connect: "key" };
  assert.deepEqual(ownWords(key, "operator"), ["request", "name", "page", "keys"]);
  assert.deepEqual(ownWords(PLAIN, "operator"), ["request", "name", "page"]);
  assert.deepEqual(ownWords({ ...key, first: "visitor" }, "operator"), ["request", "name", "page"]);
  assert.deepEqual(ownWords({ ...key, first: "visitor" }, "visitor"), ["press"]);
  assert.deepEqual(ownWords({ ...PLAIN, first: "visitor" }, "visitor"), ["wait"]);
  assert.deepEqual(ownWords(PLAIN, "visitor"), []);
});

test("keys to cancel are those that cannot be taken for the keys to connect", () => {
  const key = { ...PLAIN, connect: "key", keys: "12" };
  assert.equal(wrongKeys({ ...key, keys: "" }), "keys");
  assert.equal(wrongKeys({ ...key, keys: "1 2" }), "keys");
  assert.equal(wrongKeys({ ...key, cancel_keys: "2" }), "cancel_keys");
  assert.equal(wrongKeys({ ...key, cancel_keys: "012" }), "cancel_keys");
  assert.equal(wrongKeys({ ...key, cancel_keys: "3" }), "");
  assert.equal(wrongKeys({ ...PLAIN, keys: "1", cancel_keys: "1" }), "");
  assert.equal(wrongKeys({ ...key, first: "visitor", cancel_keys: "3" }), "cancel_keys");
});

test("a script is kept without spaces around its texts, and without a cancelling that nobody has", () => {
  const tidied = tidyScript({ ...PLAIN, first: "visitor", cancel_keys: "9", visitor_says: said(" Раз ") });
  assert.equal(tidied.cancel_keys, "");
  assert.equal(tidied.visitor_says.text, "Раз");
});
