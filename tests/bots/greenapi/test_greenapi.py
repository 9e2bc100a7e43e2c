"""Green-API's recorded notifications: what each of them says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bots.greenapi import GreenAPI, GreenAPISettings
from hub.channels.port import Hook
from hub.content import Card, Remote, Spot
from hub.events import (
    ChannelEvent,
    DeliveryReported,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    StaffReplied,
)
from hub.model import ChannelId, OutState
from tests.bots.contract import AT, KEYS
from tests.bots.greenapi.house import FIXTURES, SETTINGS

CHANNEL = GreenAPI(ChannelId("the-channel"), msgspec.convert(SETTINGS, GreenAPISettings), KEYS)
IVAN = "79031234567@c.us"
FILE = "https://sw-media-1101.storage.yandexcloud.net/1101000001/a0128ca6.bin"


def recorded(name: str) -> ChannelEvent:
    body = (FIXTURES / f"{name}.json").read_bytes()
    [event] = CHANNEL.parse(Hook(body=body, received_at=AT))
    return event


def message(name: str) -> MessageReceived:
    event = recorded(name)
    assert isinstance(event, MessageReceived)
    return event


def test_a_text_says_who_what_and_when() -> None:
    event = message("text")
    sender = event.sender
    assert (sender.external_id, sender.name, sender.phone) == (IVAN, "Иван", "+79031234567")
    assert event.at == datetime(2025, 11, 21, 16, 0, tzinfo=UTC)
    assert (event.external_id, event.text) == ("3EB0C767D097B7C7B030", "Перезвоните **срочно**")


def test_who_hides_the_number_has_none() -> None:
    sender = message("hidden").sender
    assert (sender.external_id, sender.name, sender.phone) == ("120363000000001@lid", "Ann", "")


def test_text_with_more_to_it_is_text_too() -> None:
    assert message("extended").text == "см. https://shop.example"
    quoted = message("quoted")
    assert (quoted.text, quoted.reply_to) == ("Да", "3EB0OURS")
    assert message("poll").text == "Когда?\n— Утром\n— Вечером"
    joined = message("joined")
    assert (joined.text, joined.start) == ("Здравствуйте!", "abcdefghijklmnopqrstuv")


@pytest.mark.parametrize(
    ("name", "remote", "text"),
    [
        ("image", Remote(ref=FILE, name="a0128ca6.bin", mime="image/jpeg", kind="image"), "смета"),
        ("voice", Remote(ref=FILE, name="v.oga", mime="audio/ogg", kind="audio"), ""),
        ("video", Remote(ref=FILE, name="a0128ca6.bin", mime="video/mp4", kind="video"), ""),
        ("document", Remote(ref=FILE, name="договор.pdf", mime="application/pdf"), ""),
        ("sticker", Remote(ref=FILE, name="a0128ca6.bin", mime="image/webp", kind="image"), ""),
    ],
)
def test_a_file_is_left_where_it_lies(name: str, remote: Remote, text: str) -> None:
    event = message(name)
    assert (event.media, event.text) == ((remote,), text)


def test_places_and_cards_are_told() -> None:
    assert message("location").spot == Spot(
        latitude=59.9386, longitude=30.3141, title="Эрмитаж", address="Дворцовая пл., 2"
    )
    assert message("contact").card == Card(name="Анна", phone="+7 916 765-43-21")
    own = message("own_contact")
    assert own.card == Card(name="Иван", phone="+79031234567", own=True)
    assert not own.question
    several = message("contacts")
    assert several.card == Card(name="Анна", phone="+7 916 765-43-21")
    assert several.text == "Пётр +7 916 765-43-22"


def test_a_press_tells_its_data_and_its_label() -> None:
    for name, data, label in (("button", "yes", "Да"), ("template_button", "no", "Нет")):
        event = message(name)
        assert (event.pressed, event.text, event.reply_to) == (data, label, "3EB0OURS")
        assert not event.question


def test_what_was_changed_names_what_it_changes() -> None:
    edited, deleted, staff = recorded("edited"), recorded("deleted"), recorded("staff_edited")
    assert isinstance(edited, MessageEdited)
    assert (edited.external_id, edited.text) == ("3EB0FIRST", "Перезвоните завтра")
    assert isinstance(deleted, MessageDeleted)
    assert deleted.external_id == "3EB0FIRST"
    assert isinstance(staff, MessageEdited)
    assert (staff.external_id, staff.sender.external_id) == ("3EB0STAFF", IVAN)


def test_a_reaction_comes_and_goes() -> None:
    come, gone = recorded("reaction"), recorded("reaction_gone")
    assert isinstance(come, MessageReacted)
    assert isinstance(gone, MessageReacted)
    assert (come.external_id, come.emoji, gone.emoji) == ("3EB0OURS", "👍", "")


def test_what_the_business_says_on_its_phone_is_the_staffs() -> None:
    said = recorded("staff")
    assert isinstance(said, StaffReplied)
    assert (said.sender.external_id, said.sender.name) == (IVAN, "Иван")
    assert (said.external_id, said.text) == ("3EB0STAFF", "Сейчас приеду")


@pytest.mark.parametrize(
    ("name", "state", "failure"),
    [
        ("sent", OutState.SENT, ""),
        ("delivered", OutState.DELIVERED, ""),
        ("read", OutState.READ, ""),
        ("failed", OutState.FAILED, "rejected"),
        ("noaccount", OutState.FAILED, "blocked"),
    ],
)
def test_ticks_are_told(name: str, state: OutState, failure: str) -> None:
    event = recorded(f"status_{name}")
    assert isinstance(event, DeliveryReported)
    assert (event.external_id, event.state, event.failure) == ("3EB0OURS", state, failure)


def test_a_message_of_a_sort_that_cannot_be_shown_is_still_one() -> None:
    event = message("invite")
    assert (event.text, event.media) == ("", ())


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("group", "group"),
        ("other_instance", "other_number"),
        ("ours", "outgoingAPIMessageReceived"),
        ("staff_reaction", "reactionMessage"),
        ("poll_update", "pollUpdateMessage"),
        ("status_yellowcard", "status:yellowCard"),
        ("state", "stateInstanceChanged"),
        ("call", "incomingCall"),
        ("future_type", "unknown:hologramMessage"),
        ("future_webhook", "unknown:hologramReceived"),
    ],
)
def test_what_is_of_no_use_is_counted_by_name(name: str, ignored: str) -> None:
    event = recorded(name)
    assert isinstance(event, Ignored)
    assert event.name == ignored


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_url": ""},
        {"api_url": "green-api.com"},
        {"instance_id": "11/../1"},
        {"instance_id": ""},
        {"token": ""},
        {"token": "ключ"},
        {"receive": "sometimes"},
    ],
)
def test_a_bad_setting_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(SETTINGS | wrong, GreenAPISettings)
