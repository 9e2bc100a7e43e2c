"""The end of the log: kept in sight while lines grow and come, left only by the operator."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.chaos.process import Program

from .guest import guests
from .people import Visitor
from .test_journey import signed_in, site
from .wire import Wire

__all__ = ["site"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

# As a slow machine shows it: lines are drawn and the log is put at their end, then they grow, and
# only then the browser tells that it was scrolled.
GROWS = """{
  const growIn = (root) => new MutationObserver((_, watch) => {
    if (root.querySelectorAll("[role=log] .text, [role=log] .bubble").length < %d) return;
    watch.disconnect();
    const higher = new CSSStyleSheet();
    higher.replaceSync("[role=log] :is(.message, .line) { min-height: 70px }");
    root.adoptedStyleSheets.push(higher);
  }).observe(root, { childList: true, subtree: true });
  growIn(document);
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (how) {
    const root = attach.call(this, how);
    growIn(root);
    return root;
  };
}"""


async def test_lines_that_grow_after_they_were_drawn_leave_the_end_in_sight(
    browser: Browser, program: Program, wire: Wire
) -> None:
    operator = await signed_in(browser, program, wire.url)
    async with guests(program.url) as [guest]:
        await guest.write(*(f"Строка {n}" for n in range(1, 41)))
        await operator.row("Строка 40").click()
        await expect(operator.log.get_by_text("Строка 40", exact=True)).to_be_in_viewport()
        await operator.page.add_init_script(GROWS % 40)
        await operator.page.reload()
        await expect(operator.log.get_by_text("Строка 40", exact=True)).to_be_in_viewport()
        await guest.write("Строка 41")
        await expect(operator.log.get_by_text("Строка 41", exact=True)).to_be_in_viewport()
    assert operator.troubles == []


async def test_the_chat_of_a_visitor_keeps_its_end_in_sight_as_well(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    for n in range(1, 11):
        await visitor.write(f"Строка {n}")
    await visitor.page.add_init_script(GROWS % 11)
    await visitor.page.reload()
    await visitor.open_chat()
    await expect(visitor.log.get_by_text("Строка 10", exact=True)).to_be_in_viewport()
    operator = await signed_in(browser, program, wire.url)
    await operator.row("Строка 10").click()
    await operator.reply("Строка 11")
    await expect(visitor.log.get_by_text("Строка 11", exact=True)).to_be_in_viewport()
    assert visitor.troubles == []


async def test_whoever_read_to_the_end_is_not_thrown_back_to_where_the_unread_began(
    browser: Browser, program: Program, wire: Wire
) -> None:
    operator = await signed_in(browser, program, wire.url)
    unread = operator.log.get_by_role("separator").filter(has_text=operator.say("inbox.unread"))
    async with guests(program.url, 2) as [guest, other]:
        await guest.write("Первая")
        await other.write("Другой диалог")
        await operator.row("Первая").click()
        await expect(operator.log.get_by_text("Первая", exact=True)).to_be_in_viewport()
        await operator.row("Другой диалог").click()
        await expect(operator.log).to_contain_text("Другой диалог")
        await guest.write(*(f"Новая {n}" for n in range(1, 41)))
        await operator.row("Новая 40").click()
        await expect(unread).to_be_in_viewport()

        await guest.write("Ещё одна")
        await operator.page.get_by_role("button", name=operator.say("inbox.new_below", n=1)).click()
        await expect(operator.log.get_by_text("Ещё одна", exact=True)).to_be_in_viewport()
        for text in ("Следующая", "И за ней"):
            await guest.write(text)
            await expect(operator.log.get_by_text(text, exact=True)).to_be_in_viewport()
        await expect(unread).to_have_count(1)
        await expect(unread).not_to_be_in_viewport()
    assert operator.troubles == []
