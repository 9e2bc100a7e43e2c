"""A lease has one holder, whatever the names, the crashes and the clocks."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hub import leases
from hub.leases import Turn
from hub.model import now
from hub.store.engine import Engine
from tests.spine import MS, START, Clock, Mortal

LASTS = timedelta(seconds=90)
HOUR = timedelta(hours=1)


async def test_one_of_many_holds_a_lease(engine: Engine) -> None:
    claims = await asyncio.gather(
        *(leases.claim(engine, "sweeps", f"worker{n}", START, LASTS) for n in range(10))
    )
    (mine,) = [each for each in claims if each is not None]
    assert mine.until == START + LASTS
    assert await leases.claim(engine, "another", "worker1", START, LASTS) is not None


async def test_two_workers_of_one_name_never_hold_it_together(engine: Engine) -> None:
    first = await leases.claim(engine, "sweeps", "worker", START, LASTS)
    assert first is not None
    assert await leases.claim(engine, "sweeps", "worker", START, LASTS) is None
    second = await leases.claim(engine, "sweeps", "worker", START + LASTS, LASTS)
    assert second is not None
    assert await leases.renew(engine, first, START + LASTS, LASTS) is None
    await leases.release(engine, first)
    assert await leases.renew(engine, second, START + LASTS, LASTS) is not None


async def test_a_dead_one_s_lease_runs_out_and_not_a_millisecond_early(engine: Engine) -> None:
    await leases.claim(engine, "sweeps", "dead", START, LASTS)
    assert await leases.claim(engine, "sweeps", "alive", START + LASTS - MS, LASTS) is None
    assert await leases.claim(engine, "sweeps", "alive", START + LASTS, LASTS) is not None


async def test_who_renews_in_time_keeps_it(engine: Engine) -> None:
    lease = await leases.claim(engine, "sweeps", "a", START, LASTS)
    for n in range(1, 5):
        assert lease is not None
        lease = await leases.renew(engine, lease, START + n * LASTS / 2, LASTS)
        assert await leases.claim(engine, "sweeps", "b", START + n * LASTS / 2, LASTS) is None


async def test_who_gives_it_back_lets_another_in_at_once(engine: Engine) -> None:
    lease = await leases.claim(engine, "sweeps", "a", START, LASTS)
    assert lease is not None
    await leases.release(engine, lease)
    await leases.release(engine, lease)
    assert await leases.claim(engine, "sweeps", "b", START, LASTS) is not None
    assert await leases.renew(engine, lease, START, LASTS) is None


async def test_a_clock_an_hour_ahead_locks_nobody_out(engine: Engine) -> None:
    ahead = await leases.claim(engine, "sweeps", "ahead", START + HOUR, LASTS)
    assert ahead is not None
    assert await leases.claim(engine, "sweeps", "right", START, LASTS) is not None
    assert await leases.renew(engine, ahead, START, LASTS) is None


async def test_clocks_that_differ_a_little_take_nothing_from_each_other(engine: Engine) -> None:
    lease = await leases.claim(engine, "sweeps", "a", START + timedelta(seconds=5), LASTS)
    assert lease is not None
    assert await leases.claim(engine, "sweeps", "b", START, LASTS) is None
    assert await leases.renew(engine, lease, START - timedelta(seconds=5), LASTS) is not None


def turn(engine: Engine, clock: Clock, lasts: timedelta = LASTS) -> Turn:
    return Turn(engine, "chore", "worker", clock, lasts)


async def nothing() -> None:
    """Work that is done at once."""


async def test_who_has_the_turn_keeps_it_until_it_dies(engine: Engine, clock: Clock) -> None:
    one, other = turn(engine, clock), turn(engine, clock)
    for _ in range(3):
        assert await one.during(nothing)
        assert not await other.during(nothing)
        clock.forward(LASTS - MS)
    clock.forward(MS)
    assert await other.during(nothing), "the first was not heard of for too long"
    assert not await one.during(nothing), "and finds that it was overtaken"
    await other.pass_on()
    assert await one.during(nothing)


async def test_work_that_takes_longer_than_its_lease_keeps_its_turn(
    engine: Engine, clock: Clock
) -> None:
    lasts = timedelta(milliseconds=40)
    renewed = asyncio.Event()

    class Watched(Mortal):
        async def change(self, *what: Any) -> Any:
            done = await super().change(*what)
            renewed.set()
            return done

    one = Turn(Watched(engine), "chore", "a", clock, lasts)
    other = Turn(engine, "chore", "b", clock, lasts)

    async def long() -> None:
        for _ in range(12):
            renewed.clear()
            await renewed.wait()
            clock.forward(lasts / 4)
            assert not await other.mine()

    assert await one.during(long)


async def test_work_whose_turn_was_lost_is_cut_short(engine: Engine) -> None:
    lasts = timedelta(milliseconds=30)
    ended = asyncio.Event()

    async def sleeps() -> None:
        thief = await leases.claim(engine, "chore", "b", now() + HOUR, lasts)
        assert thief is not None
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    assert not await Turn(engine, "chore", "a", now, lasts).during(sleeps)
    assert ended.is_set()


async def test_a_store_that_is_away_for_a_moment_takes_no_turn(engine: Engine) -> None:
    mortal = Mortal(engine)
    mine = Turn(mortal, "chore", "a", now, timedelta(milliseconds=60))
    asked = asyncio.Semaphore(0)
    refuse = mortal._answers

    def answers() -> None:
        asked.release()
        refuse()

    async def works() -> None:
        mortal.down = True
        mortal._answers = answers  # type: ignore[method-assign]
        for _ in range(3):
            await asked.acquire()
        mortal.lives()
        await asked.acquire()

    assert await mine.during(works)


async def test_what_the_work_raises_is_raised_and_the_turn_stays(
    engine: Engine, clock: Clock
) -> None:
    async def falls() -> None:
        raise LookupError

    one = turn(engine, clock)
    with pytest.raises(LookupError):
        await one.during(falls)
    assert not await turn(engine, clock).mine()
    assert await one.mine()
