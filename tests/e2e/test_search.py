"""Search in a real browser: other forms of a word, and the way to the message in its place."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.chaos.process import Program

from .people import Lang, Operator, Visitor
from .test_journey import signed_in, site
from .wire import Wire

__all__ = ["site"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

MANY = 140


async def many_lines(visitor: Visitor) -> None:
    """A history longer than a screen asks for at once, with one line of its own in it."""
    await visitor.open_chat()
    field = visitor.page.get_by_label(visitor.say("widget.text"))
    for n in range(1, MANY + 1):
        words = "Нужен договор на доставку пяти окон 👍" if n == 20 else f"Строка {n}"
        await field.fill(words)
        await field.press("Enter")
    await expect(visitor.log).to_contain_text(f"Строка {MANY}")


def found(operator: Operator) -> Locator:
    results = operator.page.get_by_role("list", name=operator.say("inbox.search.results"))
    return results.get_by_role("listitem")


async def look_for(operator: Operator, words: str) -> None:
    await operator.page.get_by_label(operator.say("inbox.search"), exact=True).fill(words)


async def look_until_found(operator: Operator, words: str, n: int = 1) -> None:
    """What was written this moment is found once the worker has read it."""
    for _ in range(20):
        await look_for(operator, "")
        await look_for(operator, words)
        try:
            await expect(found(operator).nth(n - 1)).to_be_visible(timeout=1_000)
        except AssertionError:
            continue
        return
    raise AssertionError(f"{words} is not found")


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_a_message_is_found_by_another_form_and_opened_in_its_place(
    browser: Browser, program: Program, wire: Wire, site: str, lang: Lang
) -> None:
    operator = await signed_in(browser, program, wire.url, lang)
    visitor = await Visitor.arrive(browser, site, lang)
    await many_lines(visitor)
    await expect(operator.row(f"Строка {MANY}")).to_be_visible()
    await look_until_found(operator, "договор")
    field = operator.page.get_by_label(operator.say("inbox.search"), exact=True)
    await field.press("Escape")
    await field.blur()

    await operator.page.keyboard.press("Slash")
    await expect(field).to_be_focused()
    await operator.page.keyboard.type("доставкой окна")
    await expect(found(operator)).to_have_count(1)
    await expect(found(operator).locator("mark")).to_have_text(["доставку", "окон"])

    await found(operator).click()
    line = operator.log.get_by_text("Нужен договор")
    await expect(line).to_be_in_viewport()
    flashing = operator.log.locator(".message.flash")
    await expect(flashing).to_contain_text("Нужен договор")
    await expect(operator.log.get_by_text("Строка 19", exact=True)).to_be_in_viewport()

    # Both ways from there, line by line as far as the log goes, without a hole.
    await operator.log.evaluate("log => { log.scrollTop = 0 }")
    await expect(operator.log.get_by_text("Строка 1", exact=True)).to_have_count(1)
    newest = operator.log.get_by_text(f"Строка {MANY}", exact=True)
    await expect(newest).to_have_count(0)
    later = operator.page.get_by_role("button", name=operator.say("inbox.newer"))
    while await later.count():
        await operator.log.evaluate("log => { log.scrollTop = log.scrollHeight }")
        await operator.page.wait_for_function(
            "() => document.querySelector('.log').getAttribute('aria-busy') !== 'true'"
        )
    await expect(newest).to_have_count(1)
    for n in (1, 19, 21, 79, 80, 81, MANY):
        await expect(operator.log.get_by_text(f"Строка {n}", exact=True)).to_have_count(1)

    await operator.reply("Договор отправили")
    await expect(visitor.log).to_contain_text("Договор отправили")
    await look_until_found(operator, "договор", 2)
    await expect(found(operator)).to_have_count(2)
    await field.press("Escape")
    await expect(operator.page.get_by_role("tablist")).to_be_visible()
    assert operator.troubles == []
    assert program.errors() == []


async def test_from_an_old_message_there_is_a_way_to_the_newest(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    visitor = await Visitor.arrive(browser, site)
    await many_lines(visitor)
    await look_until_found(operator, "договоры")
    await found(operator).click()
    await expect(operator.log.get_by_text("Нужен договор")).to_be_in_viewport()

    await visitor.write("И ещё вопрос")
    newest = operator.log.get_by_text("И ещё вопрос")
    await operator.page.get_by_role("button", name=operator.say("inbox.to_newest")).click()
    await expect(newest).to_be_in_viewport()
    await visitor.write("Самый последний")
    await expect(operator.log.get_by_text("Самый последний")).to_be_in_viewport()

    # An answer written among old lines brings the end with it.
    await found(operator).click()
    await expect(operator.log.get_by_text("Нужен договор")).to_be_in_viewport()
    await operator.reply("Отвечаю отсюда")
    await expect(operator.log.get_by_text("Отвечаю отсюда")).to_be_in_viewport()
    await expect(operator.log.get_by_text("Отвечаю отсюда")).to_have_count(1)


async def test_nothing_found_and_a_lost_wire_are_told(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    await visitor.write('<img src=x onerror="document.title=1"> окно')
    await operator.row("окно").wait_for()

    await look_until_found(operator, "окно")

    none = operator.say("inbox.search.none", query="дверь")
    await look_for(operator, "дверь")
    await expect(operator.page.get_by_text(none)).to_be_visible()
    wire.cut()
    await look_for(operator, "окно")
    again = operator.page.get_by_role("button", name=operator.say("inbox.try_again"))
    await expect(again).to_be_visible()
    wire.mend()
    await again.click()
    await expect(found(operator).locator("mark")).to_have_text(["окно"])
    await expect(found(operator)).to_contain_text("<img src=x")
    assert await operator.page.locator("img[src=x]").count() == 0


async def test_a_phone_searches_reads_and_comes_back_to_what_was_found(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    await operator.page.set_viewport_size({"width": 390, "height": 844})
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    await visitor.write("Перезвоните на +7 (916) 123-45-67, пожалуйста, по поводу окон")
    await operator.row("Перезвоните").wait_for()

    await look_until_found(operator, "89161234567")
    # The person is found by the number too, which is known from what was written.
    line = found(operator).filter(has=operator.page.locator("mark"))
    await expect(line.locator("mark")).to_have_text(["+7 (916) 123-45-67"])
    await line.click()
    await expect(operator.log.get_by_text("Перезвоните")).to_be_in_viewport()
    await expect(line).to_be_hidden()
    await operator.page.get_by_role("button", name=operator.say("inbox.back")).click()
    await expect(line).to_be_visible()
    wide = await operator.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
