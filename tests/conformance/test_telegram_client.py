"""Somebody else's client of Telegram against the played one: its models read all it says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    KeyboardButton,
    MessageEntity,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
    ReplyParameters,
    Update,
)
from telegram.constants import ChatAction, MessageLimit, ReactionEmoji
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter
from telegram.request import HTTPXRequest

from bots.platforms.platform import Blob, Person
from bots.platforms.telegram import SECRET, TelegramPlatform
from bots.platforms.telegram_chats import picture
from bots.tg.outgoing import CAPTION_MAX, REACTIONS, TEXT_MAX

FIXTURES = Path(__file__).parents[1] / "fixtures" / "telegram"
PHOTO = picture("7").data
ALL = [
    *("message", "edited_message", "callback_query", "my_chat_member", "message_reaction"),
    *("business_message", "edited_business_message", "deleted_business_messages"),
]


@pytest.fixture
async def platform() -> AsyncIterator[TelegramPlatform]:
    made = TelegramPlatform()
    await made.start()
    yield made
    await made.stop()


async def client(platform: TelegramPlatform, token: str = "") -> Bot:
    return Bot(
        token or platform.token,
        base_url=f"{platform.url}/bot",
        base_file_url=f"{platform.url}/file/bot",
        request=HTTPXRequest(httpx_kwargs={"trust_env": False}),
        get_updates_request=HTTPXRequest(httpx_kwargs={"trust_env": False}),
    )


@pytest.fixture
async def bot(platform: TelegramPlatform) -> AsyncIterator[Bot]:
    async with await client(platform) as made:
        yield made


@pytest.fixture
async def anna(platform: TelegramPlatform) -> Person:
    person = platform.person("Анна Петрова")
    await platform.begin(person, "v1-key")
    return person


async def everything(platform: TelegramPlatform, person: Person, bot: Bot) -> int:
    """All that a person can do there; how many updates it makes."""
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("Да", callback_data="yes")]])
    question = await bot.send_message(person.id, "Удобно?", reply_markup=keys)
    asked = str(question.message_id)
    word = await platform.write(person, "да", quote=asked)
    await platform.rewrite(person, word.id, "нет")
    photo = Blob("a.png", "image/png", PHOTO, "image")
    await platform.send_file(person, photo, text="вот")
    await platform.send_file(person, Blob("v.ogg", "audio/ogg", b"OggS", "audio"))
    await platform.send_file(person, Blob("v.mp4", "video/mp4", b"mp4", "video"))
    await platform.send_file(person, Blob("a.mp3", "audio/mpeg", b"ID3", "audio"))
    await platform.send_file(person, Blob("a.pdf", "application/pdf", b"%PDF"))
    await platform.send_album(person, [photo, photo], "две")
    await platform.send_place(person, 59.9, 30.3)
    await platform.send_card(person, "Анна", "+79161234567", own=True)
    await platform.press(person, asked, "yes")
    await platform.react(person, asked, "👍")
    await platform.react(person, asked, "")
    await platform.block(person)
    await platform.block(person, blocked=False)
    theirs = await platform.write_to_business(person, "Это магазин?")
    await platform.staff_reply(person, "Да")
    await platform.rewrite(person, theirs.id, "Магазин?")
    await platform.delete_from_business(person, theirs.id)
    return 20


async def test_polling_brings_everything_in_shapes_that_it_knows(
    platform: TelegramPlatform, bot: Bot, anna: Person
) -> None:
    await bot.delete_webhook()
    assert (await bot.get_me()).username == "otklik_demo_bot"
    [start] = await bot.get_updates(timeout=0, allowed_updates=ALL)
    assert start.message
    assert start.message.text == "/start v1-key"
    assert start.message.parse_entities([MessageEntity.BOT_COMMAND])
    count = await everything(platform, anna, bot)
    updates = await bot.get_updates(offset=start.update_id + 1, timeout=1)
    assert len(updates) == count
    assert all(_what(each) for each in updates)
    contact = next(
        each.message.contact for each in updates if each.message and each.message.contact
    )
    assert contact.user_id == int(anna.id)
    press = next(each.callback_query for each in updates if each.callback_query)
    assert (press.data, await press.answer("Спасибо")) == ("yes", True)
    assert platform.answered == {press.id: "Спасибо"}


async def test_a_hook_brings_the_same(platform: TelegramPlatform, bot: Bot, anna: Person) -> None:
    got: list[Update] = []

    async def door(request: web.Request) -> web.Response:
        assert request.headers[SECRET] == "s3cret"
        read = Update.de_json(await request.json(), bot)
        got.append(read)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", door)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        await bot.set_webhook(url, secret_token="s3cret", allowed_updates=ALL, max_connections=9)
        count = await everything(platform, anna, bot)
        await platform.settled()
        assert len(got) == count + 1
        assert all(_what(each) for each in got)
        info = await bot.get_webhook_info()
        assert (info.url, info.max_connections) == (url, 9)
        assert set(info.allowed_updates) == set(ALL)
        with pytest.raises(Conflict):
            await bot.get_updates(timeout=0)
    finally:
        await runner.cleanup()


async def test_what_it_sends_is_seen_by_the_person(
    platform: TelegramPlatform, bot: Bot, anna: Person
) -> None:
    word = await platform.write(anna, "Сколько?")
    bold = MessageEntity(MessageEntity.BOLD, 3, 4)
    told = await bot.send_message(
        anna.id,
        "😀 Цена",
        entities=[bold],
        reply_parameters=ReplyParameters(int(word.id), allow_sending_without_reply=True),
    )
    assert told.parse_entity(told.entities[0]) == "Цена"
    assert told.reply_to_message
    assert told.reply_to_message.message_id == int(word.id)
    await bot.send_chat_action(anna.id, ChatAction.TYPING)
    assert platform.chats[anna.id].typing_at
    photo = await bot.send_photo(anna.id, PHOTO, caption="вот")
    assert photo.photo[-1].file_id
    again = await bot.send_photo(anna.id, photo.photo[-1].file_id)
    assert again.photo
    paper = await bot.send_document(anna.id, b"%PDF-1.7", filename="смета.pdf")
    assert paper.document
    assert paper.document.file_name == "смета.pdf"
    album = await bot.send_media_group(anna.id, [InputMediaPhoto(PHOTO), InputMediaPhoto(PHOTO)])
    assert len({each.media_group_id for each in album}) == 1
    await bot.send_voice(anna.id, b"OggS")
    await bot.send_audio(anna.id, b"ID3", filename="a.mp3")
    await bot.send_video(anna.id, b"mp4", filename="a.mp4")
    asking = ReplyKeyboardMarkup([[KeyboardButton("Номер", request_contact=True)]])
    await bot.send_message(anna.id, "Номер?", reply_markup=asking)
    shown = platform.shown(anna)[2:]
    assert [each.text for each in shown] == ["😀 Цена", "вот", *[""] * 7, "Номер?"]
    assert [len(each.files) for each in shown] == [0, *[1] * 8, 0]
    assert shown[3].files[0].data == PHOTO or shown[2].files[0].data == PHOTO
    assert shown[-1].buttons == ((("Номер", "phone"),),)


async def test_what_it_changes_is_changed(
    platform: TelegramPlatform, bot: Bot, anna: Person
) -> None:
    told = await bot.send_message(anna.id, "да")
    photo = await bot.send_photo(anna.id, PHOTO, caption="вот")
    edited = await told.edit_text("нет")
    assert not isinstance(edited, bool)
    assert edited.edit_date
    await photo.edit_caption("тут")
    with pytest.raises(BadRequest, match="not modified"):
        await told.edit_text("нет")
    await bot.set_message_reaction(anna.id, told.message_id, ReactionTypeEmoji("👍"))
    assert platform.shown(anna)[-2].reactions == ("👍",)
    assert [each.text for each in platform.shown(anna)[-2:]] == ["нет", "тут"]
    await told.delete()
    with pytest.raises(BadRequest, match="essage to delete not found"):
        await told.delete()
    await bot.delete_messages(anna.id, [told.message_id, photo.message_id])
    assert [each.text for each in platform.shown(anna)] == ["/start"]


async def test_files_and_faces_come_down(
    platform: TelegramPlatform, bot: Bot, anna: Person
) -> None:
    await platform.send_file(anna, Blob("a.pdf", "application/pdf", b"%PDF-1.7"))
    update = (await bot.get_updates(timeout=0))[-1]
    assert update.message
    assert update.message.document
    file = await update.message.document.get_file()
    assert bytes(await file.download_as_bytearray()) == b"%PDF-1.7"
    chat = await bot.get_chat(anna.id)
    assert (chat.first_name, chat.last_name) == ("Анна", "Петрова")
    assert chat.photo
    face = await chat.photo.get_big_file()
    assert bytes(await face.download_as_bytearray()).startswith(b"\x89PNG")
    photos = await bot.get_user_profile_photos(int(anna.id))
    assert photos.total_count == 1


async def test_every_refusal_is_the_error_that_it_knows(
    platform: TelegramPlatform, bot: Bot, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its pauses are plain numbers, with a warning, unless one asks for what comes next.
    monkeypatch.setenv("PTB_TIMEDELTA", "1")
    platform.fail("429", seconds=7)
    with pytest.raises(RetryAfter) as caught:
        await bot.send_message(anna.id, "да")
    assert caught.value.retry_after == timedelta(seconds=7)
    for failing in ("500", "502_page", "lost_answer"):
        platform.fail(failing)
        with pytest.raises(NetworkError):
            await bot.send_message(anna.id, "да")
    await platform.block(anna)
    with pytest.raises(Forbidden, match="blocked by the user"):
        await bot.send_message(anna.id, "да")
    with pytest.raises(BadRequest, match="hat not found"):
        await bot.send_message(1, "да")
    with pytest.raises(BadRequest, match="too long"):
        await bot.send_message(anna.id, "д" * 4_097)
    wrong = await client(platform, "123:wrong")
    with pytest.raises(InvalidToken):
        await wrong.initialize()
    await wrong.shutdown()


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_the_recorded_updates_are_what_it_knows(path: Path) -> None:
    told: dict[str, Any] = json.loads(path.read_text())
    read = Update.de_json(told, None)
    assert read.update_id == told["update_id"]
    assert _what(read) or path.stem == "future"


def test_reactions_and_limits_are_those_that_it_knows() -> None:
    # It writes some of them with what asks for colour, which the others leave out.
    assert set(REACTIONS) == {each.value.replace("\ufe0f", "") for each in ReactionEmoji}
    assert (TEXT_MAX, CAPTION_MAX) == (MessageLimit.MAX_TEXT_LENGTH, MessageLimit.CAPTION_LENGTH)


def _what(update: Update) -> list[str]:
    return [name for name in Update.ALL_TYPES if getattr(update, name, None) is not None]
