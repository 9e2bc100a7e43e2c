import assert from "node:assert/strict";
import { test } from "node:test";
import { UNITS, fieldsOf, inUnits, phoneIn } from "../src/admin/terms.ts";

test("seconds are shown in the largest unit that is whole, and are the same again", () => {
  for (const [seconds, n, unit] of [
    [0, 0, "minute"],
    [1_800, 30, "minute"],
    [3_600, 1, "hour"],
    [5_400, 90, "minute"],
    [172_800, 2, "day"],
  ]) {
    assert.deepEqual(inUnits(seconds), { n, unit });
    assert.equal(n * UNITS[unit], seconds);
  }
});

test("the phone of a form is the first answer that looks like one", () => {
  assert.equal(phoneIn({ name: "Анна", when: "в 10", tel: "8 (912) 345-67-89" }), "8 (912) 345-67-89");
  assert.equal(phoneIn({ name: "Анна" }), "");
});

test("a form is read line by line; what has no colon says nothing", () => {
  assert.deepEqual(fieldsOf("phone: 8 912 345-67-89\nno colon\nСайт: https://a.ru/x\n: none"), {
    phone: "8 912 345-67-89",
    Сайт: "https://a.ru/x",
  });
});
