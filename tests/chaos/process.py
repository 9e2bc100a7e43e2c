"""The whole program as another process: started, killed, started again on the same folder."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 90
DEMO_LINES = {
    "Demo site": "site",
    "Visitor phone": "phone",
    "Inbox": "inbox",
    "one-time code": "code",
    "password": "password",
}


class Program:
    """`hub run` in a folder of its own; `dies_at` kills it at that numbered point of a write.

    With another `verb` it is one process of several that share database and Redis; `script`
    is what is started instead of `hub` itself. A worker that `tells` has a port for machines.
    One that is `public` gives its own address to platforms, which then bring it what happens.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database: str = "",
        redis: str = "",
        verb: str = "run",
        script: str = "",
        channels: str = "",
        tells: bool = False,
        public: bool = False,
    ) -> None:
        self.port = free_port()
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.database = database
        self.verb = verb
        self.script = script
        self._words = ("--port", str(self.port)) if tells else ()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: Process | None = None
        self._errors: asyncio.Task[None] | None = None
        self.said: list[str] = []
        self._line = asyncio.Event()
        key = f'key_file = "{folder / "hub.key"}"\n' if database else ""
        if database:
            (folder / "hub.key").write_text("A" * 43 + "\n")
        (folder / "config.toml").write_text(
            f"""
[server]
port = {self.port}
{f'public_url = "{self.url}"' if public else ""}
[database]
url = "{database}"
[redis]
url = "{redis}"
[security]
{key}
[log]
format = "json"
[projects.main]
name = "Test"
[channels.site]
settings = {{ origins = ["*"], visitor_per_minute = 100000, address_per_minute = 100000 }}
{channels}
"""
        )

    async def start(self, *, dies_at: str = "") -> None:
        """Returns once it serves."""
        named = self.script or ("dying_hub.py" if dies_at else "")
        script = [str(Path(__file__).with_name(named))] if named else ["-m", "hub"]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *script,
            "--config",
            str(self.folder / "config.toml"),
            self.verb,
            *self._words,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HUB_DIES_AT": dies_at},
            stderr=PIPE,
        )
        serving = asyncio.Event()
        self._errors = asyncio.create_task(self._listen(self._process, serving))
        await asyncio.wait_for(serving.wait(), START_SECONDS)
        if self._process.returncode is not None or not self._serves():
            raise RuntimeError("the hub did not start:\n" + "\n".join(self.said[-20:]))

    def _serves(self) -> bool:
        return any('"serving"' in line or '"working"' in line for line in self.said)

    async def demo(self) -> dict[str, str]:
        """`hub demo`: the addresses and the code that it prints for a newcomer.

        Without the code once its operator has chosen a password.
        """
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hub",
            "--config",
            str(self.folder / "config.toml"),
            "demo",
            cwd=ROOT,
            stdout=PIPE,
            stderr=PIPE,
        )
        self._errors = asyncio.create_task(self._listen(self._process, asyncio.Event()))
        assert self._process.stdout is not None
        printed: dict[str, str] = {}
        async with asyncio.timeout(START_SECONDS):
            while not printed.keys() & {"code", "password"}:
                line = (await self._process.stdout.readline()).decode()
                if not line:
                    await self._errors
                    raise RuntimeError("the demo did not start:\n" + "\n".join(self.said[-20:]))
                for words, name in DEMO_LINES.items():
                    if line.strip().startswith(words):
                        printed[name] = line.strip().removeprefix(words).split()[0].rstrip("/")
        return printed

    def strangers(self) -> list[str]:
        """Far ends outside this machine that the process is connected to (Linux's own table)."""
        assert self._process is not None
        folder = Path(f"/proc/{self._process.pid}/fd")
        links = [str(each.readlink()) for each in folder.iterdir() if each.is_symlink()]
        mine = {link[8:-1] for link in links if link.startswith("socket:[")}
        found = []
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                _, _, far, *rest = line.split()
                address = far.partition(":")[0]
                here = address.strip("0") == "" or address.endswith(("0100007F", "01000000"))
                if rest[6] in mine and not here:
                    found.append(far)
        return found

    async def _listen(self, process: Process, serving: asyncio.Event) -> None:
        assert process.stderr is not None
        self.said.clear()
        async for line in process.stderr:
            self.said.append(line.decode(errors="replace").rstrip())
            self._line.set()
            if self._serves():
                serving.set()
        serving.set()

    async def logged(self, words: str, times: int = 1) -> None:
        """Returns once it has logged so many lines with these words."""
        async with asyncio.timeout(START_SECONDS):
            while sum(words in line for line in self.said) < times:
                self._line.clear()
                await self._line.wait()

    def kill(self) -> None:
        """kill -9, at whatever line it is."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def ended(self) -> int:
        assert self._process is not None
        assert self._errors is not None
        code = await self._process.wait()
        await self._errors
        return code

    async def stop(self) -> int:
        """SIGTERM, as a supervisor stops it; the exit code after draining."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.ended(), START_SECONDS)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """No file of the process may grow, as on a disk without room."""
        wal = self.folder / "data" / "hub.db-wal"
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (wal.stat().st_size + 100, hard))
        try:
            yield
        finally:
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard, hard))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def command(self, *words: str, given: str = "") -> str:
        """Another `hub` command beside the one that serves; what it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hub",
            "--config",
            str(self.folder / "config.toml"),
            *words,
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        out, err = await process.communicate(given.encode())
        if process.returncode != 0:
            raise RuntimeError(err.decode())
        return out.decode()

    def errors(self) -> list[str]:
        """What it logged as an error, tracebacks among them."""
        found = []
        for line in self.said:
            try:
                level = json.loads(line).get("level", "")
            except ValueError:
                level = "error"
            if level in ("error", "critical"):
                found.append(line)
        return found
