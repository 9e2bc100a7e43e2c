"""One live lead for a phone and one for a person, whoever orders it."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.calling import Plan
from hub.leads import leads
from hub.leads.lead import JOINS_MAX, Lead
from hub.leads.leads import Order
from hub.model import CallTime, ContactId, DialogId, ProjectId
from hub.statuses import Status
from hub.store.engine import Engine
from hub.store.schema import LEADS_LIVE
from tests.spine import BAKERY, MS, SHOP, START, Crash, Mortal

PHONE, OTHER = "+79161234567", "+79161234568"
HOUR = timedelta(hours=1)
IVAN = ContactId("site:ivan")


def wanted(id: str = "e1", phone: str = PHONE, **more: Any) -> Order:
    told: dict[str, Any] = {"project": SHOP, "at": START, "origin": "silence", "rule": "silence"}
    told |= {"dialog": DialogId(f"site:{id}:1"), "due_at": START + HOUR}
    return Order(id=id, phone=phone, **(told | more))


async def placed(
    engine: Engine, id: str = "e1", phone: str = PHONE, now: datetime = START, **more: Any
) -> Lead:
    """The lead of an order of this moment, settled as the worker settles it."""
    made = wanted(id, phone, **more)
    lead, _ = await leads.order(engine, made, now)
    return await leads.settle(engine, lead, now)


async def live(engine: Engine, project: ProjectId = SHOP) -> list[Lead]:
    page = await engine.find(LEADS_LIVE, {"project": project, "live": True}, limit=200)
    return page.items


def held(at: timedelta) -> CallTime:
    return CallTime(at=START + at, local="", zone="Europe/Moscow")


def ringing(lead: Lead) -> Lead:
    return replace(lead, status=Status.CALLING_VISITOR, due_at=None)


class TestOnePhone:
    async def test_fifty_orders_at_once_join_in_one_lead(self, engine: Engine) -> None:
        done = await asyncio.gather(
            *(leads.order(engine, wanted(f"e{n}"), START) for n in range(50))
        )
        assert sorted(opened for _, opened in done) == [False] * 49 + [True]
        assert {lead.id for lead, _ in done} == {f"{SHOP}:{PHONE}:1"}
        lead = await leads.latest(engine, SHOP, PHONE)
        assert lead is not None
        assert {each.entry for each in lead.joins} == {f"e{n}" for n in range(50)}

    async def test_it_keeps_what_it_was_orderedreplace(self, engine: Engine) -> None:
        plan = Plan(tries=2, offsets=(0, 900), numbers=("+78001234567",))
        lead = await placed(
            engine,
            connection="c1",
            extension="12",
            zones=("Asia/Omsk",),
            zone_why="code",
            plan=plan,
        )
        assert (lead.dialog, lead.origin, lead.rule) == ("site:e1:1", "silence", "silence")
        assert (lead.due_at, lead.auto_due_at) == (START + HOUR, START + HOUR)
        assert (lead.status, lead.live, lead.attempts) == (Status.NEW, True, 0)
        assert (lead.connection, lead.extension, lead.plan) == ("c1", "12", plan)
        assert (lead.zones, lead.zone_why) == (("Asia/Omsk",), "code")

    async def test_one_heard_while_a_clock_was_years_ahead_keeps_no_later_wish_from_a_call(
        self, engine: Engine
    ) -> None:
        ahead = START + timedelta(days=3_650)
        first, _ = await leads.order(engine, wanted(at=ahead, asked_at=ahead), ahead)
        await leads.end(engine, first, Status.PROCESSED, ahead, "talked")
        at = START + HOUR
        lead, opened = await leads.order(engine, wanted("e2", at=at, asked_at=at), at)
        assert (opened, lead.live, lead.n) == (True, True, 2)

    async def test_one_planned_by_a_clock_that_was_years_ahead_is_moved_by_any_later_word(
        self, engine: Engine
    ) -> None:
        ahead = START + timedelta(days=3_650)
        told: dict[str, Any] = {"at": ahead, "asked_at": ahead, "due_at": ahead + HOUR}
        await leads.order(engine, wanted(**told), ahead)
        at = START + HOUR
        asked = wanted("e2", at=at, asked_at=at, due_at=at + HOUR)
        lead, _ = await leads.order(engine, asked, at)
        assert lead.due_at == at + HOUR
        moved = leads.held(replace(lead, moved_at=ahead), held(2 * HOUR), at, "e3", at)
        assert moved is not None
        assert moved.due_at == START + 2 * HOUR

    async def test_the_next_is_opened_when_the_last_has_ended(self, engine: Engine) -> None:
        first = await placed(engine)
        ended = await leads.end(engine, first, Status.PROCESSED, START + MS, "handled")
        again = await leads.end(engine, first, Status.SPAM, START + MS * 2)
        assert again == ended
        assert (ended.status, ended.live, ended.due_at) == (Status.PROCESSED, False, None)
        assert (ended.cause, ended.ended_at) == ("handled", START + MS)

        late = [wanted(f"e{n}", at=START + MS * 3) for n in range(2, 8)]
        done = await asyncio.gather(*(leads.order(engine, each, START) for each in late))

        assert {(lead.n, lead.live) for lead, _ in done} == {(2, True)}
        assert await engine.get(Lead, first.id) == ended

    async def test_what_was_asked_before_the_end_opens_no_other(self, engine: Engine) -> None:
        first = await placed(engine, "e1")
        await placed(engine, "e2", at=START + HOUR)
        await leads.end(engine, first, Status.PROCESSED, START + 2 * HOUR)
        for order in (wanted("e1"), wanted("e2", at=START + HOUR), wanted("e0", at=START + MS)):
            lead, opened = await leads.order(engine, order, START + 3 * HOUR)
            assert (lead.n, lead.live, opened) == (1, False, False)

    async def test_a_phone_is_another_lead_in_another_project(self, engine: Engine) -> None:
        shop = await placed(engine, contact=IVAN)
        bakery = await placed(engine, "e2", project=BAKERY, contact=IVAN)
        assert shop.id != bakery.id
        assert (shop.live, bakery.live) == (True, True)
        assert await leads.latest(engine, SHOP, "+79160000000") is None

    async def test_of_the_rules_the_nearest_time_counts(self, engine: Engine) -> None:
        await placed(engine, "e1", due_at=START + 2 * HOUR)
        assert (await placed(engine, "e2", due_at=START + HOUR)).due_at == START + HOUR
        assert (await placed(engine, "e3", due_at=START + 3 * HOUR)).due_at == START + HOUR
        assert (await placed(engine, "e4", due_at=None)).due_at == START + HOUR

    async def test_a_persons_own_time_wins_over_a_rules(self, engine: Engine) -> None:
        await placed(engine, "e1")
        at = held(5 * HOUR)
        lead = await placed(
            engine, "e2", at=START + MS, asked_at=START + MS, due_at=at.at, wanted=at
        )
        assert (lead.due_at, lead.wanted) == (at.at, at)
        lead = await placed(engine, "e3", at=START + HOUR, due_at=START + HOUR)
        assert (lead.due_at, len(lead.joins)) == (at.at, 3)

    async def test_a_newer_wish_wins_over_an_older_one_in_any_order(self, engine: Engine) -> None:
        new: dict[str, Any] = {
            "at": START + 2 * MS,
            "asked_at": START + 2 * MS,
            "due_at": START + 5 * HOUR,
        }
        old: dict[str, Any] = {"at": START + MS, "asked_at": START + MS, "due_at": START + 2 * HOUR}
        await placed(engine, "e1", **new)
        lead = await placed(engine, "e2", **old)
        assert (lead.due_at, lead.asked_at) == (START + 5 * HOUR, START + 2 * MS)

    async def test_who_asks_while_it_rings_disturbs_no_call(self, engine: Engine) -> None:
        lead = await placed(engine)
        await engine.change(Lead, lead.id, ringing)
        lead = await placed(engine, "e2", at=START + MS, asked_at=START + MS)
        assert (lead.status, lead.due_at, len(lead.joins)) == (Status.CALLING_VISITOR, None, 2)

    async def test_of_very_many_joins_the_first_and_the_last_are_kept(self, engine: Engine) -> None:
        lead = await placed(engine, "e0")
        for n in range(1, JOINS_MAX + 10):
            lead = await placed(engine, f"e{n}")
        assert len(lead.joins) == JOINS_MAX
        assert (lead.joins[0].entry, lead.joins[-1].entry) == ("e0", f"e{JOINS_MAX + 9}")


class TestAnOperatorsTime:
    async def test_it_wins_over_what_rules_want_and_is_given_back(self, engine: Engine) -> None:
        lead = await placed(engine)
        lead = await self.set(engine, lead, held(4 * HOUR), "move1")
        assert lead.due_at == START + 4 * HOUR
        lead = await placed(engine, "e2", due_at=START + HOUR / 2)
        assert (lead.due_at, lead.auto_due_at) == (START + 4 * HOUR, START + HOUR / 2)
        lead = await self.set(engine, lead, None, "move2", MS)
        assert (lead.due_at, lead.held) == (START + HOUR / 2, None)

    async def test_a_newer_wish_of_the_person_wins_over_it(self, engine: Engine) -> None:
        lead = await self.set(engine, await placed(engine), held(4 * HOUR), "move1")
        late: dict[str, Any] = {
            "at": START + MS,
            "asked_at": START + MS,
            "due_at": START + 2 * HOUR,
        }
        lead = await placed(engine, "e2", **late)
        assert (lead.due_at, lead.held) == (START + 2 * HOUR, None)

    async def test_an_older_wish_does_not(self, engine: Engine) -> None:
        lead = await self.set(engine, await placed(engine), held(4 * HOUR), "move1", HOUR)
        wish: dict[str, Any] = {
            "at": START + MS,
            "asked_at": START + MS,
            "due_at": START + 2 * HOUR,
        }
        lead = await placed(engine, "e2", now=START + HOUR, **wish)
        assert (lead.due_at, lead.auto_due_at) == (START + 4 * HOUR, START + 2 * HOUR)

    async def test_of_two_decisions_the_later_stands_in_any_order(self, engine: Engine) -> None:
        lead = await placed(engine)
        await self.set(engine, lead, held(5 * HOUR), "b", 2 * MS)
        for _ in range(2):
            lead = await self.set(engine, lead, held(4 * HOUR), "a", MS)
        assert lead.due_at == START + 5 * HOUR

    async def test_an_ended_lead_is_not_moved(self, engine: Engine) -> None:
        lead = await leads.end(engine, await placed(engine), Status.PROCESSED, START)
        assert (await self.set(engine, lead, held(HOUR), "a")).due_at is None

    async def set(
        self, engine: Engine, lead: Lead, at: CallTime | None, by: str, after: timedelta = MS * 0
    ) -> Lead:
        word = START + after
        return await engine.change(Lead, lead.id, lambda had: leads.held(had, at, word, by, START))


class TestOnePerson:
    """C6: of several of one person the nearest is carried out, the others are duplicates."""

    async def test_of_two_phones_the_nearest_is_called(self, engine: Engine) -> None:
        far = await placed(engine, "e1", contact=IVAN, due_at=START + 3 * HOUR)
        near = await placed(engine, "e2", OTHER, contact=IVAN, due_at=START + HOUR)
        [only] = await live(engine)
        assert only.id == near.id
        far = await engine.get(Lead, far.id) or far
        assert (far.status, far.cause, far.of) == (Status.PROCESSED, "duplicate", near.id)
        assert [each.lead for each in only.joins] == [None, far.id]

    async def test_another_person_keeps_the_own_lead(self, engine: Engine) -> None:
        await placed(engine, "e1", contact=IVAN)
        await placed(engine, "e2", OTHER, contact=ContactId("site:olga"))
        assert len(await live(engine)) == 2

    async def test_the_persons_newest_wish_goes_before_all_rules(self, engine: Engine) -> None:
        await placed(engine, "e1", contact=IVAN, due_at=START + HOUR)
        wish: dict[str, Any] = {
            "at": START + MS,
            "asked_at": START + MS,
            "due_at": START + 9 * HOUR,
        }
        asked = await placed(engine, "e2", OTHER, contact=IVAN, **wish)
        await placed(engine, "e3", "+79161234569", contact=IVAN, due_at=START)
        assert [each.id for each in await live(engine)] == [asked.id]

    async def test_one_that_was_dialled_already_stays(self, engine: Engine) -> None:
        lead = await placed(engine, "e1", contact=IVAN, due_at=START + 9 * HOUR)
        retry = {"status": Status.AWAITING_RETRY, "attempts": 1}
        await engine.change(Lead, lead.id, lambda had: replace(had, **retry))
        await placed(engine, "e2", OTHER, contact=IVAN, due_at=START)
        assert [each.id for each in await live(engine)] == [lead.id]

    async def test_two_calls_that_ring_at_once_are_both_left_alone(self, engine: Engine) -> None:
        both = [wanted("e1", contact=IVAN), wanted("e2", OTHER, contact=IVAN)]
        for one in both:
            lead, _ = await leads.order(engine, one, START)
            await engine.change(Lead, lead.id, ringing)
        await placed(engine, "e3", contact=IVAN)
        assert len(await live(engine)) == 2


class Shuffled(Mortal):
    """A store before which its askers are mixed up, and some of them die."""

    def __init__(self, engine: Engine, draw: random.Random) -> None:
        super().__init__(engine)
        self._draw = draw
        self.dice = self._dies
        self.deadly = True

    def _dies(self) -> bool:
        return self.deadly and self._draw.random() < 0.05

    async def _mix(self) -> None:
        for _ in range(self._draw.randrange(5)):
            await asyncio.sleep(0)

    async def _step(self) -> None:
        await self._mix()
        await super()._step()

    async def get(self, of: Any, id: str) -> Any:
        await self._mix()
        return await super().get(of, id)

    async def walk(self, walk: Any, limit: int) -> Any:
        await self._mix()
        return await super().walk(walk, limit)


PHONES = [f"+7916123450{n}" for n in range(3)]
ORDERS = st.lists(
    st.tuples(
        st.sampled_from(PHONES),
        st.sampled_from(["ivan", "olga"]),
        st.booleans(),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    min_size=2,
    max_size=8,
)


EXAMPLE = itertools.count()


@given(orders=ORDERS, seed=st.integers(0, 2**32))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_workers_in_any_order_with_any_deaths_leave_one_live_lead(
    engine: Engine, orders: list[tuple[str, str, bool, int, int]], seed: int
) -> None:
    """Each order is carried out by two, until nobody died of it."""
    store = Shuffled(engine, random.Random(seed))
    project = ProjectId(f"shop{next(EXAMPLE)}")

    async def work(n: int) -> None:
        phone, who, is_wish, at, due = orders[n]
        heard = START + at * MS
        order = wanted(
            f"e{n}",
            phone,
            project=project,
            at=heard,
            contact=ContactId(who),
            asked_at=heard if is_wish else None,
            due_at=START + due * HOUR,
        )
        while True:
            try:
                lead, _ = await leads.order(store, order, START)
                await leads.settle(store, lead, START)
            except Crash:
                continue
            return

    await asyncio.gather(*(work(n) for n in range(len(orders)) for _ in range(2)))
    found = await live(engine, project)
    assert len({each.phone for each in found}) == len(found)
    people = [each for lead in found for each in lead.contacts]
    assert len(set(people)) == len(people)
    assert found, "not all can have given way"
