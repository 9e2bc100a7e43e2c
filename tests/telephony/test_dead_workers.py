"""A worker dies at any step of a call: the lead is not lost, and no phone is rung twice for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from hub.calls import capacity
from hub.calls.call import Call, Outcome, Wish
from hub.calls.dialling import LEASE, wish
from hub.calls.exchange import Exchange as Heard
from hub.calls.trunk import AnyLegEvent
from hub.hub import Hub
from hub.model import Channel, ChannelId
from hub.statuses import Status
from hub.store.schema import SLOTS_OLD
from telephony.simulator import Simulated, Simulator, SimulatorSettings
from telephony.worker import Telephony
from tests import spine
from tests.hub.test_exchange import ANSWERED, happens
from tests.spine import Clock, Crash, Mortal
from tests.telephony.office import TRUNK, calls, due, equip, lead_of, made, wanted, working

GOOD = "+79161234567"


class Exchange(Simulated):
    """An engine that outlives whoever dials by it, and counts what it was asked."""

    def __init__(self, settings: SimulatorSettings) -> None:
        super().__init__(settings, {})
        self.dialled: Counter[str] = Counter()

    async def dial(self, leg: str, number: str, **more: Any) -> None:
        self.dialled[leg] += 1
        await super().dial(leg, number, **more)

    @property
    def ringing(self) -> list[str]:
        return sorted(self._phones)

    def listen(self, heard: Callable[[AnyLegEvent], None], lost: Callable[[], None]) -> None:
        self._heard = heard


class Lasting(Simulator):
    kind: ClassVar[str] = "lasting"
    exchange: ClassVar[Exchange]

    def line(self, worker: str) -> Exchange:
        return self.exchange


@pytest.fixture
async def exchange(hub: Hub) -> Exchange:
    await equip(hub, "simulator", retries={"no_answer": 30, "operator": 3})
    settings = SimulatorSettings(pace=100, talk_s=2, calls_per_second=50)
    Lasting.exchange = Exchange(settings)
    spine.KINDS["simulator"] = lambda document: Lasting(
        ChannelId(document.id),
        settings,
        None,  # type: ignore[arg-type]
    )
    await hub.channels.refresh()
    live = hub.channels.get("phone")
    hub.channels._swap("phone", spine.KINDS["simulator"](hub.channels.document("phone")))
    assert live is not hub.channels.get("phone")
    return Lasting.exchange


async def dies(telephony: Telephony) -> None:
    """Whatever it was doing, it does no more; nothing is ended or said."""
    for task in [*telephony._running]:
        task.cancel()
        with suppress(asyncio.CancelledError, Crash):
            await task


async def talking(hub: Hub) -> None:
    """Returns once the store knows that they talk."""
    async with asyncio.timeout(60):
        while (await calls(hub))[0].status is not Status.TALKING:
            pass


async def in_a_talk(hub: Hub, exchange: Exchange) -> Telephony:
    """A worker that leads a call whose two have begun to talk, and do so for a second."""
    exchange._settings = replace(exchange._settings, talk_s=100)
    await wanted(hub, GOOD)
    telephony = Telephony(hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, "w1")
    await telephony.work()
    await talking(hub)
    return telephony


@pytest.mark.parametrize("steps", range(34))
async def test_a_worker_that_dies_at_any_write_loses_nothing_and_rings_nobody_twice(
    hub: Hub, mortal: Mortal, clock: Clock, exchange: Exchange, steps: int
) -> None:
    await wanted(hub, GOOD)
    first = Telephony(hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, "w1")
    mortal.dies_after(steps)
    with suppress(Crash):
        await first.work()
        await first.idle()
    await dies(first)
    mortal.lives()
    before = len(await calls(hub))

    clock.forward(LEASE + timedelta(seconds=41))
    async with working(hub, "w2") as second:
        for _ in range(3):
            await second.work()
            await second.idle()
        lead = await lead_of(hub, GOOD)
        if lead.live and lead.due_at is not None and lead.due_at > clock.at:
            assert lead.due_at <= clock.at + timedelta(minutes=30)
            clock.at = due(lead)
            for _ in range(2):
                await second.work()
                await second.idle()
    lead = await lead_of(hub, GOOD)
    assert (lead.live, lead.cause) == (False, "talked"), "the lead was carried out in the end"
    assert set(exchange.dialled.values()) == {1}, "no leg was asked for twice"
    assert exchange.ringing == [], "no phone is left"
    assert (await hub.engine.find(SLOTS_OLD, limit=50)).items == []
    made = await calls(hub)
    assert all(each.stage == "settled" for each in made)
    for each in made:
        rung = [leg for leg in exchange.dialled if leg.startswith(f"{each.key}-v")]
        assert len(rung) <= 1
        assert each.outcome is not None
    assert len(made) <= before + 1


async def test_a_talk_goes_on_with_whoever_comes_after(
    hub: Hub, clock: Clock, exchange: Exchange
) -> None:
    first = await in_a_talk(hub, exchange)
    await dies(first)

    clock.forward(LEASE + timedelta(seconds=1))
    async with working(hub, "w2") as second:
        await second.work()
        await second.idle()
    [call] = await calls(hub)
    assert (call.outcome, call.ended_by, call.worker) == (Outcome.TALKED, "visitor", "w2")
    lead = await lead_of(hub, GOOD)
    assert (lead.live, lead.cause) == (False, "talked")


async def test_a_worker_that_is_told_to_stop_leaves_the_talk_and_ends_what_only_rings(
    hub: Hub, exchange: Exchange
) -> None:
    exchange._settings = replace(exchange._settings, talk_s=60)
    await wanted(hub, GOOD)
    async with working(hub, "w1") as first:
        await first.work()
        await talking(hub)
    [call] = await calls(hub)
    assert (call.live, len(exchange.ringing)) == (True, 2)

    async with working(hub, "w2") as second:
        await second.work()
        await second.idle()
    [call] = await calls(hub)
    assert call.outcome is Outcome.TALKED

    await wanted(hub, "+79161234502", visitor="petr")
    async with working(hub, "w1") as first:
        await first.work()
    assert exchange.ringing == []
    lead = await lead_of(hub, "+79161234502")
    assert lead.live
    assert lead.due_at is not None


async def test_a_call_whose_worker_died_is_not_awaited_for_ever_from_a_line_that_stays_away(
    hub: Hub, clock: Clock
) -> None:
    await equip(hub, settings={"pace": 1})
    await wanted(hub, GOOD)
    first = Telephony(hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, "w1")
    await first.work()
    async with asyncio.timeout(60):
        while (await calls(hub))[0].status is not Status.CALLING_OPERATOR:
            await asyncio.wait(first._running, timeout=0.01)
    await dies(first)
    away = {"api_url": "http://127.0.0.1:9", "user": "u", "password": "p"}
    spine.KINDS["asterisk"] = made("asterisk")
    await hub.engine.change(
        Channel, TRUNK, lambda had: replace(had, kind="asterisk", settings=away)
    )
    await hub.channels.refresh()
    clock.forward(LEASE + timedelta(seconds=1))
    async with working(hub, "w2") as second:
        await second.work()
        await second.work()
        assert [each.status for each in await calls(hub)] == [Status.CALLING_OPERATOR]
        clock.forward(timedelta(minutes=10))
        await second.work()
    [call] = await calls(hub)
    assert (call.stage, call.outcome) == ("settled", Outcome.UNKNOWN)
    assert (await hub.engine.find(SLOTS_OLD, limit=50)).items == []
    assert (await lead_of(hub, GOOD)).live


async def test_a_call_that_was_cancelled_while_nobody_led_it_is_not_made_again(
    hub: Hub, clock: Clock, exchange: Exchange
) -> None:
    await wanted(hub, "+79161234502")
    first = Telephony(hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, "w1")
    await first.work()
    async with asyncio.timeout(60):
        while (await calls(hub))[0].status is not Status.CALLING_VISITOR:
            pass
    await dies(first)
    [call] = await calls(hub)
    await wish(hub.engine, hub.bus, call.id, Wish(id="cancel", do="cancel"))
    clock.forward(LEASE + timedelta(seconds=1))
    async with working(hub, "w2") as second:
        await second.work()
        await second.idle()
    assert exchange.ringing == []
    [call] = await calls(hub)
    lead = await lead_of(hub, "+79161234502")
    assert (call.outcome, lead.live, lead.cause) == (Outcome.CANCELLED, False, "cancelled")


async def test_a_call_that_was_left_by_a_clock_a_year_ahead_is_found_by_the_right_one(
    hub: Hub, clock: Clock, exchange: Exchange
) -> None:
    await wanted(hub, GOOD)
    right = clock.at
    # The same hour of the same day of the week, so that somebody may be called.
    clock.forward(timedelta(weeks=52))
    first = Telephony(hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, "w1")
    await first.work()
    await dies(first)
    [call] = await calls(hub)
    assert call.live
    clock.at = right + timedelta(minutes=5)
    async with working(hub, "w2") as second:
        for _ in range(3):
            await second.work()
            await second.idle()
            clock.forward(LEASE)
    [call] = await calls(hub)
    assert call.stage == "settled"
    assert exchange.ringing == []
    assert (await lead_of(hub, GOOD)).due_at is not None
    assert not (await hub.engine.find(SLOTS_OLD, limit=5)).items


async def test_a_talk_of_a_clock_that_was_ahead_does_not_last_until_then(
    hub: Hub, clock: Clock
) -> None:
    right = clock.at
    clock.forward(timedelta(days=365))
    call = await happens(hub, ANSWERED)
    clock.at = right
    await capacity.sweep(hub.engine, clock())
    [call] = await hub.dialling.watched("w1")
    await Heard(hub.engine, hub.bus, clock).overdue(call)
    call = await hub.engine.known(Call, call.id)
    assert (call.stage, call.live, call.is_lost) == ("settled", False, True)
