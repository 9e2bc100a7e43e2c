"""The hub put together over this run's store, with a world that the test moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.accounts import Who
from hub.hub import Hub
from hub.store.engine import Engine
from tests.spine import Clock, Mortal, Platform, assembled, operator


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
