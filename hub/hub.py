"""The hub put together: one store, one bus, and the few rooms that everything else asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub import keys as key_file
from hub import observe
from hub.accounts import Accounts
from hub.bus import Bus, LocalBus
from hub.channels import Build, Channels
from hub.config import Settings
from hub.delivery import Delivery
from hub.desk import Desk
from hub.files import Files
from hub.intake import Intake
from hub.keys import Keys
from hub.store import connect
from hub.store.engine import Engine
from hub.worker import Worker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hub:
    """What the doors need; `embedded` means that no other process may serve this store."""

    settings: Settings
    engine: Engine
    bus: Bus
    keys: Keys
    accounts: Accounts
    channels: Channels
    files: Files
    intake: Intake
    desk: Desk
    delivery: Delivery
    worker: Worker
    now: Callable[[], datetime]
    embedded: bool

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Repairs what a dead process left, then delivers and rules until the block ends.

        Leaving the block drains: what is on its way is finished, nothing new is begun.
        """
        await self.channels.refresh()
        if self.embedded:
            await self.delivery.recover()
        mended = await self.worker.repair()
        if mended:
            log.warning("rows.repaired", extra={"rows": mended})
        loops = [
            asyncio.create_task(each, name=name)
            for name, each in (
                ("channels", self.channels.run()),
                ("delivery", self.delivery.run()),
                ("worker", self.worker.run()),
                ("lag", observe.watch_loop()),
            )
        ]
        for loop in loops:
            loop.add_done_callback(_ended)
        try:
            yield
        finally:
            for loop in reversed(loops):
                loop.cancel()
                await asyncio.wait([loop])


def assemble(
    settings: Settings,
    build: Callable[[Keys], Build],
    *,
    now: Callable[[], datetime],
    engine: Engine | None = None,
    bus: Bus | None = None,
    serving: bool = True,
) -> Hub:
    """Puts the rooms together; nothing is opened yet. `build` makes channels of documents."""
    embedded = not settings.database.url
    engine = engine or connect(settings, serving=serving)
    bus = bus or LocalBus()
    keys = key_file.load(settings.security.key_file, make=embedded)
    channels = Channels(engine, bus, build(keys))
    files = Files(engine, settings.data.files, keys, settings.limits.file_max_bytes, now)
    return Hub(
        settings=settings,
        engine=engine,
        bus=bus,
        keys=keys,
        accounts=Accounts(engine, bus, now, timedelta(days=settings.security.session_days)),
        channels=channels,
        files=files,
        intake=Intake(engine, bus, channels, files, now),
        desk=Desk(engine, bus, channels, files, now),
        delivery=Delivery(engine, bus, channels, now),
        worker=Worker(engine, bus, files, now),
        now=now,
        embedded=embedded,
    )


@asynccontextmanager
async def opened(hub: Hub) -> AsyncIterator[Hub]:
    """The hub with its store and bus open."""
    await hub.engine.open()
    try:
        await hub.bus.open()
        try:
            yield hub
        finally:
            await hub.bus.close()
    finally:
        await hub.engine.close()


def _ended(loop: asyncio.Task[None]) -> None:
    if not loop.cancelled() and (error := loop.exception()) is not None:
        log.critical("loop.ended", extra={"loop": loop.get_name()}, exc_info=error)
