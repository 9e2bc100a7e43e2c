"""Green-API's adapter and the played platform, both ways, by hook and by polling."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from bots.greenapi import NOTHING, GreenAPI
from bots.platforms.greenapi import GreenAPIPlatform
from bots.platforms.platform import Blob, Failing, Person
from hub.channels.port import Draft, Hook
from hub.channels.pulse import MENDED_HERE
from hub.content import Button, Card, Remote
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    ThrottledError,
    TransientError,
)
from hub.events import DeliveryReported, MessageReceived
from hub.model import OutState
from tests.bots.contract import AT, PlayedContract, identity
from tests.bots.door import Door
from tests.bots.greenapi.house import FIXTURES, SETTINGS, TOKEN, opened
from tests.bots.house import HEARD, JPEG, Clock, all_that_she_does, attachment


class TestGreenAPI(PlayedContract):
    kind = "greenapi"
    settings: ClassVar[dict[str, Any]] = SETTINGS
    secrets = (TOKEN, SETTINGS["token"])
    refusals: ClassVar[dict[type[DeliveryError], Any]] = {
        ThrottledError: "429",
        TransientError: "500",
        RejectedError: "blocked",
        CredentialsError: "refused_key",
    }
    sends = "sendMessage"

    def hooks(self, channel: Any) -> list[Hook]:
        headers = {"authorization": f"Bearer {TOKEN}"}
        return [
            Hook(body=each.read_bytes(), headers=headers, received_at=AT)
            for each in sorted(FIXTURES.glob("*.json"))
        ]

    def unsigned(self, channel: Any) -> list[Hook]:
        body = (FIXTURES / "text.json").read_bytes()
        tokens = ("", "Bearer ", f"Bearer {TOKEN}x", "Bearer ключ", f"Basic {TOKEN}", "Bearer x")
        return [
            Hook(body=body, received_at=AT),
            *(Hook(body=body, headers={"authorization": t}, received_at=AT) for t in tokens),
        ]


async def all_that_happens(platform: GreenAPIPlatform, anna: Person) -> None:
    await all_that_she_does(platform, anna)
    await platform.change_state("sleepMode")


DONE = [*HEARD, "Ignored"]


async def test_all_that_happens_is_brought_in_its_order(
    platform: GreenAPIPlatform, door: Door, anna: Person
) -> None:
    door.away = 2
    await all_that_happens(platform, anna)
    await platform.settled()
    assert door.refused == 0
    assert [type(event).__name__ for event in door.events] == DONE
    assert {event.sender.external_id for event in door.events[:-1]} == {anna.id}
    card = next(e.card for e in door.events if isinstance(e, MessageReceived) and e.card)
    assert card == Card(name="Анна", phone=anna.phone, own=True)
    assert platform.answers[:3] == [503, 503, 200]


async def test_all_that_happens_can_be_asked_for(
    platform: GreenAPIPlatform, channel: GreenAPI, anna: Person
) -> None:
    door = Door(channel)
    polled = await channel.poll("")
    assert (polled.bodies, polled.marker) == ((), NOTHING)
    await all_that_happens(platform, anna)
    marker = polled.marker
    while (polled := await channel.poll(marker)).marker != NOTHING:
        marker = polled.marker
        for body in polled.bodies:
            door.take(Hook(body=body, received_at=AT))
    assert [type(event).__name__ for event in door.events] == DONE
    assert not platform.queue


async def test_what_was_not_made_durable_is_brought_again(
    platform: GreenAPIPlatform, channel: GreenAPI, anna: Person
) -> None:
    await channel.poll("")
    await platform.write(anna, "раз")
    first = await channel.poll(NOTHING)
    assert await channel.poll(NOTHING) == first
    platform.fail("500", method="deleteNotification")
    with pytest.raises(TransientError):
        await channel.poll(first.marker)
    assert (await channel.poll(first.marker)).bodies == ()
    assert (await channel.poll(first.marker)).marker == NOTHING


async def test_a_new_instance_is_told_to_tell(
    platform: GreenAPIPlatform, channel: GreenAPI, anna: Person
) -> None:
    await platform.write(anna, "до того")
    assert not platform.queue
    await channel.poll("")
    await channel.poll("")
    assert [method for method, _ in platform.calls] == ["setSettings"]
    platform.instance["webhookUrl"] = "http://127.0.0.1:9/"
    assert (await channel.poll(NOTHING)).bodies == ()
    assert platform.instance["webhookUrl"] == ""


async def test_the_hook_is_set_seen_and_taken_off(
    platform: GreenAPIPlatform, channel: GreenAPI, door: Door
) -> None:
    assert (await channel.hook()).url == door.url
    assert platform.instance["webhookUrlToken"] == TOKEN
    await channel.drop_hook()
    assert (await channel.hook()).url == ""


async def test_a_reply_gets_there_with_its_ticks(
    platform: GreenAPIPlatform, door: Door, channel: GreenAPI, anna: Person
) -> None:
    asked = await platform.write(anna, "Когда?")
    draft = Draft(key="k1", text="**Завтра**", reply_to=asked.id)
    receipt = await channel.send(identity(anna.id), draft)
    await platform.settled()
    await platform.read(anna)
    await platform.settled()
    said = platform.find(anna, receipt.external_id)
    assert said is not None
    assert (said.text, said.quote) == ("*Завтра*", asked.id)
    states = [e.state for e in door.events if isinstance(e, DeliveryReported)]
    assert states == [OutState.SENT, OutState.DELIVERED, OutState.READ]


async def test_who_has_no_account_is_told_of_later(
    platform: GreenAPIPlatform, door: Door, channel: GreenAPI
) -> None:
    await channel.send(identity("79990000000@c.us"), Draft(key="k", text="x"))
    await platform.settled()
    failed = door.events[-1]
    assert isinstance(failed, DeliveryReported)
    assert (failed.state, failed.failure) == (OutState.FAILED, "blocked")


async def test_files_go_as_what_they_are(
    platform: GreenAPIPlatform, channel: GreenAPI, anna: Person
) -> None:
    to = identity(anna.id)
    picture = attachment("фото.jpg", "image/jpeg", "image")
    await channel.send(to, Draft(key="k1", text="вот", attachments=(picture,), reply_to="3EB0X"))
    voice = attachment("v.ogg", "audio/ogg", "audio")
    await channel.send(to, Draft(key="k2", text="голос", attachments=(voice, picture)))
    shown = [
        (each.text, each.quote, [(file.name, file.kind, file.data) for file in each.files])
        for each in platform.shown(anna)
    ]
    assert shown == [
        ("вот", "3EB0X", [("фото.jpg", "image", JPEG)]),
        ("голос", "", []),
        ("", "", [("v.ogg", "audio", JPEG)]),
        ("", "", [("фото.jpg", "image", JPEG)]),
    ]


async def test_a_long_reply_and_an_address_under_a_button(
    platform: GreenAPIPlatform, channel: GreenAPI, anna: Person
) -> None:
    text = " ".join(f"слово{n}" for n in range(3_000))
    receipt = await channel.send(identity(anna.id), Draft(key="k", text=text))
    assert len(receipt.more) == 1
    assert " ".join(each.text for each in platform.shown(anna)) == text
    button = Button(label="Сайт", url="https://shop.example")
    await channel.send(identity(anna.id), Draft(key="k2", text="Тут", buttons=((button,),)))
    assert platform.shown(anna)[-1].text == "Тут\nСайт: https://shop.example"


async def test_an_own_message_is_changed_and_taken_back(
    platform: GreenAPIPlatform, door: Door, channel: GreenAPI, anna: Person, clock: Clock
) -> None:
    to = identity(anna.id)
    receipt = await channel.send(to, Draft(key="k", text="Завтра"))
    await channel.edit(to, receipt.external_id, Draft(key="k", text="_Послезавтра_"))
    said = platform.find(anna, receipt.external_id)
    assert said is not None
    assert (said.text, said.edited) == ("_Послезавтра_", True)
    with pytest.raises(RejectedError) as caught:
        await channel.edit(to, receipt.external_id, Draft(key="k", text="x " * 12_000))
    assert caught.value.reason == "too_long"
    clock.now += channel.capabilities.edits_for + timedelta(seconds=1)
    await channel.edit(to, receipt.external_id, Draft(key="k", text="Поздно"))
    said = platform.find(anna, receipt.external_id)
    assert said is not None
    assert said.text == "_Послезавтра_"
    await channel.delete(to, [receipt.external_id])
    await channel.delete(to, [receipt.external_id])
    assert platform.find(anna, receipt.external_id) is None


async def test_a_read_mark_and_typing_get_there(
    platform: GreenAPIPlatform, channel: GreenAPI, anna: Person
) -> None:
    asked = await platform.write(anna, "Когда?")
    await channel.show_typing(identity(anna.id), asked.id)
    assert platform.chats[anna.id].typing_at is not None
    await channel.mark_read(identity(anna.id), asked.id)
    assert [each.read for each in platform.shown(anna)] == [True]


async def test_a_file_is_fetched_from_where_the_platform_keeps_it_only(
    platform: GreenAPIPlatform, door: Door, channel: GreenAPI, anna: Person
) -> None:
    await platform.send_file(anna, Blob("a.jpg", "image/jpeg", JPEG, "image"))
    await platform.settled()
    [remote] = [each for e in door.events if isinstance(e, MessageReceived) for each in e.media]
    assert b"".join([chunk async for chunk in channel.fetch(remote)]) == JPEG
    for url, reason in (
        ("https://evil.example/a.jpg", "bad_request"),
        ("http://169.254.169.254/latest", "bad_request"),
        (f"{platform.url}/media/none", "file_gone"),
    ):
        with pytest.raises(RejectedError) as caught:
            [_ async for _ in channel.fetch(Remote(ref=url))]
        assert caught.value.reason == reason


async def test_the_account_and_a_person_are_known(
    platform: GreenAPIPlatform, channel: GreenAPI, anna: Person
) -> None:
    account = await channel.account()
    assert (account.name, account.username) == ("+74951234567", "74951234567")
    profile = await channel.profile(anna.id)
    assert profile is not None
    assert profile.name == "Анна"
    assert profile.picture is not None
    assert channel.join_link(account.username, "key").startswith("https://wa.me/74951234567?text=")


@pytest.mark.parametrize(
    ("state", "error", "reason"),
    [
        ("notAuthorized", CredentialsError, "misconfigured"),
        ("blocked", CredentialsError, "account_blocked"),
        ("yellowCard", CredentialsError, "account_blocked"),
        ("sleepMode", TransientError, "offline"),
        ("starting", TransientError, "offline"),
    ],
)
async def test_an_instance_that_cannot_speak_says_why(
    platform: GreenAPIPlatform,
    channel: GreenAPI,
    anna: Person,
    state: str,
    error: type[DeliveryError],
    reason: str,
) -> None:
    platform.state = state
    picture = attachment("a.jpg", "image/jpeg", "image")
    for draft in (Draft(key="k", text="x"), Draft(key="k", attachments=(picture,))):
        with pytest.raises(error) as caught:
            await channel.send(identity(anna.id), draft)
        assert caught.value.reason == reason
        # It said no: nothing is in its queue.
        assert not getattr(caught.value, "maybe_sent", False)
        # It is mended at the instance, and nobody tells the hub.
        assert reason not in MENDED_HERE
    with pytest.raises(error):
        await channel.account()


async def test_a_wrong_key_a_wrong_address_and_an_empty_purse_stop_the_channel(
    platform: GreenAPIPlatform, channel: GreenAPI, anna: Person
) -> None:
    to, draft = identity(anna.id), Draft(key="k", text="x")
    for other, reason in (
        (opened(platform, token="wrong"), "dead_key"),
        (opened(platform, instance_id="999999"), "misconfigured"),
    ):
        with pytest.raises(CredentialsError) as caught:
            await other.send(to, draft)
        assert caught.value.reason == reason
        await other.close()
    platform.quota_is_over = True
    with pytest.raises(CredentialsError) as caught:
        await channel.send(to, draft)
    assert caught.value.reason == "no_balance"


@pytest.mark.parametrize(
    ("failing", "maybe_sent"), [("lost_answer", True), ("502_page", True), ("500", True)]
)
async def test_an_unclear_end_is_told_as_one(
    platform: GreenAPIPlatform, channel: GreenAPI, anna: Person, failing: Failing, maybe_sent: bool
) -> None:
    picture = attachment("a.jpg", "image/jpeg", "image")
    for method, draft in (
        ("sendMessage", Draft(key="k", text="x")),
        ("sendFileByUpload", Draft(key="k", attachments=(picture,))),
    ):
        platform.fail(failing, method=method)
        with pytest.raises(TransientError) as caught:
            await channel.send(identity(anna.id), draft)
        assert caught.value.maybe_sent == maybe_sent


async def test_no_error_names_the_key(
    platform: GreenAPIPlatform, channel: GreenAPI, anna: Person
) -> None:
    for failing in ("429", "500", "502_page", "refused_key", "blocked", "lost_answer"):
        platform.fail(failing, method="sendMessage")
        with pytest.raises(DeliveryError) as caught:
            await channel.send(identity(anna.id), Draft(key="k", text="x"))
        assert platform.token not in repr(caught.value)
        assert caught.value.__cause__ is None
        assert platform.token not in str(caught.value)
