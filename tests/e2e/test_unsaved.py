"""Whoever would lose what they have not saved is asked first, however they leave."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Browser, Dialog, Locator, Route, expect

from tests.chaos.process import Program

from .people import Lang, Operator
from .test_admin_site import administrator, new_chat, turn_to
from .test_axe import put_on, wrong

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CALLING = re.compile(r"#/admin/~calling$")
RULES = re.compile(r"#/admin/~rules$")


async def to_rules(operator: Operator) -> None:
    """Stands at the rules, come from the calls, with the calls behind them in the history."""
    page, say = operator.page, operator.say
    await page.get_by_role("button", name=say("inbox.admin")).click()
    for room in ("calling", "rules"):
        await page.get_by_role("link", name=say(f"admin.room.{room}"), exact=True).click()
        title = page.get_by_role("heading", level=1, name=say(f"admin.room.{room}"))
        await expect(title).to_be_visible()


def silence(operator: Operator) -> Locator:
    return operator.page.get_by_role("switch", name=operator.say("admin.rule.silence"), exact=True)


def question(operator: Operator) -> Locator:
    return operator.page.get_by_role("dialog", name=operator.say("admin.unsaved"))


async def answer(operator: Operator, key: str) -> None:
    asked = question(operator)
    await asked.get_by_role("button", name=operator.say(key), exact=True).click()
    await expect(asked).to_have_count(0)


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_a_link_the_rail_and_the_palette_ask_before_they_lose_a_form(
    browser: Browser, program: Program, lang: Lang
) -> None:
    operator = await administrator(browser, program, lang)
    page, say = operator.page, operator.say
    await to_rules(operator)
    await silence(operator).check()
    link = page.get_by_role("link", name=say("admin.channels"), exact=True)

    await link.click()
    save = question(operator).get_by_role("button", name=say("admin.save"), exact=True)
    await expect(save).to_be_focused()
    for theme in ("light", "dark"):
        await put_on(page, "dark" if theme == "dark" else "light")
        assert await wrong(page, ".leaving") == []
    await page.keyboard.press("Escape")
    await expect(question(operator)).to_have_count(0)
    await expect(link).to_be_focused()
    await expect(silence(operator)).to_be_checked()

    await page.get_by_role("button", name=say("inbox.title"), exact=False).first.click()
    await answer(operator, "admin.leave.stay")
    await expect(page).to_have_url(RULES)

    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox").fill(say("inbox.leads"))
    await page.keyboard.press("Enter")
    await answer(operator, "admin.leave.go")
    await expect(page).to_have_url(re.compile(r"#/leads$"))

    await page.go_back()
    await expect(silence(operator)).not_to_be_checked()
    assert operator.troubles == []


async def test_a_step_back_is_taken_back_while_it_is_asked_about_and_then_taken(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await page.get_by_role("button", name=say("inbox.admin")).click()
    await page.get_by_role("link", name=say("admin.room.connections"), exact=True).click()
    await page.get_by_role("link", name=say("admin.links.add")).click()
    name = page.locator(".link-form > div").get_by_label(say("admin.links.name"), exact=True)
    await name.fill("Осень")
    await expect(page.get_by_text(say("admin.unsaved"), exact=True)).to_be_visible()

    await page.go_back()
    await answer(operator, "admin.leave.stay")
    await expect(page).to_have_url(re.compile(r"~connections/%2B$"))
    await expect(name).to_have_value("Осень")

    await page.go_back()
    await answer(operator, "admin.save")
    await expect(page).to_have_url(re.compile(r"~connections$"))
    cards = page.get_by_role("list", name=say("admin.room.connections")).get_by_role("listitem")
    await expect(cards).to_contain_text("Осень")

    # What was new has its own address now: a step forward leads to it, and not to another new one.
    await page.go_forward()
    await expect(name).to_have_value("Осень")
    await name.fill("Зима")
    await expect(page.get_by_text(say("admin.unsaved"), exact=True)).to_be_visible()
    await page.go_back()
    await answer(operator, "admin.leave.go")
    await expect(cards).to_contain_text("Осень")
    assert operator.troubles == []


async def test_a_save_that_is_refused_keeps_one_there_and_shows_why(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await to_rules(operator)
    await page.get_by_role("button", name=say("admin.own.add")).click()
    name = page.get_by_label(say("admin.own.name"), exact=True)
    await page.go_back()
    # The calls are of the same form: one walks between its pages unasked.
    await expect(page).to_have_url(CALLING)
    await page.get_by_role("link", name=say("admin.room.connections"), exact=True).click()
    await answer(operator, "admin.save")
    await expect(page).to_have_url(RULES)
    await expect(name).to_be_focused()
    await expect(name).to_have_attribute("aria-invalid", "true")

    await name.fill("Ночью")
    await page.get_by_label(say("admin.action.say.text")).fill("Утром ответим")
    await page.get_by_role("link", name=say("admin.room.connections"), exact=True).click()
    await answer(operator, "admin.save")
    await expect(page).to_have_url(re.compile(r"~connections$"))
    await page.get_by_role("link", name=say("admin.room.rules"), exact=True).click()
    own = page.get_by_role("list", name=say("admin.own"), exact=True)
    await expect(own).to_contain_text("Ночью")
    assert operator.troubles == []


async def test_nobody_signs_out_or_closes_the_tab_over_a_channel_half_written(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await page.goto(f"{program.url}/inbox#/admin/+/greenapi")
    name = page.get_by_label(say("admin.name"), exact=True)
    await name.fill("WhatsApp склада")

    async def sign_out() -> None:
        await page.get_by_role("button", name=say("inbox.me", name="Ольга")).click()
        await page.get_by_role("button", name=say("inbox.sign_out")).click()

    await sign_out()
    await answer(operator, "admin.save")
    # A key is lacking, and without it there is nothing to save.
    await expect(page.locator("[aria-invalid='true']")).to_be_focused()
    await expect(name).to_have_value("WhatsApp склада")

    warned: list[str] = []

    async def stay(dialog: Dialog) -> None:
        warned.append(dialog.type)
        await dialog.dismiss()

    page.on("dialog", stay)
    async with page.expect_event("dialog"):
        await page.close(run_before_unload=True)
    assert warned == ["beforeunload"]
    await expect(name).to_have_value("WhatsApp склада")

    await sign_out()
    await answer(operator, "admin.leave.go")
    await expect(page.get_by_label(say("inbox.sign_in.login"))).to_be_visible()
    assert operator.troubles == []


async def test_what_is_not_touched_or_is_saved_or_is_given_up_is_left_at_once(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await to_rules(operator)
    leads = page.get_by_role("button", name=say("inbox.leads"), exact=True)

    async def away_and_back() -> None:
        await leads.click()
        await expect(page).to_have_url(re.compile(r"#/leads$"))
        await page.go_back()
        await expect(page).to_have_url(RULES)

    await away_and_back()
    await silence(operator).check()
    await page.get_by_role("button", name=say("admin.save"), exact=True).click()
    await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()
    await away_and_back()
    await expect(silence(operator)).to_be_checked()
    await silence(operator).uncheck()
    await page.get_by_role("button", name=say("admin.drop"), exact=True).click()
    await away_and_back()
    await silence(operator).uncheck()
    # What is again as it was is nothing to save.
    await silence(operator).check()
    await away_and_back()
    await expect(question(operator)).to_have_count(0)
    assert operator.troubles == []


async def test_what_is_typed_while_a_form_is_being_saved_stays_and_is_still_to_be_saved(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    slow = asyncio.Event()

    async def wait(route: Route) -> None:
        if route.request.method in ("PATCH", "PUT"):
            await slow.wait()
        await route.continue_()

    async def press_save() -> None:
        slow.clear()
        await page.get_by_role("button", name=say("admin.save"), exact=True).click()

    await page.route("**/api/v1/projects/**", wait)
    await to_rules(operator)
    await silence(operator).check()
    await press_save()
    minutes = page.get_by_label(say("admin.rule.silence.minutes"))
    await minutes.fill("45")
    slow.set()
    save = page.get_by_role("button", name=say("admin.save"), exact=True)
    await expect(save).to_be_enabled()
    await expect(minutes).to_have_value("45")
    await save.click()
    await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()

    await page.get_by_role("link", name=say("admin.room.connections"), exact=True).click()
    await page.get_by_role("link", name=say("admin.links.add")).click()
    form = page.locator(".link-form > div")
    await form.get_by_label(say("admin.links.name"), exact=True).fill("Осень")
    await save.click()
    await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()
    await form.get_by_label(say("admin.links.name"), exact=True).fill("Зима")
    await press_save()
    await form.get_by_label(say("admin.links.priority"), exact=True).fill("3")
    slow.set()
    await expect(save).to_be_enabled()
    await expect(form.get_by_label(say("admin.links.priority"), exact=True)).to_have_value("3")
    await press_save()
    # Whoever leaves while it is being saved is asked, and goes as soon as nothing would be lost.
    await page.get_by_role("link", name=say("admin.room.rules"), exact=True).click()
    await expect(question(operator)).to_be_visible()
    slow.set()
    await expect(page).to_have_url(RULES)
    await expect(question(operator)).to_have_count(0)
    await expect(minutes).to_have_value("45")
    assert operator.troubles == []


NEW_PASSWORD = "вот и новый пароль"
KEPT = "() => JSON.stringify({...sessionStorage})"


async def come_back(operator: Operator, password: str = NEW_PASSWORD, login: str = "olga") -> None:
    page, say = operator.page, operator.say
    await page.get_by_label(say("inbox.sign_in.login")).fill(login)
    await page.get_by_label(say("inbox.sign_in.password")).fill(password)
    await page.get_by_role("button", name=say("inbox.sign_in.enter")).click()
    await expect(page.get_by_role("button", name=say("inbox.admin"))).to_be_visible()


def offer(operator: Operator) -> Locator:
    return operator.page.get_by_text(operator.say("admin.typed"), exact=True)


async def press(operator: Operator, key: str) -> None:
    await operator.page.get_by_role("button", name=operator.say(key), exact=True).click()


async def test_what_was_typed_when_the_session_ended_is_offered_after_signing_in_again(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await page.goto(f"{program.url}/inbox#/admin/~connections/+")
    name = page.locator(".link-form > div").get_by_label(say("admin.links.name"), exact=True)
    await name.fill("Осень")
    await program.command("user", "passwd", "olga", given=f"{NEW_PASSWORD}\n")
    await press(operator, "admin.save")

    await come_back(operator)
    await expect(offer(operator)).to_be_visible()
    await expect(name).to_have_value("")
    for theme in ("light", "dark"):
        await put_on(page, "dark" if theme == "dark" else "light")
        assert await wrong(page, ".save-bar") == []
    await press(operator, "admin.typed.back")
    await expect(name).to_have_value("Осень")
    await expect(offer(operator)).to_have_count(0)
    await press(operator, "admin.save")
    await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()

    # What is saved is kept nowhere else any more.
    await page.goto(f"{program.url}/inbox#/admin/~connections/+")
    await expect(name).to_have_value("")
    await expect(offer(operator)).to_have_count(0)
    assert "Осень" not in await page.evaluate(KEPT)
    assert operator.troubles == []


async def test_what_was_typed_of_a_channel_is_offered_without_its_keys_and_to_its_writer_alone(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    await program.command("user", "add", "ada", "--name", "Ада", "--role", "admin")
    await program.command("user", "passwd", "ada", given=f"{NEW_PASSWORD}\n")
    page, say = operator.page, operator.say
    await page.goto(f"{program.url}/inbox#/admin/+/greenapi")
    name = page.get_by_label(say("admin.name"), exact=True)
    instance = page.get_by_label(say("channel.greenapi.instance_id"), exact=True)
    key = page.get_by_label(say("channel.greenapi.token"), exact=True)
    await name.fill("WhatsApp склада")
    await instance.fill("1101000001")
    await key.fill("d75b3a66374942c5b3c019c698abc2067e151558acbd451234")
    kept = await page.evaluate(KEPT)
    assert "1101000001" in kept
    assert "d75b3a66" not in kept

    # Another tab of the same browser signs out, where nothing is half written.
    second = await page.context.new_page()
    await second.goto(f"{program.url}/inbox")
    await second.get_by_role("button", name=say("inbox.me", name="Ольга")).click()
    await second.get_by_role("button", name=say("inbox.sign_out")).click()
    await expect(page.get_by_label(say("inbox.sign_in.login"))).to_be_visible()
    await second.close()

    await come_back(operator, login="ada")
    await expect(name).to_have_value(say("kind.greenapi"))
    await expect(offer(operator)).to_have_count(0)
    await page.get_by_role("button", name=say("inbox.me", name="Ада")).click()
    await page.get_by_role("button", name=say("inbox.sign_out")).click()

    await program.command("user", "passwd", "olga", given=f"{NEW_PASSWORD}\n")
    await come_back(operator)
    await press(operator, "admin.typed.back")
    await expect(name).to_have_value("WhatsApp склада")
    await expect(instance).to_have_value("1101000001")
    await expect(key).to_have_value("")
    assert operator.troubles == []


async def test_whoever_gives_up_what_was_typed_is_offered_nothing_again(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await program.command("user", "passwd", "olga", given=f"{NEW_PASSWORD}\n")
    await page.reload()
    await come_back(operator)
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await to_rules(operator)
    await silence(operator).check()
    await page.reload()
    # The hours, the calls and the rules are one form: it is offered on each of its pages.
    await expect(offer(operator)).to_be_visible()
    await page.get_by_role("link", name=say("admin.room.calling"), exact=True).click()
    await expect(page).to_have_url(CALLING)
    await press(operator, "admin.typed.back")
    await expect(page.get_by_text(say("admin.unsaved"), exact=True)).to_be_visible()
    await page.get_by_role("link", name=say("admin.room.rules"), exact=True).click()
    await expect(silence(operator)).to_be_checked()
    await press(operator, "admin.drop")
    await expect(silence(operator)).not_to_be_checked()
    await page.reload()
    await expect(silence(operator)).not_to_be_checked()
    await expect(offer(operator)).to_have_count(0)

    await silence(operator).check()
    await page.reload()
    await press(operator, "admin.typed.decline")
    await expect(offer(operator)).to_have_count(0)
    await page.reload()
    await expect(silence(operator)).not_to_be_checked()
    await expect(offer(operator)).to_have_count(0)

    # Who signs out here has been asked.
    await silence(operator).check()
    await page.get_by_role("button", name=say("inbox.me", name="Ольга")).click()
    await page.get_by_role("button", name=say("inbox.sign_out")).click()
    await answer(operator, "admin.leave.go")
    await come_back(operator)
    await expect(silence(operator)).not_to_be_checked()
    await expect(offer(operator)).to_have_count(0)
    assert operator.troubles == []


async def test_of_two_who_change_a_channel_at_once_the_second_sees_what_the_first_saved(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    site = await new_chat(operator)
    await turn_to(operator, "texts")
    title = page.get_by_label(say("admin.texts.title"), exact=True)
    greeting = page.get_by_label(say("admin.texts.greeting"), exact=True)
    theirs = await page.context.new_page()
    await theirs.goto(f"{program.url}/inbox#/admin/{site}/texts")
    await theirs.get_by_label(say("admin.texts.greeting"), exact=True).fill("Добрый день")
    await theirs.get_by_role("button", name=say("admin.save"), exact=True).click()
    await expect(theirs.get_by_text(say("admin.saved"), exact=True)).to_be_visible()

    await title.fill("Окна")
    await press(operator, "admin.save")
    await expect(page.get_by_text(say("admin.refused.changed"), exact=True)).to_be_visible()
    await press(operator, "admin.project.take_theirs")
    await expect(greeting).to_have_value("Добрый день")
    await expect(title).to_have_value("Окна")
    await press(operator, "admin.save")
    await expect(page.get_by_text(say("admin.saved"), exact=True)).to_be_visible()

    # Whoever gives up what they changed goes on from what is there now.
    await theirs.get_by_label(say("admin.texts.greeting"), exact=True).fill("Здравствуйте")
    await theirs.get_by_role("button", name=say("admin.save"), exact=True).click()
    await expect(theirs.get_by_text(say("admin.refused.changed"), exact=True)).to_be_visible()
    await theirs.get_by_role("button", name=say("admin.drop"), exact=True).click()
    await expect(theirs.get_by_label(say("admin.texts.title"), exact=True)).to_have_value("Окна")
    assert operator.troubles == []


async def test_switching_a_channel_neither_waits_for_others_nor_undoes_what_they_saved(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await page.goto(f"{program.url}/inbox#/admin/+/form")
    await press(operator, "admin.add_and_try")
    await expect(page).to_have_url(re.compile(r"#/admin/[^+]+$"))
    name = page.get_by_label(say("admin.name"), exact=True)
    theirs = await page.context.new_page()
    await theirs.goto(page.url)
    await theirs.get_by_label(say("admin.name"), exact=True).fill("Заявки")
    await theirs.get_by_role("button", name=say("admin.save"), exact=True).click()
    await expect(theirs.get_by_text(say("admin.linked.saved"), exact=True)).to_be_visible()

    head = page.locator(".site-head")
    switch = head.get_by_role("switch")
    await switch.uncheck()
    await expect(head.get_by_text(say("admin.off"), exact=True)).to_be_visible()
    await page.get_by_text(say("admin.mapping"), exact=True).click()
    phone = page.get_by_label(say("channel.field.phone_field"), exact=True)
    await phone.fill("tel")
    await press(operator, "admin.save")
    await expect(page.get_by_text(say("admin.refused.changed"), exact=True)).to_be_visible()
    await press(operator, "admin.project.take_theirs")
    await expect(name).to_have_value("Заявки")
    await expect(phone).to_have_value("tel")
    await expect(switch).not_to_be_checked()
    await press(operator, "admin.save")
    await expect(page.get_by_text(say("admin.linked.saved"), exact=True)).to_be_visible()
    assert operator.troubles == []
