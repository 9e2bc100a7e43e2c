"""A server in a process of its own, seen from outside: its first page, its time, its memory."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tests.chaos.process import ROOT, Program

BEGIN_SECONDS = 30
POLL_SECONDS = 0.005
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Served:
    """`first_page` is the seconds from its exec to the first page."""

    url: str
    pid: int
    first_page: float

    def busy_seconds(self) -> float:
        """The processor's time it took so far, by all its threads."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(stat[11]) + int(stat[12])) / TICKS_PER_SECOND

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def rss_mb(self) -> float:
        return self._kilobytes("status", "VmRSS") / 1024

    def pss_mb(self) -> float:
        """Its memory with what it shares counted by its part."""
        return self._kilobytes("smaps_rollup", "Pss") / 1024

    def _kilobytes(self, file: str, name: str) -> int:
        found = re.search(
            rf"^{name}:\s+(\d+) kB", Path(f"/proc/{self.pid}/{file}").read_text(), re.M
        )
        assert found is not None
        return int(found[1])


def the_hub(program: Program) -> list[str]:
    """As it is installed: the command beside the interpreter."""
    command = Path(sys.executable).with_name("hub")
    return [str(command), "--config", str(program.folder / "config.toml"), "run"]


def the_floor(program: Program) -> list[str]:
    """The bare server on the same folder and port."""
    (program.folder / "bare.db").unlink(missing_ok=True)
    return [sys.executable, "-m", "tests.bench.bare_server", str(program.folder), str(program.port)]


@asynccontextmanager
async def serving(
    program: Program, command: Sequence[str], *, patience: float = BEGIN_SECONDS
) -> AsyncIterator[Served]:
    """The command as a process that serves `program`'s address, for as long as the block runs."""
    began = perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(patience):
            await _first_page(program.port, process)
        yield Served(program.url, process.pid, perf_counter() - began)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _first_page(port: int, process: Process) -> None:
    """Returns once the inbox's page came whole."""
    asked = f"GET /inbox HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    while True:
        if process.returncode is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(POLL_SECONDS)
            continue
        writer.write(asked.encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        if not answer.startswith(b"HTTP/1.1 200 ") or b"</" not in answer:
            raise RuntimeError(f"no page but {answer[:100]!r}")
        return
