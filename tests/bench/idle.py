"""What a visitor's open and silent socket costs in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.bench.ears import WIDGET, listening
from tests.bench.figure import Figure
from tests.bench.served import Served, serving, the_floor, the_hub
from tests.chaos.process import Program


async def held_kb(server: Served, sockets: int, rest: float) -> float:
    """Kilobytes of resident memory that one of so many greeted sockets takes."""
    async with listening(server.url, [WIDGET] * 10):
        # What the first visitor brings into memory is not any socket's.
        pass
    before = server.rss_mb()
    async with listening(server.url, [WIDGET] * sockets):
        await asyncio.sleep(rest)
        return (server.rss_mb() - before) * 1024 / sockets


async def measure(
    folder: Path, *, rounds: int = 3, sockets: int = 5_000, rest: float = 1
) -> list[Figure]:
    sides: tuple[list[float], list[float]] = ([], [])
    for n in range(rounds):
        for kept, command in zip(sides, (the_hub, the_floor), strict=True):
            home = folder / f"{n}-{command.__name__}"
            home.mkdir()
            program = Program(home)
            async with serving(program, command(program)) as server:
                kept.append(await held_kb(server, sockets, rest))
    ours, bare = sides
    return [
        Figure(
            f"memory of a silent visitor's socket, of {sockets:,}",
            "KB",
            ours,
            bare,
            ratio_aim="≤ 1.3",
        )
    ]
