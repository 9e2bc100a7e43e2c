"""Listens to an Asterisk for calls from outside; what was heard waits to be asked for."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime

from telephony.ari.client import Ari, AriError
from telephony.ari.outside import SEEN, News, Outside

HEARD_MAX = 500
"""Who does not ask for long hears of the newest; an end tells all of its call."""


def _now() -> datetime:
    return datetime.now(UTC)


class Watch:
    """One socket; after a gap the calls that are there are compared with those that were known."""

    def __init__(
        self, ari: Ari, outside: Outside, mark: str, now: Callable[[], datetime] = _now
    ) -> None:
        self._ari = ari
        self._outside = outside
        self._now = now
        self._app = f"otklik.{mark}.outside.{secrets.token_hex(4)}"
        self._told: list[News] = []
        self._some = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def news(self, seconds: float) -> list[News]:
        """What comes within the time, at once when something does; raises AriError."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._some.wait()
        told, self._told = self._told, []
        self._some.clear()
        if not told and self._reading.done():
            reading, self._reading = self._reading, None
            await reading
        return told

    async def close(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        await self._ari.close()

    async def _read(self) -> None:
        try:
            async with aclosing(self._ari.events(self._app)) as events:
                async for event in events:
                    if not event:
                        await self._compare()
                    elif event.get("type") == "ApplicationReplaced":
                        break
                    else:
                        # What is heard is of this moment, and its own clock may well be wrong.
                        at = self._now().isoformat()
                        self._tell(self._outside.take({**event, "timestamp": at}))
            raise AriError(0, "the socket was closed")
        finally:
            self._some.set()

    async def _compare(self) -> None:
        await self._ari.every_channel(self._app)
        with suppress(AriError):
            await self._ari.only(self._app, SEEN)
        channels = await self._ari.get("channels")
        self._tell(self._outside.compare(channels, self._now()))

    def _tell(self, news: list[News]) -> None:
        if news:
            self._told = [*self._told, *news][-HEARD_MAX:]
            self._some.set()
