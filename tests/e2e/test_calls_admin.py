"""How calls are set up, as an admin does it in a real browser: scenario, messages, test calls."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Page, Response, expect

from tests.chaos.process import Program
from tests.telephony.voices import Told, tone, wav

from .people import Lang, Operator
from .test_axe import put_on, wrong

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CLIENT = "8 916 123-45-67"
LINE = """
[channels.phone]
kind = "simulator"
name = "Line"
settings = {{ pace = 20, talk_s = 4, numbers = ["+74950000000"] }}
[speech]
command = {voice}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def office(tmp_path: Path) -> AsyncIterator[Program]:
    """A hub with a training line and a voice that says every text as a tone."""
    voice = json.dumps(list(Told(tmp_path / "voice").command()))
    made = Program(tmp_path / "hub", channels=LINE.format(voice=voice))
    await made.start()
    yield made
    await made.stop()


async def admin(browser: Browser, program: Program, lang: Lang = "ru") -> Operator:
    words = ("--name", "Olga", "--role", "admin", "--lang", lang)
    printed = await program.command("user", "add", "olga", *words)
    operator = await Operator.arrive(browser, program.url, lang)
    await operator.sign_in("olga", printed.split("code ")[1].split()[0])
    return operator


async def room(operator: Operator, program: Program) -> Page:
    await operator.page.goto(f"{program.url}/inbox#/admin/~calling")
    await expect(operator.page.get_by_role("heading", level=1)).to_be_visible()
    return operator.page


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_a_scenario_with_keys_is_warned_of_heard_tried_and_kept(
    browser: Browser, office: Program, lang: Lang
) -> None:
    operator = await admin(browser, office, lang)
    page, say = await room(operator, office), operator.say
    steps = page.get_by_role("region", name=say("admin.script.steps")).get_by_role("listitem")
    await expect(steps).to_have_count(4)
    await page.get_by_role("radio", name=say("admin.script.operator_key")).check()
    pressed = say("admin.script.step.key.operator", keys="1", seconds=20)
    await expect(steps.nth(1)).to_have_text(pressed)

    message = page.get_by_role("group", name=say("admin.script.says.operator"))
    unsaid = page.get_by_text(say("admin.script.unsaid"), exact=True)
    await message.get_by_role("textbox").fill("$name$.")
    await expect(unsaid).to_be_visible()
    await page.get_by_role("button", name=say("admin.script.unsaid.add"), exact=True).click()
    await expect(unsaid).to_have_count(0)
    whole = f"$name$. {say('admin.script.unsaid.phrase', keys='1')}"
    await expect(message.get_by_role("textbox")).to_have_value(whole)

    async with page.expect_response("**/speech/listen") as answer:
        await message.get_by_role("button", name=say("admin.say.listen")).click()
    heard: Response = await answer.value
    assert heard.headers["content-type"] == "audio/wav"
    player = message.locator("audio")
    await expect(player).to_be_visible()
    await page.wait_for_function("() => document.querySelector('.listen audio').duration > 0.4")

    test = page.get_by_role("region", name=say("admin.test"))
    await test.get_by_label(say("admin.test.number")).fill("112")
    await test.get_by_role("button", name=say("admin.test.go")).click()
    await expect(test.get_by_role("alert")).not_to_be_empty()
    await test.get_by_label(say("admin.test.operator")).fill("100")
    await test.get_by_label(say("admin.test.number")).fill(CLIENT)
    await test.get_by_role("button", name=say("admin.test.go")).click()
    await expect(test.get_by_role("alert")).to_have_count(0)
    going = test.get_by_role("group", name=say("inbox.ring.stages"))
    await expect(going).to_contain_text(say("inbox.ring.training"))
    stages = going.get_by_role("listitem")
    await expect(stages.nth(0)).to_contain_text(say("inbox.ring.role.operator"))
    await expect(stages.nth(1)).to_contain_text(say("inbox.ring.role.visitor"))
    over = say("inbox.ring.over", outcome=say("inbox.ring.outcome.talked"))
    await expect(stages.last).to_have_text(f"{over}. {say('inbox.ring.by.visitor')}")

    await page.get_by_role("button", name=say("admin.save"), exact=True).click()
    await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()
    await page.reload()
    await expect(message.get_by_role("textbox")).to_have_value(whole)
    assert not operator.troubles


async def test_a_phone_that_rejects_says_so_and_one_may_try_again(
    browser: Browser, office: Program
) -> None:
    operator = await admin(browser, office)
    page, say = await room(operator, office), operator.say
    test = page.get_by_role("region", name=say("admin.test"))
    go = test.get_by_role("button", name=say("admin.test.go"))
    await test.get_by_label(say("admin.test.operator")).fill("100")
    await test.get_by_label(say("admin.test.number")).fill("+7 916 123-45-03")
    await go.click()
    rejected = say("inbox.ring.outcome.rejected")
    over = say("inbox.ring.over", outcome=rejected)
    await expect(test.get_by_text(over, exact=True)).to_be_visible()
    await expect(test.get_by_role("listitem").nth(1)).to_contain_text(rejected)
    await expect(go).to_be_enabled()
    assert not operator.troubles


async def test_an_operator_sets_his_phone_and_rings_it_and_the_admin_sees_it(
    browser: Browser, office: Program
) -> None:
    operator = await admin(browser, office)
    page, say = operator.page, operator.say
    await page.get_by_role("button", name=say("inbox.me", name="Olga")).click()
    await page.get_by_role("button", name=say("inbox.seat"), exact=True).click()
    seat = page.get_by_role("form", name=say("inbox.seat"))
    number = seat.get_by_label(say("inbox.seat.number"))
    await expect(number).to_be_focused()
    await number.fill("911")
    await seat.get_by_role("button", name=say("inbox.seat.save")).click()
    await expect(seat).to_contain_text(say("inbox.seat.not_dialled"))
    await expect(number).to_have_attribute("aria-invalid", "true")
    await number.fill("100")
    await seat.get_by_role("button", name=say("inbox.seat.ring")).click()
    await expect(seat.get_by_text(say("inbox.ring.over_ring"))).to_be_visible()
    page = await room(operator, office)
    seats = page.get_by_role("region", name=say("admin.seats")).get_by_role("listitem")
    await expect(seats).to_have_text(["Olga100"])
    assert not operator.troubles


async def test_a_connection_calls_as_the_project_does_until_it_has_a_scenario_of_its_own(
    browser: Browser, office: Program
) -> None:
    operator = await admin(browser, office)
    page, say = operator.page, operator.say
    await page.goto(f"{office.url}/inbox#/admin/~connections/+")
    await page.get_by_label(say("admin.links.name"), exact=True).fill("Осень")
    script = page.get_by_role("radio", name=say("admin.script.own.own"))
    await expect(page.get_by_role("radio", name=say("admin.script.visitor_key"))).to_have_count(0)
    await script.check()
    await page.get_by_role("radio", name=say("admin.script.visitor_key")).check()
    await page.get_by_label(say("admin.script.keys"), exact=True).fill("5")
    # Which numbers there are to choose of is known a moment later.
    shown = page.get_by_role("combobox", name=say("admin.links.shown"))
    await shown.select_option("+74950000000")
    message = page.get_by_role("group", name=say("admin.script.says.visitor"))
    await message.get_by_role("radio", name=say("admin.say.recording")).check()
    sound: FilePayload = {
        "name": "hello.wav",
        "mimeType": "audio/wav",
        "buffer": wav(tone(16_000, 2), 16_000),
    }
    await message.get_by_label(say("admin.say.file")).set_input_files(sound)
    await expect(message).to_contain_text(say("admin.say.kept_long", name="hello.wav", n=2))
    await page.get_by_role("button", name=say("admin.save")).click()
    await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("radio", name=say("admin.script.visitor_key"))).to_be_checked()
    await expect(shown).to_have_value("+74950000000")
    await expect(message).to_contain_text("hello.wav")
    async with page.expect_response("**/speech/listen") as answer:
        await message.get_by_role("button", name=say("admin.say.listen")).click()
    assert (await answer.value).ok
    await page.get_by_role("radio", name=say("admin.script.own.project")).check()
    await page.get_by_role("button", name=say("admin.save")).click()
    await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()
    await expect(page.get_by_role("radio", name=say("admin.script.visitor_key"))).to_have_count(0)
    assert not operator.troubles


async def test_without_a_line_one_press_gives_a_training_phone(
    browser: Browser, program: Program
) -> None:
    operator = await admin(browser, program)
    page, say = await room(operator, program), operator.say
    await expect(page.get_by_text(say("admin.calling.line.none"))).to_be_visible()
    await expect(page.get_by_role("region", name=say("admin.test"))).to_have_count(0)
    await page.get_by_role("button", name=say("admin.calling.line.training")).click()
    await expect(page.get_by_text(say("admin.calling.line.is_training")).first).to_be_visible()
    await expect(page.get_by_role("region", name=say("admin.test"))).to_be_visible()
    await page.get_by_role("link", name=say("admin.calling.line.settings")).click()
    await expect(page.get_by_label(say("channel.field.prefixes"))).to_have_value("7")
    assert not operator.troubles


async def test_none_of_it_breaks_a_rule_or_runs_off_a_phone(
    browser: Browser, office: Program
) -> None:
    operator = await admin(browser, office)
    page, say = operator.page, operator.say
    found = {}
    for theme, width in (("light", 1440), ("dark", 390)):
        await put_on(page, "dark" if theme == "dark" else "light")
        await page.set_viewport_size({"width": width, "height": 844})
        await room(operator, office)
        await expect(page.get_by_role("region", name=say("admin.test"))).to_be_visible()
        await expect(page.get_by_role("region", name=say("admin.seats"))).to_be_visible()
        found[f"room {theme}"] = await wrong(page, "main")
        over = "document.querySelector('.admin, .hearing').scrollWidth - innerWidth"
        assert await page.evaluate(over) <= 0, width
        await page.goto(f"{office.url}/inbox#/admin/~connections/+")
        await page.get_by_role("radio", name=say("admin.script.own.own")).check()
        await expect(page.get_by_role("region", name=say("admin.test"))).to_be_visible()
        found[f"connection {theme}"] = await wrong(page, "main")
        assert await page.evaluate(over) <= 0, width
        await page.get_by_role("button", name=say("admin.drop"), exact=True).click()
        await page.goto(f"{office.url}/inbox#/admin/phone")
        await expect(page.get_by_label(say("channel.field.prefixes"))).to_be_visible()
        found[f"line {theme}"] = await wrong(page, "main")
        assert await page.evaluate(over) <= 0, width
        await page.goto(f"{office.url}/inbox#/sounds")
        await expect(page.get_by_role("form", name=say("inbox.seat"))).to_be_visible()
        found[f"seat {theme}"] = await wrong(page, "main")
        assert await page.evaluate(over) <= 0, width
    assert {name: each for name, each in found.items() if each} == {}
    assert not operator.troubles
