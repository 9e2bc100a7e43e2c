"""An administrator sets a project's hours, its calls and its rules, and tries them on the past."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.chaos.process import Program

from .guest import guests
from .people import Lang, Operator
from .test_admin_site import administrator
from .test_axe import Theme, put_on, wrong

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


async def walk_to(operator: Operator, room: str) -> None:
    page, words = operator.page, operator.say(f"admin.room.{room}")
    await page.get_by_role("button", name=operator.say("inbox.admin")).click()
    await page.get_by_role("link", name=words, exact=True).click()
    await expect(page.get_by_role("heading", level=1, name=words)).to_be_attached()


async def save(operator: Operator) -> None:
    page, say = operator.page, operator.say
    await page.get_by_role("button", name=say("admin.save"), exact=True).click()
    await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()


def rule(operator: Operator, name: str) -> Locator:
    return operator.page.get_by_role("region", name=operator.say(f"admin.rule.{name}"), exact=True)


async def switch_on(operator: Operator, name: str) -> Locator:
    card = rule(operator, name)
    await card.get_by_role("switch", name=operator.say(f"admin.rule.{name}"), exact=True).check()
    return card


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_a_rule_is_tried_on_the_past_and_does_nothing_until_it_is_saved(
    browser: Browser, program: Program, lang: Lang
) -> None:
    async with guests(program.url) as (guest,):
        await guest.write("8 (912) 345-67-89")
    operator = await administrator(browser, program, lang)
    page, say = operator.page, operator.say
    await walk_to(operator, "rules")
    silence = await switch_on(operator, "silence")
    await switch_on(operator, "phone_only")

    words = silence.get_by_label(say("admin.rule.silence.text"))
    await words.fill("{{ nobody }}")
    await expect(
        silence.get_by_text(say("admin.phrase.unknown", names="nobody"), exact=True)
    ).to_be_visible()
    await words.fill("")
    variables = silence.get_by_role("group", name=say("admin.phrase.variables"))
    await variables.get_by_role("button", name=say("admin.variable.first_name"), exact=True).click()
    await expect(words).to_have_value("{{ first_name }}")
    await expect(words).to_be_focused()

    tried = page.get_by_role("region", name=say("admin.dry"))
    await tried.get_by_role("button", name=say("admin.dry.go"), exact=True).click()
    found = tried.get_by_role("list", name=say("admin.dry.found")).get_by_role("listitem")
    await expect(found).to_have_count(1)
    await expect(found).to_contain_text("+79123456789")
    await expect(found).to_contain_text(say("admin.rule.phone_only"))

    await page.reload()
    await expect(
        rule(operator, "silence").get_by_role("switch", name=say("admin.rule.silence"), exact=True)
    ).not_to_be_checked()
    await switch_on(operator, "silence")
    await silence.get_by_label(say("admin.rule.silence.minutes")).fill("45")
    await save(operator)
    await page.reload()
    await expect(silence.get_by_label(say("admin.rule.silence.minutes"))).to_have_value("45")
    assert operator.troubles == []


async def test_an_own_rule_is_put_together_and_what_it_lacks_is_pointed_at(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await walk_to(operator, "rules")
    await page.get_by_role("button", name=say("admin.own.add")).click()
    rules = page.get_by_role("list", name=say("admin.own"), exact=True)
    name = rules.get_by_label(say("admin.own.name"), exact=True)
    await page.get_by_role("button", name=say("admin.save"), exact=True).click()
    await expect(name).to_be_focused()
    await expect(name).to_have_attribute("aria-invalid", "true")
    # Folded as it is and saved again, it opens again.
    await rules.get_by_role("button", expanded=True).click()
    await expect(name).to_have_count(0)
    await page.get_by_role("button", name=say("admin.save"), exact=True).click()
    await expect(name).to_be_focused()

    await name.fill("Ночные вопросы")
    await rules.get_by_label(say("admin.action.say.text")).fill("Добрый день, {{ first_name }}")
    await rules.get_by_role("button", name=say("filter.builder.add"), exact=True).click()
    await rules.get_by_label(say("filter.builder.field")).select_option("page")
    await rules.get_by_label(say("filter.builder.op")).select_option("contains")
    await page.get_by_role("button", name=say("admin.save"), exact=True).click()
    value = rules.get_by_label(say("filter.builder.value"))
    await expect(value).to_be_focused()
    await value.fill("/night")
    await rules.get_by_role("button", name=say("admin.action.add")).click()
    await rules.get_by_label(say("admin.action.nth", n=2), exact=True).select_option("call")
    await save(operator)

    await page.reload()
    line = rules.get_by_role("listitem").filter(has_text="Ночные вопросы")
    await expect(line).to_contain_text("«/night»")
    await expect(line).to_contain_text(say("admin.action.call.short"))
    await rules.get_by_role("switch").uncheck()
    await save(operator)
    assert operator.troubles == []


async def test_hours_are_seen_as_they_would_be_before_they_are_saved(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await walk_to(operator, "hours")
    ahead = page.get_by_role("region", name=say("admin.ahead"))
    await expect(ahead).to_contain_text(say("admin.ahead.always"))
    monday = page.get_by_role("group", name=say("admin.moment.until.0"))
    await monday.get_by_label(say("admin.hours.from")).fill("930")
    await monday.get_by_label(say("admin.hours.to")).fill("18")
    await monday.get_by_role("button", name=say("admin.hours.break")).click()
    await expect(monday.get_by_label(say("admin.hours.to")).first).to_have_value("13:00")
    await page.get_by_role("button", name=say("admin.hours.as_monday")).click()
    await expect(ahead.get_by_text("09:30–13:00")).not_to_have_count(0)

    for n in range(7):
        day = page.get_by_role("group", name=say(f"admin.moment.until.{n}"))
        await day.get_by_role("switch").uncheck()
    await expect(ahead).to_contain_text(say("admin.ahead.never"))
    await monday.get_by_role("switch").check()
    await monday.get_by_label(say("admin.hours.to")).fill("08:00")
    await page.get_by_role("button", name=say("admin.save"), exact=True).click()
    await expect(page.get_by_text(say("admin.wrong.schedule.week")).first).to_be_visible()
    await expect(monday.get_by_label(say("admin.hours.from"))).to_be_focused()
    await monday.get_by_label(say("admin.hours.to")).fill("1730")
    await page.keyboard.press("Control+s")
    await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()
    await expect(monday.get_by_label(say("admin.hours.to"))).to_have_value("17:30")

    await page.get_by_role("link", name=say("admin.room.calling"), exact=True).click()
    told = page.get_by_role("status", name=say("inbox.trouble.list"))
    await told.get_by_role("link", name=say("inbox.trouble.calendar_look")).click()
    await expect(page.get_by_role("note")).to_be_visible()
    await expect(told).to_have_count(0)
    confirm = page.get_by_role("region", name=say("admin.year"))
    await confirm.get_by_role("checkbox").last.uncheck()
    await confirm.get_by_role("button", name=say("admin.year.confirm", year="").strip()).click()
    await expect(confirm.get_by_text(say("admin.year.done"))).to_be_visible()
    await expect(page.get_by_role("note")).to_have_count(0)

    await page.get_by_role("link", name=say("admin.room.calling"), exact=True).click()
    await page.get_by_label(say("admin.try"), exact=True).fill("8 423 220-00-00")
    await page.get_by_role("button", name=say("admin.try.go")).click()
    await expect(page.get_by_text(say("inbox.zone.vladivostok"))).to_be_visible()
    assert operator.troubles == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_page_of_a_projects_settings_breaks_a_rule_or_runs_off_a_phone(
    browser: Browser, program: Program, theme: Theme
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await put_on(page, theme)
    found: dict[str, list[str]] = {}
    for room in ("hours", "calling", "rules"):
        await page.goto(f"{program.url}/inbox#/admin/~{room}")
        title = page.get_by_role("heading", level=1, name=say(f"admin.room.{room}"))
        await expect(title).to_be_attached()
        await expect(page.locator(".admin [aria-busy]")).to_have_count(0)
        if room == "rules":
            await switch_on(operator, "silence")
            await page.get_by_role("button", name=say("admin.own.add")).click()
            await page.get_by_role("button", name=say("filter.builder.add"), exact=True).click()
        found[room] = await wrong(page)
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.wait_for_function(
            "() => document.querySelector('.admin').scrollWidth <= innerWidth"
        )
        await page.set_viewport_size({"width": 1440, "height": 900})
    assert {name: each for name, each in found.items() if each} == {}
