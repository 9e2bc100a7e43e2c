"""A played Green-API, a channel on it, a door behind the channel, and a person."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.greenapi import GreenAPI
from bots.platforms.greenapi import GreenAPIPlatform
from bots.platforms.platform import Person
from tests.bots.door import Door, open_door
from tests.bots.greenapi.house import opened
from tests.bots.house import Clock, playing


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(clock: Clock) -> AsyncIterator[GreenAPIPlatform]:
    async with playing(GreenAPIPlatform(now=clock)) as made:
        yield made


@pytest.fixture
async def channel(platform: GreenAPIPlatform) -> AsyncIterator[GreenAPI]:
    made = opened(platform)
    yield made
    await made.close()


@pytest.fixture
async def door(channel: GreenAPI) -> AsyncIterator[Door]:
    async with open_door(channel) as door:
        await channel.set_hook(door.url)
        yield door


@pytest.fixture
def anna(platform: GreenAPIPlatform) -> Person:
    return platform.person()
