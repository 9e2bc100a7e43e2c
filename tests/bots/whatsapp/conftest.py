"""A played WhatsApp, a channel on it and a door behind the channel."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.platforms.platform import Person
from bots.platforms.whatsapp import WhatsAppPlatform
from bots.whatsapp import WhatsApp
from tests.bots.door import Door, open_door
from tests.bots.whatsapp.house import Clock, opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(clock: Clock) -> AsyncIterator[WhatsAppPlatform]:
    made = WhatsAppPlatform(now=clock)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def live(platform: WhatsAppPlatform) -> AsyncIterator[WhatsApp]:
    made = opened(platform)
    yield made
    await made.close()


@pytest.fixture
async def door(platform: WhatsAppPlatform, live: WhatsApp) -> AsyncIterator[Door]:
    async with open_door(live) as door:
        await live.set_hook(door.url)
        door.events.clear()
        yield door


@pytest.fixture
async def anna(platform: WhatsAppPlatform) -> Person:
    person = platform.person()
    await platform.write(person, "Здравствуйте")
    await platform.settled()
    return person
