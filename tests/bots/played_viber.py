"""Viber played for the tests of its adapter, and what it was recorded to say."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from bots.platforms.platform import Person
from bots.platforms.viber import ViberPlatform
from bots.updates import viber as updates
from bots.viber import Viber as ViberChannel
from bots.viber import ViberSettings
from hub.channels.port import Bytes, Hook
from hub.events import ChannelEvent, MessageReceived
from hub.model import Attachment, ChannelId, ContactId, FileId, Identity, IdentityId, ProjectId
from tests.bots.contract import AT, KEYS

FIXTURES = Path(__file__).parent.parent / "fixtures" / "viber"
TOKEN = "44dafb7e0f40021e-61a47a1e6778d187-f2c5a676a07050b3"
IVAN = "01234567890A="
PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(300)


class Served(Bytes):
    """A hub with a public address where its files lie."""

    def __init__(self) -> None:
        self.url = ""
        self.data = PNG
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        app = web.Application()
        app.add_routes([web.get("/files/{name}", self._serve)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        return web.Response(body=self.data)

    async def read(self, file: Attachment) -> AsyncIterator[bytes]:
        yield self.data

    def link(self, file: Attachment) -> str:
        return f"{self.url}/files/{file.name}?e=1&s=2" if self.url else ""


@asynccontextmanager
async def played() -> AsyncIterator[ViberPlatform]:
    made = ViberPlatform()
    await made.start()
    made.webhook = "http://127.0.0.1:1/hooks/the-channel"
    try:
        yield made
    finally:
        await made.stop()


def opened(platform: ViberPlatform, files: Bytes | None = None) -> ViberChannel:
    settings = msgspec.convert(platform.settings(), ViberSettings)
    return ViberChannel(ChannelId("the-channel"), settings, KEYS, files)


def identity(person: Person) -> Identity:
    return Identity(
        id=IdentityId(f"the-channel:{person.id}"),
        project=ProjectId("shop"),
        channel=ChannelId("the-channel"),
        external_id=person.id,
        contact=ContactId("c"),
        created_at=AT,
        seen_at=AT,
    )


def attachment(name: str, mime: str, size: int = len(PNG)) -> Attachment:
    return Attachment(FileId(name), name, mime, size)


def recorded(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def nobody(tracked: updates.Tracked, person: str) -> bool:
    return False


def told(name: str) -> ChannelEvent:
    (event,) = updates.events(recorded(name), nobody)
    return event


def message(name: str) -> MessageReceived:
    event = told(name)
    assert isinstance(event, MessageReceived)
    return event


def signed(body: bytes, token: str = TOKEN) -> Hook:
    made = hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
    return Hook(body=body, headers={"x-viber-content-signature": made}, received_at=AT)
