"""Bodies of forms as tests send them, with their keys."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec

import bots
from hub.channels.port import ChannelKind, Hook
from hub.events import FormFilled
from hub.model import ChannelId
from tests.bots.contract import AT, KEYS

FIXTURES = Path(__file__).parents[2] / "fixtures" / "sources"
JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
OWN_KEY = "a-key-of-the-admins-own"


def source(kind: str, **settings: Any) -> ChannelKind[Any]:
    made = bots.load(kind)
    channel: ChannelKind[Any] = made(
        ChannelId("the-channel"), msgspec.convert(settings, made.settings_type), KEYS
    )
    return channel


def key_of(channel: ChannelKind[Any]) -> str:
    return channel.handed()["key"]


def sent(body: bytes, content_type: str = JSON, **headers: str) -> Hook:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Hook(body=body, headers={"content-type": content_type, **named}, received_at=AT)


def told(body: object, **headers: str) -> Hook:
    return sent(msgspec.json.encode(body), **headers)


def recorded(name: str, content_type: str = JSON, **headers: str) -> Hook:
    return sent((FIXTURES / name).read_bytes(), content_type, **headers)


def basic(user: str, key: str) -> str:
    return f"Basic {b64encode(f'{user}:{key}'.encode()).decode()}"


def form_of(channel: ChannelKind[Any], hook: Hook) -> FormFilled:
    [event] = channel.parse(hook)
    assert isinstance(event, FormFilled), event
    return event
