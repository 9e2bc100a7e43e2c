"""MAX's adapter against the played platform: what it says, and what goes wrong in saying it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web

from bots.line.line import Said
from bots.max import Max as MaxChannel
from bots.max import MaxSettings, _refusal
from bots.platforms.max import MaxPlatform
from bots.platforms.platform import Blob, Person
from bots.updates import max as updates
from hub.channels.port import Draft
from hub.content import Button, Remote
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import (
    MessageReceived,
)
from hub.model import Attachment, ChannelId
from tests.bots.contract import KEYS, identity
from tests.bots.house import PNG, Held, attachment, serving
from tests.bots.max.house import opened

PICTURE = Draft(key="1", attachments=(attachment("a.png", "image/png", "image"),))


async def test_a_marked_text_is_read_as_it_was_meant_and_plain_text_is_left_alone(
    channel: MaxChannel, platform: MaxPlatform, anna: Person
) -> None:
    await channel.send(
        identity(anna.id), Draft(key="1", text="**Цена** <b> & [тут](https://a.ru/?x=1)")
    )
    await channel.send(identity(anna.id), Draft(key="2", text="2 < 3 & *нет*"))
    bodies = [body for name, body in platform.calls if name == "POST messages"]
    assert bodies[0]["format"] == "html"
    assert bodies[0]["text"] == '<b>Цена</b> &lt;b&gt; &amp; <a href="https://a.ru/?x=1">тут</a>'
    assert "format" not in bodies[1]
    assert [each.text for each in platform.shown(anna)] == ["Цена <b> & тут", "2 < 3 & *нет*"]


async def test_a_long_text_is_several_messages_and_all_their_ids_are_known(
    channel: MaxChannel, platform: MaxPlatform, anna: Person
) -> None:
    text = " ".join(["слово"] * 1_200)
    receipt = await channel.send(identity(anna.id), Draft(key="1", text=text))
    shown = platform.shown(anna)
    assert [each.id for each in shown] == [receipt.external_id, *receipt.more]
    assert len(shown) == 2
    assert " ".join(each.text for each in shown) == text


async def test_pieces_keep_the_pace_of_the_platform(
    channel: MaxChannel, platform: MaxPlatform, anna: Person
) -> None:
    platform.per_chat = 2
    text = " ".join(["слово"] * 1_900)
    receipt = await channel.send(identity(anna.id), Draft(key="1", text=text))
    assert len(receipt.more) == 2


async def test_a_failure_after_the_first_piece_may_have_sent_it(
    channel: MaxChannel, platform: MaxPlatform, anna: Person
) -> None:
    text = " ".join(["слово"] * 1_200)
    sending = asyncio.create_task(channel.send(identity(anna.id), Draft(key="1", text=text)))
    await platform.wait_for(lambda: bool(platform.shown(anna)))
    platform.fail("429", seconds=7)
    with pytest.raises(TransientError) as caught:
        await sending
    assert caught.value.maybe_sent
    assert caught.value.reason == "rate"
    assert len(platform.shown(anna)) == 1


async def test_files_are_left_at_the_storage_without_the_key_and_then_named(
    channel: MaxChannel, platform: MaxPlatform, anna: Person
) -> None:
    files = (
        attachment("a.png", "image/png", "image"),
        attachment("b.mp4", "video/mp4", "video"),
        attachment("c.ogg", "audio/ogg", "audio"),
        attachment('сме"та.pdf', "application/pdf"),
    )
    platform.not_ready = 2
    quoted = await platform.write(anna, "пришлите")
    draft = Draft(key="1", text="вот", attachments=files, reply_to=quoted.id)
    receipt = await channel.send(identity(anna.id), draft)
    first, voice, file = platform.shown(anna)[1:]
    assert (first.text, first.quote) == ("вот", quoted.id)
    assert [each.kind for each in first.files] == ["image", "video"]
    assert [each.kind for each in (*voice.files, *file.files)] == ["audio", "file"]
    assert all(each.data == PNG for each in (*first.files, *voice.files, *file.files))
    assert file.files[0].name == "сме'та.pdf"
    assert receipt.more == (voice.id, file.id)
    for headers in platform.storage.stored:
        assert "Authorization" not in headers
        assert int(headers["Content-Length"]) > len(PNG)


class Hasty(MaxChannel):
    patience = 0.8


async def test_a_file_that_is_never_ready_may_be_tried_again(
    platform: MaxPlatform, anna: Person
) -> None:
    settings = msgspec.convert(platform.settings(), MaxSettings)
    channel = Hasty(ChannelId("the-channel"), settings, KEYS, Held(PNG))
    platform.not_ready = 2
    with pytest.raises(TransientError) as caught:
        await channel.send(identity(anna.id), PICTURE)
    assert (caught.value.maybe_sent, caught.value.reason) == (False, "timeout")
    assert platform.shown(anna) == []
    await channel.send(identity(anna.id), PICTURE)
    assert len(platform.shown(anna)) == 1
    await channel.close()


class Endless(Held):
    """A hub whose storage stops answering in the middle of a file."""

    async def read(self, file: Attachment) -> AsyncIterator[bytes]:
        yield PNG[:10]
        await asyncio.Event().wait()


async def test_a_file_that_does_not_get_there_in_time_leaves_no_doubt(
    platform: MaxPlatform, anna: Person
) -> None:
    settings = msgspec.convert(platform.settings(), MaxSettings)
    channel = Hasty(ChannelId("the-channel"), settings, KEYS, Endless(PNG))
    with pytest.raises(TransientError) as caught:
        await channel.send(identity(anna.id), PICTURE)
    assert (caught.value.maybe_sent, caught.value.reason) == (False, "timeout")
    await channel.close()


class Broken(Held):
    """A hub whose storage fails in the middle of a file."""

    async def read(self, file: Attachment) -> AsyncIterator[bytes]:
        yield PNG[:10]
        raise RejectedError("gone", reason="file_gone")


async def test_a_file_that_cannot_be_read_is_refused_with_its_own_reason(
    platform: MaxPlatform, anna: Person
) -> None:
    channel = opened(platform, Broken(PNG))
    with pytest.raises(RejectedError) as caught:
        await channel.send(identity(anna.id), PICTURE)
    assert caught.value.reason == "file_gone"
    await channel.close()


async def test_a_forbidden_file_is_refused_before_anything_is_said(
    channel: MaxChannel, platform: MaxPlatform, anna: Person
) -> None:
    draft = Draft(key="1", text="вот", attachments=(attachment("a.exe", "x/y"),))
    with pytest.raises(RejectedError) as caught:
        await channel.send(identity(anna.id), draft)
    assert caught.value.reason == "file_type"
    assert platform.shown(anna) == []


@pytest.mark.parametrize(
    ("failing", "method", "maybe_sent"),
    [
        ("lost_answer", "POST messages", True),
        ("500", "POST messages", True),
        ("502_page", "POST messages", True),
        ("500", "POST uploads", False),
        ("502_page", "POST uploads", False),
        ("lost_answer", "POST uploads", False),
    ],
)
async def test_only_what_may_have_been_said_is_in_doubt(
    channel: MaxChannel,
    platform: MaxPlatform,
    anna: Person,
    failing: Any,
    method: str,
    maybe_sent: bool,
) -> None:
    platform.fail(failing, method=method)
    with pytest.raises(TransientError) as caught:
        await channel.send(identity(anna.id), PICTURE)
    assert caught.value.maybe_sent is maybe_sent
    assert len(platform.shown(anna)) == (failing == "lost_answer" and maybe_sent)


@pytest.mark.parametrize(
    ("status", "code", "words", "error", "reason"),
    [
        (400, "proto.payload", "text: size", RejectedError, "bad_request"),
        (403, "chat.denied", "error.dialog.suspended", UnreachableError, "blocked"),
        (403, "chat.denied", "", RejectedError, "no_rights"),
        (403, "access.denied", "", RejectedError, "no_rights"),
        (404, "dialog.not.found", "", UnreachableError, "never_wrote"),
        (404, "message.not.found", "", RejectedError, "not_found"),
        (401, "verify.token", "Invalid access_token", CredentialsError, "dead_key"),
        (413, "", "", RejectedError, "too_large"),
        (429, "too.many", "", ThrottledError, "rate"),
        (503, "unavailable", "", TransientError, "internal"),
        (302, "", "", TransientError, "page"),
    ],
)
def test_each_refusal_is_the_error_that_says_what_to_do(
    status: int, code: str, words: str, error: type[DeliveryError], reason: str
) -> None:
    body = msgspec.json.encode({"code": code, "message": words})
    for each in (body, body if code else b"<html>", b"[]" if not code else body):
        refusal = _refusal(Said(status=status, headers={"retry-after": "9"}, body=each))
        assert type(refusal) is error
        assert refusal.reason == reason
        if isinstance(refusal, ThrottledError):
            assert refusal.retry_after == timedelta(seconds=9)
            assert refusal.everywhere


async def test_who_never_wrote_cannot_be_written_to(
    channel: MaxChannel, platform: MaxPlatform
) -> None:
    with pytest.raises(UnreachableError) as caught:
        await channel.send(identity(platform.person().id), Draft(key="1", text="здравствуйте"))
    assert caught.value.reason == "never_wrote"


async def test_a_message_is_edited_and_taken_back_once_and_again(
    channel: MaxChannel, platform: MaxPlatform, anna: Person
) -> None:
    to = identity(anna.id)
    receipt = await channel.send(to, Draft(key="1", text="завтра"))
    for _ in range(2):
        await channel.edit(to, receipt.external_id, Draft(key="2", text="**послезавтра**"))
    (shown,) = platform.shown(anna)
    assert (shown.text, shown.edited) == ("послезавтра", True)
    for _ in range(2):
        await channel.delete(to, [receipt.external_id])
    assert platform.shown(anna) == []
    theirs = await platform.write(anna, "моё")
    with pytest.raises(RejectedError) as caught:
        await channel.delete(to, [theirs.id])
    assert caught.value.reason == "no_rights"


async def test_an_edit_that_is_too_late_is_refused_though_the_answer_is_200(anna: Person) -> None:
    clock = [datetime(2026, 11, 1, tzinfo=UTC)]
    platform = MaxPlatform(now=lambda: clock[0])
    await platform.start()
    person = platform.person()
    await platform.begin(person)
    channel = opened(platform)
    receipt = await channel.send(identity(person.id), Draft(key="1", text="завтра"))
    clock[0] += channel.capabilities.edits_for
    with pytest.raises(RejectedError):
        await channel.edit(identity(person.id), receipt.external_id, Draft(key="2", text="x"))
    await channel.close()
    await platform.stop()


async def test_buttons_are_pressed_ask_for_the_number_and_their_wait_is_ended(
    channel: MaxChannel, platform: MaxPlatform, anna: Person
) -> None:
    rows = (
        tuple(Button(label=f"Вариант {each}", data=f"v{each}") for each in range(5)),
        (Button(label="Сайт", url="https://example.ru"), Button(label="Номер", asks="phone")),
    )
    await channel.send(identity(anna.id), Draft(key="1", text="как?", buttons=rows))
    (shown,) = platform.shown(anna)
    assert [len(row) for row in shown.buttons] == [3, 2, 2]
    polled = await channel.poll("")
    await platform.press(anna, shown.id, "v4")
    await platform.press(anna, shown.id, "phone")
    polled = await channel.poll(polled.marker)
    pressed, card = (updates.events(each, platform.token)[0] for each in polled.bodies)
    assert isinstance(pressed, MessageReceived)
    assert isinstance(card, MessageReceived)
    assert (pressed.pressed, pressed.text) == ("v4", "Вариант 4")
    assert card.card is not None
    assert (card.card.phone, card.card.own) == (anna.phone, True)
    await channel.acknowledge(pressed.press, "принято")
    assert platform.answers == {pressed.press: "принято"}


async def test_reading_is_told_to_the_chat_of_the_message(
    channel: MaxChannel, platform: MaxPlatform, anna: Person
) -> None:
    written = await platform.write(anna, "есть кто?")
    await channel.mark_read(identity(anna.id), written.id)
    assert platform.shown(anna)[0].read


async def test_files_are_fetched_from_the_platform_alone_and_without_the_key(
    channel: MaxChannel, platform: MaxPlatform, anna: Person
) -> None:
    await platform.send_file(anna, Blob("v.mp4", "video/mp4", PNG, "video"))
    await platform.send_file(anna, Blob("a.png", "image/png", PNG, "image"))
    polled = await channel.poll("")
    for body in polled.bodies[1:]:
        (event,) = updates.events(body, platform.token)
        assert isinstance(event, MessageReceived)
        (remote,) = event.media
        assert b"".join([chunk async for chunk in channel.fetch(remote)]) == PNG
    for ref in ("https://evil.example/x", "http://127.0.0.1:1/x", "file:///etc/passwd"):
        with pytest.raises(RejectedError):
            await anext(channel.fetch(Remote(ref=ref)))
    with pytest.raises(RejectedError) as caught:
        await anext(channel.fetch(Remote(ref=f"{platform.url}/files/none")))
    assert caught.value.reason == "file_gone"


async def test_the_account_is_named_with_its_picture(
    channel: MaxChannel, platform: MaxPlatform
) -> None:
    account = await channel.account()
    assert (account.name, account.username) == ("Ромашка", "id7700000000_bot")
    assert account.picture is not None
    assert b"".join([chunk async for chunk in channel.fetch(account.picture)])[:4] == b"\x89PNG"
    platform.fail("refused_key")
    with pytest.raises(CredentialsError):
        await channel.account()


def test_a_link_to_the_bot_carries_a_key_that_is_not_dropped() -> None:
    channel = MaxChannel(ChannelId("c"), MaxSettings(token="t"), KEYS)
    assert channel.join_link("id1_bot", "k-_9") == "https://max.ru/id1_bot?start=k-_9"
    assert channel.join_link("id1_bot", "k" * 129) == ""
    assert channel.join_link("", "k") == ""


async def test_only_our_own_subscriptions_are_taken_off(
    channel: MaxChannel, platform: MaxPlatform
) -> None:
    strangers = "https://other.example/hooks/another"
    for url in (strangers, "https://old.example/hooks/the-channel"):
        await channel._call("POST", "subscriptions", body={"url": url})
    url = "https://hub.example/hooks/the-channel"
    await channel.set_hook(url)
    assert set(platform.hooks.known) == {strangers, url}
    assert platform.hooks.known[url].secret == KEYS.sign("hook", "the-channel")
    assert (await channel.hook()).url == url
    await channel.drop_hook()
    assert set(platform.hooks.known) == {strangers}
    assert (await channel.hook()).url == ""


async def test_a_hook_that_is_not_taken_is_an_error_though_the_answer_is_200(
    channel: MaxChannel,
) -> None:
    with pytest.raises(RejectedError) as caught:
        await channel.set_hook("https://hub.example:8443/hooks/the-channel")
    assert caught.value.reason == "misconfigured"


async def test_polling_goes_on_from_the_marker_and_keeps_it_when_none_is_told(
    channel: MaxChannel, platform: MaxPlatform, anna: Person
) -> None:
    await platform.write(anna, "раз")
    await platform.write(anna, "два")
    first = await channel.poll("")
    again = await channel.poll("")
    assert again == first
    assert len(first.bodies) == 3
    polling = asyncio.create_task(channel.poll(first.marker))
    await platform.wait_for(lambda: len(platform.calls) == 3)
    await platform.write(anna, "три")
    second = await polling
    (event,) = updates.events(second.bodies[0], platform.token)
    assert isinstance(event, MessageReceived)
    assert event.text == "три"
    polling = asyncio.create_task(channel.poll(second.marker))
    await platform.wait_for(lambda: len(platform.calls) == 4)
    platform.hooks.hurry()
    third = await polling
    assert (third.bodies, third.marker) == ((), second.marker)
    assert updates.apart(b'{"updates":[],"marker":null}') == ((), None)


async def test_a_page_in_place_of_updates_is_told_as_one() -> None:
    """Else nobody would hear that the channel hears nothing."""

    async def says(request: web.Request) -> web.Response:
        return web.Response(text="<html>Payment required</html>", content_type="text/html")

    async with serving(says) as url:
        channel = MaxChannel(ChannelId("c"), MaxSettings(token="t" * 20, api_url=url), KEYS)
        with pytest.raises(TransientError) as caught:
            await channel.poll("")
        await channel.close()
    assert caught.value.reason == "page"


async def test_nothing_is_polled_while_a_hook_is_subscribed(
    channel: MaxChannel, platform: MaxPlatform
) -> None:
    await channel.set_hook("https://hub.example/hooks/the-channel")
    with pytest.raises(RejectedError) as caught:
        await channel.poll("")
    assert caught.value.reason == "hook_elsewhere"
