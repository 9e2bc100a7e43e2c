import assert from "node:assert/strict";
import { test } from "node:test";
import { dateIn, later, named, offset, wall, weekday } from "../src/admin/zones.ts";

test("a moment reads on the wall as it does there", () => {
  const at = "2026-11-22T20:10:00Z";
  assert.equal(wall("Asia/Vladivostok", at), "06:10");
  assert.equal(dateIn("Asia/Vladivostok", at), "2026-11-23");
  assert.equal(dateIn("Europe/Moscow", at), "2026-11-22");
  assert.equal(offset("Asia/Vladivostok", new Date(at)), "+10");
  assert.equal(offset("Etc/UTC", new Date(at)), "+0");
});

test("a zone that there is not is no error on the screen", () => {
  assert.equal(wall("Mars/Base", new Date()), "");
  assert.equal(offset("Mars/Base"), "");
  assert.match(dateIn("Mars/Base", new Date()), /^\d{4}-\d\d-\d\d$/);
});

test("dates are counted without a clock", () => {
  assert.equal(later("2026-12-31", 1), "2027-01-01");
  assert.equal(later("2026-03-29", 1), "2026-03-30");
  assert.equal(weekday("2026-11-22"), 6);
  assert.equal(weekday("2026-11-23"), 0);
  assert.equal(named("2031-01-09", "ru"), "9 января 2031 г.");
  assert.equal(named("2031-01-09", "en", { year: undefined }), "9 January");
});
