import assert from "node:assert/strict";
import { test } from "node:test";
import { blank, isNetwork, missing, nameOf, ordered, placed, secrets, told, unplaced } from "../src/admin/filling.ts";

const field = (name, type, more = {}) => ({
  name,
  type,
  required: false,
  default: "",
  choices: [],
  min: null,
  max: null,
  ...more,
});
const FIELDS = [
  field("api_url", "text"),
  field("proxy", "secret"),
  field("token", "secret", { required: true }),
  field("group_id", "number", { required: true, default: 1 }),
  field("receive", "choice", { default: "auto", choices: ["auto", "hook"] }),
  field("loud", "bool", { default: true }),
  field("words", "list", { default: [] }),
];
const KEPT = { secret: true, set: true };

test("a new form asks for what it needs and tells nothing that was not typed", () => {
  const values = blank(FIELDS);
  assert.equal(missing(FIELDS, values), "token");
  assert.deepEqual(told(FIELDS, values, values), {});
  const typed = { ...values, token: " 1:a \n", group_id: "12 345" };
  assert.equal(missing(FIELDS, typed), "");
  assert.deepEqual(told(FIELDS, typed, values), { token: "1:a", group_id: 12345 });
});

test("spaces are nothing where something must be given", () => {
  const values = { ...blank(FIELDS), token: "  ", group_id: "1" };
  assert.equal(missing(FIELDS, values), "token");
  assert.equal(missing(FIELDS, { ...values, token: KEPT, group_id: " " }), "group_id");
  assert.equal(missing([field("loud", "bool", { required: true })], { loud: false }), "");
  assert.equal(missing([field("n", "number", { required: true })], { n: "0" }), "");
});

test("a secret that is kept is neither told nor missing, and one emptied for another is missing", () => {
  const kept = { ...blank(FIELDS), token: KEPT, proxy: KEPT, group_id: 5 };
  assert.equal(missing(FIELDS, kept), "");
  assert.deepEqual(told(FIELDS, kept, kept), {});
  assert.equal(missing(FIELDS, { ...kept, token: "" }), "token");
  assert.deepEqual(told(FIELDS, { ...kept, token: "2:b" }, kept), { token: "2:b" });
});

test("a secret that may be left out is taken off by emptying it", () => {
  const kept = { ...blank(FIELDS), proxy: KEPT };
  assert.deepEqual(told(FIELDS, { ...kept, proxy: "" }, kept), { proxy: null });
});

test("what is no number goes as it was typed, for the hub to refuse at its field", () => {
  const values = blank(FIELDS);
  assert.deepEqual(told(FIELDS, { ...values, group_id: "club12" }, values), { group_id: "club12" });
  assert.deepEqual(told(FIELDS, { ...values, group_id: "9007199254740993" }, values), {
    group_id: "9007199254740993",
  });
});

test("a number may have a part after a point or a comma", () => {
  const values = blank(FIELDS);
  assert.deepEqual(told(FIELDS, { ...values, group_id: "0,5" }, values), { group_id: 0.5 });
  assert.deepEqual(told(FIELDS, { ...values, group_id: "1.25" }, values), { group_id: 1.25 });
  assert.deepEqual(told(FIELDS, { ...values, group_id: "1.2.3" }, values), { group_id: "1.2.3" });
});

test("what is set back to what it was is no change", () => {
  const kept = { ...blank(FIELDS), words: ["a"], loud: false };
  assert.deepEqual(told(FIELDS, { ...kept, words: ["a"], api_url: "  " }, kept), {});
  assert.deepEqual(told(FIELDS, { ...kept, loud: true }, kept), { loud: true });
});

test("what is needed comes first, and the way there is folded away unless it is needed", () => {
  assert.deepEqual(ordered(FIELDS).slice(0, 2).map(({ name }) => name), ["token", "group_id"]);
  assert.deepEqual(FIELDS.filter(isNetwork).map(({ name }) => name), ["api_url", "proxy", "receive"]);
  assert.equal(isNetwork(field("api_url", "text", { required: true })), false);
});

test("the hub's name for a field is ours", () => {
  assert.equal(nameOf("settings.token"), "token");
  assert.equal(nameOf("settings.words[3]"), "words");
  assert.equal(nameOf("kind"), "kind");
});

test("what is kept of a form while it is not saved says what stood where, and none of its secrets", () => {
  const typed = { token: "1:a", proxy: "socks5://a:b@proxy", name: "Sender", words: ["a"] };
  const kept = placed("Shop", typed, secrets(FIELDS));
  assert.deepEqual(kept, { name: "Shop", "settings.name": "Sender", "settings.words": ["a"] });
  assert.deepEqual(unplaced(kept), { name: "Shop", settings: { name: "Sender", words: ["a"] } });
  assert.deepEqual(unplaced(placed("", { words: [] }, [])), { settings: { words: [] } });
});
