"""A real Chromium and a real hub; a wire between them that a test can cut."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.chaos.process import Program

from .wire import Wire

# Chromium of its own accord looks for its maker's servers; nothing outside is to be asked.
QUIET = [
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


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as play:
        launched = await play.chromium.launch(executable_path=chromium(), args=QUIET)
        yield launched
        await launched.close()


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    made = Program(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def wire(program: Program) -> AsyncIterator[Wire]:
    """Everything a browser sends to `wire.url` reaches the hub, until it is cut."""
    async with Wire("127.0.0.1", program.port) as made:
        yield made
