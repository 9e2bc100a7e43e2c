import assert from "node:assert/strict";
import { test } from "node:test";
import { inserted, unknown } from "../src/admin/phrases.ts";

const NAMES = ["name", "phone", "page_title"];

test("a name that nothing fills in is found, in either way of writing it", () => {
  assert.deepEqual(unknown("Здравствуйте, {{ name }}. {{ nobody }} $who$ {{ nobody }}", NAMES), ["nobody", "who"]);
  assert.deepEqual(unknown("{{ field_city }} {{ utm_source }} $field_car$", NAMES), []);
});

test("what is done with a value, and texts in quotes, are no names", () => {
  assert.deepEqual(unknown('{{ name | default("guest") | upper }}', NAMES), []);
  assert.deepEqual(unknown('{{ name if phone else "nobody" }}', NAMES), []);
});

test("prices are prices", () => {
  assert.deepEqual(unknown("от 5$ до 7$, 5$usd$7", NAMES), []);
});

test("a piece is put in place of what is marked, apart from the word before it", () => {
  assert.deepEqual(inserted("Привет", "{{ name }}", 6, 6), ["Привет {{ name }}", 17]);
  assert.deepEqual(inserted("Привет X!", "{{ name }}", 7, 8), ["Привет {{ name }}!", 17]);
  assert.deepEqual(inserted("", "{{ name }}", 0, 0), ["{{ name }}", 10]);
});
