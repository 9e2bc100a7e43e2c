"""A process that does nothing but fire timers: each leaves one note in its dialog."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from hub import config, dialogs, observe, timers
from hub.model import Dialog, EntryKind, Timer, now
from hub.store.engine import Engine
from hub.store.mongo import MongoEngine

timers.CLAIM = timedelta(seconds=2)


async def fire(engine: Engine, timer: Timer) -> None:
    row = await engine.get(Dialog, timer.target)
    assert row is not None
    await dialogs.append(
        engine,
        row,
        lambda current: replace(
            dialogs.draft(current, f"{timer.id}:fired", EntryKind.NOTE, timer.created_at, now()),
            text=timer.id,
        ),
    )
    await timers.settle(engine, timer)


async def ring(engine: Engine) -> None:
    await engine.open()
    logging.getLogger("hub").info("working")
    while True:
        for timer in await timers.claim(engine, "both go by one name", now(), limit=5):
            await fire(engine, timer)
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    settings = config.load(Path(sys.argv[sys.argv.index("--config") + 1]))
    observe.set_up(settings.log.level, settings.log.format)
    asyncio.run(ring(MongoEngine(settings.database.url)))
