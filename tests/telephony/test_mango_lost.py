"""What MANGO OFFICE tells is lost on its way: a call ends honestly, and holds nothing."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from hub.calls.call import Call, Outcome
from hub.calls.dialling import LEASE
from hub.hub import Hub
from hub.model import Awaits, Dialog
from hub.statuses import Status
from hub.store.schema import SLOTS_OLD
from telephony.hosted import HostedDialer
from tests.spine import Clock, log_of, operator, sound
from tests.telephony.mango_server import MangoServer, Told, bring, mango
from tests.telephony.mango_shop import PHONE, Ordered, cancel, end, incoming, ordered, over, shop
from tests.telephony.office import TRUNK, calls, lead_of, statuses, working


@pytest.fixture
async def server() -> AsyncIterator[MangoServer]:
    async with mango() as played:
        yield played


async def left(hub: Hub, server: MangoServer) -> Ordered:
    """A call that the exchange makes, and whose worker went away."""
    async with ordered(hub, server) as told:
        return told


def conducting(hub: Hub, call: Call) -> HostedDialer:
    """Another worker's, which has little patience."""
    line: Any = hub.channels.get(TRUNK)
    return HostedDialer(
        *(hub.dialling, line.line("w2"), call, hub.now, lambda _: True, "w2"),
        silent_s=0.3,
        gone_s=0.05,
    )


async def heard(hub: Hub) -> Call:
    """The call as it ends for another worker, once nothing more is told of it."""
    [call] = await calls(hub)
    conductor = conducting(hub, call)
    for report in call.told:
        conductor.heard(report)
    return await conductor.resume()


ANSWERED = ("first Appeared", "first Connected", "second Appeared", "second Connected")


def news(told: Told, *names: str, reason: int = 1120) -> list[dict[str, Any]]:
    """What happens in a call whose person hangs up after a minute."""
    known = {
        "first Appeared": told.first("Appeared", 1, 1),
        "first Connected": told.first("Connected", 2, 4),
        "first Disconnected": told.first("Disconnected", 3, 5, disconnect_reason=1000),
        "second Appeared": told.second("Appeared", 1, 5),
        "second Connected": told.second("Connected", 2, 10),
        "second Disconnected": told.second("Disconnected", 3, 70, disconnect_reason=reason),
    }
    return [known[each] for each in names]


async def test_who_talked_and_hung_up_has_talked_though_the_end_was_never_told(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    told = await left(hub, server)
    clock.forward(timedelta(seconds=75))
    await told.tell(*news(told, *ANSWERED, "first Disconnected", "second Disconnected"))
    call, lead = await heard(hub), await lead_of(hub, PHONE)
    assert (call.outcome, call.ended_by, call.talked_s) == (Outcome.TALKED, "visitor", 60)
    assert (lead.live, lead.cause, lead.status) == (False, "talked", Status.ENDED_BY_VISITOR)
    assert (await hub.engine.find(SLOTS_OLD, limit=9)).items == []


@pytest.mark.parametrize("is_told_late", [False, True])
async def test_who_was_connected_is_not_rung_again_and_people_say_what_came_of_it(
    hub: Hub, clock: Clock, server: MangoServer, is_told_late: bool
) -> None:
    told = await left(hub, server)
    clock.forward(timedelta(seconds=75))
    call = await told.tell(*news(told, *ANSWERED))
    call = await hub.dialling.note(
        call, lambda had: replace(had, status=Status.TALKING, talk_at=had.told[-1].at)
    )
    assert call.plan is not None
    # Not a word more is heard of it until the longest talk is over, which is at once.
    plan = replace(call.plan, script=replace(call.plan.script, talk_max_s=0))
    call = await conducting(hub, replace(call, plan=plan)).resume()
    lead = await lead_of(hub, PHONE)
    assert (call.outcome, call.side, call.talked_s) == (Outcome.UNKNOWN, "", 0)
    assert call.talk_at is not None
    assert (lead.live, lead.due_at, lead.cause) == (False, None, "connected")
    assert (await hub.engine.find(SLOTS_OLD, limit=9)).items == []
    row = await sound(hub.engine, str(call.dialog))
    assert (row.open, row.awaits, row.call_status) == (True, Awaits.OPERATOR, Status.DROPPED)
    last = (await log_of(hub.engine, row.id))[-1].data
    assert (last["cause"], last["outcome"], "talked_s" in last) == ("connected", "unknown", False)

    if is_told_late:
        call = await told.tell(told.summary(70, 1120, 60))
        lead = await lead_of(hub, PHONE)
        assert (call.outcome, call.talked_s, lead.cause) == (Outcome.TALKED, 60, "talked")
    await hub.switchboard.result(operator("Olga"), call, "no_need")
    row = await sound(hub.engine, row.id)
    assert (row.awaits, row.call_status) == (Awaits.NOBODY, Status.PROCESSED)


@pytest.mark.parametrize(
    ("names", "reason", "known"),
    [
        ((*ANSWERED[:3], "second Disconnected"), 1121, (Outcome.BUSY, "visitor")),
        ((*ANSWERED[:3], "second Disconnected"), 1133, (Outcome.INVALID_NUMBER, "visitor")),
        # Of ours that was answered and is gone the person's takes over: they may well talk.
        ((*ANSWERED[:2], "first Disconnected"), 0, (Outcome.UNKNOWN, "visitor")),
        (ANSWERED[:1], 0, (Outcome.UNKNOWN, "visitor")),
        ((), 0, (Outcome.UNKNOWN, "visitor")),
    ],
)
async def test_what_its_phones_did_says_how_it_ended(
    hub: Hub,
    clock: Clock,
    server: MangoServer,
    names: tuple[str, ...],
    reason: int,
    known: tuple[Outcome, str],
) -> None:
    told = await left(hub, server)
    clock.forward(timedelta(seconds=75))
    for name, each in zip(names, news(told, *names, reason=reason), strict=True):
        # As they come, one of ours is told to have gone before the person's rings.
        if name == "second Disconnected":
            await bring(hub, news(told, "first Disconnected")[0])
        await bring(hub, each)
    call, lead = await heard(hub), await lead_of(hub, PHONE)
    assert (call.outcome, call.side) == known
    assert (lead.live, lead.attempts) == (True, 1)
    assert (await hub.engine.find(SLOTS_OLD, limit=9)).items == []


async def test_what_is_told_again_and_again_is_no_sign_that_a_call_lives(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    told = await left(hub, server)
    call = await told.tell(told.first("Appeared", 1, 1))
    conductor = conducting(hub, call)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        ends = group.create_task(conductor.resume())
        while not ends.done():
            for report in call.told:
                conductor.heard(report)
            await hub.bus.sleep("nobody", timedelta(milliseconds=10))
    assert ends.result().outcome is Outcome.UNKNOWN


async def test_an_operator_who_was_busy_is_known_by_his_phone_alone(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    told = await left(hub, server)
    clock.forward(timedelta(seconds=75))
    await told.tell(
        told.first("Appeared", 1, 1), told.first("Disconnected", 2, 3, disconnect_reason=1121)
    )
    call, lead = await heard(hub), await lead_of(hub, PHONE)
    assert (call.outcome, call.side) == (Outcome.BUSY, "operator")
    assert (lead.attempts, lead.operator_tries) == (0, 1)


async def test_a_call_that_was_cancelled_and_of_which_nothing_is_heard_is_not_made_again(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    await left(hub, server)
    await cancel(hub)
    assert (await heard(hub)).outcome is Outcome.CANCELLED
    lead = await lead_of(hub, PHONE)
    assert (lead.live, lead.cause) == (False, "cancelled")


async def test_whoever_hears_of_a_call_after_another_says_nothing_twice(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=75))
        call = await told.tell(*news(told, *ANSWERED[:2], "first Disconnected", *ANSWERED[2:]))
        await told.telephony.work()
        while call.status is not Status.TALKING:
            await hub.bus.sleep("nobody", timedelta(milliseconds=10))
            [call] = await calls(hub)
    said = await statuses(hub, await lead_of(hub, PHONE))
    clock.forward(LEASE)
    async with working(hub, "w2") as second:
        await second.work()
        await second.work()
        await bring(hub, told.summary(70, 1120, 60))
        lead, call = await over(hub, second)
    assert (call.outcome, lead.cause) == (Outcome.TALKED, "talked")
    after = await statuses(hub, lead)
    assert after[: len(said)] == said
    assert "calling_operator" not in after[len(said) :]
    assert "calling_visitor" not in after[len(said) :]


async def test_a_phone_that_is_gone_already_keeps_no_other_from_being_hung_up(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=20))
        # That the first was taken over by the second is lost.
        await told.tell(*news(told, *ANSWERED[:3]))
        await cancel(hub)
        server.answers.append((500, {}))
        await told.telephony.work()
        hung_up = [given["call_id"] for name, given in server.commands if "hangup" in name]
        assert hung_up == ["MTYz-one", "MTYz-two"]
        [call] = await calls(hub)
        assert call.done == ("w",)
        _, call = await told.over(told.summary(22, 1110))
    assert call.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("talked", [0, 40])
async def test_an_end_alone_is_the_whole_call_from_outside(
    hub: Hub, clock: Clock, server: MangoServer, talked: int
) -> None:
    await shop(hub, server)
    clock.forward(timedelta(minutes=2))
    late = [incoming(hub, "Appeared", 1, 60), incoming(hub, "Connected", 2, 40)]
    for each in (end(hub, talked), *late, end(hub, talked)):
        await bring(hub, each)
    [call] = await calls(hub)
    outcome = Outcome.TALKED if talked else Outcome.MISSED
    assert (call.stage, call.outcome, call.talked_s) == ("settled", outcome, talked)
    assert call.waited_s == (20 if talked else 60)
    assert call.slots == ()
    row = await sound(hub.engine, str(call.dialog))
    told = [each.data.get("incoming") for each in await log_of(hub.engine, row.id)]
    told = [each for each in told if each]
    assert told == (["ringing", "answered", "ended"] if talked else ["ringing", "missed"])


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_lost_of_a_call_and_however_often_the_rest_comes(
    hub: Hub, clock: Clock, server: MangoServer, seed: int
) -> None:
    """Its phone and its people are free in the end, and the lead is neither lost nor held."""
    dice = random.Random(seed)
    told = await left(hub, server)
    clock.forward(timedelta(seconds=75))
    whole = told.talk()
    some = [each for each in itertools.chain(whole, whole) if dice.random() < 0.5]
    dice.shuffle(some)
    await told.tell(*some)
    call = await heard(hub)
    assert call.outcome is not None
    assert (call.stage, call.live) == ("settled", False)
    assert (await hub.engine.find(SLOTS_OLD, limit=9)).items == []
    lead = await lead_of(hub, PHONE)
    if whole[-1] in some:
        assert (call.outcome, call.talked_s, lead.live) == (Outcome.TALKED, 60, False)
    assert lead.live is (lead.due_at is not None)
    row = await hub.engine.get(Dialog, str(call.dialog))
    assert row is not None
    await sound(hub.engine, row.id)
