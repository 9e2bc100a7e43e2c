"""Telegram's adapter: its contract, and what recorded updates say."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.telegram import Telegram
from bots.tg import updates, wire
from bots.tg.settings import TelegramSettings
from hub.channels.port import Hook
from hub.content import Card, Remote, Spot
from hub.errors import (
    CredentialsError,
    DeliveryError,
    PayloadError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import (
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    ReachabilityChanged,
    StaffReplied,
)
from tests.bots.contract import AT, KEYS, PlayedContract
from tests.bots.telegram.house import (
    ANNA,
    HEADER,
    NAMES,
    SECRET,
    TOKEN,
    WRITTEN_AT,
    hook,
    message,
    recorded,
    told,
)


class TestTelegram(PlayedContract):
    kind = "telegram"
    settings: ClassVar[dict[str, Any]] = {"token": TOKEN}
    secrets = (TOKEN, SECRET)
    refusals: ClassVar[dict[type[DeliveryError], Any]] = {
        ThrottledError: "429",
        TransientError: "502_page",
        UnreachableError: "blocked",
        CredentialsError: "refused_key",
    }

    def hooks(self, channel: Any) -> list[Hook]:
        return [hook(recorded(name)) for name in ["text", *NAMES]]

    def unsigned(self, channel: Any) -> list[Hook]:
        body = recorded("text")
        return [
            Hook(body=body, received_at=AT),
            hook(body, **{HEADER: ""}),
            hook(body, **{HEADER: SECRET[:-1]}),
            hook(body, **{HEADER: f"{SECRET} "}),
            hook(body, **{HEADER: "\udce9\udcff"}),
            hook(body, **{HEADER: "я" * 43}),
            hook(body, **{HEADER: KEYS.sign("hook", "another-channel")}),
            hook(body, **{"authorization": SECRET}),
        ]


def test_what_a_message_holds_is_read() -> None:
    event = message("text")
    assert (event.sender.external_id, event.sender.name) == (ANNA, "Анна Петрова")
    assert event.sender.username == "anna_p"
    assert event.external_id == f"{ANNA}:21"
    assert (event.at, event.order) == (WRITTEN_AT, 900000001)
    assert event.text == "Добрый день, есть ли доставка? 😀"
    assert event.question


def test_styles_become_light_markup_and_what_looks_like_it_is_escaped() -> None:
    assert message("styled").text == (
        "😀 **Цена** _сегодня_ ~~ниже~~ и [тут](https://shop.example/a) `code` *звезда*"
    )


@pytest.mark.parametrize(
    ("name", "kind", "file", "mime"),
    [
        ("photo", "image", "photo.jpg", "image/jpeg"),
        ("document", "file", "смета.pdf", "application/pdf"),
        ("audio", "audio", "gimn.mp3", "audio/mpeg"),
        ("voice", "audio", "voice.ogg", "audio/ogg"),
        ("video", "video", "r.mp4", "video/mp4"),
        ("video_note", "video", "video.mp4", "video/mp4"),
        ("animation", "video", "cat.mp4", "video/mp4"),
        ("sticker", "image", "sticker.webp", "image/webp"),
        ("sticker_animated", "file", "sticker.tgs", "application/gzip"),
    ],
)
def test_each_kind_of_file_is_one_remote_of_its_kind(
    name: str, kind: str, file: str, mime: str
) -> None:
    [remote] = message(name).media
    assert (remote.kind, remote.name, remote.mime) == (kind, file, mime)
    assert remote.ref.startswith("AgAC-")
    assert remote.size_bytes


def test_of_a_photo_the_largest_is_taken() -> None:
    event = message("photo")
    assert event.media == (
        Remote(ref="AgAC-l", name="photo.jpg", mime="image/jpeg", size_bytes=150_000, kind="image"),
    )
    assert event.text == "Вот такой"
    assert message("album").album == "13900000000000001"


def test_a_sticker_and_a_die_are_told_by_their_emoji_and_a_poll_by_its_words() -> None:
    assert message("sticker").text == "👋"
    assert message("dice").text == "🎲"
    assert message("poll").text == "Куда?\n• Туда\n• Сюда"


def test_places_are_read() -> None:
    assert message("location").spot == Spot(latitude=59.938611, longitude=30.314111)
    spot = message("venue").spot
    assert spot == Spot(latitude=59.9, longitude=30.3, title="Кафе", address="Невский, 1")


def test_only_the_senders_own_number_is_own() -> None:
    own, other = message("contact_own"), message("contact_other")
    assert own.card == Card(name="Анна", phone="+79991234567", own=True)
    assert not own.question
    assert other.card == Card(name="Пётр Первый", phone="8 (916) 765-43-21", own=False)
    assert other.question
    forged = recorded("contact_own").replace(b'"user_id": 700100200', b'"user_id": 700100201')
    [event] = updates.read(hook(forged))
    assert isinstance(event, MessageReceived)
    assert event.card
    assert not event.card.own


def test_a_link_brings_its_key_which_is_not_shown() -> None:
    event = message("start")
    assert (event.start, event.text, event.question) == ("v1-7Qe2ZkXr0aBc", "/start", False)
    plain = message("start_plain")
    assert (plain.start, plain.text, plain.question) == ("", "/start", False)


def test_a_quote_names_its_message() -> None:
    assert message("reply").reply_to == f"{ANNA}:10"


def test_a_press_says_what_was_pressed_and_how_to_acknowledge_it() -> None:
    event = message("press")
    assert (event.text, event.pressed) == ("Позвонить", "op:call")
    assert event.press == "4382bfdwdsb323b2d9"
    assert (event.reply_to, event.question) == (f"{ANNA}:10", False)
    assert event.external_id == f"{ANNA}:press:4382bfdwdsb323b2d9"
    assert message("press_old").pressed == "op:later"


def test_edits_and_reactions_are_told_of_their_message() -> None:
    edited = told("edited")
    assert isinstance(edited, MessageEdited)
    assert (edited.text, edited.at) == ("Добрый вечер", WRITTEN_AT + timedelta(seconds=60))
    on, off = told("reaction"), told("reaction_off")
    assert isinstance(on, MessageReacted)
    assert isinstance(off, MessageReacted)
    assert (on.external_id, on.emoji, off.emoji) == (f"{ANNA}:10", "👍", "")
    assert on.order < off.order


def test_blocking_and_unblocking_change_who_can_be_reached() -> None:
    for name, reachable in (("blocked", False), ("unblocked", True)):
        event = told(name)
        assert isinstance(event, ReachabilityChanged)
        assert (event.sender.external_id, event.reachable) == (ANNA, reachable)


def test_a_business_account_is_another_chat_with_staff_in_it() -> None:
    theirs, ours = message("business"), told("business_staff")
    assert theirs.sender.external_id == f"BcQ7x@{ANNA}"
    assert theirs.external_id.startswith(f"BcQ7x@{ANNA}:")
    assert isinstance(ours, StaffReplied)
    assert (ours.sender.external_id, ours.sender.name) == (f"BcQ7x@{ANNA}", "Анна Петрова")
    assert (ours.name, ours.text) == ("Ольга Лавка", "Да, слушаю вас")
    assert told("business_own") == Ignored(sender=theirs.sender, at=WRITTEN_AT, name="own")
    gone = updates.read(hook(recorded("business_deleted")))
    assert [each.external_id for each in gone if isinstance(each, MessageDeleted)] == [
        f"BcQ7x@{ANNA}:52",
        f"BcQ7x@{ANNA}:53",
    ]


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("group", "group"),
        ("pinned", "service:pinned_message"),
        ("edited_place", "live_location"),
        ("reaction_custom", "custom_reaction"),
        ("future", "unknown:message_teleported"),
    ],
)
def test_what_is_of_no_use_is_counted_by_its_name(name: str, ignored: str) -> None:
    event = told(name)
    assert isinstance(event, Ignored)
    assert event.name == ignored
    assert event.sender.external_id == ANNA


def test_a_message_of_a_sort_that_is_not_read_is_still_a_message() -> None:
    event = message("story")
    assert (event.text, event.media, event.question) == ("", (), True)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=12,
    ),
    st.sampled_from(wire.WANTED),
)
def test_no_update_is_worse_than_a_payload_error(inner: Any, name: str) -> None:
    try:
        body = msgspec.json.encode({"update_id": 1, name: inner})
    except OverflowError:
        return
    with suppress(PayloadError):
        assert updates.read(hook(body))


@given(st.sampled_from(NAMES), st.data())
def test_no_cut_or_twisted_update_is_worse_than_a_payload_error(
    name: str, data: st.DataObject
) -> None:
    body = bytearray(recorded(name))
    at = data.draw(st.integers(0, len(body) - 1))
    for bad in (bytes(body[:at]), bytes(body[:at]) + b"9" + bytes(body[at + 1 :])):
        with suppress(PayloadError):
            assert updates.read(hook(bad))


def test_bytes_that_are_no_letters_in_an_unknown_update_are_no_worse() -> None:
    [event] = updates.read(hook(b'{"update_id": 1, "new": {"from": {"first_name": "\xff"}}}'))
    assert isinstance(event, Ignored)
    assert event.name == "unknown:new"
    with pytest.raises(PayloadError):
        updates.read(hook(b'{"update_id": 1, "\xff": 1}'))


def test_ids_beyond_a_float_stay_exact() -> None:
    large = 2**53 + 1
    body = recorded("text").replace(ANNA.encode(), str(large).encode())
    [event] = updates.read(hook(body))
    assert event.sender.external_id == str(large)
    with pytest.raises(PayloadError):
        updates.read(hook(recorded("text").replace(ANNA.encode(), str(2**64).encode())))


@pytest.mark.parametrize(
    "token", ["", "abc", "12:", ":x", "1 2:abcdef", "123:abc def", "123:abc\n", "123:я" * 3]
)
def test_a_key_that_is_none_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({"token": token}, TelegramSettings)
    assert not token or token not in str(caught.value)


def test_a_link_carries_only_what_telegram_lets_it(channel: Telegram) -> None:
    assert channel.join_link("@shop_bot", "aB_-9") == "https://t.me/shop_bot?start=aB_-9"
    assert channel.join_link("shop_bot", "") == "https://t.me/shop_bot"
    assert channel.join_link("shop_bot", "я") == ""
    assert channel.join_link("shop_bot", "x" * 65) == ""
    assert channel.join_link("", "key") == ""


def test_a_hub_without_telegram_does_not_load_its_client() -> None:
    code = (
        "import bots, bots.tg.updates, bots.line.text, sys; bots.load('site'); bots.kinds(); "
        "print(*[m for m in sys.modules if m.startswith(('aiogram', 'pydantic'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
