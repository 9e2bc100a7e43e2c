"""A talk is handed over, a machine answers, an engine that calls by itself is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.calls import dialling, whom
from hub.calls.call import Call, Outcome, Slot, Wish
from hub.calls.dialling import BUSY_AGAIN
from hub.errors import BadValueError
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import Dialog, Entry, OperatorId
from hub.statuses import Status
from hub.store.engine import Insert
from hub.store.schema import OUTGOING_DUE, POSTS_DUE
from telephony.worker import ORDERED_LASTS
from tests.hub.test_ordering import works
from tests.spine import SHOP, Clock, Crash, Mortal, operator
from tests.telephony.mango_server import MangoServer, mango
from tests.telephony.mango_shop import cancel, ordered
from tests.telephony.office import (
    TRUNK,
    calls,
    dialled,
    due,
    equip,
    lead_of,
    row_of,
    wanted,
    working,
)
from tests.telephony.test_disturbed import GOOD, LONG, stands, until


@pytest.fixture
async def server() -> AsyncIterator[MangoServer]:
    async with mango() as played:
        yield played


async def test_a_colleague_who_takes_a_talk_over_is_rung_by_no_other_call(hub: Hub) -> None:
    await equip(hub, settings=LONG, seats={"olga": "100", "petr": "120"})
    lead = await wanted(hub, GOOD)
    await hub.engine.change(Lead, lead.id, lambda had: replace(had, operator=OperatorId("olga")))
    async with working(hub) as telephony:
        await telephony.work()
        call = await until(telephony, hub, stands(Status.TALKING))
        assert await hub.engine.get(Slot, "operator:petr") is None
        await hub.switchboard.transfer(operator("Olga"), call, operator="petr")
        await telephony.work()
        await until(telephony, hub, lambda one: one.operator == "petr")
        held = await hub.engine.get(Slot, "operator:petr")
        assert held is not None
        assert held.call == call.id
        await telephony.idle()
    assert await hub.engine.get(Slot, "operator:petr") is None


async def test_nobody_is_handed_over_to_himself(hub: Hub) -> None:
    await equip(hub, settings=LONG)
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        call = await until(telephony, hub, stands(Status.TALKING))
        with pytest.raises(BadValueError):
            await hub.switchboard.transfer(operator("Olga"), call, number=GOOD)
        await telephony.idle()


async def test_a_machine_that_answers_the_last_attempt_leaves_it_to_people(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, tries=2)
    await wanted(hub, GOOD)
    olga = operator("Olga")
    async with working(hub) as telephony:
        _, call = await dialled(hub, telephony, GOOD)
        await hub.switchboard.result(olga, call, "voicemail")
        lead = await lead_of(hub, GOOD)
        assert (lead.status, lead.attempts) == (Status.AWAITING_RETRY, 1)
        clock.at = due(lead)
        _, call = await dialled(hub, telephony, GOOD)
        await hub.switchboard.result(olga, call, "voicemail")
    lead = await lead_of(hub, GOOD)
    assert (lead.live, lead.due_at, lead.attempts) == (True, None, 2)
    assert (lead.status, lead.cause) == (Status.NEW, "exhausted")
    assert (await row_of(hub, lead)).call_status is Status.NEW


async def test_people_are_told_once_of_a_lead_whose_last_attempt_a_machine_answered(
    hub: Hub, clock: Clock
) -> None:
    url = "https://crm.example.com/hook"
    await equip(hub, tries=2, mails=("boss@example.com",), exhausted_url=url)
    await wanted(hub, GOOD)
    olga, told = operator("Olga"), []
    async with working(hub) as telephony:
        for _ in range(2):
            _, call = await dialled(hub, telephony, GOOD)
            for _ in range(2):
                await hub.switchboard.result(olga, call, "voicemail")
            lead = await lead_of(hub, GOOD)
            letters = await hub.engine.find(POSTS_DUE, limit=10)
            events = await hub.engine.find(OUTGOING_DUE, limit=10)
            told.append(
                ([each.template for each in letters.items], [each.event for each in events.items])
            )
            clock.at = lead.due_at or clock.at
    assert told == [([], []), (["exhausted"], ["lead.exhausted"])]
    lead = await lead_of(hub, GOOD)
    assert (lead.live, lead.cause) == (True, "exhausted")


async def test_whoever_says_it_was_a_machine_and_dies_at_any_step_need_not_say_it_again(
    hub: Hub, mortal: Mortal
) -> None:
    url = "https://crm.example.com/hook"
    await equip(hub, tries=1, mails=("boss@example.com",), exhausted_url=url)
    olga, died, n, told = operator("Olga"), True, 0, 0
    async with working(hub) as telephony:
        while died:
            phone, died = f"+791612{n:03}67", False
            await wanted(hub, phone, visitor=f"v{n}")
            _, call = await dialled(hub, telephony, phone)
            mortal.dies_after(n)
            try:
                await hub.switchboard.result(olga, call, "voicemail")
            except Crash:
                died = True
            mortal.lives()
            await hub.worker.repair()
            await works(hub)
            is_said = await hub.engine.get(Entry, f"{call.id}:result") is not None
            told += is_said
            after = await hub.engine.get(Call, call.id)
            assert after is not None
            assert after.result == ("voicemail" if is_said else ""), n
            lead = await lead_of(hub, phone)
            assert (lead.live, lead.cause) == (is_said, "exhausted" if is_said else "talked"), n
            for index in (POSTS_DUE, OUTGOING_DUE):
                page = await hub.engine.find(index, limit=100)  # type: ignore[misc]
                assert len(page.items) == told, n
            n += 1
    assert 3 < told < n


async def test_an_operator_whose_phone_rings_on_trial_is_rung_for_no_lead(hub: Hub) -> None:
    await equip(hub, settings=LONG | {"pace": 1})
    lead = await wanted(hub, GOOD)
    await hub.engine.change(Lead, lead.id, lambda had: replace(had, due_at=None))
    trial = await hub.seats.ring(SHOP, operator("Olga"))
    async with working(hub) as telephony:
        await telephony.work()
        slot = await hub.engine.get(Slot, "operator:olga")
        assert slot is not None
        assert slot.call == trial.id
        await hub.engine.change(Lead, lead.id, lambda had: replace(had, due_at=hub.now()))
        await telephony.work()
        assert [each.id for each in await calls(hub)] == [trial.id]
        assert due(await lead_of(hub, GOOD)) == hub.now() + BUSY_AGAIN

        await dialling.wish(hub.engine, hub.bus, trial.id, Wish(id="w", do="cancel"))
        await telephony.work()
        await telephony.idle()
    assert await hub.engine.get(Slot, "operator:olga") is None


async def test_a_trial_waits_until_a_lead_has_let_go_of_the_operator(hub: Hub) -> None:
    await equip(hub, settings=LONG)
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        trial = await hub.seats.ring(SHOP, operator("Olga"))
        await telephony.work()
        [call] = [each for each in await calls(hub) if each.id == trial.id]
        assert (call.stage, call.slots, call.legs) == ("ordered", (), ())
        assert await hub.engine.get(Slot, "phone:phone:100") is None, (
            "it holds nothing while it waits"
        )


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ("operator:olga", (Outcome.BUSY, "operator")),
        ("phone:phone:100", (Outcome.BUSY, "operator")),
        ("trunk:phone:0", (Outcome.CONGESTION, "")),
    ],
)
async def test_a_trial_for_which_somebody_was_busy_all_the_time_says_so(
    hub: Hub, clock: Clock, held: str, why: tuple[Outcome, str]
) -> None:
    await equip(hub, settings={"pace": 100, "talk_s": 20, "calls_max": 1})
    now = hub.now()
    other = Call(
        id="o", project=SHOP, channel=TRUNK, phone=GOOD, began_at=now, changed_at=now, live=False
    )
    await hub.engine.write(Insert(other), Insert(Slot(id=held, call="o", created_at=now)))
    async with working(hub) as telephony:
        trial = await hub.seats.ring(SHOP, operator("Olga"))
        while clock.at - now <= ORDERED_LASTS:
            await telephony.work()
            waits = await hub.engine.get(Call, trial.id)
            assert waits is not None
            assert (waits.stage, waits.slots) == ("ordered", ())
            clock.forward(BUSY_AGAIN)
        await telephony.work()
    ended = await hub.engine.get(Call, trial.id)
    assert ended is not None
    assert (ended.stage, ended.outcome, ended.side, ended.legs) == ("settled", *why, ())


async def test_a_trial_begins_as_soon_as_the_operator_is_free(hub: Hub, clock: Clock) -> None:
    await equip(hub, settings={"pace": 100, "talk_s": 1})
    slot = Slot(id="operator:olga", call="o", created_at=hub.now())
    await hub.engine.write(Insert(slot))
    async with working(hub) as telephony:
        trial = await hub.seats.ring(SHOP, operator("Olga"))
        await telephony.work()
        await hub.engine.delete_if(Slot, slot.id, lambda _: True)
        clock.forward(BUSY_AGAIN)
        await telephony.work()
        await telephony.idle()
    rang = await hub.engine.get(Call, trial.id)
    assert rang is not None
    assert rang.outcome is Outcome.TALKED


async def test_a_trial_that_waits_and_is_cancelled_is_over_at_once(hub: Hub, clock: Clock) -> None:
    await equip(hub)
    await hub.engine.write(Insert(Slot(id="operator:olga", call="o", created_at=hub.now())))
    async with working(hub) as telephony:
        trial = await hub.seats.ring(SHOP, operator("Olga"))
        await telephony.work()
        await hub.switchboard.cancel(operator("Olga"), trial)
        clock.forward(BUSY_AGAIN)
        await telephony.work()
    over = await hub.engine.get(Call, trial.id)
    assert over is not None
    assert (over.stage, over.outcome) == ("settled", Outcome.CANCELLED)


async def test_a_wish_to_cancel_is_kept_until_the_exchange_can_do_it(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        await cancel(hub)
        # No phone rings yet, so there is nothing to hang up.
        await told.telephony.work()
        await told.tell(told.first("Appeared", 1, 1))
        await told.telephony.work()
        assert server.commands[-1][0] == "commands/call/hangup"
        lead, call = await told.over(told.summary(70, 1120, 0))
    assert call.outcome is Outcome.CANCELLED
    assert (lead.live, lead.cause) == (False, "cancelled")


async def test_an_exchange_that_cannot_hand_over_hangs_nobody_up(
    hub: Hub, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        call = await told.tell(told.first("Appeared", 1, 1))
        wish = Wish(id="t", do="transfer", by=OperatorId("olga"))
        await dialling.wish(hub.engine, hub.bus, call.id, wish)
        await told.telephony.work()
        assert [name for name, _ in server.commands] == ["commands/callback"]
        await told.over(told.summary(70, 1120, 0))


async def test_one_wrong_phone_of_ours_costs_an_exchange_of_its_own_no_call(
    hub: Hub, server: MangoServer
) -> None:
    async with ordered(hub, server, seats={"olga": "101", "petr": "+33123456789"}) as told:
        lead, call = await told.over(told.summary(70, 1120, 0))
    assert call.outcome is not Outcome.INVALID_NUMBER
    assert lead.cause != "invalid_number"


async def test_a_test_call_that_nobody_waits_for_any_more_rings_nowhere(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub)
    lead = await wanted(hub, GOOD)
    project = hub.channels.project("shop")
    plan = whom.plan_of(project, lead, None, ())
    now = hub.now()
    call = Call(
        id="test:1",
        project=lead.project,
        channel="phone",  # type: ignore[arg-type]
        purpose="test",
        phone=GOOD,
        plan=replace(plan, ring_only=True),
        watch_at=now,
        began_at=now,
        changed_at=now,
    )
    await dialling.ordered(hub.engine, hub.bus, call)
    await hub.engine.change(Lead, lead.id, lambda had: replace(had, due_at=None))
    clock.forward(timedelta(minutes=10))
    async with working(hub) as telephony:
        await telephony.work()
        await telephony.idle()
    [made] = await calls(hub)
    assert (made.legs, made.outcome, made.stage) == ((), Outcome.ENGINE_ERROR, "settled")


async def test_who_keeps_leases_is_stopped_by_no_fault(hub: Hub) -> None:
    await equip(hub, settings=LONG)
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        call = await until(telephony, hub, stands(Status.TALKING))
        await hub.engine.delete_if(Call, call.id, lambda _: True)
        keeping = asyncio.create_task(telephony._keep(every_s=0))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not keeping.done()
        keeping.cancel()


async def test_of_a_person_who_is_erased_in_a_talk_no_call_is_kept(hub: Hub) -> None:
    await equip(hub, settings=LONG)
    lead = await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        await until(telephony, hub, stands(Status.TALKING))
        await hub.engine.delete_if(Lead, lead.id, lambda _: True)
        await hub.engine.delete_if(Dialog, str(lead.dialog), lambda _: True)
        await telephony.idle()
    assert await calls(hub) == []
    assert await hub.engine.get(Slot, f"phone:{GOOD}") is None
