"""Visitors' messages over the MongoDB protocol, beside a bare loop of the same commands."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from motor.motor_asyncio import AsyncIOMotorClient

from tests.bench.bare_mongo import Round
from tests.bench.figure import Figure
from tests.bench.messages import Room, burst
from tests.bench.people import PATIENCE_SECONDS, browser, operator, sign_in, visitor
from tests.bench.served import Served, serving, the_hub
from tests.chaos.process import ROOT, Program
from tests.ports import free_port

BEGIN_SECONDS = 30
POLL_SECONDS = 0.05
QUIET_POLLS = 12
"""So many polls without a command of a burst's rules: longer than they gather."""


@asynccontextmanager
async def secantus(folder: Path) -> AsyncIterator[str]:
    """The tests' MongoDB server in a process of its own; its address."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("secantusd-py")),
        *("--standalone", "--sync-on-commit", "--port", str(port), "--cache-size", "64M"),
        *("--storage-path", str(folder / "data"), "--log-level", "ERROR"),
        cwd=folder,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        yield f"mongodb://127.0.0.1:{port}/"
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def the_loop(url: str, like: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.bare_mongo", url, like),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def carried_out(loop: Process, asked: Round) -> float:
    """Seconds that the loop took for as many commands."""
    assert loop.stdin is not None
    assert loop.stdout is not None
    loop.stdin.write(msgspec.json.encode(asked) + b"\n")
    return float(await loop.stdout.readline())


class Commands:
    """What a server was asked to do so far, as it counts itself."""

    def __init__(self, url: str) -> None:
        self._client: Any = AsyncIOMotorClient(url, serverSelectionTimeoutMS=BEGIN_SECONDS * 1000)

    async def counted(self) -> tuple[int, int, int]:
        """Queries, inserts and updates."""
        told = (await self._client.admin.command("serverStatus"))["opcounters"]
        return told["query"], told["insert"], told["update"]

    async def quiet(self) -> None:
        """Returns once nothing more is written."""
        writes, still = (await self.counted())[1:], 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while still < QUIET_POLLS:
                await asyncio.sleep(POLL_SECONDS)
                before, writes = writes, (await self.counted())[1:]
                still = still + 1 if before == writes else 0

    def close(self) -> None:
        self._client.close()


@asynccontextmanager
async def counting(folder: Path) -> AsyncIterator[tuple[str, Commands]]:
    """The server's address, once it answers, and what it counts."""
    async with secantus(folder) as url:
        commands = Commands(url)
        try:
            await commands.counted()
            yield url, commands
        finally:
            commands.close()


@asynccontextmanager
async def room(folder: Path, visitors: int) -> AsyncIterator[tuple[Room, Process, Commands]]:
    """The hub over the server, the bare loop over the same one, and what that one counts."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        url, commands = await enter(counting(folder))
        program = Program(folder / "hub", database=f"{url}hub")
        server: Served = await enter(serving(program, the_hub(program)))
        session = await enter(browser())
        await sign_in(session, program, "bench")
        many = [await enter(visitor(session, server.url, f"v{n:03d}")) for n in range(visitors)]
        listener = await enter(operator(session, server.url))
        loop = await enter(the_loop(f"{url}bare", "hub"))
        yield Room(server, many, listener), loop, commands


@asynccontextmanager
async def alone(folder: Path) -> AsyncIterator[tuple[Process, Commands]]:
    """The bare loop over what a hub left behind, and nobody else who commands the server."""
    async with counting(folder) as (url, commands), the_loop(f"{url}bare", "hub") as loop:
        await carried_out(loop, Round("first-", 1, 0, 0, 0))
        yield loop, commands


async def measure(
    folder: Path, *, rounds: int = 4, visitors: int = 20, each: int = 10
) -> list[Figure]:
    rate: list[float] = []
    bare: list[float] = []
    busy: list[float] = []
    asked: list[float] = []
    async with room(folder, visitors) as (ours, loop, commands):
        await burst(ours, 1)
        await commands.quiet()
        messages = each * visitors
        for n in range(rounds):
            before, spent = await commands.counted(), ours.server.busy_seconds()
            seconds, _ = await burst(ours, each)
            after = await commands.counted()
            await commands.quiet()
            busy.append((ours.server.busy_seconds() - spent) * 1000 / messages)
            rate.append(messages / seconds)
            counts = [now - then for then, now in zip(before, after, strict=True)]
            asked.append(sum(counts) / messages)
            took = await carried_out(loop, Round(f"round{n}-", visitors, *counts))
            bare.append(messages / took)
    return [
        Figure(
            f"messages durable and shown over MongoDB, {visitors} sockets",
            "1/s",
            rate,
            bare,
            ratio_aim="≥ 0.75",
        ),
        Figure("the hub's processor time of one, rules included", "ms", busy, aim="≤ 3"),
        Figure("commands for one while they last", "", asked),
    ]
