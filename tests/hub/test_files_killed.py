"""A process killed at each line that keeps, fetches or sweeps files, and what the next makes of it.

Run as a program this file is the process that is killed: it forks one child for each line.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from hub.content import Remote
from hub.files import kept as files_module
from hub.files import storage as storage_module
from hub.files.kept import Files
from hub.files.storage import Folder
from hub.keeping.keys import Keys
from hub.model import File, FileId, ProjectId
from hub.store.schema import FILES_UNUSED
from hub.store.sqlite import SqliteEngine

SHOP = ProjectId("shop")
# After the real time: a mark has that for a moment.
START = datetime(2100, 3, 1, 12, 0, tzinfo=UTC)
LATER = START + timedelta(hours=25)

WATCHED = (files_module.__file__, storage_module.__file__)

Work = Callable[[Files, SqliteEngine], Awaitable[None]]


async def chunks() -> AsyncIterator[bytes]:
    yield b"x"


async def keep(files: Files, engine: SqliteEngine) -> None:
    await files.keep(SHOP, "a", chunks(), "")


async def keep_used(files: Files, engine: SqliteEngine) -> None:
    file = await files.keep(SHOP, "b", chunks(), "")
    await files.mark_used([file.id], "entry")


async def keep_as(files: Files, engine: SqliteEngine) -> None:
    """As a file is fetched, which goes on until it is here."""
    remote = Remote(ref="c", name="c")
    id = FileId("c" * 32)
    file = await files.keep_as(id, SHOP, remote, chunks(), by="channel", used_by="entry")
    assert (file.state, file.used_by, file.unused_since) == ("kept", "entry", None)


async def sweep(files: Files, engine: SqliteEngine) -> None:
    await files.sweep(LATER)


async def only_used_are_left(files: Files, engine: SqliteEngine) -> None:
    folder = Path(sys.argv[2]) / "files"
    left = [each for each in folder.rglob("*") if each.is_file()]
    documents = [await engine.get(File, each.name) for each in left]
    assert all(each is not None and each.used for each in documents), left
    assert len(left) == int(sys.argv[1] != "keep"), left
    assert await engine.count(FILES_UNUSED) == 0


def child(work: Work, die_at: int = 0) -> int:
    """The exit status of a process that does the work and is killed at that line of it."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    try:
        asyncio.run(alive(work, die_at))
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


async def alive(work: Work, die_at: int) -> None:
    # Before the first thread is there, since threads take the tracer they were born with.
    if die_at:
        die(die_at)
    folder = Path(sys.argv[2])
    engine = SqliteEngine(folder / "hub.db", serving=False)
    await engine.open()
    storage = Folder(folder / "files")
    await work(Files(engine, storage, Keys(b"k" * 32), 1_000, lambda: START), engine)
    await engine.close()


def die(number: int) -> None:
    """Kills the process just before that line of the watched modules, counted as they are run."""
    count = itertools.count(1)

    def at_line(frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line" and next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return at_line

    def at_call(frame: FrameType, event: str, arg: Any) -> Any:
        return at_line if frame.f_code.co_filename in WATCHED else None

    threading.settrace(at_call)
    sys.settrace(at_call)


def main() -> None:
    dying = {"keep": keep, "keep_as": keep_as, "sweep": sweep}[sys.argv[1]]
    if dying is sweep:
        assert child(keep_used) == 0
    for line in itertools.count(1):
        if dying is sweep:
            assert child(keep) == 0
        status = child(dying, line)
        if dying is keep_as:
            assert child(keep_as) == 0, f"after a death at line {line}"
        assert child(sweep) == 0
        assert child(only_used_are_left) == 0, f"after a death at line {line} of {dying.__name__}"
        if status == 0:
            sys.stdout.write(f"{line - 1}\n")
            return
        assert status == signal.SIGKILL


@pytest.mark.chaos
@pytest.mark.parametrize("work", ["keep", "keep_as", "sweep"])
def test_whatever_line_it_dies_at_nothing_stays_that_no_entry_names(
    work: str, engine_folder: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, __file__, work, str(engine_folder)],
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 40


if __name__ == "__main__":
    main()
