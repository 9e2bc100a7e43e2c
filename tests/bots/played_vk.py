"""VK played for the tests of its adapter: Anna, number 77, who has written before."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from PIL import Image

from bots.platforms.platform import Chat, Person
from bots.platforms.vk import VKPlatform
from bots.vk import VK, VKSettings
from hub.channels.port import Bytes, Hook
from hub.errors import SignatureError
from hub.events import ChannelEvent, Ignored
from hub.model import Attachment, ChannelId, ContactId, FileId, Identity, IdentityId, ProjectId
from tests.bots.contract import AT, KEYS

FIXTURES = Path(__file__).parents[1] / "fixtures" / "vk"
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
    await vk.start()
    vk.chats["77"] = Chat(Person("77", "Анна Ким", username="anna"))
    vk.allowed.add(77)
    vk.messages[77] = {}
    try:
        yield vk
    finally:
        await vk.stop()


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


def identity(external_id: str = "77") -> Identity:
    return Identity(
        id=IdentityId(f"{ID}:{external_id}"),
        project=ProjectId("shop"),
        channel=ID,
        external_id=external_id,
        contact=ContactId("c"),
        created_at=AT,
        seen_at=AT,
    )


TO = identity()


def png(width: int = 30, height: int = 20) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (width, height)).save(drawn, "PNG")
    return drawn.getvalue()


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def door(channel: VK, *, refusing: int = 0) -> AsyncIterator[tuple[str, list[ChannelEvent]]]:
    """A door as the hub's: verified, parsed, answered; the first `refusing` updates are not."""
    came: list[ChannelEvent] = []
    left = [refusing]

    async def take(request: web.Request) -> web.Response:
        hook = Hook(body=await request.read(), received_at=AT)
        try:
            channel.verify(hook)
        except SignatureError:
            return web.Response(status=403)
        events = channel.parse(hook)
        if left[0] and not any(isinstance(each, Ignored) for each in events):
            left[0] -= 1
            return web.Response(status=503)
        came.extend(events)
        return web.Response(text=(await channel.answer(hook)).text)

    async with serving(take) as url:
        yield f"{url}/hooks/{channel.id}", came
