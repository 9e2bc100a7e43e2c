"""What a site's visitor presses beside the talk: the number on a phone, the subscription."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.chaos.process import Program

from .people import Visitor
from .shop import Shop
from .test_journey import signed_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LAUNCHER = "#otklik-widget .launcher"


@pytest_asyncio.fixture(loop_scope="session")
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    made = Program(
        tmp_path,
        channels="""
[channels.full.settings]
origins = ["*"]
phone = "+78121234567"
subscription = { enabled = true }
""",
    )
    await made.start()
    yield made
    await made.stop()


async def test_a_tap_on_the_number_is_a_request_that_is_found_by_its_status(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url)
    hub = program.url.replace("127.0.0.1", "localhost")
    async with Shop(hub, "full") as site:
        context = await browser.new_context(
            viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, locale="ru-RU"
        )
        phone = Visitor(context, await context.new_page(), "ru")
        await phone.page.goto(f"{site.url}/sofa")
        await phone.page.locator(LAUNCHER).tap()
        number = phone.page.get_by_role("link", name=phone.say("widget.phone.dial"))
        await expect(number).to_have_attribute("href", "tel:+78121234567")
        await number.tap()
        row = operator.row("MobileDirect")
        await expect(row).to_be_visible()
        await number.tap()
        await row.click()
        told = operator.say("inbox.system.tapped_number", phone="+7 812 123-45-67")
        await expect(operator.log.get_by_text(told)).to_have_count(2)
        await expect(operator.row("MobileDirect")).to_have_count(1)


async def test_a_subscription_needs_its_own_tick_and_is_answered_by_a_letter(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url)
    hub = program.url.replace("127.0.0.1", "localhost")
    async with Shop(hub, "full") as site:
        visitor = await Visitor.arrive(browser, f"{site.url}/sofa", "ru")
        page, say = visitor.page, visitor.say
        await page.locator(LAUNCHER).click()
        await page.get_by_role("button", name=say("widget.subscribe.title")).click()
        form = page.get_by_role("form", name=say("widget.subscribe.title"))
        await form.get_by_label(say("widget.field.email")).fill("anna@example.com")
        processing, advertising = await form.get_by_role("checkbox").all()
        await expect(advertising).not_to_be_checked()
        await processing.check()
        submit = form.get_by_role("button", name=say("widget.subscribe.submit"))
        await submit.click()
        await expect(form).to_contain_text(say("widget.consent.needed"))
        await advertising.check()
        await submit.click()
        done = page.get_by_text(say("widget.subscribe.done", email="anna@example.com"))
        await expect(done).to_be_visible()
        await page.reload()
        await page.locator(LAUNCHER).click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await expect(page.get_by_role("button", name=say("widget.subscribe.title"))).to_be_hidden()

        await operator.row(operator.say("status.subscribed")).click()
        letter = operator.page.get_by_role("link", name="anna@example.com")
        # The mail program is the operator's own.
        await letter.evaluate("one => one.addEventListener('click', e => e.preventDefault())")
        await letter.click()
        await operator.page.get_by_role("button", name=operator.say("inbox.email.mark")).click()
        await expect(operator.row(operator.say("status.email"))).to_be_visible()
