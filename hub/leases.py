"""Leases and leaderships in the store: one holder by name, for a time, whoever dies.

A holder is known by the token of its claim and not by its name, so two processes that go by
the same name never hold one lease together. Clocks may be wrong: an end further ahead than
a lease can last was written by one that is, and counts as run out.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from hub.errors import UnavailableError
from hub.model import Lock
from hub.store.engine import AbsentError, Engine, Insert, TakenError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lease:
    """Held until that time, unless it is renewed."""

    name: str
    holder: str
    token: str
    until: datetime


class _HeldError(Exception):
    """It is somebody else's."""


async def claim(
    engine: Engine, name: str, holder: str, now: datetime, lasts: timedelta
) -> Lease | None:
    """The lease for as long as it lasts; None while somebody else holds it."""
    lease = Lease(name, holder, secrets.token_hex(8), now + lasts)
    wanted = Lock(id=_id(name), holder=holder, until=lease.until, value=lease.token)
    try:
        await engine.write(Insert(wanted))
    except TakenError:
        pass
    else:
        return lease

    def claimed(lock: Lock) -> Lock:
        if _runs(lock, now, lasts):
            raise _HeldError
        return replace(lock, holder=holder, until=lease.until, value=lease.token)

    try:
        await engine.change(Lock, wanted.id, claimed)
    except (_HeldError, AbsentError):
        return None
    return lease


async def renew(engine: Engine, lease: Lease, now: datetime, lasts: timedelta) -> Lease | None:
    """The same lease for longer; None when somebody else took it meanwhile."""

    def renewed(lock: Lock) -> Lock:
        if lock.value != lease.token:
            raise _HeldError
        return replace(lock, until=now + lasts)

    try:
        await engine.change(Lock, _id(lease.name), renewed)
    except (_HeldError, AbsentError):
        return None
    return Lease(lease.name, lease.holder, lease.token, now + lasts)


async def release(engine: Engine, lease: Lease) -> None:
    """Gives it back at once; nothing if it was lost."""
    await engine.delete_if(Lock, _id(lease.name), lambda lock: lock.value == lease.token)


async def held(engine: Engine, name: str, now: datetime, lasts: timedelta) -> bool:
    """Whether anybody holds it, who claimed it for as long as that."""
    lock = await engine.get(Lock, _id(name))
    return lock is not None and _runs(lock, now, lasts)


class Turn:
    """A process's part in what one of several does at a time, round after round.

    Who has the turn keeps it from round to round; a dead one's is taken over when its lease
    has run out.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        holder: str,
        now: Callable[[], datetime],
        lasts: timedelta,
    ) -> None:
        self._engine = engine
        self._name = name
        self._holder = holder
        self._now = now
        self._lasts = lasts
        self._lease: Lease | None = None

    async def mine(self) -> bool:
        """Whether this process has the turn now; it has it for as long as the lease lasts."""
        now = self._now()
        if self._lease is not None:
            self._lease = await renew(self._engine, self._lease, now, self._lasts)
        if self._lease is None:
            self._lease = await claim(self._engine, self._name, self._holder, now, self._lasts)
        return self._lease is not None

    async def during(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Does the work if it is this process's turn and keeps the turn meanwhile.

        Work whose turn is lost all the same, to a clock or a long sleep, is cut short.
        """
        if not await self.mine():
            return False
        task = asyncio.create_task(work())
        try:
            while not (await asyncio.wait([task], timeout=self._lasts.total_seconds() / 3))[0]:
                # A store that is away for a moment takes the turn from nobody.
                with suppress(UnavailableError):
                    if not await self._kept():
                        log.warning("turn.lost", extra={"turn": self._name})
                        return False
            await task
        finally:
            task.cancel()
            await asyncio.wait([task])
        return True

    async def _kept(self) -> bool:
        if self._lease is not None:
            self._lease = await renew(self._engine, self._lease, self._now(), self._lasts)
        return self._lease is not None

    async def pass_on(self) -> None:
        """Lets another have it at once."""
        if self._lease is not None:
            with suppress(UnavailableError):
                await release(self._engine, self._lease)
            self._lease = None


def _runs(lock: Lock, now: datetime, lasts: timedelta) -> bool:
    # Twice: the clocks of two machines may differ by a little.
    return lock.until is not None and now < lock.until <= now + 2 * lasts


def _id(name: str) -> str:
    return f"lease:{name}"
