"""Lanes: whose turn it is to send what waits in a dialog, and when a lane that waits is due.

A lane is claimed by lease in the dialog's own row. One that waits for its channel says so, so
that whoever finds the channel well again ends the wait of all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub.model import ChannelId, Dialog, DialogId, ProjectId
from hub.store.engine import AbsentError, Engine, Range
from hub.store.schema import LANES, LANES_OF

LEASE = timedelta(seconds=60)
WAIT_MAX = timedelta(minutes=30)
HELD = "channel"
"""Stands where a holder's token would: the lane waits for its channel and nobody has it."""


@dataclass(frozen=True)
class Wait:
    """When to come again; `held` is a wait for the channel, which ends when that is well."""

    until: datetime
    held: bool = False


class LostError(Exception):
    """The lane is somebody else's now."""


class Lanes:
    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def due(self, limit: int) -> list[DialogId]:
        """Dialogs whose lane may be claimed now, the longest due first."""
        return [DialogId(row.id) for row in await self.rows(limit)]

    async def rows(self, limit: int, full: Collection[str] = ()) -> list[Dialog]:
        """As `due`, the rows themselves, but for channels that have their part already."""
        page = await self._engine.find(
            LANES,
            range=Range("lane_at", at_most=self._now()),
            limit=limit,
            where=(lambda row: row.channel not in full) if full else None,
        )
        return page.items

    async def claim(self, id: DialogId, token: str) -> Dialog:
        """The row with its lane held; LostError when it is not due."""
        now = self._now()

        def claimed(row: Dialog) -> Dialog:
            if row.lane_at is None or row.lane_at > now:
                raise LostError
            return replace(row, lane_at=now + LEASE, lane_by=token)

        return await self._engine.change(Dialog, id, claimed)

    async def renew(self, id: str, token: str) -> None:
        until = self._now() + LEASE

        def renewed(current: Dialog) -> Dialog:
            if current.lane_by != token:
                raise LostError
            return replace(current, lane_at=until)

        await self._engine.change(Dialog, id, renewed)

    async def release(self, id: str, token: str, seen: int, wait: Wait | None) -> Dialog:
        """Gives the lane back, or keeps it when more came while it was being emptied."""

        def released(current: Dialog) -> Dialog:
            if current.lane_by != token:
                raise LostError
            if wait is None:
                if current.out_seq > seen:
                    return replace(current, lane_at=self._now() + LEASE)
                return replace(current, lane_at=None, lane_by="")
            return replace(current, lane_at=wait.until, lane_by=HELD if wait.held else "")

        return await self._engine.change(Dialog, id, released)

    async def recover(self) -> int:
        """Frees every lane that a process held; only for the one that serves an embedded store.

        Whoever held a lease there is dead, so nothing has to wait for it to run out.
        """
        freed, after = 0, None
        while True:
            page = await self._engine.find(LANES, after=after, limit=200)
            for row in page.items:
                if row.lane_by not in ("", HELD):
                    await self._engine.change(Dialog, row.id, self._abandoned)
                    freed += 1
            if (after := page.next) is None:
                return freed

    def _abandoned(self, row: Dialog) -> Dialog:
        return replace(row, lane_by="", lane_at=self._now())

    async def free(self, project: ProjectId, channel: ChannelId) -> int:
        """Makes due now every lane that waits for the channel; how many there were."""
        now, freed, after = self._now(), 0, None

        def due(row: Dialog) -> Dialog | None:
            return replace(row, lane_at=now, lane_by="") if row.lane_by == HELD else None

        while True:
            page = await self._engine.find(
                LANES_OF,
                {"project": project, "channel": channel},
                range=Range("lane_at", at_least=now + timedelta(milliseconds=1)),
                after=after,
                limit=200,
                where=lambda row: row.lane_by == HELD,
            )
            for row in page.items:
                with suppress(AbsentError):
                    await self._engine.change(Dialog, row.id, due)
                    freed += 1
            if (after := page.next) is None:
                return freed


async def straighten(engine: Engine, now: datetime) -> int:
    """Makes lanes due that wait longer than one can: a clock that was ahead put them off."""

    def straight(row: Dialog) -> Dialog | None:
        # Whoever still holds the lane finds at its next step that it was lost.
        if row.lane_at is None or row.lane_at <= now + WAIT_MAX + LEASE:
            return None
        return replace(row, lane_at=now, lane_by="")

    far = Range("lane_at", at_least=now + WAIT_MAX + 2 * LEASE)
    return await engine.change_each(LANES, far, straight)
