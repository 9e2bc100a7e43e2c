"""What becomes of a visitor's words when networks, pages, clocks and browsers misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, FilePayload, Page, Route, WebSocketRoute, expect

from tests.chaos.process import Program

from .people import SECONDS, Visitor
from .shop import Shop, plain
from .wire import Wire

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LAUNCHER = "#otklik-widget .launcher"


@pytest_asyncio.fixture(loop_scope="session")
async def shop(wire: Wire) -> AsyncIterator[Shop]:
    async with Shop(wire.url) as made:
        yield made


class Cut:
    """Stands between the page and the hub's socket and cuts it at one frame, once."""

    def __init__(self) -> None:
        self.at = ""
        self.cuts = 0
        self._cut = asyncio.Event()

    def next_at(self, step: str) -> None:
        self.at = step
        self._cut.clear()

    async def made(self) -> None:
        async with asyncio.timeout(SECONDS / 1_000):
            await self._cut.wait()

    async def stand(self, page: Page) -> None:
        await page.route_web_socket("**/live", self._join)

    async def _join(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        async def part() -> None:
            self.at, self.cuts = "", self.cuts + 1
            self._cut.set()
            await server.close()
            await socket.close(code=1001)

        async def said(message: str | bytes) -> None:
            step = f"to {json.loads(message)['t']}"
            if step == self.at:
                await part()
                return
            server.send(message)
            if f"after {step}" == self.at:
                await part()

        async def heard(message: str | bytes) -> None:
            step = f"from {json.loads(message)['t']}"
            if step == self.at:
                await part()
                return
            socket.send(message)

        socket.on_message(said)
        server.on_message(heard)


def text(words: str, name: str = "") -> FilePayload:
    return {"name": name or f"{words}.txt", "mimeType": "text/plain", "buffer": words.encode()}


async def times(visitor: Visitor, words: str) -> None:
    await expect(visitor.log.get_by_text(words, exact=True)).to_have_count(1)


async def test_a_cut_at_any_step_of_sending_leaves_exactly_one_message(
    browser: Browser, program: Program, shop: Shop
) -> None:
    visitor = await Visitor.arrive(browser, "about:blank")
    cut = Cut()
    await cut.stand(visitor.page)
    await visitor.page.goto(shop.url)
    await visitor.open_chat()
    steps = ["to hello", "from hello", "to send", "after to send", "from ok", "from entry"]
    for n, step in enumerate(steps):
        cut.next_at(step)
        if "hello" in step:
            # The next greeting is the one that is cut.
            await visitor.page.evaluate("window.dispatchEvent(new Event('online'))")
            await visitor.page.reload()
            await visitor.open_chat()
        await visitor.write(f"Сообщение {n}")
        await cut.made()
        await expect(visitor.log.get_by_text(visitor.say("widget.state.waiting"))).to_have_count(0)
        await times(visitor, f"Сообщение {n}")
    assert cut.cuts == len(steps)
    await visitor.page.reload()
    await visitor.open_chat()
    await times(visitor, "Сообщение 5")
    said = await visitor.log.locator(".mine .words").all_text_contents()
    assert said == [f"Сообщение {n}" for n in range(len(steps))]
    assert [line for line in program.errors() if "widget" in line] == []


async def test_a_page_that_slept_shows_what_was_said_meanwhile(
    browser: Browser, program: Program, wire: Wire, shop: Shop
) -> None:
    visitor = await Visitor.arrive(browser, shop.url)
    await visitor.open_chat()
    await visitor.write("До сна")
    await times(visitor, "До сна")
    devtools = await visitor.context.new_cdp_session(visitor.page)
    other = Visitor(visitor.context, await visitor.context.new_page(), "ru")
    await other.page.goto(shop.url)
    await other.open_chat()
    await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    wire.cut()
    wire.mend()
    await other.write("Пока страница спала")
    await times(other, "Пока страница спала")
    await devtools.send("Page.setWebLifecycleState", {"state": "active"})
    await visitor.page.bring_to_front()
    await times(visitor, "Пока страница спала")
    await visitor.write("После сна")
    await times(other, "После сна")
    await times(visitor, "До сна")


async def test_a_page_that_was_left_and_come_back_to_goes_on(
    browser: Browser, program: Program, shop: Shop
) -> None:
    visitor = await Visitor.arrive(browser, shop.url)
    await visitor.open_chat()
    await visitor.write("С первой страницы")
    await times(visitor, "С первой страницы")
    await visitor.page.get_by_role("link", name="Цены").click()
    await visitor.page.wait_for_url("**/prices")
    await visitor.page.go_back()
    dialog = visitor.page.get_by_role("dialog")
    if not await dialog.is_visible():
        await visitor.open_chat()
    await visitor.write("И снова с неё")
    await times(visitor, "И снова с неё")
    await times(visitor, "С первой страницы")


async def test_two_tabs_of_a_newcomer_are_one_visitor(
    browser: Browser, program: Program, shop: Shop
) -> None:
    one = await Visitor.arrive(browser, shop.url)
    other = Visitor(one.context, await one.context.new_page(), "ru")
    await other.page.goto(shop.url)
    await one.open_chat()
    await other.open_chat()
    await one.write("Из первой вкладки")
    await other.write("Из второй вкладки")
    for tab in (one, other):
        await times(tab, "Из первой вкладки")
        await times(tab, "Из второй вкладки")
    await other.page.close()
    await one.page.reload()
    await one.open_chat()
    await times(one, "Из второй вкладки")


async def test_a_site_without_storage_still_has_its_chat(
    browser: Browser, program: Program, shop: Shop
) -> None:
    visitor = await Visitor.arrive(browser, "about:blank")
    await visitor.page.add_init_script(
        """const refusal = new DOMException("no", "SecurityError");
           for (const name of ["localStorage", "sessionStorage", "BroadcastChannel"])
             Object.defineProperty(window, name, {get() { throw refusal; }});
           navigator.locks.request = () => Promise.reject(refusal);"""
    )
    await visitor.page.goto(shop.url)
    await visitor.open_chat()
    await visitor.write("Без хранилища")
    await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
    assert visitor.troubles == []


async def test_a_script_that_runs_twice_or_in_a_frame_makes_one_chat_and_breaks_no_policy(
    browser: Browser, program: Program, wire: Wire
) -> None:
    def twice(request: web.Request, tag: str) -> str:
        if request.path == "/framed":
            return tag
        return plain(request, tag) + tag + "<iframe src='/framed'></iframe>"

    async with Shop(wire.url, draw=twice) as shop:
        visitor = await Visitor.arrive(browser, shop.url)
        await visitor.open_chat()
        await visitor.write("Один чат")
        await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
        await expect(visitor.page.locator(LAUNCHER)).to_have_count(1)
        frame = visitor.page.frame(url="**/framed")
        assert frame is not None
        await frame.wait_for_load_state("networkidle")
        assert await frame.locator("#otklik-widget").count() == 0
        background = await visitor.page.locator(LAUNCHER).evaluate(
            "button => getComputedStyle(button).backgroundColor"
        )
        assert background not in ("", "rgba(0, 0, 0, 0)")
        assert visitor.troubles == []


async def test_a_clock_three_hours_ahead_changes_no_time_of_a_message(
    browser: Browser, program: Program, shop: Shop
) -> None:
    visitor = await Visitor.arrive(browser, "about:blank")
    await visitor.page.add_init_script(
        """{ const real = Date, ahead = 3 * 3600e3;
             window.Date = class extends real {
               constructor(...given) { given.length ? super(...given) : super(real.now() + ahead); }
               static now() { return real.now() + ahead; } }; }"""
    )
    await visitor.page.goto(shop.url)
    await visitor.open_chat()
    await visitor.write("Который час")
    await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
    told = await visitor.log.locator("time").last.get_attribute("datetime")
    assert told is not None
    assert abs(datetime.fromisoformat(told) - datetime.now(UTC)) < timedelta(minutes=2)
    await expect(visitor.log).not_to_contain_text(visitor.say("widget.yesterday"))


async def test_what_no_screen_expects_breaks_nothing(
    browser: Browser, program: Program, shop: Shop
) -> None:
    visitor = await Visitor.arrive(browser, shop.url)
    await visitor.page.set_viewport_size({"width": 390, "height": 844})
    await visitor.open_chat()
    wild = ["🦊" * 2_000, "слово" * 300, "مرحبا بالعالم (abc) 123", "a\u200b\u202e" * 50 + "конец"]
    for words in wild:
        await visitor.write(words)
    mine = visitor.log.locator(".mine .words")
    await expect(mine).to_have_count(len(wild))
    await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
    assert await mine.nth(0).text_content() == wild[0]
    assert await mine.nth(2).evaluate("words => getComputedStyle(words).direction") == "rtl"
    for sight in (".messages", ".panel"):
        assert await visitor.page.locator(sight).evaluate("e => e.scrollWidth <= e.clientWidth")
    assert await visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert visitor.troubles == []


async def test_a_chat_known_from_before_waits_for_a_hub_that_is_away(
    browser: Browser, program: Program, wire: Wire, shop: Shop
) -> None:
    visitor = await Visitor.arrive(browser, shop.url)
    await visitor.open_chat()
    await visitor.write("Пока всё работает")
    await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
    wire.cut()
    await visitor.page.goto(f"{shop.url}/prices")
    await visitor.open_chat()
    await visitor.write("Сервер не отвечает")
    await expect(visitor.page.get_by_role("dialog")).to_contain_text(
        visitor.say("widget.no_connection")
    )
    await expect(visitor.log).to_contain_text(visitor.say("widget.state.waiting"))
    wire.mend()
    await times(visitor, "Пока всё работает")
    await times(visitor, "Сервер не отвечает")
    await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))


async def test_several_files_go_as_one_message_and_one_can_be_held_back(
    browser: Browser, program: Program, shop: Shop
) -> None:
    visitor = await Visitor.arrive(browser, shop.url)
    await visitor.open_chat()
    await visitor.write("Сейчас пришлю")
    await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)
        if "secret" not in route.request.url:
            await route.continue_()

    await visitor.page.route("**/files?name=*", hold)
    picker = visitor.page.locator("input[type=file]")
    await picker.set_input_files([text(name) for name in ("secret", "one", "two")])
    stop = visitor.page.get_by_role(
        "button", name=visitor.say("widget.file.cancel", name="secret.txt")
    )
    await expect(visitor.page.get_by_role("progressbar")).to_have_count(3)
    await stop.click()
    message = visitor.log.locator(".mine").last
    await expect(message).to_contain_text("one.txt")
    await expect(message).to_contain_text("two.txt")
    await expect(visitor.page.get_by_role("progressbar")).to_have_count(0)
    await expect(visitor.log).not_to_contain_text("secret.txt")

    await picker.set_input_files(text("", "пустой.txt"))
    await expect(visitor.page.get_by_role("alert")).to_contain_text("пустой.txt")


MOVED = """() => new Promise((done) => {
  let moved = 0;
  const sum = (shifts) => shifts.forEach((one) => (moved += one.value));
  const watch = new PerformanceObserver((list) => sum(list.getEntries()));
  watch.observe({ type: "layout-shift", buffered: true });
  // Shifts that are already known are told in a task of their own, after the next frame.
  requestAnimationFrame(() => setTimeout(() => {
    sum(watch.takeRecords());
    done(moved);
  }));
})"""


async def test_nothing_of_the_site_moves_for_the_chat(browser: Browser, shop: Shop) -> None:
    visitor = await Visitor.arrive(browser, shop.url)
    await expect(visitor.page.locator(LAUNCHER)).to_be_visible()
    heading = visitor.page.get_by_role("heading", name="Окна")
    before = await heading.bounding_box()
    assert await visitor.page.evaluate(MOVED) == 0
    await visitor.open_chat()
    await visitor.write("Сколько стоит?")
    await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
    assert await visitor.page.evaluate(MOVED) == 0
    assert await heading.bounding_box() == before
    wide = "document.documentElement.scrollWidth === document.documentElement.clientWidth"
    assert await visitor.page.evaluate(wide)

    # What is watched would be told: a strip put above the words is a shift.
    await visitor.page.evaluate(
        "() => document.body.prepend(Object.assign(document.createElement('h1'), "
        "{ textContent: 'Strip' }))"
    )
    assert await visitor.page.evaluate(MOVED) > 0
