"""The way out: what each refusal does, whose turn it is, and what a crash leaves behind."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.attempts import POLICIES, SEND_TIMEOUT, TRIES_MAX
from hub.channels.pulse import HOLD
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import EntryChanged
from hub.hub import Hub
from hub.lanes import HELD, LEASE
from hub.model import Channel, DialogId, Entry, Identity, OutState
from tests.scripted import Lost, Platform
from tests.spine import (
    MS,
    Clock,
    Mortal,
    ask,
    deliver,
    lane,
    log_of,
    message,
    receive,
    say,
    sent,
    sound,
    states,
    tick,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


async def test_what_was_said_goes_out_once_and_in_order(hub: Hub, site: Platform) -> None:
    row = await ask(hub)
    await say(hub, row, "one", "two", "three")

    await deliver(hub)
    await deliver(hub)

    assert site.shown == ["one", "two", "three"]
    entries = await sent(hub, row)
    assert [each.state for each in entries] == [OutState.SENT] * 3
    assert [each.external_id for each in entries] == ["site:out-1", "site:out-2", "site:out-3"]
    assert not any(each.pending for each in entries)
    assert await lane(hub, row) == (None, "")


async def test_every_step_of_a_message_is_announced(hub: Hub) -> None:
    row = await ask(hub)
    await say(hub, row, "one")
    cursor = await hub.bus.cursor()

    await deliver(hub)

    events = [each.event for each in await hub.bus.since(cursor)]
    assert [e.entry.state for e in events if isinstance(e, EntryChanged)] == [OutState.SENT]


async def test_throttled_holds_the_lane_for_as_long_as_asked_and_is_not_counted(
    hub: Hub, site: Platform, clock: Clock
) -> None:
    row = await ask(hub)
    await say(hub, row, "one", "two")
    for _ in range(TRIES_MAX * 2):
        site.script.append(ThrottledError(retry_after=7 * SECOND))
        await deliver(hub)
        assert await states(hub, row) == ["queued", "queued"]
        assert await lane(hub, row) == (clock.at + 7 * SECOND, "")
        clock.forward(7 * SECOND - MS)
        assert await hub.delivery.due(1) == []
        attempts = len(site.attempts)
        await hub.delivery.deliver(DialogId(row.id))
        assert len(site.attempts) == attempts
        clock.forward(MS)
    assert [each.tries for each in await sent(hub, row)] == [0, 0]

    await deliver(hub)

    assert site.shown == ["one", "two"]


async def test_transient_is_tried_again_ever_later_and_given_up_after_six(
    hub: Hub, site: Platform, clock: Clock
) -> None:
    row = await ask(hub)
    await say(hub, row, "one", "two")
    site.script.extend([TransientError()] * TRIES_MAX)
    waits = []
    for _ in range(TRIES_MAX - 1):
        await deliver(hub)
        until, _by = await lane(hub, row)
        assert until is not None
        waits.append((until - clock.at) // SECOND)
        clock.forward(until - clock.at)
    assert waits == [10, 20, 40, 80, 160]
    assert site.shown == []

    await deliver(hub)

    assert await states(hub, row) == ["failed", "sent"]
    assert (await sent(hub, row))[0].failure == "transient"
    assert site.shown == ["two"]
    assert site.attempts == ["one"] * 6 + ["two"]


@pytest.mark.parametrize("error", [RejectedError(), UnreachableError()])
async def test_a_message_that_will_never_go_lets_the_later_ones_pass(
    hub: Hub, site: Platform, error: DeliveryError
) -> None:
    row = await ask(hub)
    await say(hub, row, "one", "two")
    site.script.append(error)

    await deliver(hub)

    assert await states(hub, row) == ["failed", "sent"]
    assert (await sent(hub, row))[0].failure == error.code
    assert site.shown == ["two"]
    identity = await hub.engine.get(Identity, row.identity)
    assert identity is not None
    assert identity.reachable is (error.code == "rejected")


async def test_a_refused_key_holds_everything_and_counts_nothing(
    hub: Hub, site: Platform, clock: Clock
) -> None:
    row = await ask(hub)
    await say(hub, row, "one", "two")
    site.script.append(CredentialsError("401", reason="dead_key"))
    for _ in range(TRIES_MAX + 1):
        await deliver(hub)
        assert await lane(hub, row) == (clock.at + HOLD, HELD)
        clock.forward(HOLD)
    assert [(each.failure, each.tries) for each in await sent(hub, row)] == [
        ("dead_key", 0),
        ("", 0),
    ]
    assert site.attempts == ["one"]

    await hub.pulses.revive(site.id)
    await deliver(hub)

    assert (site.shown, await states(hub, row)) == (["one", "two"], ["sent", "sent"])


@pytest.mark.parametrize("error", [TransientError(maybe_sent=True), OSError("boom")])
async def test_what_may_have_gone_out_is_unknown_and_not_repeated(
    hub: Hub, site: Platform, clock: Clock, error: Exception
) -> None:
    row = await ask(hub)
    await say(hub, row, "one", "two")
    site.script.append(Lost(error))

    await deliver(hub)
    clock.forward(timedelta(days=1))
    await deliver(hub)

    assert await states(hub, row) == ["unknown", "sent"]
    assert site.shown == ["one", "two"]


async def test_what_may_have_gone_out_is_repeated_where_the_platform_knows_its_key(
    hub: Hub, vk: Platform, clock: Clock
) -> None:
    row = await ask(hub, channel="vk")
    await say(hub, row, "one", "two")
    vk.script.append(Lost(TransientError(maybe_sent=True)))
    await deliver(hub)
    assert await states(hub, row) == ["queued", "queued"]

    clock.forward(10 * SECOND)
    await deliver(hub)

    assert await states(hub, row) == ["sent", "sent"]
    assert vk.attempts == ["one", "one", "two"]
    assert vk.shown == ["one", "two"]


async def test_the_hour_of_the_platform_s_key_is_counted_from_the_first_doubt(
    hub: Hub, vk: Platform, clock: Clock
) -> None:
    """Held for two hours after a lost answer, the message is not sent a second time."""
    row = await ask(hub, channel="vk")
    await say(hub, row, "one", "two")
    vk.script.append(Lost(TransientError(maybe_sent=True)))
    await deliver(hub)
    for _ in range(2):
        clock.forward(timedelta(minutes=29))
        vk.script.append(ThrottledError(retry_after=29 * MINUTE))
        await deliver(hub)
    clock.forward(timedelta(minutes=29))

    await deliver(hub)

    assert await states(hub, row) == ["unknown", "sent"]
    assert vk.shown == ["one", "two"]


async def test_an_answer_lost_again_does_not_prolong_the_hour(
    hub: Hub, vk: Platform, clock: Clock
) -> None:
    row = await ask(hub, channel="vk")
    await say(hub, row, "one")
    for _ in range(2):
        vk.script.append(Lost(TransientError(maybe_sent=True)))
        await deliver(hub)
        clock.forward(timedelta(minutes=40))

    await deliver(hub)

    assert (await states(hub, row), vk.attempts) == (["unknown"], ["one", "one"])


async def test_a_message_in_doubt_never_ends_as_failed(
    hub: Hub, vk: Platform, clock: Clock
) -> None:
    row = await ask(hub, channel="vk")
    await say(hub, row, "one")
    vk.script.extend([Lost(TransientError(maybe_sent=True)), RejectedError()])
    await deliver(hub)
    clock.forward(10 * SECOND)

    await deliver(hub)

    assert await states(hub, row) == ["unknown"]


async def test_a_platform_that_does_not_answer_is_given_up_in_time(
    hub: Hub, site: Platform
) -> None:
    hub.delivery.timeout = timedelta(milliseconds=10)
    row = await ask(hub)
    await say(hub, row, "one")

    async def never() -> None:
        await asyncio.Event().wait()

    site.script.append(never)
    await deliver(hub)

    assert await states(hub, row) == ["unknown"]


def test_an_attempt_ends_before_half_of_its_lease_is_over() -> None:
    assert SEND_TIMEOUT < LEASE / 2
    assert set(POLICIES) == {DeliveryError, *DeliveryError.__subclasses__()}


async def test_an_error_of_a_kind_made_by_the_channel_is_treated_as_its_parent(
    hub: Hub, site: Platform
) -> None:
    class TooLongError(RejectedError):
        """The platform counts otherwise than we do."""

    row = await ask(hub)
    await say(hub, row, "one")
    site.script.append(TooLongError())
    await deliver(hub)
    assert await states(hub, row) == ["failed"]
    assert await lane(hub, row) == (None, "")


async def test_two_workers_never_send_one_message_twice(hub: Hub, site: Platform) -> None:
    row = await ask(hub)
    await say(hub, row, *(f"text {n}" for n in range(5)))
    (id,) = await hub.delivery.due(10)

    await asyncio.gather(*(hub.delivery.deliver(id) for _ in range(8)))

    assert site.attempts == [f"text {n}" for n in range(5)]


async def test_more_that_comes_while_the_lane_is_emptied_is_sent(hub: Hub, site: Platform) -> None:
    row = await ask(hub)
    await say(hub, row, "one")
    more = iter(["two", "three"])

    async def meanwhile() -> None:
        for text in more:
            site.script.append(meanwhile)
            await say(hub, row, text)
            return

    site.script.append(meanwhile)
    await deliver(hub)

    assert site.shown == ["one", "two", "three"]
    assert await lane(hub, row) == (None, "")


@pytest.mark.parametrize("step", range(4))
async def test_one_that_comes_at_any_step_is_sent_at_once(
    hub: Hub, site: Platform, mortal: Mortal, step: int
) -> None:
    """Claim, attempt, result, release: the last is the moment between look and leave."""
    row = await ask(hub)
    await say(hub, row, "one")
    mortal.meanwhile(lambda: say(hub, row, "two"), before=step)

    await deliver(hub)

    assert site.shown == ["one", "two"]
    assert await lane(hub, row) == (None, "")


async def test_one_that_comes_at_the_very_end_is_not_left_behind(hub: Hub, site: Platform) -> None:
    """Between the last look and the lane's release, as often as it takes to hit the moment."""
    row = await ask(hub)
    for n in range(20):
        await say(hub, row, f"first {n}")
        await asyncio.gather(deliver(hub), say(hub, row, f"second {n}"))
        await deliver(hub)
    assert site.shown == [f"{which} {n}" for n in range(20) for which in ("first", "second")]
    assert await lane(hub, row) == (None, "")


async def test_a_late_tick_moves_unknown_on(hub: Hub, site: Platform, anna: Who) -> None:
    row = await ask(hub)
    await say(hub, row, "one")
    site.script.append(Lost(TransientError(maybe_sent=True)))
    await deliver(hub)
    (entry,) = await sent(hub, row)
    await hub.engine.change(Entry, entry.id, lambda had: replace(had, external_id="site:out-1"))

    await receive(hub, tick("out-1", OutState.DELIVERED, hub.now()))

    assert await states(hub, row) == ["delivered"]


async def test_a_tick_that_is_faster_than_the_answer_waits_for_it(hub: Hub, site: Platform) -> None:
    row = await ask(hub)
    await say(hub, row, "one")

    async def told_first() -> None:
        await receive(hub, tick("out-1", OutState.READ, hub.now()))

    site.script.append(told_first)
    await deliver(hub)

    assert await states(hub, row) == ["read"]


@pytest.mark.parametrize("end", ["failed", "unknown"])
async def test_an_operator_s_retry_sends_once_more(
    hub: Hub, site: Platform, anna: Who, end: str
) -> None:
    row = await ask(hub)
    await say(hub, row, "one", "two")
    site.script.append(RejectedError() if end == "failed" else TransientError(maybe_sent=True))
    await deliver(hub)
    first, _ = await sent(hub, row)
    assert first.state == end

    await asyncio.gather(*(hub.desk.retry(anna, row.id, first.id) for _ in range(5)))
    await deliver(hub)
    await deliver(hub)

    assert await states(hub, row) == ["sent", "sent"]
    assert site.shown == ["two", "one"]
    assert site.attempts == ["one", "two", "one"]
    assert not any(each.pending for each in await log_of(hub.engine, row.id))


async def test_a_second_retry_after_a_second_failure_is_carried_out_too(
    hub: Hub, site: Platform, anna: Who
) -> None:
    row = await ask(hub)
    await say(hub, row, "one")
    site.script.extend([RejectedError(), RejectedError()])
    await deliver(hub)
    for expected in ("failed", "sent"):
        (entry,) = await sent(hub, row)
        await hub.desk.retry(anna, row.id, entry.id)
        await deliver(hub)
        assert await states(hub, row) == [expected]


async def test_a_channel_that_is_switched_off_holds_its_lanes(
    hub: Hub, site: Platform, clock: Clock
) -> None:
    row = await ask(hub)
    await say(hub, row, "one")
    await hub.engine.change(Channel, "site", lambda had: replace(had, enabled=False))
    await hub.channels.refresh()
    await deliver(hub)
    assert await states(hub, row) == ["queued"]

    await hub.engine.change(Channel, "site", lambda had: replace(had, enabled=True))
    await hub.channels.refresh()
    clock.forward(MINUTE)
    await deliver(hub)

    assert await states(hub, row) == ["sent"]


async def test_the_lanes_of_others_do_not_wait_for_one_that_is_held(
    hub: Hub, site: Platform
) -> None:
    first, second = await ask(hub, 1, "ivan"), await ask(hub, 1, "petr")
    await say(hub, first, "one")
    await say(hub, second, "two")
    site.script.append(ThrottledError(retry_after=MINUTE))

    await deliver(hub)

    assert sorted([*await states(hub, first), *await states(hub, second)]) == ["queued", "sent"]
    assert len(site.shown) == 1


async def test_a_long_lane_keeps_its_lease(hub: Hub, site: Platform, clock: Clock) -> None:
    """Ten slow answers take longer than a lease; nobody else may come in between."""
    row = await ask(hub)
    await say(hub, row, *(f"text {n}" for n in range(10)))

    async def slowly() -> None:
        clock.forward(SEND_TIMEOUT - SECOND)
        await deliver(hub)

    site.script.extend([slowly] * 10)
    await deliver(hub)

    assert site.shown == [f"text {n}" for n in range(10)]
    assert await states(hub, row) == ["sent"] * 10


async def test_the_running_delivery_sends_what_is_said_and_finishes_before_it_ends(
    hub: Hub, site: Platform
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        asked.set()
        await answer.wait()

    row = await ask(hub)
    site.script.append(slowly)
    running = asyncio.create_task(hub.delivery.run())
    await say(hub, row, "one")
    await asked.wait()
    running.cancel()
    answer.set()
    with suppress(asyncio.CancelledError):
        await running

    assert (site.shown, await states(hub, row)) == (["one"], ["sent"])


async def test_a_person_that_is_gone_from_the_store_cannot_be_reached(
    hub: Hub, site: Platform
) -> None:
    row = await ask(hub)
    await say(hub, row, "one")
    await hub.engine.delete_if(Identity, row.identity, lambda _: True)

    await deliver(hub)

    assert (await states(hub, row), site.attempts) == (["failed"], [])


async def test_visitors_who_write_during_the_delivery_change_nothing_of_it(
    hub: Hub, site: Platform
) -> None:
    row = await ask(hub)
    await say(hub, row, "one", "two", "three")

    await asyncio.gather(deliver(hub), *(receive(hub, message(n, hub.now())) for n in range(2, 9)))
    await deliver(hub)

    assert site.shown == ["one", "two", "three"]
    after = await sound(hub.engine, row.id)
    assert (after.unanswered, after.lane_at) == (7, None)
