"""Connections and automations as an admin sets them up in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.chaos.process import Program

from .guest import guests
from .people import Operator
from .test_axe import put_on, wrong

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def admin(browser: Browser, program: Program) -> Operator:
    printed = await program.command("user", "add", "olga", "--name", "Ольга", "--role", "admin")
    operator = await Operator.arrive(browser, program.url)
    await operator.sign_in("olga", printed.split("code ")[1].split()[0])
    return operator


async def begin(operator: Operator, url: str, room: str, title: str) -> None:
    """Turns to a form for a new one; the one that was there before has the same fields."""
    await operator.page.goto(f"{url}/inbox#/admin/{room}")
    heading = operator.page.get_by_role("heading", level=1)
    await expect(heading).to_have_text(operator.say(title))


async def fill(page: Page, label: str, value: str) -> None:
    await page.locator(".link-form > div").get_by_label(label, exact=True).fill(value)


async def test_of_two_connections_that_fit_a_form_the_admin_sees_which_takes_it_and_when(
    browser: Browser, program: Program
) -> None:
    operator = await admin(browser, program)
    page, say = operator.page, operator.say
    for name, priority, condition in (("Все формы", "5", ""), ("Осень", "0", "осень")):
        await begin(operator, program.url, "~connections/+", "admin.links.new")
        await fill(page, say("admin.links.name"), name)
        await page.get_by_label(say("admin.links.source")).select_option("form")
        await fill(page, say("admin.links.priority"), priority)
        if condition:
            await page.get_by_role("button", name=say("admin.links.condition.add")).click()
            await page.get_by_label(say("admin.links.condition.op"), exact=True).select_option(
                "contains"
            )
            await fill(page, say("admin.links.condition.values"), condition)
            await page.get_by_role("button", name=say("admin.links.planning.add")).click()
            await fill(page, say("admin.links.planning.field"), "Когда")
            await fill(page, say("admin.links.planning.when"), "на той неделе")
            await expect(page.locator(".said-back")).to_have_text(say("error.planning"))
            await fill(page, say("admin.links.planning.when"), "завтра в 10:00")
            back = say("admin.links.planning.so", when=say("planning.tomorrow", time="10:00"))
            await expect(page.locator(".said-back")).to_have_text(back)
        await page.get_by_role("button", name=say("admin.save")).click()
        await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()

    tried = page.get_by_role("region", name=say("admin.links.try"))
    await tried.get_by_label(say("admin.links.try.form")).fill("Осень 2026")
    answers = tried.get_by_label(say("admin.links.try.fields"))
    await answers.fill("phone: 8 912 345-67-89\nКогда: как удобно")
    await tried.get_by_role("button", name=say("admin.links.try.go")).click()
    await expect(tried.get_by_role("status")).to_contain_text(say("admin.links.try.this"))
    await expect(tried).to_contain_text("Все формы (5)")
    await expect(tried).to_contain_text("+7 912 345-67-89")
    await expect(tried).to_contain_text(say("planning.tomorrow", time="10:00"))
    await tried.get_by_label(say("admin.links.try.form")).fill("Зима")
    await answers.fill("phone: 112")
    await tried.get_by_role("button", name=say("admin.links.try.go")).click()
    taken = say("admin.links.try.other", name="Все формы", n=5)
    await expect(tried.get_by_role("status")).to_contain_text(taken)
    await expect(tried).to_contain_text("112: ")

    await page.goto(f"{program.url}/inbox#/admin/~connections")
    cards = page.get_by_role("list", name=say("admin.room.connections")).get_by_role("listitem")
    await expect(cards.first).to_contain_text(say("admin.links.meets", names="Все формы"))
    await cards.first.get_by_role("switch").click()
    await expect(cards.first.get_by_role("switch")).not_to_be_checked()
    await expect(cards.last).not_to_contain_text(say("admin.links.meets", names="Осень"))
    assert not operator.troubles


async def test_what_somebody_else_saved_meanwhile_is_taken_and_mine_is_put_over_it(
    browser: Browser, program: Program
) -> None:
    operator = await admin(browser, program)
    page, say = operator.page, operator.say
    await page.goto(f"{program.url}/inbox#/admin/~connections/+")
    await fill(page, say("admin.links.name"), "Осень")
    await page.keyboard.press("Control+s")
    await expect(page).not_to_have_url(re.compile(r"\+$"))

    theirs = await page.context.new_page()
    await theirs.goto(page.url)
    await fill(theirs, say("admin.links.priority"), "7")
    await theirs.get_by_role("button", name=say("admin.save")).click()
    await expect(theirs.get_by_text(say("admin.project.saved"))).to_be_visible()

    await fill(page, say("admin.links.name"), "Зима")
    await page.get_by_role("button", name=say("admin.save")).click()
    await expect(page.get_by_text(say("admin.refused.connection.changed"))).to_be_visible()
    await page.get_by_role("button", name=say("admin.project.take_theirs")).click()
    form = page.locator(".link-form > div")
    await expect(form.get_by_label(say("admin.links.priority"), exact=True)).to_have_value("7")
    await expect(form.get_by_label(say("admin.links.name"), exact=True)).to_have_value("Зима")
    await page.get_by_role("button", name=say("admin.save")).click()
    await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()

    await fill(theirs, say("admin.links.priority"), "9")
    await theirs.get_by_role("button", name=say("admin.save")).click()
    await theirs.get_by_role("button", name=say("admin.drop")).click()
    # Whoever gives up what they changed goes on from what is there now.
    await expect(theirs.get_by_role("heading", level=1)).to_have_text("Зима")
    assert not operator.troubles


async def test_a_segment_counts_as_it_is_built_and_an_automation_says_whom_it_would_call(
    browser: Browser, program: Program
) -> None:
    operator = await admin(browser, program)
    page, say = operator.page, operator.say
    async with guests(program.url, 2) as [one, other]:
        await one.write("Мой номер +7 912 345-67-89")
        await other.write("Без номера")
    await page.goto(f"{program.url}/inbox#/admin/~automations/segment:+")
    found = page.get_by_role("region", name=say("admin.segments.found"))
    await expect(found).to_contain_text(say("admin.segments.n", n=2))
    await fill(page, say("admin.links.name"), "С телефоном")
    await page.get_by_role("button", name=say("filter.builder.add"), exact=True).click()
    condition = page.locator(".condition")
    await condition.locator("select").first.select_option("phone_known")
    await expect(found).to_contain_text(say("admin.segments.n", n=1))
    await page.get_by_role("button", name=say("admin.save")).click()
    await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()

    await begin(operator, program.url, "~automations/+", "admin.auto.new")
    await fill(page, say("admin.auto.name"), "Перезвоним сами")
    preview = page.get_by_role("region", name=say("admin.auto.preview"))
    await preview.get_by_role("button", name=say("admin.auto.preview.go")).click()
    await expect(preview.get_by_role("status")).to_have_text(say("admin.auto.preview.n", n=1))
    await expect(preview).to_contain_text("+7 912 345-67-89")
    await page.get_by_role("button", name=say("admin.save")).click()
    on = page.get_by_role("switch", name=say("admin.auto.on"))
    await on.click()
    await expect(page.get_by_text(say("admin.auto.off_why"))).to_be_visible()
    await on.click()
    await expect(page.get_by_text(say("admin.auto.stopped", n=0))).to_be_visible()
    assert not operator.troubles


async def test_none_of_these_pages_breaks_a_rule_or_runs_off_a_phone(
    browser: Browser, program: Program
) -> None:
    operator = await admin(browser, program)
    page, say = operator.page, operator.say
    async with guests(program.url) as [guest]:
        await guest.write("Позвоните мне")
    await operator.row("Позвоните").click()
    await page.get_by_role("button", name=say("inbox.step.call_back")).click()
    await page.get_by_label(say("inbox.lead.phone")).fill("8 912 345-67-89")
    await page.get_by_role("button", name=say("inbox.lead.soon"), exact=True).click()
    found = {"callback": await wrong(page)}
    sheet = page.get_by_role("dialog")
    await sheet.get_by_role("button", name=say("inbox.calls.call"), exact=True).click()
    anyway = page.get_by_role("button", name=say("inbox.lead.anyway"))
    gone = page.get_by_role("dialog")
    await expect(anyway.or_(page.locator(".call-at")).first).to_be_visible()
    if await anyway.count():
        # It is night in Moscow.
        await anyway.click()
    await expect(gone).to_have_count(0)
    for address in (
        "leads",
        "admin/~connections",
        "admin/~connections/+",
        "admin/~automations",
        "admin/~automations/segment:+",
        "admin/~automations/+",
    ):
        for theme, width in (("light", 1440), ("dark", 390)):
            await put_on(page, "dark" if theme == "dark" else "light")
            await page.set_viewport_size({"width": width, "height": 844})
            await page.goto(f"{program.url}/inbox#/{address}")
            await expect(page.get_by_role("heading", level=1)).to_be_attached()
            await expect(page.locator("main [aria-busy=true]")).to_have_count(0)
            found[f"{address} {theme}"] = await wrong(page, "main")
            await page.wait_for_function(
                "() => document.querySelector('.admin, .leads').scrollWidth <= innerWidth"
            )
    assert {name: each for name, each in found.items() if each} == {}
    assert not operator.troubles
