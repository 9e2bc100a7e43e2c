"""The demo's telephones: they ring in the browser, and the two talk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from hub.texts import text
from tests.chaos.process import Program

from .people import Lang, Operator, Visitor, open_page
from .test_axe import wrong

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

RINGS = 40_000
"""How long a call may take to ring on a busy machine; a bound against hanging."""


@pytest_asyncio.fixture(loop_scope="session")
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    program = Program(tmp_path)
    yield program
    await program.stop()


class Telephone:
    def __init__(self, page: Page, lang: Lang) -> None:
        self.page = page
        self.lang: Lang = lang

    @classmethod
    async def of(cls, browser: Browser, url: str, who: str, lang: Lang = "ru") -> Telephone:
        _, page = await open_page(browser, lang, width=390, height=844)
        await page.goto(f"{url}/?who={who}&lang={lang}")
        await expect(page.locator(".number")).to_be_visible()
        return cls(page, lang)

    def say(self, key: str) -> str:
        return text(self.lang, f"phone.{key}")

    def call(self, stage: str) -> Locator:
        region = self.page.get_by_role("region", name=self.say("calls"))
        return region.get_by_role("region", name=self.say(f"call.{stage}"))

    async def does(self, verb: str) -> None:
        await self.page.get_by_role("button", name=self.say(f"call.{verb}"), exact=True).click()


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_who_left_only_a_phone_is_talked_to_by_an_operator_in_the_browser(
    browser: Browser, program: Program, lang: Lang
) -> None:
    printed = await program.demo()
    inbox = await Operator.arrive(browser, printed["inbox"].removesuffix("/inbox"))
    await inbox.sign_in("demo", printed["code"])
    await inbox.page.get_by_role("button", name=inbox.say("inbox.sounds.skip")).click()
    operator = await Telephone.of(browser, printed["phone"], "operator", lang)
    client = await Telephone.of(browser, printed["phone"], "visitor", lang)

    visitor = await Visitor.arrive(browser, printed["site"], lang)
    page, say = visitor.page, visitor.say
    await visitor.open_chat()
    ask = page.get_by_role("dialog").get_by_role("button", name=say("widget.call.title"))
    await ask.last.click()
    form = page.get_by_role("form", name=say("widget.call.title"))
    number = await client.page.locator(".number").inner_text()
    await form.get_by_label(say("widget.field.phone")).fill(number)
    await form.get_by_role("checkbox").first.check()
    await form.get_by_role("button", name=say("widget.call.submit")).click()

    await expect(operator.call("rings")).to_be_visible(timeout=RINGS)
    await expect(operator.call("rings")).to_contain_text(operator.say("call.training"))
    assert await wrong(operator.page) == []
    await operator.does("answer")
    here = operator.call("answered")
    await expect(here).to_contain_text(operator.say("call.says"))
    assert await wrong(operator.page) == []
    await here.get_by_role("button", name="1", exact=True).click()
    await expect(client.call("rings")).to_be_visible()
    await client.does("answer")
    await expect(client.call("joined")).to_be_visible()
    await expect(operator.call("joined")).to_be_visible()
    await client.does("hang_up")
    for telephone in (client, operator):
        await expect(telephone.page.locator("#calls")).to_be_hidden()

    await inbox.page.get_by_role("tab", name=inbox.say("inbox.view.all")).click()
    rows = inbox.page.get_by_role("list", name=inbox.say("inbox.dialogs"))
    await rows.get_by_role("listitem").first.click()
    await expect(inbox.page.get_by_text("Завершено посетителем").first).to_be_visible()
    assert program.errors() == []
