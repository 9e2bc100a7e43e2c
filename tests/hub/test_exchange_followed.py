"""What follows from a call from outside for the calls that the hub was to make."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.calls.call import Call
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import ChannelId, Verb
from hub.requests.verdicts import handled_since
from hub.statuses import Status
from hub.store.engine import Insert
from tests.hub.test_exchange import (
    ANSWERED,
    ENDED,
    IVAN,
    RINGS,
    SECOND,
    dialog_of,
    happens,
    miss,
    news,
    talk,
)
from tests.hub.test_ordering import arrange, calls, live, plan, works
from tests.spine import SHOP, Clock, Crash, Mortal, ask, log_of, receive, sound


async def test_who_called_himself_is_not_called(hub: Hub, clock: Clock) -> None:
    row = await ask(hub)
    await plan(hub, row, phone=IVAN)
    await works(hub)
    clock.forward(SECOND)
    await talk(hub, clock)
    assert not await live(hub.engine)
    lead = await hub.engine.get(Lead, f"{SHOP}:{IVAN}:1")
    assert lead is not None
    assert (lead.status, lead.cause) == (Status.PROCESSED, "called_back")
    row = await sound(hub.engine, row.id)
    assert row.call_status is Status.PROCESSED
    assert (await calls(hub, row))[-1]["cause"] == "called_back"


async def test_who_was_missed_is_still_called(hub: Hub, clock: Clock) -> None:
    await plan(hub, await ask(hub), phone=IVAN)
    await works(hub)
    clock.forward(SECOND)
    await miss(hub, clock)
    assert len(await live(hub.engine)) == 1


async def test_what_was_asked_after_the_talk_stands(hub: Hub, clock: Clock) -> None:
    await happens(hub, RINGS)
    call = await happens(hub, ANSWERED)
    clock.forward(30 * SECOND)
    await plan(hub, await ask(hub), phone=IVAN)
    await works(hub)
    clock.forward(30 * SECOND)
    await happens(hub, ENDED, talked_s=60.0)
    [lead] = await live(hub.engine)
    assert call.talk_at is not None
    assert lead.created_at > call.talk_at


@pytest.mark.parametrize("status", [Status.CALLING_OPERATOR, Status.TALKING])
async def test_a_call_to_who_calls_is_taken_back_unless_they_talk(
    hub: Hub, clock: Clock, status: Status
) -> None:
    row = await ask(hub)
    await plan(hub, row, phone=IVAN)
    await works(hub)
    [lead] = await live(hub.engine)
    dialled = Call(
        id=f"{lead.id}:1",
        project=SHOP,
        channel=ChannelId("kiosk"),
        phone=IVAN,
        stage="begun",
        status=status,
        began_at=clock(),
        changed_at=clock(),
    )
    await hub.engine.write(Insert(dialled))
    await hub.engine.change(
        Lead, lead.id, lambda had: replace(had, status=status, call=dialled.id, due_at=None)
    )
    clock.forward(SECOND)
    await talk(hub, clock)
    call = await hub.engine.get(Call, dialled.id)
    assert call is not None
    if status is Status.TALKING:
        assert not call.wishes
        assert await live(hub.engine)
    else:
        assert [each.do for each in call.wishes] == ["cancel"]
        assert not await live(hub.engine)


async def test_who_was_missed_is_called_back_where_the_project_wants_it(
    hub: Hub, clock: Clock
) -> None:
    await miss(hub, clock, "c1")
    await works(hub)
    assert not await live(hub.engine)
    await arrange(hub, call_back_missed=True)
    await miss(hub, clock, "c2")
    await works(hub)
    call = await miss(hub, clock, "c3")
    await works(hub)
    [lead] = await live(hub.engine)
    assert (lead.phone, lead.origin, lead.rule) == (IVAN, "missed", "missed")
    assert (lead.dialog, lead.due_at is not None) == (call.dialog, True)


async def test_nobody_is_called_back_at_night(hub: Hub, clock: Clock) -> None:
    await arrange(hub, call_back_missed=True)
    clock.forward(timedelta(hours=12))
    await miss(hub, clock)
    await works(hub)
    [lead] = await live(hub.engine)
    assert lead.due_at is not None
    assert lead.due_at > clock() + timedelta(hours=6)


@pytest.mark.parametrize(
    "who", ["", "+78091234567", "+78001234567", "+37126123456", "+88216123456"]
)
async def test_nobody_is_called_back_at_a_number_that_is_withheld_or_costs_money(
    hub: Hub, clock: Clock, who: str
) -> None:
    await arrange(hub, call_back_missed=True)
    call = await miss(hub, clock, who=who)
    await works(hub)
    assert not await live(hub.engine)
    assert (await dialog_of(hub, call)).call_status is Status.NEW, "people see it all the same"


async def test_at_whatever_step_it_died_another_makes_up_for_it(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    steps, died = 0, True
    while died:
        who, id = f"+7916{steps:07d}", f"c{steps}"
        await plan(hub, await ask(hub, visitor=f"v{steps}"), phone=who)
        await works(hub)
        clock.forward(SECOND)
        mortal.dies_after(steps)
        try:
            await talk(hub, clock, id, who=who)
            died = False
        except Crash:
            died = True
        mortal.lives()
        clock.forward(timedelta(minutes=1))
        told = news(hub, ENDED, id, who=who, talked_s=60.0, ended_by="visitor")
        await receive(hub, told, channel="kiosk")
        call = await hub.engine.get(Call, f"kiosk:{id}")
        assert call is not None
        assert call.stage == "settled"
        row = await dialog_of(hub, call)
        assert row.call_status is Status.ENDED_BY_VISITOR
        lines = [each for each in await log_of(hub.engine, row.id) if each.verb is Verb.CALL]
        assert len(lines) == 3
        assert not [each for each in await live(hub.engine) if each.phone == who]
        steps += 1 if mortal.kind == "sqlite" else 5
    assert steps > 8


@pytest.mark.parametrize("is_answered", [True, False])
async def test_only_who_was_talked_with_counts_as_dealt_with(
    hub: Hub, clock: Clock, is_answered: bool
) -> None:
    """A call that nobody answered leaves the client to automations."""
    row = await ask(hub)
    since = clock()
    clock.forward(SECOND)
    await (talk if is_answered else miss)(hub, clock)
    found = await handled_since(hub.engine, row, row.contact, IVAN, since)
    assert found is is_answered
