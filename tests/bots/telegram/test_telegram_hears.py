"""Telegram's adapter against the played platform: what is brought, and what goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from traceback import format_exception

import msgspec
import pytest

from bots.platforms.platform import Blob, Failing, Person
from bots.platforms.telegram import TelegramPlatform
from bots.telegram import Telegram
from bots.tg import wire
from bots.tg.outgoing import refusal
from hub.channels.port import Draft
from hub.content import Remote
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import MessageReceived
from tests.bots.contract import identity
from tests.bots.door import open_door
from tests.bots.telegram.house import PHOTO, Held, answering, asked, hook, opened


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
    async with open_door(channel) as door:
        door.away = 1
        await channel.set_hook(door.url)
        await platform.write(anna, "привет")
        await platform.settled()
        [event] = door.events
        assert isinstance(event, MessageReceived)
        assert (door.away, door.refused) == (0, 0)
        state = await channel.hook()
        assert (state.url, state.waiting) == (door.url, 0)
        assert state.error.startswith("Wrong response from the webhook: 503")
        assert state.error_at
        [given] = asked(platform, "setWebhook")
        assert msgspec.json.decode(given["allowed_updates"]) == list(wire.WANTED)
        with pytest.raises(RejectedError) as caught:
            await channel.poll("")
        assert caught.value.reason == "misconfigured"
        await channel.drop_hook()
        assert (await channel.hook()).url == ""
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
        await channel.send(identity(anna.id), Draft(key="k", text="да"))
    assert caught.value.maybe_sent is maybe_sent
    sent = [each for each in platform.shown(anna) if not each.mine]
    assert len(sent) == (failing == "lost_answer")


async def test_nobody_at_home_is_certainly_not_sent(platform: TelegramPlatform) -> None:
    channel = opened(platform)
    await platform.stop()
    with pytest.raises(TransientError) as caught:
        await channel.send(identity("1"), Draft(key="k", text="да"))
    await channel.close()
    assert not caught.value.maybe_sent


@pytest.mark.parametrize("failing", ["500", "refused_key", "429"])
async def test_a_reply_that_is_half_said_is_not_said_again(
    platform: TelegramPlatform, channel: Telegram, anna: Person, failing: Failing
) -> None:
    platform.fail(failing, method="sendPhoto", seconds=60)
    draft = Draft(key="k", text="д" * 2_000, attachments=(PHOTO,))
    with pytest.raises(TransientError) as caught:
        await channel.send(identity(anna.id), draft)
    assert caught.value.maybe_sent


async def test_a_reply_whose_end_telegram_refuses_is_not_said_to_have_not_gone_out(
    platform: TelegramPlatform, anna: Person
) -> None:
    files = Held()
    files.lost = PHOTO.name
    channel = opened(platform, files)
    for text, maybe_sent in (("д" * 2_000, True), ("да", False)):
        draft = Draft(key="k", text=text, attachments=(PHOTO,))
        with pytest.raises(RejectedError) as caught:
            await channel.send(identity(anna.id), draft)
        assert caught.value.maybe_sent is maybe_sent
    await channel.close()


async def test_the_rest_of_a_reply_waits_a_short_pause_in_place(
    platform: TelegramPlatform, channel: Telegram, anna: Person
) -> None:
    platform.fail("429", method="sendPhoto", seconds=1)
    draft = Draft(key="k", text="д" * 2_000, attachments=(PHOTO,))
    receipt = await channel.send(identity(anna.id), draft)
    assert len(receipt.more) == 1
    assert len(platform.shown(anna)) == 3


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"ok": true, "result": 5}', b"\xff", b"[" * 100_000], ids=len
)
async def test_an_answer_that_is_no_telegrams_may_have_been_sent(body: bytes) -> None:
    async with answering(body) as channel:
        with pytest.raises(TransientError) as caught:
            await channel.send(identity("1"), Draft(key="k", text="да"))
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
            await channel.send(identity("1"), Draft(key="k", text="да"))


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
            await channel.send(identity(anna.id), Draft(key="k", text="да"))
        said += [repr(caught.value), caught.value.reason, *format_exception(caught.value)]
    await platform.stop()
    with pytest.raises(DeliveryError) as caught:
        [_ async for _ in channel.fetch(Remote(ref="any"))]
    said += format_exception(caught.value)
    assert platform.token not in " ".join(said) + caplog.text
    assert repr(channel).count(platform.token.partition(":")[2]) == 0
