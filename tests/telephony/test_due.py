"""When a lead is dialled and when it is not: hours, refusals, caps, what people decide."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from hub.calls import dialling, whom
from hub.calls.call import Call, Outcome, Slot, Wish
from hub.calls.dialling import BUSY_AGAIN
from hub.hub import Hub
from hub.leads import leads
from hub.leads.lead import Lead
from hub.model import Contact, Dialog, OperatorId, Project
from hub.schedule import always
from hub.statuses import Status
from hub.store.engine import Insert
from hub.store.schema import SLOTS_OLD
from telephony.worker import Telephony
from tests.spine import SHOP, Clock, current, operator
from tests.telephony.office import (
    QUICK,
    TRUNK,
    arrange,
    calls,
    dialled,
    due,
    equip,
    lead_of,
    row_of,
    statuses,
    wanted,
    working,
)

GOOD, BUSY, SILENT = "+79161234567", "+79161234501", "+79161234502"
NO_LINE = "+79161234509"
HOUR = timedelta(hours=1)


async def slots(hub: Hub) -> list[Slot]:
    return (await hub.engine.find(SLOTS_OLD, limit=100)).items


async def put_off_to_the_morning(hub: Hub, telephony: Telephony) -> datetime:
    """The minute at which the night is over for who is not dialled before."""
    await telephony.work()
    assert await calls(hub) == []
    lead = await lead_of(hub, GOOD)
    assert due(lead).isoformat() == "2026-03-03T06:00:00+00:00"
    assert (await row_of(hub, lead)).call_at == due(lead), "the dialog says so too"
    return due(lead)


async def test_nobody_is_dialled_at_night_and_then_at_the_first_lawful_minute(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub)
    await wanted(hub, GOOD)
    # Planned by day, but the worker was away until 23:00 in Moscow.
    clock.forward(timedelta(hours=11))
    async with working(hub) as telephony:
        clock.at = await put_off_to_the_morning(hub, telephony)
        await dialled(hub, telephony, GOOD)
    assert len(await calls(hub)) == 1


async def test_nobody_is_dialled_in_the_persons_own_night(hub: Hub, clock: Clock) -> None:
    await equip(hub)
    lead = await wanted(hub, GOOD)
    # 16:00 in Moscow, where the shop is open, is one at night in Kamchatka.
    clock.forward(timedelta(hours=4))
    await hub.engine.change(
        Lead, lead.id, lambda had: replace(had, zones=("Asia/Kamchatka",), auto_due_at=clock.at)
    )
    async with working(hub) as telephony:
        await telephony.work()
    assert await calls(hub) == []
    assert due(await lead_of(hub, GOOD)).isoformat() == "2026-03-02T21:00:00+00:00"


async def test_nobody_is_rung_where_it_became_night_while_operators_were_rung(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, settings={"pace": 20, "talk_s": 1})
    # A minute to nine in the evening, by the shop's clock and the person's.
    clock.forward(timedelta(hours=8, minutes=59))
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        [call] = await calls(hub)
        assert call.live
        clock.forward(timedelta(minutes=1))
        await telephony.idle()
        [call] = await calls(hub)
        lead = await lead_of(hub, GOOD)
        assert (call.outcome, call.side, call.talk_at) == (Outcome.TOO_LATE, "visitor", None)
        assert (lead.live, lead.attempts, lead.operator_tries) == (True, 0, 0)
        assert due(lead).isoformat() == "2026-03-03T06:00:00+00:00"
        assert (await row_of(hub, lead)).call_status is Status.NEW

        clock.at = due(lead)
        _, call = await dialled(hub, telephony, GOOD)
    assert call.outcome is Outcome.TALKED


async def test_a_holiday_that_was_put_in_later_holds_too(hub: Hub, clock: Clock) -> None:
    await equip(hub)
    await wanted(hub, GOOD)
    closed = always("Europe/Moscow")
    day = clock.at.date().isoformat()
    closed = replace(closed, dates={day: ()})
    await hub.engine.change(Project, SHOP, lambda had: replace(had, schedule=closed))
    async with working(hub) as telephony:
        await telephony.work()
    assert await calls(hub) == []
    assert due(await lead_of(hub, GOOD)).isoformat() == "2026-03-03T06:00:00+00:00"


async def test_an_operator_who_was_warned_may_call_at_night(hub: Hub, clock: Clock) -> None:
    await equip(hub)
    await wanted(hub, GOOD)
    clock.forward(timedelta(hours=11))
    olga = operator("Olga")
    row = await current(hub)
    decided = await hub.callbacks.ask(olga, row, "click-001", GOOD)
    assert decided.warnings == ("outside",)
    await hub.callbacks.ask(olga, row, "click-001", GOOD, anyway=True)
    async with working(hub) as telephony:
        _, call = await dialled(hub, telephony, GOOD)
    assert call.outcome is Outcome.TALKED
    assert call.legs[0].operator == "olga"


async def test_a_time_by_day_that_was_missed_is_not_made_up_for_at_night(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub)
    lead = await wanted(hub, GOOD)
    olga = operator("Olga")
    decided = await hub.callbacks.move(olga, lead, clock.at + timedelta(hours=1))
    assert decided.warnings == ()
    # Whoever dials was away until 23:00 in Moscow.
    clock.forward(timedelta(hours=11))
    async with working(hub) as telephony:
        clock.at = await put_off_to_the_morning(hub, telephony)
        _, call = await dialled(hub, telephony, GOOD)
    assert call.outcome is Outcome.TALKED


async def test_a_phone_is_dialled_by_itself_only_so_often_a_day_in_all_projects(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, tries=10, per_phone_a_day=2, retries={"no_answer": 10})
    await wanted(hub, SILENT)
    async with working(hub) as telephony:
        for _ in range(2):
            lead, _ = await dialled(hub, telephony, SILENT)
            clock.at = due(lead)
        await telephony.work()
        lead = await lead_of(hub, SILENT)
        assert len(await calls(hub)) == 2
        assert due(lead).isoformat() == "2026-03-03T06:00:00+00:00"
        assert lead.attempts == 2, "waiting for tomorrow is no attempt"


async def test_a_call_that_the_line_itself_refused_is_none_of_the_days(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, per_phone_a_day=1)
    await wanted(hub, NO_LINE)
    async with working(hub) as telephony:
        lead, call = await dialled(hub, telephony, NO_LINE)
        assert (call.outcome, call.side) == (Outcome.CONGESTION, "visitor")
        clock.at = due(lead)
        lead, _ = await dialled(hub, telephony, NO_LINE)
    assert len(await calls(hub)) == 2
    assert lead.attempts == 0


async def test_a_time_that_the_person_chose_is_kept_whatever_the_cap(hub: Hub) -> None:
    await equip(hub, per_phone_a_day=1)
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await dialled(hub, telephony, GOOD)
        at = hub.now().isoformat()
        await wanted(hub, GOOD, visitor="petr", origin="bot", chosen="1", at=at)
        await dialled(hub, telephony, GOOD)
    assert len(await calls(hub)) == 2


async def test_who_refused_meanwhile_is_not_called(hub: Hub) -> None:
    await equip(hub)
    lead = await wanted(hub, GOOD)
    now = hub.now()
    await hub.engine.change(Contact, str(lead.contact), lambda had: replace(had, no_calls_at=now))
    async with working(hub) as telephony:
        await telephony.work()
    lead = await lead_of(hub, GOOD)
    assert await calls(hub) == []
    assert (lead.live, lead.cause) == (False, "opted_out")


async def test_an_autonomous_project_leaves_to_people_what_was_planned_before(hub: Hub) -> None:
    await equip(hub)
    await wanted(hub, GOOD)
    await arrange(hub, autonomous=True)
    async with working(hub) as telephony:
        await telephony.work()
    lead = await lead_of(hub, GOOD)
    assert (await calls(hub), lead.live, lead.due_at) == ([], True, None)


async def test_no_more_calls_at_once_than_there_may_be_and_the_rest_use_no_attempt(
    hub: Hub,
) -> None:
    await equip(hub, numbers=("500",), calls_max=2, settings={"pace": 100, "talk_s": 20})
    phones = [f"+791612345{n}0" for n in range(1, 7)]
    for n, phone in enumerate(phones):
        await wanted(hub, phone, visitor=f"v{n}")
    most = 0
    async with working(hub) as telephony:
        while len(await calls(hub)) < len(phones):
            await telephony.work()
            most = max(most, sum(each.live for each in await calls(hub)))
        await telephony.idle()
    assert most == 2
    done = await calls(hub)
    assert {each.phone for each in done} == set(phones)
    assert len(done) == len(phones)
    assert await slots(hub) == []


async def test_an_operator_is_rung_by_one_call_at_a_time(hub: Hub, clock: Clock) -> None:
    await equip(hub, settings={"pace": 100, "talk_s": 30})
    await wanted(hub, GOOD, visitor="a")
    await wanted(hub, "+79161234577", visitor="b")
    async with working(hub) as telephony:
        await telephony.work()
        assert len(await calls(hub)) == 1
        await telephony.idle()
        clock.forward(BUSY_AGAIN)
        await telephony.work()
        await telephony.idle()
    assert [each.outcome for each in await calls(hub)] == [Outcome.TALKED] * 2


async def test_tries_are_used_up_and_people_take_over(hub: Hub, clock: Clock) -> None:
    ended: list[tuple[Call, Lead | None]] = []

    async def follow(call: Call, lead: Lead | None) -> None:
        ended.append((call, lead))

    hub.dialling.follows.append(follow)
    await equip(hub, tries=2, retries={"busy": 5})
    await wanted(hub, BUSY)
    async with working(hub) as telephony:
        lead, _ = await dialled(hub, telephony, BUSY)
        clock.at = due(lead)
        lead, _ = await dialled(hub, telephony, BUSY)
    assert (lead.live, lead.due_at, lead.status) == (True, None, Status.NEW)
    assert (lead.cause, lead.attempts) == ("exhausted", 2)
    assert (await row_of(hub, lead)).call_status is Status.NEW
    assert [each.cause for _, each in ended if each] == ["", "exhausted"]


async def test_a_connections_own_schedule_counts_from_the_form(hub: Hub, clock: Clock) -> None:
    await equip(hub)
    lead = await wanted(hub, BUSY)
    plan = replace(lead.plan, offsets=(0, 900, 1_800), tries=3)
    await hub.engine.change(Lead, lead.id, lambda had: replace(had, plan=plan))
    async with working(hub) as telephony:
        clock.forward(timedelta(minutes=2))
        lead, _ = await dialled(hub, telephony, BUSY)
    asked = lead.requested_at
    assert asked is not None
    assert due(lead) == asked + timedelta(minutes=15)


async def test_a_talk_that_was_too_short_is_none(hub: Hub) -> None:
    await equip(hub, script=replace(QUICK, short_talk_s=10))
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        lead, call = await dialled(hub, telephony, GOOD)
    assert call.outcome is Outcome.TALKED
    assert (lead.status, lead.live, lead.attempts) == (Status.AWAITING_RETRY, True, 1)


async def test_a_lead_waits_for_an_operator_where_the_project_wants_it(hub: Hub) -> None:
    await equip(hub, script=replace(QUICK, confirm=True))
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        lead = await lead_of(hub, GOOD)
        assert (lead.status, lead.due_at) == (Status.AWAITING_OPERATOR, None)
        assert (await row_of(hub, lead)).call_status is Status.AWAITING_OPERATOR

        await dialling.confirm(hub.engine, hub.bus, lead.id, OperatorId("olga"), hub.now())
        lead, call = await dialled(hub, telephony, GOOD)
    assert call.outcome is Outcome.TALKED
    assert "awaiting_operator" not in await statuses(hub, lead)


async def test_nobody_has_a_phone_and_people_see_why(hub: Hub) -> None:
    await equip(hub, seats={})
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
    lead = await lead_of(hub, GOOD)
    assert (lead.live, lead.due_at, lead.cause) == (True, None, "nobody")


async def test_a_project_without_a_trunk_dials_nothing_and_loses_nothing(hub: Hub) -> None:
    lead = await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
    assert (await lead_of(hub, GOOD)).due_at == lead.due_at


async def test_forward_numbers_are_all_rung_and_operators_are_not(hub: Hub) -> None:
    await equip(hub, numbers=("+74951110000", "500"))
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        _, call = await dialled(hub, telephony, GOOD)
    assert {each.number for each in call.legs if each.role == "operator"} == {
        "+74951110000",
        "500",
    }


async def test_the_responsible_operator_comes_before_the_group(hub: Hub) -> None:
    await equip(hub, seats={"olga": "100", "petr": "120"})
    lead = await wanted(hub, GOOD)
    await hub.engine.change(
        Dialog, str(lead.dialog), lambda had: replace(had, owner=OperatorId("petr"))
    )
    row = await row_of(hub, lead)
    project = await hub.engine.get(Project, SHOP)
    assert project is not None
    stages = await whom.stages(hub.engine, hub.bus, project, lead, row)
    assert [[each.operator for each in stage] for stage in stages] == [
        ["petr"],
        ["olga", "petr"],
    ]


async def test_numbers_that_are_no_business_of_the_trunk_are_never_asked_for(hub: Hub) -> None:
    await equip(hub, settings={"pace": 100, "prefixes": ["7495"]})
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        lead, call = await dialled(hub, telephony, GOOD)
    assert (call.outcome, lead.cause) == (Outcome.INVALID_NUMBER, "invalid_number")


async def test_a_call_is_cancelled_on_the_screen_and_its_lead_ends(hub: Hub) -> None:
    await equip(hub, settings={"pace": 1})
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        [call] = await calls(hub)
        wish = Wish(id="w1", do="cancel", by=OperatorId("olga"))
        await dialling.wish(hub.engine, hub.bus, call.id, wish)
        await dialling.wish(hub.engine, hub.bus, call.id, wish)
        await telephony.work()
        await telephony.idle()
    [call] = await calls(hub)
    lead = await lead_of(hub, GOOD)
    assert (call.outcome, call.stage) == (Outcome.CANCELLED, "settled")
    assert (lead.live, lead.cause, lead.status) == (False, "cancelled", Status.PROCESSED)
    assert await slots(hub) == []


async def test_a_call_ordered_without_a_lead_is_made_once(hub: Hub) -> None:
    await equip(hub)
    lead = await wanted(hub, BUSY)
    project = await hub.engine.get(Project, SHOP)
    assert project is not None
    stages = await whom.stages(hub.engine, hub.bus, project, lead, None)
    plan = replace(whom.plan_of(project, lead, None, stages), ring_only=True)
    now = hub.now()
    call = Call(
        id="test:1",
        project=SHOP,
        channel=TRUNK,
        purpose="test",
        phone=GOOD,
        plan=plan,
        watch_at=now,
        began_at=now,
        changed_at=now,
    )
    for _ in range(2):
        await dialling.ordered(hub.engine, hub.bus, call)
    await hub.engine.change(Lead, lead.id, lambda had: replace(had, due_at=None))
    async with working(hub) as telephony:
        await telephony.work()
        await telephony.idle()
        await telephony.work()
    [made] = await calls(hub)
    assert (made.outcome, made.stage) == (Outcome.TALKED, "settled")
    assert [each.role for each in made.legs] == ["operator"]
    assert await slots(hub) == []


async def test_two_workers_dial_a_lead_once(hub: Hub) -> None:
    await equip(hub)
    await wanted(hub, GOOD)
    async with working(hub, "w1") as one, working(hub, "w2") as other:
        for each in (one, other, one, other):
            await each.work()
        await one.idle()
        await other.idle()
    assert len(await calls(hub)) == 1


async def test_slots_of_a_worker_that_died_between_are_freed(hub: Hub, clock: Clock) -> None:
    await equip(hub)
    await hub.engine.write(Insert(Slot(id=f"phone:{GOOD}", call="gone", created_at=clock.at)))
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        assert await calls(hub) == []
        clock.forward(timedelta(minutes=2))
        await telephony.work()
        clock.forward(BUSY_AGAIN)
        await dialled(hub, telephony, GOOD)
    assert len(await calls(hub)) == 1


@pytest.mark.parametrize("ends", ["operator", "visitor"])
async def test_a_voice_that_cannot_be_made_holds_no_call_up(hub: Hub, ends: str) -> None:
    script = replace(QUICK, operator_says=replace(QUICK.operator_says, text="Заявка"))
    await equip(hub, script=script)
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        _, call = await dialled(hub, telephony, GOOD)
    assert call.outcome is Outcome.TALKED


@pytest.mark.parametrize("how", ["stop", "spam"])
async def test_whoever_refuses_or_is_spam_while_the_phone_rings_is_let_alone(
    hub: Hub, how: str
) -> None:
    await equip(hub, settings={"pace": 1})
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        row = await current(hub)
        if how == "spam":
            await hub.peace.mark_spam(operator("Olga"), row.id)
        else:
            await leads.stop_all(hub.engine, hub.bus, row, "opted_out", hub.now())
        await telephony.work()
        await telephony.idle()
    [call] = await calls(hub)
    assert call.outcome is Outcome.CANCELLED
    lead = await lead_of(hub, GOOD)
    assert not lead.live
    assert ((await row_of(hub, lead)).call_status is Status.SPAM) is (how == "spam")
