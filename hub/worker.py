"""What follows from the log after the acknowledgement, driven by rows behind their rules.

A row whose `ruled_seq` is behind is due. Everything done here is keyed by the entry it
follows from, so a worker may die at any line and another may do it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub import dialogs, marks, observe
from hub.bus import Bus
from hub.errors import UnavailableError
from hub.files import Files
from hub.model import Cycle, Dialog, DialogId, Fact, Lock, Session, Verb
from hub.statuses import Status
from hub.store.engine import Engine, Insert, Range, TakenError
from hub.store.schema import LOG, LOG_RECENT, RULES_DUE, SESSIONS_OLD

log = logging.getLogger(__name__)

WAKE = "rules"
IDLE = timedelta(seconds=1)
ROWS_AT_ONCE = 100
SWEEP_EVERY = timedelta(minutes=1)
ALIVE = "alive"
WALK_MARGIN = timedelta(minutes=2)


class Worker:
    def __init__(self, engine: Engine, bus: Bus, files: Files, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._bus = bus
        self._files = files
        self._now = now

    async def repair(self) -> int:
        """Brings level every row that a dead process left behind its log; how many were.

        Looks at entries stored since somebody last looked.
        """
        alive = await self._engine.get(Lock, ALIVE)
        since = None if alive is None or alive.until is None else alive.until - WALK_MARGIN
        mended, after = 0, None
        while True:
            page = await self._engine.find(
                LOG_RECENT,
                range=None if since is None else Range("stored_at", at_least=since),
                after=after,
                limit=500,
            )
            heads: dict[DialogId, int] = {}
            for entry in page.items:
                heads[entry.dialog] = max(entry.seq, heads.get(entry.dialog, 0))
            for id, row in (await self._engine.get_many(Dialog, sorted(heads))).items():
                if row.seq < heads[DialogId(id)]:
                    await dialogs.level(self._engine, DialogId(id))
                    mended += 1
            if (after := page.next) is None:
                break
        observe.ROWS_REPAIRED.inc(mended)
        await self.mark_alive()
        return mended

    async def mark_alive(self) -> None:
        now = self._now()
        with suppress(TakenError):
            await self._engine.write(Insert(Lock(id=ALIVE, until=now)))
            return
        await self._engine.change(Lock, ALIVE, lambda lock: replace(lock, until=now))

    async def run(self) -> None:
        """Works until cancelled; an unavailable store only makes it wait."""
        swept = self._now()
        while True:
            try:
                more = await self.work()
                if self._now() - swept >= SWEEP_EVERY:
                    swept = self._now()
                    await self.sweep()
            except UnavailableError as error:
                log.warning("worker.waits", extra={"reason": str(error)})
                more = False
            if not more:
                await self._bus.sleep(WAKE, IDLE)

    async def work(self) -> bool:
        """Takes the due rows once; True when there may be more."""
        page = await self._engine.find(
            RULES_DUE, range=Range("rules_at", at_most=self._now()), limit=ROWS_AT_ONCE
        )
        for row in page.items:
            try:
                await self._rule(row)
            except UnavailableError:
                raise
            except Exception:
                log.exception("worker.failed", extra={"dialog": row.id})
                await self._postpone(row)
        return len(page.items) == ROWS_AT_ONCE

    async def _rule(self, row: Dialog) -> None:
        page = await self._engine.find(
            LOG,
            {"dialog": row.id},
            range=Range("seq", at_least=row.ruled_seq + 1, at_most=row.seq),
            limit=500,
        )
        now = self._now()
        cycles: dict[int, Cycle] = {}
        for entry in page.items:
            await marks.settle(self._engine, self._bus, entry, now)
            if entry.verb is Verb.CLOSED and entry.cycle is not None:
                cycles[entry.cycle.n] = entry.cycle
        if row.open:
            cycles[row.cycle.n] = row.cycle
        for cycle in cycles.values():
            await self._record(row, cycle, now)
        upto = page.items[-1].seq if page.items else row.seq

        def ruled(current: Dialog) -> Dialog:
            # Whoever was overtaken by another worker may have written over what that one
            # wrote of a later row, so the row is looked at again.
            return replace(
                current,
                ruled_seq=max(current.ruled_seq, upto),
                rules_at=None if upto >= current.seq else now,
            )

        await self._engine.change(Dialog, row.id, ruled)

    async def _postpone(self, row: Dialog) -> None:
        """A row that breaks its rules must not keep the others waiting."""
        later = self._now() + timedelta(minutes=5)
        await self._engine.change(Dialog, row.id, lambda current: replace(current, rules_at=later))

    async def _record(self, row: Dialog, cycle: Cycle, now: datetime) -> None:
        # A cycle that others followed ended with its chat closed, whenever it is recorded.
        ended = Status.CHAT_CLOSED if row.chat_status is not None else None
        fact = Fact(
            id=f"{row.id}:{cycle.n}",
            project=row.project,
            dialog=DialogId(row.id),
            channel=row.channel,
            type=row.type,
            contact=row.contact,
            name=row.name,
            entry_point=row.entry_point,
            direction=row.direction,
            creation=row.creation,
            status=row.chat_status if cycle.n == row.cycle.n else ended,
            cycle=cycle,
            created_at=cycle.queued_at or row.created_at,
            changed_at=now,
        )

        def newer(current: Fact) -> Fact | None:
            if current.cycle.closed_at is not None and cycle.closed_at is None:
                return None
            if (current.cycle, current.status) == (cycle, fact.status):
                return None
            return replace(fact, rev=current.rev, created_at=current.created_at)

        try:
            await self._engine.write(Insert(fact))
        except TakenError:
            await self._engine.change(Fact, fact.id, newer)

    async def sweep(self) -> None:
        """Mends what others left behind, drops what has had its time.

        That is early marks, unused files and ended sessions.
        """
        now = self._now()
        await self.repair()
        await marks.sweep(self._engine, now)
        await self._files.sweep(now)
        page = await self._engine.find(
            SESSIONS_OLD, range=Range("expires_at", below=now), limit=500
        )
        for session in page.items:
            await self._engine.delete_if(Session, session.id, lambda old: old.expires_at < now)
