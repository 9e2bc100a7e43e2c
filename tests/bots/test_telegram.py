"""Telegram against recorded updates and against the played platform, with its refusals."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from traceback import format_exception
from typing import Any, ClassVar

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bots.platforms.platform import Blob, Chat, Failing, Person
from bots.platforms.telegram import TelegramPlatform
from bots.platforms.telegram_chats import CONNECTION, picture
from bots.telegram import Telegram
from bots.tg import updates, wire
from bots.tg.outgoing import REACTIONS, pieces, refusal
from bots.tg.settings import TelegramSettings
from hub.channel import Bytes, Draft, Hook
from hub.content import Button, Card, Remote, Spot
from hub.errors import (
    CredentialsError,
    DeliveryError,
    PayloadError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import (
    ChannelEvent,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    ReachabilityChanged,
    StaffReplied,
)
from hub.model import Attachment, ChannelId, ContactId, FileId, Identity, IdentityId, ProjectId
from tests.bots.contract import AT, KEYS, ChannelContract

FIXTURES = Path(__file__).parents[1] / "fixtures" / "telegram"
NAMES = sorted(each.stem for each in FIXTURES.glob("*.json"))
SECRET = KEYS.sign("hook", "the-channel")
HEADER = "x-telegram-bot-api-secret-token"
TOKEN = "123456789:AAexample-example_example"
ANNA = "700100200"
WRITTEN_AT = datetime.fromtimestamp(1767225600, UTC)


def hook(body: bytes, **headers: str) -> Hook:
    return Hook(body=body, headers=headers or {HEADER: SECRET}, received_at=AT)


def recorded(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def told(name: str) -> ChannelEvent:
    (event,) = updates.read(hook(recorded(name)))
    return event


def message(name: str) -> MessageReceived:
    event = told(name)
    assert isinstance(event, MessageReceived)
    return event


def about(person: Person, connection: str = "") -> Identity:
    id = f"{connection}@{person.id}" if connection else person.id
    return Identity(
        id=IdentityId(f"the-channel:{id}"),
        project=ProjectId("shop"),
        channel=ChannelId("the-channel"),
        external_id=id,
        contact=ContactId("c"),
        created_at=AT,
        seen_at=AT,
    )


def attachment(name: str, mime: str, kind: Any = "file", size: int = 300) -> Attachment:
    return Attachment(FileId(name), name, mime, size, kind)


PHOTO = attachment("a.png", "image/png", "image")
PAPER = attachment("смета.pdf", "application/pdf")


class Held(Bytes):
    """The files of a hub: a picture where one is asked for, else their names; `lost` are gone."""

    lost = ""

    async def read(self, file: Attachment) -> AsyncIterator[bytes]:
        data = picture("7").data if file.kind == "image" else file.name.encode()
        yield data[:10]
        if file.name == self.lost:
            raise RejectedError(reason="file_gone")
        yield data[10:]

    def link(self, file: Attachment) -> str:
        return ""


@pytest.fixture
async def platform() -> AsyncIterator[TelegramPlatform]:
    made = TelegramPlatform()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def anna(platform: TelegramPlatform) -> Person:
    person = platform.person("Анна Петрова")
    await platform.begin(person)
    platform.pending.clear()
    return person


def opened(platform: TelegramPlatform, files: Bytes | None = None, **more: Any) -> Telegram:
    settings = msgspec.convert(platform.settings() | more, TelegramSettings)
    return Telegram(ChannelId("the-channel"), settings, KEYS, files or Held())


@pytest.fixture
async def channel(platform: TelegramPlatform) -> AsyncIterator[Telegram]:
    made = opened(platform)
    yield made
    await made.close()


def asked(platform: TelegramPlatform, method: str) -> list[dict[str, Any]]:
    return [given for name, given in platform.calls if name == method]


@asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[Telegram]:
    """A channel of something in Telegram's place that always says the same."""

    async def says(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/{any:.*}", says)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    channel = Telegram(ChannelId("the-channel"), TelegramSettings(token=TOKEN, api_url=url), KEYS)
    try:
        yield channel
    finally:
        await channel.close()
        await runner.cleanup()


class TestTelegram(ChannelContract):
    kind = "telegram"
    settings: ClassVar[dict[str, Any]] = {"token": TOKEN}
    secrets = (TOKEN, SECRET)
    refusals = (ThrottledError, TransientError, UnreachableError, CredentialsError)
    platform: TelegramPlatform

    @pytest.fixture
    async def channel(self, platform: TelegramPlatform) -> AsyncIterator[Telegram]:
        self.platform = platform
        person = Person("77", "Анна")
        platform.chats["77"] = Chat(person)
        await platform.begin(person)
        made = opened(platform)
        yield made
        await made.close()

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

    def provoke(self, channel: Any, refusal: type[DeliveryError]) -> None:
        failing: dict[type[DeliveryError], Failing] = {
            ThrottledError: "429",
            TransientError: "502_page",
            UnreachableError: "blocked",
            CredentialsError: "refused_key",
        }
        self.platform.fail(failing[refusal])


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


async def test_text_goes_out_in_its_styles_and_as_an_answer(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    question = await platform.write(anna, "Сколько?")
    text = "😀 **Цена** [тут](https://shop.example/a)"
    draft = Draft(key="k1", text=text, reply_to=f"{anna.id}:{question.id}")
    receipt = await channel.send(about(anna), draft)
    shown = platform.shown(anna)[-1]
    assert receipt.external_id == f"{anna.id}:{shown.id}"
    assert (shown.text, shown.quote) == ("😀 Цена тут", question.id)
    assert platform.messages[shown.id]["entities"] == [
        {"type": "bold", "offset": 3, "length": 4},
        {"type": "text_link", "offset": 8, "length": 3, "url": "https://shop.example/a"},
    ]


async def test_an_answer_to_what_is_gone_goes_out_without_it(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    await channel.send(about(anna), Draft(key="k", text="да", reply_to=f"{anna.id}:99999"))
    await channel.send(about(anna), Draft(key="k", text="да", reply_to=f"{anna.id}:press:a1"))
    assert [each.quote for each in platform.shown(anna)[-2:]] == ["", ""]


async def test_a_long_text_goes_out_in_pieces_that_are_one_reply(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    text = "😀слово " * 1_500
    receipt = await channel.send(about(anna), Draft(key="k", text=text, reply_to=f"{anna.id}:1"))
    shown = platform.shown(anna)[-3:]
    said = [each.text for each in shown]
    assert " ".join(said).split() == text.split()
    assert [f"{anna.id}:{each.id}" for each in shown] == [receipt.external_id, *receipt.more]
    assert ["reply_parameters" in each for each in asked(platform, "sendMessage")] == [
        *(True, False, False)
    ]


@pytest.mark.parametrize(
    ("file", "method"),
    [
        (PHOTO, "sendPhoto"),
        (PAPER, "sendDocument"),
        (attachment("v.ogg", "audio/ogg", "audio"), "sendVoice"),
        (attachment("m.mp3", "audio/mpeg", "audio"), "sendAudio"),
        (attachment("m.wav", "audio/wav", "audio"), "sendDocument"),
        (attachment("v.mp4", "video/mp4", "video"), "sendVideo"),
        (attachment("d.svg", "image/svg+xml", "image"), "sendDocument"),
        (attachment("big.png", "image/png", "image", 11_000_000), "sendDocument"),
    ],
)
async def test_each_file_goes_the_way_that_telegram_has_for_it(
    platform: TelegramPlatform, channel: Telegram, anna: Person, file: Attachment, method: str
) -> None:
    await channel.send(about(anna), Draft(key="k", text="_вот_", attachments=(file,)))
    [given] = asked(platform, method)
    assert given["caption"] == "вот"
    shown = platform.shown(anna)[-1]
    assert shown.text == "вот"
    assert shown.files[0].name == file.name


async def test_pictures_go_as_an_album_and_what_is_of_another_sort_after_it(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    files = (PHOTO, attachment("b.png", "image/png", "image"), PAPER)
    receipt = await channel.send(about(anna), Draft(key="k", text="три", attachments=files))
    assert len(receipt.more) == 2
    album = platform.shown(anna)[-3:]
    assert [each.text for each in album] == ["три", "", ""]
    groups = [platform.messages[each.id].get("media_group_id") for each in album]
    assert groups[0] == groups[1] != groups[2] is None


async def test_words_too_long_for_under_a_picture_go_before_it(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    await channel.send(about(anna), Draft(key="k", text="д" * 1_025, attachments=(PHOTO,)))
    text, photo = platform.shown(anna)[-2:]
    assert (len(text.text), text.files, photo.text) == (1_025, (), "")


async def test_a_picture_that_telegram_cannot_draw_goes_as_a_document(
    platform: TelegramPlatform, anna: Person
) -> None:
    class Torn(Held):
        async def read(self, file: Attachment) -> AsyncIterator[bytes]:
            yield b"not a picture"

    channel = opened(platform, Torn())
    try:
        receipt = await channel.send(about(anna), Draft(key="k", text="вот", attachments=(PHOTO,)))
        shown = platform.shown(anna)[-1]
        assert (shown.files[0].kind, shown.text) == ("file", "вот")
        two = (PHOTO, PHOTO)
        receipt = await channel.send(about(anna), Draft(key="k", text="вот", attachments=two))
        assert [each.text for each in platform.shown(anna)[-2:]] == ["вот", ""]
        assert len(receipt.more) == 1
    finally:
        await channel.close()


async def test_a_file_that_is_too_large_or_gone_is_said_so_before_anything_is_sent(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    large = attachment("film.mp4", "video/mp4", "video", 50_000_001)
    with pytest.raises(RejectedError) as caught:
        await channel.send(about(anna), Draft(key="k", text="вот", attachments=(PAPER, large)))
    assert caught.value.reason == "too_large"
    files = Held()
    files.lost = PAPER.name
    other = opened(platform, files)
    with pytest.raises(RejectedError) as caught:
        await other.send(about(anna), Draft(key="k", attachments=(PAPER,)))
    await other.close()
    assert caught.value.reason == "file_gone"
    assert not [each for each in platform.shown(anna) if not each.mine]


async def test_buttons_are_keys_under_the_last_message(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    rows = (
        (Button(label="Позвонить", data="op:call"), Button(label="Сайт", url="https://a.example")),
        (Button(label="Просто слово подлиннее шестнадцати"),),
    )
    await channel.send(about(anna), Draft(key="k", text="т" * 5_000, buttons=rows))
    first, last = platform.shown(anna)[-2:]
    assert first.buttons == ()
    assert last.buttons[0] == (("Позвонить", "op:call"), ("Сайт", "https://a.example"))
    asking = ((Button(label="Мой номер", asks="phone"),),)
    await channel.send(about(anna), Draft(key="k", text="Номер?", buttons=asking))
    assert platform.shown(anna)[-1].buttons == ((("Мой номер", "phone"),),)
    await platform.press(anna, last.id, "op:call")
    [body] = (await channel.poll("")).bodies
    [event] = channel.parse(hook(body))
    assert isinstance(event, MessageReceived)
    await channel.acknowledge(event.press, "Принято")
    await channel.acknowledge("long-gone")
    assert platform.answered == {event.press: "Принято"}


async def test_an_own_message_is_edited_once_and_a_repeat_changes_nothing(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    to = about(anna)
    text = await channel.send(to, Draft(key="k", text="да"))
    photo = await channel.send(to, Draft(key="k", text="вот", attachments=(PHOTO,)))
    for _ in range(2):
        await channel.edit(to, text.external_id, Draft(key="e", text="**нет**"))
        await channel.edit(to, photo.external_id, Draft(key="e", text="тут"))
        told = Draft(key="e", text="там", attachments=(PHOTO,))
        await channel.edit(to, photo.external_id, told)
    assert [each.text for each in platform.shown(anna)[-2:]] == ["нет", "там"]
    for external_id, words, reason in (
        (text.external_id, "д" * 4_097, "too_long"),
        (f"{anna.id}:9", "нет", "not_found"),
        ("nonsense", "нет", "not_found"),
    ):
        with pytest.raises(RejectedError) as caught:
            await channel.edit(to, external_id, Draft(key="e", text=words))
        assert caught.value.reason == reason


async def test_own_messages_are_taken_back_for_two_days() -> None:
    now = [datetime(2026, 11, 20, tzinfo=UTC)]
    platform = TelegramPlatform(now=lambda: now[0])
    await platform.start()
    person = platform.person()
    await platform.begin(person)
    channel = opened(platform)
    try:
        old = await channel.send(about(person), Draft(key="k", text="старое"))
        now[0] += timedelta(hours=47)
        new = await channel.send(about(person), Draft(key="k", text="новое"))
        await channel.delete(about(person), [new.external_id])
        await channel.delete(about(person), [new.external_id])
        assert [each.text for each in platform.shown(person)] == ["/start", "старое"]
        now[0] += timedelta(hours=2)
        with pytest.raises(RejectedError) as caught:
            await channel.delete(about(person), [old.external_id])
        assert caught.value.reason == "too_old"
    finally:
        await channel.close()
        await platform.stop()


async def test_a_reaction_is_put_and_taken_back(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    bubble = await platform.write(anna, "спасибо")
    id = f"{anna.id}:{bubble.id}"
    await channel.react(about(anna), id, "❤️")
    assert platform.shown(anna)[-1].reactions == ("❤",)
    await channel.react(about(anna), id, "")
    assert platform.shown(anna)[-1].reactions == ()
    for emoji in REACTIONS:
        await channel.react(about(anna), id, emoji)
    with pytest.raises(RejectedError):
        await channel.react(about(anna), id, "🚗")


async def test_typing_is_shown(platform: TelegramPlatform, channel: Telegram, anna: Person) -> None:
    await channel.show_typing(about(anna), f"{anna.id}:1")
    assert platform.chats[anna.id].typing_at
    await channel.send(about(anna), Draft(key="k", text="вот"))
    assert platform.chats[anna.id].typing_at is None


async def test_a_business_accounts_chat_is_answered_in_its_name(
    platform: TelegramPlatform, channel: Telegram
) -> None:
    person = platform.person("Пётр")
    await channel.set_hook(f"{platform.url}/nowhere")
    await channel.drop_hook()
    await platform.write_to_business(person, "Это магазин?")
    await platform.staff_reply(person, "Да")
    polled = [channel.parse(hook(body))[0] for body in (await channel.poll("")).bodies]
    assert [type(each) for each in polled] == [MessageReceived, StaffReplied]
    to = about(person, CONNECTION)
    assert {each.sender.external_id for each in polled} == {to.external_id}
    receipt = await channel.send(to, Draft(key="k", text="Слушаем"))
    assert receipt.external_id.startswith(f"{CONNECTION}@{person.id}:")
    await channel.show_typing(to)
    await channel.edit(to, receipt.external_id, Draft(key="k", text="Слушаем вас"))
    assert platform.shown(person)[-1].text == "Слушаем вас"
    await channel.delete(to, [receipt.external_id])
    await channel.delete(to, [receipt.external_id])
    with pytest.raises(RejectedError):
        await channel.react(to, receipt.external_id, "👍")
    assert len(platform.shown(person)) == 2


async def test_a_file_is_fetched_by_its_name_at_telegram(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    blob = Blob("смета.pdf", "application/pdf", bytes(range(256)) * 1_000)
    await platform.send_file(anna, blob, text="вот")
    [body] = (await channel.poll("")).bodies
    [event] = channel.parse(hook(body))
    assert isinstance(event, MessageReceived)
    read = b"".join([chunk async for chunk in channel.fetch(event.media[0])])
    assert read == blob.data
    with pytest.raises(RejectedError) as caught:
        [_ async for _ in channel.fetch(Remote(ref="gone"))]
    assert caught.value.reason == "file_gone"
    large = platform.keep(Blob("x", "", bytes(20 * 2**20 + 1)))["file_id"]
    with pytest.raises(RejectedError) as caught:
        [_ async for _ in channel.fetch(Remote(ref=large))]
    assert caught.value.reason == "too_large"


async def test_people_and_the_bot_itself_have_names_and_faces(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    account = await channel.account()
    assert (account.name, account.username) == ("Otklik", "otklik_demo_bot")
    profile = await channel.profile(anna.id)
    assert profile
    assert profile.name == "Анна Петрова"
    for face in (account.picture, profile.picture):
        assert face
        read = b"".join([chunk async for chunk in channel.fetch(face)])
        assert read.startswith(b"\x89PNG")


async def test_a_hook_is_set_with_its_secret_and_seen_as_telegram_sees_it(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    got: list[tuple[bytes, dict[str, str]]] = []
    statuses = [500, 200]

    async def door(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        got.append((await request.read(), headers))
        return web.Response(status=statuses.pop(0) if statuses else 200)

    app = web.Application()
    app.router.add_post("/hooks/the-channel", door)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/the-channel"
    try:
        await channel.set_hook(url)
        await platform.write(anna, "привет")
        await platform.settled()
        assert len(got) == 2
        body, headers = got[-1]
        request = Hook(body=body, headers=headers, received_at=AT)
        channel.verify(request)
        [event] = channel.parse(request)
        assert isinstance(event, MessageReceived)
        state = await channel.hook()
        assert (state.url, state.waiting) == (url, 0)
        assert state.error.startswith("Wrong response from the webhook: 500")
        assert state.error_at
        [given] = asked(platform, "setWebhook")
        assert msgspec.json.decode(given["allowed_updates"]) == list(wire.WANTED)
        with pytest.raises(RejectedError) as caught:
            await channel.poll("")
        assert caught.value.reason == "misconfigured"
        await channel.drop_hook()
        assert (await channel.hook()).url == ""
    finally:
        await runner.cleanup()
    with pytest.raises(RejectedError) as refused:
        await channel.set_hook("ftp://hub.example/x")
    assert refused.value.reason == "no_public_address"


async def test_polling_brings_each_update_until_the_next_poll_confirms_it(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    await platform.write(anna, "раз")
    await platform.write(anna, "два")
    first = await channel.poll("")
    assert (await channel.poll("")).bodies == first.bodies
    assert len(first.bodies) == 2
    await platform.write(anna, "три")
    second = await channel.poll(first.marker)
    [event] = channel.parse(hook(second.bodies[0]))
    assert isinstance(event, MessageReceived)
    assert (event.text, len(second.bodies)) == ("три", 1)


@pytest.mark.parametrize(
    ("status", "words", "error", "reason"),
    [
        (400, "Bad Request: chat not found", UnreachableError, "never_wrote"),
        (400, "Bad Request: message is too long", RejectedError, "too_long"),
        (400, "Bad Request: message to be replied not found", RejectedError, "not_found"),
        (400, "Bad Request: message can't be deleted for everyone", RejectedError, "too_old"),
        (400, "Bad Request: IMAGE_PROCESS_FAILED", RejectedError, "file_type"),
        (400, "Bad Request: wrong file identifier/HTTP URL specified", RejectedError, "file_gone"),
        (400, "Bad Request: group chat was upgraded", RejectedError, "bad_request"),
        (401, "Unauthorized", CredentialsError, "dead_key"),
        (403, "Forbidden: bot was blocked by the user", UnreachableError, "blocked"),
        (403, "Forbidden: user is deactivated", UnreachableError, "not_found"),
        (
            *(403, "Forbidden: bot can't initiate conversation with a user"),
            *(UnreachableError, "never_wrote"),
        ),
        (403, "Forbidden: something else", RejectedError, "no_rights"),
        (404, "Not Found", CredentialsError, "misconfigured"),
        (409, "Conflict: terminated by other getUpdates request", RejectedError, "misconfigured"),
        (413, "Request Entity Too Large", RejectedError, "too_large"),
        (500, "Internal Server Error", TransientError, "internal"),
    ],
)
def test_each_refusal_of_telegram_is_one_of_the_five_errors(
    status: int, words: str, error: type[DeliveryError], reason: str
) -> None:
    made = refusal(status, words)
    assert type(made) is error
    assert made.reason == reason


def test_a_pause_is_as_long_as_telegram_asks_and_a_long_one_is_everybodys() -> None:
    for seconds, everywhere in ((1, False), (5, False), (6, True), (3_600, True)):
        made = refusal(429, "Too Many Requests", seconds)
        assert isinstance(made, ThrottledError)
        assert (made.retry_after, made.everywhere) == (timedelta(seconds=seconds), everywhere)


@pytest.mark.parametrize(
    ("failing", "maybe_sent"),
    [("lost_answer", True), ("502_page", True), ("500", False)],
)
async def test_what_may_have_been_sent_is_told_so(
    platform: TelegramPlatform,
    channel: Telegram,
    anna: Person,
    failing: Failing,
    maybe_sent: bool,
) -> None:
    platform.fail(failing)
    with pytest.raises(TransientError) as caught:
        await channel.send(about(anna), Draft(key="k", text="да"))
    assert caught.value.maybe_sent is maybe_sent
    sent = [each for each in platform.shown(anna) if not each.mine]
    assert len(sent) == (failing == "lost_answer")


async def test_nobody_at_home_is_certainly_not_sent(platform: TelegramPlatform) -> None:
    channel = opened(platform)
    await platform.stop()
    with pytest.raises(TransientError) as caught:
        await channel.send(about(Person("1", "")), Draft(key="k", text="да"))
    await channel.close()
    assert not caught.value.maybe_sent


@pytest.mark.parametrize("failing", ["500", "refused_key", "429"])
async def test_a_reply_that_is_half_said_is_not_said_again(
    platform: TelegramPlatform, channel: Telegram, anna: Person, failing: Failing
) -> None:
    platform.fail(failing, method="sendPhoto", seconds=60)
    draft = Draft(key="k", text="д" * 2_000, attachments=(PHOTO,))
    with pytest.raises(TransientError) as caught:
        await channel.send(about(anna), draft)
    assert caught.value.maybe_sent


async def test_the_rest_of_a_reply_waits_a_short_pause_in_place(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    platform.fail("429", method="sendPhoto", seconds=1)
    draft = Draft(key="k", text="д" * 2_000, attachments=(PHOTO,))
    receipt = await channel.send(about(anna), draft)
    assert len(receipt.more) == 1
    assert len(platform.shown(anna)) == 3


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"ok": true, "result": 5}', b"\xff", b"[" * 100_000], ids=len
)
async def test_an_answer_that_is_no_telegrams_may_have_been_sent(body: bytes) -> None:
    async with answering(body) as channel:
        with pytest.raises(TransientError) as caught:
            await channel.send(about(Person("1", "")), Draft(key="k", text="да"))
    assert (caught.value.maybe_sent, caught.value.reason) == (True, "page")


@pytest.mark.parametrize("body", [b'{"ok": true}', b'{"ok": true, "result": [{}]}'])
async def test_a_poll_that_brings_no_updates_is_tried_again(body: bytes) -> None:
    async with answering(body) as channel:
        with pytest.raises(TransientError):
            await channel.poll("5")


async def test_a_server_of_ones_own_that_names_its_disk_is_set_up_wrongly() -> None:
    file = {"file_id": "a", "file_unique_id": "u", "file_path": "/var/lib/telegram/a.jpg"}
    async with answering(msgspec.json.encode({"ok": True, "result": file})) as channel:
        with pytest.raises(RejectedError) as caught:
            [_ async for _ in channel.fetch(Remote(ref="a"))]
    assert caught.value.reason == "misconfigured"


async def test_a_refusal_without_a_code_is_still_one() -> None:
    async with answering(b'{"ok": false}') as channel:
        with pytest.raises(RejectedError):
            await channel.send(about(Person("1", "")), Draft(key="k", text="да"))


async def test_the_key_is_in_no_log_and_no_error(
    platform: TelegramPlatform,
    channel: Telegram,
    anna: Person,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    faults: Sequence[Failing] = ("429", "500", "502_page", "refused_key", "lost_answer", "blocked")
    for failing in faults:
        platform.fail(failing)
        with pytest.raises(DeliveryError) as caught:
            await channel.send(about(anna), Draft(key="k", text="да"))
        said += [repr(caught.value), caught.value.reason, *format_exception(caught.value)]
    await platform.stop()
    with pytest.raises(DeliveryError) as caught:
        [_ async for _ in channel.fetch(Remote(ref="any"))]
    said += format_exception(caught.value)
    assert platform.token not in " ".join(said) + caplog.text
    assert repr(channel).count(platform.token.partition(":")[2]) == 0


def test_more_than_an_album_holds_is_two_albums() -> None:
    made = pieces(Draft(key="k", attachments=(PHOTO,) * 12))
    assert [len(piece.files) for piece in made] == [10, 2]


@given(st.text(max_size=3_000), st.integers(0, 12), st.booleans())
def test_whatever_is_to_be_said_is_said_within_telegrams_limits(
    text: str, files: int, pressed: bool
) -> None:
    sorts = (PHOTO, PAPER, attachment("v.ogg", "audio/ogg", "audio"))
    rows = ((Button(label="да", data="x"),),) if pressed else ()
    draft = Draft(
        key="k",
        text=text * 3,
        attachments=tuple(sorts[at // 2 % 3] for at in range(files)),
        buttons=rows,
    )
    try:
        made = pieces(draft)
    except RejectedError:
        made = []
    assert made or not (files or text.strip())
    assert [file for piece in made for file in piece.files] == list(draft.attachments)
    for piece in made:
        most = 1_024 if piece.files else 4_096
        assert len(piece.text.encode("utf-16-le")) // 2 <= most
        assert piece.text or piece.files
        assert len(piece.files) <= 10
    assert not pressed or not made or len(made[-1].files) < 2
