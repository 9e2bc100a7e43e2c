import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf, placeOf } from "../src/inbox/address.ts";

test("a dialog of any name is found again by its address", () => {
  for (const dialog of ["site:ivan:1", "a%b", "я #?&/", "%", ""])
    assert.deepEqual(placeOf(hashOf(dialog)), { page: "dialogs", dialog });
});

test("an address cut short is the list and no exception", () => {
  for (const hash of ["#%", "#%E0%A4%A", "#site%3Aivan%", "#%C3%28", ""])
    assert.deepEqual(placeOf(hash), { page: "dialogs", dialog: "" });
});

test("the admin's pages have addresses of their own below one", () => {
  assert.deepEqual(placeOf("#/admin"), { page: "admin", rest: "" });
  assert.deepEqual(placeOf("#/admin/channels/site"), { page: "admin", rest: "channels/site" });
  assert.equal(placeOf("#/administration").page, "dialogs");
  assert.deepEqual(placeOf("#/sounds"), { page: "sounds" });
  assert.deepEqual(placeOf("#/leads"), { page: "leads" });
});

test("only its own address is the health page", () => {
  assert.deepEqual(placeOf("#/health"), { page: "health" });
  assert.deepEqual(placeOf("#/Health"), { page: "dialogs", dialog: "" });
  assert.deepEqual(placeOf("#/"), { page: "dialogs", dialog: "" });
});
