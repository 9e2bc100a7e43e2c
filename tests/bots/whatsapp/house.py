"""The settings, hooks and people of the tests of WhatsApp."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from bots.platforms.whatsapp import WhatsAppPlatform
from bots.whatsapp import WhatsApp, WhatsAppSettings
from hub.channels.port import Bytes, Hook
from hub.model import (
    Attachment,
    ChannelId,
    ContactId,
    FileId,
    Identity,
    IdentityId,
    ProjectId,
)
from tests.bots.contract import AT, KEYS
from tests.bots.door import Held

FIXTURES = Path(__file__).parents[2] / "fixtures" / "whatsapp"
SETTINGS = {
    "token": "EAAG-the-token",
    "app_secret": "0123456789abcdef0123456789abcdef",
    "phone_number_id": "106540352242922",
    "business_id": "419561257915477",
}
CHANNEL = WhatsApp(ChannelId("the-channel"), msgspec.convert(SETTINGS, WhatsAppSettings), KEYS)
TOKEN = KEYS.sign("hook", "the-channel")
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100") + bytes(3_000)


def signed(body: bytes, secret: str = SETTINGS["app_secret"], **headers: str) -> Hook:
    right = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Hook(
        body=body, headers={"x-hub-signature-256": f"sha256={right}"} | headers, received_at=AT
    )


def handshake(token: str = TOKEN, mode: str = "subscribe") -> Hook:
    query = {"hub.mode": mode, "hub.verify_token": token, "hub.challenge": "1158201444"}
    return Hook(body=b"", query=query, method="GET", received_at=AT)


def identity(external_id: str) -> Identity:
    return Identity(
        id=IdentityId(f"the-channel:{external_id}"),
        project=ProjectId("shop"),
        channel=ChannelId("the-channel"),
        external_id=external_id,
        contact=ContactId("c"),
        created_at=AT,
        seen_at=AT,
    )


def attachment(name: str, mime: str, kind: Any, size: int = len(JPEG)) -> Attachment:
    return Attachment(FileId(name), name, mime, size, kind)


def opened(platform: WhatsAppPlatform, files: Bytes | None = None, **more: Any) -> WhatsApp:
    settings = msgspec.convert(platform.settings() | more, WhatsAppSettings)
    return WhatsApp(ChannelId("the-channel"), settings, KEYS, files or Held(JPEG))


class Clock:
    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        return self.now
