"""What people wait for in a browser: the chat's button, its panel, a dialog; and how long a
screen is busy at once while the hub is.

Everything is taken inside the page, from the press or the script to the frame after the
thing is there, so that the way to the browser and back is no part of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.bench.figure import Figure
from tests.bench.people import browser as session_of
from tests.bench.people import visitor
from tests.chaos.process import Program
from tests.e2e.conftest import QUIET, chromium
from tests.e2e.crowd import crowd
from tests.e2e.people import Operator
from tests.e2e.shop import Shop

WRITERS = 20
_HOST = "document.getElementById('otklik-widget')"

# From the end of the script's own way to us until its button stands in the page.
WATCH = f"""
new MutationObserver((_, watch) => {{
  if (!{_HOST}) return;
  window.__shown = performance.now();
  watch.disconnect();
}}).observe(document, {{ childList: true, subtree: true }});
"""
LAUNCHER = """() => {
  const ways = performance.getEntriesByType("resource");
  return window.__shown - ways.find((one) => one.name.endsWith("/widget.js")).responseEnd;
}"""
PANEL = f"""() => new Promise((done) => {{
  const root = {_HOST}.shadowRoot;
  const began = performance.now();
  root.querySelector("button").click();
  const look = () => {{
    const panel = root.querySelector("[role=dialog]");
    if (panel && !panel.hidden && root.activeElement) done(performance.now() - began);
    else requestAnimationFrame(look);
  }};
  requestAnimationFrame(look);
}})"""
DIALOG = """({ row, words }) => new Promise((done) => {
  const link = document.querySelector(`.place[aria-posinset="${row}"] a`);
  const began = performance.now();
  link.click();
  const look = () => {
    const log = document.querySelector("[role=log]");
    if (log && log.textContent.includes(words)) done(performance.now() - began);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""
LONGEST = """() => {
  window.__longest = 0;
  new PerformanceObserver((list) => {
    const took = list.getEntries().map((task) => task.duration);
    window.__longest = Math.max(window.__longest, ...took);
  }).observe({ type: "longtask" });
}"""
LOADED = "() => document.getElementById('rows').getAttribute('aria-busy') !== 'true'"


@dataclass(frozen=True)
class Desk:
    """One operator before a list of so many dialogs."""

    program: Program
    page: Page


@asynccontextmanager
async def chromium_of() -> AsyncIterator[Browser]:
    async with (
        async_playwright() as play,
        await play.chromium.launch(executable_path=chromium(), args=QUIET) as launched,
    ):
        yield launched


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Program]:
    program = Program(folder)
    await program.start()
    try:
        yield program
    finally:
        await program.stop()


async def on_a_site(browser: Browser, site: str) -> tuple[float, float]:
    """Milliseconds of a first visit: the script until its button, a press until the panel."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = await context.new_page()
        await page.add_init_script(WATCH)
        async with page.expect_response(lambda answer: "/panel" in answer.url):
            await page.goto(site)
        await page.wait_for_function("window.__shown")
        return await page.evaluate(LAUNCHER), await page.evaluate(PANEL)
    finally:
        await context.close()


@asynccontextmanager
async def at_a_desk(browser: Browser, program: Program, dialogs: int) -> AsyncIterator[Desk]:
    """A signed-in operator whose list has been read to its end."""
    await crowd(program.url, [f"Вопрос {n}." for n in range(1, dialogs + 1)])
    printed = await program.command("user", "add", "olga")
    operator = await Operator.arrive(browser, program.url)
    try:
        await operator.page.evaluate("localStorage.setItem('otklik.ring.asked', 'on')")
        await operator.sign_in("olga", printed.split("code ")[1].split()[0])
        page = operator.page
        await expect(page.locator(".place").first).to_be_visible()
        last = page.locator(f".place[aria-posinset='{dialogs}']")
        while not await last.count():
            await page.evaluate("() => document.getElementById('rows').scrollTo(0, 1e9)")
            await page.wait_for_function(LOADED)
        yield Desk(program, page)
    finally:
        await operator.context.close()


async def opening(desk: Desk, rows: int) -> list[float]:
    """Milliseconds from the press on a row until its words stand in the thread."""
    await desk.page.evaluate("() => document.getElementById('rows').scrollTo(0, 0)")
    await expect(desk.page.locator(".place[aria-posinset='1']")).to_be_visible()
    took = []
    for row in range(1, rows + 1):
        said = await desk.page.locator(f".place[aria-posinset='{row}']").inner_text()
        words = "Вопрос " + said.split("Вопрос ")[1].split(".")[0] + "."
        took.append(await desk.page.evaluate(DIALOG, {"row": row, "words": words}))
    return took


async def busiest(desk: Desk, messages: int, per_second: float) -> float:
    """The longest task of the page in milliseconds, of those above 50, while messages come."""
    await desk.page.evaluate(LONGEST)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(session_of())
        writers = [
            await stack.enter_async_context(visitor(session, desk.program.url, f"busy{n:03d}"))
            for n in range(WRITERS)
        ]
        for n in range(messages):
            await writers[n % WRITERS].send()
            await asyncio.sleep(1 / per_second if per_second else 0)
        for one in writers:
            for _ in range(one.sent):
                await one.acknowledged()
    newest = desk.page.locator(".place", has_text="busy")
    pill = desk.page.locator(".newcomers")
    await expect(newest.or_(pill).first).to_be_visible()
    longest: float = await desk.page.evaluate("window.__longest")
    return longest


async def measure(
    folder: Path,
    *,
    rounds: int = 5,
    dialogs: int = 2_000,
    opened: int = 10,
    messages: int = 300,
    per_second: float = 50,
) -> list[Figure]:
    async with chromium_of() as browser:
        launcher, panel = [], []
        (folder / "site").mkdir()
        async with running(folder / "site") as program, Shop(program.url) as shop:
            for _ in range(rounds):
                shown, ready = await on_a_site(browser, shop.url)
                launcher.append(shown)
                panel.append(ready)
        (folder / "desk").mkdir()
        async with (
            running(folder / "desk") as program,
            at_a_desk(browser, program, dialogs) as desk,
        ):
            took = await opening(desk, opened)
            longest = [await busiest(desk, messages, per_second)]
    busy = f"longest task, {per_second:.0f} messages/s, {dialogs:,} dialogs"
    return [
        Figure("the chat's script until its button", "ms", launcher, aim="≤ 100"),
        Figure("a press on it until the panel is ready", "ms", panel, aim="≤ 100"),
        Figure(f"opening a dialog among {dialogs:,}", "ms", took, aim="≤ 100"),
        Figure(busy, "ms", longest, aim="≤ 100"),
    ]
