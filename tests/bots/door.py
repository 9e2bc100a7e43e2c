"""Where a played platform brings what happened: a hub's door with one channel behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from hub.channels.port import ChannelKind, Hook
from hub.errors import SignatureError
from hub.events import ChannelEvent
from hub.model import now
from tests.bots.house import serving


class Door:
    """Verifies, parses and answers as a hub does; keeps what it heard."""

    def __init__(self, channel: ChannelKind[Any]) -> None:
        self._channel = channel
        self.events: list[ChannelEvent] = []
        self.hooks: list[Hook] = []
        self.refused = 0
        self.away = 0
        """How many requests it answers with 503 before it hears again."""
        self.url = ""
        self._heard = asyncio.Event()

    async def wait_for(self, done: Callable[[], bool], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not done():
                self._heard.clear()
                await self._heard.wait()

    def take(self, hook: Hook) -> None:
        """A request that was verified, or what a poll brought."""
        self.hooks.append(hook)
        self.events.extend(self._channel.parse(hook))
        self._heard.set()

    async def come(self, request: web.Request) -> web.Response:
        if request.path != "/hooks/the-channel":
            return web.Response(status=404)
        if self.away:
            self.away -= 1
            return web.Response(status=503)
        hook = Hook(
            body=await request.read(),
            headers={name.lower(): value for name, value in request.headers.items()},
            query=dict(request.query),
            method=request.method,
            received_at=now(),
        )
        try:
            self._channel.verify(hook)
        except SignatureError:
            self.refused += 1
            return web.Response(status=403)
        self.take(hook)
        answer = await self._channel.answer(hook)
        return web.Response(text=answer.text, content_type=answer.content_type)


@asynccontextmanager
async def open_door(channel: ChannelKind[Any]) -> AsyncIterator[Door]:
    door = Door(channel)
    async with serving(door.come) as url:
        door.url = f"{url}/hooks/the-channel"
        yield door
