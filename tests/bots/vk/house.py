"""VK played for the tests of its adapter: Anna, number 77, who has written before."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image

from bots.platforms.platform import Chat, Person
from bots.platforms.vk import VKPlatform
from bots.vk import VK, VKSettings
from hub.channels.port import Bytes, Hook
from hub.model import Attachment, ChannelId, FileId
from tests.bots.contract import AT, KEYS, identity
from tests.bots.house import playing

FIXTURES = Path(__file__).parents[2] / "fixtures" / "vk"
ID = ChannelId("the-channel")
GROUP = 1234
TOKEN = "vk1.a.secret-of-the-community"
SECRET = KEYS.sign("hook", ID)


def recorded(name: str, **changes: Any) -> Hook:
    told = json.loads((FIXTURES / f"{name}.json").read_text("utf-8")) | {"secret": SECRET}
    return Hook(body=json.dumps(told | changes).encode(), received_at=AT)


def silent() -> VK:
    """A channel that has nobody to call."""
    return VK(ID, VKSettings(token=TOKEN, group_id=GROUP, api_url="http://127.0.0.1:9"), KEYS)


@asynccontextmanager
async def played(**more: Any) -> AsyncIterator[VKPlatform]:
    """VK while it is served."""
    vk = VKPlatform(group=GROUP, hurry=10_000, **more)
    vk.token = TOKEN
    vk.chats["77"] = Chat(Person("77", "Анна Ким", username="anna"))
    vk.allowed.add(77)
    vk.messages[77] = {}
    async with playing(vk):
        yield vk


def connected(vk: VKPlatform, files: Bytes | None = None) -> VK:
    """A channel of that community."""
    return VK(ID, msgspec.convert(vk.settings(), VKSettings), KEYS, files)


class Shelf:
    """Files of the hub."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, name: str, mime: str, data: bytes, **more: Any) -> Attachment:
        id = FileId(f"file-{len(self.kept)}")
        self.kept[id] = data
        return Attachment(id, name, mime, len(data), **more)

    async def read(self, file: Attachment) -> AsyncIterator[bytes]:
        for at in range(0, len(self.kept[file.id]), 1000):
            yield self.kept[file.id][at : at + 1000]

    def link(self, file: Attachment) -> str:
        return ""


TO = identity()


def png(width: int = 30, height: int = 20) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (width, height)).save(drawn, "PNG")
    return drawn.getvalue()
