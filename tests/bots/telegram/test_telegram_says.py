"""Telegram's adapter against the played platform: what it says, edits and takes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.platforms.platform import Person
from bots.platforms.telegram import TelegramPlatform
from bots.platforms.telegram_chats import CONNECTION
from bots.telegram import Telegram
from bots.tg.outgoing import REACTIONS, pieces
from hub.channels.port import Draft
from hub.content import Button
from hub.errors import RejectedError
from hub.events import MessageReceived, StaffReplied
from hub.model import Attachment
from tests.bots.contract import identity
from tests.bots.house import attachment
from tests.bots.telegram.house import PAPER, PHOTO, Held, asked, hook, opened


async def test_text_goes_out_in_its_styles_and_as_an_answer(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    question = await platform.write(anna, "Сколько?")
    text = "😀 **Цена** [тут](https://shop.example/a)"
    draft = Draft(key="k1", text=text, reply_to=f"{anna.id}:{question.id}")
    receipt = await channel.send(identity(anna.id), draft)
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
    await channel.send(identity(anna.id), Draft(key="k", text="да", reply_to=f"{anna.id}:99999"))
    await channel.send(identity(anna.id), Draft(key="k", text="да", reply_to=f"{anna.id}:press:a1"))
    assert [each.quote for each in platform.shown(anna)[-2:]] == ["", ""]


async def test_a_long_text_goes_out_in_pieces_that_are_one_reply(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    text = "😀слово " * 1_500
    receipt = await channel.send(
        identity(anna.id), Draft(key="k", text=text, reply_to=f"{anna.id}:1")
    )
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
    await channel.send(identity(anna.id), Draft(key="k", text="_вот_", attachments=(file,)))
    [given] = asked(platform, method)
    assert given["caption"] == "вот"
    shown = platform.shown(anna)[-1]
    assert shown.text == "вот"
    assert shown.files[0].name == file.name


async def test_pictures_go_as_an_album_and_what_is_of_another_sort_after_it(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    files = (PHOTO, attachment("b.png", "image/png", "image"), PAPER)
    receipt = await channel.send(identity(anna.id), Draft(key="k", text="три", attachments=files))
    assert len(receipt.more) == 2
    album = platform.shown(anna)[-3:]
    assert [each.text for each in album] == ["три", "", ""]
    groups = [platform.messages[each.id].get("media_group_id") for each in album]
    assert groups[0] == groups[1] != groups[2] is None


async def test_words_too_long_for_under_a_picture_go_before_it(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    await channel.send(identity(anna.id), Draft(key="k", text="д" * 1_025, attachments=(PHOTO,)))
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
        receipt = await channel.send(
            identity(anna.id), Draft(key="k", text="вот", attachments=(PHOTO,))
        )
        shown = platform.shown(anna)[-1]
        assert (shown.files[0].kind, shown.text) == ("file", "вот")
        two = (PHOTO, PHOTO)
        receipt = await channel.send(identity(anna.id), Draft(key="k", text="вот", attachments=two))
        assert [each.text for each in platform.shown(anna)[-2:]] == ["вот", ""]
        assert len(receipt.more) == 1
    finally:
        await channel.close()


async def test_a_file_that_is_too_large_or_gone_is_said_so_before_anything_is_sent(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    large = attachment("film.mp4", "video/mp4", "video", 50_000_001)
    with pytest.raises(RejectedError) as caught:
        await channel.send(
            identity(anna.id), Draft(key="k", text="вот", attachments=(PAPER, large))
        )
    assert caught.value.reason == "too_large"
    files = Held()
    files.lost = PAPER.name
    other = opened(platform, files)
    with pytest.raises(RejectedError) as caught:
        await other.send(identity(anna.id), Draft(key="k", attachments=(PAPER,)))
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
    await channel.send(identity(anna.id), Draft(key="k", text="т" * 5_000, buttons=rows))
    first, last = platform.shown(anna)[-2:]
    assert first.buttons == ()
    assert last.buttons[0] == (("Позвонить", "op:call"), ("Сайт", "https://a.example"))
    asking = ((Button(label="Мой номер", asks="phone"),),)
    await channel.send(identity(anna.id), Draft(key="k", text="Номер?", buttons=asking))
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
    to = identity(anna.id)
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
        old = await channel.send(identity(person.id), Draft(key="k", text="старое"))
        now[0] += timedelta(hours=47)
        new = await channel.send(identity(person.id), Draft(key="k", text="новое"))
        await channel.delete(identity(person.id), [new.external_id])
        await channel.delete(identity(person.id), [new.external_id])
        assert [each.text for each in platform.shown(person)] == ["/start", "старое"]
        now[0] += timedelta(hours=2)
        with pytest.raises(RejectedError) as caught:
            await channel.delete(identity(person.id), [old.external_id])
        assert caught.value.reason == "too_old"
    finally:
        await channel.close()
        await platform.stop()


async def test_a_reaction_is_put_and_taken_back(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    bubble = await platform.write(anna, "спасибо")
    id = f"{anna.id}:{bubble.id}"
    await channel.react(identity(anna.id), id, "❤️")
    assert platform.shown(anna)[-1].reactions == ("❤",)
    await channel.react(identity(anna.id), id, "")
    assert platform.shown(anna)[-1].reactions == ()
    for emoji in REACTIONS:
        await channel.react(identity(anna.id), id, emoji)
    with pytest.raises(RejectedError):
        await channel.react(identity(anna.id), id, "🚗")


async def test_typing_is_shown(platform: TelegramPlatform, channel: Telegram, anna: Person) -> None:
    await channel.show_typing(identity(anna.id), f"{anna.id}:1")
    assert platform.chats[anna.id].typing_at
    await channel.send(identity(anna.id), Draft(key="k", text="вот"))
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
    to = identity(f"{CONNECTION}@{person.id}")
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
