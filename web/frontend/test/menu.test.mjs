import assert from "node:assert/strict";
import { test } from "node:test";
import { above } from "../src/menu.ts";

const MENU = ["Цены", "Замер"];

test("the numbered lines of a menu are taken off the end of its text", () => {
  assert.equal(above("Что подсказать?\n\n1. Цены\n2. Замер", MENU), "Что подсказать?");
  assert.equal(above("1. Цены\n2. Замер", MENU), "");
});

test("a text in which the menu does not stand is left whole", () => {
  for (const text of ["Что подсказать?", "1. Цены\n2. Замер\nИли позвоните", "1. Цены\n2. Замеры", ""])
    assert.equal(above(text, MENU), null);
  assert.equal(above("Что подсказать?", []), null);
});
