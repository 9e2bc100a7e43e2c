"""A worker that dies at any step leaves what another makes whole."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.bus import LocalBus
from hub.hub import Hub
from hub.leads import leads
from hub.statuses import Status
from hub.store.schema import RULES_DUE
from hub.worker import Worker
from tests.hub.test_leads import Shuffled
from tests.hub.test_ordering import HOUR, again, calls, iso, live, plan, same_person, works
from tests.spine import MS, SHOP, START, Clock, Crash, Mortal, ask, current, log_of, sound


async def test_at_any_step_the_same_stands_in_the_end(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    steps = 0
    while True:
        phone, other = f"+7916{steps:07d}", f"+7926{steps:07d}"
        one = await ask(hub, visitor=f"a{steps}")
        two = await ask(hub, visitor=f"b{steps}", channel="kiosk")
        three = await ask(hub, visitor=f"c{steps}")
        await same_person(hub, one, three)
        await works(hub)
        await plan(hub, one, phone=phone, at=iso(clock() + 5 * HOUR))
        await plan(hub, two, phone=phone)
        await plan(hub, three, phone=other)
        mortal.dies_after(steps)
        try:
            await works(hub)
            died = False
        except Crash:
            died = True
        mortal.lives()
        for row in (one, two, three):
            await again(hub, row)
        found = [each for each in await live(hub.engine) if each.phone in (phone, other)]
        assert len(found) == 1
        states = []
        for row in (one, two, three):
            states.append((await sound(hub.engine, row.id)).call_status)
            lines = await calls(hub, row)
            assert len(lines) == len({str(sorted(each.items())) for each in lines})
        assert sorted(map(str, states)) == ["new", "processed", "processed"]
        if not died:
            break
        steps += 1 if mortal.kind == "sqlite" else 6
    assert steps > 10


@given(
    orders=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.booleans()), min_size=2, max_size=6
    ),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_of_several_workers_in_any_order(
    hub: Hub, clock: Clock, orders: list[tuple[int, int, bool]], seed: int
) -> None:
    clock.forward(timedelta(minutes=1))
    mark = f"{(clock() - START).total_seconds():.0f}"
    rows = [await ask(hub, visitor=f"{mark}v{n}") for n in range(4)]
    await same_person(hub, rows[0], rows[1])
    await works(hub)
    phones = [f"+7916{n}{int(mark):06d}" for n in range(3)]
    for phone, who, is_wish in orders:
        await plan(hub, rows[who], phone=phones[phone], origin="bot" if is_wish else "own")
    store = Shuffled(hub.engine, random.Random(seed))

    async def work(name: str) -> None:
        worker = Worker(store, LocalBus(), hub.files, hub.search, hub.now, name)
        while True:
            try:
                page = await hub.engine.find(RULES_DUE, limit=1)
                if not page.items:
                    return
                await worker.work()
            except Crash:
                clock.forward(MS)

    await asyncio.gather(*(work(name) for name in "abc"))
    await hub.worker.repair()
    await works(hub)
    for row in rows:
        await sound(hub.engine, row.id)
        ids = [each.id for each in await log_of(hub.engine, row.id)]
        assert len(ids) == len(set(ids))
    last = [await leads.latest(hub.engine, SHOP, phone) for phone in phones]
    found = [each for each in last if each is not None and each.live]
    assert found
    assert len({each.phone for each in found}) == len(found)
    people = [each for lead in found for each in lead.contacts]
    assert len(set(people)) == len(people)
    for row in rows:
        state = (await current(hub, row.identity.partition(":")[2])).call_status
        homes = {each.dialog for each in found}
        assert (state is Status.NEW) == (row.id in homes), (row.id, state, homes)
