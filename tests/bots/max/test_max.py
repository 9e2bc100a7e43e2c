"""MAX against recorded updates and against the played platform, with its refusals."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from bots.updates import max as updates
from hub.channels.port import Hook
from hub.content import Remote, Spot
from hub.errors import (
    CredentialsError,
    DeliveryError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import (
    ChannelEvent,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    ReachabilityChanged,
)
from tests.bots.contract import AT, KEYS, PlayedContract
from tests.bots.max.house import FIXTURES, recorded, signed

ANNA = "9007199254740997"


def told(name: str) -> ChannelEvent:
    (event,) = updates.events(recorded(name), "demo-token")
    return event


def message(name: str) -> MessageReceived:
    event = told(name)
    assert isinstance(event, MessageReceived)
    return event


class TestMax(PlayedContract):
    kind: ClassVar[str] = "max"
    settings: ClassVar[dict[str, Any]] = {"token": "demo-token"}
    secrets: ClassVar[tuple[str, ...]] = ("demo-token", KEYS.sign("hook", "the-channel"))
    refusals: ClassVar[dict[type[DeliveryError], Any]] = {
        ThrottledError: "429",
        TransientError: "502_page",
        UnreachableError: "blocked",
        CredentialsError: "refused_key",
    }

    def hooks(self, channel: Any) -> list[Hook]:
        return [signed(each.read_bytes()) for each in sorted(FIXTURES.glob("*.json"))]

    def unsigned(self, channel: Any) -> list[Hook]:
        body = recorded("message_text")
        others = KEYS.sign("hook", "another-channel")
        headers: tuple[dict[str, str], ...] = (
            {},
            {"x-max-bot-api-secret": ""},
            {"x-max-bot-api-secret": others},
            {"x-max-bot-api-secret": "\udce9\udcff"},
            {"authorization": KEYS.sign("hook", "the-channel")},
        )
        return [Hook(body=body, headers=each, received_at=AT) for each in headers]


def test_what_a_message_holds_is_read_with_its_exact_numbers() -> None:
    event = message("message_text")
    assert event.sender.external_id == ANNA
    assert event.sender.name == "Анна"
    assert event.external_id == "mid.0000000000157d019d47b1ce4600aa"
    assert event.order == 116327994376978687 % 2**53
    assert event.at == datetime.fromtimestamp(1780000000.990, UTC)
    assert event.question
    # What only looks like markup is escaped, and reads as it was written.
    assert event.text == r"Сколько стоит 2*2 \_доставка\_?"


def test_styles_become_light_markup_at_their_places_after_a_smile() -> None:
    assert message("message_marked").text == "😀 **жирный** и [ссылка](https://example.ru/a)"


def test_every_kind_of_file_is_one_to_fetch() -> None:
    event = message("message_media")
    assert event.text == "вот"
    assert event.media == (
        Remote(ref="https://i.oneme.ru/i?r=abc", kind="image"),
        Remote(ref="video:tkV=/+", kind="video"),
        Remote(ref="https://i.oneme.ru/a.ogg", kind="audio"),
        Remote(ref="https://fd.oneme.ru/f", name="смета.pdf", size_bytes=12345, kind="file"),
    )
    assert message("message_sticker").media == (Remote(ref="https://i.oneme.ru/s", kind="image"),)


def test_a_size_that_is_no_number_is_none() -> None:
    odd = recorded("message_media").replace(b'"size": 12345', b'"size": true')
    (event,) = updates.events(odd, "demo-token")
    assert isinstance(event, MessageReceived)
    assert event.media[-1].size_bytes == 0


def test_a_place_a_reply_a_forward_and_a_shared_page_are_told_apart() -> None:
    assert message("message_place").spot == Spot(latitude=55.75, longitude=37.62)
    assert message("message_reply").reply_to == "mid.prev"
    forward = message("message_forward")
    assert forward.text == "> Пётр:\n> цена 100\n> и 200"
    assert forward.reply_to == ""
    assert len(forward.media) == 1
    assert message("message_shared_link").text == "https://example.ru/p"
    strange = message("message_unknown_attachment")
    assert (strange.text, strange.media, strange.question) == ("", (), True)


def test_a_number_is_the_senders_own_only_if_max_signed_it_for_the_sender() -> None:
    own = message("message_contact_own")
    assert own.card is not None
    assert (own.card.name, own.card.phone, own.card.own) == ("Anna Demo", "+79990001122", True)
    assert not own.question
    for name in ("message_contact_others", "message_contact_unsigned"):
        card = message(name).card
        assert card is not None
        assert card.phone == "+79990001122"
        assert not card.own
    (event,) = updates.events(recorded("message_contact_own"), "another-token")
    assert isinstance(event, MessageReceived)
    assert event.card is not None
    assert not event.card.own


def test_a_card_signed_with_real_line_ends_is_believed_though_they_came_escaped() -> None:
    hash = "21400e4acf6f2e80aae59ee2b970e2e1f88f7cf1b0eafaec2a960a04a651b661"
    card = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nTEL;TYPE=cell:79990001122\r\nFN:Anna Demo\r\nEND:VCARD\r\n"
    )
    assert updates.is_own(card, hash, "demo-token")
    assert updates.is_own(card.replace("\r", "\\r").replace("\n", "\\n"), hash, "demo-token")
    assert not updates.is_own(card + " ", hash, "demo-token")
    assert not updates.is_own(card, hash[:-1], "demo-token")
    assert not updates.is_own(card, "\udcff", "demo-token")


def test_a_press_carries_its_data_its_label_and_what_ends_its_wait() -> None:
    event = message("message_callback")
    assert (event.pressed, event.text, event.press) == ("order:ok:7", "Да, оформить", "cb-opaque")
    assert not event.question
    assert event.sender.external_id == ANNA
    again = message("message_callback_deleted")
    assert again.pressed == "order:ok:7"
    assert again.external_id != event.external_id


def test_who_begins_or_stops_the_bot_is_reachable_or_not() -> None:
    reached, began = updates.events(recorded("bot_started"), "demo-token")
    assert isinstance(reached, ReachabilityChanged)
    assert reached.reachable
    assert isinstance(began, MessageReceived)
    assert (began.start, began.question, began.text) == ("ref_42", False, "")
    stopped = told("bot_stopped")
    assert isinstance(stopped, ReachabilityChanged)
    assert not stopped.reachable


def test_edits_and_removals_name_their_message() -> None:
    edited = told("message_edited")
    assert isinstance(edited, MessageEdited)
    assert edited.external_id == "mid.0000000000157d019d47b1ce4600aa"
    assert edited.text == "Сколько стоит?"
    removed = told("message_removed")
    assert isinstance(removed, MessageDeleted)
    assert removed.external_id == "mid.kb"


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("message_in_group", "group"),
        ("message_of_a_bot", "own"),
        ("message_empty", "message_created:empty"),
        ("dialog_muted", "dialog_muted"),
        ("unknown_type", "unknown:message_teleported"),
    ],
)
def test_what_is_of_no_use_is_counted_by_name(name: str, counted: str) -> None:
    event = told(name)
    assert isinstance(event, Ignored)
    assert event.name == counted
