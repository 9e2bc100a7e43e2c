import assert from "node:assert/strict";
import { test } from "node:test";
import { fileAddress, pieces, safe } from "../src/links.ts";

const links = (text) => pieces(text).flatMap((piece) => piece.href ?? []);

test("the pieces joined are the text", () => {
  const parts = ["http://", "https://a.example/б?x=(1)", ")", ".", " ", "(", "\n", "javascript:x", "«", "HTTPS://B"];
  for (let seed = 0; seed < 5000; seed += 1) {
    const text = Array.from({ length: 6 }, (_, i) => parts[(seed * 7 + i * seed) % parts.length]).join("");
    assert.equal(pieces(text).map((piece) => piece.text).join(""), text);
  }
});

test("an address ends before the punctuation of its sentence", () => {
  assert.deepEqual(links("Смотрите https://a.example/x, там всё."), ["https://a.example/x"]);
  assert.deepEqual(links("(см. https://a.example/x)"), ["https://a.example/x"]);
  assert.deepEqual(links("https://a.example/x_(y)?"), ["https://a.example/x_(y)"]);
  assert.deepEqual(links("«https://a.example/»"), ["https://a.example/"]);
});

test("only web addresses become links", () => {
  for (const text of ["javascript:alert(1)", "data:text/html,x", "ftp://a.example", "http://", "https://[", "a.example"])
    assert.deepEqual(links(text), [], text);
});

test("a file's address is followed only as a plain page", () => {
  assert.equal(safe("javascript:alert(1)", "https://hub.example"), undefined);
  assert.equal(fileAddress("javascript:alert(1)", "https://hub.example"), "about:blank");
  assert.equal(fileAddress("/files/1/a.png?e=1", "https://hub.example"), "https://hub.example/files/1/a.png?e=1");
});
