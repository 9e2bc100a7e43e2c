"""A newcomer's first look at messengers: the demo's phones beside the inbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from hub.texts import text
from tests.chaos.process import Program

from .people import Lang, Operator, open_page
from .test_axe import wrong

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

STARTING = 60_000
"""How long the messengers may take on a busy machine; a bound against hanging."""


@pytest_asyncio.fixture(loop_scope="session")
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    program = Program(tmp_path)
    yield program
    await program.stop()


class Phone:
    def __init__(self, page: Page, lang: Lang) -> None:
        self.page = page
        self.lang: Lang = lang
        self.log = page.get_by_role("log")

    def say(self, key: str) -> str:
        return text(self.lang, f"phone.{key}")

    async def look_at(self, kind: str) -> None:
        tab = self.page.get_by_role("tab", name=self.say(f"kind.{kind}"), exact=False)
        await tab.click()
        await expect(self.page.get_by_label(self.say("message"), exact=True).last).to_be_enabled(
            timeout=STARTING
        )

    async def write(self, words: str) -> None:
        field = self.page.get_by_role("textbox", name=self.say("message"), exact=True)
        await field.fill(words)
        await field.press("Enter")
        await expect(self.log).to_contain_text(words)


async def open_phone(browser: Browser, url: str, lang: Lang, who: str = "visitor") -> Phone:
    _, page = await open_page(browser, lang)
    await page.goto(f"{url}/?who={who}&lang={lang}")
    return Phone(page, lang)


async def test_a_newcomer_writes_from_messengers_and_reads_the_answers(
    browser: Browser, program: Program
) -> None:
    printed = await program.demo()
    phone = await open_phone(browser, printed["phone"], "ru")
    # The page is there at once, whatever the messengers take.
    await expect(phone.log).to_contain_text("Telegram")
    operator = await Operator.arrive(browser, printed["inbox"].removesuffix("/inbox"))
    await operator.sign_in("demo", printed["code"])
    await operator.page.get_by_role("button", name=operator.say("inbox.sounds.skip")).click()

    await operator.page.get_by_role("tab", name=operator.say("inbox.view.all")).click()
    for kind, asked, told in (
        ("max", "Сколько стоит котёл?", "От 68 900 ₽"),
        ("vk", "Когда приедет мастер?", "Завтра в 10 утра"),
    ):
        await phone.look_at(kind)
        await phone.write(asked)
        await operator.row(asked).click()
        # Under a hand rows stay where they are, so the next one would not show.
        await operator.log.hover()
        await expect(operator.log).to_contain_text(asked)
        await operator.reply(told)
        await expect(phone.log).to_contain_text(told)

    found = {"ru": await wrong(phone.page)}
    english = await open_phone(browser, printed["phone"], "en", "operator")
    await english.look_at("max")
    found["en"] = await wrong(english.page)
    assert {name: each for name, each in found.items() if each} == {}

    # An answer under way leaves the field and the focus as they are.
    await phone.look_at("max")
    field = phone.page.get_by_role("textbox", name=phone.say("message"), exact=True)
    await field.fill("Ещё")
    await operator.row("68 900").click()
    await operator.reply("С установкой")
    await expect(phone.log).to_contain_text("С установкой")
    await expect(field).to_be_focused()
    await expect(field).to_have_value("Ещё")

    await operator.page.goto(f"{printed['inbox']}#/sounds")
    card = operator.page.get_by_role("group", name=operator.say("inbox.reaching"))
    await card.get_by_role("button", name=operator.say("inbox.reaching.link")).first.click()
    link = await card.get_by_role("link").get_attribute("href")
    await english.page.get_by_role("button", name=english.say("link"), exact=True).click()
    await english.page.get_by_label(english.say("link_label")).fill(link or "")
    await english.page.keyboard.press("Enter")
    await expect(
        card.get_by_role("button", name=operator.say("inbox.reaching.drop"))
    ).to_be_visible()
    assert operator.troubles == []
    assert program.errors() == []


async def test_the_messengers_of_an_earlier_start_rest_until_the_phone_is_opened_again(
    browser: Browser, program: Program
) -> None:
    printed = await program.demo()
    phone = await open_phone(browser, printed["phone"], "ru")
    await phone.look_at("max")
    await phone.write("До перезапуска")
    operator = await Operator.arrive(browser, printed["inbox"].removesuffix("/inbox"))
    await operator.sign_in("demo", printed["code"])
    await expect(
        operator.page.get_by_role("button", name=operator.say("inbox.sounds.skip"))
    ).to_be_visible()
    await program.stop()

    again = await program.demo()
    assert again["phone"] == printed["phone"]
    await operator.page.reload()
    await operator.page.get_by_role("button", name=operator.say("inbox.sounds.skip")).click()
    await expect(operator.row("До перезапуска")).to_be_visible()
    troubles = operator.page.get_by_role("status", name=operator.say("inbox.trouble.list"))
    await expect(troubles).to_have_count(0)
    await phone.look_at("max")
    await phone.write("После перезапуска")
    await expect(operator.row("После перезапуска")).to_be_visible()
    assert program.errors() == []
