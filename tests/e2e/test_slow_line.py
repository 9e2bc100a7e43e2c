"""Answers that come late: what was heard, typed and pressed meanwhile is newer than they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from tests.chaos.process import Program

from .guest import guests
from .held import held
from .people import Visitor
from .shop import Shop
from .test_journey import signed_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest_asyncio.fixture(loop_scope="session")
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    made = Program(
        tmp_path,
        channels="""
[channels.calling.settings]
origins = ["*"]
callback = { enabled = true }
""",
    )
    await made.start()
    yield made
    await made.stop()


async def test_a_dialog_that_comes_while_its_list_is_read_stays_in_it_and_is_counted(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url)
    page = operator.page
    await expect(page.get_by_text(operator.say("inbox.empty.queue"))).to_be_visible()
    async with held(page, "**/counts") as counts, held(page, "**/dialogs?*") as rows:
        await page.reload()
        await counts.given()
        await rows.given()
        async with guests(program.url) as [guest]:
            await guest.write("Пока читался список")
        await expect(operator.row("Пока читался список")).to_be_visible()
        counts.let_go()
    await expect(page.locator("#rows")).to_have_attribute("aria-busy", "false")
    await expect(operator.row("Пока читался список")).to_be_visible()
    queue = page.get_by_role("tab", name=operator.say("inbox.view.queue"))
    await expect(queue).to_contain_text("1")
    assert operator.troubles == []


async def test_a_late_answer_takes_neither_the_words_nor_the_focus(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url)
    page, say = operator.page, operator.say
    async with guests(program.url) as [guest]:
        await guest.write("Есть кто?")
    field = page.get_by_label(say("inbox.reply_text"))
    async with held(page, "**/dialogs/*") as whole:
        await operator.row("Есть кто?").click()
        await whole.given()
        async with page.expect_response(lambda answer: answer.url.endswith("/draft")):
            await field.fill("Да, слушаю")
    card = page.get_by_role("complementary", name=say("inbox.card"))
    await expect(card.get_by_role("switch").first).to_be_visible()
    await expect(field).to_have_value("Да, слушаю")

    async with held(page, "**/dialogs*") as rows, held(page, "**/dialogs/*") as whole:
        await page.reload()
        await rows.given()
        await whole.given()
        search = page.get_by_label(say("inbox.search"), exact=True)
        await search.focus()
    await expect(card.get_by_role("switch").first).to_be_visible()
    await expect(field).to_have_value("Да, слушаю")
    await expect(search).to_be_focused()
    assert operator.troubles == []


async def test_who_went_to_another_dialog_while_one_was_being_closed_stays_there(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url)
    page, say = operator.page, operator.say
    async with guests(program.url, 3) as all_three:
        for guest, words in zip(all_three, ("Первый", "Второй", "Третий"), strict=True):
            await guest.write(words)
            await expect(operator.row(words)).to_be_visible()
    await operator.row("Третий").click()
    await expect(operator.log).to_contain_text("Третий")
    closing, on = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        closing.set()
        await on.wait()
        await route.fulfill(response=answer)

    await page.route("**/close", late)
    await page.get_by_role("button", name=say("inbox.step.more")).click()
    await page.get_by_role("menuitem", name=say("inbox.step.close_next")).click()
    await closing.wait()
    await operator.row("Первый").click()
    await expect(operator.log).to_contain_text("Первый")
    on.set()
    await page.unroute_all(behavior="wait")
    await expect(operator.row("Третий")).to_have_count(0)
    await expect(operator.log).to_contain_text("Первый")
    assert operator.troubles == []


async def test_a_time_to_be_called_at_stays_chosen_when_times_come_anew(
    browser: Browser, program: Program
) -> None:
    hub = program.url.replace("127.0.0.1", "localhost")
    async with Shop(hub, "calling") as site:
        visitor = await Visitor.arrive(browser, site.url)
        page, say = visitor.page, visitor.say
        await visitor.open_chat()
        ask = page.get_by_role("dialog").get_by_role("button", name=say("widget.call.title"))
        await ask.last.click()
        form = page.get_by_role("form", name=say("widget.call.title"))
        await form.get_by_label(say("widget.field.phone")).fill("8 912 345-12-34")
        await form.get_by_role("checkbox").first.check()
        await expect(form.get_by_role("radio").first).to_be_checked()
        await form.get_by_role("button", name=say("widget.call.submit")).click()
        other = form.get_by_role("radio", name=say("widget.call.other"))
        times = form.get_by_label(say("widget.call.other_time"))
        async with held(page, "**/slots?*") as slots:
            await page.get_by_role("button", name=say("widget.call.change")).last.click()
            await slots.given()
            await other.check()
            # The last of all: the first of a day are offered by buttons of their own.
            wanted = await times.locator("option").last.get_attribute("value") or ""
            await times.select_option(value=wanted)
            before = await times.element_handle()
        assert before is not None
        await before.wait_for_element_state("hidden")
        await expect(other).to_be_checked()
        await expect(times).to_have_value(wanted)
        assert visitor.troubles == []
