"""What a site's chat offers besides talk: calls, forms, invitations, other ways, its API."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from playwright.async_api import Browser, Page, Route, expect

from tests.chaos.process import Program
from tests.chaos.screens import signed_in

from .people import Lang, Visitor
from .shop import Shop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SECRET = "the site's own secret"
LAUNCHER = "#otklik-widget .launcher"
HOOKS = """
window.dataLayer = [];
window.heard = [];
window.Otklik = window.Otklik || {q: []};
for (const name of ["ready", "open", "close", "message", "call", "rate", "invite", "unread"])
  Otklik.q.push(["on", name, (detail) => heard.push([name, detail])]);
Otklik.q.push(["setField", "plan", "pro"]);
"""


@pytest_asyncio.fixture(loop_scope="session")
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    """One hub with a channel for each way in which a project may set up its chat."""
    # An hour of the day that is over, wherever in it the test runs.
    hour = (datetime.now(UTC).hour + 3) % 22
    made = Program(
        tmp_path,
        channels=f"""
[channels.full]
[channels.full.settings]
origins = ["*"]
title = "Поддержка окон"
answer_time = 5
phone = "+79120000000"
launcher_text = "Задать вопрос"
hide_on = ["/cart*"]
messengers = [
    {{ kind = "telegram", url = "https://t.me/okna" }},
    {{ kind = "vk", url = "https://vk.me/okna" }},
]
callback = {{ enabled = true }}
goals = {{ data_layer = true }}
[channels.asking]
[channels.asking.settings]
origins = ["*"]
[channels.asking.settings.prechat]
enabled = true
fields = [
    {{ name = "name", required = true }},
    {{ name = "city", label = "Город", kind = "select", options = ["Казань", "Омск"] }},
]
[channels.inviting.settings]
origins = ["*"]
[channels.inviting.settings.invite]
enabled = true
text = "Подсказать по ценам?"
after_seconds = 3
pages = ["/prices*"]
[channels.ours.settings]
origins = ["*"]
identity = "required"
identity_secret = "{SECRET}"
[projects.night]
name = "Ночь"
zone = "UTC"
hours = ["{hour:02}:00–{hour + 1:02}:00"]
[channels.closed]
project = "night"
[channels.closed.settings]
origins = ["*"]
offline = {{ text = "Мы спим" }}
[channels.hidden]
project = "night"
[channels.hidden.settings]
origins = ["*"]
offline = {{ mode = "hide" }}
""",
    )
    await made.start()
    yield made
    await made.stop()


def shop(program: Program, channel: str, **more: Any) -> Shop:
    return Shop(program.url.replace("127.0.0.1", "localhost"), channel, **more)


async def heard(page: Page, event: str) -> list[Any]:
    told: list[list[Any]] = await page.evaluate("heard")
    return [detail for name, detail in told if name == event]


async def asked(session: ClientSession, path: str) -> list[Any]:
    async with session.get(f"/api/v1{path}") as answer:
        told = await answer.json()
        assert answer.status == 200, told
        items: list[Any] = told["items"]
        return items


async def rows(program: Program) -> list[Any]:
    """What an operator finds in the list."""
    session, _ = await signed_in(program, "vera")
    async with session:
        return await asked(session, "/projects/main/dialogs")


async def opened(visitor: Visitor) -> None:
    await visitor.page.locator(LAUNCHER).click()
    await expect(visitor.page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_a_call_is_promised_only_after_consent_and_can_be_changed(
    browser: Browser, program: Program, lang: Lang
) -> None:
    async with shop(program, "full") as site:
        site.scripts["own.js"] = HOOKS
        visitor = await Visitor.arrive(browser, site.url, lang)
        page, say = visitor.page, visitor.say
        await opened(visitor)
        ask = page.get_by_role("dialog").get_by_role("button", name=say("widget.call.title"))
        await ask.last.click()
        form = page.get_by_role("form", name=say("widget.call.title"))
        phone = form.get_by_label(say("widget.field.phone"))
        boxes = form.get_by_role("checkbox")
        submit = form.get_by_role("button", name=say("widget.call.submit"))
        await expect(form.get_by_role("radio").first).to_be_checked()
        for n in range(await boxes.count()):
            await expect(boxes.nth(n)).not_to_be_checked()

        await phone.fill("12-34")
        await submit.click()
        await expect(form).to_contain_text(say("widget.form.phone"))
        await expect(form).to_contain_text(say("widget.consent.needed"))
        await phone.fill("8 (912) 345-12-34")
        await boxes.first.check()
        await form.get_by_role("radio", name=say("widget.call.other")).check()
        times = form.get_by_label(say("widget.call.other_time"))
        await times.select_option(index=1)
        wanted = await times.input_value()
        await submit.click()

        promise = page.locator(".promise")
        await expect(promise).to_contain_text("…12-34")
        [call] = await heard(page, "call")
        assert datetime.fromisoformat(call["at"]) == datetime.fromisoformat(wanted)
        assert {"event": "otklik_call"} in await page.evaluate("dataLayer")
        await page.get_by_role("button", name=say("widget.call.to_chat")).click()
        await page.reload()
        await opened(visitor)
        planned = page.locator(".planned")
        await expect(planned).to_contain_text("…12-34")
        await planned.get_by_role("button", name=say("widget.call.change")).click()
        await expect(phone).to_be_focused()
        assert visitor.troubles == []


async def test_a_form_before_the_chat_is_asked_once(browser: Browser, program: Program) -> None:
    async with shop(program, "asking") as site:
        visitor = await Visitor.arrive(browser, site.url)
        page, say = visitor.page, visitor.say
        await opened(visitor)
        form = page.get_by_role("form", name=say("widget.prechat.title"))
        await expect(page.get_by_label(say("widget.text"))).to_be_hidden()
        await form.get_by_role("button", name=say("widget.prechat.start")).click()
        await expect(form).to_contain_text(say("widget.form.required"))
        await form.get_by_label(say("widget.field.name")).fill("Анна")
        await form.get_by_label("Город").select_option("Омск")
        await form.get_by_role("button", name=say("widget.prechat.start")).click()
        await expect(page.get_by_label(say("widget.text"))).to_be_focused()
        await visitor.write("Здравствуйте")
        await expect(visitor.log).to_contain_text(say("widget.state.delivered"))
        await page.reload()
        await opened(visitor)
        await expect(visitor.log).to_contain_text("Здравствуйте")
        await expect(form).to_have_count(0)

        [row] = await rows(program)
        assert row["name"] == "Анна"
        assert row["fields"]["city"] == "Омск"


async def without_questions(route: Route) -> None:
    """The settings as a page has them that was opened before there were any."""
    answer = await route.fetch()
    told = await answer.json() | {"prechat": {"enabled": False, "fields": []}}
    await route.fulfill(response=answer, json=told)


async def test_what_was_written_waits_for_a_question_that_the_site_thought_of_later(
    browser: Browser, program: Program
) -> None:
    async with shop(program, "asking") as site:
        visitor = await Visitor.arrive(browser, site.url)
        page, say = visitor.page, visitor.say
        await page.route(re.compile(r"/config\?"), without_questions)
        await page.reload()
        await opened(visitor)
        await page.unroute_all()
        await visitor.write("Здравствуйте")
        form = page.get_by_role("form", name=say("widget.prechat.title"))
        await expect(form).to_contain_text(say("widget.form.required"))
        await expect(visitor.log).to_contain_text(say("widget.error.unanswered"))
        await page.reload()
        await opened(visitor)
        await form.get_by_label(say("widget.field.name")).fill("Анна")
        await form.get_by_role("button", name=say("widget.prechat.start")).click()
        await expect(form).to_have_count(0)
        await expect(visitor.log).to_contain_text(say("widget.state.delivered"))
        [row] = await rows(program)
        assert row["name"] == "Анна"


async def test_an_invitation_comes_once_on_its_page_whatever_tab(
    browser: Browser, program: Program
) -> None:
    async with shop(program, "inviting") as site:
        visitor = await Visitor.arrive(browser, site.url)
        page = visitor.page
        await page.clock.install()
        await page.goto(site.url)
        await page.locator(LAUNCHER).wait_for()
        await page.clock.run_for(10_000)
        invite = page.locator(".invite")
        await expect(invite).to_be_hidden()
        await page.goto(f"{site.url}/prices/windows")
        await invite.wait_for(state="attached")
        await page.clock.run_for(3_500)
        await expect(invite).to_contain_text("Подсказать по ценам?")

        other = await visitor.context.new_page()
        await other.clock.install()
        await other.goto(f"{site.url}/prices")
        await other.locator(".invite").wait_for(state="attached")
        await other.clock.run_for(10_000)
        await expect(other.locator(".invite")).to_be_hidden()
        await page.bring_to_front()
        await invite.get_by_role("button").first.click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await expect(invite).to_be_hidden()


async def test_other_ways_are_a_code_on_a_computer_and_one_tap_on_a_phone(
    browser: Browser, program: Program
) -> None:
    async with shop(program, "full") as site:
        visitor = await Visitor.arrive(browser, site.url)
        page, say = visitor.page, visitor.say
        await opened(visitor)
        await page.get_by_role("button", name="VK").click()
        code = page.get_by_role("img", name=say("widget.messenger.code", name="VK"))
        await expect(code).to_be_visible()
        way = page.get_by_role("link", name=say("widget.messenger.open", name="VK"))
        assert await way.get_attribute("href") == "https://vk.me/okna"
        await page.get_by_role("button", name="Telegram").click()
        await expect(
            page.get_by_role("img", name=say("widget.messenger.code", name="Telegram"))
        ).to_be_visible()
        await expect(code).to_have_count(0)

        context = await browser.new_context(
            viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, locale="ru-RU"
        )
        phone = Visitor(context, await context.new_page(), "ru")
        await phone.page.goto(site.url)
        await opened(phone)
        way = phone.page.get_by_role("link", name="VK")
        assert await way.get_attribute("href") == "https://vk.me/okna"
        dial = phone.page.get_by_role("link", name=say("widget.phone.dial"))
        assert await dial.get_attribute("href") == "tel:+79120000000"
        box = await phone.page.get_by_role("dialog").bounding_box()
        assert box is not None
        assert (box["x"], box["width"]) == (0, 390)
        small = "e => [...e.querySelectorAll('button, a.door, a.messenger, select, textarea')]"
        small += ".filter(one => one.getClientRects().length)"
        small += ".filter(one => one.getBoundingClientRect().height < 40).map(e => e.outerHTML)"
        assert await phone.page.locator(".panel").evaluate(small) == []


async def test_a_closed_dialog_is_rated_once(browser: Browser, program: Program) -> None:
    async with shop(program, "full") as site:
        site.scripts["own.js"] = HOOKS
        visitor = await Visitor.arrive(browser, site.url)
        page, say = visitor.page, visitor.say
        await opened(visitor)
        await visitor.write("Спасибо, всё понятно")
        await expect(visitor.log).to_contain_text(say("widget.state.delivered"))
        session, token = await signed_in(program, "vera")
        async with session:
            [row] = await asked(session, "/projects/main/dialogs")
            headers = {"X-CSRF-Token": token, "Origin": program.url}
            for step in ("take", "close"):
                path = f"/api/v1/dialogs/{row['id']}/{step}"
                async with session.post(path, json={}, headers=headers) as answer:
                    assert answer.status == 200, await answer.text()
            card = page.get_by_role("form", name=say("widget.rating.question"))
            await card.get_by_role("button", name=say("widget.rating.good")).click()
            await card.get_by_label(say("widget.rating.comment")).fill("Быстро")
            await card.get_by_role("button", name=say("widget.rating.send")).click()
            await expect(page.get_by_role("dialog")).to_contain_text(say("widget.rating.thanks"))
            assert await heard(page, "rate") == [{"score": "good"}]
            await page.reload()
            await opened(visitor)
            await expect(page.get_by_role("dialog")).to_contain_text(say("widget.closed"))
            await expect(card).to_have_count(0)
            lines = await asked(session, f"/dialogs/{row['id']}/timeline")
        [rated] = [line for line in lines if line["verb"] == "rated"]
        assert rated["data"]["score"] == "good"


async def test_while_closed_it_says_when_or_hides(browser: Browser, program: Program) -> None:
    async with shop(program, "closed") as site:
        visitor = await Visitor.arrive(browser, site.url)
        await opened(visitor)
        dialog = visitor.page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Мы спим")
        told = visitor.say("widget.offline_until", when="")
        await expect(dialog).to_contain_text(told)
        await visitor.write("Напишу сейчас")
        await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
    async with shop(program, "hidden") as site:
        visitor = await Visitor.arrive(browser, site.url)
        await visitor.page.locator(LAUNCHER).wait_for(state="attached")
        await expect(visitor.page.locator(LAUNCHER)).to_be_hidden()


async def test_a_person_whom_the_site_vouches_for_is_the_same_everywhere(
    browser: Browser, program: Program
) -> None:
    signed = hmac.new(SECRET.encode(), b"42", hashlib.sha256).hexdigest()
    async with shop(program, "ours") as site:
        stranger = await Visitor.arrive(browser, site.url)
        await opened(stranger)
        dialog = stranger.page.get_by_role("dialog")
        await expect(dialog).to_contain_text(stranger.say("widget.sign_in_first"))
        await stranger.page.evaluate("Otklik.identify({id: '42', hash: 'f'.repeat(64)})")
        await expect(dialog).to_contain_text(stranger.say("widget.sign_in_first"))
        await stranger.page.evaluate(f"Otklik.identify({{id: 42, name: 'Анна', hash: '{signed}'}})")
        await stranger.write("С ноутбука")
        await expect(stranger.log).to_contain_text(stranger.say("widget.state.delivered"))

        site.scripts["own.js"] = (
            "window.Otklik = window.Otklik || {q: []};"
            f"Otklik.q.push(['identify', {{id: '42', hash: '{signed}'}}]);"
        )
        phone = await Visitor.arrive(browser, site.url)
        await opened(phone)
        await expect(phone.log).to_contain_text("С ноутбука")
        await phone.write("С телефона")
        await expect(stranger.log).to_contain_text("С телефона")


async def test_the_site_speaks_with_its_chat(browser: Browser, program: Program) -> None:
    async with shop(program, "full") as site:
        site.scripts["own.js"] = HOOKS
        visitor = await Visitor.arrive(browser, site.url)
        page = visitor.page
        launcher = page.locator(LAUNCHER)
        await expect(launcher).to_contain_text("Задать вопрос")
        await page.evaluate("Otklik.open()")
        await visitor.write("Через интерфейс")
        await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
        await page.evaluate("Otklik.toggle()")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await page.evaluate("Otklik.call()")
        form = page.get_by_role("form", name=visitor.say("widget.call.title"))
        await expect(form).to_be_visible()
        names = [name for name, _ in await page.evaluate("heard")]
        assert names[:4] == ["ready", "open", "message", "close"]
        goals = {told["event"] for told in await page.evaluate("dataLayer")}
        assert goals == {"otklik_open", "otklik_message"}

        await page.evaluate("Otklik.close(); history.pushState({}, '', '/cart/1')")
        await expect(launcher).to_be_hidden()
        await page.evaluate("history.pushState({}, '', '/')")
        await expect(launcher).to_be_visible()
        await page.evaluate("Otklik.destroy()")
        await expect(page.locator("#otklik-widget")).to_have_count(0)
        assert await page.evaluate("window.Otklik") is None

        [row] = await rows(program)
        assert row["fields"]["plan"] == "pro"
        assert visitor.troubles == []


async def test_how_the_visitor_came_is_kept_from_the_first_page_to_the_request(
    browser: Browser, program: Program
) -> None:
    async with shop(program, "full") as site:
        visitor = await Visitor.arrive(browser, site.url)
        page = visitor.page
        await page.context.clear_cookies()
        await page.evaluate("localStorage.clear()")
        await page.goto(f"{site.url}/landing?utm_source=ya&utm_campaign=spring&yclid=123")
        await page.locator(LAUNCHER).wait_for()
        await page.goto(f"{site.url}/prices")
        await page.locator(LAUNCHER).wait_for()
        await page.goto(f"{site.url}/contacts?utm_source=mail")
        await page.evaluate("document.cookie = '_ym_uid=1650000000123456789'")
        await opened(visitor)
        await visitor.write("Откуда я")
        await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
        [row] = await rows(program)
        visit = row["visit"]
        assert visit["first"]["utm"] == {"utm_source": "ya", "utm_campaign": "spring"}
        assert visit["utm"] == {"utm_source": "mail"}
        assert "/landing" in visit["entry_page"]
        assert "/contacts" in visit["page"]
        assert visit["ym_client_id"] == "1650000000123456789"
        assert (visit["pages"], visit["device"]) == (3, "pc")


async def test_the_keyboard_alone_opens_writes_and_leaves(
    browser: Browser, program: Program
) -> None:
    async with shop(program, "site") as site:
        site.scripts["own.js"] = (
            "window.pressed = []; addEventListener('keydown', (e) => pressed.push(e.key));"
        )
        visitor = await Visitor.arrive(browser, site.url)
        page, say = visitor.page, visitor.say
        launcher = page.get_by_role("button", name=say("widget.launcher.open"))
        await launcher.focus()
        await page.keyboard.press("Enter")
        field = page.get_by_label(say("widget.text"))
        await expect(field).to_be_focused()
        await page.keyboard.type("/help")
        await page.keyboard.press("Enter")
        await expect(visitor.log).to_contain_text("/help")
        assert await page.evaluate("pressed") == ["Enter"]
        inside = "document.activeElement.id === 'otklik-widget'"
        for _ in range(12):
            await page.keyboard.press("Tab")
            assert await page.evaluate(inside)
        for _ in range(3):
            await page.keyboard.press("Shift+Tab")
            assert await page.evaluate(inside)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await expect(launcher).to_be_focused()
        await expect(launcher).to_have_attribute("aria-expanded", "false")


async def test_the_language_is_the_page_s_the_tag_s_or_the_visitor_s_own_choice(
    browser: Browser, program: Program
) -> None:
    async with shop(program, "full", attributes='data-lang="en"') as site:
        visitor = await Visitor.arrive(browser, site.url, "en")
        page = visitor.page
        await page.goto(f"{site.url}/?lang=ru")
        await opened(visitor)
        field = page.get_by_label(visitor.say("widget.text"))
        await field.fill("half a thought")
        visitor.lang = "ru"
        await page.get_by_role("button", name=visitor.say("widget.in_this_language")).click()
        await expect(page.get_by_label(visitor.say("widget.text"))).to_have_value("half a thought")
        await page.reload()
        named = re.compile(re.escape(visitor.say("widget.launcher.open")))
        await expect(page.locator(LAUNCHER)).to_have_attribute("aria-label", named)


async def test_a_bar_at_the_bottom_of_a_phone_is_not_covered(
    browser: Browser, program: Program
) -> None:
    async with shop(program, "site", attributes='data-bottom="64"') as site:
        visitor = await Visitor.arrive(browser, site.url)
        await visitor.page.set_viewport_size({"width": 390, "height": 844})
        box = await visitor.page.locator(LAUNCHER).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 844 - 64
