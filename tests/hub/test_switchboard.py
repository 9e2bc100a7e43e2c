"""What operators do with calls: see, hang up, hand over, begin, say what came of them."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from hub import dialogs
from hub.accounts import Who
from hub.calls.call import Call, Outcome
from hub.calls.dialling import Dialling
from hub.calls.switchboard import Narrowed, Result
from hub.calls.trunks import NotDialledError
from hub.errors import BadValueError, ConflictError, ForbiddenError, NotFoundError
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import (
    Awaits,
    ChannelId,
    DialogId,
    Entry,
    Identity,
    Verb,
)
from hub.rights import Right
from hub.statuses import Status
from hub.store.engine import Insert
from tests import spine
from tests.hub.talks import LINE, MINUTE, SECOND, at, dialled, lead_of, lines, seat, talked, talking
from tests.hub.test_ordering import HOUR, OTHER, PHONE, again, live, plan, works
from tests.spine import (
    SHOP,
    START,
    Clock,
    Crash,
    Mortal,
    ask,
    current,
    log_of,
    message,
    operator,
    receive,
    sound,
)


@pytest.fixture(autouse=True)
async def exchanges(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    await lines(hub, monkeypatch)


class TestSeeing:
    async def test_the_newest_first_by_lead_dialog_phone_and_what_is_under_way(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        over, _ = await talked(hub, clock)
        clock.forward(HOUR)
        now, _ = await dialled(hub, await ask(hub, 2))

        async def ids(**wanted: Any) -> list[str]:
            page = await hub.switchboard.page(anna, SHOP, Narrowed(**wanted))
            return [each.id for each in page.items]

        assert await ids() == [now.id, over.id]
        assert await ids(live=True) == [now.id]
        assert await ids(dialog=over.dialog) == [now.id, over.id]
        assert await ids(phone="8 916 123-45-67") == [now.id, over.id]
        assert await ids(lead=over.lead) == [over.id]
        assert await ids(dialog="site:nobody:1") == []

    async def test_a_call_is_seen_by_those_who_see_its_dialog(self, hub: Hub, anna: Who) -> None:
        call, _ = await dialled(hub)
        assert (await hub.switchboard.call(anna, SHOP, call.id)).id == call.id
        elsewhere = operator("Kira", channels=["kiosk"])
        assert (await hub.switchboard.page(elsewhere, SHOP, Narrowed())).items == []
        for who, project in ((elsewhere, SHOP), (anna, spine.BAKERY)):
            with pytest.raises(NotFoundError):
                await hub.switchboard.call(who, project, call.id)
        with pytest.raises(ForbiddenError):
            await hub.switchboard.call(anna, SHOP, call.id, Right.ARRANGE)


class TestUnderWay:
    async def test_a_cancel_is_a_wish_of_its_worker_once_and_nothing_when_it_is_over(
        self, hub: Hub, anna: Who, boris: Who, clock: Clock
    ) -> None:
        call, _ = await dialled(hub)
        await hub.switchboard.cancel(anna, call)
        wished = await hub.switchboard.cancel(boris, call)
        assert [(each.do, each.by) for each in wished.wishes] == [("cancel", "anna")]
        ended = await Dialling(hub.engine, hub.bus, hub.now).end(call, Outcome.CANCELLED)
        assert (await hub.switchboard.cancel(anna, ended)).rev == ended.rev

    async def test_a_talk_goes_to_a_colleague_with_a_phone_or_to_a_number_that_may_be_dialled(
        self, hub: Hub, anna: Who
    ) -> None:
        call, _ = await talking(hub)
        petr = await seat(hub, "Petr", "102")
        await seat(hub, "Kira", "103", "kiosk")
        assert [each.operator for each in await hub.switchboard.colleagues(call)] == [petr]

        call = await hub.switchboard.transfer(anna, call, operator=petr)
        call = await hub.switchboard.transfer(anna, call, number="8 916 000-11-22")
        call = await hub.switchboard.transfer(anna, call, number="205")
        assert [each.to.number for each in call.wishes if each.to] == ["102", "+79160001122", "205"]
        again = await hub.switchboard.transfer(anna, call, number="205")
        assert len(again.wishes) == 3, "a second press asks for nothing more"

    @pytest.mark.parametrize(
        ("to", "error"),
        [
            ({"operator": "vera"}, BadValueError),
            ({"operator": "kira"}, BadValueError),
            ({"operator": "nobody"}, BadValueError),
            ({"number": "112"}, NotDialledError),
            ({"number": "+44 20 7946 0958"}, NotDialledError),
            ({"number": "8 809 555-11-22"}, BadValueError),
            ({"number": "sip:100@evil.example"}, BadValueError),
            ({"number": "100;ext=200"}, BadValueError),
            ({"number": "100@trunk"}, BadValueError),
            ({"number": ""}, BadValueError),
        ],
    )
    async def test_a_talk_goes_nowhere_else(
        self, hub: Hub, anna: Who, to: dict[str, str], error: type[Exception]
    ) -> None:
        call, _ = await talking(hub)
        await seat(hub, "Kira", "103", "kiosk")
        with pytest.raises(error):
            await hub.switchboard.transfer(anna, call, **to)
        after = await hub.engine.get(Call, call.id)
        assert after is not None
        assert after.wishes == ()

    async def test_only_a_talk_is_handed_over_and_only_by_an_engine_that_can(
        self, hub: Hub, anna: Who
    ) -> None:
        call, _ = await dialled(hub)
        with pytest.raises(ConflictError, match="not_talking"):
            await hub.switchboard.transfer(anna, call, number="205")
        for trunk in ("second", "gone"):
            other = replace(call, channel=ChannelId(trunk))
            assert not hub.switchboard.transfers(other)
            with pytest.raises(ConflictError, match="no_transfer"):
                await hub.switchboard.transfer(anna, other, number="205")

    async def test_a_lead_that_waits_for_a_word_is_dialled_by_it_once_or_called_off(
        self, hub: Hub, anna: Who, boris: Who
    ) -> None:
        for visitor in ("ivan", "olga"):
            phone = PHONE if visitor == "ivan" else OTHER
            row = await ask(hub, visitor=visitor)
            await plan(hub, row, phone=phone)
        await works(hub)
        first, second = await live(hub.engine)

        def waits(had: Lead) -> Lead:
            return replace(had, status=Status.AWAITING_OPERATOR, due_at=None)

        for lead in (first, second):
            await hub.engine.change(Lead, lead.id, waits)
        said = await hub.switchboard.confirm(anna, first)
        assert (said.confirmed, said.operator, said.due_at) == (True, "anna", hub.now())
        with pytest.raises(ConflictError):
            await hub.switchboard.confirm(boris, first)
        waiting = await hub.engine.get(Lead, second.id)
        assert waiting is not None
        off = (await hub.callbacks.cancel(anna, waiting, "not_needed")).lead
        assert off is not None
        assert not off.live


class TestCallingNow:
    async def test_another_phone_of_the_person_is_called_whatever_was_tried_before(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await dialled(hub)
        dialling = Dialling(hub.engine, hub.bus, hub.now)
        for status in (Status.OPERATOR_ON_LINE, Status.CALLING_VISITOR):
            call = await dialling.note(call, partial(at, status))
        call = await dialling.note(call, lambda had: replace(had, dialled_at=hub.now()))
        await dialling.end(call, Outcome.NO_ANSWER, side="visitor")
        tried = await lead_of(hub, call)
        assert (tried.live, tried.attempts) == (True, 1)

        clock.forward(MINUTE)
        row = await current(hub)
        await hub.callbacks.ask(anna, row, "call-now-1", OTHER)
        wanted = (await hub.callbacks.ask(anna, row, "call-now-1", OTHER)).lead
        assert wanted is not None
        assert (wanted.live, wanted.due_at) == (True, clock())
        tried = await lead_of(hub, call)
        assert (tried.live, tried.cause, tried.of) == (False, "duplicate", wanted.id)
        assert [each.id for each in await live(hub.engine)] == [wanted.id]
        row = await sound(hub.engine, row.id)
        assert (row.call_status, row.phone) == (Status.NEW, OTHER)

    async def test_a_newer_word_of_the_person_is_not_overtaken_by_an_older_one_of_an_operator(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        row = await ask(hub)
        first = (await hub.callbacks.ask(anna, row, "call-now-1", PHONE)).lead
        clock.forward(MINUTE)
        second = (await hub.callbacks.ask(anna, row, "call-now-2", OTHER)).lead
        assert first is not None
        assert second is not None
        await works(hub)
        assert [each.id for each in await live(hub.engine)] == [second.id]

    async def test_who_calls_what_waits_for_a_word_has_said_it(self, hub: Hub, anna: Who) -> None:
        row = await ask(hub)
        await plan(hub, row)
        await works(hub)
        [lead] = await live(hub.engine)
        waits = {"status": Status.AWAITING_OPERATOR, "due_at": None}
        await hub.engine.change(Lead, lead.id, lambda had: replace(had, **waits))
        decided = await hub.callbacks.ask(anna, row, "call-now-1", PHONE)
        assert decided.lead is not None
        assert (decided.lead.confirmed, decided.lead.due_at) == (True, hub.now())


class TestResult:
    async def test_a_talk_waits_for_its_result_and_then_for_nothing(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await talking(hub)
        row = await hub.desk.no_reply(anna, str(call.dialog))
        clock.forward(MINUTE)
        dialling = Dialling(hub.engine, hub.bus, hub.now)
        call = await dialling.end(call, Outcome.TALKED, ended_by="visitor")
        row = await current(hub)
        assert (row.call_status, row.awaits) == (Status.ENDED_BY_VISITOR, Awaits.OPERATOR)
        assert row.waiting_since == clock()

        told = await hub.switchboard.result(anna, call, "done", " Записан на вторник ")
        assert told.call.result == "done"
        await hub.switchboard.result(anna, call, "done", "repeated")
        row = await sound(hub.engine, row.id)
        assert (row.call_status, row.awaits) == (Status.PROCESSED, Awaits.NOBODY)
        [line] = [each for each in await log_of(hub.engine, row.id) if each.data.get("result")]
        assert (line.verb, line.author.id) == (Verb.CALL, "anna")
        assert line.data["comment"] == "Записан на вторник"
        with pytest.raises(ConflictError) as refused:
            await hub.switchboard.result(anna, told.call, "no_need")
        assert (refused.value.code, refused.value.current) == ("resulted", "done")

    async def test_who_wrote_after_the_talk_still_waits(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await talked(hub, clock)
        await receive(hub, message(7, clock.forward(SECOND), text="Ещё вопрос"))
        await hub.switchboard.result(anna, call, "done")
        assert (await current(hub)).awaits is Awaits.OPERATOR

    async def test_of_two_who_say_different_things_one_is_told_that_it_was_said(
        self, hub: Hub, anna: Who, boris: Who, clock: Clock
    ) -> None:
        call, _ = await talked(hub, clock)
        await hub.switchboard.result(anna, call, "done")
        with pytest.raises(ConflictError, match="resulted"):
            await hub.switchboard.result(boris, call, "spam")

    async def test_a_call_under_way_has_no_result_nor_one_whose_lead_is_dialled_again(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await dialled(hub)
        with pytest.raises(ConflictError, match="calling"):
            await hub.switchboard.result(anna, call, "done")
        ended = await Dialling(hub.engine, hub.bus, hub.now).end(
            call, Outcome.NO_ANSWER, side="operator"
        )
        await hub.engine.change(
            Lead, call.lead or "", lambda had: replace(had, status=Status.CALLING_VISITOR)
        )
        with pytest.raises(ConflictError, match="calling"):
            await hub.switchboard.result(anna, ended, "done")

    async def test_a_talk_too_short_is_tried_again_unless_somebody_says_it_is_done(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await talked(hub, clock, lasting=2 * SECOND)
        lead = await lead_of(hub, call)
        assert (lead.live, lead.status) == (True, Status.AWAITING_RETRY)
        await hub.switchboard.result(anna, call, "done")
        lead = await lead_of(hub, call)
        assert (lead.live, lead.cause) == (False, "done")
        assert (await current(hub)).call_status is Status.PROCESSED

    async def test_a_voicemail_is_one_more_attempt_of_the_same(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await talked(hub, clock)
        told = await hub.switchboard.result(anna, call, "voicemail")
        await hub.switchboard.result(anna, call, "voicemail")
        [lead] = await live(hub.engine)
        assert told.lead is not None
        assert told.lead.id == lead.id != call.lead
        assert (lead.attempts, lead.status) == (1, Status.AWAITING_RETRY)
        assert lead.due_at == clock() + 30 * MINUTE
        row = await sound(hub.engine, str(call.dialog))
        assert (row.call_status, row.awaits) == (Status.AWAITING_RETRY, Awaits.NOBODY)
        assert row.call_at == lead.due_at

    async def test_a_machine_that_answers_every_time_is_left_to_people(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await talked(hub, clock)
        lead = await lead_of(hub, call)
        spent = {"attempts": lead.plan.tries}
        await hub.engine.change(Lead, lead.id, lambda had: replace(had, **spent))
        await hub.switchboard.result(anna, call, "voicemail")
        [once_more] = await live(hub.engine)
        assert (once_more.due_at, once_more.attempts) == (None, lead.plan.tries)

    async def test_to_call_again_is_an_order_for_that_time_with_its_warnings(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await talked(hub, clock)
        night = START.replace(hour=23)
        told = await hub.switchboard.result(anna, call, "call_again", at=night)
        assert (told.lead, told.warnings, told.call.result) == (None, ("outside",), "")
        assert await live(hub.engine) == []
        with pytest.raises(BadValueError):
            await hub.switchboard.result(anna, call, "call_again", at=START - HOUR)

        for _ in range(2):
            told = await hub.switchboard.result(anna, call, "call_again", at=night, anyway=True)
        [lead] = await live(hub.engine)
        assert (lead.due_at, told.call.result) == (night, "call_again")
        row = await sound(hub.engine, str(call.dialog))
        assert (row.call_status, row.awaits, row.call_at) == (Status.NEW, Awaits.NOBODY, night)

    async def test_spam_closes_the_request_and_lists_the_sender(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await talked(hub, clock)
        await hub.switchboard.result(anna, call, "spam")
        row = await current(hub)
        assert (row.open, row.call_status) == (False, Status.SPAM)

    async def test_whoever_says_it_is_spam_and_dies_at_any_step_need_not_say_it_again(
        self, hub: Hub, anna: Who, clock: Clock, mortal: Mortal
    ) -> None:
        died, steps, told = True, 0, 0
        while died:
            died, visitor = False, f"v{steps}"
            row = await ask(hub, visitor=visitor)
            call, _ = await talked(hub, clock, row)
            mortal.dies_after(steps)
            try:
                await hub.switchboard.result(anna, call, "spam")
            except Crash:
                died = True
            mortal.lives()
            await hub.worker.repair()
            await works(hub)
            is_said = await hub.engine.get(Entry, f"{call.id}:result") is not None
            told += is_said
            after = await hub.engine.get(Call, call.id)
            assert after is not None
            assert after.result == ("spam" if is_said else ""), steps
            row = await sound(hub.engine, row.id)
            assert row.open is not is_said, steps
            assert (row.call_status is Status.SPAM) is is_said, steps
            identity = await hub.engine.get(Identity, row.identity)
            assert identity is not None
            assert (identity.spam_at is not None) is is_said, steps
            marks = [each for each in await log_of(hub.engine, row.id) if each.verb is Verb.SPAM]
            assert [each.author.id for each in marks] == ["anna"] * is_said
            steps += 1
        assert 2 < told < steps

    async def test_a_mark_that_is_taken_back_before_the_worker_comes_is_not_made_again(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await talked(hub, clock)
        await hub.switchboard.result(anna, call, "spam")
        # As it is for a worker that has read the call before the mark was made.
        await hub.engine.change(Call, call.id, lambda had: replace(had, result=""))
        row = await hub.peace.unmark_spam(anna, str(call.dialog))
        await again(hub, row)
        row = await sound(hub.engine, row.id)
        identity = await hub.engine.get(Identity, row.identity)
        assert identity is not None
        assert (row.open, identity.spam_at) == (True, None)

    async def test_spam_that_writes_before_the_mark_is_made_is_marked_in_its_new_request(
        self, hub: Hub, anna: Who, clock: Clock, mortal: Mortal
    ) -> None:
        call, _ = await talked(hub, clock)
        mortal.dies_after(2)
        with suppress(Crash):
            await hub.switchboard.result(anna, call, "spam")
        mortal.lives()
        row = await dialogs.level(hub.engine, DialogId(str(call.dialog)))
        assert (row.call_status, row.open) != (Status.SPAM, False)
        row = await hub.desk.close(operator("Vera"), row.id)
        clock.forward(HOUR * 24 * 30)
        await receive(hub, message(9, clock.at))
        last = await current(hub)
        assert last.id != row.id
        await works(hub)
        last = await sound(hub.engine, last.id)
        assert (last.open, last.chat_status) == (False, Status.SPAM)

    @pytest.mark.parametrize("code", ["wrong_number", "no_need"])
    async def test_whatever_else_leaves_it_processed(
        self, hub: Hub, anna: Who, clock: Clock, code: Result
    ) -> None:
        call, _ = await talked(hub, clock)
        await hub.switchboard.result(anna, call, code)
        assert (await current(hub)).call_status is Status.PROCESSED
        assert await live(hub.engine) == []

    async def test_a_missed_call_is_dealt_with_but_nobody_was_reached_by_it(
        self, hub: Hub, anna: Who
    ) -> None:
        row = await ask(hub)
        call = Call(
            id="line:7",
            project=SHOP,
            channel=LINE,
            purpose="incoming",
            dialog=DialogId(row.id),
            phone=PHONE,
            stage="settled",
            outcome=Outcome.MISSED,
            live=False,
            began_at=START,
            ended_at=START,
            changed_at=START,
        )
        await hub.engine.write(Insert(call))
        with pytest.raises(BadValueError):
            await hub.switchboard.result(anna, call, "voicemail")
        await hub.switchboard.result(anna, call, "no_need")
        assert (await current(hub)).awaits is Awaits.NOBODY
        stray = replace(call, id="line:8", dialog=None)
        await hub.engine.write(Insert(stray))
        with pytest.raises(ConflictError, match="no_dialog"):
            await hub.switchboard.result(anna, stray, "no_need")
