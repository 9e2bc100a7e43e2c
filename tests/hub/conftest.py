"""The hub put together over this run's store, with a world that the test moves."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.accounts import Who
from hub.hub import Hub
from hub.store.engine import Engine
from tests.scripted import Platform
from tests.spine import Clock, Mortal, assembled, operator


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """For tests of what sets up the log of a whole process: the next test has its own again."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mortal(engine: Engine) -> Mortal:
    """The store of `hub`; it lives until a test tells it to die."""
    return Mortal(engine)


@pytest.fixture
async def hub(mortal: Mortal, tmp_path: Path, clock: Clock) -> Hub:
    """The hub put together over this run's store, with two projects and nothing running."""
    return await assembled(mortal, clock, tmp_path)


@pytest.fixture
def site(hub: Hub) -> Platform:
    live = hub.channels.get("site")
    assert isinstance(live, Platform)
    return live


@pytest.fixture
def vk(hub: Hub) -> Platform:
    live = hub.channels.get("vk")
    assert isinstance(live, Platform)
    return live


@pytest.fixture
def anna() -> Who:
    return operator("Anna")


@pytest.fixture
def boris() -> Who:
    return operator("Boris")
