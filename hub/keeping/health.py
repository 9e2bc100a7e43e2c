"""How the hub is: what waits and for how long, what was kept aside, what is left of the disk.

The same figures are shown to people and, every few seconds, set as gauges.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from hub import observe
from hub.bus import Bus
from hub.errors import UnavailableError
from hub.model import Project, ProjectId
from hub.store.engine import Engine, Index, Range
from hub.store.schema import (
    LANES,
    LEADS_DUE,
    LETTERS_WAITING,
    PROJECTS_BY_NAME,
    RULES_DUE,
    TIMERS_DUE,
    VERSION,
)

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=15)
COUNT_CAP = 1_000
LATE = timedelta(seconds=30)
"""How long after its time a timer is late; up to then it is merely being done."""


class Backlog(msgspec.Struct, frozen=True):
    """How many wait, counted up to a thousand, and since when the oldest does."""

    n: int
    more: bool
    oldest_at: datetime | None = None


class Disk(msgspec.Struct, frozen=True):
    """The disk that the data lies on; `low` when there is less room than is wanted."""

    free_bytes: int
    total_bytes: int
    low: bool


class StoreState(msgspec.Struct, frozen=True):
    """`behind_bytes` are written and safe, but not yet in the main file."""

    kind: str
    version: int
    behind_bytes: int


class BusState(msgspec.Struct, frozen=True):
    kind: str
    connected: bool


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The hub at one moment; `deliveries_held` are lanes in work or told to wait."""

    at: datetime
    deliveries: Backlog
    deliveries_held: Backlog
    rules: Backlog
    timers_late: Backlog
    calls_late: Backlog
    dead_letters: Backlog
    store: StoreState
    bus: BusState
    disk: Disk | None


class Health:
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        folder: Path,
        now: Callable[[], datetime],
        wanted_bytes: int = 0,
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._folder = folder
        self._wanted_bytes = wanted_bytes
        self._now = now

    async def look(self, projects: Iterable[ProjectId]) -> Figures:
        """The figures of now: dead letters and late calls of these projects, else the whole hub."""
        now, projects = self._now(), list(projects)
        return Figures(
            at=now,
            deliveries=await self._due(LANES, Range("lane_at", at_most=now)),
            deliveries_held=await self._held(now),
            rules=await self._due(RULES_DUE, Range("rules_at", at_most=now)),
            timers_late=await self._due(TIMERS_DUE, Range("due_at", below=now - LATE)),
            calls_late=await self._calls(projects, now),
            dead_letters=await self._letters(projects),
            store=StoreState(self._engine.kind, VERSION, self._engine.behind_bytes()),
            bus=BusState(self._bus.kind, self._bus.connected),
            disk=await asyncio.to_thread(_disk, self._folder, self._wanted_bytes),
        )

    async def run(self) -> None:
        """Measures every few seconds until cancelled."""
        while True:
            await self.measure()
            await asyncio.sleep(EVERY.total_seconds())

    async def measure(self) -> None:
        """Sets the gauges to the figures of now."""
        try:
            _show(await self.look(await self._projects()))
            observe.STORE_WORKING.set(1)
        except UnavailableError as error:
            observe.STORE_WORKING.set(0)
            log.warning("health.unknown", extra={"reason": str(error)})

    async def _due(self, index: Index[Any], range: Range) -> Backlog:
        page = await self._engine.find(index, range=range, limit=1)
        if not page.items:
            return Backlog(0, more=False)
        n = await self._engine.count(index, range=range, cap=COUNT_CAP + 1)
        oldest: datetime = getattr(page.items[0], range.field)
        return Backlog(min(n, COUNT_CAP), n > COUNT_CAP, oldest)

    async def _held(self, now: datetime) -> Backlog:
        later = Range("lane_at", at_least=now + timedelta(milliseconds=1))
        n = await self._engine.count(LANES, range=later, cap=COUNT_CAP + 1)
        return Backlog(min(n, COUNT_CAP), n > COUNT_CAP)

    async def _calls(self, projects: Iterable[ProjectId], now: datetime) -> Backlog:
        """Callback orders that are due and that nobody dials."""
        n, oldest = 0, None
        for project in projects:
            due = Range("due_at", below=now - LATE)
            equal: dict[str, str | int | bool | datetime | None] = {
                "project": project,
                "live": True,
            }
            page = await self._engine.find(LEADS_DUE, equal, range=due, limit=1)
            if page.items:
                n += await self._engine.count(LEADS_DUE, equal, range=due, cap=COUNT_CAP + 1)
                first = [each.due_at for each in page.items if each.due_at is not None]
                oldest = min([*first, oldest] if oldest else first)
        return Backlog(min(n, COUNT_CAP), n > COUNT_CAP, oldest)

    async def _letters(self, projects: Iterable[ProjectId]) -> Backlog:
        n, oldest = 0, None
        for project in projects:
            equal = {"project": project, "replayed_at": None}
            here = await self._engine.count(LETTERS_WAITING, equal, cap=COUNT_CAP + 1)
            if here:
                n += here
                page = await self._engine.find(LETTERS_WAITING, equal, limit=1)
                first = [each.created_at for each in page.items]
                oldest = min([*first, oldest] if oldest else first, default=None)
        return Backlog(min(n, COUNT_CAP), n > COUNT_CAP, oldest)

    async def _projects(self) -> list[ProjectId]:
        found: list[Project] = []
        after = None
        while True:
            page = await self._engine.find(PROJECTS_BY_NAME, after=after, limit=500)
            found += page.items
            if (after := page.next) is None:
                return [ProjectId(each.id) for each in found]


def _disk(folder: Path, wanted_bytes: int) -> Disk | None:
    """None when it cannot be told, as before anything was written."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return Disk(usage.free, usage.total, usage.free < wanted_bytes)


def _show(figures: Figures) -> None:
    for queue, backlog in (
        ("deliveries", figures.deliveries),
        ("deliveries_held", figures.deliveries_held),
        ("rules", figures.rules),
        ("timers_late", figures.timers_late),
        ("calls_late", figures.calls_late),
        ("dead_letters", figures.dead_letters),
    ):
        observe.QUEUE_WAITING.labels(queue=queue).set(backlog.n)
        age = figures.at - backlog.oldest_at if backlog.oldest_at else timedelta(0)
        observe.QUEUE_OLDEST.labels(queue=queue).set(max(0.0, age.total_seconds()))
    observe.STORE_BEHIND.set(figures.store.behind_bytes)
    if figures.disk is not None:
        observe.DISK_FREE.set(figures.disk.free_bytes)
