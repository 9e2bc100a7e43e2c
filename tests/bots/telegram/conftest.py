"""A played Telegram, a channel on it and a person who writes to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.platforms.platform import Person
from bots.platforms.telegram import TelegramPlatform
from bots.telegram import Telegram
from tests.bots.house import playing
from tests.bots.telegram.house import opened


@pytest.fixture
async def platform() -> AsyncIterator[TelegramPlatform]:
    async with playing(TelegramPlatform()) as made:
        yield made


@pytest.fixture
async def anna(platform: TelegramPlatform) -> Person:
    person = platform.person("Анна Петрова")
    await platform.begin(person)
    platform.pending.clear()
    return person


@pytest.fixture
async def channel(platform: TelegramPlatform) -> AsyncIterator[Telegram]:
    made = opened(platform)
    yield made
    await made.close()
