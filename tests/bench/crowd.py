"""What a visitor's message costs the server when one operator is there, and when many are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench.ears import inbox, listening, staff
from tests.bench.figure import Figure
from tests.bench.people import PATIENCE_SECONDS, browser, visitor
from tests.bench.served import serving, the_floor, the_hub
from tests.chaos.process import Program


async def busy_ms(
    program: Program,
    command: Callable[[Program], list[str]],
    cookies: list[str],
    visitors: int,
    each: int,
) -> float:
    """The server's processor time of one message, with one operator for each of the cookies."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        server = await enter(serving(program, command(program)))
        ears = await enter(listening(server.url, [inbox(each) for each in cookies]))
        session = await enter(browser())
        many = [await enter(visitor(session, server.url, f"v{n:03d}")) for n in range(visitors)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            for one in many:
                await one.send_many(1, 1)
            await ears.hear(len(many) * len(cookies))
            before = server.busy_seconds()
            async with asyncio.TaskGroup() as group:
                group.create_task(ears.hear(visitors * (each + 1) * len(cookies)))
                for one in many:
                    group.create_task(one.send_many(each, 1))
            return (server.busy_seconds() - before) * 1000 / (visitors * each)


async def measure(
    folder: Path, *, rounds: int = 3, visitors: int = 20, each: int = 50, operators: int = 200
) -> list[Figure]:
    sides: dict[str, dict[int, list[float]]] = {}
    for name, command in (("hub", the_hub), ("floor", the_floor)):
        (folder / name).mkdir()
        program = Program(folder / name)
        cookies = await staff(program, operators) if command is the_hub else [""] * operators
        kept = sides[name] = {1: [], operators: []}
        for _ in range(rounds):
            for online, found in kept.items():
                found.append(await busy_ms(program, command, cookies[:online], visitors, each))
    hub, floor = sides["hub"], sides["floor"]
    growth = {
        name: [
            many / one if one else 0.0 for one, many in zip(kept[1], kept[operators], strict=True)
        ]
        for name, kept in sides.items()
    }
    return [
        *(
            Figure(f"the server's time of a message, {n} online", "ms", hub[n], floor[n])
            for n in (1, operators)
        ),
        Figure(
            f"its growth from 1 operator to {operators}", "times", growth["hub"], growth["floor"]
        ),
    ]
