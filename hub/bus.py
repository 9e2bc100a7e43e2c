"""What may be lost: live events with a cursor, wake-ups, presence and rate limits.

The store decides; whoever finds a gap in the bus reloads from it. `Bus` is the port and
`LocalBus` serves one process; the one in `hub/redis_bus.py` serves many.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import ClassVar, Generic, TypeVar

from hub.events import HubEvent
from hub.model import DialogId, OperatorId, ProjectId

KEPT_EVENTS = 10_000
BUCKETS_MAX = 50_000
LOOK_LASTS = timedelta(seconds=45)


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event as every subscriber gets it, with its cursor."""

    cursor: str
    event: HubEvent


class GapError(Exception):
    """The cursor is of another epoch or too old; reload from the store."""


T = TypeVar("T")


class Subscription(Generic[T]):
    """A bounded queue; one that overflows is ended, never grown."""

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque()
        self._size = size
        self._ready = asyncio.Event()
        self.overflowed = False

    def put(self, item: T) -> None:
        # After the first that did not fit nothing may follow, or a hole would go unseen.
        self.overflowed = self.overflowed or len(self._items) >= self._size
        if not self.overflowed:
            self._items.append(item)
        self._ready.set()

    def end(self) -> None:
        self.overflowed = True
        self._ready.set()

    async def take(self) -> list[T]:
        """All that has come, waiting for the first; raises GapError after an overflow."""
        while not self._items:
            if self.overflowed:
                raise GapError
            self._ready.clear()
            await self._ready.wait()
        items = list(self._items)
        self._items.clear()
        return items


class Bus(ABC):
    kind: ClassVar[str]
    shared: ClassVar[bool] = False
    """Whether other processes hear it too, who may die before they announced what they stored."""

    @property
    def connected(self) -> bool:
        """Whether what is announced reaches every process now."""
        return True

    @abstractmethod
    async def open(self) -> None: ...

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    async def cursor(self) -> str:
        """Where the bus stands now: epoch:number."""

    @abstractmethod
    async def announce(self, event: HubEvent) -> str:
        """Gives the event to every subscriber and returns its cursor.

        Never fails and never holds its caller up for long: what cannot be said is lost.
        """

    @abstractmethod
    async def since(self, cursor: str) -> Sequence[Announcement]:
        """What was announced after the cursor; raises GapError when that is not known."""

    @abstractmethod
    def listen(self, size: int = 1_000) -> AbstractAsyncContextManager[Subscription[Announcement]]:
        """`async with bus.listen() as subscription`: every event announced from now on."""

    @abstractmethod
    async def wake(self, name: str) -> None:
        """Tells the sleepers of that name that there is work; may be lost."""

    @abstractmethod
    async def sleep(self, name: str, at_most: timedelta) -> bool:
        """Waits for a wake-up of that name, but not longer; True if there was one."""

    @abstractmethod
    async def allow(self, key: str, rate: int, per: timedelta) -> timedelta | None:
        """Takes one of `rate` turns `per` period; else says after how long to come back."""

    @abstractmethod
    async def appear(
        self, project: ProjectId, operator: OperatorId, presence: str, lasts: timedelta
    ) -> None:
        """Keeps the operator's presence for as long as it `lasts`; repeat to keep it up."""

    @abstractmethod
    async def present(self, project: ProjectId) -> dict[OperatorId, str]:
        """Who is there now."""

    @abstractmethod
    async def look(
        self, dialog: DialogId, operator: OperatorId, screen: str, lasts: timedelta = LOOK_LASTS
    ) -> None:
        """Says that the operator has the dialog before him on that screen; zero ends it."""

    @abstractmethod
    async def lookers(self, dialog: DialogId) -> set[OperatorId]:
        """Who looks at the dialog now, on any screen."""


class LocalBus(Bus):
    """The bus of a single process; its epoch ends with the process."""

    kind: ClassVar[str] = "local"

    def __init__(self, *, buckets_max: int = BUCKETS_MAX) -> None:
        self.clock: Callable[[], float] = monotonic
        """By which turns come back and presence ends, in seconds."""
        self._buckets_max = buckets_max
        self._epoch = secrets.token_hex(6)
        self._number = 0
        self._kept: deque[Announcement] = deque(maxlen=KEPT_EVENTS)
        self._listeners: set[Subscription[Announcement]] = set()
        self._sleepers: dict[str, asyncio.Event] = {}
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._presence: dict[ProjectId, dict[OperatorId, tuple[str, float]]] = {}
        self._looks: OrderedDict[tuple[DialogId, str], tuple[OperatorId, float]] = OrderedDict()

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        self.interrupt()

    def interrupt(self) -> None:
        """Ends every listener: something was missed, and each has to look for itself."""
        for listener in self._listeners:
            listener.end()

    def give(self, announcement: Announcement) -> None:
        """Hands every listener what was announced elsewhere."""
        for listener in self._listeners:
            listener.put(announcement)

    def wake_all(self) -> None:
        for sleeper in self._sleepers.values():
            sleeper.set()

    async def cursor(self) -> str:
        return f"{self._epoch}:{self._number}"

    async def announce(self, event: HubEvent) -> str:
        self._number += 1
        cursor = f"{self._epoch}:{self._number}"
        announcement = Announcement(cursor, event)
        self._kept.append(announcement)
        self.give(announcement)
        return cursor

    async def since(self, cursor: str) -> Sequence[Announcement]:
        epoch, _, number = cursor.partition(":")
        if epoch != self._epoch or not number.isdecimal() or len(number) > 18:
            raise GapError
        missing = self._number - int(number)
        if missing < 0 or missing > len(self._kept):
            raise GapError
        return list(self._kept)[len(self._kept) - missing :]

    @asynccontextmanager
    async def listen(self, size: int = 1_000) -> AsyncIterator[Subscription[Announcement]]:
        subscription: Subscription[Announcement] = Subscription(size)
        self._listeners.add(subscription)
        try:
            yield subscription
        finally:
            self._listeners.discard(subscription)

    async def wake(self, name: str) -> None:
        self._sleepers.setdefault(name, asyncio.Event()).set()

    async def sleep(self, name: str, at_most: timedelta) -> bool:
        event = self._sleepers.setdefault(name, asyncio.Event())
        try:
            async with asyncio.timeout(at_most.total_seconds()):
                await event.wait()
        except TimeoutError:
            return False
        event.clear()
        return True

    async def allow(self, key: str, rate: int, per: timedelta) -> timedelta | None:
        period = per.total_seconds()
        at = self.clock()
        turns, since = self._buckets.pop(key, (float(rate), at))
        turns = min(float(rate), turns + (at - since) * rate / period)
        wait = None if turns >= 1 else timedelta(seconds=(1 - turns) * period / rate)
        self._buckets[key] = (turns - 1 if wait is None else turns, at)
        while len(self._buckets) > self._buckets_max:
            self._buckets.popitem(last=False)
        return wait

    async def appear(
        self, project: ProjectId, operator: OperatorId, presence: str, lasts: timedelta
    ) -> None:
        until = self.clock() + lasts.total_seconds()
        self._presence.setdefault(project, {})[operator] = (presence, until)

    async def present(self, project: ProjectId) -> dict[OperatorId, str]:
        at = self.clock()
        here = self._presence.get(project, {})
        return {who: presence for who, (presence, until) in here.items() if until > at}

    async def look(
        self, dialog: DialogId, operator: OperatorId, screen: str, lasts: timedelta = LOOK_LASTS
    ) -> None:
        at = self.clock()
        self._looks.pop((dialog, screen), None)
        if lasts > timedelta(0):
            self._looks[dialog, screen] = (operator, at + lasts.total_seconds())
        # All last as long as each other, but for tests, so the first to end is the first put.
        while self._looks and next(iter(self._looks.values()))[1] <= at:
            self._looks.popitem(last=False)

    async def lookers(self, dialog: DialogId) -> set[OperatorId]:
        at = self.clock()
        return {
            who for (seen, _), (who, until) in self._looks.items() if seen == dialog and until > at
        }
