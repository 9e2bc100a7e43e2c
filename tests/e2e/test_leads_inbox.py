"""Calls to come in a real browser: planned by hand, moved, cancelled; spam and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.chaos.process import Program

from .guest import guests
from .people import Operator
from .test_journey import signed_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PHONE = "+7 912 345-67-89"


def tomorrow(hour: int) -> datetime:
    """In Moscow, where the project and a phone without a place of its own are."""
    day = datetime.now(UTC) + timedelta(hours=3, days=1)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0) - timedelta(hours=3)


async def set_time(page: Page, at: datetime) -> None:
    """Types the moment as the browser's own clock has it."""
    local = await page.evaluate(
        "ms => new Date(ms - new Date(ms).getTimezoneOffset() * 60000).toISOString().slice(0, 16)",
        at.timestamp() * 1000,
    )
    await page.locator("input[type=datetime-local]").fill(local)


def lead(page: Page, words: str) -> Locator:
    return page.locator("#leads").get_by_role("listitem").filter(has_text=words)


async def choose(operator: Operator, page: Page, name: str, step: str) -> None:
    more = page.get_by_role("button", name=operator.say("inbox.lead.more", name=name))
    await more.click()
    await page.get_by_role("menuitem", name=operator.say(step)).click()


async def test_a_call_is_planned_by_hand_moved_given_back_and_cancelled_on_every_screen(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url)
    page, say = operator.page, operator.say
    async with guests(program.url) as [guest]:
        await guest.write("Сколько стоит балкон?")
    await operator.row("балкон").click()
    await page.get_by_role("button", name=say("inbox.step.call_back")).click()
    sheet = page.get_by_role("dialog", name=say("inbox.step.call_back"))
    await sheet.get_by_label(say("inbox.lead.phone")).fill("никогда")
    await set_time(page, tomorrow(12))
    await sheet.get_by_role("button", name=say("inbox.lead.plan")).click()
    await expect(sheet.get_by_role("alert")).to_contain_text(say("error.phone"), ignore_case=True)
    await sheet.get_by_label(say("inbox.lead.phone")).fill("8 (912) 345-67-89")
    await sheet.get_by_role("button", name=say("inbox.lead.plan")).click()
    await expect(sheet).to_have_count(0)
    await expect(operator.log).to_contain_text(PHONE)
    await expect(page.locator(".call-at")).to_be_visible()

    # Another screen of the same person follows without a reload.
    other = await operator.context.new_page()
    await other.goto(f"{program.url}/inbox#/leads")
    await expect(lead(other, PHONE)).to_contain_text(say("inbox.lead.held"))

    await page.get_by_role("button", name=say("inbox.leads"), exact=True).click()
    await lead(page, PHONE).get_by_role("button", name=say("inbox.lead.move")).click()
    await set_time(page, tomorrow(3))
    sheet = page.get_by_role("dialog", name=say("inbox.lead.move_title"))
    await sheet.get_by_role("button", name=say("inbox.lead.move")).click()
    await expect(sheet.get_by_role("alert")).to_contain_text(say("inbox.lead.doubt.outside"))
    await sheet.get_by_role("button", name=say("inbox.lead.leave_so")).click()
    shown = await lead(page, PHONE).get_by_role("time").inner_text()
    await expect(lead(other, PHONE).get_by_role("time")).to_have_text(shown)

    await choose(operator, page, PHONE, "inbox.lead.automatic")
    await expect(lead(other, PHONE)).not_to_contain_text(say("inbox.lead.held"))

    await choose(operator, page, PHONE, "inbox.lead.cancel_title")
    await page.get_by_label(say("inbox.lead.cause.not_needed")).check()
    await page.get_by_role("button", name=say("inbox.lead.cancel"), exact=True).click()
    await expect(lead(other, PHONE)).to_have_count(0)
    await other.get_by_role("tab", name=say("inbox.leads.ended")).click()
    await expect(lead(other, PHONE)).to_contain_text(say("inbox.lead.cause.not_needed"))

    await lead(other, PHONE).get_by_role("link", name=PHONE).click()
    await other.locator(".status-chip").click()
    told = other.get_by_role("dialog", name=say("inbox.timeline"))
    await expect(told).to_contain_text(say("inbox.call.cancelled", name="Ольга"))
    await expect(told).to_contain_text(say("inbox.lead.cause.not_needed"))
    assert not operator.troubles


async def test_spam_is_taken_back_two_contacts_become_one_and_a_refusal_is_kept(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url)
    page, say = operator.page, operator.say
    async with guests(program.url, 2) as [guest, other]:
        await other.write(f"Я уже писал, мой номер {PHONE}")
        await guest.write("Купите рекламу", PHONE)
    card = page.get_by_role("complementary", name=say("inbox.card"))
    first = operator.row("Я уже писал")
    for row in (first, operator.row(PHONE).filter(has_not=page.get_by_text("Я уже писал"))):
        await row.click()
        await expect(card.get_by_role("link", name=PHONE)).to_be_visible()
    await page.get_by_role("button", name=say("inbox.step.more")).click()
    await page.get_by_role("menuitem", name=say("inbox.step.spam")).click()
    await expect(operator.log).to_contain_text(say("inbox.call.spam", name="Ольга"))
    await page.get_by_role("button", name=say("inbox.undo")).click()
    await expect(operator.log).to_contain_text(say("inbox.call.unspam", name="Ольга"))
    await expect(page.get_by_label(say("inbox.reply_text"))).to_be_visible()

    alike = page.get_by_role("region", name=say("inbox.alike"))
    await alike.get_by_role("button", name=say("inbox.alike.join")).click()
    await alike.get_by_role("button", name=say("inbox.alike.sure")).click()
    await expect(alike).to_have_count(0)
    await expect(page.get_by_role("heading", name=say("inbox.card.others"))).to_be_visible()

    calls = page.get_by_role("switch", name=say("inbox.call.refused_calls"))
    await calls.click()
    await expect(calls).to_be_checked()
    await expect(operator.log).to_contain_text(say("inbox.call.refused_calls"))
    await page.reload()
    await expect(calls).to_be_checked()
    await calls.click()
    await expect(operator.log).to_contain_text(say("inbox.call.allowed"))
    await expect(calls).not_to_be_checked()
    assert not operator.troubles


async def test_a_lead_is_found_by_the_end_of_its_phone_and_by_a_name(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url)
    page, say = operator.page, operator.say
    for words, phone in (("балкон", "8 912 345-67-89"), ("дверь", "8 912 345-67-80")):
        async with guests(program.url) as [guest]:
            await guest.write(f"Сколько стоит {words}?")
        await operator.row(words).click()
        await page.get_by_role("button", name=say("inbox.step.call_back")).click()
        sheet = page.get_by_role("dialog", name=say("inbox.step.call_back"))
        await sheet.get_by_label(say("inbox.lead.phone")).fill(phone)
        await set_time(page, tomorrow(12))
        await sheet.get_by_role("button", name=say("inbox.lead.plan")).click()
        await expect(sheet).to_have_count(0)

    await page.get_by_role("button", name=say("inbox.leads"), exact=True).click()
    field = page.get_by_role("textbox", name=say("inbox.leads.search"))
    first, second = lead(page, PHONE), lead(page, "+7 912 345-67-80")
    await expect(second).to_be_visible()
    await field.fill("67-89")
    await expect(second).to_have_count(0)
    await expect(first).to_be_visible()
    await field.fill("89123456780")
    await expect(second).to_be_visible()
    await expect(first).to_have_count(0)
    await field.fill("Пётр")
    await expect(page.get_by_text(say("inbox.search.none", query="Пётр"))).to_be_visible()
    await page.get_by_role("tab", name=say("inbox.leads.ended")).click()
    await expect(page.get_by_text(say("inbox.leads.search.none_in.ended"))).to_be_visible()
    await page.get_by_role("tab", name=say("inbox.leads.planned")).click()
    await page.get_by_role("button", name=say("inbox.search.leave")).click()
    await expect(first).to_be_visible()
    await expect(second).to_be_visible()
    assert not operator.troubles
