"""A line to the tests' Asterisk, and what it told of each leg."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from hub.calls.trunk import AnyLegEvent, Gone, LegEvent
from hub.keeping.keys import Keys
from hub.model import ChannelId
from telephony.ari.stasis import Stasis
from telephony.asterisk import Asterisk, AsteriskSettings
from tests.telephony.pbx.asterisks import Asterisk as Instance

WAITS_S = 60.0
KEYS = Keys(bytes(32))
T = TypeVar("T", bound=LegEvent)


def trunk(instance: Instance, **settings: object) -> Asterisk:
    told = {
        "api_url": instance.url,
        "user": instance.user,
        "password": instance.password,
        "internal": "PJSIP/{number}@office",
        "calls_per_second": 50,
    }
    made = AsteriskSettings(**{**told, **settings})  # type: ignore[arg-type]
    return Asterisk(ChannelId("pbx"), made, KEYS)


class Heard:
    """Everything that a line told, by leg."""

    def __init__(self) -> None:
        self.of: dict[str, list[AnyLegEvent]] = defaultdict(list)
        self.lost = 0
        self._changed = asyncio.Event()

    def take(self, event: AnyLegEvent) -> None:
        self.of[event.leg].append(event)
        self._tell()

    def lose(self) -> None:
        self.lost += 1
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed.clear()

    async def until(self, wanted: Callable[[], bool], seconds: float = WAITS_S) -> None:
        async with asyncio.timeout(seconds):
            while not wanted():
                await self._changed.wait()

    async def first(self, leg: str, type: type[T]) -> T:
        """The first event of that sort."""
        await self.until(lambda: self.all(leg, type) != [])
        return self.all(leg, type)[0]

    async def gone(self, leg: str) -> Gone:
        return await self.first(leg, Gone)

    def all(self, leg: str, type: type[T]) -> list[T]:
        return [each for each in self.of[leg] if isinstance(each, type)]

    def sorts(self, leg: str) -> list[str]:
        return [type(each).__name__ for each in self.of[leg]]


@asynccontextmanager
async def serving(line: Stasis) -> AsyncIterator[Heard]:
    """The line runs, and is ready when this begins."""
    heard = Heard()
    line.listen(heard.take, heard.lose)
    task = asyncio.create_task(line.run())
    try:
        await until_ready(line)
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until_ready(line: Stasis, *, is_so: bool = True) -> None:
    async with asyncio.timeout(WAITS_S):
        while line.ready is not is_so:  # noqa: ASYNC110 - a line tells nobody that it is ready
            await asyncio.sleep(0.02)
