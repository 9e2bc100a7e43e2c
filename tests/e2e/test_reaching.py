"""An operator links a messenger, hears of a visitor there, takes the dialog and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from bots.platforms.telegram import TelegramPlatform
from tests.chaos.process import Program

from .people import Operator
from .test_journey import signed_in
from .test_messengers import toml

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest_asyncio.fixture(loop_scope="session")
async def telegram() -> AsyncIterator[TelegramPlatform]:
    platform = TelegramPlatform()
    await platform.start()
    yield platform
    await platform.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def shop(telegram: TelegramPlatform, tmp_path: Path) -> AsyncIterator[Program]:
    channels = toml("telegram", telegram.settings())
    program = Program(tmp_path, channels=channels, script="quick_hub.py")
    await program.start()
    yield program
    await program.stop()


async def linked(operator: Operator, telegram: TelegramPlatform) -> str:
    """The key of the link that the page shows."""
    await operator.page.goto(f"{operator.page.url.partition('#')[0]}#/sounds")
    card = operator.page.get_by_role("group", name=operator.say("inbox.reaching"))
    await card.get_by_role("button", name=operator.say("inbox.reaching.link")).click()
    link = card.get_by_role("link", name=operator.say("inbox.reaching.open"))
    address = await link.get_attribute("href")
    assert address is not None
    return parse_qs(urlsplit(address).query)["start"][0]


async def test_a_notice_is_taken_and_answered_in_the_operators_own_messenger(
    browser: Browser, telegram: TelegramPlatform, shop: Program
) -> None:
    operator = await signed_in(browser, shop, shop.url)
    await telegram.wait_for(lambda: any(name == "getUpdates" for name, _ in telegram.calls))
    olga, anna = telegram.person("Ольга"), telegram.person("Анна Соколова")
    await telegram.begin(olga, await linked(operator, telegram))
    card = operator.page.get_by_role("group", name=operator.say("inbox.reaching"))
    await expect(card).to_contain_text("Ольга")
    await operator.page.close()

    asked = await telegram.write(anna, "Позвоните на +7 916 123-45-67, сколько стоит котёл?")

    def notice() -> str:
        told = [each for each in telegram.shown(olga) if each.buttons]
        return told[-1].id if told else ""

    await telegram.wait_for(lambda: bool(notice()), 40)
    seen = next(each for each in telegram.shown(olga) if each.id == notice())
    assert "Анна" in seen.text
    assert "Соколова" not in seen.text
    assert "916" not in seen.text
    take = seen.buttons[0][0][1]
    await telegram.press(olga, seen.id, take)
    await telegram.wait_for(lambda: any("Диалог ваш" in each.text for each in telegram.shown(olga)))
    await telegram.write(olga, "От 18 000 ₽", quote=seen.id)
    await telegram.wait_for(
        lambda: any("От 18 000 ₽" in each.text for each in telegram.shown(anna))
    )
    assert not any(each.text == asked.text for each in telegram.shown(olga))
    assert shop.errors() == []
