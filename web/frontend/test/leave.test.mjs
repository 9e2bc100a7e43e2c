import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { leave, leaving, loses, unsaved } from "../src/inbox/leave.ts";

const LIST = { page: "dialogs", dialog: "" };
const HOURS = { page: "admin", rest: "~hours" };

let walks = 0;
const walk = () => {
  walks += 1;
};

beforeEach(() => {
  unsaved.value = leaving.value = null;
  walks = 0;
});

test("where nothing is being written one walks at once", () => {
  leave(LIST, walk);
  leave(null, walk);
  assert.equal(walks, 2);
  assert.equal(leaving.value, null);
});

test("who would lose something is asked first, and walks when he has said so", () => {
  unsaved.value = () => false;
  leave(LIST, walk);
  assert.equal(walks, 0);
  assert.equal(leaving.value, walk);
});

test("a page that shows the same form is walked to at once, and out of the product never", () => {
  unsaved.value = (to) => to.page === "admin" && to.rest === "~hours";
  leave(HOURS, walk);
  assert.equal(walks, 1);
  assert.equal(loses(LIST), true);
  assert.equal(loses(null), true);
});

test("of two walks that are asked about, the later one is meant", () => {
  unsaved.value = () => false;
  leave(LIST, () => assert.fail("the first was given up"));
  leave(HOURS, walk);
  leaving.value();
  assert.equal(walks, 1);
});
