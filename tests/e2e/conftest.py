"""A real Chromium and a real hub; a wire between them that a test can cut."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

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


def chromium() -> str:
    found = os.environ.get("HUB_TEST_CHROMIUM") or shutil.which("chromium")
    if not found:
        raise RuntimeError("no chromium found; `make install` says how to get one")
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All who speak with the one Chromium of a run are on its loop."""
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def launched() -> AsyncIterator[Browser]:
    async with async_playwright() as play:
        made = await play.chromium.launch(executable_path=chromium(), args=QUIET)
        yield made
        await made.close()


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
