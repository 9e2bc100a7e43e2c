import assert from "node:assert/strict";
import { test } from "node:test";
import { knows, speak } from "../src/texts.ts";

const texts = {
  ru: { word: "Взял {name}", plural: { one: "{n} письмо", few: "{n} письма", many: "{n} писем", other: "{n} письма" } },
  en: { word: "Taken by {name}", plural: { one: "{n} letter", other: "{n} letters" } },
};

test("a value is put into its place and never read as a pattern", () => {
  assert.equal(speak(texts, "ru")("word", { name: "$& {n}" }), "Взял $& {n}");
});

test("a number chooses its form in each language", () => {
  const said = (lang, numbers) => numbers.map((n) => speak(texts, lang)("plural", { n }));
  assert.deepEqual(said("ru", [1, 3, 11, 21, 25]), ["1 письмо", "3 письма", "11 писем", "21 письмо", "25 писем"]);
  assert.deepEqual(said("en", [1, 2]), ["1 letter", "2 letters"]);
});

test("a missing sentence is its key, not an exception on the screen", () => {
  assert.equal(speak(texts, "en")("nothing"), "nothing");
  assert.equal(knows(texts, "nothing"), false);
});
