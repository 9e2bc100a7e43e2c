import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { count } from "../src/inbox/smsparts.ts";

const table = JSON.parse(readFileSync(new URL("../../../tests/hub/sms_parts.json", import.meta.url), "utf8"));

test("the screens count the parts of an SMS as the hub does", () => {
  assert.ok(table.length > 10);
  for (const { text, times = 1, ...counted } of table) assert.deepEqual(count(text.repeat(times)), counted, text);
});
