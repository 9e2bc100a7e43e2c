"""When nobody could be heard, because no door of the hub was open or nobody asked the platforms.

Every process says again and again that it listens. After a time in which none said so, what
people wrote meanwhile still comes in, and whoever counts silence waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from hub.errors import UnavailableError
from hub.model import Lock
from hub.store.engine import AbsentError, Engine, Insert, TakenError

Ear = Literal["doors", "polls"]
EARS: tuple[Ear, ...] = ("doors", "polls")
EVERY = timedelta(seconds=15)
GAP = timedelta(seconds=60)
SETTLES_AFTER = timedelta(minutes=3)

log = logging.getLogger(__name__)


class Outages:
    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def run(self, ears: Sequence[Ear]) -> None:
        """Says that this process listens until cancelled."""
        while True:
            try:
                await self.mark(*ears)
            except UnavailableError as error:
                log.warning("outages.waits", extra={"reason": str(error)})
            await asyncio.sleep(EVERY.total_seconds())

    async def mark(self, *ears: Ear) -> None:
        for ear in ears:
            await self._mark(f"heard:{ear}", self._now())

    async def _mark(self, id: str, now: datetime) -> None:
        with suppress(TakenError):
            await self._engine.write(Insert(Lock(id=id, until=now)))
            return

        def marked(had: Lock) -> Lock:
            # A clock that was set back proves as little as one that nobody looked at.
            was_away = had.until is None or abs(now - had.until) > GAP
            return replace(had, until=now, value=now.isoformat() if was_away else had.value)

        with suppress(AbsentError):
            await self._engine.change(Lock, id, marked)

    async def settled_at(self) -> datetime | None:
        """Until when silence proves nothing; None if it does."""
        known = await self._engine.get_many(Lock, [f"heard:{ear}" for ear in EARS])
        waits = [each for each in map(self._settles, known.values()) if each is not None]
        return max(waits, default=None)

    def _settles(self, mark: Lock) -> datetime | None:
        now = self._now()
        if mark.until is None or now - mark.until > GAP:
            return now + GAP
        settles = datetime.fromisoformat(mark.value) + SETTLES_AFTER if mark.value else None
        # One further ahead was written by a clock that is wrong.
        is_to_come = settles is not None and now < settles <= now + SETTLES_AFTER + GAP
        return settles if is_to_come else None
