"""An administrator connects a messenger, tries it with a real message, and turns it off and on."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from bots.platforms.telegram import TelegramPlatform
from tests.chaos.process import Program

from .people import Lang, Operator
from .test_admin_site import administrator
from .test_axe import Theme, put_on, wrong

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest_asyncio.fixture(loop_scope="session")
async def platform() -> AsyncIterator[TelegramPlatform]:
    made = TelegramPlatform()
    await made.start()
    yield made
    await made.stop()


async def choose(operator: Operator, name: str) -> None:
    """The form of that kind, open."""
    page, say = operator.page, operator.say
    await page.get_by_role("button", name=say("inbox.admin")).click()
    await page.get_by_role("link", name=say("admin.channels.add")).click()
    await page.get_by_role("link", name=name, exact=True).click()
    # The first to ask for a kind waits until it is imported.
    await page.get_by_label(say("admin.name"), exact=True).wait_for(timeout=90_000)


async def fill(operator: Operator, platform: TelegramPlatform, token: str) -> None:
    page, say = operator.page, operator.say
    await page.get_by_label(say("channel.telegram.token"), exact=True).fill(token)
    address = page.get_by_label(say("channel.field.api_url"), exact=True)
    if not await address.is_visible():
        await page.get_by_text(say("admin.network"), exact=True).click()
    await address.fill(platform.url)


async def connected(operator: Operator, platform: TelegramPlatform) -> str:
    """A Telegram channel that is made on the screen; its address there."""
    await choose(operator, "Telegram")
    await fill(operator, platform, platform.token)
    await operator.page.get_by_role("button", name=operator.say("admin.add_and_try")).click()
    await expect(step(operator, "admin.trial.key.ok")).to_be_visible()
    return operator.page.url.partition("#")[2]


def step(operator: Operator, key: str, **values: object) -> Locator:
    steps = operator.page.get_by_role("list", name=operator.say("admin.trial.steps"))
    return steps.get_by_role("listitem").filter(has_text=operator.say(key, **values))


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_a_bot_is_connected_and_a_word_written_to_it_turns_its_test_green(
    browser: Browser, program: Program, platform: TelegramPlatform, lang: Lang
) -> None:
    operator = await administrator(browser, program, lang)
    page, say = operator.page, operator.say
    await choose(operator, "Telegram")
    await page.get_by_role("button", name=say("admin.add_and_try")).click()
    token = page.get_by_label(say("channel.telegram.token"), exact=True)
    await expect(token).to_be_focused()
    await expect(page.get_by_text(say("admin.wrong.empty"))).to_be_visible()
    await token.fill("that is no token")
    await page.get_by_role("button", name=say("admin.add_and_try")).click()
    await expect(page.get_by_text(say("channel.telegram.token.wrong"))).to_be_visible()
    await expect(token).to_have_attribute("aria-invalid", "true")

    await fill(operator, platform, platform.token)
    await page.get_by_role("button", name=say("admin.add_and_try")).click()
    await expect(step(operator, "admin.trial.key.ok")).to_be_visible()
    await expect(step(operator, "admin.trial.hook.poll")).to_be_visible()
    await expect(step(operator, "admin.trial.seen.waiting")).to_be_visible()
    await expect(page.get_by_role("img", name=say("admin.trial.qr"))).to_be_visible()
    link = page.get_by_role("link", name=say("admin.trial.open", what="Telegram"))
    await expect(link).to_have_attribute("href", re.compile(r"^https://t\.me/\w+$"))
    await expect(page.get_by_text(platform.token)).to_have_count(0)

    anna = platform.person("Анна")
    await platform.write(anna, "Проверка")
    await expect(step(operator, "admin.trial.seen.ok", name="Анна")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text(say("admin.trial.done"))).to_be_visible()
    await page.get_by_role("link", name=say("admin.trial.dialog")).click()
    await expect(operator.log.get_by_text("Проверка")).to_be_visible()
    assert operator.troubles == []


async def test_a_key_that_is_refused_is_said_in_words_and_another_is_tried_at_once(
    browser: Browser, program: Program, platform: TelegramPlatform
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await choose(operator, "Telegram")
    await fill(operator, platform, "123456789:AAH-that-of-another-bot-altogether-0")
    await page.get_by_role("button", name=say("admin.add_and_try")).click()
    await expect(step(operator, "channel.telegram.trial.key.dead_key")).to_be_visible()
    await expect(page.get_by_role("img", name=say("admin.trial.qr"))).to_have_count(0)
    await expect(page.get_by_text(say("admin.health.halted.dead_key"))).to_be_visible()

    what = say("channel.telegram.token")
    await page.get_by_role("button", name=say("admin.secret.replace_what", what=what)).click()
    await page.get_by_label(what, exact=True).fill(platform.token)
    await page.get_by_role("button", name=say("admin.save")).click()
    await expect(step(operator, "admin.trial.key.ok")).to_be_visible()
    await expect(page.get_by_text(say("admin.health.halted.dead_key"))).to_have_count(0)
    assert operator.troubles == []


async def test_a_channel_that_is_off_brings_nothing_and_on_again_all_that_waited(
    browser: Browser, program: Program, platform: TelegramPlatform
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await connected(operator, platform)
    await page.get_by_role("link", name=say("admin.to_channels")).click()
    cards = page.get_by_role("list", name=say("admin.channels"))
    card = cards.get_by_role("listitem").filter(has_text="Telegram")
    switch = page.get_by_role("switch", name=say("admin.turned_on", name="Telegram"))
    await switch.uncheck()
    await expect(card).to_contain_text(say("admin.off"))
    anna = platform.person("Анна")
    await platform.write(anna, "Есть кто?")
    await page.goto(f"{program.url}/inbox")
    await expect(page.get_by_role("tablist")).to_be_visible()
    await expect(operator.row("Анна")).to_have_count(0)

    await page.goto(f"{program.url}/inbox#/admin")
    await switch.check()
    await expect(card).to_contain_text(re.compile(say("admin.health.heard", when=".*")))
    await page.goto(f"{program.url}/inbox")
    await expect(operator.row("Анна")).to_contain_text("Есть кто?")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_screen_of_channels_breaks_a_rule_or_runs_off_a_phone(
    browser: Browser, program: Program, platform: TelegramPlatform, theme: Theme
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await put_on(page, theme)
    address = await connected(operator, platform)
    found: dict[str, list[str]] = {}
    for name, where, title in (
        ("channels", "/admin", say("admin.channels")),
        ("kinds", "/admin/+", say("admin.channels.choose")),
        ("form", "/admin/+/vk", say("kind.vk")),
        ("channel", address, "Telegram"),
    ):
        await page.goto(f"{program.url}/inbox#{where}")
        await expect(page.get_by_role("heading", level=1, name=title)).to_be_attached()
        await expect(page.locator(".admin [aria-busy]")).to_have_count(0, timeout=90_000)
        found[name] = await wrong(page)
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.wait_for_function(
            "() => document.querySelector('.admin').scrollWidth <= innerWidth"
        )
        await page.set_viewport_size({"width": 1440, "height": 900})
    assert {name: each for name, each in found.items() if each} == {}


async def test_a_messenger_is_connected_by_keys_alone(
    browser: Browser, program: Program, platform: TelegramPlatform
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await page.goto(f"{program.url}/inbox#/admin")
    for name in (say("admin.channels.add"), "Telegram"):
        link = page.get_by_role("link", name=name, exact=True)
        await link.focus()
        await page.keyboard.press("Enter")
    await page.get_by_label(say("admin.name"), exact=True).wait_for(timeout=90_000)
    await page.get_by_label(say("channel.telegram.token"), exact=True).focus()
    await page.keyboard.type(platform.token)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.get_by_label(say("channel.field.api_url"), exact=True).focus()
    await page.keyboard.type(platform.url)
    await page.keyboard.press("Enter")
    await expect(step(operator, "admin.trial.key.ok")).to_be_visible()


async def test_what_is_kept_as_code_is_shown_and_not_changed(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await page.goto(f"{program.url}/inbox#/admin")
    cards = page.get_by_role("list", name=say("admin.channels"))
    await expect(cards.get_by_role("listitem")).to_contain_text([say("admin.as_code.short")])
    await expect(cards.get_by_role("switch")).to_have_count(0)


async def test_an_address_of_what_is_not_there_leads_to_what_is(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    for address, missing, back, there in (
        ("gone", "admin.missing", "admin.to_channels", "admin.channels"),
        ("~gone", "admin.missing.page", "admin.to_channels", "admin.channels"),
        (
            "~connections/gone",
            "admin.missing.connections",
            "admin.to_list",
            "admin.room.connections",
        ),
    ):
        await page.goto(f"{program.url}/inbox#/admin/{address}")
        await expect(page.get_by_text(say(missing), exact=True)).to_be_visible()
        await expect(page.get_by_role("button", name=say("admin.again"))).to_have_count(0)
        await page.get_by_role("link", name=say(back), exact=True).click()
        await expect(page.get_by_role("heading", level=1, name=say(there))).to_be_visible()
    assert operator.troubles == []
