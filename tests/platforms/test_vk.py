"""The played VK keeps to VK's own rules, so that what passes here passes there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bots.platforms.platform import Blob, Person
from bots.platforms.vk import VKPlatform
from bots.platforms.vk_bringing import REPEATS

AT = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


@pytest.fixture
async def vk() -> AsyncIterator[VKPlatform]:
    made = VKPlatform(hurry=1_000_000)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def anna(vk: VKPlatform) -> Person:
    anna = vk.person("Анна Ким")
    await vk.write(anna, "Привет")
    return anna


async def asked(vk: VKPlatform, method: str, **given: Any) -> Any:
    """What VK answers to a call with the right key and version."""
    data = {"access_token": vk.token, "v": "5.199"} | given
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{vk.url}/method/{method}", data=data) as answer,
    ):
        told = await answer.json()
        return told.get("response", told.get("error", {}).get("error_code"))


class Door:
    """A server that answers each update as it is told to, and with `ok` after that."""

    def __init__(self, vk: VKPlatform) -> None:
        self.came: list[tuple[str, str]] = []
        self.answers: list[web.Response] = []
        self._vk = vk

    async def take(self, request: web.Request) -> web.Response:
        told = await request.json()
        if told["type"] == "confirmation":
            return web.Response(text=self._vk.code)
        said = told["object"].get("message", {}).get("text", told["type"])
        self.came.append((said, request.headers.get("X-Retry-Counter", "")))
        return self.answers.pop(0) if self.answers else web.Response(text="ok")


@asynccontextmanager
async def door(vk: VKPlatform) -> AsyncIterator[Door]:
    made = Door(vk)
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    given = await asked(vk, "groups.addCallbackServer", group_id=vk.group, url=url, title="hub")
    await vk.settled()
    on = {"group_id": vk.group, "server_id": given["server_id"], "message_new": 1}
    assert await asked(vk, "groups.setCallbackSettings", **on) == 1
    try:
        yield made
    finally:
        await vk.settled()
        await runner.cleanup()


async def test_only_what_was_asked_for_is_brought(vk: VKPlatform, anna: Person) -> None:
    async with door(vk) as hub:
        await vk.type(anna)
        await vk.write(anna, "раз")
        await vk.settled()
        assert hub.came == [("раз", "")]


async def test_an_update_that_is_not_taken_comes_again_with_its_count(
    vk: VKPlatform, anna: Person
) -> None:
    async with door(vk) as hub:
        hub.answers = [web.Response(status=500), web.Response(text="OK"), web.Response(text="")]
        await vk.write(anna, "раз")
        await vk.settled()
        assert hub.came == [("раз", ""), ("раз", "1"), ("раз", "2"), ("раз", "3")]


async def test_after_the_last_repeat_an_update_is_given_up(vk: VKPlatform, anna: Person) -> None:
    async with door(vk) as hub:
        hub.answers = [web.Response(status=500) for _ in range(len(REPEATS) + 1)]
        await vk.write(anna, "раз")
        await vk.settled()
        assert len(hub.came) == 6
        assert len(vk.callbacks.given_up) == 1


async def test_a_server_that_asks_to_wait_is_waited_for(vk: VKPlatform, anna: Person) -> None:
    async with door(vk) as hub:
        now = datetime.now(UTC)
        later = {"Retry-After": format_datetime(now + timedelta(hours=2)), "Date": ""}
        later["Date"] = format_datetime(now)
        hub.answers = [web.Response(status=503, headers=later)]
        await vk.write(anna, "раз")
        await vk.settled()
        assert hub.came == [("раз", ""), ("раз", "1")]


async def test_the_word_remove_takes_the_server_off(vk: VKPlatform, anna: Person) -> None:
    async with door(vk) as hub:
        hub.answers = [web.Response(text="remove")]
        await vk.write(anna, "раз")
        await vk.settled()
        assert vk.callbacks.servers == {}


async def test_copies_come_as_often_as_wanted_in_any_order(vk: VKPlatform, anna: Person) -> None:
    vk.copies = 3
    async with door(vk) as hub:
        for n in range(3):
            await vk.write(anna, str(n))
        await vk.settled()
        assert sorted(hub.came) == [(str(n), "") for n in range(3) for _ in range(3)]


async def test_a_server_that_does_not_know_the_word_is_not_believed(vk: VKPlatform) -> None:
    given = {"group_id": vk.group, "url": f"{vk.url}/wh1", "title": "hub"}
    await asked(vk, "groups.addCallbackServer", **given)
    await vk.settled()
    [server] = (await asked(vk, "groups.getCallbackServers", group_id=vk.group))["items"]
    assert server["status"] == "failed"
    for n in range(9):
        await asked(vk, "groups.addCallbackServer", **given | {"title": str(n)})
    assert await asked(vk, "groups.addCallbackServer", **given) == 2000


@pytest.mark.parametrize(
    ("method", "given", "code"),
    [
        ("messages.sent", {}, 3),
        ("groups.getById", {"v": ""}, 8),
        ("groups.getById", {"access_token": "other"}, 5),
        ("groups.getCallbackServers", {}, 100),
        ("groups.getCallbackServers", {"group_id": "5"}, 15),
        ("groups.getLongPollServer", {"group_id": "x"}, 100),
        ("messages.send", {"message": "x", "random_id": "1"}, 100),
        ("messages.send", {"peer_id": "5", "message": "x", "random_id": "1"}, 901),
        ("messages.send", {"peer_id": "2000000001", "message": "x", "random_id": "1"}, 917),
        ("messages.send", {"peer_id": "5", "mesage": "x", "random_id": "1"}, 100),
        ("messages.send", {"peer_id": "5", "message": "x", "random_id": str(2**63)}, 100),
        ("messages.edit", {"peer_id": "5", "cmid": "1", "message": "x"}, 100),
        ("messages.sendMessageEventAnswer", {"user_id": 1, "peer_id": 1, "event_id": "e"}, 100),
        ("docs.save", {"file": "unknown"}, 100),
        ("docs.getMessagesUploadServer", {"type": "video"}, 100),
    ],
)
async def test_what_is_wrong_is_refused_by_vks_number(
    vk: VKPlatform, method: str, given: dict[str, Any], code: int
) -> None:
    assert await asked(vk, method, **given) == code


async def test_with_several_people_a_refusal_is_inside_of_a_success(
    vk: VKPlatform, anna: Person
) -> None:
    given = {"peer_ids": f"{anna.id},5", "message": "x", "random_id": 1}
    good, bad = await asked(vk, "messages.send", **given)
    assert good["conversation_message_id"] == 2
    assert bad["error"]["code"] == 901


async def test_a_random_id_counts_in_its_chat_within_its_hour() -> None:
    now = [AT]
    vk = VKPlatform(now=lambda: now[0])
    await vk.start()
    anna, oleg = vk.person(), vk.person("Олег")
    for each in (anna, oleg):
        await vk.write(each, "Привет")
    given = {"message": "x", "random_id": 7}
    first = await asked(vk, "messages.send", peer_id=anna.id, **given)
    now[0] += timedelta(minutes=59)
    assert await asked(vk, "messages.send", peer_id=anna.id, **given) == first
    assert await asked(vk, "messages.send", peer_id=oleg.id, **given) != first
    now[0] += timedelta(minutes=2)
    assert await asked(vk, "messages.send", peer_id=anna.id, **given) != first
    zero = {"message": "x", "random_id": 0, "peer_id": anna.id}
    assert await asked(vk, "messages.send", **zero) != await asked(vk, "messages.send", **zero)
    await vk.stop()


async def test_pictures_that_are_none_and_programs_are_not_taken(vk: VKPlatform) -> None:
    async with aiohttp.ClientSession() as session:
        for door, name, told in (("photo", "a.png", "[]"), ("doc", "a.exe", None)):
            form = aiohttp.FormData()
            form.add_field("file", b"no picture", filename=name)
            async with session.post(f"{vk.url}/upload/{door}", data=form) as answer:
                assert answer.content_type == "text/html"
                assert (await answer.json(content_type=None)).get("photo") == told


async def test_an_album_is_one_message_and_what_is_quoted_is_in_it(
    vk: VKPlatform, anna: Person
) -> None:
    await vk.send_album(anna, [Blob("a.pdf", "application/pdf", b"%PDF")] * 3, "вот")
    made = vk.messages[int(anna.id)][2]
    assert [each["type"] for each in made["attachments"]] == ["doc"] * 3
    await vk.write(anna, "это", quote="2")
    assert vk.messages[int(anna.id)][3]["reply_message"]["conversation_message_id"] == 2


async def test_an_error_tells_what_was_asked_but_not_the_key(vk: VKPlatform) -> None:
    given = {"access_token": vk.token, "v": "5.199", "user_ids": "1", "nonsense": "1"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{vk.url}/method/users.get", data=given) as answer,
    ):
        told = await answer.text()
    assert '"user_ids"' in told
    assert vk.token not in told
    assert vk.token not in str(vk.calls)
