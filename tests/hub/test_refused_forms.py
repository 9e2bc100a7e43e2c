"""A form that asks for a call is a wish of the person: newer than a refusal, it is heard."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.calls.hindrances import hindered
from hub.hub import Hub
from hub.model import Dialog, Project, Verb
from hub.people import contacts
from hub.store.schema import LEADS, RULES_DUE
from tests.hub.test_handling import PHONE, connect, form
from tests.spine import SHOP, START, Clock, ask, current, log_of, receive


async def works(hub: Hub) -> None:
    await hub.worker.work()
    while (await hub.engine.find(RULES_DUE, limit=1)).items:
        await hub.worker.work()


async def stop(hub: Hub, row: Dialog) -> None:
    await contacts.refuse(hub.engine, row.contact, ["calls", "messages"], hub.now())


async def told(hub: Hub) -> list[dict[str, str]]:
    log = await log_of(hub.engine, (await current(hub)).id)
    return [each.data for each in log if each.verb is Verb.CALL]


async def test_who_asks_in_a_form_after_stop_is_called_and_the_log_says_so(
    hub: Hub, clock: Clock
) -> None:
    await connect(hub)
    await stop(hub, await ask(hub))
    clock.forward(timedelta(hours=1))
    await receive(hub, form(at=hub.now()))
    await works(hub)
    [lead] = (await hub.engine.find(LEADS, {"project": SHOP, "phone": PHONE})).items
    assert (lead.live, lead.asked_at) == (True, None), "when it is due the rule still decides"
    [line] = await told(hub)
    assert (line["despite"], line["lead"]) == ("opted_out", lead.id)
    person = await contacts.root(hub.engine, (await current(hub)).contact)
    assert person is not None
    assert person.no_calls_at is not None, "no rule calls, and nobody writes, even now"
    assert person.no_writes_at is not None
    project = await hub.engine.get(Project, SHOP)
    assert project is not None
    assert lead.due_at is not None
    why = await hindered(hub.engine, hub.bus, lead, project, lead.due_at)
    assert why == "", "and nothing holds it back when it is due"


async def test_a_form_filled_again_at_once_is_no_second_press_if_there_was_a_refusal_between(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    await connect(hub)
    await receive(hub, form())
    await works(hub)
    await hub.peace.refuse(anna, (await current(hub)).id, ["calls"])
    clock.forward(timedelta(minutes=1))
    await receive(hub, form(2, at=hub.now()))
    await works(hub)
    found = (await hub.engine.find(LEADS, {"project": SHOP, "phone": PHONE})).items
    assert [each.live for each in found] == [False, True]
    assert (await told(hub))[-1]["despite"] == "opted_out"


@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=1)])
async def test_a_form_from_before_the_refusal_calls_nobody_however_late_it_arrives(
    hub: Hub, clock: Clock, late: timedelta
) -> None:
    await connect(hub)
    await stop(hub, await ask(hub))
    clock.forward(late)
    await receive(hub, form(at=START))
    await works(hub)
    assert (await hub.engine.find(LEADS, {"project": SHOP, "phone": PHONE})).items == []
    assert [each["cause"] for each in await told(hub)] == ["opted_out"]


async def test_a_form_of_tomorrow_by_its_own_clock_is_of_when_it_came(
    hub: Hub, clock: Clock
) -> None:
    await connect(hub)
    row = await ask(hub)
    await receive(hub, form(at=START + timedelta(days=1)))
    await works(hub)
    clock.forward(timedelta(hours=1))
    await stop(hub, row)
    await hub.engine.change(
        Dialog, row.id, lambda had: replace(had, ruled_seq=0, rules_at=hub.now())
    )
    await works(hub)
    [lead] = (await hub.engine.find(LEADS, {"project": SHOP, "phone": PHONE})).items
    assert not lead.live


async def test_a_form_that_is_only_to_be_kept_overrides_nothing(hub: Hub, clock: Clock) -> None:
    await connect(hub, handling="register")
    await stop(hub, await ask(hub))
    clock.forward(timedelta(hours=1))
    await receive(hub, form(at=hub.now()))
    await works(hub)
    assert (await hub.engine.find(LEADS, {"project": SHOP, "phone": PHONE})).items == []


async def test_who_says_stop_again_after_the_form_is_not_called(hub: Hub, clock: Clock) -> None:
    await connect(hub)
    row = await ask(hub)
    await stop(hub, row)
    clock.forward(timedelta(hours=1))
    await receive(hub, form(at=hub.now()))
    await works(hub)
    clock.forward(timedelta(hours=1))
    await stop(hub, row)
    [lead] = (await hub.engine.find(LEADS, {"project": SHOP, "phone": PHONE})).items
    project = await hub.engine.get(Project, SHOP)
    assert project is not None
    assert await hindered(hub.engine, hub.bus, lead, project, hub.now()) == "refused"
    assert [each.get("cause") for each in await told(hub)] == [None, "opted_out"]
