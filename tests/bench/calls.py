"""Calls: what one costs the worker, and how soon the first phone rings once a lead is due.

The floor of the cost is the same legs rung by hand and as many durable changes of one document as
the call made; the floor of the ring is the same with no other lead waiting. The phones are
simulated and lose no time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

from msgspec.structs import replace

from hub.calls.call import Call, Outcome
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.statuses import Status
from hub.store.engine import Insert
from hub.store.schema import LOG
from hub.store.sqlite import SqliteEngine
from telephony.simulator import Phone, Simulated, Simulator, SimulatorSettings
from tests.bench.figure import Figure
from tests.spine import SHOP, Clock, assembled
from tests.telephony.office import calls, equip, lead_of, wanted, working

CALLS = 40
WAITING = 1_000
AT_ONCE = 10
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SETTINGS = {"pace": 1_000, "talk_s": 0.1, "calls_max": AT_ONCE, "calls_per_second": 50}


async def shop(folder: Path) -> tuple[Hub, Clock]:
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    engine = SqliteEngine(folder / "hub.db")
    await engine.open()
    hub = await assembled(engine, clock, folder)
    await equip(hub, settings=SETTINGS, numbers=("500",), calls_max=AT_ONCE)
    return hub, clock


def phone(n: int) -> str:
    return f"+7916{n:05d}77"


async def made(hub: Hub, count: int) -> float:
    """Seconds of the processor for a call, from a due lead to the end of it."""
    for n in range(count):
        await wanted(hub, phone(n), visitor=f"v{n}")
    async with working(hub) as telephony:
        began = process_time()
        while len(await calls(hub)) < count:
            await telephony.work()
            await asyncio.sleep(0)
        await telephony.idle()
        took = process_time() - began
    ended = [each.outcome for each in await calls(hub)]
    if ended != [Outcome.TALKED] * count:
        raise RuntimeError(f"calls did not end as they should: {ended}")
    return took / count


async def changes(hub: Hub, n: int) -> int:
    """How many durable changes a call was: of itself, of its lead, and lines of the log."""
    [call] = [each for each in await calls(hub) if each.phone == phone(n)]
    lead = await lead_of(hub, phone(n))
    page = await hub.engine.find(LOG, {"dialog": lead.dialog}, limit=100)
    lines = [each for each in page.items if each.data.get("call") == call.id]
    return call.rev + lead.rev + 2 * len(lines)


async def bare(folder: Path, count: int, writes: int) -> float:
    """Seconds of the processor for the same legs and as many changes of one document."""
    engine = SqliteEngine(folder / "bare.db")
    await engine.open()
    began = process_time()
    for n in range(count):
        line = Simulated(SimulatorSettings(pace=1_000, talk_s=0.1), {})
        over = asyncio.Event()
        line.listen(lambda event, over=over: over.set(), lambda: None)  # type: ignore[misc]
        for leg, number in ((f"{n}-o1", "500"), (f"{n}-v1", phone(n))):
            await line.dial(leg, number, shown="", display="", ring_s=1, limit_s=1)
        await over.wait()
        document = Call(
            id=str(n), project=SHOP, channel="phone", phone=phone(n),  # type: ignore[arg-type]
            began_at=START, changed_at=START,
        )  # fmt: skip
        await engine.write(Insert(document))
        for _ in range(writes):
            await engine.change(Call, document.id, lambda had: replace(had, changed_at=START))
        await line.sweep(str(n))
    took = process_time() - began
    await engine.close()
    return took / count


def later(count: int) -> list[Lead]:
    """Leads that are due tomorrow."""
    at = START + timedelta(days=1)
    return [
        Lead(
            id=f"{SHOP}:+7917{n:07d}:1",
            project=SHOP,
            phone=f"+7917{n:07d}",
            n=1,
            status=Status.NEW,
            origin="silence",
            due_at=at,
            auto_due_at=at,
            created_at=START,
            changed_at=START,
        )
        for n in range(count)
    ]


class Rung:
    """A phone that only tells when it rings."""

    def __init__(self) -> None:
        self.rang = asyncio.Event()

    def rings(self, phone: Phone) -> None:
        self.rang.set()


async def rung(hub: Hub, n: int) -> float:
    """Milliseconds from a lead that is due to the first phone that rings."""
    handset = Rung()
    Simulator.handsets["500"] = handset
    try:
        async with working(hub) as telephony:
            await telephony.work()
            await wanted(hub, phone(n), visitor=f"v{n}")
            began = perf_counter()
            await telephony.work()
            await handset.rang.wait()
            return 1000 * (perf_counter() - began)
    finally:
        del Simulator.handsets["500"]


async def measure(
    folder: Path, *, rounds: int = 5, count: int = CALLS, waiting: int = WAITING
) -> Sequence[Figure]:
    """What a call costs beside its bare legs and writes, and the ring among many that wait."""
    costs, floors = [], []
    for n in range(rounds):
        hub, _ = await shop(folder / f"calls{n}")
        costs.append(1000 * await made(hub, count))
        floors.append(1000 * await bare(folder / f"calls{n}", count, await changes(hub, 0)))
        await hub.engine.close()
    many, _ = await shop(folder / "many")
    for lead in later(waiting):
        await many.engine.write(Insert(lead))
    few, _ = await shop(folder / "few")
    soon, floor = [], []
    for n in range(rounds):
        soon.append(await rung(many, n))
        floor.append(await rung(few, n))
    for hub in (many, few):
        await hub.engine.close()
    return (
        Figure("a call from due to settled, the worker's processor", "ms", costs, floors),
        Figure(
            f"due to first ring, {waiting:,} leads waiting", "ms", soon, floor, ratio_aim="≤ 1.5"
        ),
    )
