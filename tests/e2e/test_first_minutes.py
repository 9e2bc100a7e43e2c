"""The first fifteen minutes of a newcomer: an operator's, an administrator's, a visitor's."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.chaos.process import Program

from .people import Operator, Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest_asyncio.fixture(loop_scope="session")
async def installed(tmp_path: Path) -> AsyncIterator[Program]:
    """The program as it comes, not started yet."""
    made = Program(tmp_path)
    yield made
    await made.stop()


async def test_within_a_minute_of_the_first_start_one_is_signed_in_and_reads_russian(
    browser: Browser, installed: Program
) -> None:
    begun = time.monotonic()
    printed = await installed.demo()
    operator = await Operator.arrive(browser, printed["inbox"].removesuffix("/inbox"))
    await operator.sign_in("demo", printed["code"])
    await expect(operator.page.get_by_role("tab", name="Очередь")).to_be_visible()
    await expect(operator.page.locator("html")).to_have_attribute("lang", "ru")
    assert time.monotonic() - begun < 60
    assert operator.troubles == []


async def test_an_empty_product_has_three_doors_and_examples_come_and_go_with_one_press(
    browser: Browser, installed: Program
) -> None:
    printed = await installed.demo()
    operator = await Operator.arrive(browser, printed["inbox"].removesuffix("/inbox"))
    await operator.sign_in("demo", printed["code"])
    page, say = operator.page, operator.say
    await page.get_by_role("button", name=say("inbox.sounds.skip")).click()
    doors = page.get_by_role("region", name=say("admin.doors"))
    await expect(doors.get_by_role("listitem")).to_have_count(3)

    await doors.get_by_role("button", name=say("admin.doors.play.go")).click()
    rows = page.get_by_role("list", name=say("inbox.dialogs")).get_by_role("listitem")
    await expect(doors.get_by_text(say("admin.examples.shown"))).to_be_visible()
    await expect(rows).not_to_have_count(0)
    await rows.first.click()
    await expect(operator.log).to_be_visible()
    await page.get_by_role("button", name=say("admin.examples.drop")).click()
    await expect(rows).to_have_count(0)
    await expect(doors.get_by_role("listitem")).to_have_count(3)
    await page.reload()
    await expect(doors.get_by_role("listitem")).to_have_count(3)
    await expect(rows).to_have_count(0)

    await doors.get_by_role("link", name=say("admin.doors.site.go")).click()
    await expect(page.get_by_text('data-channel="demo-site"')).to_be_visible()
    visitor = await Visitor.arrive(browser, printed["site"])
    await expect(
        visitor.page.get_by_role("button", name=say("widget.launcher.open"))
    ).to_be_visible()
    host = printed["site"].removeprefix("http://")
    await expect(page.get_by_text(f"Виден на {host},")).to_be_visible()


async def test_a_first_question_is_on_top_with_its_page_and_only_an_answer_takes_it(
    browser: Browser, installed: Program
) -> None:
    printed = await installed.demo()
    url = printed["inbox"].removesuffix("/inbox")
    operator = await Operator.arrive(browser, url)
    await operator.sign_in("demo", printed["code"])
    visitor = await Visitor.arrive(browser, printed["site"])
    await visitor.page.get_by_role("link", name="Контакты").click()
    await visitor.open_chat()

    card = visitor.page.get_by_role("dialog")
    await expect(card.get_by_role("heading", name="Тёплый дом")).to_be_visible()
    await expect(card).to_contain_text(visitor.say("widget.answer_time", n=5))
    await expect(card.get_by_role("textbox")).to_have_count(1)
    await visitor.write("Сколько стоит котёл?")
    await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
    await expect(card.get_by_role("textbox")).to_have_count(1)

    page, say = operator.page, operator.say
    rows = page.get_by_role("list", name=say("inbox.dialogs")).get_by_role("listitem")
    await expect(rows.first).to_contain_text("Сколько стоит котёл?")
    await rows.first.click()
    await expect(operator.log).to_contain_text("Сколько стоит котёл?")
    await expect(page.get_by_role("link", name="Тёплый дом · Контакты")).to_be_visible()
    mine = page.get_by_role("tab", name=say("inbox.view.mine"))
    await expect(mine).to_have_text(say("inbox.view.mine"))
    await operator.reply("От 68 900 ₽ с установкой")
    await expect(visitor.log).to_contain_text("От 68 900 ₽")
    await expect(mine).to_contain_text("1")
    assert operator.troubles == visitor.troubles == []
