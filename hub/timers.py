"""Durable promises to look again: set once by a derived id, claimed, settled.

A timer is never moved by what it watches; who fires it looks at the thing and, when it is
too early, sets the timer's own next time.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub.model import ProjectId, Timer
from hub.store.engine import AbsentError, Engine, Insert, Range, TakenError
from hub.store.schema import TIMERS_DUE

CLAIM = timedelta(minutes=1)
FAR = timedelta(days=31)
"""Nothing is promised for later by a clock that is right."""


class _GoneError(Exception):
    """Another worker has it."""


async def promise(
    engine: Engine,
    project: ProjectId,
    verb: str,
    target: str,
    due_at: datetime,
    now: datetime,
    data: dict[str, str] | None = None,
) -> bool:
    """Sets the timer of that verb and target unless it is already set."""
    timer = Timer(
        id=f"{verb}:{target}",
        project=project,
        verb=verb,
        target=target,
        due_at=due_at,
        data=data or {},
        created_at=now,
    )
    try:
        await engine.write(Insert(timer))
    except TakenError:
        return False
    return True


async def claim(engine: Engine, by: str, now: datetime, limit: int = 100) -> list[Timer]:
    """Due timers that are now this worker's for a minute, the longest due first."""
    page = await engine.find(TIMERS_DUE, range=Range("due_at", at_most=now), limit=limit)

    def claimed(timer: Timer) -> Timer:
        if timer.due_at is None or timer.due_at > now:
            raise _GoneError
        return replace(timer, due_at=now + CLAIM, claimed_by=by)

    async def take(due: Timer) -> Timer | None:
        try:
            return await engine.change(Timer, due.id, claimed)
        except (_GoneError, AbsentError):
            return None

    # Asked together, they are one transaction of the embedded engine and not a hundred.
    taken = await asyncio.gather(*(take(due) for due in page.items))
    return [timer for timer in taken if timer is not None]


async def straighten(engine: Engine, now: datetime) -> None:
    """Makes due what a clock that was ahead put off; who looks too early waits on."""

    def straight(timer: Timer) -> Timer | None:
        is_far = timer.due_at is not None and timer.due_at > now + FAR
        return replace(timer, due_at=now, claimed_by="") if is_far else None

    await engine.change_each(TIMERS_DUE, Range("due_at", at_least=now + FAR), straight)


async def settle(engine: Engine, timer: Timer, again: datetime | None = None) -> None:
    """Ends a claimed timer for good, or sets its own next time; nothing if it was lost."""

    def mine(current: Timer) -> bool:
        # The time too: another worker may go by the same name, or the same one claim again.
        return (current.claimed_by, current.due_at) == (timer.claimed_by, timer.due_at)

    if again is None:
        await engine.delete_if(Timer, timer.id, mine)
        return

    def later(current: Timer) -> Timer | None:
        if not mine(current):
            return None
        return replace(current, due_at=again, claimed_by="")

    try:
        await engine.change(Timer, timer.id, later)
    except AbsentError:
        return
