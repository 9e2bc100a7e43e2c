"""A played WhatsApp, a channel on it, a door behind the channel, and a person who has written."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.platforms.platform import Person
from bots.platforms.whatsapp import WhatsAppPlatform
from bots.whatsapp import WhatsApp
from tests.bots.door import Door, open_door
from tests.bots.house import Clock, playing
from tests.bots.whatsapp.house import opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(clock: Clock) -> AsyncIterator[WhatsAppPlatform]:
    async with playing(WhatsAppPlatform(now=clock)) as made:
        yield made


@pytest.fixture
async def channel(platform: WhatsAppPlatform) -> AsyncIterator[WhatsApp]:
    made = opened(platform)
    yield made
    await made.close()


@pytest.fixture
async def door(channel: WhatsApp) -> AsyncIterator[Door]:
    async with open_door(channel) as door:
        await channel.set_hook(door.url)
        door.events.clear()
        yield door


@pytest.fixture
async def anna(platform: WhatsAppPlatform) -> Person:
    person = platform.person()
    await platform.write(person, "Здравствуйте")
    await platform.settled()
    return person
