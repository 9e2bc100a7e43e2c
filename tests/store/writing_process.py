"""A process that writes until it is killed and says each time that it was told "stored"."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from hub.model import Dialog, DialogId
from hub.store.engine import Engine, Insert, Replace
from hub.store.mongo import MongoEngine
from hub.store.sqlite import SqliteEngine
from tests.store.samples import dialog, entry


async def write(engine: Engine, writer: int) -> None:
    id = f"site:{writer}:1"
    await engine.write(Insert(dialog(id)))
    seq = 0
    while seq < 40:
        seq += 1
        row = await engine.get(Dialog, id)
        assert row is not None
        await engine.write(
            Insert(entry(f"{id}:{seq}", seq, dialog=DialogId(id))),
            Replace(msgspec.structs.replace(row, seq=seq)),
        )
        print(f"{id}:{seq}.", flush=True)  # noqa: T201


async def main(target: str) -> None:
    engine = MongoEngine(target) if "://" in target else SqliteEngine(target)
    await engine.open()
    await asyncio.gather(*(write(engine, writer) for writer in range(20)))


asyncio.run(main(sys.argv[1]))
