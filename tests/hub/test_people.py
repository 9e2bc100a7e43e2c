"""Two contacts with one phone are suggested, and made one however often the hub dies of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.accounts import Who
from hub.errors import NotFoundError
from hub.hub import Hub
from hub.leads.unwanted import refused_at
from hub.model import Contact, ContactId, Dialog, Identity
from hub.people import contacts
from hub.store.schema import AUDIT
from tests.hub.test_ordering import OTHER, PHONE, live, plan, works
from tests.spine import (
    BAKERY,
    SHOP,
    START,
    Crash,
    Mortal,
    ask,
    current,
    operator,
    sound,
)


async def known(hub: Hub, visitor: str, channel: str = "site", phone: str = PHONE) -> Dialog:
    row = await ask(hub, visitor=visitor, channel=channel)
    await contacts.fill(hub.engine, row.contact, phone=phone)
    return row


async def alike(hub: Hub, who: Who, row: Dialog) -> list[str]:
    return [each.contact.id for each in await hub.people.alike(who, row)]


async def test_only_who_has_the_phone_in_the_project_is_alike(hub: Hub, anna: Who) -> None:
    one, two = await known(hub, "a"), await known(hub, "b", "kiosk")
    await known(hub, "c", phone=OTHER)
    await known(hub, "d", "oven")
    assert await alike(hub, anna, one) == [two.contact]
    assert await alike(hub, anna, two) == [one.contact]


async def test_who_is_seen_on_no_channel_of_the_askers_is_not_told_of(hub: Hub) -> None:
    one, two = await known(hub, "a"), await known(hub, "b", "kiosk")
    narrow = operator("Vera", channels=["site"])
    assert await alike(hub, narrow, one) == []
    with pytest.raises(NotFoundError):
        await hub.people.merge(narrow, one, two.contact, "")
    assert (await current(hub, "b", "kiosk")).contact == two.contact


async def test_nobody_is_made_one_with_whom_the_asker_may_not_write_to(hub: Hub) -> None:
    one, two = await known(hub, "a"), await known(hub, "b", "site")
    hidden = await known(hub, "c", "kiosk")
    await hub.engine.change(Identity, hidden.identity, lambda had: _of(had, ContactId(two.contact)))
    narrow = operator("Vera", channels=["site"])
    assert await alike(hub, narrow, one) == [two.contact]
    with pytest.raises(NotFoundError):
        await hub.people.merge(narrow, one, two.contact, "")


def _of(had: Identity, contact: ContactId) -> Identity:
    from msgspec.structs import replace

    return replace(had, contact=contact)


async def test_another_project_is_nobody(hub: Hub, anna: Who) -> None:
    one, foreign = await known(hub, "a"), await known(hub, "d", "oven")
    for id in (foreign.contact, "ghost", ""):
        with pytest.raises(NotFoundError):
            await hub.people.merge(anna, one, id, "")
    baker = operator("Baker", BAKERY)
    assert await alike(hub, baker, foreign) == []


async def test_one_person_has_one_lead_from_then_on(hub: Hub, anna: Who) -> None:
    one, two = await known(hub, "a"), await known(hub, "b", "kiosk")
    await plan(hub, one)
    await plan(hub, two, phone=OTHER)
    await works(hub)
    assert len(await live(hub.engine)) == 2
    await hub.people.merge(anna, one, two.contact, "203.0.113.7")
    await works(hub)
    assert len(await live(hub.engine)) == 1
    states = {(await current(hub, v, c)).call_status for v, c in (("a", "site"), ("b", "kiosk"))}
    assert states == {"new", "processed"}
    [note] = (await hub.engine.find(AUDIT, {"project": SHOP})).items
    assert (note.verb, note.target, note.address) == ("contact.merged", one.contact, "203.0.113.7")
    assert note.data["contact"] == two.contact


async def test_a_refusal_is_the_ones_who_they_become(hub: Hub, anna: Who) -> None:
    one, two = await known(hub, "a"), await known(hub, "b", "kiosk")
    await contacts.refuse(hub.engine, two.contact, ["calls"], START)
    await hub.people.merge(anna, one, two.contact, "")
    person = await hub.engine.get(Contact, one.contact)
    assert person is not None
    assert person.no_calls_at == START


@pytest.mark.parametrize("into_the_later", [True, False])
async def test_of_two_refusals_the_last_is_the_ones_who_they_become(
    hub: Hub, anna: Who, into_the_later: bool
) -> None:
    """Who asked to be called between the two has taken that back."""
    one, two = await known(hub, "a"), await known(hub, "b", "kiosk")
    earlier, later = (two, one) if into_the_later else (one, two)
    await contacts.refuse(hub.engine, earlier.contact, ["calls", "messages"], START)
    last = START + timedelta(hours=1)
    await contacts.refuse(hub.engine, later.contact, ["calls", "messages"], last)

    await hub.people.merge(anna, one, two.contact, "")

    person = await hub.engine.get(Contact, one.contact)
    assert person is not None
    assert (person.no_calls_at, person.no_writes_at) == (last, last)
    assert await refused_at(hub.engine, SHOP, ContactId(two.contact), PHONE) == last


async def test_at_any_step_the_hub_dies_at_they_are_one_in_the_end(
    hub: Hub, mortal: Mortal, anna: Who
) -> None:
    steps = 0
    while True:
        phone = f"+7916{steps:07d}"
        one = await known(hub, f"a{steps}", phone=phone)
        two = await known(hub, f"b{steps}", "kiosk", phone)
        await works(hub)
        mortal.dies_after(steps)
        try:
            await hub.people.merge(anna, one, two.contact, "")
            died = False
        except Crash:
            died = True
        mortal.lives()
        await hub.worker.repair()
        await works(hub)
        if died:
            await hub.people.merge(anna, one, two.contact, "")
        row = await sound(hub.engine, two.id)
        assert row.contact == one.contact
        assert await contacts.of(hub.engine, two.identity) == one.contact
        if not died:
            break
        steps += 1
    assert steps > 4
