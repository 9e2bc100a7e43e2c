"""The inbox's list: long, moving, narrowed, and in one hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Locator, Page, expect

from tests.chaos.process import Program

from .crowd import crowd
from .people import Operator, Visitor
from .test_journey import signed_in, site
from .wire import Wire

__all__ = ["site"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

MANY = 1_000
PLACE = """y => {
    const row = document.elementFromPoint(200, y).closest(".place");
    return { id: row.dataset.id, top: row.getBoundingClientRect().top };
}"""
TOP = """id => document.querySelector(`[data-id="${id}"]`).getBoundingClientRect().top"""


def rows(page: Page) -> Locator:
    return page.locator(".place")


def newcomers(operator: Operator) -> Locator:
    return operator.page.locator(".newcomers")


async def scroll(page: Page, to: str) -> None:
    await page.evaluate(f"() => {{ const box = document.getElementById('rows'); {to} }}")


async def test_a_thousand_dialogs_scroll_to_the_end_and_hold_still_while_others_arrive(
    browser: Browser, program: Program
) -> None:
    voices = await crowd(program.url, [f"Вопрос {n}" for n in range(1, MANY + 1)])
    operator = await signed_in(browser, program, program.url)
    page = operator.page
    await expect(rows(page).first).to_be_visible()

    # Page after page to the very last row; only those in sight are in the document.
    last = page.locator(f".place[aria-posinset='{MANY}']")
    async with asyncio.timeout(60):
        while not await last.count():
            await scroll(page, "box.scrollTop = box.scrollHeight")
            await page.wait_for_function(
                "() => document.getElementById('rows').getAttribute('aria-busy') !== 'true'"
            )
    assert await rows(page).count() < 60

    await scroll(page, "box.scrollTop = 20000")
    await page.wait_for_function("() => document.elementFromPoint(200, 500).closest('.place')")
    before = await page.evaluate(PLACE, 500)
    async with ClientSession() as session:
        for n, voice in enumerate(voices[:30] + voices[-30:]):
            await voice.say(session, f"Ещё вопрос {n}")
    await expect(operator.page.get_by_role("tab", selected=True)).to_contain_text(str(MANY))
    await expect(newcomers(operator)).to_be_visible()
    assert await page.evaluate(TOP, before["id"]) == pytest.approx(before["top"], abs=1)

    await newcomers(operator).click()
    await expect(rows(page).first).to_contain_text("Ещё вопрос 59")
    assert operator.troubles == []


async def test_no_row_moves_under_the_mouse(browser: Browser, program: Program) -> None:
    voices = await crowd(program.url, ["Первый", "Второй", "Третий"])
    operator = await signed_in(browser, program, program.url)
    hovered = operator.row("Третий")
    # The hand stays on the mouse, whatever the rest takes: after a while at rest it would be away.
    await operator.page.clock.set_fixed_time(datetime.now(UTC))
    await hovered.hover()
    stood = await hovered.bounding_box()
    async with ClientSession() as session:
        await voices[0].say(session, "Снова первый")
    await crowd(program.url, ["Четвёртый"])
    await expect(newcomers(operator)).to_be_visible()
    assert await hovered.bounding_box() == stood

    take = hovered.get_by_role("button", name=operator.say("inbox.step.take"))
    await take.click()
    await expect(hovered).to_have_class("place gone")
    await operator.page.mouse.move(900, 300)
    await expect(rows(operator.page).first).to_contain_text("Четвёртый")
    await expect(rows(operator.page).nth(1)).to_contain_text("Снова первый")
    await expect(operator.row("Третий")).to_have_count(0)
    await operator.page.get_by_role("tab", name=operator.say("inbox.view.mine")).click()
    await expect(operator.row("Третий")).to_be_visible()


async def test_a_narrowed_list_stays_narrowed_after_a_reload(
    browser: Browser, program: Program
) -> None:
    await crowd(program.url, ["Отвечу", "Подождёт"])
    operator = await signed_in(browser, program, program.url, "en")
    page = operator.page
    await page.get_by_role("tab", name=operator.say("inbox.view.all")).click()
    await operator.row("Отвечу").click()
    await operator.reply("Ответ")
    await expect(operator.row("Ответ")).to_be_visible()

    await page.get_by_role("button", name=operator.say("inbox.filter"), exact=True).click()
    await page.get_by_label(operator.say("inbox.filter.unanswered")).check()
    await expect(rows(page)).to_have_count(1)
    await page.get_by_label(operator.say("inbox.filter.by_waiting")).check()
    await expect(operator.row("Подождёт")).to_be_visible()

    await page.reload()
    chips = page.get_by_role("list", name=operator.say("inbox.filter.on"))
    await expect(chips.get_by_role("listitem")).to_have_count(2)
    await page.get_by_role("tab", name=operator.say("inbox.view.all")).click()
    await expect(rows(page)).to_have_count(1)
    words = operator.say("inbox.filter.unanswered")
    drop = page.get_by_role("button", name=operator.say("inbox.filter.remove", name=words))
    await drop.click()
    await page.get_by_role(
        "button",
        name=operator.say("inbox.filter.remove", name=operator.say("inbox.filter.by_waiting")),
    ).click()
    await expect(rows(page)).to_have_count(2)


async def test_a_phone_has_the_lists_at_the_thumb_and_swipes_back(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    await visitor.write("Пишу с дивана")
    desk = await signed_in(browser, program, wire.url)
    context = await browser.new_context(
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        locale="ru-RU",
        storage_state=await desk.context.storage_state(),
    )
    phone = Operator(context, await context.new_page(), "ru")
    page = phone.page
    await page.goto(f"{wire.url}/inbox")
    tabs = page.get_by_role("tablist")
    await expect(tabs).to_be_visible()
    box = await tabs.bounding_box()
    assert box is not None
    assert box["y"] > 700
    for tab in await tabs.get_by_role("tab").all():
        size = await tab.bounding_box()
        assert size is not None
        assert min(size["width"], size["height"]) >= 40

    await phone.row("Пишу с дивана").tap()
    await expect(phone.log).to_contain_text("Пишу с дивана")
    await phone.reply("Отвечаю с телефона")
    await expect(visitor.log).to_contain_text("Отвечаю с телефона")
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(wide) == 0

    finger = await context.new_cdp_session(page)
    for kind, x in (("touchStart", 8), ("touchMove", 60), ("touchMove", 140), ("touchEnd", 0)):
        points = [] if kind == "touchEnd" else [{"x": x, "y": 400}]
        await finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    await expect(tabs).to_be_visible()

    await page.get_by_role("button", name=phone.say("inbox.more_places")).tap()
    sheet = page.get_by_role("dialog", name=phone.say("inbox.more_places"))
    await expect(sheet).to_contain_text(phone.say("inbox.light.on"))
    await sheet.get_by_role("button", name=phone.say("inbox.theme.dark")).tap()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert phone.troubles == []
