"""The inbox without a mouse: keys by their place, the palette, the help."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.chaos.process import Program

from .crowd import crowd
from .people import Lang, Visitor
from .test_journey import signed_in, site
from .wire import Wire

__all__ = ["site"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_a_whole_dialog_is_led_by_the_keyboard_alone(
    browser: Browser, program: Program, wire: Wire, site: str, lang: Lang
) -> None:
    await crowd(program.url, ["Другой вопрос"])
    operator = await signed_in(browser, program, wire.url, lang)
    visitor = await Visitor.arrive(browser, site, lang)
    await visitor.open_chat()
    await visitor.write("Работаете в субботу?")
    for words in ("Работаете в субботу?", "Другой вопрос"):
        await expect(operator.row(words)).to_be_visible()
    keyboard, page = operator.page.keyboard, operator.page

    await keyboard.press("KeyJ")
    await expect(page.locator(".place .row:focus")).to_contain_text("Работаете в субботу?")
    await keyboard.press("ArrowDown")
    await expect(page.locator(".place .row:focus")).to_contain_text("Другой вопрос")
    await keyboard.press("KeyK")
    await keyboard.press("Enter")
    await expect(operator.log).to_contain_text("Работаете в субботу?")

    field = page.get_by_label(operator.say("inbox.reply_text"))
    await expect(field).to_be_focused()
    await keyboard.press("Escape")
    await keyboard.press("KeyR")
    await expect(field).to_be_focused()
    await keyboard.type("С десяти до шести")
    await keyboard.press("Enter")
    await expect(visitor.log).to_contain_text("С десяти до шести")

    await keyboard.press("Escape")
    await keyboard.press("KeyN")
    await expect(page.get_by_label(operator.say("inbox.note_text"))).to_be_focused()
    await keyboard.type("Спрашивал о субботе")
    await keyboard.press("Enter")
    await expect(operator.log).to_contain_text("Спрашивал о субботе")

    await keyboard.press("Escape")
    await keyboard.press("KeyE")
    reopen = page.get_by_role("button", name=operator.say("inbox.step.reopen"))
    await expect(reopen.first).to_be_visible()
    await keyboard.press("Escape")
    await keyboard.press("Digit4")
    closed = page.get_by_role("tab", name=operator.say("inbox.view.closed"))
    await expect(closed).to_have_attribute("aria-selected", "true")
    await expect(operator.row("С десяти до шести")).to_be_visible()
    assert operator.troubles == []


async def test_the_palette_finds_steps_and_the_help_turns_letters_off(
    browser: Browser, program: Program
) -> None:
    await crowd(program.url, ["Здравствуйте"])
    operator = await signed_in(browser, program, program.url)
    keyboard, page = operator.page.keyboard, operator.page
    await expect(operator.row("Здравствуйте")).to_be_visible()

    await keyboard.press("Control+KeyK")
    field = page.get_by_role("combobox", name=operator.say("inbox.palette.field"))
    await expect(field).to_be_focused()
    await keyboard.type("закрытые")
    await keyboard.press("Enter")
    await expect(field).to_have_count(0)
    closed = page.get_by_role("tab", name=operator.say("inbox.view.closed"))
    await expect(closed).to_have_attribute("aria-selected", "true")

    await keyboard.press("Control+KeyK")
    await expect(field).to_be_focused()
    await keyboard.type("такого нет")
    await expect(page.get_by_text(operator.say("inbox.palette.none"))).to_be_visible()
    await keyboard.press("Escape")
    await expect(field).to_have_count(0)

    await keyboard.press("Shift+Slash")
    sheet = page.get_by_role("dialog", name=operator.say("inbox.help"))
    await sheet.get_by_label(operator.say("inbox.help.letters")).uncheck()
    await keyboard.press("Escape")
    await expect(sheet).to_have_count(0)
    await keyboard.press("Digit1")
    await expect(closed).to_have_attribute("aria-selected", "true")
    await keyboard.press("Control+KeyK")
    await expect(field).to_be_focused()
    assert operator.troubles == []
