"""A real Chromium and a real hub; a wire between them that a test can cut."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Error, Page, async_playwright

from tests.chaos.process import Program

from .wire import Wire

# Of two such switches the last counts: Playwright's own list, and then the lists under the address
# bar, which for every window are two pages more than the one that is looked at.
OFF = (
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,"
    "HttpsFirstBalancedModeAutoEnable,LensOverlay,MediaRouter,PaintHolding,"
    "ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,TcpPortRandomizationWin,"
    "OptimizationHints,NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch,"
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup"
)
# Chromium of its own accord looks for its maker's servers; nothing outside is to be asked.
QUIET = [
    f"--disable-features={OFF}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# In the page and not on the way to it: what is routed is kept in no cache, and tests route by
# themselves. Answers overtake each other, as they do on a slow line; what one socket brings comes
# late in its order, and its end after all of it.
LATE = """{
  const most = %d;
  const real = window.fetch;
  const ours = /^[/](api[/]|widget[/][^/]+[/](config|slots)$)/;
  window.fetch = async (what, how) => {
    const answer = await real(what, how);
    const { pathname } = new URL(answer.url || String(what), location.href);
    if (ours.test(pathname)) await new Promise((on) => setTimeout(on, Math.random() * most));
    return answer;
  };
  window.WebSocket = class extends WebSocket {
    constructor(...how) {
      super(...how);
      let before = Promise.resolve();
      const later = (event) => {
        if (!event.isTrusted) return;
        event.stopImmediatePropagation();
        const late = new Promise((on) => setTimeout(on, Math.random() * most));
        before = Promise.all([before, late]).then(() => {
          this.dispatchEvent(new event.constructor(event.type, event));
        });
      };
      for (const type of ["message", "close"]) this.addEventListener(type, later);
    }
  };
}"""


def chromium() -> str:
    known = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    found = os.environ.get("HUB_TEST_CHROMIUM") or next(filter(None, known), None)
    if not found:
        raise RuntimeError("no chromium found; `make browser` gets one or says how")
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All who speak with the one Chromium of a run are on its loop."""
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def launched(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    async with async_playwright() as play:
        made = await play.chromium.launch(executable_path=chromium(), args=QUIET)
        slow_down(made, request.config.getoption("--lag"), request.config.getoption("--throttle"))
        yield made
        await made.close()


def slow_down(browser: Browser, lag: int, times: float) -> None:
    """What is opened from now on has its answers up to `lag` late and is so many times slower."""
    quick = browser.new_context

    async def slow(**how: Any) -> BrowserContext:
        context = await quick(**how)
        if lag:
            await context.add_init_script(LATE % lag)
        if times > 1:
            # A window that a page opens as well.
            context.on("page", lambda page: throttle(page, times))
        return context

    browser.new_context = slow  # type: ignore[method-assign]


async def throttle(page: Page, times: float) -> None:
    # It may be gone by then.
    with suppress(Error):
        session = await page.context.new_cdp_session(page)
        await session.send("Emulation.setCPUThrottlingRate", {"rate": times})


@pytest_asyncio.fixture(loop_scope="session")
async def browser(launched: Browser) -> AsyncIterator[Browser]:
    """The Chromium of the run; whoever was at it is gone after the test."""
    yield launched
    for context in launched.contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    made = Program(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def wire(program: Program) -> AsyncIterator[Wire]:
    """Everything a browser sends to `wire.url` reaches the hub, until it is cut."""
    async with Wire("127.0.0.1", program.port) as made:
        yield made
