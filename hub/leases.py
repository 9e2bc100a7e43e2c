"""Leases and leaderships in the store: one holder by name, for a time, whoever dies.

A holder is known by the token of its claim and not by its name, so two processes that go by
the same name never hold one lease together. Clocks may be wrong: an end further ahead than
a lease can last was written by one that is, and counts as run out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub.model import Lock
from hub.store.engine import AbsentError, Engine, Insert, TakenError


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
        # Twice: the clocks of two machines may differ by a little.
        if lock.until is not None and now < lock.until <= now + 2 * lasts:
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


async def held(engine: Engine, name: str, now: datetime) -> bool:
    """Whether anybody holds it."""
    lock = await engine.get(Lock, _id(name))
    return lock is not None and lock.until is not None and now < lock.until


def _id(name: str) -> str:
    return f"lease:{name}"
