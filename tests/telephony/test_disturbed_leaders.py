"""Two workers believe that they lead one call: only one of them touches it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from hub.calls.call import Outcome
from hub.calls.dialling import LEASE
from hub.calls.trunk import Gone
from hub.hub import Hub
from hub.statuses import Status
from telephony.dialer import Dialer
from telephony.open_lines import Conductor
from tests.spine import Clock, Mortal, current
from tests.telephony.office import QUICK, calls, equip, lead_of, wanted, working
from tests.telephony.test_dead_workers import GOOD, Exchange, exchange, in_a_talk, talking

__all__ = ["exchange"]


async def until_silent(hub: Hub, conductor: Conductor) -> None:
    while True:
        row = await current(hub)
        if row.owner is not None and isinstance(conductor, Dialer) and "talk" in conductor._alarms:
            return


async def test_a_talk_outlives_a_store_that_was_away_and_is_led_by_one_worker(
    hub: Hub, mortal: Mortal, clock: Clock, exchange: Exchange
) -> None:
    first = await in_a_talk(hub, exchange)
    [conductor] = [one for line in first._lines.all() for one in line.calls.values()]
    async with asyncio.timeout(60):
        # Until all is told and its clock for the talk is set, it still writes.
        await until_silent(hub, conductor)
    mortal.down = True
    clock.forward(LEASE + timedelta(seconds=10))
    keeping = asyncio.create_task(first._keep(every_s=0))
    await asyncio.wait([keeping], timeout=0.01)
    keeping.cancel()
    mortal.lives()

    async with working(hub, "w2") as second:
        await second.work()
        [call] = await calls(hub)
        assert call.worker == "w2"
        # The one before sees its legs go, for they were taken over.
        conductor.heard(Gone(leg=f"{call.key}-o1", outcome=Outcome.DROPPED))  # type: ignore[arg-type]
        await first.idle()
        assert len(exchange.ringing) == 2, "they still talk"
        [call] = await calls(hub)
        assert (call.status, call.live) == (Status.TALKING, True)
        assert [each.state for each in call.legs] == ["up", "up"]
        await second.idle()
    [call] = await calls(hub)
    assert (call.outcome, call.ended_by) == (Outcome.TALKED, "visitor")
    assert (await lead_of(hub, GOOD)).cause == "talked"


async def test_a_clock_that_is_put_back_makes_no_talk_too_short(hub: Hub, clock: Clock) -> None:
    await equip(hub, script=replace(QUICK, short_talk_s=0.2), settings={"pace": 100, "talk_s": 50})
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        await talking(hub)
        clock.at -= timedelta(hours=1)
        await telephony.idle()
    [call] = await calls(hub)
    assert call.talked_s >= 0.2
    assert (await lead_of(hub, GOOD)).cause == "talked"


async def test_who_stops_while_the_store_is_away_lets_go_of_its_lines(
    hub: Hub, mortal: Mortal, exchange: Exchange
) -> None:
    telephony = await in_a_talk(hub, exchange)
    mortal.down = True
    await telephony.close()
    assert telephony._lines.all() == []
    assert len(exchange.ringing) == 2, "they still talk"
