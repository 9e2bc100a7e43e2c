"""What follows from the log after the acknowledgement, driven by rows behind their rules.

A row whose `ruled_seq` is behind is due. Everything done here is keyed by the entry it
follows from, so a worker may die at any line and another may do it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub import dialogs, lanes, marks, observe, timers
from hub.bus import Bus
from hub.echo import echo
from hub.errors import UnavailableError
from hub.files.kept import Files
from hub.finding.search import Search
from hub.leads import ordering
from hub.leases import Turn
from hub.model import (
    Cycle,
    Dialog,
    DialogId,
    Entry,
    EntryKind,
    Lock,
    Session,
    Verb,
)
from hub.people import alike as people
from hub.people import contacts, joining
from hub.people.erasure import nameless
from hub.records import Fact
from hub.requests import handling
from hub.ruling import SOON, Ruling
from hub.statuses import Status
from hub.store.engine import AbsentError, Engine, Insert, Range, TakenError
from hub.store.schema import LOG, LOG_RECENT, RULES_DUE, SESSIONS_OLD

log = logging.getLogger(__name__)

WAKE = "rules"
IDLE = timedelta(seconds=1)
GATHER = timedelta(milliseconds=250)
"""A burst of a dialog is ruled once, not line by line against those who still write it."""
ROWS_AT_ONCE = 100
SWEEP_EVERY = timedelta(minutes=1)
ALIVE = "alive"
WALK_MARGIN = timedelta(minutes=2)
WALK_STEP = 2_000
LEAD = "sweeps"
LEAD_LASTS = timedelta(seconds=90)
ECHO_BACK = timedelta(minutes=3)
"""How far a new leader says again what changed: longer than a dead one keeps its lease."""
ECHO_MARGIN = timedelta(seconds=10)
POSTPONED = timedelta(minutes=5)
ENDS = frozenset({Verb.CLOSED, Verb.SPAM, Verb.IMPORTED})
CLAIM = timedelta(seconds=10)
"""How long a row is one worker's among several; a dead one's is ruled by another after it."""


class _OthersError(Exception):
    """Another worker is at it, or was."""


class Worker:
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        files: Files,
        search: Search,
        now: Callable[[], datetime],
        name: str = "",
        consider: Callable[[Dialog], Awaitable[None]] | None = None,
        ruling: Ruling | None = None,
        follows: Sequence[Callable[[Entry], Awaitable[None]]] = (),
    ) -> None:
        """`consider` is shown every row once its rules were followed, `follows` every line."""
        self._engine = engine
        self._bus = bus
        self._files = files
        self._search = search
        self._now = now
        self._consider = consider
        self._ruling = ruling
        self._follows = follows
        self._name = name
        self._lead = Turn(engine, LEAD, name, now, LEAD_LASTS)
        self._echoed: datetime | None = None

    async def repair(self) -> int:
        """Brings level every row that a dead process left behind its log; how many were.

        Looks at entries stored since somebody last looked.
        """
        alive = await self._engine.get(Lock, ALIVE)
        since = None
        if alive is not None and alive.until is not None:
            # A mark in the future is of a clock that was wrong.
            since = min(alive.until, self._now()) - WALK_MARGIN
        await marks.meet(self._engine, self._bus, since, self._now())
        mended, after = 0, None
        while True:
            page = await self._engine.keys(
                LOG_RECENT,
                range=None if since is None else Range("stored_at", at_least=since),
                after=after,
                limit=WALK_STEP,
                budget=WALK_STEP,
            )
            heads: dict[DialogId, int] = {}
            for _, dialog, seq, _ in page.items:
                heads[dialog] = max(seq, heads.get(dialog, 0))
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
        swept, greeted = self._now(), not self._bus.shared
        try:
            while True:
                try:
                    if not greeted:
                        await echo(self._engine, self._bus, self._now() - ECHO_BACK)
                        greeted = True
                    more = await self.work() or await self.fire() or await self._words()
                    if not timedelta(0) <= self._now() - swept < SWEEP_EVERY:
                        swept = self._now()
                        await self._take_turn_safely()
                except UnavailableError as error:
                    log.warning("worker.waits", extra={"reason": str(error)})
                    more = False
                if not more and await self._bus.sleep(WAKE, IDLE):
                    await asyncio.sleep(GATHER.total_seconds())
        finally:
            await self.resign()

    async def _take_turn_safely(self) -> None:
        """A fault of one sweep must not end the rules."""
        try:
            await self.take_turn()
        except UnavailableError:
            raise
        except Exception:
            log.exception("sweep.failed")

    async def take_turn(self) -> bool:
        """Sweeps if that is this process's to do; among several one leads."""
        if not self._bus.shared:
            await self.sweep()
            return True
        if not await self._lead.mine():
            self._echoed = None
            return False
        now = self._now()
        await self.sweep()
        since = min(self._echoed, now) - ECHO_MARGIN if self._echoed else now - ECHO_BACK
        await echo(self._engine, self._bus, since)
        self._echoed = now
        return True

    async def resign(self) -> None:
        """Lets another lead at once."""
        await self._lead.pass_on()

    async def work(self, *, at_once: int = ROWS_AT_ONCE) -> bool:
        """Takes the due rows once; True when there may be more."""
        page = await self._engine.find(
            RULES_DUE, range=Range("rules_at", at_most=self._now()), limit=at_once
        )
        for row in page.items:
            with observe.about(dialog=row.id, channel=row.channel):
                try:
                    if self._ruling is not None and not self._ruling.is_ready(row):
                        await self._postpone(row, SOON)
                    elif (mine := await self._claimed(row)) is not None:
                        await self._rule(mine)
                except UnavailableError:
                    raise
                except Exception:
                    log.exception("worker.failed")
                    await self._postpone(row)
        return len(page.items) == at_once

    async def fire(self) -> bool:
        """Keeps the promises that are due; True when there may be more."""
        return self._ruling is not None and await self._ruling.fire(self._name)

    async def _words(self) -> bool:
        """Takes what search must read again or never read; True when there may be more."""
        try:
            return await self._search.reread() or await self._search.read_history()
        except UnavailableError:
            raise
        except Exception:
            log.exception("search.failed")
            return False

    async def _claimed(self, row: Dialog) -> Dialog | None:
        """The row as it stands if it is this worker's now: two would do the same work twice.

        Only work is saved by it; what follows from a row happens once by its ids.
        """
        if not self._bus.shared:
            return row
        now = self._now()

        def claimed(current: Dialog) -> Dialog:
            if current.rules_at is None or current.rules_at > now:
                raise _OthersError
            return replace(current, rules_at=now + CLAIM)

        try:
            return await self._engine.change(Dialog, row.id, claimed)
        except (_OthersError, AbsentError):
            return None

    async def _rule(self, row: Dialog) -> None:
        page = await self._engine.find(
            LOG,
            {"dialog": row.id},
            range=Range("seq", at_least=row.ruled_seq + 1, at_most=row.seq),
            limit=500,
        )
        now = self._now()
        cycles: dict[int, Cycle] = {}
        early = await marks.any_early(self._engine, row.project)
        for entry in page.items:
            if early:
                await marks.settle(self._engine, self._bus, row.channel, entry, now)
            await ordering.follow(self._engine, self._bus, row, entry, now)
            for follow in self._follows:
                await follow(entry)
            await people.follow(self._engine, self._bus, entry, now)
            if entry.verb in ENDS and entry.cycle is not None:
                cycles[entry.cycle.n] = entry.cycle
            elif entry.verb is Verb.RATED:
                cycles[row.cycle.n] = row.cycle
        await self._meet(row, page.items)
        if self._ruling is not None:
            await self._ruling.follow(row, page.items)
        for entry in page.items:
            # After the rules, which may have found it to be spam.
            await handling.follow(self._engine, self._bus, row, entry, now)
        await self._search.read(row, page.items)
        if row.open:
            cycles[row.cycle.n] = row.cycle
        undone = any(each.verb is Verb.UNSPAM for each in page.items)
        first = [
            cycle.n
            for cycle in cycles.values()
            if await self._record(row, cycle, now, undone=undone)
        ]
        upto = page.items[-1].seq if page.items else row.seq

        def ruled(current: Dialog) -> Dialog | None:
            if current.dropped_at is not None:
                return None
            # Whoever was overtaken by another worker may have written over what that one
            # wrote of a later row, so the row is looked at again.
            return replace(
                current,
                ruled_seq=max(current.ruled_seq, upto),
                rules_at=None if upto >= current.seq else now,
            )

        try:
            after = await self._engine.change(Dialog, row.id, ruled)
        except AbsentError:
            after = None
        if after is None or after.dropped_at is not None:
            await self._take_back(row, cycles, first)
        elif self._consider is not None:
            await self._consider(after)

    async def _meet(self, row: Dialog, entries: Sequence[Entry]) -> None:
        """Keeps what the person told of itself by writing."""
        heard = [each for each in entries if each.kind is EntryKind.IN]
        if not heard:
            return
        told = [each.data for each in heard if each.data.keys() & {"phone", "email"}]
        proven = [each.data["phone"] for each in heard if each.card and "phone" in each.data]
        for each in told:
            phone, email = each.get("phone", ""), each.get("email", "")
            await contacts.fill(self._engine, row.contact, phone=phone, email=email)
        last = max(each.at for each in heard)
        phone = proven[-1] if proven else ""
        await contacts.reach(self._engine, row.identity, last, phone=phone)

    async def _postpone(self, row: Dialog, by: timedelta = POSTPONED) -> None:
        """A row that breaks its rules must not keep the others waiting."""
        later = self._now() + by
        with suppress(AbsentError):
            await self._engine.change(
                Dialog, row.id, lambda current: replace(current, rules_at=later)
            )

    async def _record(self, row: Dialog, cycle: Cycle, now: datetime, *, undone: bool) -> bool:
        """Whether it is the first that is recorded of the cycle."""
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
            goes_on = undone and current.cycle.result == "spam"
            if current.cycle.closed_at is not None and cycle.closed_at is None and not goes_on:
                return None
            if (current.cycle, current.status) == (cycle, fact.status):
                return None
            return replace(fact, rev=current.rev, created_at=current.created_at)

        try:
            await self._engine.write(Insert(fact))
        except TakenError:
            with suppress(AbsentError):
                await self._engine.change(Fact, fact.id, newer)
            return False
        return True

    async def _take_back(
        self, row: Dialog, cycles: Collection[int], first: Collection[int]
    ) -> None:
        """Whoever erased the dialog while it was ruled may not have seen what was recorded."""
        for n in cycles:
            id = f"{row.id}:{n}"
            if n in first:
                await self._engine.delete_if(Fact, id, lambda _: True)
            else:
                with suppress(AbsentError):
                    await self._engine.change(Fact, id, nameless)

    async def sweep(self) -> None:
        """Mends what others left behind, drops what has had its time.

        That is early marks, keys of links, unused files and ended sessions.
        """
        now = self._now()
        await self.repair()
        await self._straighten(now)
        await marks.sweep(self._engine, now)
        await joining.sweep(self._engine, now)
        await self._files.sweep(now)
        page = await self._engine.find(
            SESSIONS_OLD, range=Range("expires_at", below=now), limit=500
        )
        for session in page.items:
            await self._engine.delete_if(Session, session.id, lambda old: old.expires_at < now)

    async def _straighten(self, now: datetime) -> None:
        """Makes due what a clock that ran ahead put further off than anything is put."""
        await lanes.straighten(self._engine, now)
        await timers.straighten(self._engine, now)
        far = Range("rules_at", at_least=now + 2 * POSTPONED)
        await self._engine.change_each(RULES_DUE, far, lambda had: replace(had, rules_at=now))
