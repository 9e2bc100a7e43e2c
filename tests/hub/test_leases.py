"""A lease has one holder, whatever the names, the crashes and the clocks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hub import leases
from hub.store.engine import Engine
from tests.spine import MS, START

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
