"""Viber against the played platform: what it says, what comes back, and its refusals."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bots.platforms.platform import Blob, Person
from bots.platforms.viber import URI, ViberPlatform
from bots.viber import Viber as ViberChannel
from hub.channels.port import Draft
from hub.content import Button, Remote
from hub.errors import CredentialsError, RejectedError, TransientError, UnreachableError
from hub.events import MessageReceived
from hub.model import Attachment
from tests.bots.contract import identity
from tests.bots.door import Door, open_door
from tests.bots.house import PNG, attachment
from tests.bots.viber.house import Served


async def test_a_text_goes_out_under_the_name_in_pieces_that_all_are_known(
    channel: ViberChannel, platform: ViberPlatform, anna: Person
) -> None:
    text = " ".join(["слово"] * 2_000)
    receipt = await channel.send(identity(anna.id), Draft(key="1", text=text))
    shown = [each for each in platform.shown(anna) if not each.mine]
    assert [each.id for each in shown] == [receipt.external_id, *receipt.more]
    assert " ".join(each.text for each in shown) == text
    assert platform.calls[-1][1]["sender"] == {"name": "Ромашка"}
    await channel.send(identity(anna.id), Draft(key="2", text="**Да**: [тут](https://a.ru)"))
    assert platform.shown(anna)[-1].text == "Да: тут (https://a.ru)"


async def test_a_failure_after_the_first_piece_may_have_sent_it(
    channel: ViberChannel, platform: ViberPlatform, anna: Person
) -> None:
    text = " ".join(["слово"] * 2_000)
    sending = asyncio.create_task(channel.send(identity(anna.id), Draft(key="1", text=text)))
    await platform.wait_for(lambda: len(platform.shown(anna)) == 2)
    platform.refuse = 12
    with pytest.raises(TransientError) as caught:
        await sending
    assert caught.value.maybe_sent
    assert caught.value.reason == "rate"


async def test_files_are_had_by_the_platform_from_a_public_address(
    channel: ViberChannel, platform: ViberPlatform, files: Served, anna: Person
) -> None:
    sent = (
        attachment("p.png", "image/png"),
        attachment("v.mp4", "video/mp4"),
        attachment("смета.pdf", "application/pdf"),
        attachment("big.jpg", "image/jpeg"),
        attachment("w.webp", "image/webp"),
    )
    await channel.send(identity(anna.id), Draft(key="1", text="вот", attachments=sent))
    types = [body["type"] for name, body in platform.calls if name == "send_message"]
    assert types == ["picture", "video", "file", "picture", "file"]
    shown = platform.shown(anna)[1:]
    assert shown[0].text == "вот"
    assert all(each.files[0].data == PNG for each in shown)
    assert shown[2].files[0].name == "смета.pdf"


@pytest.mark.parametrize(
    ("file", "public", "reason"),
    [
        (attachment("p.png", "image/png"), False, "no_public_address"),
        (attachment("setup.EXE", "application/pdf"), True, "file_type"),
        (attachment("film.mkv", "video/x-matroska", size=60_000_000), True, "too_large"),
    ],
)
async def test_an_unfit_file_is_refused_before_anything_is_said(
    channel: ViberChannel,
    platform: ViberPlatform,
    files: Served,
    anna: Person,
    file: Attachment,
    public: bool,
    reason: str,
) -> None:
    files.url = files.url if public else ""
    with pytest.raises(RejectedError) as caught:
        await channel.send(identity(anna.id), Draft(key="1", text="вот", attachments=(file,)))
    assert caught.value.reason == reason
    assert platform.calls == []


async def test_more_than_a_request_holds_is_refused_before_anything_is_said(
    channel: ViberChannel, platform: ViberPlatform, anna: Person
) -> None:
    with pytest.raises(RejectedError) as caught:
        await channel.send(identity(anna.id), Draft(key="1", text="\x01" * 6_900))
    assert caught.value.reason == "too_long"
    rows = tuple((Button(label=f"{each}", data="d" * 64),) for each in range(13))
    with pytest.raises(RejectedError):
        await channel.send(identity(anna.id), Draft(key="1", text="x", buttons=rows))
    assert platform.calls == []


def said(door: Door) -> list[MessageReceived]:
    found = [each for each in door.events if isinstance(each, MessageReceived)]
    return sorted(found, key=lambda each: each.external_id)


async def test_buttons_come_back_as_what_they_mean_and_the_number_as_the_own(
    channel: ViberChannel, platform: ViberPlatform
) -> None:
    async with open_door(channel) as door:
        await channel.set_hook(door.url)
        anna = platform.person("Анна")
        await platform.write(anna, "здравствуйте")
        await platform.send_card(anna, "Анна", "+79990000000", own=False)
        rows = (
            (Button(label="Да", data="call:yes"), Button(label="Нет", data="call:no")),
            (Button(label="Мой номер", asks="phone"),),
            (Button(label="Сайт", url="https://example.ru"),),
        )
        await channel.send(identity(anna.id), Draft(key="1", text="перезвонить?", buttons=rows))
        shown = platform.shown(anna)[-1]
        assert [len(row) for row in shown.buttons] == [2, 1, 1]
        await platform.press(anna, shown.id, "Да")
        await platform.press(anna, shown.id, "phone")
        await platform.send_card(anna, "Пётр", "+79160000000", own=False)
        await platform.settled()
        _, unasked, pressed, own, others = said(door)
        assert (pressed.text, pressed.pressed, pressed.question) == ("Да", "call:yes", False)
        cards = [each.card for each in (unasked, own, others)]
        assert [each.own for each in cards if each] == [False, True, False]
        assert [each.phone for each in cards if each] == [
            "+79990000000",
            anna.phone,
            "+79160000000",
        ]
        assert set(platform.answers) == {b""}


async def test_what_is_said_before_the_hook_is_set_waits_for_it(
    channel: ViberChannel, platform: ViberPlatform, anna: Person
) -> None:
    platform.webhook = ""
    with pytest.raises(TransientError) as caught:
        await channel.send(identity(anna.id), Draft(key="1", text="x"))
    assert (caught.value.maybe_sent, caught.value.reason) == (False, "misconfigured")


@pytest.mark.parametrize("failing", ["502_page", "lost_answer", "500"])
async def test_an_answer_that_is_none_leaves_a_doubt(
    channel: ViberChannel, platform: ViberPlatform, anna: Person, failing: Any
) -> None:
    platform.fail(failing)
    with pytest.raises(TransientError) as caught:
        await channel.send(identity(anna.id), Draft(key="1", text="x"))
    assert caught.value.maybe_sent


async def test_a_person_has_a_name_and_a_picture(
    channel: ViberChannel, platform: ViberPlatform, anna: Person
) -> None:
    profile = await channel.profile(anna.id)
    assert profile is not None
    assert profile.name == "Анна"
    assert profile.picture is not None
    assert b"".join([chunk async for chunk in channel.fetch(profile.picture)])[:4] == b"\x89PNG"
    with pytest.raises(UnreachableError):
        await channel.profile("nobody")


async def test_a_dead_key_is_told_by_the_account(
    channel: ViberChannel, platform: ViberPlatform
) -> None:
    account = await channel.account()
    assert (account.name, account.username) == ("Ромашка", URI)
    assert account.picture is not None
    assert b"".join([chunk async for chunk in channel.fetch(account.picture)])[:4] == b"\x89PNG"
    link = channel.join_link(account.username, "k_-9")
    assert link == f"viber://pa?chatURI={URI}&context=k_-9"
    platform.token = "another"
    with pytest.raises(CredentialsError) as caught:
        await channel.account()
    assert caught.value.reason == "dead_key"


async def test_the_hook_is_set_once_the_platform_could_try_it(
    channel: ViberChannel, platform: ViberPlatform
) -> None:
    with pytest.raises(RejectedError) as caught:
        await channel.set_hook("http://127.0.0.1:1/hooks/the-channel")
    assert caught.value.reason == "no_public_address"
    async with open_door(channel) as door:
        await channel.set_hook(door.url)
        assert (await channel.hook()).url == platform.webhook
        await channel.drop_hook()
        assert platform.webhook == ""
    platform.webhook = "https://other.example/hooks/another"
    await channel.drop_hook()
    assert platform.webhook == "https://other.example/hooks/another"


async def test_files_are_fetched_from_the_platform_alone(
    channel: ViberChannel, platform: ViberPlatform
) -> None:
    async with open_door(channel) as door:
        await channel.set_hook(door.url)
        await platform.send_file(platform.person(), Blob("f.pdf", "application/pdf", PNG))
        await platform.settled()
        (remote,) = said(door)[0].media
        assert b"".join([chunk async for chunk in channel.fetch(remote)]) == PNG
    for ref in (
        "https://evil.example/x",
        "http://127.0.0.1:1/x",
        "https://viber.com.evil.example/",
    ):
        with pytest.raises(RejectedError):
            await anext(channel.fetch(Remote(ref=ref)))
