"""What an operator hears and sees of what comes in, and which of his tabs tells him."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Page, expect

from tests.chaos.process import Program

from .crowd import crowd
from .people import Operator, until
from .test_journey import signed_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

# A browser without a screen shows no notification and plays no sound, but it is asked to.
EARS = """
window.heard = [];
window.shown = [];
const make = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () {
    const tone = make.call(this);
    const start = tone.start;
    tone.start = (at) => {
        window.heard.push(Math.round(tone.frequency.value));
        start.call(tone, at);
    };
    return tone;
};
const Real = window.Notification;
window.Notification = class extends Real {
    constructor(title, how) { super(title, how); window.shown.push([title, how.body]); }
};
"""
NEW = [587, 740, 880]
MESSAGE = [784, 1046]


async def listening(browser: Browser, program: Program) -> Operator:
    """Signed in, with both allowed and tried on their one screen."""
    operator = await signed_in(browser, program, program.url)
    await operator.context.grant_permissions(["notifications"], origin=origin(program))
    await operator.context.add_init_script(EARS)
    await operator.page.reload()
    page = operator.page
    screen = page.get_by_role("region", name=operator.say("inbox.sounds"))
    words = operator.say("inbox.sounds.new")
    listen = screen.get_by_role("button", name=operator.say("inbox.sounds.listen_to", name=words))
    await listen.click()
    await expect_heard(page, NEW)
    await screen.get_by_label(operator.say("inbox.notices.show")).check()
    await screen.get_by_role("button", name=operator.say("inbox.notices.test")).click()
    await expect(screen).to_contain_text(operator.say("inbox.notices.sent"))
    await screen.get_by_role("button", name=operator.say("inbox.sounds.done")).click()
    await expect(screen).to_have_count(0)
    await page.evaluate("() => { window.heard = []; window.shown = []; }")
    return operator


def origin(program: Program) -> str:
    parts = urlsplit(program.url)
    return f"{parts.scheme}://{parts.netloc}"


async def expect_heard(page: Page, tones: list[int]) -> None:
    await page.wait_for_function(
        "tones => JSON.stringify(window.heard.slice(0, tones.length)) === JSON.stringify(tones)",
        arg=tones,
    )


async def test_a_new_dialog_is_heard_shown_and_counted_and_an_open_one_is_not(
    browser: Browser, program: Program
) -> None:
    operator = await listening(browser, program)
    page = operator.page
    (voice,) = await crowd(program.url, ["Есть кто живой?"])
    await expect_heard(page, NEW)
    await page.wait_for_function("() => window.shown.length === 1")
    assert await page.evaluate("() => window.shown[0][1]") == "Есть кто живой?"
    await expect(page).to_have_title(re.compile(r"^\(1\) "))
    icon = page.locator("link[rel=icon]")
    await expect(icon).to_have_attribute("href", re.compile("^data:image/png"))

    await operator.row("Есть кто живой?").click()
    await expect(operator.log).to_contain_text("Есть кто живой?")
    async with ClientSession() as session:
        await voice.say(session, "Ау")
        await expect(operator.log).to_contain_text("Ау")
        await operator.reply("Слушаю вас")
        await expect(page).to_have_title(re.compile(r"^(?!\()"))
        await expect(icon).to_have_attribute("href", re.compile("favicon.svg"))
        assert await page.evaluate("() => window.shown.length") == 1
        assert await page.evaluate("() => window.heard.length") == len(NEW)

        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
        await expect(operator.log).to_have_count(0)
        await voice.say(session, "Спасибо")
    await expect_heard(page, NEW + MESSAGE)
    assert operator.troubles == []


async def test_what_comes_while_a_tab_goes_out_of_sight_is_heard_and_shown(
    browser: Browser, program: Program
) -> None:
    operator = await listening(browser, program)
    # The next frame of a tab that is hidden before it was drawn comes when it is looked at again.
    await operator.page.evaluate("() => { window.requestAnimationFrame = () => 0; }")
    await crowd(program.url, ["Есть кто живой?"])
    await expect_heard(operator.page, NEW)
    await expect(operator.row("Есть кто живой?")).to_be_visible()
    assert operator.troubles == []


async def test_of_two_tabs_one_rings_and_both_follow_theme_and_sign_out(
    browser: Browser, program: Program
) -> None:
    operator = await listening(browser, program)
    page = operator.page
    other = await operator.context.new_page()
    await other.goto(f"{program.url}/inbox")
    await expect(other.get_by_role("tablist")).to_be_visible()
    await other.get_by_role("tab", name=operator.say("inbox.view.all")).click()

    await crowd(program.url, ["Кому прозвенит?"])
    await expect(operator.row("Кому прозвенит?")).to_be_visible()
    await expect(other.get_by_text("Кому прозвенит?")).to_be_visible()
    await expect_heard(page, NEW)
    assert await other.evaluate("() => window.heard.length + window.shown.length") == 0

    await page.close()
    # The closed tab may hold its locks for a moment more, and the other one still waits for them.
    await until(
        other,
        "async () => { const { held, pending } = await navigator.locks.query();"
        " return held.length === 2 && !pending.length; }",
    )
    await crowd(program.url, ["А теперь?"])
    await expect_heard(other, NEW)
    await other.wait_for_function("() => window.shown.length === 1")

    third = await operator.context.new_page()
    await third.goto(f"{program.url}/inbox")
    await expect(third.get_by_role("tablist")).to_be_visible()
    name = operator.say("inbox.me", name="Ольга")
    await third.get_by_role("button", name=name).click()
    await third.get_by_role("button", name=operator.say("inbox.theme.dark")).click()
    await expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    await third.get_by_role("button", name=operator.say("inbox.sign_out")).click()
    await expect(other.get_by_label(operator.say("inbox.sign_in.login"))).to_be_visible()
