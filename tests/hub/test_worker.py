"""What follows from the log: facts of every cycle, repairs, and rows that break their rules."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from hub import worker as room
from hub.accounts import Who
from hub.bus import Announcement, Subscription
from hub.delivery import Delivery
from hub.errors import UnavailableError
from hub.events import EntryChanged
from hub.hub import Hub
from hub.model import Dialog, Entry, ProjectId, Session
from hub.records import Early, Fact
from hub.statuses import RequestType, Status
from hub.store.engine import Insert
from hub.store.schema import BY_LIFE, FACTS, RULES_DUE
from tests.spine import (
    BAKERY,
    MS,
    SHOP,
    WEEK,
    Clock,
    Crash,
    Mortal,
    all_of,
    ask,
    current,
    message,
    receive,
    sound,
)

MINUTE = timedelta(minutes=1)


async def facts(hub: Hub, project: ProjectId = SHOP) -> list[Fact]:
    while await hub.worker.work():
        pass
    return sorted(await all_of(hub.engine, FACTS, {"project": project}), key=lambda f: f.id)


async def test_every_cycle_of_a_dialog_is_one_fact_with_its_times(
    hub: Hub, anna: Who, boris: Who, clock: Clock
) -> None:
    times = [clock.at]
    row = await ask(hub, 1)
    for act in (
        lambda: hub.desk.take(anna, row.id),
        lambda: hub.desk.reply(anna, row.id, "key-0001", "answer"),
        lambda: hub.desk.close(anna, row.id, "sold"),
        lambda: ask(hub, 2),
        lambda: hub.desk.take(boris, row.id),
    ):
        times.append(clock.forward(MINUTE))
        await act()
        await hub.worker.work()

    first, second = await facts(hub)

    cycle = first.cycle
    assert [cycle.queued_at, cycle.taken_at, cycle.answered_at, cycle.closed_at] == times[:4]
    assert (cycle.assigned_at, cycle.operator, cycle.closed_by) == (times[1], "anna", "operator")
    assert (cycle.result, first.status, first.created_at) == (
        "sold",
        Status.CHAT_CLOSED,
        times[0],
    )
    assert (second.cycle.n, second.cycle.queued_at, second.cycle.taken_at) == (
        2,
        times[4],
        times[5],
    )
    assert (second.cycle.operator, second.cycle.closed_at) == ("boris", None)
    assert (second.status, second.created_at) == (Status.CHATTING, times[4])


async def test_a_fact_says_where_the_request_came_from(hub: Hub) -> None:
    row = await ask(hub)
    (fact,) = await facts(hub)
    assert (fact.id, fact.dialog, fact.contact, fact.name) == (
        f"{row.id}:1",
        row.id,
        row.contact,
        "Иван",
    )
    assert (fact.type, fact.channel) == (RequestType.LIVE_CHAT, "site")
    assert fact.entry_point == row.entry_point
    assert (fact.direction, fact.creation) == ("incoming", "message")


async def test_facts_do_not_depend_on_when_the_worker_looked(
    hub: Hub, anna: Who, boris: Who, clock: Clock
) -> None:
    """Closed, reopened, closed and opened by a message before the worker ran once."""

    async def life(visitor: str, *, seen: bool) -> None:
        clock.at = start
        row = await ask(hub, 1, visitor)
        acts: tuple[Callable[[], Awaitable[Dialog]], ...] = (
            lambda: hub.desk.take(anna, row.id),
            lambda: hub.desk.close(anna, row.id, "one"),
            lambda: hub.desk.reopen(boris, row.id),
            lambda: hub.desk.close(boris, row.id, "two"),
            lambda: ask(hub, 2, visitor),
        )
        for act in acts:
            if seen:
                await hub.worker.work()
            clock.forward(MINUTE)
            await act()
        await hub.worker.work()

    start = clock.at
    await life("seen", seen=True)
    await life("unseen", seen=False)

    all_facts = await facts(hub)
    seen = [each for each in all_facts if each.dialog == "site:seen:1"]
    unseen = [each for each in all_facts if each.dialog == "site:unseen:1"]
    assert [each.cycle.result for each in seen] == ["one", "two", ""]
    assert [(f.cycle, f.status, f.created_at) for f in seen] == [
        (f.cycle, f.status, f.created_at) for f in unseen
    ]


async def test_a_new_episode_is_a_fact_of_its_own(hub: Hub, anna: Who, clock: Clock) -> None:
    row = await ask(hub, 1)
    await hub.desk.close(anna, row.id)
    await receive(hub, message(2, clock.forward(WEEK + MS)))
    await ask(hub, 1, channel="oven")
    assert [each.id for each in await facts(hub)] == ["site:ivan:1:1", "site:ivan:2:1"]
    assert [each.id for each in await facts(hub, BAKERY)] == ["oven:ivan:1:1"]


async def test_the_rules_run_once_for_each_entry_and_rest(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    assert [each.id for each in await all_of(hub.engine, RULES_DUE, {})] == [row.id]
    before = await facts(hub)
    assert await all_of(hub.engine, RULES_DUE, {}) == []
    assert (await current(hub)).ruled_seq == 1
    assert await facts(hub) == before

    await hub.desk.take(anna, row.id)
    assert [each.id for each in await all_of(hub.engine, RULES_DUE, {})] == [row.id]


async def test_workers_at_once_and_messages_between_them_leave_nothing_due(
    hub: Hub, clock: Clock
) -> None:
    async def writing() -> None:
        for n in range(15):
            await receive(hub, message(n, hub.now()))

    async def ruling() -> None:
        for _ in range(15):
            await hub.worker.work()

    await asyncio.gather(writing(), ruling(), ruling())
    (fact,) = await facts(hub)
    assert await all_of(hub.engine, RULES_DUE, {}) == []
    row = await sound(hub.engine, "site:ivan:1")
    assert row.ruled_seq == row.seq == 15
    assert fact.cycle == row.cycle


@pytest.mark.parametrize("step", [0, 1])
async def test_what_comes_while_the_rules_run_is_ruled_next(
    hub: Hub, mortal: Mortal, anna: Who, step: int
) -> None:
    row = await ask(hub)
    mortal.meanwhile(lambda: hub.desk.take(anna, row.id), before=step)

    await hub.worker.work()

    assert [each.id for each in await all_of(hub.engine, RULES_DUE, {})] == [row.id]
    (fact,) = await facts(hub)
    assert fact.cycle.operator == "anna"
    assert (await current(hub)).ruled_seq == 2


async def test_a_worker_that_was_overtaken_does_not_leave_an_older_fact(
    hub: Hub, mortal: Mortal, anna: Who
) -> None:
    row = await ask(hub)

    async def overtaking() -> None:
        await hub.desk.take(anna, row.id)
        await hub.worker.work()

    mortal.meanwhile(overtaking, before=0)
    await hub.worker.work()

    (fact,) = await facts(hub)
    assert fact.cycle == (await current(hub)).cycle


async def test_the_rules_survive_a_crash_after_every_write(
    hub: Hub, mortal: Mortal, anna: Who
) -> None:
    k, died = 0, True
    while died:
        row = await ask(hub, 1, f"visitor{k}")
        await hub.desk.close(anna, row.id, "sold")
        await ask(hub, 2, f"visitor{k}")
        mortal.dies_after(k)
        died = False
        try:
            await hub.worker.work()
        except Crash:
            died = True
        mortal.lives()
        made = [each for each in await facts(hub) if each.dialog == row.id]
        assert [each.cycle.result for each in made] == ["sold", ""]
        assert await all_of(hub.engine, RULES_DUE, {}) == []
        k += 1
    assert k == 7


async def test_more_rows_than_one_look_takes_are_all_ruled(hub: Hub) -> None:
    for n in range(7):
        await ask(hub, 1, f"visitor{n}")
    assert [await hub.worker.work(at_once=3) for _ in range(3)] == [True, True, False]
    assert await all_of(hub.engine, RULES_DUE, {}) == []
    assert len(await facts(hub)) == 7


async def test_a_row_that_breaks_its_rules_does_not_keep_the_others_waiting(
    hub: Hub, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    bad = await ask(hub, 1, "bad")
    poison = Early(
        id="poison",
        project=SHOP,
        channel=bad.channel,
        about="site:bad.1",
        event=b"not a mark",
        created_at=clock.at,
    )
    await hub.engine.write(Insert(poison))
    good = await ask(hub, 1, "good")

    with caplog.at_level(logging.ERROR):
        made = await facts(hub)

    assert [each.dialog for each in made] == [good.id]
    assert [each.message for each in caplog.records] == ["worker.failed"]
    assert [each.id for each in await all_of(hub.engine, RULES_DUE, {})] == [bad.id]

    await hub.engine.delete_if(Early, "poison", lambda _: True)
    clock.forward(timedelta(minutes=5))
    assert [each.dialog for each in await facts(hub)] == [bad.id, good.id]


async def left_behind(hub: Hub, mortal: Mortal, visitor: str) -> Dialog:
    """A dialog whose second message is in its log and not in its row."""
    row = await ask(hub, 1, visitor)
    mortal.dies_after(1)
    with pytest.raises(Crash):
        await receive(hub, message(2, hub.now(), visitor=visitor))
    mortal.lives()
    assert (await current(hub, visitor)).seq == 1
    return row


async def test_the_walk_at_start_brings_level_what_a_dead_process_left(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    rows = [await left_behind(hub, mortal, f"visitor{n}") for n in range(3)]
    await ask(hub, 1, "healthy")
    clock.forward(timedelta(days=30))

    assert await hub.worker.repair() == 3
    assert await hub.worker.repair() == 0

    for row in rows:
        assert (await sound(hub.engine, row.id)).unanswered == 2


async def test_what_one_process_left_is_mended_while_another_lives(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    """Nobody starts anew for days, and the visitor does not write again."""
    await hub.worker.repair()
    for _ in range(3):
        clock.forward(MINUTE)
        await hub.worker.sweep()
    row = await left_behind(hub, mortal, "ivan")
    clock.forward(MINUTE)
    await hub.worker.sweep()

    assert (await sound(hub.engine, row.id)).unanswered == 2
    assert await hub.worker.repair() == 0


async def test_the_walk_looks_at_what_was_written_while_somebody_else_looked(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    await left_behind(hub, mortal, "ivan")
    clock.forward(room.WALK_MARGIN)
    await hub.worker.mark_alive()
    assert await hub.worker.repair() == 1


async def test_the_walk_does_not_look_at_what_was_looked_at_before(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    row = await left_behind(hub, mortal, "ivan")
    await hub.worker.mark_alive()
    clock.forward(room.WALK_MARGIN + MS)
    await hub.worker.mark_alive()
    assert await hub.worker.repair() == 0
    assert (await hub.desk.dialog(row.id)).seq == 1


async def test_the_running_worker_rules_what_comes(hub: Hub) -> None:
    running = asyncio.create_task(hub.worker.run())
    try:
        async with hub.bus.listen() as events:
            await ask(hub)
            await events.take()
        async with asyncio.timeout(60):
            while (await current(hub)).ruled_seq < 1:
                pass
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert [each.id for each in await facts(hub)] == ["site:ivan:1:1"]


async def test_sessions_that_ran_out_are_swept_and_the_others_stay(
    hub: Hub, anna: Who, clock: Clock
) -> None:
    for id, ends in (("old", clock.at - MS), ("live", clock.at)):
        await hub.engine.write(
            Insert(
                Session(
                    id=id,
                    operator=anna.id,
                    created_at=clock.at,
                    expires_at=ends,
                    seen_at=clock.at,
                )
            )
        )
    await hub.worker.sweep()
    assert await hub.engine.get(Session, "old") is None
    assert await hub.engine.get(Session, "live") is not None


async def told_sent(events: Subscription[Announcement]) -> None:
    """Waits until some message of ours is announced as sent."""
    async with asyncio.timeout(60):
        while True:
            for each in await events.take():
                if isinstance(each.event, EntryChanged) and each.event.entry.state == "sent":
                    return


async def test_the_loops_outlive_a_store_that_was_away(
    hub: Hub, mortal: Mortal, anna: Who, caplog: pytest.LogCaptureFixture
) -> None:
    row = await ask(hub)
    async with hub.working(), hub.bus.listen() as events:
        mortal.down = True
        with pytest.raises(UnavailableError):
            await receive(hub, message(2, hub.now()))
        while {"delivery.waits", "worker.waits"} - {each.message for each in caplog.records}:
            await hub.bus.wake("delivery")
            await hub.bus.wake("rules")
            await asyncio.sleep(0)
        mortal.lives()
        await receive(hub, message(2, hub.now()))
        await hub.desk.reply(anna, row.id, "key-0001", "answer")
        await told_sent(events)


async def test_the_hub_works_from_end_to_end_and_stops(hub: Hub, anna: Who) -> None:
    """The loops together: a question is ruled, its answer delivered, everything ends."""
    async with hub.working():
        row = await ask(hub)
        async with hub.bus.listen() as events:
            entry, _ = await hub.desk.reply(anna, row.id, "key-0001", "answer")
            await told_sent(events)
    after = await hub.engine.get(Entry, entry.id)
    assert after is not None
    assert after.state == "sent"


class Faulty(Delivery):
    async def run(self) -> None:
        raise ZeroDivisionError


async def test_a_loop_that_falls_is_told_so_that_a_whole_process_takes_over(hub: Hub) -> None:
    faulty = Faulty(hub.engine, hub.bus, hub.channels, hub.pulses, hub.now)
    fell = asyncio.Event()
    async with dataclasses.replace(hub, delivery=faulty).working(fallen=fell.set):
        await asyncio.wait_for(fell.wait(), 60)


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("step", range(3))
async def test_nothing_is_recorded_of_an_example_that_is_erased_while_it_is_ruled(
    hub: Hub, mortal: Mortal, anna: Who, step: int, is_known: bool
) -> None:
    await hub.examples.add(anna, SHOP)
    row = next(each for each in await all_of(hub.engine, BY_LIFE, {"project": SHOP, "open": True}))
    await hub.desk.note(anna, row.id, "key-0001", "an example that somebody has tried")
    if is_known:
        assert len(await facts(hub)) == 1
        await hub.desk.note(anna, row.id, "key-0002", "and tried again")
    mortal.meanwhile(lambda: hub.examples.drop(SHOP), before=step)
    assert await facts(hub) == []
    assert await hub.engine.get(Dialog, row.id) is None, "it was erased, so early enough"
