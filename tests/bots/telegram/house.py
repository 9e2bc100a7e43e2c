"""Telegram played for the tests of its adapter, and what it was recorded to say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from bots.platforms.telegram import TelegramPlatform
from bots.platforms.telegram_chats import picture
from bots.telegram import Telegram
from bots.tg import updates
from bots.tg.settings import TelegramSettings
from hub.channels.port import Bytes, Hook
from hub.errors import RejectedError
from hub.events import ChannelEvent, MessageReceived
from hub.model import Attachment, ChannelId
from tests.bots.contract import AT, KEYS
from tests.bots.house import attachment, serving

FIXTURES = Path(__file__).parents[2] / "fixtures" / "telegram"
NAMES = sorted(each.stem for each in FIXTURES.glob("*.json"))
SECRET = KEYS.sign("hook", "the-channel")
HEADER = "x-telegram-bot-api-secret-token"
TOKEN = "123456789:AAexample-example_example"
ANNA = "700100200"
WRITTEN_AT = datetime.fromtimestamp(1767225600, UTC)


def hook(body: bytes, **headers: str) -> Hook:
    return Hook(body=body, headers=headers or {HEADER: SECRET}, received_at=AT)


def recorded(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def told(name: str) -> ChannelEvent:
    (event,) = updates.read(hook(recorded(name)))
    return event


def message(name: str) -> MessageReceived:
    event = told(name)
    assert isinstance(event, MessageReceived)
    return event


PHOTO = attachment("a.png", "image/png", "image")
PAPER = attachment("смета.pdf", "application/pdf")


class Held(Bytes):
    """The files of a hub: a picture where one is asked for, else their names; `lost` are gone."""

    lost = ""

    async def read(self, file: Attachment) -> AsyncIterator[bytes]:
        data = picture("7").data if file.kind == "image" else file.name.encode()
        yield data[:10]
        if file.name == self.lost:
            raise RejectedError(reason="file_gone")
        yield data[10:]

    def link(self, file: Attachment) -> str:
        return ""


def opened(platform: TelegramPlatform, files: Bytes | None = None, **more: Any) -> Telegram:
    settings = msgspec.convert(platform.settings() | more, TelegramSettings)
    return Telegram(ChannelId("the-channel"), settings, KEYS, files or Held())


def asked(platform: TelegramPlatform, method: str) -> list[dict[str, Any]]:
    return [given for name, given in platform.calls if name == method]


@asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[Telegram]:
    """A channel of something in Telegram's place that always says the same."""

    async def says(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, content_type="application/json")

    async with serving(says) as url:
        settings = TelegramSettings(token=TOKEN, api_url=url)
        channel = Telegram(ChannelId("the-channel"), settings, KEYS)
        try:
            yield channel
        finally:
            await channel.close()
