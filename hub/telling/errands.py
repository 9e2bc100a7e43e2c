"""Errands: what is to be done outside once it is due, by whichever process is there.

An errand is a document whose id follows from what it is about, so it is promised once however
often it is asked for. Doing is at least once: whoever dies at it leaves a claim that runs out.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from hub import dialogs, observe
from hub.bus import Bus
from hub.errors import UnavailableError
from hub.records import Errand
from hub.store.engine import AbsentError, Engine, Index, Insert, Range, TakenError

E = TypeVar("E", bound=Errand)

IDLE = timedelta(seconds=5)
AT_ONCE = 10
CLAIM = timedelta(minutes=1)
KEPT = timedelta(days=30)
FAR = timedelta(days=500)
"""Nothing waits for a day further off by a clock that is right."""
SWEEP_EVERY = timedelta(minutes=30)
SWEPT_AT_ONCE = 500
RETRIES = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60, 180, 360, 720))
"""Who greylists or restarts wants to be asked again after minutes, who is away within a day."""

log = logging.getLogger(__name__)


class _OthersError(Exception):
    """Another worker has it."""


def id_of(*parts: object) -> str:
    """The id of what those parts name; the same for the same parts, and telling nothing of them."""
    named = ":".join(map(str, parts))
    return hashlib.sha256(named.encode()).hexdigest()[:24]


async def promise(engine: Engine, errand: Errand) -> bool:
    """Has it done once it is due; False if that was promised before, or its dialog is gone."""
    try:
        await engine.write(Insert(errand))
    except TakenError:
        return False
    if await dialogs.is_gone(engine, errand.dialog):
        await engine.delete_if(type(errand), errand.id, lambda _: True)
        return False
    return True


class Errands(ABC, Generic[E]):
    """Does the errands of one kind. `name` is what wakes it and what its log lines begin with."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        now: Callable[[], datetime],
        name: str,
        due: Index[E],
        old: Index[E],
        *,
        at_once: int = AT_ONCE,
        claim: timedelta = CLAIM,
        idle: timedelta = IDLE,
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._now = now
        self._name = name
        self._due = due
        self._old = old
        self._at_once = at_once
        self._claim = claim
        self._idle = idle

    @abstractmethod
    async def _do(self, errand: E) -> None:
        """Does one that was claimed and settles it; if it raises, it is done again some times.

        It has as long as the claim lasts.
        """

    async def run(self) -> None:
        """Does what is due until cancelled, and now and then clears away what is over."""
        swept: datetime | None = None
        while True:
            try:
                more = await self.work()
                now = self._now()
                # One in the future is of a clock that was wrong.
                if swept is None or not timedelta(0) <= now - swept < SWEEP_EVERY:
                    swept = now
                    await self.sweep(now)
            except UnavailableError as error:
                log.warning(f"{self._name}.waits", extra={"reason": str(error)})
                more = False
            if not more:
                await self._bus.sleep(self._name, self._idle)

    async def work(self) -> bool:
        """Does what is due now; True when there may be more."""
        page = await self._engine.find(
            self._due, range=Range("due_at", at_most=self._now()), limit=self._at_once
        )
        await asyncio.gather(*(self._guarded(each) for each in page.items))
        return len(page.items) == self._at_once

    async def sweep(self, now: datetime) -> int:
        """Deletes what was done or will never be, for long; makes due what waits beyond reason."""

        def straight(had: E) -> E | None:
            is_far = had.due_at is not None and had.due_at >= now + FAR
            return replace(had, due_at=now, by="") if is_far else None

        far = Range("due_at", at_least=now + FAR)
        await self._engine.change_each(self._due, far, straight, limit=SWEPT_AT_ONCE)
        page = await self._engine.find(
            self._old,
            range=Range("created_at", below=now - KEPT),
            limit=SWEPT_AT_ONCE,
            # Those that wait for a day far off must not hide the others for ever.
            where=lambda had: had.due_at is None,
        )
        for errand in page.items:
            await self._engine.delete_if(self._old.of, errand.id, lambda had: had.due_at is None)
        return len(page.items)

    async def settle(self, errand: E, *, due_at: datetime | None, **changes: Any) -> None:
        """Ends it, or sets when it is to be looked at again; nothing if it is another's by now."""
        ended = self._now() if due_at is None else None

        def settled(had: E) -> E | None:
            if had.by != errand.by:
                return None
            return replace(had, due_at=due_at, by="", ended_at=ended, **changes)

        with suppress(AbsentError):
            await self._engine.change(self._old.of, errand.id, settled)

    async def _guarded(self, errand: E) -> None:
        ids = {"dialog": errand.dialog} if errand.dialog is not None else {}
        with observe.about(errand=errand.id, **ids), suppress(_OthersError, AbsentError):
            claimed = await self._claimed(errand)
            if await dialogs.is_gone(self._engine, claimed.dialog):
                # Whoever promised it died before he saw that there is nobody to tell of.
                await self._engine.delete_if(self._old.of, claimed.id, lambda _: True)
                return
            try:
                await self._do(claimed)
            except UnavailableError:
                raise
            except AbsentError:
                await self._put_by(claimed)
            except Exception:
                log.exception(f"{self._name}.failed")
                await self._put_by(claimed)

    async def _put_by(self, errand: E) -> None:
        """Has one that fails by a fault of ours done again, ever more rarely and not for ever."""
        wait = RETRIES[errand.tries] if errand.tries < len(RETRIES) else None
        due_at = self._now() + wait if wait is not None else None
        await self.settle(errand, due_at=due_at, tries=errand.tries + 1)

    async def _claimed(self, errand: E) -> E:
        now, token = self._now(), secrets.token_hex(8)

        def claimed(had: E) -> E:
            if had.due_at is None or had.due_at > now:
                raise _OthersError
            return replace(had, due_at=now + self._claim, by=token)

        return await self._engine.change(self._old.of, errand.id, claimed)
