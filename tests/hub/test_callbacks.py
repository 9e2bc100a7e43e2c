"""What operators decide about callback orders (E10), also when the hub dies of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.errors import BadValueError, ConflictError, NotFoundError
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import Dialog, Verb
from hub.people.contacts import NotAPhoneError
from hub.rights import Right
from hub.statuses import Status
from tests.hub.test_ordering import (
    HOUR,
    OTHER,
    PHONE,
    again,
    arrange,
    calls,
    iso,
    live,
    plan,
    refuse,
    works,
)
from tests.spine import (
    BAKERY,
    MS,
    SHOP,
    START,
    Clock,
    Crash,
    Mortal,
    ask,
    current,
    log_of,
    operator,
    sound,
)


async def planned(hub: Hub, visitor: str = "ivan", phone: str = PHONE, at: str = "") -> Lead:
    row = await plan(hub, await ask(hub, visitor=visitor), phone=phone, at=at)
    await works(hub)
    return next(each for each in await live(hub.engine) if each.dialog == row.id)


class TestMoving:
    async def test_to_an_exact_time_and_back_to_where_it_was(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        lead = await planned(hub, at=iso(START + 2 * HOUR))
        retry = {"attempts": 2, "status": Status.AWAITING_RETRY}
        await hub.engine.change(Lead, lead.id, lambda had: replace(had, **retry))
        done = await hub.callbacks.move(anna, lead, START + 4 * HOUR)
        assert done.lead is not None
        assert (done.lead.due_at, done.warnings) == (START + 4 * HOUR, ())
        row = await current(hub)
        assert row.call_at == START + 4 * HOUR
        assert (await log_of(hub.engine, row.id))[-1].author.name == "Anna"

        back = await hub.callbacks.automatic(anna, done.lead)
        assert back.lead is not None
        assert (back.lead.due_at, back.lead.held) == (START + 2 * HOUR, None)
        assert (back.lead.attempts, back.lead.status) == (2, Status.AWAITING_RETRY)
        assert (await current(hub)).call_at == START + 2 * HOUR

    async def test_given_back_when_its_time_has_passed_it_is_due_at_the_next_lawful_minute(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        lead = (await hub.callbacks.move(anna, await planned(hub), START + 24 * HOUR)).lead
        assert lead is not None
        clock.forward(12 * HOUR)
        back = await hub.callbacks.automatic(anna, lead)
        assert back.lead is not None
        assert back.lead.due_at == START.replace(day=3, hour=6)

    async def test_given_back_where_nothing_dials_it_waits_for_people(
        self, hub: Hub, anna: Who
    ) -> None:
        await arrange(hub, autonomous=True)
        lead = await planned(hub)
        done = await hub.callbacks.move(anna, lead, START + HOUR)
        assert done.lead is not None
        assert done.lead.due_at == START + HOUR, "the operator himself says so"
        back = await hub.callbacks.automatic(anna, done.lead)
        assert back.lead is not None
        assert back.lead.due_at is None

    async def test_outside_the_hours_it_warns_and_does_it(self, hub: Hub, anna: Who) -> None:
        lead = await planned(hub)
        done = await hub.callbacks.move(anna, lead, START + 12 * HOUR)
        assert done.lead is not None
        assert (done.warnings, done.lead.due_at) == (("outside",), START + 12 * HOUR)

    @pytest.mark.parametrize("by", [-MS, timedelta(days=40)])
    async def test_not_to_the_past_nor_to_another_year(
        self, hub: Hub, anna: Who, by: timedelta
    ) -> None:
        lead = await planned(hub)
        with pytest.raises(BadValueError):
            await hub.callbacks.move(anna, lead, START + by)

    async def test_not_while_it_rings_nor_after_its_end(self, hub: Hub, anna: Who) -> None:
        lead = await planned(hub)
        rings = await hub.engine.change(
            Lead, lead.id, lambda had: replace(had, status=Status.CALLING_VISITOR)
        )
        with pytest.raises(ConflictError, match="calling"):
            await hub.callbacks.move(anna, rings, START + HOUR)
        with pytest.raises(ConflictError, match="calling"):
            await hub.callbacks.cancel(anna, rings, "handled")
        over = replace(rings, live=False)
        with pytest.raises(ConflictError, match="ended"):
            await hub.callbacks.automatic(anna, over)

    async def test_a_rule_that_joins_later_does_not_move_it(self, hub: Hub, anna: Who) -> None:
        await hub.callbacks.move(anna, await planned(hub), START + 4 * HOUR)
        await plan(hub, await current(hub), rule="phone_only")
        await works(hub)
        [lead] = await live(hub.engine)
        assert (lead.due_at, lead.auto_due_at) == (START + 4 * HOUR, START)


class TestCancelling:
    async def test_it_ends_with_its_cause_and_the_dialog_says_so(self, hub: Hub, anna: Who) -> None:
        lead = await planned(hub)
        for _ in range(2):
            await hub.callbacks.cancel(anna, lead, "not_needed")
        ended = await hub.engine.get(Lead, lead.id)
        assert ended is not None
        assert (ended.live, ended.cause, ended.status) == (False, "not_needed", Status.PROCESSED)
        row = await sound(hub.engine, str(lead.dialog))
        assert (row.call_status, row.call_at) == (Status.PROCESSED, None)
        assert [each.get("cause") for each in await calls(hub, row)] == [None, "not_needed"]


class TestTheRightPhone:
    async def test_goes_on_with_what_was_planned_and_tried(self, hub: Hub, anna: Who) -> None:
        lead = await planned(hub, at=iso(START + 2 * HOUR))
        retry = {"attempts": 1, "status": Status.AWAITING_RETRY}
        lead = await hub.engine.change(Lead, lead.id, lambda had: replace(had, **retry))
        done = await hub.callbacks.correct(anna, lead, "8 (916) 123-45-68")
        assert done.lead is not None
        assert (done.lead.phone, done.lead.live, done.lead.attempts) == (OTHER, True, 1)
        assert (done.lead.due_at, done.lead.rule) == (START + 2 * HOUR, "silence")
        old = await hub.engine.get(Lead, lead.id)
        assert old is not None
        assert (old.live, old.cause, old.of) == (False, "corrected", done.lead.id)
        row = await sound(hub.engine, str(lead.dialog))
        assert (row.phone, row.call_status) == (OTHER, Status.NEW)
        before = await live(hub.engine)
        await again(hub, row)
        assert await live(hub.engine) == before

    async def test_joins_the_lead_that_the_right_phone_has(self, hub: Hub, anna: Who) -> None:
        right = await planned(hub, "olga", OTHER)
        wrong = await planned(hub)
        done = await hub.callbacks.correct(anna, wrong, OTHER)
        assert done.lead is not None
        assert done.lead.id == right.id
        assert [each.id for each in await live(hub.engine)] == [right.id]
        row = await sound(hub.engine, str(wrong.dialog))
        assert row.call_status is Status.PROCESSED
        assert (await calls(hub, row))[-1]["of"] == right.dialog

    async def test_at_any_step_that_the_hub_dies_at_one_lead_goes_on(
        self, hub: Hub, mortal: Mortal, anna: Who
    ) -> None:
        steps = 0
        while True:
            wrong, right = f"+7916{steps:07d}", f"+7926{steps:07d}"
            lead = await planned(hub, f"v{steps}", wrong)
            mortal.dies_after(steps)
            try:
                await hub.callbacks.correct(anna, lead, right)
                died = False
            except Crash:
                died = True
            mortal.lives()
            await hub.worker.repair()
            await works(hub)
            found = [each for each in await live(hub.engine) if each.phone in (wrong, right)]
            assert len(found) == 1
            if not died:
                break
            steps += 1
        assert found[0].phone == right
        assert steps > 3

    async def test_what_is_no_phone_is_refused(self, hub: Hub, anna: Who) -> None:
        lead = await planned(hub)
        for written in ("112", "нет", "+7 000 000 00 00"):
            with pytest.raises(NotAPhoneError):
                await hub.callbacks.correct(anna, lead, written)


class TestAsking:
    async def test_an_operator_has_somebody_called_at_once(self, hub: Hub, anna: Who) -> None:
        row = await ask(hub)
        asked = [hub.callbacks.ask(anna, row, "key-0001", "8 916 123-45-67") for _ in range(3)]
        for done in await asyncio.gather(*asked):
            assert done.lead is not None
            assert (done.lead.due_at, done.lead.origin, done.lead.n) == (START, "operator", 1)
        await works(hub)
        row = await sound(hub.engine, row.id)
        assert [each.verb for each in await log_of(hub.engine, row.id)].count(Verb.PLANNED) == 1
        assert (row.call_status, row.phone, row.unanswered) == (Status.NEW, PHONE, 1)

    async def test_at_night_only_when_said_twice(self, hub: Hub, anna: Who, clock: Clock) -> None:
        clock.forward(12 * HOUR)
        row = await ask(hub)
        done = await hub.callbacks.ask(anna, row, "key-0001", PHONE)
        assert (done.lead, done.warnings) == (None, ("outside",))
        assert await live(hub.engine) == []
        done = await hub.callbacks.ask(anna, row, "key-0001", PHONE, anyway=True)
        assert done.lead is not None
        assert done.lead.due_at == clock()

    async def test_who_refused_only_when_said_twice(self, hub: Hub, anna: Who) -> None:
        row = await ask(hub)
        await refuse(hub, row.contact)
        done = await hub.callbacks.ask(anna, row, "key-0001", PHONE)
        assert (done.lead, done.warnings) == (None, ("opted_out",))
        done = await hub.callbacks.ask(anna, row, "key-0001", PHONE, anyway=True)
        assert done.lead is not None

    async def test_a_sealed_dialog_asks_for_nothing(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        row = await ask(hub)
        await hub.desk.close(anna, row.id)
        clock.forward(timedelta(days=8))
        await ask(hub, 2)
        with pytest.raises(ConflictError, match="sealed"):
            await hub.callbacks.ask(anna, row, "key-0001", PHONE)


class TestSeeing:
    async def test_lists_by_what_is_to_be_done(self, hub: Hub, anna: Who) -> None:
        later = await planned(hub, "a", "+79160000001", at=iso(START + 2 * HOUR))
        sooner = await planned(hub, "b", "+79160000002", at=iso(START + HOUR))
        over = await planned(hub, "c", "+79160000003")
        await hub.callbacks.cancel(anna, over, "handled")
        await arrange(hub, autonomous=True)
        waits = await planned(hub, "d", "+79160000004")

        async def listed(view: str, **more: str) -> list[str]:
            page = await hub.callbacks.page(anna, SHOP, view, **more)  # type: ignore[arg-type]
            return [each.id for each in page.items]

        assert await listed("planned") == [sooner.id, later.id]
        assert await listed("waiting") == [waits.id]
        assert await listed("ended") == [over.id]
        assert await listed("planned", phone="8 916 000-00-01") == [later.id]
        assert await listed("ended", phone="+79160000001") == []

    async def test_nobody_sees_what_is_not_theirs(self, hub: Hub, anna: Who) -> None:
        lead = await planned(hub)
        kiosk = operator("Olga", channels=["kiosk"])
        baker = operator("Baker", BAKERY)
        for who, project in ((kiosk, SHOP), (baker, SHOP), (baker, BAKERY)):
            with pytest.raises(NotFoundError):
                await hub.callbacks.lead(who, project, lead.id, Right.WRITE)
            assert (await hub.callbacks.page(who, project, "planned")).items == []
        assert (await hub.callbacks.lead(anna, SHOP, lead.id)).id == lead.id

    async def test_its_timeline_tells_of_every_dialog_and_of_no_other_lead(
        self, hub: Hub, anna: Who
    ) -> None:
        lead = await planned(hub)
        second = await plan(hub, await ask(hub, visitor="olga"))
        await works(hub)
        await planned(hub, "vera", OTHER)
        [lead] = [each for each in await live(hub.engine) if each.id == lead.id]
        told = await hub.callbacks.timeline(anna, lead)
        assert {each.dialog for each in told} == {lead.dialog, second.id}
        assert [each.verb for each in told].count(Verb.PLANNED) == 2
        assert all(each.verb in (Verb.PLANNED, Verb.CALL) for each in told)


async def test_no_other_dialog_can_decide_about_a_lead(hub: Hub, anna: Who) -> None:
    """A line of another project that names the lead changes nothing of it."""
    lead = await planned(hub)
    other = await ask(hub, visitor="baker", channel="oven")
    foreign = replace(lead, dialog=other.id)
    await hub.callbacks.cancel(operator("Baker", BAKERY), foreign, "handled")
    assert [each.id for each in await live(hub.engine)] == [lead.id]
    assert (await hub.engine.get(Dialog, str(lead.dialog))) is not None
