import assert from "node:assert/strict";
import { test } from "node:test";
import { belongs, compare, find, groups, heldWith, moved, sortOf } from "../src/inbox/order.ts";

/** The same numbers at each run. */
function dice(seed) {
  let state = seed;
  return (sides) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state % sides;
  };
}

for (const sort of ["last", "waiting"])
  test(`after any moves the list is as if sorted anew by ${sort}`, () => {
    const roll = dice(7);
    const known = new Map();
    let order = [];
    for (let round = 0; round < 300; round += 1) {
      const moves = [];
      for (let n = roll(4); n >= 0; n -= 1) {
        const id = `d${roll(40)}`;
        const now = roll(4) ? { id, at: roll(30) } : null;
        moves.push({ was: known.get(id), now });
        if (now) known.set(id, now);
        else known.delete(id);
      }
      const before = order.slice();
      const next = moved(order, moves, sort);
      assert.deepEqual(order, before);
      order = next;
      assert.deepEqual(
        order,
        [...known.values()].sort((a, b) => compare(a, b, sort)),
      );
      for (const place of order) assert.equal(order[find(order, place, sort)], place);
    }
  });

test("each row is under the name of the day it was of", () => {
  const noon = new Date(2026, 2, 10, 12).getTime();
  const day = 24 * 3_600_000;
  const at = [noon, noon - 11 * 3_600_000, noon - day, noon - 2 * day, noon - 9 * day, 0];
  const order = at.map((moment, n) => ({ id: `d${n}`, at: moment }));
  assert.deepEqual(groups(order, noon), [
    { day: "today", from: 0, count: 2 },
    { day: "yesterday", from: 2, count: 1 },
    { day: "day_before", from: 3, count: 1 },
    { day: "earlier", from: 4, count: 2 },
  ]);
  assert.deepEqual(groups([], noon), []);
});

test("a held list takes only what was loaded at its end", () => {
  const held = [
    { id: "a", at: 9 },
    { id: "b", at: 8 },
  ];
  const live = [
    { id: "new", at: 10 },
    { id: "b", at: 10 },
    { id: "a", at: 9 },
    { id: "c", at: 7 },
  ];
  assert.deepEqual(
    heldWith(held, live, "last").map((place) => place.id),
    ["a", "b", "c"],
  );
});

test("a row is in the lists that its state and the filter name", () => {
  const any = { owner: "", status: "", channel: "", awaits: "", sort: "last" };
  const row = { open: true, owner: null, status: "new", channel: "site", awaits: "operator" };
  const lists = (one, filter = any) =>
    ["queue", "mine", "all", "closed"].filter((view) => belongs(one, view, filter, "me"));
  assert.deepEqual(lists(row), ["queue", "all"]);
  assert.deepEqual(lists({ ...row, owner: "me" }), ["mine", "all"]);
  assert.deepEqual(lists({ ...row, owner: "other" }), ["all"]);
  assert.deepEqual(lists({ ...row, open: false }), ["closed"]);
  assert.deepEqual(lists(row, { ...any, owner: "none" }), ["queue", "all"]);
  assert.deepEqual(lists(row, { ...any, owner: "other" }), []);
  assert.deepEqual(lists(row, { ...any, channel: "shop" }), []);
  assert.deepEqual(lists(row, { ...any, status: "spam" }), []);
  const waiting = { ...any, sort: "waiting" };
  assert.deepEqual(lists({ ...row, awaits: "customer" }, waiting), []);
  assert.deepEqual(lists({ ...row, open: false, awaits: "nobody" }, waiting), ["closed"]);
  assert.equal(sortOf("closed", waiting), "last");
});
