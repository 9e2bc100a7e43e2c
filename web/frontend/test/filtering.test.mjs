import assert from "node:assert/strict";
import { test } from "node:test";
import { begun, closed, compared, fieldOf, lacking, opened, pruned } from "../src/admin/filtering.ts";

const NAME = { name: "name", type: "text", ops: ["is", "one_of", "contains", "is_set"], choices: [], of: "" };
const KIND = { name: "type", type: "choice", ops: ["is", "one_of"], choices: ["vk", "max"], of: "" };
const AGE = { name: "created_at", type: "moment", ops: ["within_days", "at_least"], choices: [], of: "" };
const UTM = { name: "utm.*", type: "text", ops: ["is"], choices: [], of: "" };
const FIELDS = [NAME, KIND, AGE, UTM];

const is = (field, value) => ({ field, op: "is", value });

test("a filter of one level of groups comes back from the screen as it was", () => {
  for (const filter of [
    {},
    { all: [is("name", "a")] },
    { any: [is("name", "a"), { all: [is("type", "vk"), { field: "phone", op: "is_set" }] }] },
  ])
    assert.deepEqual(closed(opened(filter)), filter);
  assert.deepEqual(closed(opened(is("name", "a"))), { all: [is("name", "a")] });
});

test("what the screen cannot show is left alone", () => {
  const deep = { all: [{ any: [{ all: [is("name", "a")] }] }] };
  const both = { all: [is("name", "a")], any: [is("name", "b")] };
  for (const filter of [{ not: is("name", "a") }, deep, both, { all: [{ not: is("name", "a") }] }]) {
    assert.equal(opened(filter), null);
    assert.equal(pruned(filter), filter);
    assert.equal(lacking(filter), "");
  }
});

test("groups that nothing is in are no part of a filter", () => {
  assert.deepEqual(pruned({ all: [] }), {});
  assert.deepEqual(pruned({ all: [{ any: [] }, is("name", "a")] }), { all: [is("name", "a")] });
});

test("the first value that is lacking is named by its place", () => {
  assert.equal(lacking({ all: [is("name", "a"), is("name", "")] }), "all.1.value");
  assert.equal(lacking({ any: [is("name", "a"), { all: [{ field: "type", op: "one_of", value: [] }] }] }), "any.1.all.0.value");
  assert.equal(lacking({ all: [{ field: "name", op: "is_set" }, is("verified", false), is("n", 0)] }), "");
  assert.equal(lacking({ all: [is("utm.", "a")] }), "all.0.value");
});

test("a condition begins with a value of its field's type", () => {
  assert.deepEqual(begun(NAME), is("name", ""));
  assert.deepEqual(begun(KIND), is("type", "vk"));
  assert.deepEqual(begun(AGE), { field: "created_at", op: "within_days", value: 7 });
  assert.deepEqual(begun(UTM), is("utm.", ""));
});

test("the value stays where another comparison still takes it", () => {
  assert.deepEqual(compared(is("name", "a"), NAME, "contains"), { field: "name", op: "contains", value: "a" });
  assert.deepEqual(compared(is("name", "a"), NAME, "one_of"), { field: "name", op: "one_of", value: ["a"] });
  assert.deepEqual(compared({ field: "name", op: "one_of", value: ["a", "b"] }, NAME, "is"), is("name", "a"));
  assert.deepEqual(compared(is("name", "a"), NAME, "is_set"), { field: "name", op: "is_set" });
  assert.deepEqual(compared(begun(AGE), AGE, "at_least"), { field: "created_at", op: "at_least", value: "" });
});

test("a name of a family of fields is found by the family", () => {
  assert.equal(fieldOf(FIELDS, "utm.source"), UTM);
  assert.equal(fieldOf(FIELDS, "name"), NAME);
  assert.equal(fieldOf(FIELDS, "nobody"), undefined);
});
