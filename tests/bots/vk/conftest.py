"""A played VK, a channel of its community, the hub's files, and Anna, who has written before."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.platforms.platform import Person
from bots.platforms.vk import VKPlatform
from bots.vk import VK
from tests.bots.vk.house import Shelf, connected, played


@pytest.fixture
async def vk() -> AsyncIterator[VKPlatform]:
    async with played() as made:
        yield made


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def channel(vk: VKPlatform, shelf: Shelf) -> AsyncIterator[VK]:
    made = connected(vk, shelf)
    yield made
    await made.close()


@pytest.fixture
def anna(vk: VKPlatform) -> Person:
    return vk.chats["77"].person
