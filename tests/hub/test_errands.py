"""An errand is done by one worker at a time, and again by another when that one died at it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from hub.bus import LocalBus
from hub.hub import Hub
from hub.model import Dialog, DialogId, OperatorId
from hub.people.erasure import Eraser, dropping
from hub.records import Errand, Notice, Outgoing, Post, Sms
from hub.store.engine import Engine, Insert
from hub.store.schema import ERRANDS_IN, POSTS_DUE, POSTS_OLD
from hub.telling import errands
from hub.telling.errands import AT_ONCE, CLAIM, KEPT, RETRIES, SWEPT_AT_ONCE, Errands
from tests.spine import SHOP, Clock
from tests.store.samples import dialog

Does = Callable[[Post], Awaitable[None]]


class Office(Errands[Post]):
    """Does what the test says, and keeps what it was given."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.bus = LocalBus()
        super().__init__(engine, self.bus, clock, "post", POSTS_DUE, POSTS_OLD)
        self.engine = engine
        self.clock = clock
        self.seen: list[str] = []
        self.does: Does = self.sent

    async def _do(self, errand: Post) -> None:
        self.seen.append(errand.to)
        await self.does(errand)

    async def sent(self, errand: Post) -> None:
        await self.settle(errand, due_at=None, state="sent")

    async def promise(self, to: str = "anna@example.com", **told: Any) -> Post:
        at = self.clock()
        given: dict[str, Any] = {
            "project": SHOP,
            "template": "exhausted",
            "due_at": at,
            "created_at": at,
        }
        post = Post(id=errands.id_of("x", to), to=to, **(given | told))
        await errands.promise(self.engine, post)
        return post

    async def state(self, post: Post) -> tuple[str, str, bool]:
        now = await self.engine.get(Post, post.id)
        assert now is not None
        return now.state, now.by, now.due_at is None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def office(engine: Engine, clock: Clock) -> Office:
    return Office(engine, clock)


async def test_what_is_promised_twice_is_done_once(office: Office) -> None:
    post = await office.promise()
    assert not await errands.promise(office.engine, post)
    await asyncio.gather(*(office.work() for _ in range(5)))
    await office.work()
    assert office.seen == [post.to]
    assert await office.state(post) == ("sent", "", True)


async def test_nothing_is_done_before_it_is_due_and_a_full_page_means_more(
    office: Office,
) -> None:
    for n in range(AT_ONCE + 1):
        await office.promise(f"{n}@example.com", due_at=office.clock() + timedelta(minutes=1))
    assert not await office.work()
    assert office.seen == []
    office.clock.at += timedelta(minutes=1)
    assert await office.work()
    assert not await office.work()
    assert len(office.seen) == len(set(office.seen)) == AT_ONCE + 1


async def test_one_whose_worker_died_comes_again_when_its_claim_ran_out(office: Office) -> None:
    async def dies(_: Post) -> None:
        raise RuntimeError("dead")

    post, other = await office.promise(), await office.promise("eva@example.com")
    office.does = dies
    await office.work()
    assert sorted(office.seen) == sorted([post.to, other.to])
    office.does = office.sent
    await office.work()
    assert len(office.seen) == 2
    office.clock.at += CLAIM
    await office.work()
    assert await office.state(post) == await office.state(other) == ("sent", "", True)


async def test_one_that_fails_each_time_is_given_up_after_a_day(office: Office) -> None:
    async def fails(_: Post) -> None:
        raise RuntimeError("a fault of ours")

    post = await office.promise()
    office.does = fails
    for wait in RETRIES:
        await office.work()
        office.clock.at += wait
    await office.work()
    office.clock.at += KEPT
    await office.work()
    assert len(office.seen) == len(RETRIES) + 1
    assert await office.state(post) == ("waiting", "", True)


async def test_whoever_took_too_long_settles_nothing_of_the_next_one(office: Office) -> None:
    async def sleeps(errand: Post) -> None:
        office.clock.at += CLAIM
        office.does = office.sent
        await office.work()
        await office.settle(errand, due_at=office.clock(), tries=7)

    post = await office.promise()
    office.does = sleeps
    await office.work()
    assert office.seen == [post.to, post.to]
    assert await office.state(post) == ("sent", "", True)


async def test_one_that_is_erased_meanwhile_is_no_failure(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    async def erased(errand: Post) -> None:
        await office.engine.delete_if(Post, errand.id, lambda _: True)
        await office.sent(errand)

    post = await office.promise()
    office.does = erased
    await office.work()
    assert await office.engine.get(Post, post.id) is None
    assert caplog.records == []


async def test_of_a_dialog_that_is_gone_nothing_is_promised_and_nothing_is_done(
    office: Office,
) -> None:
    row = dialog(id="site:1:1", project=SHOP)
    await office.engine.write(Insert(row))
    kept = await office.promise("eva@example.com", dialog=DialogId(row.id))
    await office.engine.change(Dialog, row.id, lambda had: dropping(had, office.clock()))
    late = await office.promise("ira@example.com", dialog=DialogId(row.id))
    assert await office.engine.get(Post, late.id) is None
    # Whoever promised it died before he looked.
    await office.work()
    assert office.seen == []
    assert await office.engine.get(Post, kept.id) is None


async def test_what_is_over_for_long_is_cleared_away_and_what_waits_is_not(
    office: Office,
) -> None:
    done = await office.promise()
    await office.work()
    waits = await office.promise("eva@example.com", due_at=office.clock() + 2 * KEPT)
    office.clock.at += KEPT
    await office.sweep(office.clock())
    assert await office.engine.get(Post, done.id) is not None
    office.clock.at += timedelta(seconds=1)
    await office.sweep(office.clock())
    assert await office.engine.get(Post, done.id) is None
    assert await office.engine.get(Post, waits.id) is not None


async def test_many_that_still_wait_keep_none_that_is_over_from_being_cleared_away(
    office: Office,
) -> None:
    far = office.clock() + 10 * KEPT
    for n in range(SWEPT_AT_ONCE):
        await office.promise(f"{n}@example.com", due_at=far)
    office.clock.at += timedelta(seconds=1)
    done = await office.promise()
    await office.work()
    office.clock.at += KEPT + timedelta(seconds=1)
    await office.sweep(office.clock())
    assert await office.engine.get(Post, done.id) is None


async def test_one_that_a_clock_years_ahead_put_off_is_done_by_the_right_one(
    office: Office, clock: Clock
) -> None:
    async def fails(_: Post) -> None:
        raise RuntimeError("no network yet")

    start, post = clock.at, await office.promise()
    office.does = fails
    clock.at += timedelta(days=3_650)
    await office.work()
    clock.at = start
    office.does = office.sent
    await office.sweep(clock.at)
    await office.work()
    assert await office.state(post) == ("sent", "", True)


async def test_a_clock_that_was_a_year_ahead_once_ends_no_clearing_away(
    office: Office, clock: Clock
) -> None:
    start = clock.at
    first = await office.promise("eva@example.com", due_at=None, state="sent")
    clock.at += timedelta(days=365)
    running = asyncio.create_task(office.run())
    try:
        async with asyncio.timeout(60):
            while await office.engine.get(Post, first.id) is not None:
                await office.bus.wake("post")
                await asyncio.sleep(0)
            clock.at = start
            done = await office.promise(due_at=None, state="sent")
            clock.at += KEPT + timedelta(minutes=1)
            while await office.engine.get(Post, done.id) is not None:
                await office.bus.wake("post")
                await asyncio.sleep(0)
    finally:
        running.cancel()


async def test_with_a_dialog_goes_all_that_tells_of_it(hub: Hub, clock: Clock) -> None:
    row, other = dialog(id="site:1:1", project=SHOP), dialog(id="site:2:1", project=SHOP)
    at = clock()
    made: list[Errand] = []
    for each in (row, other):
        await hub.engine.write(Insert(each))
        told: dict[str, Any] = {
            "project": SHOP,
            "dialog": DialogId(each.id),
            "due_at": at,
            "created_at": at,
        }
        made += [
            Notice(id=f"n{each.id}", operator=OperatorId("anna"), what="new", since=at, **told),
            Post(id=f"p{each.id}", to="anna@example.com", template="exhausted", **told),
            Sms(id=f"s{each.id}", trigger="t", call="c", phone="+79161234567", after=at, **told),
            Outgoing(id=f"o{each.id}", event="lead.exhausted", body="{}", **told),
        ]
    assert {index.of for index in ERRANDS_IN} == set(Errand.__subclasses__())
    for errand in made:
        await errands.promise(hub.engine, errand)
    gone = await hub.engine.change(Dialog, row.id, lambda had: dropping(had, at))
    await Eraser(hub.engine, hub.files, hub.search).erase(gone)
    left = [each for each in made if await hub.engine.get(type(each), each.id) is not None]
    assert {each.dialog for each in left} == {other.id}
    assert len(left) == len(ERRANDS_IN)
