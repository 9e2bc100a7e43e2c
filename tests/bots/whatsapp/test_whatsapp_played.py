"""The Cloud API's adapter and the played platform, both ways."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bots.platforms.platform import Blob, Failing, Person
from bots.platforms.whatsapp import WhatsAppPlatform
from bots.whatsapp import WhatsApp
from hub.channels.port import Draft
from hub.content import Button, Card, Remote
from hub.errors import (
    CredentialsError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import (
    DeliveryReported,
    MessageEdited,
    MessageReceived,
)
from hub.model import (
    OutState,
)
from tests.bots.contract import identity
from tests.bots.door import Door, open_door
from tests.bots.house import HEARD, JPEG, Clock, Held, all_that_she_does, attachment
from tests.bots.whatsapp.house import opened


async def test_all_that_a_person_does_comes_as_it_was(
    platform: WhatsAppPlatform, door: Door, anna: Person
) -> None:
    await all_that_she_does(platform, anna)
    await platform.begin(anna)
    await platform.settled()
    assert door.refused == 0
    named = sorted(type(event).__name__ for event in door.events)
    assert named == sorted(("MessageReceived", *HEARD, "Ignored"))
    assert {event.sender.external_id for event in door.events} == {anna.id}
    card = next(e.card for e in door.events if isinstance(e, MessageReceived) and e.card)
    assert card == Card(name="Анна", phone=anna.phone, own=True)


async def test_a_request_may_hold_many_events(
    platform: WhatsAppPlatform, door: Door, anna: Person
) -> None:
    hooks = len(door.hooks)
    async with platform.together():
        for text in ("раз", "два", "три"):
            await platform.write(anna, text)
    await platform.settled()
    assert len(door.hooks) == hooks + 1
    assert [e.text for e in door.events if isinstance(e, MessageReceived)][-3:] == [
        "раз",
        "два",
        "три",
    ]


async def test_copies_that_overtake_each_other_are_equal(
    platform: WhatsAppPlatform, door: Door, anna: Person
) -> None:
    platform.copies, platform.shuffled = 3, True
    first = await platform.write(anna, "раз")
    await platform.rewrite(anna, first.id, "два")
    await platform.settled()
    heard = [
        event
        for event in door.events
        if isinstance(event, MessageReceived | MessageEdited) and event.external_id == first.id
    ]
    assert len(heard) == 6
    assert len({repr(event) for event in heard}) == 2


async def test_what_was_not_taken_is_brought_again(
    platform: WhatsAppPlatform, door: Door, anna: Person
) -> None:
    door.away = 2
    await platform.write(anna, "слышно?")
    await platform.settled()
    assert platform.hooks.answers[-3:] == [503, 503, 200]


async def test_a_file_is_fetched_with_the_key(
    platform: WhatsAppPlatform, door: Door, channel: WhatsApp, anna: Person
) -> None:
    await platform.send_file(anna, Blob("a.jpg", "image/jpeg", JPEG, "image"))
    await platform.settled()
    [remote] = [each for e in door.events if isinstance(e, MessageReceived) for each in e.media]
    assert b"".join([chunk async for chunk in channel.fetch(remote)]) == JPEG


@pytest.mark.parametrize(
    "ref",
    ["1", "https://evil.example/x", "http://169.254.169.254/", "https://user@pps.whatsapp.net/"],
)
async def test_nothing_is_fetched_from_elsewhere_and_what_is_gone_is_gone(
    channel: WhatsApp, ref: str
) -> None:
    with pytest.raises(RejectedError) as caught:
        [_ async for _ in channel.fetch(Remote(ref=ref))]
    assert caught.value.reason == ("file_gone" if ref == "1" else "bad_request")


async def test_a_reply_gets_there_with_its_ticks(
    platform: WhatsAppPlatform, door: Door, channel: WhatsApp, anna: Person
) -> None:
    asked = platform.shown(anna)[0].id
    draft = Draft(key="k1", text="**Да**, _конечно_", reply_to=asked)
    receipt = await channel.send(identity(anna.id), draft)
    await platform.settled()
    await platform.read(anna)
    await platform.settled()
    said = platform.find(anna, receipt.external_id)
    assert said is not None
    assert (said.text, said.quote) == ("*Да*, _конечно_", asked)
    states = [e.state for e in door.events if isinstance(e, DeliveryReported)]
    assert states == [OutState.SENT, OutState.DELIVERED, OutState.READ]
    _, call = platform.calls[-1]
    assert call["biz_opaque_callback_data"] == "k1"


async def test_who_hides_the_number_is_answered_too(
    platform: WhatsAppPlatform, door: Door, channel: WhatsApp
) -> None:
    ann = platform.hidden_person("Ann", "ann.k")
    await platform.write(ann, "hi")
    await platform.settled()
    [event] = door.events
    assert event.sender.external_id == ann.id
    receipt = await channel.send(identity(ann.id), Draft(key="k", text="hello"))
    assert platform.find(ann, receipt.external_id) is not None


async def test_a_long_reply_is_said_in_pieces(
    platform: WhatsAppPlatform, channel: WhatsApp, anna: Person
) -> None:
    text = " ".join(f"слово{n}" for n in range(1_500))
    receipt = await channel.send(identity(anna.id), Draft(key="k", text=text))
    said = [each for each in platform.shown(anna) if not each.mine]
    assert [each.id for each in said] == [receipt.external_id, *receipt.more]
    assert " ".join(each.text for each in said) == text
    assert all(len(each.text) <= 4096 for each in said)


async def test_after_the_first_piece_nothing_is_asked_to_be_repeated(
    platform: WhatsAppPlatform, channel: WhatsApp, anna: Person
) -> None:
    platform.fail("429", method="messages")
    with pytest.raises(ThrottledError):
        await channel.send(identity(anna.id), Draft(key="k", text="x " * 4_000))
    for code, reason in ((131056, "rate"), (131000, "internal"), (190, "dead_key")):
        platform.refusing = [0, code]
        with pytest.raises(TransientError) as caught:
            await channel.send(identity(anna.id), Draft(key="k", text="слово " * 1_500))
        assert (caught.value.maybe_sent, caught.value.reason) == (True, reason)
    # What is refused for good is not sent again, nor is it said that nothing went out.
    for codes, maybe_sent in (([0, 131026], True), ([131026], False)):
        platform.refusing = codes
        with pytest.raises(UnreachableError) as refused:
            await channel.send(identity(anna.id), Draft(key="k", text="слово " * 1_500))
        assert refused.value.maybe_sent is maybe_sent


async def test_files_go_as_what_they_are_with_the_words_beneath(
    platform: WhatsAppPlatform, channel: WhatsApp, anna: Person
) -> None:
    to = identity(anna.id)
    await channel.send(
        to, Draft(key="k1", text="вот", attachments=(attachment("a.jpg", "image/jpeg", "image"),))
    )
    await channel.send(
        to,
        Draft(
            key="k2",
            text="голос",
            attachments=(
                attachment("v.ogg", "audio/ogg; codecs=opus", "audio"),
                attachment("d.pdf", "application/pdf", "file"),
                attachment("w.webp", "image/webp", "image"),
            ),
        ),
    )
    said = [each for each in platform.shown(anna) if not each.mine]
    shown = [(each.text, [(file.name, file.kind) for file in each.files]) for each in said]
    assert shown == [
        ("вот", [("a.jpg", "image")]),
        ("голос", []),
        ("", [("v.ogg", "audio")]),
        ("", [("d.pdf", "file")]),
        ("", [("w.webp", "file")]),
    ]
    assert all(file.data == JPEG for each in said for file in each.files)
    sent = [call for method, call in platform.calls if method == "messages"]
    assert sent[2]["audio"]["voice"] is True


async def test_a_caption_that_is_too_long_is_said_before(
    platform: WhatsAppPlatform, channel: WhatsApp, anna: Person
) -> None:
    picture = attachment("a.jpg", "image/jpeg", "image")
    draft = Draft(key="k", text="слово " * 300, attachments=(picture,))
    await channel.send(identity(anna.id), draft)
    text, file = [each for each in platform.shown(anna) if not each.mine]
    assert text.text == ("слово " * 300).strip()
    assert file.files
    assert not file.text


async def test_a_file_of_a_type_that_is_not_taken_is_fetched_by_the_platform_or_refused(
    platform: WhatsAppPlatform, channel: WhatsApp, anna: Person
) -> None:
    draft = Draft(key="k", attachments=(attachment("a.zip", "application/zip", "file"),))
    with pytest.raises(RejectedError) as caught:
        await channel.send(identity(anna.id), draft)
    assert caught.value.reason == "file_type"
    public = opened(platform, Held(JPEG, link=f"{platform.url}/nothing-there"))
    try:
        await public.send(identity(anna.id), draft)
    finally:
        await public.close()
    assert platform.calls[-1][1]["document"]["link"].endswith("/nothing-there")


async def test_buttons_are_three_or_a_list(
    platform: WhatsAppPlatform, door: Door, channel: WhatsApp, anna: Person
) -> None:
    to = identity(anna.id)
    buttons = tuple((Button(label=f"Вариант номер {n}", data=f"v:{n}"),) for n in range(12))
    link = (Button(label="Сайт", url="https://shop.example"),)
    few = await channel.send(to, Draft(key="k1", text="Когда?", buttons=(*buttons[:3], link)))
    many = await channel.send(to, Draft(key="k2", text="Когда?", buttons=buttons))
    long = await channel.send(to, Draft(key="k3", text="слово " * 300, buttons=buttons[:1]))
    shown = {each.id: each for each in platform.shown(anna)}
    assert shown[few.external_id].text == "Когда?\nСайт: https://shop.example"
    assert [len(shown[each].buttons) for each in (few.external_id, many.external_id)] == [3, 10]
    assert shown[long.more[-1]].buttons
    assert not shown[long.external_id].buttons
    await platform.press(anna, few.external_id, "v:1")
    await platform.press(anna, many.external_id, "v:9")
    await platform.settled()
    pressed = [e for e in door.events if isinstance(e, MessageReceived) and e.pressed]
    assert [(e.pressed, e.text) for e in pressed] == [
        ("v:1", "Вариант номер 1"),
        ("v:9", "Вариант номер 9"),
    ]


async def test_a_reaction_a_read_mark_and_typing_get_there(
    platform: WhatsAppPlatform, channel: WhatsApp, anna: Person
) -> None:
    asked, to = platform.shown(anna)[0].id, identity(anna.id)
    await channel.react(to, asked, "👍")
    await channel.show_typing(to)
    assert platform.chats[anna.id].typing_at is None
    await channel.show_typing(to, asked)
    assert platform.chats[anna.id].typing_at is not None
    await channel.mark_read(to, asked)
    bubble = platform.find(anna, asked)
    assert bubble is not None
    assert (bubble.reactions, bubble.read) == (("👍",), True)
    await channel.react(to, asked, "")
    bubble = platform.find(anna, asked)
    assert bubble is not None
    assert bubble.reactions == ()


async def test_a_word_outside_of_the_window_is_taken_and_fails_later(
    platform: WhatsAppPlatform, door: Door, channel: WhatsApp, anna: Person, clock: Clock
) -> None:
    clock.now += channel.capabilities.window + timedelta(seconds=1)
    receipt = await channel.send(identity(anna.id), Draft(key="k", text="Вы ещё тут?"))
    await platform.settled()
    failed = door.events[-1]
    assert isinstance(failed, DeliveryReported)
    assert (failed.external_id, failed.failure) == (receipt.external_id, "window")


async def test_too_fast_to_one_person_is_not_too_fast_to_all(
    platform: WhatsAppPlatform, channel: WhatsApp, anna: Person
) -> None:
    for n in range(45):
        await channel.send(identity(anna.id), Draft(key=f"k{n}", text="x"))
    with pytest.raises(ThrottledError) as caught:
        await channel.send(identity(anna.id), Draft(key="k46", text="x"))
    assert not caught.value.everywhere
    assert caught.value.retry_after >= timedelta(seconds=6)


@pytest.mark.parametrize(
    ("failing", "maybe_sent", "reason"),
    [("lost_answer", True, "offline"), ("502_page", True, "page"), ("500", False, "internal")],
)
async def test_an_unclear_end_is_told_as_one(
    platform: WhatsAppPlatform,
    channel: WhatsApp,
    anna: Person,
    failing: Failing,
    maybe_sent: bool,
    reason: str,
) -> None:
    platform.fail(failing, method="messages")
    with pytest.raises(TransientError) as caught:
        await channel.send(identity(anna.id), Draft(key="k", text="x"))
    assert (caught.value.maybe_sent, caught.value.reason) == (maybe_sent, reason)


async def test_an_upload_that_came_to_nothing_may_be_repeated(
    platform: WhatsAppPlatform, channel: WhatsApp, anna: Person
) -> None:
    draft = Draft(key="k", attachments=(attachment("a.jpg", "image/jpeg", "image"),))
    for failing in ("lost_answer", "502_page"):
        platform.fail(failing, method="upload")
        with pytest.raises(TransientError) as caught:
            await channel.send(identity(anna.id), draft)
        assert not caught.value.maybe_sent
    short = Draft(key="k", attachments=(attachment("a.jpg", "image/jpeg", "image", 10_000),))
    with pytest.raises(RejectedError) as refused:
        await channel.send(identity(anna.id), short)
    assert refused.value.reason == "file_gone"
    assert all(each.mine for each in platform.shown(anna))


async def test_the_account_is_known_by_its_key(
    platform: WhatsAppPlatform, channel: WhatsApp
) -> None:
    account = await channel.account()
    assert (account.name, account.username) == ("Ромашка", "74951234567")
    wrongs: tuple[tuple[dict[str, Any], str], ...] = (
        ({"token": "wrong"}, "dead_key"),
        ({"phone_number_id": "999999"}, "misconfigured"),
    )
    for wrong, reason in wrongs:
        other = opened(platform, **wrong)
        with pytest.raises(CredentialsError) as caught:
            await other.account()
        assert caught.value.reason == reason
        await other.close()


async def test_the_hook_is_set_seen_and_taken_off(
    platform: WhatsAppPlatform, channel: WhatsApp
) -> None:
    assert (await channel.hook()).url == ""
    async with open_door(channel) as door:
        await channel.set_hook(door.url)
        assert platform.subscribed
        assert (await channel.hook()).url == door.url
        await channel.drop_hook()
    assert (await channel.hook()).url == ""
    with pytest.raises(RejectedError):
        await channel.set_hook("http://127.0.0.1:9/hooks/the-channel")
