"""MAX played for the tests of its adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bots.max import Max, MaxSettings
from bots.platforms.max import MaxPlatform
from hub.channels.port import Bytes, Hook
from hub.model import ChannelId
from tests.bots.contract import AT, KEYS
from tests.bots.house import PNG, Held

FIXTURES = Path(__file__).parents[2] / "fixtures" / "max"


def recorded(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def opened(platform: MaxPlatform, files: Bytes | None = None, **more: Any) -> Max:
    settings = msgspec.convert(platform.settings() | more, MaxSettings)
    return Max(ChannelId("the-channel"), settings, KEYS, files or Held(PNG))


def signed(body: bytes) -> Hook:
    headers = {"x-max-bot-api-secret": KEYS.sign("hook", "the-channel")}
    return Hook(body=body, headers=headers, received_at=AT)
