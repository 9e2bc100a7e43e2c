"""What every bus promises; a bus over a server passes the same class."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from hub.bus import KEPT_EVENTS, Announcement, Bus, GapError, LocalBus, Subscription
from hub.events import HubEvent, PresenceChanged
from hub.model import DialogId, OperatorId, ProjectId
from hub.redis_bus import RedisBus

SHOP, BAKERY = ProjectId("shop"), ProjectId("bakery")
ANNA, BORIS = OperatorId("anna"), OperatorId("boris")
DIALOG = DialogId("shop:1:1")
NEVER, SOON = timedelta(0), timedelta(milliseconds=5)
LONG = timedelta(minutes=1)


def event(n: int) -> HubEvent:
    return PresenceChanged(project=SHOP, operator=OperatorId(f"operator{n}"), presence="online")


async def meanwhile() -> None:
    """Lets everything that can run get to where it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


class BusContract:
    """Subclasses give the fixture `bus`: open, empty, and shared with nobody."""

    async def test_every_subscriber_gets_every_event_in_order(self, bus: Bus) -> None:
        async with bus.listen() as one, bus.listen() as other:
            cursors = [await bus.announce(event(n)) for n in range(20)]
            for subscription in (one, other):
                got: list[Announcement] = []
                while len(got) < 20:
                    got += await subscription.take()
                assert [each.event for each in got] == [event(n) for n in range(20)]
                assert [each.cursor for each in got] == cursors

    async def test_a_subscriber_gets_nothing_from_before_and_nothing_after(self, bus: Bus) -> None:
        await bus.announce(event(1))
        async with bus.listen() as subscription:
            await bus.announce(event(2))
            (got,) = await subscription.take()
        await bus.announce(event(3))
        assert got.event == event(2)

    async def test_whoever_kept_his_cursor_misses_nothing(self, bus: Bus) -> None:
        await bus.announce(event(0))
        start = await bus.cursor()
        cursors = [await bus.announce(event(n)) for n in range(1, 6)]
        assert [each.event for each in await bus.since(start)] == [event(n) for n in range(1, 6)]
        assert [each.event for each in await bus.since(cursors[2])] == [event(4), event(5)]
        assert list(await bus.since(cursors[-1])) == []
        assert await bus.cursor() == cursors[-1]

    async def test_listening_before_asking_since_leaves_no_hole(self, bus: Bus) -> None:
        """How a screen comes back: what is in both is known by its cursor."""
        start = await bus.cursor()
        await bus.announce(event(1))
        async with bus.listen() as subscription:
            await bus.announce(event(2))
            missed = await bus.since(start)
            await bus.announce(event(3))
            known = {each.cursor for each in missed}
            got: list[Announcement] = []
            while len(got) < 2:
                got += await subscription.take()
            new = [each for each in got if each.cursor not in known]
        assert [each.event for each in (*missed, *new)] == [event(1), event(2), event(3)]

    @pytest.mark.parametrize(
        "cursor", ["", ":", "0:0", "other:1", "no cursor", "a:b:c", ":1", "other:" + "9" * 30]
    )
    async def test_an_unknown_cursor_is_a_gap(self, bus: Bus, cursor: str) -> None:
        await bus.announce(event(1))
        with pytest.raises(GapError):
            await bus.since(cursor)

    @pytest.mark.parametrize("number", ["2", "-1", "", "x", "1.0", "9" * 30])
    async def test_a_number_that_was_never_given_is_a_gap(self, bus: Bus, number: str) -> None:
        epoch, _, _ = (await bus.announce(event(1))).partition(":")
        with pytest.raises(GapError):
            await bus.since(f"{epoch}:{number}")

    async def test_a_cursor_too_old_is_a_gap(self, bus: Bus) -> None:
        start = await bus.cursor()
        first = await bus.announce(event(0))
        for n in range(1, KEPT_EVENTS, 500):
            numbers = range(n, min(n + 500, KEPT_EVENTS))
            await asyncio.gather(*(bus.announce(event(each)) for each in numbers))
        assert len(await bus.since(start)) == KEPT_EVENTS
        await bus.announce(event(KEPT_EVENTS))
        with pytest.raises(GapError):
            await bus.since(start)
        assert len(await bus.since(first)) == KEPT_EVENTS

    async def test_a_slow_subscriber_is_ended_and_never_given_a_hole(self, bus: Bus) -> None:
        async with bus.listen(size=3) as slow, bus.listen(size=100) as quick:
            for n in range(5):
                await bus.announce(event(n))
            heard: list[Announcement] = []
            while len(heard) < 5:
                heard += await quick.take()
            got = [each.event for each in await slow.take()]
            await bus.announce(event(5))
            assert got == [event(0), event(1), event(2)]
            assert slow.overflowed
            with pytest.raises(GapError):
                await slow.take()
            assert [each.event for each in await quick.take()] == [event(5)]

    async def test_whoever_waits_is_told_when_the_bus_closes(self, bus: Bus) -> None:
        async with bus.listen() as subscription:
            waiting = asyncio.create_task(subscription.take())
            await meanwhile()
            await bus.close()
            with pytest.raises(GapError):
                await waiting

    async def test_a_sleeper_wakes_when_it_is_called(self, bus: Bus) -> None:
        sleeping = asyncio.create_task(bus.sleep("rules", LONG))
        await meanwhile()
        await bus.wake("delivery")
        assert not sleeping.done()
        await bus.wake("rules")
        assert await sleeping

    async def test_a_call_before_the_sleep_is_not_lost_and_wakes_once(self, bus: Bus) -> None:
        await bus.wake("rules")
        await bus.wake("rules")
        assert await bus.sleep("rules", LONG)
        assert not await bus.sleep("rules", SOON)

    async def test_nobody_sleeps_longer_than_he_said(self, bus: Bus) -> None:
        assert not await bus.sleep("rules", SOON)
        assert not await bus.sleep("rules", NEVER)

    async def test_a_limit_lets_so_many_through_and_says_when_to_come_back(self, bus: Bus) -> None:
        assert [await bus.allow("key", 3, LONG) for _ in range(3)] == [None, None, None]
        wait = await bus.allow("key", 3, LONG)
        assert wait is not None
        assert timedelta(0) < wait <= LONG / 3
        assert await bus.allow("key", 3, LONG) is not None
        assert await bus.allow("another key", 3, LONG) is None

    async def test_a_limit_lets_through_again_when_its_time_has_passed(self, bus: Bus) -> None:
        assert await bus.allow("key", 1, SOON) is None
        while (wait := await bus.allow("key", 1, SOON)) is not None:
            assert not await bus.sleep("nothing", wait)

    async def test_who_appeared_is_present_in_that_project_until_it_has_lasted(
        self, bus: Bus
    ) -> None:
        await bus.appear(SHOP, ANNA, "online", LONG)
        await bus.appear(SHOP, BORIS, "away", LONG)
        assert await bus.present(SHOP) == {ANNA: "online", BORIS: "away"}
        assert await bus.present(BAKERY) == {}

        await bus.appear(SHOP, ANNA, "away", SOON)
        await bus.appear(SHOP, BORIS, "online", LONG)
        while ANNA in await bus.present(SHOP):
            assert not await bus.sleep("nothing", SOON)
        assert await bus.present(SHOP) == {BORIS: "online"}

    async def test_who_looks_at_a_dialog_is_known_screen_by_screen_until_it_has_lasted(
        self, bus: Bus
    ) -> None:
        await bus.look(DIALOG, ANNA, "left", LONG)
        await bus.look(DIALOG, ANNA, "right", LONG)
        await bus.look(DIALOG, BORIS, "phone", LONG)
        assert await bus.lookers(DIALOG) == {ANNA, BORIS}
        assert await bus.lookers(DialogId("shop:2:1")) == set()

        await bus.look(DIALOG, ANNA, "left", timedelta(0))
        assert await bus.lookers(DIALOG) == {ANNA, BORIS}
        await bus.look(DIALOG, ANNA, "right", timedelta(0))
        assert await bus.lookers(DIALOG) == {BORIS}

        await bus.look(DIALOG, BORIS, "phone", SOON)
        while await bus.lookers(DIALOG):
            assert not await bus.sleep("nothing", SOON)


class TestLocalBus(BusContract):
    @pytest.fixture
    async def bus(self) -> AsyncIterator[Bus]:
        made = LocalBus()
        await made.open()
        yield made
        await made.close()

    async def test_another_process_is_another_epoch(self, bus: Bus) -> None:
        cursor = await bus.announce(event(1))
        other = LocalBus()
        await other.announce(event(1))
        with pytest.raises(GapError):
            await other.since(cursor)

    async def test_the_keys_of_limits_do_not_grow_without_bound(self) -> None:
        bus = LocalBus(buckets_max=2)
        for key in ("a", "b", "c"):
            assert await bus.allow(key, 1, LONG) is None
        assert await bus.allow("c", 1, LONG) is not None
        assert await bus.allow("a", 1, LONG) is None


class TestRedisBus(BusContract):
    @pytest.fixture
    async def bus(self, redis_url: str) -> AsyncIterator[Bus]:
        # A machine that tests much else at once is slow, and not what is tested here.
        made = RedisBus(redis_url, answer_seconds=10)
        await made.open()
        yield made
        await made.close()


async def test_a_subscription_that_overflowed_takes_nothing_more() -> None:
    subscription: Subscription[int] = Subscription(2)
    for n in range(3):
        subscription.put(n)
    assert await subscription.take() == [0, 1]
    subscription.put(3)
    with pytest.raises(GapError):
        await subscription.take()
