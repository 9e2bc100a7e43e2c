import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { marked, spans } from "../src/marks.ts";

const SHARED = JSON.parse(
  readFileSync(new URL("../../../tests/fixtures/markup.json", import.meta.url), "utf8"),
);

test("markup is read as the hub reads it", () => {
  const order = (a, b) => a[0] - b[0] || b[1] - a[1];
  for (const { raw, plain, spans: wanted } of SHARED) {
    const read = spans(raw);
    assert.equal(read.plain, plain, raw);
    const found = read.found.map(({ start, end, style, url }) => [start, end, style, url]);
    assert.deepEqual(found.sort(order), wanted, raw);
  }
});

test("the pieces joined are the plain text", () => {
  const parts = ["**", "_", "~~", "`", "[", "](https://a.example/x)", "сло", "во ", "\n", "\\", "😀", "https://b.example"];
  for (let seed = 0; seed < 8000; seed += 1) {
    const text = Array.from({ length: 8 }, (_, i) => parts[(seed * 7 + i * seed + (seed >> 3)) % parts.length]).join("");
    assert.equal(marked(text).map((piece) => piece.text).join(""), spans(text).plain, text);
  }
});

test("a label leads only to web addresses, and code holds no link", () => {
  const [link] = marked("[сайт](https://a.example/x)");
  assert.deepEqual(link, { text: "сайт", href: "https://a.example/x", styles: [] });
  assert.deepEqual(marked("[x](javascript:alert(1))").filter((piece) => piece.href), []);
  assert.deepEqual(marked("`https://a.example`").filter((piece) => piece.href), []);
});

test("a long text that only looks like markup is read in no time", () => {
  for (const text of ["**a ".repeat(20_000), "[".repeat(50_000), "](https://(".repeat(10_000), "`".repeat(50_000)])
    assert.equal(typeof spans(text).plain, "string");
});
