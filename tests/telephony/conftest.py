"""A real Asterisk and its phones, one pair for all tests of a process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hub.hub import Hub
from hub.store.engine import Engine
from telephony.ari.client import Ari, AriError
from tests.ports import free_port
from tests.spine import Clock, Mortal, assembled
from tests.telephony.pbx.asterisks import Asterisk, NoAsteriskError, built, pair
from tests.telephony.pbx.phones import Phones, playing

EMPTY_IN_S = 30.0


@pytest.fixture(scope="session")
def wire_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def asterisks(quick: Path, wire_port: int) -> Iterator[tuple[Asterisk, Asterisk]]:
    """The exchange and its phones; where Asterisk cannot be had CI fails, others skip."""
    try:
        home = built()
    except NoAsteriskError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"Asterisk cannot be had here: {error}")
    exchange, phones = pair(home, quick / "asterisks", wire_port)
    try:
        phones.start()
        exchange.start()
        yield exchange, phones
    finally:
        exchange.kill()
        phones.kill()


@pytest.fixture
async def exchange(asterisks: tuple[Asterisk, Asterisk]) -> AsyncIterator[Asterisk]:
    """The hub's Asterisk; after the test it answers and has no channel and no bridge."""
    asterisk = asterisks[0]
    yield asterisk
    ari = Ari(asterisk.url, asterisk.user, asterisk.password)
    try:
        async with asyncio.timeout(EMPTY_IN_S):
            await ari.get("applications")
            while await ari.get("channels") or await ari.get("bridges"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except (TimeoutError, AriError):
        # The next test is to have a sound one, whatever this one made of it.
        asterisk.kill()
        asterisk.start()
        raise
    finally:
        await ari.close()


@pytest.fixture
async def phones(asterisks: tuple[Asterisk, Asterisk]) -> AsyncIterator[Phones]:
    async with playing(asterisks[1]) as phones:
        yield phones


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mortal(engine: Engine) -> Mortal:
    """The store of `hub`; it lives until a test tells it to die."""
    return Mortal(engine)


@pytest.fixture
async def hub(mortal: Mortal, tmp_path: Path, clock: Clock) -> Hub:
    """The hub over this run's store, with nothing running."""
    return await assembled(mortal, clock, tmp_path)
