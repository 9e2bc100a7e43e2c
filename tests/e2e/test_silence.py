"""The product's own ground, seen: a rule is switched on, one is silent, a call is planned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.chaos.clocked import Clocked

from .people import Visitor, until
from .shop import Shop
from .test_admin_site import administrator
from .test_rules_admin import save, switch_on, walk_to

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

LAUNCHER = "#otklik-widget .launcher"


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Clocked]:
    made = Clocked(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_an_admin_switches_silence_on_and_whoever_is_silent_is_to_be_called(
    browser: Browser, program: Clocked
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await walk_to(operator, "rules")
    await switch_on(operator, "silence")
    tried = page.get_by_role("region", name=say("admin.dry"))
    await tried.get_by_role("button", name=say("admin.dry.go"), exact=True).click()
    await expect(tried).to_contain_text(say("admin.dry.nothing", n=7))
    await save(operator)

    hub = program.url.replace("127.0.0.1", "localhost")
    async with Shop(hub, "site") as site:
        visitor = await Visitor.arrive(browser, f"{site.url}/sofa", "ru")
        await until(
            visitor.page,
            "async (hub) => (await (await fetch(hub + '/widget/site/config')).json()).asks_phone",
            hub,
        )
        await visitor.page.reload()
        await visitor.page.locator(LAUNCHER).click()
        await visitor.page.get_by_role("button", name="Telegram").click()
        form = visitor.page.get_by_role("form", name=say("widget.left.go", name="Telegram"))
        await form.get_by_label(say("widget.left.phone")).fill("8 912 345-67-89")
        await form.get_by_role("checkbox").first.check()
        await form.get_by_role("button", name=say("widget.left.go", name="Telegram")).click()
        await expect(form).to_be_hidden()

    await page.goto(f"{program.url}/inbox")
    await operator.row("+7 912 345-67-89").click()
    await expect(operator.log).to_contain_text(
        say("inbox.call.left", phone="+7 912 345-67-89", channel="Telegram")
    )
    program.forward(3_600)
    planned = operator.log.get_by_text(say("inbox.rule.silence"))
    for _ in range(240):
        if await planned.count():
            break
        # A jump of the clock is an outage to the hub, which waits for late words after it.
        program.forward(10)
        await page.wait_for_timeout(250)
    await expect(planned.first).to_be_visible()
    await page.get_by_role("button", name=say("inbox.leads")).first.click()
    row = page.get_by_role("listitem").filter(has_text="+7 912 345-67-89")
    await expect(row).to_contain_text(say("inbox.rule.silence"))
