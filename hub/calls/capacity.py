"""What there is only so much of: lines of a trunk and a project, operators, a phone.

A slot is a document whose id is what it is of, so the store itself refuses a second holder. Slots
are taken before anything is dialled, always in the same order, and freed when their call is
settled; a lease that runs out frees none, for the phones may still ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub.calls import whom
from hub.calls.call import Call, Outcome, Side, Slot
from hub.store.engine import Engine, Insert, Range, TakenError
from hub.store.schema import CALLS_LIVE, CALLS_WATCHED, SLOTS_OLD

ORPHANED = timedelta(minutes=1)
"""Whoever takes slots makes the call of them at once, or has died."""
LEASED_AT_MOST = timedelta(hours=5)
"""No call is left alone for longer by a clock that is right."""

Lack = tuple[Outcome, Side]
"""What a call waits for, as the outcome that it has if nobody waits any longer."""


def of_phone(phone: str, trunk: str) -> list[str]:
    """An extension is a phone of one exchange, any other number of the whole world."""
    return [f"phone:{phone}" if phone.startswith("+") else f"phone:{trunk}:{phone}"]


def of_operator(operator: str) -> list[str]:
    return [f"operator:{operator}"]


def of_project(project: str, cap: int) -> list[str]:
    return [f"project:{project}:{n}" for n in range(cap)]


def of_trunk(channel: str, cap: int) -> list[str]:
    return [f"trunk:{channel}:{n}" for n in range(cap)]


async def is_full(engine: Engine, project: str, cap: int, channel: str, trunks: int) -> bool:
    """Whether as many calls are under way as there may be, also where there once might be more.

    Only a look: it is the slots that refuse one of two who look at the same moment.
    """
    page = await engine.find(
        CALLS_LIVE,
        {"project": project, "live": True},
        limit=cap + trunks,
        where=lambda each: each.purpose != "incoming",
    )
    ours = sum(each.lead is not None for each in page.items)
    return ours >= cap or sum(each.channel == channel for each in page.items) >= trunks


async def take(engine: Engine, call: str, wanted: Sequence[str], now: datetime) -> str | None:
    """One of those for the call; None if all are taken."""
    for name in wanted:
        try:
            await engine.write(Insert(Slot(id=name, call=call, created_at=now)))
        except TakenError:
            had = await engine.get(Slot, name)
            if had is not None and had.call == call:
                return name
            continue
        return name
    return None


async def take_all(
    engine: Engine, call: str, wanted: Sequence[Sequence[str]], now: datetime
) -> list[str] | None:
    """One of each for the call; None, and none taken, if there is not one of each."""
    taken: list[str] = []
    for each in wanted:
        name = await take(engine, call, each, now)
        if name is None:
            await free(engine, call, taken)
            return None
        taken.append(name)
    return taken


async def take_whole(
    engine: Engine, call: Call, lines: int, now: datetime
) -> tuple[list[str], Lack | None]:
    """All that a call needs that no lead asked for; or nothing, and what it lacks."""
    plan = call.plan
    # On trial it is the operator's own phone that is rung.
    side: Side = "operator" if plan is not None and plan.ring_only else "visitor"
    wanted: list[tuple[Sequence[str], Lack]] = [
        (of_phone(call.phone, call.channel), (Outcome.BUSY, side)),
        (of_trunk(call.channel, lines), (Outcome.CONGESTION, "")),
    ]
    ours = whom.who(plan.operators) if plan is not None else []
    wanted += [(of_operator(each), (Outcome.BUSY, "operator")) for each in ours]
    taken: list[str] = []
    for names, lacks in wanted:
        name = await take(engine, call.id, names, now)
        if name is None:
            await free(engine, call.id, taken)
            return [], lacks
        taken.append(name)
    return taken, None


async def free(engine: Engine, call: str, names: Sequence[str]) -> None:
    for name in names:
        await engine.delete_if(Slot, name, lambda slot: slot.call == call)


async def sweep(engine: Engine, now: datetime) -> int:
    """Frees what dead workers took for calls that never came to be, or are settled.

    Has calls looked at now that dead workers kept by a clock which was far ahead.
    """
    far = Range("watch_at", at_least=now + LEASED_AT_MOST)
    await engine.change_each(CALLS_WATCHED, far, lambda had: _found(had, now))
    page = await engine.find(SLOTS_OLD, range=Range("created_at", below=now - ORPHANED), limit=500)
    freed = 0
    calls = await engine.get_many(Call, sorted({each.call for each in page.items}))
    for slot in page.items:
        call = calls.get(slot.call)
        if call is None or call.stage == "settled":
            await free(engine, slot.call, [slot.id])
            freed += 1
    return freed


def _found(call: Call, now: datetime) -> Call | None:
    is_far = call.watch_at is not None and call.watch_at >= now + LEASED_AT_MOST
    return replace(call, watch_at=now) if is_far else None
