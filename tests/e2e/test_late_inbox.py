"""An inbox on a slow line: what comes late takes nothing from who went on meanwhile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, expect

from tests.chaos.process import Program
from tests.chaos.visitor import hello, introduce

from .guest import Guest, guests
from .held import drawn, held, line
from .people import Operator, until
from .test_calls_inbox import ask
from .test_journey import signed_in
from .test_leads_inbox import PHONE, tomorrow
from .test_unsaved import answer, silence

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def only_dialog(operator: Operator) -> str:
    [row] = (await ask(operator, "GET", "/projects/main/dialogs?view=all"))["items"]
    return str(row["id"])


async def test_enter_means_what_is_marked_though_others_are_found_late_and_above_it(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url)
    page, say = operator.page, operator.say
    name = f"{say('inbox.leads')} Анна"
    async with ClientSession() as session:
        key, now = await introduce(session, program.url)
        await Guest(session, program.url, key, now).write("Добрый день")
        address = f"{program.url}/widget/site/live"
        async with session.ws_connect(address, origin=program.url) as socket:
            await socket.send_json(hello(key) | {"fields": {"name": name}})
            await expect(operator.row(name)).to_be_visible()
    # Nobody of whom the page knows by itself is looked for.
    dialog = await only_dialog(operator)
    await ask(operator, "POST", f"/dialogs/{dialog}/close")
    await until(
        page,
        "async (words) => (await (await fetch("
        "`/api/v1/projects/main/search?q=${encodeURIComponent(words)}`)).json()).items.length",
        name,
    )
    await page.reload()
    await expect(page.get_by_text(say("inbox.empty.queue"))).to_be_visible()

    field = page.get_by_role("combobox", name=say("inbox.palette.field"))
    found = page.get_by_role("listbox").get_by_role("option")
    await page.keyboard.press("Control+k")
    async with held(page, "**/search?*", most=1) as search:
        await field.fill(name)
        await search.given()
        await field.fill(say("inbox.leads"))
        # What was asked for second is found first.
        await expect(found.filter(has_text=name)).to_be_visible()
        async with page.expect_response("**/search?*") as nobody:
            await field.fill(say("inbox.sounds"))
        await (await nobody.value).finished()
        await drawn(page)
    assert await found.filter(has_text=name).count() == 0
    await page.keyboard.press("Escape")

    await page.reload()
    await expect(page.get_by_text(say("inbox.empty.queue"))).to_be_visible()
    await page.keyboard.press("Control+k")
    async with held(page, "**/search?*") as search:
        await field.fill(say("inbox.leads"))
        await search.given()
        await expect(found.filter(has_text=name)).to_have_count(0)
        await expect(found.first).to_have_attribute("aria-selected", "true")
    await expect(found.first).to_contain_text(name)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"#/leads$"))
    assert operator.troubles == []


async def test_a_lead_that_was_ordered_while_the_list_was_read_stays_in_it(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url)
    page = operator.page
    async with guests(program.url) as [guest]:
        await guest.write("Сколько стоит балкон?")
    await expect(operator.row("балкон")).to_be_visible()
    dialog = await only_dialog(operator)
    live = await line(page)
    live.hold()
    listed = page.locator("#leads")
    async with held(page, "**/leads?*", most=1) as first:
        await page.goto(f"{program.url}/inbox#/leads")
        await page.reload()
        await first.given()
        # A socket that begins has the page read all again, and of that nothing is late.
        live.let_go()
        await expect(listed).to_have_attribute("aria-busy", "false")
        at = tomorrow(12).isoformat()
        wish = {"key": "wish-of-one", "phone": PHONE, "at": at, "anyway": True}
        await ask(operator, "POST", f"/dialogs/{dialog}/callback", wish)
        await expect(listed.get_by_role("listitem")).to_contain_text(PHONE)
    await expect(listed.get_by_role("listitem")).to_contain_text(PHONE)
    assert operator.troubles == []


async def test_the_history_that_is_open_keeps_what_happened_while_it_was_read(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url)
    page, say = operator.page, operator.say
    async with guests(program.url) as [guest]:
        await guest.write("Есть кто?")
    await operator.row("Есть кто?").click()
    taken = say("inbox.system.taken", name="Ольга")
    history = page.get_by_role("dialog", name=say("inbox.timeline"))
    async with held(page, "**/timeline?*", most=1) as first:
        await page.get_by_title(say("inbox.timeline.open")).click()
        await first.given()
        await ask(operator, "POST", f"/dialogs/{await only_dialog(operator)}/take")
        await expect(history).to_contain_text(taken)
    await expect(history).to_contain_text(taken)
    assert operator.troubles == []


async def test_what_is_typed_of_a_phone_and_an_address_while_they_are_saved_stays(
    browser: Browser, tmp_path: Path
) -> None:
    program = Program(tmp_path)
    with (tmp_path / "config.toml").open("a") as settings:
        settings.write('[mail]\nurl = "smtp://127.0.0.1:9"\nsender = "hub@example.com"\n')
    await program.start()
    try:
        operator = await signed_in(browser, program, program.url)
        page, say = operator.page, operator.say
        await page.goto(f"{program.url}/inbox#/sounds")
        seat = page.get_by_role("form", name=say("inbox.seat"))
        tones = seat.get_by_label(say("inbox.seat.tones"))
        keep = seat.get_by_role("button", name=say("inbox.seat.save"))
        async with held(page, "**/me/seats/*", "PUT") as saved:
            await seat.get_by_label(say("inbox.seat.number")).fill("8 912 345-67-89")
            await keep.click()
            await saved.given()
            await tones.fill(",,101")
        await expect(keep).to_be_enabled()
        await expect(tones).to_have_value(",,101")
        await keep.click()
        await expect(seat).to_contain_text(say("inbox.seat.saved"))

        card = page.get_by_role("group", name=say("inbox.reaching"))
        email = card.get_by_label(say("inbox.reaching.email"), exact=True)
        async with (
            page.expect_response(lambda each: each.url.endswith("/me/reaches")) as read,
            held(page, "**/api/v1/me", "PATCH") as saved,
        ):
            await email.fill("olga@example.com")
            await email.press("Enter")
            await saved.given()
            await email.fill("olga@example.org")
        await (await read.value).finished()
        await drawn(page)
        await expect(email).to_have_value("olga@example.org")
        await email.press("Enter")
        save = card.get_by_role("button", name=say("inbox.reaching.email.save"), exact=True)
        await expect(save).to_be_disabled()
        await page.reload()
        await expect(email).to_have_value("olga@example.org")
        await expect(tones).to_have_value(",,101")
        assert operator.troubles == []
    finally:
        await program.stop()


SLOW_STEPS = """
() => {
  const held = [];
  const { go } = History.prototype;
  History.prototype.go = function (by) {
    held.push(() => go.call(this, by));
  };
  const { traverseTo } = Navigation.prototype;
  Navigation.prototype.traverseTo = function (key) {
    const committed = new Promise((on, no) =>
      held.push(() => traverseTo.call(this, key).committed.then(on, no)),
    );
    return { committed, finished: committed };
  };
  window.stepOn = () => {
    Object.assign(History.prototype, { go });
    Object.assign(Navigation.prototype, { traverseTo });
    for (const step of held) step();
  };
}
"""
"""The page's own steps through the history wait until `stepOn`, those of the person do not."""


async def test_two_quick_steps_back_ask_once_and_lead_back_and_never_forward(
    browser: Browser, program: Program
) -> None:
    operator = await signed_in(browser, program, program.url, role="admin")
    page, say = operator.page, operator.say
    await page.get_by_role("button", name=say("inbox.admin")).click()
    for room in ("connections", "automations", "rules"):
        await page.get_by_role("link", name=say(f"admin.room.{room}"), exact=True).click()
        title = page.get_by_role("heading", level=1, name=say(f"admin.room.{room}"))
        await expect(title).to_be_visible()
    # Something lies ahead as well, so that a step too far on would be seen.
    await page.get_by_role("button", name=say("inbox.leads"), exact=True).click()
    await page.go_back()
    await silence(operator).check()
    here = re.compile(r"#/admin/~rules$")

    await page.evaluate("history.back(); setTimeout(() => history.back(), 5)")
    await answer(operator, "admin.leave.stay")
    await expect(page).to_have_url(here)
    await expect(silence(operator)).to_be_checked()

    await page.evaluate(SLOW_STEPS)
    await page.evaluate("history.back()")
    await expect(page).to_have_url(re.compile(r"~automations$"))
    await page.evaluate("history.back()")
    await expect(page).to_have_url(re.compile(r"~connections$"))
    await page.evaluate("stepOn()")
    await expect(page).to_have_url(here)
    await expect(silence(operator)).to_be_checked()
    await answer(operator, "admin.leave.go")
    await expect(page).to_have_url(re.compile(r"~automations$"))
    title = page.get_by_role("heading", level=1, name=say("admin.room.automations"))
    await expect(title).to_be_visible()
    assert operator.troubles == []
