"""One event to many operators' sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from tests.bench.figure import Figure
from tests.bench.people import PATIENCE_SECONDS, Operator, browser, operator, sign_in, visitor
from tests.bench.served import Served, serving, the_floor, the_hub
from tests.chaos.process import Program

PER_OPERATOR = 20


@dataclass
class Hall:
    """A server, its listeners, and a way to have one event told to all of them."""

    server: Served
    listeners: Sequence[Operator]
    tell: Callable[[str], Awaitable[object]]
    ms: list[float] = field(default_factory=list)
    busy_ms: list[float] = field(default_factory=list)


@asynccontextmanager
async def halls(folder: Path, sockets: int) -> AsyncIterator[tuple[Hall, Hall]]:
    """The hub's hall, where an event is a visitor's message, and the floor's, told ready bytes."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        programs = []
        for name in ("hub", "floor"):
            (folder / name).mkdir()
            programs.append(Program(folder / name))
        hub = await enter(serving(programs[0], the_hub(programs[0])))
        floor = await enter(serving(programs[1], the_floor(programs[1])))
        ours: list[Operator] = []
        bare: list[Operator] = []
        while len(ours) < sockets:
            session = await enter(browser())
            await sign_in(session, programs[0], f"bench{len(ours)}")
            for _ in range(min(PER_OPERATOR, sockets - len(ours))):
                ours.append(await enter(operator(session, hub.url)))
                bare.append(await enter(operator(session, floor.url)))
        session = await enter(browser())
        writer = await enter(visitor(session, hub.url, "visitor"))
        speaker = await enter(session.ws_connect(f"{floor.url}/fan"))

        async def write(_: str) -> None:
            await writer.send()

        yield Hall(hub, ours, write), Hall(floor, bare, speaker.send_str)


async def spread(hall: Hall, event: str, events: int) -> set[tuple[str, ...]]:
    """Has so many events told, one when the last was everywhere; what the listeners got."""
    got = set()
    busy, began = hall.server.busy_seconds(), perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(events):
            await hall.tell(event)
            got.add(tuple(await asyncio.gather(*(each.raw(1) for each in hall.listeners))))
    hall.ms.append((perf_counter() - began) * 1000 / events)
    hall.busy_ms.append((hall.server.busy_seconds() - busy) * 1000 / events)
    return got


async def measure(
    folder: Path, *, rounds: int = 5, sockets: int = 200, events: int = 50
) -> list[Figure]:
    async with halls(folder, sockets) as (hub, floor):
        event = next(iter(await spread(hub, "", 1)))[0]
        await spread(floor, event, 1)
        for hall in (hub, floor):
            hall.ms.clear()
            hall.busy_ms.clear()
        for _ in range(rounds):
            for hall in (hub, floor):
                await spread(hall, event, events)
    return [
        Figure(f"one message shown on {sockets} operator sockets", "ms", hub.ms, floor.ms),
        Figure("the server's processor time of that", "ms", hub.busy_ms, floor.busy_ms),
    ]
