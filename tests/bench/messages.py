"""Visitors' messages, durable and on an operator's screen: how many, how soon, at what cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from tests.bench.figure import Figure
from tests.bench.people import (
    PATIENCE_SECONDS,
    Operator,
    Visitor,
    browser,
    operator,
    sign_in,
    visitor,
)
from tests.bench.served import Served, serving, the_floor, the_hub
from tests.chaos.process import Program

WINDOW = 16


@dataclass(frozen=True)
class Room:
    """One server with its visitors and one operator who hears them all."""

    server: Served
    visitors: Sequence[Visitor]
    operator: Operator


@dataclass
class Rounds:
    """What one side did, round by round."""

    per_second: list[float] = field(default_factory=list)
    busy_ms: list[float] = field(default_factory=list)
    patient_per_second: list[float] = field(default_factory=list)
    patient_busy_ms: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)


@asynccontextmanager
async def rooms(folder: Path, visitors: int) -> AsyncIterator[tuple[Room, Room]]:
    """The hub's room and the floor's."""
    async with AsyncExitStack() as stack:
        made = []
        for name, command in (("hub", the_hub), ("floor", the_floor)):
            (folder / name).mkdir()
            program = Program(folder / name)
            server = await stack.enter_async_context(serving(program, command(program)))
            session = await stack.enter_async_context(browser())
            if command is the_hub:
                await sign_in(session, program, "bench")
            made.append(
                Room(
                    server,
                    [
                        await stack.enter_async_context(
                            visitor(session, server.url, f"visitor{n:03d}")
                        )
                        for n in range(visitors)
                    ],
                    await stack.enter_async_context(operator(session, server.url)),
                )
            )
        hub, floor = made
        yield hub, floor


async def burst(
    room: Room, each: int, *, window: int = WINDOW, rest: float = 0
) -> tuple[float, float]:
    """`each` messages of every visitor at once; seconds, and the server's own of them.

    The time ends when the last is acknowledged and the operator has them all. What follows
    from them within the `rest` is counted as the server's, and disturbs nobody's next round.
    """
    upto = len(room.operator.lines) + each * len(room.visitors)
    busy, began = room.server.busy_seconds(), perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(room.operator.hear(upto))
        for one in room.visitors:
            group.create_task(one.send_many(each, window))
    took = perf_counter() - began
    await asyncio.sleep(rest)
    return took, room.server.busy_seconds() - busy


async def singly(room: Room, count: int, pause: float) -> list[float]:
    """Seconds from a visitor's sending to the operator's socket, one message at a time."""
    took = []
    for n in range(count):
        one = room.visitors[n % len(room.visitors)]
        began = perf_counter()
        async with asyncio.timeout(PATIENCE_SECONDS):
            text = await one.send()
            await room.operator.hear(len(room.operator.lines) + 1)
        took.append(perf_counter() - began)
        if room.operator.lines[-1] != text:
            raise RuntimeError(f"{room.operator.lines[-1]} came for {text}")
        await one.acknowledged()
        # A machine at rest: what follows from the message must not meet the next one.
        await asyncio.sleep(pause)
    return took


async def measure(
    folder: Path,
    *,
    rounds: int = 5,
    visitors: int = 20,
    each: int = 250,
    idle: int = 60,
    pause: float = 0.02,
    rest: float = 0.6,
) -> list[Figure]:
    async with rooms(folder, visitors) as (hub, floor):
        for room in (hub, floor):
            await burst(room, max(each // 10, 1), rest=rest)
        sides = [(hub, Rounds()), (floor, Rounds())]
        for _ in range(rounds):
            for room, kept in sides:
                seconds, busy = await burst(room, each, rest=rest)
                kept.per_second.append(each * visitors / seconds)
                kept.busy_ms.append(busy * 1000 / (each * visitors))
                few = max(each // 4, 1)
                seconds, busy = await burst(room, few, window=1, rest=rest)
                kept.patient_per_second.append(few * visitors / seconds)
                kept.patient_busy_ms.append(busy * 1000 / (few * visitors))
        for _ in range(rounds):
            for room, kept in sides:
                cut = quantiles(await singly(room, idle, pause), n=100, method="inclusive")
                kept.p50_ms.append(cut[49] * 1000)
                kept.p99_ms.append(cut[98] * 1000)
        ours, bare = sides[0][1], sides[1][1]
    return [
        Figure(
            f"visitor messages durable and shown, {visitors} sockets",
            "1/s",
            ours.per_second,
            bare.per_second,
            ratio_aim="≥ 0.5",
        ),
        Figure("the server's processor time of one", "ms", ours.busy_ms, bare.busy_ms, aim="≤ 0.6"),
        Figure(
            "the same visitors, each waiting for its ok",
            "1/s",
            ours.patient_per_second,
            bare.patient_per_second,
        ),
        Figure(
            "the server's processor time of one of these",
            "ms",
            ours.patient_busy_ms,
            bare.patient_busy_ms,
            aim="≤ 0.6",
        ),
        Figure(
            "one message at rest, sending to screen, p50",
            "ms",
            ours.p50_ms,
            bare.p50_ms,
            ratio_aim="≤ 1.6",
        ),
        Figure("the same, p99", "ms", ours.p99_ms, bare.p99_ms),
    ]
