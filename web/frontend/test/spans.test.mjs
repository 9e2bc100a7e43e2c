import assert from "node:assert/strict";
import { test } from "node:test";
import { asMonday, clock, faulty, withBreak, writtenOut, wrongSpan } from "../src/admin/spans.ts";

test("a time is understood however it is typed, and what is none is not", () => {
  for (const typed of ["9", "09", "9:00", "9.00", "900", "0900", " 9 "]) assert.equal(clock(typed), "09:00", typed);
  assert.equal(clock("2130"), "21:30");
  assert.equal(clock("24"), "24:00");
  for (const typed of ["", "25", "24:01", "9:60", "nine", "9–10", "1:2:3"]) assert.equal(clock(typed), null, typed);
});

test("hours are written out, and what is none stays to be mended", () => {
  assert.deepEqual(writtenOut(["9–18", "1830–x", "–"]), ["09:00–18:00", "18:30–x", "–"]);
});

test("the first span that is none, ends before it begins or runs into the last is found", () => {
  assert.equal(faulty([]), -1);
  assert.equal(faulty(["00:00–24:00"]), -1);
  assert.equal(faulty(["09:00–13:00", "14:00–18:00"]), -1);
  assert.equal(faulty(["9–18:00"]), 0);
  assert.equal(faulty(["18:00–09:00"]), 0);
  assert.equal(faulty(["09:00–13:00", "12:00–18:00"]), 1);
  assert.equal(faulty(["09:00–13:00", "–"]), 1);
});

test("what is wrong with a schedule is named as the hub names it", () => {
  const week = Array.from({ length: 7 }, () => ["09:00–18:00"]);
  assert.equal(wrongSpan({ zone: "Europe/Moscow", week, dates: {} }), "");
  const bad = week.map((day, n) => (n === 2 ? ["09:00–13:00", "13:00–"] : day));
  assert.equal(wrongSpan({ zone: "Europe/Moscow", week: bad, dates: {} }), "schedule.week.2.1");
  const dates = { "2027-01-09": ["10:00–10:00"] };
  assert.equal(wrongSpan({ zone: "Europe/Moscow", week, dates }), "schedule.dates.2027-01-09.0");
});

test("a break is put at lunch, or in the middle of a day that is not around it", () => {
  assert.deepEqual(withBreak(["09:00–18:00"]), ["09:00–13:00", "14:00–18:00"]);
  assert.deepEqual(withBreak(["930–18"]), ["09:30–13:00", "14:00–18:00"]);
  assert.deepEqual(withBreak(["–18:00"]), ["–18:00"]);
  assert.deepEqual(withBreak(["16:00–22:00"]), ["16:00–18:30", "19:30–22:00"]);
  assert.deepEqual(withBreak(["09:00–13:00", "14:00–20:00"]), ["09:00–13:00", "14:00–16:30", "17:30–20:00"]);
});

test("a break leaves hours that are in order, or the day as it was", () => {
  for (let from = 0; from < 24; from += 1)
    for (let to = from + 1; to <= 24; to += 1) {
      const day = [`${String(from).padStart(2, "0")}:00–${String(to).padStart(2, "0")}:00`];
      const next = withBreak(day);
      assert.equal(faulty(next), -1, next.join());
      assert.equal(next.length, to - from >= 2 ? 2 : 1, next.join());
    }
});

test("Monday's hours are copied to the days after it, not to the weekend", () => {
  const week = [["10:00–19:00"], [], ["09:00–18:00"], [], [], ["11:00–15:00"], []];
  const monday = ["10:00–19:00"];
  assert.deepEqual(asMonday(week), [monday, monday, monday, monday, monday, ["11:00–15:00"], []]);
});
