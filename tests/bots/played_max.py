"""MAX played for the tests of its adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bots.max import Max, MaxSettings
from bots.platforms.max import MaxPlatform
from bots.platforms.platform import Person
from hub.channels.port import Bytes, Hook
from hub.model import Attachment, ChannelId, ContactId, FileId, Identity, IdentityId, ProjectId
from tests.bots.contract import AT, KEYS
from tests.bots.door import Held

FIXTURES = Path(__file__).parents[1] / "fixtures" / "max"
PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(300)


def recorded(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def attachment(name: str, kind: Any, mime: str, data: bytes) -> Attachment:
    return Attachment(FileId(name), name, mime, len(data), kind)


def opened(platform: MaxPlatform, files: Bytes | None = None, **more: Any) -> Max:
    settings = msgspec.convert(platform.settings() | more, MaxSettings)
    return Max(ChannelId("the-channel"), settings, KEYS, files or Held(PNG))


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


def signed(body: bytes) -> Hook:
    headers = {"x-max-bot-api-secret": KEYS.sign("hook", "the-channel")}
    return Hook(body=body, headers=headers, received_at=AT)
