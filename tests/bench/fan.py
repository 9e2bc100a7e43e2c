"""One event to many operators' sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from tests.bench.ears import Ears, inbox, listening, staff
from tests.bench.figure import Figure
from tests.bench.people import PATIENCE_SECONDS, browser, visitor
from tests.bench.served import Served, serving, the_floor, the_hub
from tests.chaos.process import Program

PER_OPERATOR = 20


@dataclass
class Hall:
    """A server, its listeners, and a way to have one event told to all of them."""

    server: Served
    ears: Ears
    sockets: int
    tell: Callable[[str], Awaitable[object]]
    per_second: list[float] = field(default_factory=list)
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
        cookies = await staff(programs[0], -(-sockets // PER_OPERATOR))
        hub = await enter(serving(programs[0], the_hub(programs[0])))
        floor = await enter(serving(programs[1], the_floor(programs[1])))
        doors = [inbox(cookies[n // PER_OPERATOR]) for n in range(sockets)]
        ours = await enter(listening(hub.url, doors))
        bare = await enter(listening(floor.url, doors))
        session = await enter(browser())
        writer = await enter(visitor(session, hub.url, "visitor"))
        speaker = await enter(session.ws_connect(f"{floor.url}/fan"))

        async def write(_: str) -> None:
            await writer.send()

        yield Hall(hub, ours, sockets, write), Hall(floor, bare, sockets, speaker.send_str)


async def spread(hall: Hall, event: str, events: int) -> set[bytes]:
    """Has so many events told, one when the last was everywhere; what the listeners got."""
    hall.ears.kinds.clear()
    busy, began = hall.server.busy_seconds(), perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(events):
            upto = hall.ears.lines + hall.sockets
            await hall.tell(event)
            await hall.ears.hear(upto)
    hall.per_second.append(events * hall.sockets / (perf_counter() - began))
    hall.busy_ms.append((hall.server.busy_seconds() - busy) * 1000 / events)
    return hall.ears.kinds.copy()


async def measure(
    folder: Path, *, rounds: int = 5, sockets: int = 1_000, events: int = 40
) -> list[Figure]:
    async with halls(folder, sockets) as (hub, floor):
        [event] = await spread(hub, "", 1)
        await spread(floor, event.decode(), 1)
        for hall in (hub, floor):
            hall.per_second.clear()
            hall.busy_ms.clear()
        for _ in range(rounds):
            for hall in (hub, floor):
                await spread(hall, event.decode(), events)
    return [
        Figure(
            f"operator sockets that one message reaches, of {sockets:,}",
            "1/s",
            hub.per_second,
            floor.per_second,
            ratio_aim="≥ 0.6",
        ),
        Figure("the server's processor time of that message", "ms", hub.busy_ms, floor.busy_ms),
    ]
