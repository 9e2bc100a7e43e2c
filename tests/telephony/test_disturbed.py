"""People and machines meddle with a call at every moment of it, and its lead stays what it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from hub.calls.call import Call, Outcome, Party, Seat, Wish
from hub.calls.dialling import LEASE, wish
from hub.calls.trunk import CallCaps
from hub.errors import ConflictError
from hub.hub import Hub
from hub.keeping.keys import Keys
from hub.leads.lead import Lead
from hub.model import Channel
from hub.statuses import LIVE, Status
from hub.store.engine import Insert
from hub.store.schema import SLOTS_OLD
from telephony.simulator import Simulator, SimulatorSettings
from telephony.worker import Telephony
from tests import spine
from tests.spine import SHOP, START, Clock, Crash, Mortal, current, operator
from tests.telephony.office import (
    QUICK,
    TRUNK,
    arrange,
    calls,
    dialled,
    due,
    equip,
    lead_of,
    made,
    row_of,
    wanted,
    working,
)
from tests.telephony.test_dead_workers import dies

GOOD, BUSY, SILENT = "+79161234567", "+79161234501", "+79161234502"
LONG = {"pace": 100, "talk_s": 300}


async def until(telephony: Telephony, hub: Hub, there: Callable[[Call], bool]) -> Call:
    """The last call, once it stands so."""
    async with asyncio.timeout(60):
        while True:
            if (known := await calls(hub)) and there(known[-1]):
                return known[-1]


def stands(status: Status) -> Callable[[Call], bool]:
    return lambda call: call.status is status


async def no_slots(hub: Hub) -> bool:
    return not (await hub.engine.find(SLOTS_OLD, limit=50)).items


@pytest.mark.parametrize("steps", range(6, 34))
async def test_a_death_at_any_write_counts_one_attempt_once(
    hub: Hub, mortal: Mortal, clock: Clock, steps: int
) -> None:
    await equip(hub)
    await wanted(hub, BUSY)
    first = Telephony(hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, "w1")
    mortal.dies_after(steps)
    with suppress(Crash):
        await first.work()
        await first.idle()
    await dies(first)
    mortal.lives()
    clock.forward(LEASE + timedelta(seconds=1))
    async with working(hub, "w2") as second:
        for _ in range(3):
            await second.work()
            await second.idle()
    lead = await lead_of(hub, BUSY)
    rung = [each for each in await calls(hub) if each.dialled_at is not None]
    assert lead.attempts == len(rung) <= 1
    assert lead.status not in LIVE
    assert (await row_of(hub, lead)).call_status is lead.status


@pytest.mark.parametrize("how", ["cancel", "move", "correct"])
async def test_what_an_operator_decides_while_a_lead_is_being_taken_is_done_or_refused(
    hub: Hub, mortal: Mortal, clock: Clock, how: str
) -> None:
    await equip(hub)
    await wanted(hub, GOOD)
    olga = operator("Olga")
    done: list[str] = []
    tomorrow = clock.at + timedelta(days=1)

    async def decide() -> None:
        lead = await lead_of(hub, GOOD)
        with suppress(ConflictError):
            if how == "cancel":
                await hub.callbacks.cancel(olga, lead, "handled")
            elif how == "move":
                await hub.callbacks.move(olga, lead, tomorrow)
            else:
                await hub.callbacks.correct(olga, lead, "+79161234577")
            done.append(how)

    for before in range(4, 12):
        async with working(hub) as telephony:
            mortal.meanwhile(decide, before=before)
            await telephony.work()
            await telephony.idle()
        mortal._others = None
        lead = await lead_of(hub, GOOD)
        talked = [each for each in await calls(hub) if each.outcome is Outcome.TALKED]
        if done:
            assert talked == [], f"what was decided before step {before} holds"
            assert how != "move" or lead.due_at == tomorrow
        else:
            assert len(talked) == 1
        for each in talked:
            await hub.engine.delete_if(Call, each.id, lambda _: True)
        done.clear()
        await hub.engine.delete_if(Lead, lead.id, lambda _: True)
        if how == "correct":
            other = await hub.engine.get(Lead, lead.id.replace(GOOD, "+79161234577"))
            if other is not None:
                await hub.engine.delete_if(Lead, other.id, lambda _: True)
        clock.forward(timedelta(seconds=30))
        await wanted(hub, GOOD)


async def test_a_call_that_is_wanted_for_later_is_made_though_they_talk_now(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, settings=LONG)
    await wanted(hub, GOOD)
    later = clock.at + timedelta(hours=3)
    async with working(hub) as telephony:
        await telephony.work()
        await until(telephony, hub, stands(Status.TALKING))
        decided = await hub.callbacks.ask(
            operator("Olga"), await current(hub), "then-0001", GOOD, later
        )
        assert decided.lead is not None
        await telephony.idle()
    lead = await lead_of(hub, GOOD)
    assert (lead.live, lead.due_at, lead.status) == (True, later, Status.NEW)
    assert (lead.attempts, lead.operator) == (0, "olga")
    row = await row_of(hub, lead)
    assert (row.call_status, row.call_at) == (Status.NEW, later)


async def test_a_time_that_is_set_while_the_phone_rings_is_kept_after_it(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, settings={"pace": 20})
    await wanted(hub, SILENT)
    later = clock.at + timedelta(hours=3)
    async with working(hub) as telephony:
        await telephony.work()
        await until(telephony, hub, stands(Status.CALLING_VISITOR))
        await hub.callbacks.ask(operator("Olga"), await current(hub), "then-0001", SILENT, later)
        await telephony.idle()
    lead = await lead_of(hub, SILENT)
    assert (lead.status, lead.due_at) == (Status.AWAITING_RETRY, later)
    assert lead.held is not None


async def test_what_the_person_asks_for_while_the_phone_rings_is_kept_after_it(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, settings={"pace": 20})
    await wanted(hub, SILENT)
    later = clock.at + timedelta(hours=3)
    async with working(hub) as telephony:
        await telephony.work()
        await until(telephony, hub, stands(Status.CALLING_VISITOR))
        clock.forward(timedelta(seconds=1))
        await wanted(hub, SILENT, origin="bot", chosen="1", at=later.isoformat())
        await telephony.idle()
    lead = await lead_of(hub, SILENT)
    assert (lead.status, lead.due_at) == (Status.AWAITING_RETRY, later)


async def test_nobody_is_called_by_what_rings_no_phone_while_the_real_line_is_down(
    hub: Hub,
) -> None:
    await equip(hub, "asterisk", {"api_url": "http://127.0.0.1:9", "user": "u", "password": "p"})
    await equip_second(hub, "simulator", {"pace": 100})
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        await telephony.idle()
    assert await calls(hub) == []
    assert (await lead_of(hub, GOOD)).live


async def equip_second(hub: Hub, kind: str, settings: dict[str, object]) -> None:

    spine.KINDS[kind] = made(kind)
    await hub.engine.write(
        Insert(
            Channel(
                id="phone2",
                project=SHOP,
                kind=kind,
                name="Second",
                settings=settings,
                created_at=START + timedelta(days=1),
            )
        )
    )
    await hub.channels.refresh()


async def test_many_leads_that_wait_for_a_line_keep_the_worker_from_nothing_else(
    hub: Hub,
) -> None:
    await equip(hub, "asterisk", {"api_url": "http://127.0.0.1:9", "user": "u", "password": "p"})
    lead = await wanted(hub, GOOD)
    await copies(hub, lead, 60)
    async with working(hub) as telephony:
        assert not await telephony.work(), "it sleeps until there is a line"


async def copies(hub: Hub, lead: Lead, many: int, **other: Any) -> None:
    """As many leads of other people, due as that is."""

    for n in range(many):
        phone = f"+7916999{n:03}7"
        one = replace(
            lead, id=f"shop:{phone}:1", phone=phone, contact=None, contacts=(), dialog=None, **other
        )
        await hub.engine.write(Insert(one))


class OneWay(Simulator):
    calls: ClassVar[CallCaps] = CallCaps(
        scenarios=frozenset({("operator", "message")}), training=True
    )


async def test_leads_that_no_line_can_call_keep_no_other_from_being_called(hub: Hub) -> None:
    await equip(hub)
    settings = SimulatorSettings(pace=100, talk_s=2)
    only = OneWay(TRUNK, settings, Keys(bytes(32)))
    hub.channels._swap(TRUNK, only)  # type: ignore[arg-type]
    lead = await wanted(hub, GOOD)
    soon = due(lead) - timedelta(minutes=1)
    other_way = replace(lead.plan, script=replace(QUICK, first="visitor"))
    await copies(hub, lead, 60, plan=other_way, due_at=soon)
    async with working(hub) as telephony:
        for _ in range(3):
            await telephony.work()
        await telephony.idle()
    assert [each.phone for each in await calls(hub)] == [GOOD]


async def test_leads_that_raise_keep_no_other_from_being_called(hub: Hub) -> None:
    await equip(hub)
    lead = await wanted(hub, GOOD)
    soon = due(lead) - timedelta(minutes=1)
    await copies(hub, lead, 8, zones=("Nowhere/Land",), due_at=soon)
    async with working(hub) as telephony:
        for _ in range(4):
            await telephony.work()
        await telephony.idle()
    assert [each.phone for each in await calls(hub)] == [GOOD]


async def test_an_operator_is_let_alone_by_others_through_all_rounds(hub: Hub) -> None:
    script = replace(QUICK, rounds=2, pause_s=0.3, ring_s=0.2)
    await equip(hub, script=script, seats={"olga": "102"}, settings={"pace": 10})
    await wanted(hub, GOOD, visitor="a")
    other = await wanted(hub, "+79161234577", visitor="b")
    async with working(hub) as telephony:
        await telephony.work()
        first = await until(
            telephony, hub, lambda call: [each.state for each in call.legs] == ["ended"]
        )
        await hub.engine.change(Lead, other.id, lambda had: replace(had, due_at=hub.now()))
        await telephony.work()
        assert [each.id for each in await calls(hub)] == [first.id]
        await telephony.idle()


async def test_a_person_who_is_erased_in_a_call_leaves_no_phone_ringing(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, settings={"pace": 100, "talk_s": 2})
    lead = await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        await hub.engine.delete_if(Lead, lead.id, lambda _: True)
        await telephony.idle()
        [call] = await calls(hub)
        assert call.stage == "settled"
        assert await no_slots(hub)


async def test_a_fault_in_what_follows_frees_the_lines_and_is_not_met_for_ever(hub: Hub) -> None:
    async def breaks(call: Call, lead: Lead | None) -> None:
        raise ValueError("a bug")

    hub.dialling.follows.append(breaks)
    await equip(hub)
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        await telephony.idle()
    [call] = await calls(hub)
    assert call.stage == "settled"
    assert await no_slots(hub)


async def test_caps_that_are_lowered_hold_for_what_begins_after(hub: Hub) -> None:
    numbers = tuple(f"6{n:02}" for n in range(10))
    await equip(hub, numbers=numbers, calls_max=3, settings={"pace": 1})
    for n in range(3):
        await wanted(hub, f"+791612345{n}7", visitor=f"v{n}")
    async with working(hub) as telephony:
        await telephony.work()
        begun = await calls(hub)
        assert len(begun) == 3
        await arrange(hub, calls_max=1)
        first = next(each for each in begun if any(name.endswith(":0") for name in each.slots))
        await wish(hub.engine, hub.bus, first.id, Wish(id="c", do="cancel"))
        hung_up = telephony._tasks[first.key]
        await telephony.work()
        await asyncio.wait([hung_up])
        await wanted(hub, GOOD, visitor="late")
        await telephony.work()
        assert len(await calls(hub)) == 3, "two are still under way where one may be"


async def test_a_trunk_whose_caps_change_in_a_talk_goes_on_with_others(hub: Hub) -> None:
    await equip(hub, settings=LONG, seats={"olga": "100", "petr": "120"})
    await wanted(hub, GOOD, visitor="a")
    async with working(hub) as telephony:
        await telephony.work()
        await until(telephony, hub, stands(Status.TALKING))

        def raised(had: Channel) -> Channel:
            return replace(had, settings=dict(had.settings) | {"calls_max": 9})

        await hub.engine.change(Channel, TRUNK, raised)
        await hub.channels.refresh()
        await wanted(hub, "+79161234577", visitor="b")
        await telephony.work()
        assert len([each for each in await calls(hub) if each.live]) == 2
        await telephony.idle()


async def test_a_call_on_a_line_that_was_switched_off_is_ended_when_its_worker_died(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, settings=LONG)
    await wanted(hub, GOOD)
    first = Telephony(hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, "w1")
    await first.work()
    await until(first, hub, stands(Status.CALLING_VISITOR))
    await dies(first)
    await hub.engine.change(Channel, TRUNK, lambda had: replace(had, enabled=False))
    await hub.channels.refresh()
    clock.forward(LEASE + timedelta(seconds=1))
    async with working(hub, "w2") as second:
        await second.work()
        await second.work()
    [call] = await calls(hub)
    assert (call.stage, call.outcome) == ("settled", Outcome.UNKNOWN)
    assert await no_slots(hub)
    assert (await lead_of(hub, GOOD)).status is Status.AWAITING_RETRY


async def test_one_number_rings_once_in_a_group_and_never_the_person_himself(hub: Hub) -> None:
    await equip(hub, numbers=("500", "500", GOOD, "501"))
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        _, call = await dialled(hub, telephony, GOOD)
    numbers = [each.number for each in call.legs if each.role == "operator"]
    assert sorted(numbers) == ["500", "501"]


async def test_who_confirms_at_night_calls_nobody_before_the_morning(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, script=replace(QUICK, confirm=True))
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        clock.forward(timedelta(hours=11))
        lead = await lead_of(hub, GOOD)
        await hub.switchboard.confirm(operator("Olga"), lead)
        await telephony.work()
        await telephony.idle()
        assert await calls(hub) == []
        lead = await lead_of(hub, GOOD)
        assert due(lead).isoformat() == "2026-03-03T06:00:00+00:00"
        assert (await row_of(hub, lead)).call_status is lead.status
        clock.at = due(lead)
        _, call = await dialled(hub, telephony, GOOD)
    assert call.outcome is Outcome.TALKED
    assert call.legs[0].operator == "olga"


async def test_a_call_may_be_cancelled_however_often_it_was_handed_over(hub: Hub) -> None:
    await equip(hub, settings=LONG)
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        call = await until(telephony, hub, stands(Status.TALKING))

        for n in range(25):
            with suppress(ConflictError):
                one = Wish(id=f"t{n}", do="transfer", to=Party(number="501"))
                await wish(hub.engine, hub.bus, call.id, one)
        call = await wish(hub.engine, hub.bus, call.id, Wish(id="cancel", do="cancel"))
        assert call.wishes[-1].do == "cancel"
        await telephony.work()
        await telephony.idle()


async def test_a_schedule_that_was_missed_at_night_is_not_made_up_for_at_once(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub)
    lead = await wanted(hub, BUSY)
    plan = replace(lead.plan, offsets=(900, 1_800, 3_600), tries=3)
    await hub.engine.change(Lead, lead.id, lambda had: replace(had, plan=plan))
    clock.forward(timedelta(hours=3))
    async with working(hub) as telephony:
        lead, _ = await dialled(hub, telephony, BUSY)
        assert due(lead) - clock.at == timedelta(minutes=15)
        clock.at = due(lead)
        lead, _ = await dialled(hub, telephony, BUSY)
    assert due(lead) - clock.at == timedelta(minutes=30)


async def test_our_own_side_never_makes_it_wait_for_another_call_to_the_person(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, seats={"olga": "100"})
    await wanted(hub, BUSY)
    async with working(hub) as telephony:
        lead, _ = await dialled(hub, telephony, BUSY)
        assert lead.status is Status.AWAITING_RETRY
        await sit_at(hub, "olga", "201")
        clock.at = due(lead)
        lead, call = await dialled(hub, telephony, BUSY)
    assert (call.side, lead.operator_tries, lead.attempts) == ("operator", 1, 1)
    assert lead.status is Status.NEW
    assert (await row_of(hub, lead)).call_status is Status.NEW


async def sit_at(hub: Hub, name: str, number: str) -> None:

    await hub.engine.change(Seat, f"{name}:{SHOP}", lambda had: replace(had, number=number))


async def test_a_person_who_hangs_up_while_the_operator_is_rung_is_awaited_again(
    hub: Hub,
) -> None:
    phone = GOOD[:-2] + "08"
    script = replace(QUICK, first="visitor")
    await equip(hub, script=script, seats={"olga": "102"}, settings={"pace": 10})
    await wanted(hub, phone)
    async with working(hub) as telephony:
        lead, call = await dialled(hub, telephony, phone)
    assert (call.outcome, call.side) == (Outcome.DROPPED, "visitor")
    assert lead.status is Status.AWAITING_RETRY
    assert (await row_of(hub, lead)).call_status is Status.AWAITING_RETRY
