"""A timer is set once, claimed by one, and moves only itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hub import timers
from hub.model import Timer
from hub.store.engine import Engine
from tests.spine import MS, SHOP, START

DUE = START + timedelta(minutes=10)


async def set_one(engine: Engine) -> bool:
    return await timers.promise(engine, SHOP, "silence", "site:ivan:1", DUE, START)


async def test_a_promise_is_made_once_however_often_it_is_made(engine: Engine) -> None:
    made = await asyncio.gather(*(set_one(engine) for _ in range(10)))
    assert sorted(made) == [False] * 9 + [True]
    assert not await timers.promise(engine, SHOP, "silence", "site:ivan:1", DUE + MS, START)
    (timer,) = await timers.claim(engine, "a", DUE)
    assert (timer.verb, timer.target) == ("silence", "site:ivan:1")


async def test_a_timer_is_not_due_a_millisecond_early(engine: Engine) -> None:
    await set_one(engine)
    assert await timers.claim(engine, "a", DUE - MS) == []
    assert len(await timers.claim(engine, "a", DUE)) == 1


async def test_one_of_many_workers_claims_a_timer(engine: Engine) -> None:
    await set_one(engine)
    claims = await asyncio.gather(*(timers.claim(engine, str(n), DUE) for n in range(10)))
    (mine,) = [each for claim in claims for each in claim]
    assert claims[int(mine.claimed_by)] == [mine]


async def test_a_claim_that_ran_out_is_another_s(engine: Engine) -> None:
    await set_one(engine)
    (lost,) = await timers.claim(engine, "a", DUE)
    assert await timers.claim(engine, "b", DUE + timers.CLAIM - MS) == []
    (mine,) = await timers.claim(engine, "b", DUE + timers.CLAIM)

    await timers.settle(engine, lost)
    await timers.settle(engine, lost, again=DUE)

    assert await engine.get(Timer, mine.id) == mine


async def test_who_looked_too_early_sets_the_timer_s_own_next_time(engine: Engine) -> None:
    await set_one(engine)
    (timer,) = await timers.claim(engine, "a", DUE)
    await timers.settle(engine, timer, again=DUE + timedelta(hours=1))
    assert await timers.claim(engine, "a", DUE + timedelta(hours=1) - MS) == []
    (again,) = await timers.claim(engine, "b", DUE + timedelta(hours=1))
    assert again.id == timer.id


async def test_a_settled_timer_is_gone_and_may_be_promised_anew(engine: Engine) -> None:
    await set_one(engine)
    (timer,) = await timers.claim(engine, "a", DUE)
    await timers.settle(engine, timer)
    await timers.settle(engine, timer)
    await timers.settle(engine, timer, again=DUE)
    assert await engine.get(Timer, timer.id) is None
    assert await set_one(engine)


async def test_the_longest_due_are_claimed_first(engine: Engine) -> None:
    for n in (3, 1, 2):
        due = DUE + timedelta(minutes=n)
        await timers.promise(engine, SHOP, "silence", f"site:{n}:1", due, START)
    mine = await timers.claim(engine, "a", DUE + timedelta(hours=1), limit=2)
    assert [each.target for each in mine] == ["site:1:1", "site:2:1"]
