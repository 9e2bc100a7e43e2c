"""Viber played for the tests of its adapter, and what it was recorded to say."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import msgspec

from bots.platforms.viber import ViberPlatform
from bots.updates import viber as updates
from bots.viber import Viber as ViberChannel
from bots.viber import ViberSettings
from hub.channels.port import Bytes, Hook
from hub.events import ChannelEvent, MessageReceived
from hub.model import Attachment, ChannelId
from tests.bots.contract import AT, KEYS
from tests.bots.house import PNG, Held

FIXTURES = Path(__file__).parents[2] / "fixtures" / "viber"
TOKEN = "44dafb7e0f40021e-61a47a1e6778d187-f2c5a676a07050b3"
IVAN = "01234567890A="


class Served(Held):
    """A hub with a public address where its files lie."""

    def __init__(self, url: str) -> None:
        super().__init__(PNG)
        self.url = url

    def link(self, file: Attachment) -> str:
        return f"{self.url}/files/{file.name}?e=1&s=2" if self.url else ""


def opened(platform: ViberPlatform, files: Bytes | None = None) -> ViberChannel:
    settings = msgspec.convert(platform.settings(), ViberSettings)
    return ViberChannel(ChannelId("the-channel"), settings, KEYS, files)


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
