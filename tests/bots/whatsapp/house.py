"""The settings, hooks and people of the tests of WhatsApp."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import msgspec

from bots.platforms.whatsapp import WhatsAppPlatform
from bots.whatsapp import WhatsApp, WhatsAppSettings
from hub.channels.port import Bytes, Hook
from hub.model import ChannelId
from tests.bots.contract import AT, KEYS
from tests.bots.house import JPEG, Held

FIXTURES = Path(__file__).parents[2] / "fixtures" / "whatsapp"
SETTINGS = {
    "token": "EAAG-the-token",
    "app_secret": "0123456789abcdef0123456789abcdef",
    "phone_number_id": "106540352242922",
    "business_id": "419561257915477",
}
CHANNEL = WhatsApp(ChannelId("the-channel"), msgspec.convert(SETTINGS, WhatsAppSettings), KEYS)
TOKEN = KEYS.sign("hook", "the-channel")


def signed(body: bytes, secret: str = SETTINGS["app_secret"], **headers: str) -> Hook:
    right = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Hook(
        body=body, headers={"x-hub-signature-256": f"sha256={right}"} | headers, received_at=AT
    )


def handshake(token: str = TOKEN, mode: str = "subscribe") -> Hook:
    query = {"hub.mode": mode, "hub.verify_token": token, "hub.challenge": "1158201444"}
    return Hook(body=b"", query=query, method="GET", received_at=AT)


def opened(platform: WhatsAppPlatform, files: Bytes | None = None, **more: Any) -> WhatsApp:
    settings = msgspec.convert(platform.settings() | more, WhatsAppSettings)
    return WhatsApp(ChannelId("the-channel"), settings, KEYS, files or Held(JPEG))
