"""A project with several lines: who is called by which of them, and what each has room for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from hub.calls.call import Outcome, Slot
from hub.calls.trunk import CallCaps
from hub.hub import Hub
from hub.model import Channel, ChannelId
from hub.store.engine import Insert, Walk
from hub.store.schema import LEADS_DUE, SLOTS_OLD
from telephony.simulator import SCENARIOS, Simulator, SimulatorSettings
from telephony.worker import AT_ONCE, LOOKED_MAX
from tests.spine import SHOP, START, Clock, D, Mortal
from tests.telephony.office import (
    KEYS,
    TRUNK,
    arrange,
    calls,
    equip,
    lead_of,
    wanted,
    working,
)

PHONES = [f"+7916123456{n}" for n in range(4)]
ROOM = {"calls_max": 50, "talk_s": 600, "pace": 1}


class Real(Simulator):
    """One that passes for a real line, so the project may have two."""

    calls: ClassVar[CallCaps] = CallCaps(scenarios=SCENARIOS)


def real(document: Channel) -> Real:
    settings = msgspec.convert(document.settings, SimulatorSettings)
    return Real(ChannelId(document.id), settings, KEYS)


class Counting(Mortal):
    """Counts the leads that were read in order of when they are due."""

    read = 0

    async def walk(self, walk: Walk[D], limit: int) -> list[D]:
        found = await super().walk(walk, limit)
        self.read += len(found) if walk.index.name == LEADS_DUE.name else 0
        return found


async def first(hub: Hub, **settings: Any) -> None:
    await equip(hub, settings=ROOM | settings, seats={}, make=real)


async def second(hub: Hub, **settings: Any) -> None:
    """Another line of the shop, which is younger."""
    given = {"numbers": ["+74951111111"], "calls_per_second": 50} | ROOM | settings
    at = START + timedelta(minutes=1)
    trunk = Channel(
        id="second", project=SHOP, kind="simulator", name="Other", settings=given, created_at=at
    )
    await hub.engine.write(Insert(trunk))
    await hub.channels.refresh()


async def due_now(hub: Hub, number: str = "", n: int = 4) -> None:
    """So many leads of people, each rung with a phone of ours of its own."""
    for i, phone in enumerate(PHONES[:n]):
        await arrange(hub, numbers=(number or f"20{i}",), calls_max=50)
        await wanted(hub, phone, visitor=f"v{i}")


async def went(hub: Hub) -> dict[str, str]:
    """By which line each person is called."""
    return {each.phone: str(each.channel) for each in await calls(hub)}


async def test_who_finds_the_first_line_full_goes_by_the_next(hub: Hub) -> None:
    await first(hub, calls_max=1)
    await second(hub, calls_max=2)
    await due_now(hub)
    async with working(hub) as telephony:
        await telephony.work()
        assert await went(hub) == {PHONES[0]: TRUNK, PHONES[1]: "second", PHONES[2]: "second"}
        [by_first, *others] = await calls(hub)
        assert [each.plan.shown for each in (by_first, *others) if each.plan] == [
            *("+74950000000", "+74951111111", "+74951111111")
        ]
        waits = await lead_of(hub, PHONES[3])
        assert (waits.calls, waits.due_at is not None, waits.cause) == (0, True, "")


async def test_no_more_of_a_project_are_called_because_it_has_two_lines(hub: Hub) -> None:
    await first(hub)
    await second(hub)
    await due_now(hub)
    await arrange(hub, calls_max=2)
    async with working(hub) as telephony:
        await telephony.work()
        assert set((await went(hub)).values()) == {TRUNK}
        assert len(await calls(hub)) == 2


async def test_a_number_that_only_the_full_line_dials_waits_for_it(hub: Hub) -> None:
    await first(hub, calls_max=1)
    await second(hub, prefixes=["49"])
    await due_now(hub, n=2)
    async with working(hub) as telephony:
        await telephony.work()
        assert await went(hub) == {PHONES[0]: TRUNK}
        waits = await lead_of(hub, PHONES[1])
        assert (waits.live, waits.due_at is not None) == (True, True)


async def test_nobody_whom_the_other_line_cannot_ring_is_left_to_people(hub: Hub) -> None:
    german = "+493012345678"
    await first(hub, calls_max=1, prefixes=["7", "49"])
    await second(hub)
    await due_now(hub, german, n=2)
    async with working(hub) as telephony:
        await telephony.work()
        waits = await lead_of(hub, PHONES[1])
        assert (waits.due_at is not None, waits.cause) == (True, ""), "the first rings ours"

        await hub.engine.change(Channel, TRUNK, lambda had: replace(had, enabled=False))
        await hub.channels.refresh()
        await telephony.work()
        left = await lead_of(hub, PHONES[1])
        assert (left.due_at, left.cause) == (None, "nobody")


async def test_by_the_second_line_ours_are_rung_whom_the_first_may_not_ring(hub: Hub) -> None:
    german = "+493012345678"
    await first(hub)
    await second(hub, prefixes=["7", "49"])
    await due_now(hub, german, n=1)
    async with working(hub) as telephony:
        await telephony.work()
        assert await went(hub) == {PHONES[0]: "second"}


async def test_only_what_is_dialled_counts_of_the_calls_a_second(hub: Hub) -> None:
    await first(hub, calls_per_second=1)
    await due_now(hub)
    async with working(hub) as telephony:
        for phone in PHONES[:3]:
            # They are on the phone already, by whatever project.
            await hub.engine.write(
                Insert(Slot(id=f"phone:{phone}", call="other", created_at=hub.now()))
            )
        await telephony.work()
        assert list(await went(hub)) == [PHONES[3]]


async def test_so_many_a_second_are_begun_and_the_next_keeps_nobody_from_others(hub: Hub) -> None:
    await first(hub, calls_per_second=2)
    await due_now(hub)
    async with working(hub) as telephony:
        await telephony.work()
        begun = await calls(hub)
        assert [each.phone for each in begun] == PHONES[:2]
        held = {each.call for each in (await hub.engine.find(SLOTS_OLD, limit=100)).items}
        assert held == {each.id for each in begun}
        third = await lead_of(hub, PHONES[2])
        assert third.due_at is not None
        assert third.due_at <= hub.now()


async def test_a_lead_for_a_free_line_is_found_behind_any_number_that_wait_for_a_full_one(
    hub: Hub, clock: Clock
) -> None:
    german = "+4930123456"
    await first(hub, calls_max=1, prefixes=["7"])
    await second(hub, calls_max=2, prefixes=["49", "7495"])
    await arrange(hub, numbers=("+74951110000",), calls_max=50)
    lead = await wanted(hub, "+79160000000")
    waiting = AT_ONCE + LOOKED_MAX + 20
    for n in range(1, waiting):
        phone = f"+7916{n:07}"
        await hub.engine.write(Insert(replace(lead, id=f"{SHOP}:{phone}:1", phone=phone)))
    async with working(hub) as telephony:
        await telephony.work()
        assert list((await went(hub)).values()) == [TRUNK]
        clock.forward(timedelta(seconds=1))
        late = []
        for n in range(2):
            phone = f"{german}{n}"
            late.append(phone)
            await hub.engine.write(
                Insert(
                    replace(lead, id=f"{SHOP}:{phone}:1", phone=phone, due_at=clock(), dialog=None)
                )
            )
        for _ in range(3):
            await telephony.work()
        known = await went(hub)
        assert {known.get(each) for each in late} == {"second"}
        # The first that waits is the first that goes once there is room.
        [talks] = [each for each in await calls(hub) if each.channel == TRUNK]
        await hub.dialling.end(talks, Outcome.CANCELLED)
        await telephony.work()
        assert {TRUNK} == set((await went(hub)).values()) - {"second"}
        assert sorted(each for each in await went(hub) if each.startswith("+7")) == [
            *("+79160000000", "+79160000001")
        ]


async def test_a_round_looks_at_so_many_and_no_more(hub: Hub) -> None:
    await first(hub, calls_max=1, prefixes=["7"])
    await second(hub, calls_max=2, prefixes=["49", "7495"])
    await arrange(hub, numbers=("+74951110000",), calls_max=50)
    lead = await wanted(hub, "+79160000000")
    for n in range(1, 2 * LOOKED_MAX):
        phone = f"+7916{n:07}"
        await hub.engine.write(Insert(replace(lead, id=f"{SHOP}:{phone}:1", phone=phone)))
    looked = Counting(hub.engine)
    async with working(hub) as telephony:
        telephony._engine = looked
        for _ in range(4):
            looked.read = 0
            await telephony.work()
            assert looked.read <= LOOKED_MAX + AT_ONCE
