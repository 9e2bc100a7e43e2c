"""What the tests of many channel kinds are furnished with: a clock, files, servers, a busy day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from ssl import SSLContext
from typing import Any, TypeVar

from aiohttp import web

from bots.platforms.platform import Blob, Person, Platform
from hub.channels.port import Bytes
from hub.model import Attachment, FileId
from tests.bots.contract import AT

SIZE = 3_000
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100").ljust(SIZE, b"\0")
PNG = bytes.fromhex("89504e470d0a1a0a").ljust(SIZE, b"\0")

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
AnyPlatform = TypeVar("AnyPlatform", bound=Platform)


class Clock:
    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        return self.now


def attachment(name: str, mime: str, kind: Any = "file", size: int = SIZE) -> Attachment:
    return Attachment(FileId(name), name, mime, size, kind)


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


@asynccontextmanager
async def playing(platform: AnyPlatform) -> AsyncIterator[AnyPlatform]:
    """That platform, while it is served."""
    await platform.start()
    try:
        yield platform
    finally:
        await platform.stop()


@asynccontextmanager
async def serving(answer: Answer, tls: SSLContext | None = None) -> AsyncIterator[str]:
    """The address of a server that answers so, whatever it is asked for."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def all_that_she_does(platform: Platform, anna: Person) -> None:
    """Anna speaks, sends, changes, reacts and takes back; somebody of the business answers."""
    first = await platform.write(anna, "Здравствуйте")
    await platform.write(anna, "Ещё вопрос", quote=first.id)
    await platform.send_file(anna, Blob("a.jpg", "image/jpeg", JPEG, "image"), text="смета")
    await platform.send_place(anna, 59.9, 30.3)
    await platform.send_card(anna, "Анна", anna.phone, own=True)
    await platform.rewrite(anna, first.id, "Добрый день")
    await platform.react(anna, first.id, "👍")
    await platform.take_back(anna, first.id)
    await platform.staff_reply(anna, "Я перезвоню")


HEARD = (
    *["MessageReceived"] * 5,
    *("MessageEdited", "MessageReacted", "MessageDeleted", "StaffReplied"),
)
"""The events that all of it is to a hub."""
