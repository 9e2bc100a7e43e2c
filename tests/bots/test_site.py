from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bots
from bots.site import LATEST, Settings, Site
from hub.channel import Hook
from hub.errors import ConfigError, PayloadError
from hub.events import DeliveryReported, MessageReceived, TypingNoticed
from hub.model import Attachment, ChannelId, FileId, OutState, Visit
from hub.store.engine import milliseconds
from tests.bots.contract import AT, KEYS, ChannelContract

SHOP = "https://shop.example"
SITE = Site(ChannelId("the-channel"), Settings(origins=(SHOP,)), KEYS)
KEY = SITE.mint()
VISITOR = KEY.partition(".")[0]


def hook(visitor_key: str = KEY, origin: str = SHOP, **frame: Any) -> Hook:
    return Hook(
        body=msgspec.json.encode(frame),
        headers={"x-visitor-key": visitor_key, "origin": origin, "host": "hub.example"},
        received_at=AT,
    )


def message(**more: Any) -> Hook:
    told: dict[str, Any] = {
        "t": "send",
        "key": "key-00001",
        "at": milliseconds(AT),
        "order": 3,
        "text": "Привет",
    }
    return hook(**(told | more))


class TestSite(ChannelContract):
    kind = "site"
    settings: ClassVar[dict[str, Any]] = {"origins": [SHOP]}
    secrets = (KEY.partition(".")[2],)

    def hooks(self, channel: Any) -> list[Hook]:
        return [
            message(),
            message(visit={"page": "https://shop.example/a", "utm": {"source": "ya"}}),
            hook(t="typing"),
            hook(t="delivered", external_id="e1"),
            hook(t="read", external_id="e1"),
            hook(origin="http://hub.example", t="typing"),
        ]

    def unsigned(self, channel: Any) -> list[Hook]:
        other = Site(ChannelId("another"), Settings(), KEYS).mint()
        return [
            hook(visitor_key="", t="typing"),
            hook(visitor_key=VISITOR, t="typing"),
            hook(visitor_key=f"{VISITOR}.", t="typing"),
            hook(visitor_key=f"{VISITOR}x.{KEY.partition('.')[2]}", t="typing"),
            hook(visitor_key=other, t="typing"),
            hook(origin="", t="typing"),
            hook(origin="https://evil.example", t="typing"),
            hook(origin="https://shop.example.evil", t="typing"),
        ]


def test_a_message_says_who_what_and_when() -> None:
    picture = Attachment(FileId("f1"), "a.png", "image/png", 5, "image", 2, 3)
    [event] = SITE.parse(
        message(attachments=[msgspec.to_builtins(picture)], visit={"page": "p"}, reply_to="e0")
    )
    assert isinstance(event, MessageReceived)
    assert event.sender.external_id == VISITOR
    assert event.external_id == f"{VISITOR}:key-00001"
    assert (event.at, event.order, event.text) == (AT, 3, "Привет")
    assert (event.attachments, event.visit) == ((picture,), Visit(page="p"))
    assert event.reply_to == "e0"


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_visitors_clock_is_believed_within_two_days(at: int) -> None:
    [event] = SITE.parse(message(at=at))
    assert AT - LATEST <= event.at <= AT
    if milliseconds(AT - LATEST) <= at <= milliseconds(AT):
        assert milliseconds(event.at) == at


@pytest.mark.parametrize("state", [OutState.DELIVERED, OutState.READ])
def test_a_tick_is_about_a_message_and_all_before_it(state: OutState) -> None:
    [event] = SITE.parse(hook(t=state.value, external_id="e1"))
    assert isinstance(event, DeliveryReported)
    assert (event.external_id, event.state, event.upto) == ("e1", state, True)


def test_typing_is_noticed() -> None:
    [event] = SITE.parse(hook(t="typing"))
    assert isinstance(event, TypingNoticed)


@pytest.mark.parametrize(
    "frame",
    [
        {"text": " "},
        {"key": "short"},
        {"key": "with space"},
        {"key": "key-00001\n"},
        {"order": -1},
        {"order": 2**60},
        {"at": None},
    ],
)
def test_a_frame_that_the_door_would_not_pass_is_a_payload_error(frame: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        SITE.parse(message(**frame))
    with pytest.raises(PayloadError):
        SITE.parse(msgspec.structs.replace(message(), headers={}))


@pytest.mark.parametrize(
    "settings",
    [
        {"origins": ["shop.example"]},
        {"origins": ["https://Shop.example"]},
        {"origins": ["https://shop.example/"]},
        {"origins": ["ftp://shop.example"]},
        {"color": "red"},
        {"color": "#12345g"},
        {"visitor_per_minute": 0},
    ],
)
def test_a_bad_setting_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings, Settings)


def test_without_origins_only_the_hubs_own_pages_show_the_chat() -> None:
    site = Site(ChannelId("c"), Settings(), KEYS)
    assert site.allows("https://hub.example", "hub.example")
    assert not site.allows(SHOP, "hub.example")
    assert not site.allows("", "hub.example")
    everywhere = Site(ChannelId("c"), Settings(origins=("*",)), KEYS)
    assert everywhere.allows(SHOP, "hub.example")


def test_a_key_once_made_is_known_for_ever() -> None:
    assert SITE.visitor(KEY) == VISITOR
    assert Site(ChannelId("the-channel"), Settings(), KEYS).visitor(KEY) == VISITOR
    assert timedelta(hours=48) == LATEST


@pytest.mark.parametrize("kind", ["nothing", "", "..", "site.x", "__init__", "Site", "os"])
def test_an_unknown_kind_is_answered_with_the_known_ones(kind: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bots.load(kind)
    assert "site" in str(caught.value)
