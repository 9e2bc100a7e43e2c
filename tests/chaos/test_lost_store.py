"""A disk that is full, a database that is gone, a process told to stop: honest and mended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from .process import Program
from .test_killed import logs, shown
from .visitor import Acknowledged, Copy, hello, introduce, send_all

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]


class Database:
    """A MongoDB-protocol server of this test's own, killed and started on the same folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self.url = f"mongodb://127.0.0.1:{port}/lost"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        program = Path(sys.executable).with_name("secantusd-py")
        self._process = await asyncio.create_subprocess_exec(
            program,
            *("--standalone", "--sync-on-commit", "--port", str(self._port)),
            *("--storage-path", str(self._folder / "mongo"), "--cache-size", "64M"),
            cwd=self._folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(90):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def visitor_socket(
    session: aiohttp.ClientSession, program: Program, key: str
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with session.ws_connect(f"{program.url}/widget/site/live", origin=program.url) as socket:
        await socket.send_json(hello(key))
        assert (await socket.receive_json())["t"] == "hello"
        yield socket


async def try_to_write(socket: aiohttp.ClientWebSocketResponse, copy: Copy) -> dict[str, Any]:
    await socket.send_json(
        {"t": "send", "key": copy.key, "order": copy.order, "at": copy.at, "text": copy.text}
    )
    while True:
        frame: dict[str, Any] = await socket.receive_json()
        if frame["t"] in ("ok", "error"):
            return frame


async def kept_after_all(
    session: aiohttp.ClientSession, program: Program, key: str, copies: list[Copy]
) -> None:
    """The visitor's browser tries again, and every message is there once."""
    acknowledged = Acknowledged()
    await send_all(session, program.url, key, copies, acknowledged, lambda: None)
    (log,) = (await logs(program)).values()
    assert shown(log) == [copy.text for copy in copies]
    assert [entry["seq"] for entry in log] == list(range(1, len(copies) + 1))


async def test_a_full_disk_is_told_to_the_sender_and_mends_by_itself(tmp_path: Path) -> None:
    program = Program(tmp_path)
    await program.start()
    async with aiohttp.ClientSession() as session:
        key, clock = await introduce(session, program.url)
        copies = [Copy(f"key-full-{n:03}", n, clock + n, f"{n} " + "x" * 3_000) for n in range(9)]
        async with visitor_socket(session, program, key) as socket:
            assert (await try_to_write(socket, copies[0]))["t"] == "ok"
            with program.full_disk():
                refused = [await try_to_write(socket, copy) for copy in copies[1:]]
            assert {frame["t"] for frame in refused} == {"error"}
            assert {frame["code"] for frame in refused} == {"unavailable"}
            assert all(frame["again"] for frame in refused)
        await kept_after_all(session, program, key, copies)
    assert await program.stop() == 0


async def test_a_lost_database_is_told_to_everybody_and_mends_by_itself(tmp_path: Path) -> None:
    database = Database(tmp_path, Program(tmp_path).port)
    await database.start()
    program = Program(tmp_path, database=database.url)
    await program.start()
    async with aiohttp.ClientSession() as session:
        key, clock = await introduce(session, program.url)
        copies = [Copy(f"key-lost-{n:03}", n, clock + n, str(n)) for n in range(2)]
        async with visitor_socket(session, program, key) as socket:
            assert (await try_to_write(socket, copies[0]))["t"] == "ok"
            await database.kill()
            refused = await try_to_write(socket, copies[1])
        assert (refused["t"], refused["code"], refused["again"]) == ("error", "unavailable", True)
        asked = await session.post(
            f"{program.url}/api/v1/session",
            json={"login": "olga", "password": "00000000"},
            headers={"Origin": program.url},
        )
        assert asked.status == 503
        assert "Retry-After" in asked.headers
        assert (await asked.json())["code"] == "unavailable"
        assert (await session.get(f"{program.url}/ready")).status == 503
        assert (await session.get(f"{program.url}/live")).status == 200

        await database.start()
        await kept_after_all(session, program, key, copies)
        assert (await session.get(f"{program.url}/ready")).status == 200
    assert await program.stop() == 0
    await database.kill()


async def read_to_the_end(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async for _ in socket:
        continue
    return socket.close_code


async def test_sigterm_drains_what_was_acknowledged_and_says_goodbye(tmp_path: Path) -> None:
    program = Program(tmp_path)
    await program.start()
    acknowledged = Acknowledged()
    stopping: list[asyncio.Task[int]] = []

    def met() -> None:
        if acknowledged.copies == 40 and not stopping:
            stopping.append(asyncio.create_task(restart()))

    async def restart() -> int:
        code = await program.stop()
        await program.start()
        return code

    async with aiohttp.ClientSession() as session:
        key, clock = await introduce(session, program.url)
        copies = [Copy(f"key-term-{n:03}", n, clock - 500 + n, str(n)) for n in range(200)]
        async with visitor_socket(session, program, key) as idle:
            goodbye = asyncio.create_task(read_to_the_end(idle))
            await send_all(session, program.url, key, copies, acknowledged, met)
            assert await stopping[0] == 0
            assert await goodbye == aiohttp.WSCloseCode.SERVICE_RESTART
        await kept_after_all(session, program, key, copies)
    await program.stop()


async def test_a_second_serving_process_is_refused_and_commands_work_beside(
    tmp_path: Path,
) -> None:
    program = Program(tmp_path)
    await program.start()
    second = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub", "--config", str(tmp_path / "config.toml"), "run"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await second.communicate()
    assert second.returncode == 2
    assert str(program.pid) in said.decode()
    assert "Traceback" not in said.decode()
    assert "FAIL" not in await program.command("check")
    await program.command("user", "add", "olga")
    await program.command("user", "passwd", "olga", given="long enough 1\n")
    await program.stop()
