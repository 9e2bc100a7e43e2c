"""A played Viber that knows its hook, a channel on it with files, and a person who has written."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bots.platforms.platform import Person
from bots.platforms.viber import ViberPlatform
from bots.viber import Viber as ViberChannel
from tests.bots.house import PNG, playing, serving
from tests.bots.viber.house import Served, opened


@pytest.fixture
async def files() -> AsyncIterator[Served]:
    async def give(request: web.Request) -> web.Response:
        assert request.path.startswith("/files/")
        return web.Response(body=PNG)

    async with serving(give) as url:
        yield Served(url)


@pytest.fixture
async def platform() -> AsyncIterator[ViberPlatform]:
    async with playing(ViberPlatform()) as made:
        made.webhook = "http://127.0.0.1:1/hooks/the-channel"
        yield made


@pytest.fixture
async def channel(platform: ViberPlatform, files: Served) -> AsyncIterator[ViberChannel]:
    made = opened(platform, files)
    yield made
    await made.close()


@pytest.fixture
async def anna(platform: ViberPlatform) -> Person:
    person = platform.person()
    await platform.write(person, "здравствуйте")
    return person
