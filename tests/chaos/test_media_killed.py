"""People send files to a messenger while the hub is killed with -9: each is there, whole, once."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from bots import platforms
from bots.platforms.platform import Blob
from hub.model import Attachment, File, ProjectId
from hub.store.schema import FILES, LOG_RECENT
from hub.store.sqlite import SqliteEngine
from tests.e2e.test_messengers import toml

from .process import Program

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

PEOPLE = 3
FILES_EACH = 6
DEATHS = 3
MAIN = ProjectId("main")


async def seen(folder: Path) -> tuple[Sequence[Attachment], Sequence[File]]:
    """The files that entries name, and those that are stored."""
    engine = SqliteEngine(folder / "data" / "hub.db", serving=False)
    await engine.open()
    entries = (await engine.find(LOG_RECENT, limit=500)).items
    files = (await engine.find(FILES, {"project": MAIN}, limit=500)).items
    await engine.close()
    return [each for entry in entries for each in entry.attachments], files


async def test_every_file_is_there_whole_and_once(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown with a failure, to draw the same again
    draw = random.Random(seed)
    platform = platforms.load("telegram")()
    await platform.start()
    settings = platform.settings() | {"receive": "poll"}
    program = Program(tmp_path, channels=toml("telegram", settings))
    await program.start()
    people = [platform.person(f"Анна {n}") for n in range(PEOPLE)]
    bodies = [draw.randbytes(draw.randrange(1, 400_000)) for _ in range(PEOPLE * FILES_EACH)]
    try:
        for person in people:
            await platform.write(person, "Вот файлы")
        deaths = set(draw.sample(range(len(bodies)), DEATHS))
        for n, body in enumerate(bodies):
            blob = Blob(f"{n}.bin", "application/octet-stream", body, "file")
            await platform.send_file(people[n % PEOPLE], blob)
            if n in deaths:
                await asyncio.sleep(draw.random())
                program.kill()
                await program.ended()
                await program.start()
        async with asyncio.timeout(90):
            named, files = await seen(tmp_path)
            while len(named) < len(bodies) or any(each.coming for each in named):
                await asyncio.sleep(0.1)
                named, files = await seen(tmp_path)
        assert not [each for each in named if each.lost]
        known = {each.id: each for each in files}
        assert sorted(known[each.id].sha256 for each in named) == sorted(
            hashlib.sha256(body).hexdigest() for body in bodies
        )
        assert await program.stop() == 0
        assert "All agrees." in await program.command("verify")
    finally:
        await program.stop()
        await platform.stop()
