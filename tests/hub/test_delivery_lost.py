"""Delivery whose worker died or lost its lane: shown at most once, and told as it is."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.channels.port import Draft
from hub.errors import (
    DeliveryError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.hub import Hub
from hub.lanes import LEASE
from hub.model import Dialog, Entry, OutState
from hub.orders import unsent
from tests.scripted import Platform
from tests.spine import (
    MS,
    Clock,
    Crash,
    Mortal,
    ask,
    deliver,
    lane,
    log_of,
    receive,
    say,
    sent,
    states,
    tick,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


async def stuck_in_sending(hub: Hub, row: Dialog, mortal: Mortal, channel: Platform) -> None:
    """The process dies when the platform has shown the message and not yet answered."""

    async def death() -> None:
        channel.show(Draft(key=entry.id, text=entry.text))
        raise Crash

    entry = (await sent(hub, row))[0]
    channel.script.append(death)
    with pytest.raises(Crash):
        await deliver(hub)
    assert (await states(hub, row))[0] == "sending"


async def test_a_lease_expired_in_sending_is_unknown_and_the_next_message_goes(
    hub: Hub, site: Platform, mortal: Mortal, clock: Clock
) -> None:
    row = await ask(hub)
    await say(hub, row, "one", "two")
    await stuck_in_sending(hub, row, mortal, site)
    clock.forward(LEASE - MS)
    assert await hub.delivery.due(1) == []

    clock.forward(MS)
    await deliver(hub)

    assert await states(hub, row) == ["unknown", "sent"]
    assert site.shown == ["one", "two"]
    assert (await sent(hub, row))[0].failure == "interrupted"


async def test_a_lease_expired_in_sending_is_sent_again_under_the_platform_s_key(
    hub: Hub, vk: Platform, mortal: Mortal, clock: Clock
) -> None:
    row = await ask(hub, channel="vk")
    await say(hub, row, "one", "two")
    await stuck_in_sending(hub, row, mortal, vk)

    clock.forward(LEASE)
    await deliver(hub)

    assert await states(hub, row) == ["sent", "sent"]
    assert vk.attempts == ["one", "one", "two"]
    assert vk.shown == ["one", "two"]


async def test_a_lease_that_expired_long_ago_is_not_sent_again_even_there(
    hub: Hub, vk: Platform, mortal: Mortal, clock: Clock
) -> None:
    row = await ask(hub, channel="vk")
    await say(hub, row, "one")
    await stuck_in_sending(hub, row, mortal, vk)

    clock.forward(vk.capabilities.idempotent_for)
    await deliver(hub)

    assert await states(hub, row) == ["unknown"]
    assert vk.shown == ["one"]


async def test_a_restart_frees_the_lanes_of_the_dead_process_at_once(
    hub: Hub, site: Platform, mortal: Mortal, clock: Clock
) -> None:
    row = await ask(hub)
    await say(hub, row, "one", "two")
    await stuck_in_sending(hub, row, mortal, site)
    held = await ask(hub, 1, "petr")
    await say(hub, held, "held")
    site.script.append(ThrottledError(retry_after=MINUTE))
    await deliver(hub)

    assert await hub.delivery.recover() == 1
    await deliver(hub)

    assert await states(hub, row) == ["unknown", "sent"]
    assert await lane(hub, held) == (clock.at + MINUTE, "")


async def test_delivery_survives_a_crash_after_every_write(
    hub: Hub, site: Platform, mortal: Mortal, clock: Clock
) -> None:
    """Whatever the moment: shown at most once, and never "queued" or "sending" for ever."""
    k, died = 0, True
    while died:
        row = await ask(hub, 1, f"visitor{k}")
        await say(hub, row, f"text {k}", f"more {k}")
        mortal.dies_after(k)
        died = False
        try:
            await deliver(hub)
        except Crash:
            died = True
        mortal.lives()
        clock.forward(LEASE)

        await deliver(hub)

        one, two = await sent(hub, row)
        assert {one.state, two.state} <= {OutState.SENT, OutState.UNKNOWN}
        assert site.shown.count(one.text) <= 1
        assert site.shown.count(two.text) <= 1
        for entry in (one, two):
            assert (entry.text in site.shown) or entry.state is OutState.UNKNOWN
        assert await lane(hub, row) == (None, "")
        k += 1
    assert k > 5


@pytest.mark.parametrize("state", [OutState.DELIVERED, OutState.READ])
async def test_a_tick_faster_than_the_answer_survives_a_crash_after_every_write(
    hub: Hub, site: Platform, mortal: Mortal, clock: Clock, state: OutState
) -> None:
    """Also when the process that came back waited for hours before it did."""
    k, died, told = 0, True, 0
    while died:
        row = await ask(hub, 1, f"visitor{k}")
        await say(hub, row, f"text {k}")
        while await hub.worker.work():
            pass
        await hub.worker.repair()

        async def told_first() -> None:
            await receive(hub, tick(f"out-{len(site.shown) + 1}", state, hub.now()))

        site.script.append(told_first)
        mortal.dies_after(k)
        died = False
        try:
            await deliver(hub)
        except Crash:
            died = True
        mortal.lives()
        clock.forward(timedelta(hours=3))
        await hub.worker.repair()
        await deliver(hub)
        assert not site.script

        [entry] = await sent(hub, row)
        if entry.external_id is None:
            assert entry.state in (OutState.SENT, OutState.UNKNOWN)
        elif f"text {k}" in site.shown:
            told += entry.state is state
            assert entry.state is state
        k += 1
    assert k > 4
    assert told > 2


async def test_the_result_of_a_worker_that_lost_its_lane_moves_unknown_on(
    hub: Hub, site: Platform, clock: Clock
) -> None:
    row = await ask(hub)
    await say(hub, row, "one", "two")
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        asked.set()
        await answer.wait()

    site.script.append(slowly)
    slow = asyncio.create_task(deliver(hub))
    await asked.wait()
    clock.forward(LEASE)
    await deliver(hub)
    assert await states(hub, row) == ["unknown", "sent"]

    answer.set()
    await slow

    assert await states(hub, row) == ["sent", "sent"]
    assert sorted(site.shown) == ["one", "two"]
    assert await lane(hub, row) == (None, "")


@pytest.mark.parametrize("error", [RejectedError("file", reason="file_gone"), UnreachableError()])
async def test_a_message_of_which_the_platform_took_a_part_has_not_surely_failed(
    hub: Hub, vk: Platform, error: DeliveryError
) -> None:
    """Else it would be sent whole once more, or "taken back" with its beginning before the eyes."""
    row = await ask(hub, channel="vk")
    await say(hub, row, "one", "two")
    error.maybe_sent = True
    vk.script.append(error)

    await deliver(hub)

    assert await states(hub, row) == ["unknown", "sent"]
    entry = (await sent(hub, row))[0]
    assert (entry.failure, entry.tries, unsent(entry)) == (error.reason, 0, False)


@pytest.mark.parametrize("error", [RejectedError(), TransientError(), ThrottledError()])
async def test_the_failure_of_a_worker_that_lost_its_lane_changes_nothing(
    hub: Hub, vk: Platform, clock: Clock, error: DeliveryError
) -> None:
    row = await ask(hub, channel="vk")
    await say(hub, row, "one")
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        asked.set()
        await answer.wait()
        raise error

    vk.script.append(slowly)
    slow = asyncio.create_task(deliver(hub))
    await asked.wait()
    clock.forward(LEASE)
    await deliver(hub)

    answer.set()
    await slow

    assert (await states(hub, row), vk.shown) == (["sent"], ["one"])


async def test_a_message_told_as_delivered_is_not_sent_again(
    hub: Hub, vk: Platform, mortal: Mortal, clock: Clock
) -> None:
    row = await ask(hub, channel="vk")
    await say(hub, row, "one")
    await stuck_in_sending(hub, row, mortal, vk)
    (entry,) = await sent(hub, row)
    await hub.engine.change(Entry, entry.id, lambda had: replace(had, external_id="vk:out-1"))
    await receive(hub, tick("out-1", OutState.DELIVERED, hub.now()), channel="vk")

    clock.forward(LEASE)
    await deliver(hub)

    assert (vk.attempts, await states(hub, row)) == (["one"], ["delivered"])


async def test_a_message_told_as_delivered_at_the_last_moment_is_not_sent_again(
    hub: Hub, vk: Platform, mortal: Mortal, clock: Clock
) -> None:
    row = await ask(hub, channel="vk")
    await say(hub, row, "one")
    await stuck_in_sending(hub, row, mortal, vk)
    (entry,) = await sent(hub, row)
    await hub.engine.change(Entry, entry.id, lambda had: replace(had, external_id="vk:out-1"))
    clock.forward(LEASE)
    told = tick("out-1", OutState.DELIVERED, hub.now())
    mortal.meanwhile(lambda: receive(hub, told, channel="vk"), before=1)

    await deliver(hub)

    assert (vk.attempts, await states(hub, row)) == (["one"], ["delivered"])


async def test_a_retry_of_an_unknown_message_goes_out_under_its_old_key_however_late(
    hub: Hub, vk: Platform, mortal: Mortal, anna: Who, clock: Clock
) -> None:
    row = await ask(hub, channel="vk")
    await say(hub, row, "one")
    await stuck_in_sending(hub, row, mortal, vk)
    clock.forward(timedelta(days=1))
    await deliver(hub)
    (entry,) = await sent(hub, row)

    await hub.desk.retry(anna, row.id, entry.id)
    await deliver(hub)

    assert await states(hub, row) == ["sent"]
    assert vk.attempts == ["one", "one"]


async def test_a_retry_cut_short_by_a_crash_is_one_retry(
    hub: Hub, site: Platform, mortal: Mortal, anna: Who, clock: Clock
) -> None:
    k, died = 0, True
    while died:
        row = await ask(hub, 1, f"visitor{k}")
        await say(hub, row, f"text {k}")
        site.script.append(RejectedError())
        await deliver(hub)
        (entry,) = await sent(hub, row)
        await hub.desk.retry(anna, row.id, entry.id)
        # What fails again must stay failed: the operator asked once.
        site.script.append(RejectedError())
        mortal.dies_after(k)
        died = False
        try:
            await deliver(hub)
        except Crash:
            died = True
        mortal.lives()
        clock.forward(LEASE)
        await deliver(hub)
        assert site.attempts.count(f"text {k}") <= 2
        assert len(await states(hub, row)) == 1
        assert not any(each.pending for each in await log_of(hub.engine, row.id))
        site.script.clear()
        k += 1
    assert k > 4
