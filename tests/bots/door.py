"""Where a played platform brings what happened: a hub's door with one channel behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from hub.channels.port import Bytes, ChannelKind, Hook
from hub.errors import SignatureError
from hub.events import ChannelEvent
from hub.model import Attachment, now


class Held(Bytes):
    """The files of a hub that has these bytes, whatever it is asked for."""

    def __init__(self, data: bytes, link: str = "") -> None:
        self._data = data
        self._link = link

    async def read(self, file: Attachment) -> AsyncIterator[bytes]:
        for at in range(0, len(self._data), 1000):
            yield self._data[at : at + 1000]

    def link(self, file: Attachment) -> str:
        return self._link


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

    async def _come(self, request: web.Request) -> web.Response:
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

    def serve(self) -> Callable[[web.Request], Awaitable[web.Response]]:
        return self._come


@asynccontextmanager
async def open_door(channel: ChannelKind[Any]) -> AsyncIterator[Door]:
    door = Door(channel)
    app = web.Application()
    app.router.add_route("*", "/hooks/the-channel", door.serve())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    door.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/the-channel"
    try:
        yield door
    finally:
        await runner.cleanup()
