import assert from "node:assert/strict";
import { test } from "node:test";
import { snippet } from "../src/snippet.ts";

const joined = (parts) => parts.map((part) => part.text).join("");
const found = (parts) => parts.filter((part) => part.found).map((part) => part.text);

test("a short text is whole, with its marks", () => {
  const parts = snippet("👍 Нужен договор", [[8, 15]]);
  assert.equal(joined(parts), "👍 Нужен договор");
  assert.deepEqual(found(parts), ["договор"]);
});

test("a long text is shown around its first mark", () => {
  const text = `${"а ".repeat(100)}договор${" я".repeat(200)}`;
  const parts = snippet(text, [[200, 207]]);
  assert.deepEqual(found(parts), ["договор"]);
  assert.match(joined(parts), /^….*договор.*…$/);
  assert.ok([...joined(parts)].length <= 182);
});

test("marks outside, over each other or beyond the end do no harm", () => {
  for (const marks of [[], [[0, 1], [0, 2]], [[5, 9]], [[90, 95]], [[1, 2], [2, 400]]]) {
    assert.equal(joined(snippet("строка", marks)), "строка");
  }
});

test("the parts joined are the text", () => {
  for (let seed = 0; seed < 500; seed += 1) {
    const marks = [[seed % 7, (seed % 7) + 2], [(seed % 11) + 9, (seed % 11) + 12]];
    assert.equal(joined(snippet("одна\n два  три 👍👍 четыре", marks)), "одна\n два  три 👍👍 четыре");
  }
});

test("what looks like a tag stays text", () => {
  assert.equal(joined(snippet("<img src=x>", [[1, 4]])), "<img src=x>");
});
