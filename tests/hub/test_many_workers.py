"""Several workers on one store: one leads, all deliver, any may die, clocks may be wrong."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest

from hub import lanes, timers
from hub.accounts import Who
from hub.bus import Announcement, LocalBus, Subscription
from hub.channels.pulse import Pulses
from hub.delivery import Delivery
from hub.echo import echo
from hub.errors import UnavailableError
from hub.events import DialogChanged, EntryChanged, HubEvent
from hub.hub import Hub, assemble
from hub.lanes import LEASE, WAIT_MAX
from hub.model import Dialog, OutState
from hub.records import Audit
from hub.redis_bus import RedisBus
from hub.store.engine import Engine, Insert, TakenError
from hub.worker import CLAIM, ECHO_BACK, ECHO_MARGIN, LEAD_LASTS, SWEEP_EVERY, Worker
from tests.scripted import Platform
from tests.spine import (
    MS,
    SHOP,
    START,
    Clock,
    Crash,
    Mortal,
    ask,
    build,
    current,
    lane,
    log_of,
    say,
    sent,
    sound,
)

HOUR = timedelta(hours=1)
Consider = Callable[[Dialog], Awaitable[None]] | None


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[RedisBus]:
    # What is slow here is the machine, and not the server.
    made = RedisBus(redis_url, answer_seconds=60)
    await made.open()
    yield made
    await made.close()


async def test_hubs_of_one_host_and_one_number_of_a_process_go_by_different_names(
    hub: Hub, clock: Clock
) -> None:
    other = assemble(hub.settings, lambda *_: build, now=clock, engine=hub.engine)
    assert other.name != hub.name


@pytest.fixture
def draw(record_property: Callable[[str, object], None]) -> random.Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - what failed is told with its seed
    record_property("seed", seed)
    return random.Random(seed)


def worker(hub: Hub, bus: RedisBus, name: str, consider: Consider = None) -> Worker:
    return Worker(hub.engine, bus, hub.files, hub.search, hub.now, name, consider)


async def all_said(ear: Subscription[Announcement]) -> list[HubEvent]:
    """What was said up to now: everything has come when the next thing said has."""
    got: list[HubEvent] = []
    async with asyncio.timeout(60):
        while not got or not (isinstance(got[-1], DialogChanged) and got[-1].dialog.id == "last"):
            got += [each.event for each in await ear.take()]
    return got[:-1]


async def mark(bus: RedisBus, row: Dialog) -> None:
    last = Dialog.__struct_fields__
    named = {name: getattr(row, name) for name in last} | {"id": "last"}
    await bus.announce(DialogChanged(project=row.project, dialog=Dialog(**named)))


async def test_what_a_dead_process_did_not_announce_is_announced_again(
    hub: Hub, bus: RedisBus, anna: Who, clock: Clock
) -> None:
    row = await ask(hub)
    await hub.desk.reply(anna, row.id, "key-0001", "answer")
    row = await current(hub)
    async with bus.listen() as ear:
        assert await worker(hub, bus, "a").take_turn()
        await mark(bus, row)
        events = await all_said(ear)
    rows = [each.dialog for each in events if isinstance(each, DialogChanged)]
    entries = [each.entry for each in events if isinstance(each, EntryChanged)]
    assert [(each.id, each.seq) for each in rows] == [(row.id, row.seq)]
    assert entries == await log_of(hub.engine, row.id)


async def test_only_what_changed_lately_is_announced_again(
    hub: Hub, bus: RedisBus, clock: Clock
) -> None:
    old = await ask(hub, 1, "old")
    clock.forward(ECHO_BACK)
    await ask(hub, 1, "new")
    clock.forward(ECHO_MARGIN + MS)
    leader = worker(hub, bus, "a")
    async with bus.listen() as ear:
        await leader.take_turn()
        clock.forward(SWEEP_EVERY)
        await leader.take_turn()
        await mark(bus, old)
        events = await all_said(ear)
    rows = [each.dialog.id for each in events if isinstance(each, DialogChanged)]
    assert rows == ["site:new:1"], "and not a second time by the one who said it"


async def test_lines_of_a_sealed_episode_are_not_announced_again(
    hub: Hub, anna: Who, clock: Clock
) -> None:
    row = await ask(hub)
    await hub.desk.close(anna, row.id, "")
    clock.forward(timedelta(days=8))
    await ask(hub, 2)
    heard = LocalBus()
    async with heard.listen() as ear:
        assert await echo(hub.engine, heard, START) == 2
        events = [each.event for each in await ear.take()]
    dialogs = {each.entry.dialog for each in events if isinstance(each, EntryChanged)}
    assert dialogs == {"site:ivan:2"}


async def test_a_row_is_ruled_by_one_of_several_workers(
    hub: Hub, bus: RedisBus, clock: Clock
) -> None:
    rows = [(await ask(hub, 1, f"visitor{n}")).id for n in range(12)]
    ruled: list[str] = []

    async def counted(row: Dialog) -> None:
        ruled.append(row.id)

    workers = [worker(hub, bus, name, counted) for name in "abc"]
    await asyncio.gather(*(each.work() for each in workers))
    assert sorted(ruled) == sorted(rows), "each once"
    for id in rows:
        row = await sound(hub.engine, id)
        assert (row.ruled_seq, row.rules_at) == (row.seq, None)


async def test_a_row_whose_worker_died_is_ruled_by_another_soon(
    hub: Hub, mortal: Mortal, bus: RedisBus, clock: Clock
) -> None:
    """Whatever the write that it died at, and not before its claim has run out."""
    k, died = 1, True
    while died:
        row = await ask(hub, 1, f"visitor{k}")
        mortal.dies_after(k)
        died = False
        try:
            await worker(hub, bus, "dies").work()
        except Crash:
            died = True
        mortal.lives()
        await ask(hub, 2, f"visitor{k}")
        other = worker(hub, bus, "lives")
        await other.work()
        assert ((await current(hub, f"visitor{k}")).ruled_seq == 0) is died
        clock.forward(CLAIM)
        await other.work()
        row = await sound(hub.engine, row.id)
        assert (row.ruled_seq, row.rules_at) == (2, None)
        k += 1
    assert k > 2


async def test_what_comes_while_a_row_is_claimed_is_ruled_with_it_or_next(
    hub: Hub, mortal: Mortal, bus: RedisBus
) -> None:
    k = 0
    while True:
        row = await ask(hub, 1, f"visitor{k}")
        mortal.meanwhile(partial(ask, hub, 2, f"visitor{k}"), before=k)
        one, other = worker(hub, bus, "one"), worker(hub, bus, "other")
        for _ in range(3):
            await asyncio.gather(one.work(), other.work())
        row = await sound(hub.engine, row.id)
        if row.seq == 1:
            break
        assert (row.ruled_seq, row.rules_at) == (2, None), k
        k += 1
    assert k > 2


async def test_one_worker_leads_and_another_follows_a_dead_one(
    hub: Hub, bus: RedisBus, clock: Clock
) -> None:
    first, second = worker(hub, bus, "same"), worker(hub, bus, "same")
    assert await first.take_turn()
    assert not await second.take_turn()
    clock.forward(SWEEP_EVERY)
    assert await first.take_turn()
    assert not await second.take_turn()
    clock.forward(LEAD_LASTS)
    assert await second.take_turn(), "the first was not heard of for too long"
    assert not await first.take_turn(), "and finds that it was overtaken"
    await second.resign()
    assert await first.take_turn()


@pytest.mark.parametrize("channel", ["site", "vk"])
async def test_workers_that_die_with_sends_in_flight_leave_honest_states(
    hub: Hub, engine: Engine, clock: Clock, draw: random.Random, channel: str
) -> None:
    """`site` has no idempotency and `vk` knows a repeated key."""
    platform = hub.channels.get(channel)
    assert isinstance(platform, Platform)

    async def slow() -> None:
        for _ in range(draw.randrange(8)):
            await asyncio.sleep(0)

    rows = {f"v{n}": await ask(hub, 1, f"v{n}", channel) for n in range(3)}
    for visitor, row in rows.items():
        await say(hub, row, *(f"{visitor} {n}" for n in range(8)))
    platform.script.extend([slow] * 10_000)
    lives = deaths = 0

    async def process() -> None:
        """A worker's life until it dies, as the first does whatever the dice, or nothing is due."""
        nonlocal lives, deaths
        mortal = Mortal(engine)
        mortal.dice = lambda: draw.random() < 0.08
        if lives == 0:
            mortal.dies_after(draw.randrange(6))
        lives += 1
        pulses = Pulses(mortal, LocalBus(), hub.channels, clock)
        mine = Delivery(mortal, LocalBus(), hub.channels, pulses, clock)
        try:
            for id in draw.sample(due := await mine.due(20), len(due)):
                await mine.deliver(id)
        except Crash:
            deaths += 1

    for _ in range(300):
        await asyncio.gather(process(), process())
        clock.forward(LEASE / 3)
        entries = [each for row in rows.values() for each in await sent(hub, row)]
        if not any(each.pending for each in entries):
            break
    assert deaths > 0
    for visitor, row in rows.items():
        mine = [text for text in platform.shown if text.startswith(f"{visitor} ")]
        assert mine == sorted(set(mine)), "each once, in the order in which they were said"
        for entry in await sent(hub, row):
            if channel == "vk":
                assert entry.state is OutState.SENT
            assert entry.state in (OutState.SENT, OutState.UNKNOWN)
            if entry.state is OutState.SENT:
                assert entry.text in mine
        await sound(engine, row.id)


async def test_timers_of_two_workers_that_die_have_exactly_one_effect_each(
    engine: Engine, clock: Clock, draw: random.Random
) -> None:
    targets = {f"target{n}" for n in range(20)}
    for target in targets:
        await timers.promise(engine, SHOP, "silence", target, START, START)
    effects: list[str] = []

    async def process() -> None:
        mortal = Mortal(engine)
        mortal.dice = lambda: draw.random() < 0.1
        try:
            # Both go by one name, which must not matter.
            for timer in await timers.claim(mortal, "worker", clock(), limit=5):
                effect = Audit(
                    id=timer.id,
                    project=SHOP,
                    actor="worker",
                    verb="fired",
                    target=timer.target,
                    created_at=clock(),
                )
                try:
                    await mortal.write(Insert(effect))
                    effects.append(timer.target)
                except TakenError:
                    pass
                await timers.settle(mortal, timer)
        except Crash:
            return

    for _ in range(200):
        await asyncio.gather(process(), process())
        clock.forward(timers.CLAIM / 2)
        if set(effects) == targets and not await timers.claim(engine, "last", clock() + HOUR):
            break
    assert sorted(effects) == sorted(targets)


async def test_a_clock_that_ran_ahead_keeps_no_lane_and_no_rule_waiting(
    hub: Hub, site: Platform, clock: Clock
) -> None:
    row = await ask(hub)
    clock.forward(HOUR)
    await say(hub, row, "one")

    async def dies() -> None:
        raise Crash

    site.script.append(dies)
    with pytest.raises(Crash):
        await hub.delivery.deliver((await hub.delivery.due(1))[0])
    await ask(hub, 2, "olga")
    clock.forward(-HOUR)

    assert await hub.delivery.due(10) == []
    await hub.worker.sweep()
    while await hub.worker.work():
        pass
    assert (await current(hub, "olga")).ruled_seq == 1
    for id in await hub.delivery.due(10):
        await hub.delivery.deliver(id)
    (entry,) = await sent(hub, row)
    assert entry.state is OutState.UNKNOWN, "nobody knows what the dead one did"
    await say(hub, row, "two")
    for id in await hub.delivery.due(10):
        await hub.delivery.deliver(id)
    assert site.shown == ["two"]
    assert await lane(hub, row) == (None, "")


async def test_a_lane_that_waits_for_its_next_try_is_left_alone(hub: Hub, clock: Clock) -> None:
    row = await ask(hub)
    later = clock.at + WAIT_MAX

    def held(had: Dialog) -> Dialog:
        named = {name: getattr(had, name) for name in had.__struct_fields__}
        return Dialog(**named | {"lane_at": later})

    await hub.engine.change(Dialog, row.id, held)
    await lanes.straighten(hub.engine, clock.at)
    assert await lane(hub, row) == (later, "")


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_jumps_between_two_messages_loses_and_doubles_nothing(
    hub: Hub, site: Platform, clock: Clock, anna: Who, hours: int
) -> None:
    row = await ask(hub)
    await hub.worker.take_turn()
    clock.forward(hours * HOUR)
    await ask(hub, 2)
    await hub.desk.reply(anna, row.id, "key-0001", "answer")
    await hub.worker.take_turn()
    while await hub.worker.work():
        pass
    for id in await hub.delivery.due(10):
        await hub.delivery.deliver(id)
    clock.forward(-hours * HOUR)
    await ask(hub, 3)
    await ask(hub, 3)
    await hub.worker.take_turn()
    row = await sound(hub.engine, row.id)
    assert [each.seq for each in await log_of(hub.engine, row.id)] == list(range(1, row.seq + 1))
    assert site.shown == ["answer"]


async def test_a_row_left_behind_while_the_clock_was_ahead_is_found(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    row = await ask(hub)
    clock.forward(HOUR)
    await hub.worker.mark_alive()
    clock.forward(-HOUR)
    mortal.dies_after(1)
    with pytest.raises((Crash, UnavailableError)):
        await ask(hub, 2)
    mortal.lives()
    assert await hub.worker.repair() == 1
    assert (await hub.desk.dialog(row.id)).seq == 2
