"""A played MAX, a channel on it and a person who has begun."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.max import Max as MaxChannel
from bots.platforms.max import MaxPlatform
from bots.platforms.platform import Person
from tests.bots.house import playing
from tests.bots.max.house import opened


@pytest.fixture
async def platform() -> AsyncIterator[MaxPlatform]:
    async with playing(MaxPlatform(hour=3)) as made:
        yield made


@pytest.fixture
async def channel(platform: MaxPlatform) -> AsyncIterator[MaxChannel]:
    made = opened(platform)
    yield made
    await made.close()


@pytest.fixture
async def anna(platform: MaxPlatform) -> Person:
    person = platform.person()
    await platform.begin(person)
    return person
