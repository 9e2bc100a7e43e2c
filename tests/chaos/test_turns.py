"""What only one process may do at a time, done by processes that are killed meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest

from hub import timers
from hub.model import Lock, ProjectId, now
from hub.store.engine import Engine
from hub.store.mongo import MongoEngine
from hub.store.schema import TIMERS_DUE

from .conftest import Start
from .process import Program
from .test_killed import logs
from .visitor import Acknowledged, Copy, introduce, send_all

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]


@asynccontextmanager
async def store_of(program: Program) -> AsyncIterator[Engine]:
    engine = MongoEngine(program.database)
    await engine.open()
    try:
        yield engine
    finally:
        await engine.close()


async def test_timers_of_two_processes_that_are_killed_leave_exactly_one_entry_each(
    start: Start, draw: random.Random
) -> None:
    people, each = 4, 10
    front = await start("web")
    async with aiohttp.ClientSession() as outside:
        for n in range(people):
            key, clock = await introduce(outside, front.url)
            copy = Copy(f"key-first-{n}", 1, clock, "question")
            await send_all(outside, front.url, key, [copy], Acknowledged(), lambda: None)
    rows = list(await logs(front))
    workers = [await start("worker", script="ringing_hub.py") for _ in range(2)]
    async with store_of(front) as engine:
        for n in range(each):
            for id in rows:
                promised = now() + n * timedelta(milliseconds=300)
                await timers.promise(engine, ProjectId("main"), f"ring{n}", id, promised, now())

        async with asyncio.timeout(200):
            while await engine.count(TIMERS_DUE, {}, cap=1):
                await asyncio.sleep(draw.uniform(0.1, 0.6))
                victim = draw.choice(workers)
                victim.kill()
                await victim.ended()
                await victim.start()
    for id, log in (await logs(front)).items():
        assert [entry["seq"] for entry in log] == list(range(1, each + 2))
        fired = sorted(entry["text"] for entry in log if entry["kind"] == "note")
        assert fired == sorted(f"ring{n}:{id}" for n in range(each))
    for worker in workers:
        worker.kill()
        await worker.ended()


@pytest.mark.parametrize("turn", ["sweeps", "retention", "copies"])
async def test_a_killed_process_s_turn_is_taken_over_by_another(start: Start, turn: str) -> None:
    workers = [await start("worker") for _ in range(2)]
    async with store_of(workers[0]) as engine:

        async def holder(*others: int) -> int:
            """The process that has the turn, if it is none of these."""
            async with asyncio.timeout(60):
                while True:
                    lock = await engine.get(Lock, f"lease:{turn}")
                    if lock and (pid := int(lock.holder.split(":")[-2])) not in others:
                        return pid

        first = await holder()
        [dies] = [each for each in workers if each.pid == first]
        [lives] = [each for each in workers if each.pid != first]
        dies.kill()
        await dies.ended()
        assert await holder(first) == lives.pid
