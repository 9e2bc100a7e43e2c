import assert from "node:assert/strict";
import { test } from "node:test";
import { belongsTo, inOrder, learnt, soughtBy } from "../src/inbox/leadsorder.ts";

const lead = (id, more = {}) => ({
  id,
  rev: 0,
  live: true,
  due_at: null,
  created_at: "2026-11-22T08:00:00Z",
  changed_at: "2026-11-22T08:00:00Z",
  ended_at: null,
  ...more,
});

test("a lead stands in one list: by its time, without one, or among the ended", () => {
  const views = ["planned", "waiting", "ended"];
  const of = (one) => views.filter((view) => belongsTo(one, view));
  assert.deepEqual(of(lead("a", { due_at: "2026-11-22T09:00:00Z" })), ["planned"]);
  assert.deepEqual(of(lead("b")), ["waiting"]);
  assert.deepEqual(of(lead("c", { live: false, due_at: "2026-11-22T09:00:00Z" })), ["ended"]);
});

test("what is due first stands first, what ended last stands first", () => {
  const due = (id, hour) => lead(id, { due_at: `2026-11-22T${hour}:00:00Z` });
  const planned = inOrder([due("late", "12"), due("soon", "09"), lead("none")], "planned");
  assert.deepEqual(planned.map(({ id }) => id), ["soon", "late"]);
  const ended = (id, hour) => lead(id, { live: false, ended_at: `2026-11-22T${hour}:00:00Z` });
  const over = inOrder([ended("old", "09"), ended("new", "12")], "ended");
  assert.deepEqual(over.map(({ id }) => id), ["new", "old"]);
});

test("an older state of a lead never replaces a newer, in whatever order they come", () => {
  const known = learnt(new Map(), [lead("a", { rev: 2, phone: "new" })]);
  const after = learnt(known, [lead("a", { rev: 1, phone: "old" }), lead("b")]);
  assert.equal(after.get("a").phone, "new");
  assert.equal(after.size, 2);
  assert.equal(known.size, 1);
});

test("a lead is found by any part of a phone and by how a name begins", () => {
  const anna = { phone: "+79161234567", name: "Алёна Петрова" };
  const yes = ["4567", "45-67", "8 (916) 123", "+7 916", "Ал", "алена пет", "петрова Алёна", "-", ""];
  const no = ["+916", "0000", "ена", "Алёна 4567"];
  assert.deepEqual(yes.filter((typed) => !soughtBy(typed)(anna)), []);
  assert.deepEqual(no.filter((typed) => soughtBy(typed)(anna)), []);
});
