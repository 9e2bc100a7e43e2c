"""A link of the site makes its visitor and somebody in a messenger one person, once."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub import dialogs
from hub.accounts import Who
from hub.errors import NotFoundError
from hub.events import FieldsTold, MessageReceived, Sender
from hub.fold import fold
from hub.hub import Hub
from hub.model import ChannelId, Contact, ContactId, Dialog, EntryKind, Identity, Verb
from hub.people import contacts
from hub.people.visit import Visit
from hub.records import JoinKey
from hub.store.engine import Insert
from hub.store.schema import JOIN_KEYS_OLD
from tests.spine import (
    MS,
    SHOP,
    START,
    WEEK,
    Clock,
    Crash,
    Mortal,
    all_of,
    ask,
    current,
    log_of,
    message,
    receive,
)

VISIT = Visit(page="https://shop.example/sofa", title="Диван", utm={"utm_source": "yandex"})
GUEST = "guest"
VK = ChannelId("vk")


async def minted(hub: Hub, visitor: str = GUEST, channel: ChannelId = VK) -> str:
    site = hub.channels.document("site")
    return await hub.joining.mint(channel, site, visitor, "Вера", VISIT)


def opened(key: str, visitor: str = "vera", n: int = 1) -> MessageReceived:
    """What comes from the messenger when the link is followed."""
    first = message(n, START, visitor=visitor, name="Vera")
    return replace(first, text=f"/start {key}", start=key, question=False)


async def joined(hub: Hub, visitor: str = "vera") -> list[dict[str, str]]:
    row = await current(hub, visitor, "vk")
    return [each.data for each in await log_of(hub.engine, row.id) if each.verb is Verb.JOINED]


async def person(hub: Hub, visitor: str = "vera", channel: str = "vk") -> Contact:
    """Whoever that is, with the dialog and the identity of one mind about it."""
    row = await current(hub, visitor, channel)
    identity = await hub.engine.get(Identity, row.identity)
    contact = await hub.engine.get(Contact, row.contact)
    assert identity is not None
    assert contact is not None
    assert identity.contact == row.contact
    return contact


async def test_a_link_carries_phone_page_and_marks_into_the_messenger(hub: Hub) -> None:
    row = await ask(hub, visitor=GUEST)
    await hub.engine.change(Dialog, row.id, lambda had: replace(had, phone="+79123456789"))

    await receive(hub, opened(await minted(hub)), channel="vk")

    there = await current(hub, "vera", "vk")
    assert there.contact == row.contact == (await person(hub)).id
    assert (there.phone, there.visit, there.name) == ("+79123456789", VISIT, "Vera")
    [told] = await joined(hub)
    assert {name: told[name] for name in ("contact", "from", "page", "title", "phone")} == {
        "contact": row.contact,
        "from": row.id,
        "page": VISIT.page,
        "title": VISIT.title,
        "phone": "+79123456789",
    }
    last = (await log_of(hub.engine, row.id))[-1]
    assert (last.verb, last.data) == (Verb.JOINED, {"to": there.id, "kind": "careful"})
    others = await hub.lists.others(there)
    assert [each.id for each in others] == [row.id]
    known = await hub.lists.identities(there)
    assert [each.id for each in known] == ["vk:vera", f"site:{GUEST}"]


async def test_a_visitor_who_has_not_said_a_word_is_known_all_the_same(hub: Hub) -> None:
    await receive(hub, opened(await minted(hub)), channel="vk")
    there = await current(hub, "vera", "vk")
    assert there.visit == VISIT
    contact = await person(hub)

    await ask(hub, visitor=GUEST)

    assert (await person(hub, GUEST, "site")).id == contact.id == there.contact


async def test_a_key_is_short_and_nowhere_kept(hub: Hub) -> None:
    key = await minted(hub)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22,30}", key)
    [known] = await all_of(hub.engine, JOIN_KEYS_OLD, {})
    assert key not in repr(known)
    await receive(hub, opened(key), channel="vk")
    row = await current(hub, "vera", "vk")
    assert key not in repr([row, *await log_of(hub.engine, row.id)])
    assert len({await minted(hub) for _ in range(20)}) == 20


async def test_the_same_message_again_and_at_once_joins_once(hub: Hub) -> None:
    await ask(hub, visitor=GUEST)
    first = opened(await minted(hub))
    await asyncio.gather(*(receive(hub, first, channel="vk") for _ in range(6)))
    await receive(hub, first, message(2, START + MS, visitor="vera"), first, channel="vk")
    assert len(await joined(hub)) == 1
    assert (await person(hub)).id == f"site:{GUEST}"


async def test_a_joining_that_died_is_made_good_by_the_repeat(hub: Hub, mortal: Mortal) -> None:
    """The power fails after each write in turn."""
    for step in range(60):
        visitor, guest = f"vera{step}", f"guest{step}"
        await ask(hub, visitor=guest)
        await ask(hub, 0, visitor=visitor, channel="vk")
        first = opened(await minted(hub, guest), visitor)
        mortal.dies_after(step)
        died = False
        try:
            await receive(hub, first, channel="vk")
        except Crash:
            died = True
        mortal.lives()
        await receive(hub, first, channel="vk")
        assert len(await joined(hub, visitor)) == 1
        assert (await person(hub, visitor)).id == f"site:{guest}"
        before = await hub.engine.get(Contact, f"vk:{visitor}")
        assert before is not None
        assert before.merged_into == f"site:{guest}"
        if not died:
            return
    raise AssertionError("it never came to an end")


async def nothing_happened(hub: Hub, visitor: str) -> None:
    assert await joined(hub, visitor) == []
    assert (await person(hub, visitor)).id == f"vk:{visitor}"
    assert (await current(hub, visitor, "vk")).visit == Visit()


async def test_a_key_is_good_for_one_person(hub: Hub) -> None:
    await ask(hub, visitor=GUEST)
    key = await minted(hub)
    await receive(hub, opened(key), channel="vk")
    await receive(hub, opened(key, "thief"), channel="vk")
    await nothing_happened(hub, "thief")
    assert len(await joined(hub)) == 1


async def test_of_two_who_use_a_key_at_once_one_is_joined(hub: Hub) -> None:
    key = await minted(hub)
    await asyncio.gather(*(receive(hub, opened(key, who), channel="vk") for who in "abcde"))
    assert sum([len(await joined(hub, who)) for who in "abcde"]) == 1


async def test_a_key_is_over_after_a_day(hub: Hub, clock: Clock) -> None:
    key, late = await minted(hub), await minted(hub)
    clock.forward(timedelta(hours=24) - MS)
    await receive(hub, opened(key), channel="vk")
    clock.forward(MS)
    await receive(hub, opened(late, "late"), channel="vk")
    assert len(await joined(hub)) == 1
    await nothing_happened(hub, "late")

    clock.forward(WEEK)
    await hub.worker.sweep()
    assert await all_of(hub.engine, JOIN_KEYS_OLD, {}) == []


@pytest.mark.parametrize("key", ["promo", "", "x" * 500, "../../etc", "\0"])
async def test_what_is_no_key_of_ours_changes_nothing(hub: Hub, key: str) -> None:
    await receive(hub, opened(key), channel="vk")
    await nothing_happened(hub, "vera")


async def test_a_key_is_good_on_its_channel_and_in_its_project_alone(hub: Hub) -> None:
    await ask(hub, visitor=GUEST)
    elsewhere = await minted(hub, channel=ChannelId("kiosk"))
    await receive(hub, opened(elsewhere), channel="vk")
    await nothing_happened(hub, "vera")
    with pytest.raises(NotFoundError):
        await minted(hub, channel=ChannelId("oven"))
    [key] = await all_of(hub.engine, JOIN_KEYS_OLD, {})
    assert isinstance(key, JoinKey)
    assert key.used_by is None


async def test_who_was_known_in_the_messenger_brings_all_that_is_known(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    """An earlier episode, a number of its own and another channel follow the person."""
    old = await ask(hub, visitor="vera", channel="vk")
    await hub.desk.close(anna, old.id)
    clock.forward(WEEK + MS)
    await ask(hub, 2, "vera", "vk")
    theirs = ContactId("vk:vera")
    await hub.engine.change(
        Contact, theirs, lambda had: replace(had, phones=("+79990000000",), name="Вера Павловна")
    )
    kiosk = await ask(hub, visitor="vera", channel="kiosk")
    await hub.engine.change(Identity, kiosk.identity, lambda had: replace(had, contact=theirs))
    site = await ask(hub, visitor=GUEST)
    await hub.engine.change(Contact, site.contact, lambda had: replace(had, name=""))

    await receive(hub, opened(await minted(hub), n=3), channel="vk")

    contact = await person(hub)
    assert contact.id == site.contact == (await person(hub, "vera", "kiosk")).id
    assert (contact.phones, contact.name) == (("+79990000000",), "Вера Павловна")
    gone = await hub.engine.get(Contact, theirs)
    assert gone is not None
    assert gone.merged_into == contact.id
    there = await current(hub, "vera", "vk")
    others = {each.id for each in await hub.lists.others(there)}
    assert others == {old.id, kiosk.id, site.id}


async def test_a_second_link_from_another_page_tells_that_page(hub: Hub) -> None:
    await ask(hub, visitor=GUEST)
    await receive(hub, opened(await minted(hub)), channel="vk")
    site = hub.channels.document("site")
    other = Visit(page="https://shop.example/lamp")
    again = await hub.joining.mint(VK, site, GUEST, "", other)
    await receive(hub, opened(again, n=2), channel="vk")
    assert (await current(hub, "vera", "vk")).visit == other
    assert [each["page"] for each in await joined(hub)] == [VISIT.page, other.page]
    assert (await person(hub)).id == f"site:{GUEST}"


async def test_two_contacts_merged_into_each_other_are_one(hub: Hub) -> None:
    for id in "ab":
        await hub.engine.write(Insert(Contact(id=id, project=SHOP, created_at=START)))
    a, b = ContactId("a"), ContactId("b")
    await hub.engine.change(Contact, a, lambda had: replace(had, merged_into=b))
    await hub.engine.change(Contact, b, lambda had: replace(had, merged_into=a))
    assert {await contacts.merge(hub.engine, *pair) for pair in ((a, b), (b, a))} == {a}


async def test_a_log_that_says_nonsense_of_a_joining_is_read(hub: Hub) -> None:
    row = await ask(hub)
    for visit in ("{", "[]", '{"utm": 5}', "null"):
        line = dialogs.draft(row, "joined", EntryKind.SYSTEM, START, START)
        line = replace(line, verb=Verb.JOINED, data={"visit": visit})
        after = fold(row, line)
        assert (after.contact, after.visit) == (row.contact, row.visit)


async def test_what_the_site_tells_of_a_person_who_went_on_still_finds_its_dialog(
    hub: Hub,
) -> None:
    await ask(hub, visitor=GUEST)
    await receive(hub, opened(await minted(hub)), channel="vk")
    told = FieldsTold(
        sender=Sender(external_id=GUEST), at=hub.now(), fields={"email": "vera@example.org"}
    )
    await receive(hub, told)
    assert (await person(hub)).emails == ("vera@example.org",)
