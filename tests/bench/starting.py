"""From exec to the first page, and what the process holds when nothing happens."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.bench.figure import Figure
from tests.bench.served import serving, the_floor, the_hub
from tests.chaos.process import Program


async def measure(folder: Path, *, rounds: int = 5, rest: float = 5) -> list[Figure]:
    first: list[float] = []
    again: list[float] = []
    bare: list[float] = []
    for n in range(rounds):
        (folder / str(n)).mkdir()
        program = Program(folder / str(n))
        for kept, command in ((first, the_hub), (again, the_hub), (bare, the_floor)):
            async with serving(program, command(program)) as server:
                kept.append(server.first_page)
    memory = []
    (folder / "rest").mkdir()
    program = Program(folder / "rest")
    for command in (the_hub, the_floor):
        async with serving(program, command(program)) as server:
            await asyncio.sleep(rest)
            memory.append((server.rss_mb(), server.pss_mb()))
    hub, floor = memory
    return [
        Figure("exec to the first page, a new folder", "s", first, bare, aim="≤ 2"),
        Figure("exec to the first page, started before", "s", again, bare, aim="≤ 2"),
        Figure("memory at rest, resident", "MB", [hub[0]], [floor[0]], aim="≤ 120"),
        Figure("memory at rest, its part of what is shared", "MB", [hub[1]], [floor[1]]),
    ]
