"""A key dies while an operator answers: the admin is told, replaces it, and nothing was lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from bots.platforms.telegram import TelegramPlatform
from tests.chaos.process import Program

from .people import Lang
from .test_admin_channels import connected
from .test_admin_site import administrator
from .test_axe import wrong

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest_asyncio.fixture(loop_scope="session")
async def platform() -> AsyncIterator[TelegramPlatform]:
    made = TelegramPlatform()
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_a_dead_key_is_told_above_everything_until_it_is_replaced(
    browser: Browser, program: Program, platform: TelegramPlatform, lang: Lang
) -> None:
    operator = await administrator(browser, program, lang)
    page, say = operator.page, operator.say
    address = await connected(operator, platform)
    anna = platform.person("Анна")
    await platform.write(anna, "Есть кто?")
    await page.goto(f"{program.url}/inbox")
    await operator.row("Анна").click()
    await expect(operator.log).to_contain_text("Есть кто?")

    platform.replace_key()
    for words in ("раз", "два", "три"):
        await operator.reply(words)
    told = page.get_by_role("status", name=say("inbox.trouble.list"))
    await expect(told).to_contain_text("Telegram")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.reload()
    await expect(told).to_contain_text("Telegram")
    await expect(page.get_by_role("tablist")).to_be_visible()
    assert await wrong(page) == []

    await told.get_by_role("link", name=say("inbox.trouble.settings")).click()
    what = say("channel.telegram.token")
    await page.get_by_role("button", name=say("admin.secret.replace_what", what=what)).click()
    await page.get_by_label(what, exact=True).fill(platform.token)
    await page.get_by_role("button", name=say("admin.save")).click()
    await expect(told).to_have_count(0)
    assert address in page.url

    def ours() -> list[str]:
        return [each.text for each in platform.shown(anna) if not each.mine]

    await platform.wait_for(lambda: len(ours()) == 3)
    assert ours() == ["раз", "два", "три"]
    assert operator.troubles == []
