"""Viber against recorded callbacks: its contract, what is read of them, what counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
import pytest

from bots.platforms.viber import ViberPlatform
from bots.updates import viber as updates
from bots.viber import REFUSALS, ViberSettings, _refusal
from bots.viber import Viber as ViberChannel
from hub.channels.port import Hook
from hub.content import Button, Remote, Spot
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import DeliveryReported, Ignored, MessageReceived, ReachabilityChanged
from hub.model import ChannelId, OutState
from tests.bots.contract import AT, KEYS, PlayedContract
from tests.bots.viber.house import (
    FIXTURES,
    IVAN,
    TOKEN,
    message,
    nobody,
    recorded,
    signed,
    told,
)


class TestViber(PlayedContract):
    kind: ClassVar[str] = "viber"
    settings: ClassVar[dict[str, Any]] = {"token": TOKEN, "name": "Ромашка"}
    secrets: ClassVar[tuple[str, ...]] = (TOKEN,)
    refusals: ClassVar[dict[type[DeliveryError], Any]] = {
        ThrottledError: 12,
        TransientError: 99,
        RejectedError: 3,
        UnreachableError: 6,
        CredentialsError: 7,
    }
    platform: ViberPlatform

    def hooks(self, channel: Any) -> list[Hook]:
        return [signed(each.read_bytes()) for each in sorted(FIXTURES.glob("*.json"))]

    def unsigned(self, channel: Any) -> list[Hook]:
        body = recorded("message_text")
        right = signed(body).headers["x-viber-content-signature"]
        headers: tuple[dict[str, str], ...] = (
            {},
            {"x-viber-content-signature": ""},
            {"x-viber-content-signature": right[:-1] + ("0" if right[-1] != "0" else "1")},
            {"x-viber-content-signature": "\udce9\udcff"},
            dict(signed(body, "another").headers),
            {"x-viber-auth-token": TOKEN},
        )
        made = [Hook(body=body, headers=each, received_at=AT) for each in headers]
        # The same words in other bytes are signed otherwise.
        again = msgspec.json.encode(msgspec.json.decode(body))
        return [*made, msgspec.structs.replace(signed(body), body=again)]

    def provoke(self, channel: Any, refusal: type[DeliveryError]) -> None:
        self.platform.refuse = self.refusals[refusal]


def test_the_published_signature_is_right_in_the_header_and_in_the_address() -> None:
    body = b'{"event":"webhook","timestamp":4977069964384421269,"message_token":1478683725125}'
    sign = "d21b343448c8aee33b8e93768ef6ceb64a6ba6163099973a2b8bd028fea510ef"
    channel = ViberChannel(ChannelId("c"), ViberSettings(token=TOKEN, name="Р"), KEYS)
    headers = {"x-viber-content-signature": sign}
    channel.verify(Hook(body=body, headers=headers, received_at=AT))
    channel.verify(Hook(body=body, query={"sig": sign}, received_at=AT))


def test_a_message_is_known_by_its_exact_number() -> None:
    event = message("message_text")
    assert event.external_id == "5741311803571721090"
    assert event.at == datetime.fromtimestamp(1763740800.123, UTC).replace(microsecond=123_000)
    assert (event.sender.external_id, event.sender.name) == (IVAN, "Иван")
    assert event.text == r"Сколько стоит 2*2 \_доставка\_?"
    assert event.question


def test_every_kind_of_message_is_read() -> None:
    picture = message("message_picture")
    assert picture.text == "вот"
    assert picture.media == (
        Remote(ref="https://dl-media.viber.com/1/p.jpg", name="p.jpg", kind="image"),
    )
    assert message("message_video").media[0].kind == "video"
    assert message("message_file").media[0] == Remote(
        ref="https://dl-media.viber.com/1/f.pdf", name="смета.pdf", size_bytes=12345
    )
    assert message("message_sticker").media[0].kind == "image"
    assert message("message_location").spot == Spot(latitude=55.75, longitude=37.62)
    assert message("message_url").text == "https://example.ru/p"
    strange = message("message_unknown")
    assert (strange.text, strange.media) == ("", ())


def test_a_size_that_is_no_number_is_none() -> None:
    odd = recorded("message_file").replace(b'"size": 12345', b'"size": true')
    (event,) = updates.events(odd, nobody)
    assert isinstance(event, MessageReceived)
    assert event.media[0].size_bytes == 0


def test_ticks_and_who_left_are_told() -> None:
    states = {"delivered": OutState.DELIVERED, "seen": OutState.READ, "failed": OutState.FAILED}
    for name, state in states.items():
        event = told(name)
        assert isinstance(event, DeliveryReported)
        assert event.state == state
        assert event.external_id.startswith("57413118035717211")
        assert bool(event.failure) == (name == "failed")
    for name, reachable in (("subscribed", True), ("unsubscribed", False)):
        changed = told(name)
        assert isinstance(changed, ReachabilityChanged)
        assert changed.reachable is reachable


def test_opening_the_chat_says_something_only_by_a_link_of_ours() -> None:
    event = message("conversation_started")
    assert (event.start, event.question, event.text) == ("ad-42", False, "")
    for name, counted in (
        ("conversation_started_plain", "conversation_started"),
        ("webhook", "webhook"),
        ("message_in_group", "group"),
        ("unknown_event", "unknown:teleported"),
    ):
        ignored = told(name)
        assert isinstance(ignored, Ignored)
        assert ignored.name == counted


def test_what_came_along_counts_only_for_whom_we_sent_it() -> None:
    channel = ViberChannel(ChannelId("c"), ViberSettings(token=TOKEN, name="Р"), KEYS)
    rows = ((Button(label="Да", data="yes"), Button(label="Номер", asks="phone")),)
    tracking = channel._keyboard(IVAN, rows)["tracking_data"]
    body = msgspec.json.decode(recorded("message_contact"))
    body["message"]["tracking_data"] = tracking

    def own(**changes: Any) -> bool:
        changed = msgspec.json.decode(msgspec.json.encode(body))
        for path, value in changes.items():
            place, _, key = path.partition("__")
            changed[place][key] = value
        (event,) = channel.parse(signed(msgspec.json.encode(changed)))
        assert isinstance(event, MessageReceived)
        assert event.card is not None
        return event.card.own

    assert own()
    assert not own(sender__id="another")
    assert not own(sender__name="Другой")
    assert not own(message__tracking_data=tracking.replace("yes", "no"))
    assert not own(message__tracking_data='{"asks":true,"sign":""}')
    assert not own(message__tracking_data="[" * 1_000)


def test_each_status_is_the_error_that_says_what_to_do() -> None:
    for status in range(1, 40):
        refusal = _refusal(status)
        if status == 12:
            assert isinstance(refusal, ThrottledError)
            assert not refusal.everywhere
        elif status in REFUSALS:
            assert (type(refusal), refusal.reason) == REFUSALS[status]
        else:
            assert isinstance(refusal, TransientError)
            assert not refusal.maybe_sent


def test_a_name_too_long_for_the_platform_is_refused() -> None:
    for wrong in ("", " ", "x" * 29):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"token": "t", "name": wrong}, ViberSettings)
