"""What somebody wants of a call that is under way, kept until whoever leads it has done it."""

from __future__ import annotations

from contextlib import suppress

from msgspec.structs import replace

from hub.bus import Bus
from hub.calls.call import Call, Wish
from hub.errors import ConflictError
from hub.store.engine import AbsentError, Engine

WAKE = "calls"
"""What wakes those who dial."""

WISHES_MAX = 20


async def wish(engine: Engine, bus: Bus, id: str, wish: Wish) -> Call:
    """Has a call that is under way cancelled or transferred; ConflictError("ended") if it is over.

    Once for the id of the wish.
    """

    def wished(had: Call) -> Call | None:
        if any(each.id == wish.id for each in had.wishes):
            return None
        is_full = len(had.wishes) >= WISHES_MAX and wish.do != "cancel"
        if not had.live or is_full:
            raise ConflictError("ended", had.outcome or "")
        return replace(had, wishes=(*had.wishes, wish))

    call = await engine.change(Call, id, wished)
    await bus.wake(WAKE)
    return call


async def stop(engine: Engine, bus: Bus, id: str, why: str) -> None:
    """Has the call ended because nobody may be called there any more; nothing if it is over."""
    with suppress(ConflictError, AbsentError):
        await wish(engine, bus, id, Wish(id=why, do="cancel"))
