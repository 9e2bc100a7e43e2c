"""The settings, files and channels of the tests of Green-API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bots.greenapi import GreenAPI, GreenAPISettings
from bots.platforms.greenapi import GreenAPIPlatform
from hub.channels.port import Bytes
from hub.model import ChannelId
from tests.bots.contract import KEYS
from tests.bots.house import JPEG, Held

FIXTURES = Path(__file__).parents[2] / "fixtures" / "greenapi"
SETTINGS: dict[str, Any] = {
    "api_url": "https://1101.api.green-api.com",
    "instance_id": "1101000001",
    "token": "d75b3a66374942c5b3c019c698abc2067e15",
}
TOKEN = KEYS.sign("hook", "the-channel")


def opened(platform: GreenAPIPlatform, files: Bytes | None = None, **more: str) -> GreenAPI:
    settings = msgspec.convert(platform.settings() | more, GreenAPISettings)
    return GreenAPI(ChannelId("the-channel"), settings, KEYS, files or Held(JPEG))
