"""An administrator connects SMS and says what is written after calls, and what it costs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from bots.platforms.smsaero import SmsAeroPlatform
from tests.chaos.process import Program

from .people import Lang, Operator
from .test_admin_channels import choose, step
from .test_admin_site import administrator
from .test_axe import Theme, put_on, wrong
from .test_rules_admin import save, walk_to

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest_asyncio.fixture(loop_scope="session")
async def platform() -> AsyncIterator[SmsAeroPlatform]:
    made = SmsAeroPlatform()
    await made.start()
    yield made
    await made.stop()


async def connect(operator: Operator, platform: SmsAeroPlatform) -> None:
    page, say = operator.page, operator.say
    await choose(operator, say("channel.smsaero"))
    for name in ("email", "api_key", "sign"):
        field = page.get_by_label(say(f"channel.smsaero.{name}"), exact=True)
        await field.fill(str(platform.settings()[name]))
    address = page.get_by_label(say("channel.field.api_url"), exact=True)
    if not await address.is_visible():
        await page.get_by_text(say("admin.network"), exact=True).click()
    await address.fill(f"{platform.url}/v2")
    await page.get_by_role("button", name=say("admin.add_and_try")).click()
    await expect(step(operator, "admin.trial.key.ok")).to_be_visible()


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_what_is_written_after_a_call_is_set_with_its_cost_in_sight(
    browser: Browser, program: Program, platform: SmsAeroPlatform, lang: Lang
) -> None:
    operator = await administrator(browser, program, lang)
    page, say = operator.page, operator.say
    await connect(operator, platform)
    await page.goto(f"{program.url}/inbox")
    await walk_to(operator, "calling")
    section = page.get_by_role("region", name=say("admin.texting"), exact=True)
    await section.get_by_role("button", name=say("admin.texting.add")).click()
    words = section.get_by_label(say("admin.texting.text"), exact=True)
    await words.fill("ж" * 134)
    cost = section.get_by_role("status").filter(has_text="SMS")
    await expect(cost).to_have_text(say("inbox.sms.cost", parts=2, n=134))
    await words.fill("{{ surname }}")
    await expect(
        section.get_by_text(say("admin.phrase.unknown", names="surname"), exact=True)
    ).to_be_visible()
    await page.get_by_role("button", name=say("admin.save"), exact=True).click()
    await expect(words).to_be_focused()
    await words.fill("Перезвоним, $first_name$")
    missed = section.get_by_role("radio", name=say("admin.texting.when.missed"), exact=True)
    await missed.check()
    mails = page.get_by_label(say("admin.calling.mails"), exact=True)
    await mails.fill("sales")
    await page.get_by_role("button", name=say("admin.save"), exact=True).click()
    await expect(mails).to_be_focused()
    await expect(page.get_by_text(say("admin.wrong.calling.mails")).first).to_be_visible()
    await mails.fill("sales@example.com\nboss@example.com")
    await save(operator)
    await page.reload()
    await expect(words).to_have_value("Перезвоним, $first_name$")
    await expect(missed).to_be_checked()
    await expect(mails).to_have_value("sales@example.com\nboss@example.com")
    await page.get_by_label(say("admin.calling.exhausted_url")).fill("https://crm.example.com/hook")
    signed = page.get_by_text(say("admin.calling.event_key", header="X-Otklik-Signature"))
    await expect(signed).to_be_visible()
    await save(operator)
    assert operator.troubles == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_card_breaks_no_rule_and_does_not_run_off_a_phone(
    browser: Browser, program: Program, platform: SmsAeroPlatform, theme: Theme
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await put_on(page, theme)
    await walk_to(operator, "calling")
    section = page.get_by_role("region", name=say("admin.texting"), exact=True)
    await expect(section.get_by_text(say("admin.texting.no_channel"))).to_be_visible()
    await page.goto(f"{program.url}/inbox")
    await connect(operator, platform)
    await page.goto(f"{program.url}/inbox")
    await walk_to(operator, "calling")
    await section.get_by_role("button", name=say("admin.texting.add")).click()
    assert await wrong(page, ".texting") == []
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.wait_for_function("() => document.documentElement.scrollWidth <= 390")
    assert operator.troubles == []


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_an_operator_says_where_letters_go(
    browser: Browser, tmp_path: Path, lang: Lang
) -> None:
    program = Program(tmp_path)
    with (tmp_path / "config.toml").open("a") as settings:
        settings.write('[mail]\nurl = "smtp://127.0.0.1:9"\nsender = "hub@example.com"\n')
    await program.start()
    try:
        operator = await administrator(browser, program, lang)
        page, say = operator.page, operator.say
        await page.goto(f"{program.url}/inbox#/sounds")
        card = page.get_by_role("group", name=say("inbox.reaching"))
        email = card.get_by_label(say("inbox.reaching.email"), exact=True)
        save_it = card.get_by_role("button", name=say("inbox.reaching.email.save"), exact=True)
        await expect(save_it).to_be_disabled()
        await email.fill("olga")
        await save_it.click()
        await expect(page.get_by_text(say("inbox.reaching.email.wrong"))).to_be_visible()
        await expect(email).to_have_attribute("aria-invalid", "true")
        await email.fill("olga@example.com")
        await email.press("Enter")
        await expect(page.get_by_text(say("inbox.reaching.email.about"))).to_be_visible()
        await expect(save_it).to_be_disabled()
        await page.reload()
        await expect(email).to_have_value("olga@example.com")
        assert await wrong(page, ".reaching-email") == []
        assert operator.troubles == []
    finally:
        await program.stop()
