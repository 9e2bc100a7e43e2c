"""Keys that come sooner than the screen: they are meant for what was just opened."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from tests.chaos.process import Program

from .guest import guests
from .held import held
from .people import Operator
from .test_journey import signed_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

# Nothing but what follows at once: no frame is drawn between the press and the look.
AT_ONCE = """async () => {
  const pressed = (code) => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", { code, bubbles: true, cancelable: true }));
  const settled = async () => { for (let n = 0; n < 50; n += 1) await null; };
  %s
  await settled();
  return document.activeElement.id || document.activeElement.className;
}"""


async def has_the_focus_after(page: Page, what: str) -> str:
    found: str = await page.evaluate(AT_ONCE % what)
    return found


async def met(browser: Browser, program: Program) -> Operator:
    """With one dialog in the list, that is not open."""
    operator = await signed_in(browser, program, program.url)
    async with guests(program.url) as [guest]:
        await guest.write("Есть кто?")
    await expect(operator.row("Есть кто?")).to_be_visible()
    return operator


async def test_the_first_letter_after_a_dialog_was_opened_goes_into_the_answer(
    browser: Browser, program: Program
) -> None:
    operator = await met(browser, program)
    page = operator.page
    opens = "document.querySelector('.place .row').click();"
    assert await has_the_focus_after(page, opens) == "composer"
    await page.keyboard.press("Escape")
    await expect(page.get_by_label(operator.say("inbox.reply_text"))).not_to_be_focused()
    assert await has_the_focus_after(page, "pressed('KeyT');") == "assign-search"
    assert operator.troubles == []


async def test_letters_typed_while_the_palette_is_fetched_are_no_steps_with_the_dialog(
    browser: Browser, program: Program
) -> None:
    operator = await met(browser, program)
    page, say = operator.page, operator.say
    await operator.row("Есть кто?").click()
    reply = page.get_by_label(say("inbox.reply_text"))
    await expect(reply).to_be_focused()
    await page.keyboard.press("Escape")
    async with held(page, "**/palette.*.js") as palette:
        await page.keyboard.press("Control+KeyK")
        await palette.given()
        # Closes a dialog, and makes a note.
        await page.keyboard.type("en")
    await expect(page.get_by_role("combobox", name=say("inbox.palette.field"))).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(reply).to_be_visible()
    assert not [url for url in operator.asked if url.endswith("/close")]

    async with held(page, "**/help.*.js") as help_:
        await page.keyboard.press("Shift+Slash")
        await help_.given()
        # Thought better of it.
        await page.keyboard.press("Escape")
    await page.keyboard.press("KeyR")
    await expect(reply).to_be_focused()
    await expect(page.get_by_role("dialog", name=say("inbox.help"))).to_have_count(0)
    assert operator.troubles == []


async def test_a_step_of_the_palette_has_the_focus_and_not_what_had_it_before(
    browser: Browser, program: Program
) -> None:
    operator = await met(browser, program)
    page, say = operator.page, operator.say
    await operator.row("Есть кто?").click()
    reply = page.get_by_label(say("inbox.reply_text"))
    await expect(reply).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("KeyJ")
    await expect(page.locator(".place .row:focus")).to_have_count(1)
    await page.keyboard.press("Control+KeyK")
    field = page.get_by_role("combobox", name=say("inbox.palette.field"))
    await expect(field).to_be_focused()
    await page.keyboard.type(say("inbox.act.reply"))
    await page.keyboard.press("Enter")
    await expect(field).to_have_count(0)
    # Whatever is done after a frame was drawn is done by then.
    frame = "() => new Promise((on) => requestAnimationFrame(() => requestAnimationFrame(on)))"
    await page.evaluate(frame)
    await expect(reply).to_be_focused()
    assert operator.troubles == []


async def test_lines_stand_as_high_before_it_is_known_what_may_be_done_with_them(
    browser: Browser, program: Program
) -> None:
    operator = await met(browser, program)
    page = operator.page
    await operator.row("Есть кто?").click()
    answer = operator.log.get_by_role("button", name=operator.say("inbox.answer"))
    await expect(answer).to_have_count(1)
    line = operator.log.locator(".message")
    async with held(page, "**/channels") as channels:
        await page.reload()
        await channels.given()
        await expect(line).to_contain_text("Есть кто?")
        await expect(answer).to_have_count(0)
        before = await line.evaluate("line => line.offsetHeight")
    await expect(answer).to_have_count(1)
    assert await line.evaluate("line => line.offsetHeight") == before
