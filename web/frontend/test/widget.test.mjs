import assert from "node:assert/strict";
import { test } from "node:test";
import { contrast, tones } from "../src/widget/color.ts";
import { meant } from "../src/widget/pages.ts";
import { isPhone } from "../src/widget/phone.ts";

test("letters on any colour can be read, and so can letters of it on paper", () => {
  for (let seed = 0; seed < 4096; seed += 1) {
    const color = `#${((seed * 4099) % 0x1000000).toString(16).padStart(6, "0")}`;
    for (const [shade, paper] of [["light", "#ffffff"], ["dark", "#1d1c1a"]]) {
      const made = tones(color, shade);
      assert.ok(contrast(made["--accent"], made["--on-accent"]) >= 4.5, color);
      assert.ok(contrast(made["--accent-ink"], paper) >= 4.5, color);
    }
  }
});

test("what is no colour becomes the product's own", () => {
  for (const wrong of ["", "red", "#12345", "#12345g", "url(x)"])
    assert.equal(tones(wrong, "light")["--accent"], "#0b6e6e");
});

test("a pattern means pages, on any site or on one", () => {
  const page = "https://shop.example/cart/1?step=2#x";
  for (const pattern of ["/cart/*", "*/cart/*", "https://shop.example/*", "/CART/1", "*", "/cart/1?step=*"])
    assert.ok(meant([pattern], page), pattern);
  for (const pattern of ["", " ", "/cart", "/car./1", "/cart/1?step=3", "https://other.example/*", "cart"])
    assert.ok(!meant([pattern], page), pattern);
  assert.ok(!meant(undefined, page));
});

test("a phone may be written in any way that a person writes one", () => {
  for (const phone of ["+7 912 345-67-89", "8 (912) 345 67 89", "9123456789", "+49–30–123456", "123-45-67"])
    assert.ok(isPhone(phone), phone);
  for (const other of ["", "12-34", "позвоните", "+7 912 345-67-89 доб. 5", "1".repeat(16), "+".repeat(9)])
    assert.ok(!isPhone(other), other);
});
