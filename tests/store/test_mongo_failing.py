"""A MongoDB whose primary steps down, or that takes too long: refused, repeated, there once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.errors import UnavailableError
from hub.model import Lock
from hub.store.engine import Insert, TakenError
from hub.store.mongo import MongoEngine
from hub.store.schema import COLLECTIONS
from tests.between import Between, Refusal, Stepping
from tests.spine import Clock, assembled, current, deliver, log_of, message, receive, say, sound

LOCKS = [each for each in COLLECTIONS if each.of is Lock]
FOUND_SOON = "?serverSelectionTimeoutMS=20000&heartbeatFrequencyMS=500"
IMPATIENT = FOUND_SOON + "&socketTimeoutMS=700"
WRITES = ("insert", "update", "delete")
STEPPED_DOWN = [
    pytest.param(10107, False, id="not writable primary"),
    pytest.param(11602, True, id="interrupted by the change of state, after it was done"),
    pytest.param(189, True, id="primary stepped down, after it was done"),
    pytest.param(91, False, id="shutting down"),
]


@pytest.mark.parametrize(("code", "done"), STEPPED_DOWN)
async def test_a_primary_that_steps_down_is_unavailable_until_there_is_one(
    new_database: Callable[[], str], code: int, done: bool
) -> None:
    async with Stepping(new_database()) as door:
        engine = MongoEngine(door.url + FOUND_SOON, LOCKS)
        await engine.open()
        await engine.write(Insert(Lock(id="one", holder="a")))
        door.doubt = lambda name: Refusal(code, done=done) if name in (*WRITES, "find") else None
        with pytest.raises(UnavailableError):
            await engine.get(Lock, "one")
        with pytest.raises(UnavailableError):
            await engine.write(Insert(Lock(id="two")))
        with pytest.raises(UnavailableError):
            await engine.delete_if(Lock, "one", lambda _: True)
        door.doubt = lambda name: Refusal(code, done=done) if name in WRITES else None
        with pytest.raises(UnavailableError):
            await engine.change(Lock, "one", lambda had: replace(had, holder="b"))

        door.doubt = lambda _: None
        one = await engine.get(Lock, "one")
        assert one is not None
        assert one.holder == ("b" if done else "a")
        with suppress(TakenError):
            await engine.write(Insert(Lock(id="two")))
            assert not done, "it was there already"
        assert await engine.get(Lock, "two") is not None
        await engine.close()


@pytest.mark.parametrize(("code", "done"), STEPPED_DOWN[:2])
async def test_whichever_write_a_new_primary_interrupts_all_is_there_once(
    new_database: Callable[[], str], tmp_path: Path, code: int, done: bool
) -> None:
    """The platform repeats what was not acknowledged; the rest is the next toucher's."""
    async with Stepping(new_database()) as door:
        engine = MongoEngine(door.url + FOUND_SOON)
        await engine.open()
        clock = Clock()
        hub = await assembled(engine, clock, tmp_path)
        left, refused = -1, 0

        def doubt(name: str) -> Refusal | None:
            nonlocal left, refused
            left -= name in WRITES
            if name not in WRITES or left != -1:
                return None
            refused += 1
            return Refusal(code, done=done)

        for k in range(12):
            visitor, left = f"visitor{k}", k
            door.doubt = doubt
            for _ in range(3):
                with suppress(UnavailableError):
                    await receive(hub, message(1, clock(), visitor=visitor))
                    await say(hub, await current(hub, visitor), f"answer {k}")
                    await deliver(hub)
                    while await hub.worker.work():
                        pass
                    break
            else:
                raise AssertionError("one refusal was met more than once")
            door.doubt = lambda _: None
            row = await sound(engine, (await current(hub, visitor)).id)
            kinds = [str(each.kind) for each in await log_of(engine, row.id)]
            assert (kinds.count("in"), kinds.count("out")) == (1, 1), k
        assert refused > 8
        await engine.close()


async def test_a_server_that_does_not_answer_in_time_is_unavailable_and_found_again(
    new_database: Callable[[], str],
) -> None:
    async with Between(new_database()) as door:
        engine = MongoEngine(door.url + IMPATIENT, LOCKS)
        await engine.open()
        await engine.write(Insert(Lock(id="one")))
        door.mute = True
        with pytest.raises(UnavailableError):
            await engine.get(Lock, "one")
        with pytest.raises(UnavailableError):
            await engine.write(Insert(Lock(id="two")))
        door.mute = False
        found: list[Lock | None] = []
        # A busy machine may need more than this engine has patience for.
        async with asyncio.timeout(60):
            while not found:
                with suppress(UnavailableError):
                    with suppress(TakenError):
                        await engine.write(Insert(Lock(id="two")))
                    found = [await engine.get(Lock, id) for id in ("one", "two")]
        assert None not in found
        await engine.close()


async def test_a_slow_server_is_only_slow(new_database: Callable[[], str]) -> None:
    async with Between(new_database()) as door:
        engine = MongoEngine(door.url, LOCKS)
        await engine.open()
        door.delay = 0.2
        await engine.write(Insert(Lock(id="one")))
        assert await engine.get(Lock, "one") is not None
        await engine.close()
