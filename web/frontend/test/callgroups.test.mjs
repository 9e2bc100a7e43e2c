import assert from "node:assert/strict";
import { test } from "node:test";
import { byCall, isOfCall } from "../src/inbox/callgroups.ts";

const line = (id, verb, data = {}) => ({ id, verb, data });
const of = (id, call, more = {}) => line(id, "call", { call, ...more });
const ids = (groups) => groups.map((group) => group.map(({ id }) => id).join(""));

test("all lines of one call stand as one, where the first of them stood", () => {
  const log = [line("a", null), of("b", "1"), of("c", "1"), line("d", null), of("e", "1"), of("f", "2")];
  assert.deepEqual(ids(byCall(log)), ["a", "bce", "d", "f"]);
});

test("orders, decisions and results of calls stand by themselves", () => {
  const apart = [
    line("a", "planned", { phone: "+7" }),
    line("b", "call", { do: "move" }),
    of("c", "1", { do: "result", result: "done" }),
    line("d", "call", { status: "new" }),
  ];
  assert.deepEqual(ids(byCall([of("x", "1"), ...apart, of("y", "1")])), ["xy", "a", "b", "c", "d"]);
  assert.ok(!apart.some(isOfCall));
});
