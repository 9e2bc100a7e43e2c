"""From the site into a messenger as one person: the phone first, then one scan or one tap."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from bots import platforms
from bots.platforms.platform import Platform
from tests.chaos.process import Program

from .people import Operator, Visitor, until
from .shop import Shop
from .test_journey import signed_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LAUNCHER = "#otklik-widget .launcher"


@pytest_asyncio.fixture(loop_scope="session")
async def telegram() -> AsyncIterator[Platform]:
    platform = platforms.load("telegram")()
    await platform.start()
    yield platform
    await platform.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def program(tmp_path: Path, telegram: Platform) -> AsyncIterator[Program]:
    told = telegram.settings() | {"receive": "poll"}
    settings = "\n".join(f'{name} = "{each}"' for name, each in told.items())
    made = Program(
        tmp_path,
        channels=f"""
[channels.full.settings]
origins = ["*"]
messengers = [{{ kind = "telegram", url = "https://t.me/okna" }}]
callback = {{ enabled = true }}
[channels.bot]
kind = "telegram"
[channels.bot.settings]
{settings}
""",
    )
    await made.start()
    yield made
    await made.stop()


async def test_who_left_a_phone_goes_on_in_a_messenger_as_the_same_person(
    browser: Browser, program: Program, telegram: Platform
) -> None:
    operator = await signed_in(browser, program, program.url)
    # The bot's own name is asked for once the hub is up; links are made of it.
    await until(
        operator.page,
        "async () => (await (await fetch('/widget/full/config')).json()).messengers[0].joins",
    )
    hub = program.url.replace("127.0.0.1", "localhost")
    async with Shop(hub, "full") as site:
        visitor = await Visitor.arrive(browser, f"{site.url}/sofa?utm_source=yandex", "ru")
        page, say = visitor.page, visitor.say
        await page.locator(LAUNCHER).click()
        way = page.get_by_role("dialog").get_by_role("button", name=say("widget.call.title"))
        await way.last.click()
        form = page.get_by_role("form", name=say("widget.call.title"))
        await form.get_by_label(say("widget.field.phone")).fill("8 (912) 345-12-34")
        await form.get_by_role("checkbox").first.check()
        await form.get_by_role("button", name=say("widget.call.submit")).click()

        await expect(page.get_by_text(say("widget.call.messengers"))).to_be_visible()
        await page.locator(".result").get_by_role("button", name="Telegram").click()
        code = page.get_by_role("img", name=say("widget.messenger.code", name="Telegram"))
        await expect(code).to_be_visible()
        link = page.get_by_role("link", name=say("widget.messenger.open", name="Telegram"))
        key = key_in(await link.get_attribute("href"))

        person = telegram.person("Анна Соколова")
        await telegram.begin(person, key)
        await telegram.write(person, "Это снова я")
        await operator.row("Это снова я").click()
        await expect(operator.log).to_contain_text("Это снова я")
        await expect(operator.log).not_to_contain_text(key)
        card = operator.page.locator("aside").last
        await expect(card).to_contain_text("+7 912 345-12-34")
        await expect(card).to_contain_text("/sofa")


async def test_on_a_phone_one_tap_leads_there_and_the_next_tap_has_another_key(
    browser: Browser, program: Program, telegram: Platform
) -> None:
    operator = await signed_in(browser, program, program.url)
    await until(
        operator.page,
        "async () => (await (await fetch('/widget/full/config')).json()).messengers[0].joins",
    )
    hub = program.url.replace("127.0.0.1", "localhost")
    async with Shop(hub, "full") as site:
        context = await browser.new_context(
            viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, locale="ru-RU"
        )
        # Where it leads to is somebody else's.
        await context.route("https://t.me/**", lambda route: route.fulfill(body="Telegram"))
        phone = Visitor(context, await context.new_page(), "ru")
        await phone.page.goto(site.url)
        await phone.page.locator(LAUNCHER).tap()
        keys = set()
        for _ in range(2):
            async with context.expect_page() as opening:
                await phone.page.get_by_role("link", name="Telegram").tap()
            there = await opening.value
            await there.wait_for_url(re.compile("start="))
            keys.add(key_in(there.url))
        assert len(keys) == 2
        way = phone.page.get_by_role("link", name="Telegram")
        await expect(way).to_have_attribute("href", "https://t.me/okna")


async def ruled_by(operator: Operator, **policy: object) -> None:
    """The project with these rules, set as the admin's own page would."""
    done = await operator.page.evaluate(
        """async (policy) => {
          const me = await (await fetch('/api/v1/me')).json();
          const at = '/api/v1/projects/main/settings';
          const had = await (await fetch(at)).json();
          const headers = {'X-CSRF-Token': me.csrf, 'Content-Type': 'application/json'};
          const body = JSON.stringify({rev: had.rev, policy: {...had.policy, ...policy}});
          return (await fetch(at, {method: 'PATCH', headers, body})).status;
        }""",
        policy,
    )
    assert done == 200


async def test_a_phone_may_be_left_on_the_way_and_what_is_typed_and_not_sent_is_told(
    browser: Browser, program: Program, telegram: Platform
) -> None:
    operator = await signed_in(browser, program, program.url, role="admin")
    await ruled_by(operator, silence={"enabled": True}, potential={"enabled": True})
    await until(
        operator.page,
        "async () => { const config = await (await fetch('/widget/full/config')).json();"
        " return config.asks_phone && config.messengers[0].joins; }",
    )
    hub = program.url.replace("127.0.0.1", "localhost")
    async with Shop(hub, "full") as site:
        visitor = await Visitor.arrive(browser, f"{site.url}/sofa", "ru")
        page, say = visitor.page, visitor.say
        await page.locator(LAUNCHER).click()
        await page.get_by_role("button", name="Telegram").click()
        form = page.get_by_role("form", name=say("widget.left.go", name="Telegram"))
        await form.get_by_label(say("widget.left.phone")).fill("8 912 345-67-89")
        await form.get_by_role("button", name=say("widget.left.go", name="Telegram")).click()
        await expect(form).to_contain_text(say("widget.consent.needed"))
        await form.get_by_role("checkbox").first.check()
        await form.get_by_role("button", name=say("widget.left.go", name="Telegram")).click()
        code = page.get_by_role("img", name=say("widget.messenger.code", name="Telegram"))
        await expect(code).to_be_visible()
        await expect(operator.row("+7 912 345-67-89")).to_be_visible()

        other = await Visitor.arrive(browser, f"{site.url}/sofa", "ru")
        await other.page.locator(LAUNCHER).click()
        await other.page.get_by_role("button", name="Telegram").click()
        await other.page.get_by_role("button", name=say("widget.left.skip")).click()
        code = other.page.get_by_role("img", name=say("widget.messenger.code", name="Telegram"))
        await expect(code).to_be_visible()
        way = other.page.get_by_role("dialog").get_by_role("button", name=say("widget.call.title"))
        await way.last.click()
        form = other.page.get_by_role("form", name=say("widget.call.title"))
        await form.get_by_label(say("widget.field.phone")).fill("8 912 345-00-01")
        await form.get_by_role("checkbox").first.check()
        await other.page.goto("about:blank")
        await expect(operator.row("+7 912 345-00-01")).to_be_visible()


def key_in(address: str | None) -> str:
    assert address is not None
    [key] = parse_qs(urlsplit(address).query)["start"]
    return key
