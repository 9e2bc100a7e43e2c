"""Somebody else's client of MAX against the played one: its strict models read all it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from maxapi import Bot
from maxapi.enums.message_link_type import MessageLinkType
from maxapi.enums.parse_mode import TextFormat
from maxapi.enums.sender_action import SenderAction
from maxapi.enums.upload_type import UploadType
from maxapi.exceptions.max import InvalidToken, MaxApiError
from maxapi.types.attachments.attachment import ButtonsPayload
from maxapi.types.attachments.buttons import CallbackButton, LinkButton, RequestContactButton
from maxapi.types.input_media import InputMediaBuffer
from maxapi.types.message import NewMessageLink
from maxapi.types.updates import UpdateUnionAdapter
from maxapi.types.updates.bot_started import BotStarted
from maxapi.types.updates.message_callback import MessageCallback
from maxapi.types.updates.message_created import MessageCreated

from bots.platforms.max import BOT, MaxPlatform
from bots.platforms.platform import Blob, Person

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(300)
FIXTURES = Path(__file__).parent.parent / "fixtures" / "max"


@pytest.fixture
async def platform() -> AsyncIterator[MaxPlatform]:
    made = MaxPlatform(hour=1)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def bot(platform: MaxPlatform) -> AsyncIterator[Bot]:
    made = Bot(
        platform.token,
        auto_requests=False,
        auto_check_subscriptions=False,
        after_input_media_delay=0,
        after_upload_retry_delay=0,
    )
    made.set_api_url(platform.url)
    yield made
    await made.close_session()


@pytest.fixture
async def anna(platform: MaxPlatform) -> Person:
    person = platform.person("Анна Иванова")
    await platform.begin(person, "ref_42")
    return person


async def test_it_writes_edits_and_takes_back(
    bot: Bot, platform: MaxPlatform, anna: Person
) -> None:
    me = await bot.get_me()
    assert (me.user_id, me.is_bot) == (BOT, True)
    theirs = await platform.write(anna, "здравствуйте")
    sent = await bot.send_message(
        user_id=int(anna.id),
        text="<b>Добрый</b> день",
        format=TextFormat.HTML,
        link=NewMessageLink(type=MessageLinkType.REPLY, mid=theirs.id),
    )
    assert sent is not None
    assert sent.message.body is not None
    mid = sent.message.body.mid
    shown = platform.find(anna, mid)
    assert shown is not None
    assert (shown.text, shown.quote) == ("Добрый день", theirs.id)
    assert (await bot.get_message(mid)).body == sent.message.body
    edited = await bot.edit_message(mid, text="Добрый вечер")
    assert edited is not None
    assert edited.success
    assert (await bot.delete_message(mid)).success
    assert platform.find(anna, mid) is None
    with pytest.raises(MaxApiError) as caught:
        await bot.delete_message(mid)
    assert caught.value.code == 404


async def test_it_leaves_files_and_waits_until_they_are_ready(
    bot: Bot, platform: MaxPlatform, anna: Person
) -> None:
    platform.not_ready = 1
    for sort in (UploadType.IMAGE, UploadType.VIDEO, UploadType.AUDIO, UploadType.FILE):
        media: list[Any] = [InputMediaBuffer(PNG, filename=f"{sort.value}.png", type=sort)]
        await bot.send_message(user_id=int(anna.id), text="вот", attachments=media)
    shown = platform.shown(anna)
    assert [each.files[0].kind for each in shown] == ["image", "video", "audio", "file"]
    assert all(each.files[0].data == PNG for each in shown)


async def test_it_polls_presses_and_answers_them(
    bot: Bot, platform: MaxPlatform, anna: Person
) -> None:
    rows: list[Any] = [
        [CallbackButton(text="Да", payload="yes"), LinkButton(text="Сайт", url="https://a.ru")],
        [RequestContactButton(text="Мой номер")],
    ]
    buttons: Any = ButtonsPayload(buttons=rows)
    await bot.send_message(user_id=int(anna.id), text="?", attachments=[buttons.pack()])
    (shown,) = platform.shown(anna)
    await platform.press(anna, shown.id, "yes")
    await platform.press(anna, shown.id, "phone")
    told = await bot.get_updates(limit=10, timeout=0)
    began, pressed, shared = (UpdateUnionAdapter.validate_python(each) for each in told["updates"])
    assert isinstance(began, BotStarted)
    assert began.payload == "ref_42"
    assert isinstance(pressed, MessageCallback)
    assert pressed.callback.payload == "yes"
    assert pressed.callback.user.user_id == int(anna.id)
    assert isinstance(shared, MessageCreated)
    assert shared.message.body is not None
    assert shared.message.body.attachments is not None
    card: Any = shared.message.body.attachments[0].payload
    assert card.vcf.phone == anna.phone.removeprefix("+")
    answered = await bot.send_callback(pressed.callback.callback_id, notification="принято")
    assert answered.success
    assert platform.answers == {pressed.callback.callback_id: "принято"}
    again = await bot.get_updates(limit=10, timeout=0, marker=told["marker"])
    assert again["updates"] == []


async def test_everything_that_is_brought_is_read_by_its_models_with_exact_numbers(
    bot: Bot, platform: MaxPlatform, anna: Person
) -> None:
    mine = await platform.write(anna, "раз")
    await platform.write(anna, "два", quote=mine.id)
    for kind in ("image", "video", "audio", "file"):
        await platform.send_file(anna, Blob(f"x.{kind}", "x/y", PNG, kind), text="файл")
    await platform.send_album(anna, [Blob("a.png", "image/png", PNG, "image")] * 2, "альбом")
    await platform.send_place(anna, 59.9, 30.3)
    await platform.send_card(anna, "Пётр", "+79160000000", own=False)
    await platform.rewrite(anna, mine.id, "раз и навсегда")
    await platform.take_back(anna, mine.id)
    await platform.write_in_group(anna, "всем")
    await platform.block(anna)
    told = await bot.get_updates(limit=100, timeout=0)
    assert len(told["updates"]) == 15
    for each in told["updates"]:
        read = UpdateUnionAdapter.validate_python(each)
        assert read.update_type == each["update_type"]
        if isinstance(read, MessageCreated) and read.message.body is not None:
            assert read.message.body.seq == each["message"]["body"]["seq"]


@pytest.mark.parametrize(
    "name", sorted(each.stem for each in FIXTURES.glob("*.json") if each.stem != "unknown_type")
)
def test_the_recorded_updates_are_what_it_takes_for_updates(name: str) -> None:
    update = msgspec.json.decode((FIXTURES / f"{name}.json").read_bytes())
    if name == "message_empty" or name == "message_unknown_attachment":
        with pytest.raises(ValueError, match="validation"):
            UpdateUnionAdapter.validate_python(update)
        return
    UpdateUnionAdapter.validate_python(update)


async def test_it_subscribes_and_is_brought_what_happens(
    bot: Bot, platform: MaxPlatform, anna: Person
) -> None:
    brought: list[tuple[str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        brought.append((request.headers["X-Max-Bot-Api-Secret"], await request.read()))
        platform.changed.set()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/hooks/x", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/x"
    with pytest.warns(UserWarning, match="HTTPS"):
        assert (await bot.subscribe_webhook(url, secret="from-the-test")).success
    (subscription,) = (await bot.get_subscriptions()).subscriptions
    assert subscription.url == url
    await platform.write(anna, "здравствуйте")
    await platform.wait_for(lambda: bool(brought))
    await platform.settled()
    ((secret, body),) = brought
    assert secret == "from-the-test"
    read = UpdateUnionAdapter.validate_json(body)
    assert isinstance(read, MessageCreated)
    assert (await bot.unsubscribe_webhook(url)).success
    refused = await bot.subscribe_webhook("https://hub.example:8443/x")
    assert not refused.success
    await runner.cleanup()


async def test_what_the_platform_does_not_take_is_an_error_there_too(
    bot: Bot, platform: MaxPlatform, anna: Person
) -> None:
    for text in ("😀" * 2_001, ""):
        with pytest.raises(MaxApiError) as caught:
            await bot.send_message(user_id=int(anna.id), text=text)
        assert caught.value.code == 400
    with pytest.raises(MaxApiError) as caught:
        await bot.send_message(user_id=int(platform.person().id), text="x")
    assert caught.value.code == 404
    await platform.block(anna)
    with pytest.raises(MaxApiError) as caught:
        await bot.send_message(user_id=int(anna.id), text="x")
    assert caught.value.code == 403
    platform.token = "another-token"
    with pytest.raises(InvalidToken):
        await bot.get_me()


async def test_typing_is_seen_in_the_chat(bot: Bot, platform: MaxPlatform, anna: Person) -> None:
    written = await platform.write(anna, "x")
    message = await bot.get_message(written.id)
    assert message.recipient.chat_id is not None
    await bot.send_action(message.recipient.chat_id, SenderAction.TYPING_ON)
    assert platform.chats[anna.id].typing_at is not None
