"""Whole processes killed with -9 while visitors write: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from .process import Program
from .visitor import RETRY_SECONDS, Acknowledged, Copy, introduce, send_all

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

Log = list[dict[str, Any]]


@asynccontextmanager
async def reader(program: Program) -> AsyncIterator[aiohttp.ClientSession]:
    """An operator who is signed in."""
    printed = await program.command("user", "add", f"o{secrets.token_hex(4)}")
    login, code = printed.split()[0], printed.split("code ")[1].split()[0]
    # The cookie of an address that is a bare number is kept only by an unsafe jar.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(program.url, cookie_jar=jar) as session:
        headers = {"Origin": program.url}
        signed = await session.post(
            "/api/v1/session", json={"login": login, "password": code}, headers=headers
        )
        assert signed.status == 200, await signed.text()
        yield session


async def logs(program: Program) -> dict[str, Log]:
    """Every dialog's whole log, as an operator reads it over the API."""
    async with reader(program) as session:
        return await read_logs(session)


async def read_logs(session: aiohttp.ClientSession) -> dict[str, Log]:
    found: dict[str, Log] = {}
    for dialog in await pages(session, "/api/v1/projects/main/dialogs?view=all&limit=100"):
        found[dialog["id"]] = await whole_log(session, dialog["id"])
        assert dialog["seq"] == len(found[dialog["id"]])
    return found


async def settled(program: Program) -> dict[str, Any]:
    """The logs when nothing waits to be delivered any more."""
    async with reader(program) as session, asyncio.timeout(120):
        while True:
            found = await read_logs(session)
            states = {entry["state"] for log in found.values() for entry in log}
            if not states & {"queued", "sending"}:
                return found
            await asyncio.sleep(RETRY_SECONDS)


async def pages(session: aiohttp.ClientSession, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after = ""
    while True:
        page = await (await session.get(path + after)).json()
        items += page["items"]
        if not page["next"]:
            return items
        after = f"&after={page['next']}"


async def whole_log(session: aiohttp.ClientSession, dialog: str) -> Log:
    entries: Log = []
    while True:
        after = entries[-1]["seq"] if entries else 0
        address = f"/api/v1/dialogs/{quote(dialog, safe='')}/log?after_seq={after}&limit=200"
        answer = await session.get(URL(address, encoded=True))
        page = await answer.json()
        entries += page["items"]
        if not page["more"]:
            return entries


def place(entry: dict[str, Any]) -> tuple[datetime, int, int]:
    return datetime.fromisoformat(entry["at"]), entry["order"], entry["seq"]


def shown(log: Log) -> list[str]:
    ordered = sorted(log, key=place)
    return [entry["text"] for entry in ordered if entry["kind"] == "in"]


async def storm(
    program: Program,
    draw: random.Random,
    *,
    visitors: int,
    sockets_each: int,
    messages_each: int,
    killed_after: list[int],
) -> None:
    """Every visitor's messages three times, shuffled over sockets, the hub killed meanwhile."""
    acknowledged = Acknowledged()
    written: dict[str, list[str]] = {}
    deaths = sorted(killed_after, reverse=True)

    def met() -> None:
        if deaths and acknowledged.copies >= deaths[-1]:
            deaths.pop()
            program.kill()

    async def keep_alive() -> None:
        while True:
            await program.ended()
            await program.start()

    await program.start()
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
    connector = aiohttp.TCPConnector(limit=0)
    keeper = asyncio.create_task(keep_alive())
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
            asyncio.TaskGroup() as group,
        ):
            for number in range(visitors):
                key, clock = await introduce(session, program.url)
                texts = [f"{number}:{n}" for n in range(messages_each)]
                written[key] = texts
                copies = [
                    Copy(f"key-{number:04}-{n:06}", n, clock - 60_000 + n // 3, text)
                    for n, text in enumerate(texts)
                    for _ in range(3)
                ]
                draw.shuffle(copies)
                for socket in range(sockets_each):
                    group.create_task(
                        send_all(
                            session,
                            program.url,
                            key,
                            copies[socket::sockets_each],
                            acknowledged,
                            met,
                        )
                    )
    finally:
        keeper.cancel()
    assert deaths == []
    assert acknowledged.copies == visitors * messages_each * 3
    assert all(len(where) == 1 for where in acknowledged.seqs.values())

    found = await logs(program)
    assert len(found) == visitors
    for log in found.values():
        assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
    assert sorted(map(shown, found.values())) == sorted(written.values())
    for log in found.values():
        for entry in log:
            known = acknowledged.seqs[entry["id"].rpartition(":")[2]]
            assert known == {(entry["dialog"], entry["seq"])}
    assert await program.stop() == 0


async def test_2000_messages_three_times_over_20_sockets_survive_six_kills(
    tmp_path: Path, draw: random.Random
) -> None:
    await storm(
        Program(tmp_path),
        draw,
        visitors=5,
        sockets_each=4,
        messages_each=400,
        killed_after=draw.sample(range(100, 5_500), 6),
    )


async def test_on_the_mongodb_protocol_a_smaller_storm_survives_five_kills(
    tmp_path: Path, draw: random.Random, new_database: Callable[[], str]
) -> None:
    await storm(
        Program(tmp_path, database=new_database()),
        draw,
        visitors=3,
        sockets_each=3,
        messages_each=50,
        killed_after=draw.sample(range(20, 400), 5),
    )


SQLITE_POINTS = ["insert into entries:1", "insert into entries:2", "update dialogs:1"]
SQLITE_POINTS += ["update dialogs:2", "commit:1", "commit:2", "commit:3", "commit:4", "commit:6"]
MONGO_POINTS = ["insert contacts:1", "insert identities:1", "insert dialogs:1"]
MONGO_POINTS += ["insert entries:1", "update dialogs:1", "insert entries:2", "update dialogs:2"]


@pytest.mark.parametrize("point", SQLITE_POINTS)
async def test_killed_at_a_numbered_point_of_an_embedded_write(tmp_path: Path, point: str) -> None:
    await survive(Program(tmp_path), point)


@pytest.mark.parametrize("point", MONGO_POINTS)
async def test_killed_between_two_commands_of_a_mongo_write(
    tmp_path: Path, point: str, new_database: Callable[[], str]
) -> None:
    await survive(Program(tmp_path, database=new_database()), point)


@pytest.mark.parametrize("database", ["", "mongo"])
@pytest.mark.parametrize("point", ["entries:2", "entries:3"])
async def test_killed_in_the_midst_of_messages_that_came_together(
    tmp_path: Path, point: str, database: str, new_database: Callable[[], str]
) -> None:
    words = "insert" if database else "insert into"
    program = Program(tmp_path, database=new_database() if database else "")
    await survive(program, f"{words} {point}", together=True)


async def survive(program: Program, point: str, *, together: bool = False) -> None:
    """Three messages of a visitor whose hub dies at the point; the visitor resends."""
    acknowledged = Acknowledged()
    await program.start(dies_at=point)
    async with aiohttp.ClientSession() as session:
        key, clock = await introduce(session, program.url)
        copies = [Copy(f"key-000-{n:06}", n, clock - 1_000 + n, str(n)) for n in range(3)]

        async def revive() -> None:
            await program.ended()
            await program.start()

        revived = asyncio.create_task(revive())
        for several in [copies] if together else [[copy] for copy in copies]:
            await send_all(session, program.url, key, several, acknowledged, lambda: None)
        assert not program.alive or revived.done(), "the point was never met"
        await revived
    found = await logs(program)
    (log,) = found.values()
    assert [entry["seq"] for entry in log] == [1, 2, 3]
    assert shown(log) == ["0", "1", "2"]
    assert await program.stop() == 0
