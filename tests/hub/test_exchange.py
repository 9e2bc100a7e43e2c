"""Calls that come from outside: what the dialog says of them, and what follows."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.calls.call import Call, Outcome, Seat
from hub.calls.exchange import Exchange
from hub.dialogs import latest
from hub.events import CallChanged, PhoneCalled, Sender
from hub.hub import Hub
from hub.model import (
    Awaits,
    ChannelId,
    Contact,
    Dialog,
    IdentityId,
    Membership,
    Operator,
    OperatorId,
    ProjectId,
    Role,
)
from hub.people.erasure import Eraser
from hub.statuses import RequestType, Status
from hub.store.engine import Insert
from hub.store.schema import CALLS, DEAD_LETTERS
from tests.hub.test_ordering import calls
from tests.spine import (
    SHOP,
    START,
    Clock,
    Mortal,
    ask,
    episodes,
    operator,
    receive,
    sound,
)

IVAN, LINE = "+79161234567", "+74951234567"
SECOND = timedelta(seconds=1)
RINGS, ANSWERED, MISSED, ENDED = "ringing", "answered", "missed", "ended"


def news(hub: Hub, state: str, id: str = "c1", *, who: str = IVAN, **told: object) -> PhoneCalled:
    """What the exchange says at this moment."""
    known = {"line": LINE, "at": hub.now(), "seq": int((hub.now() - START).total_seconds())}
    return PhoneCalled(
        sender=Sender(external_id=who),
        external_id=id,
        state=state,  # type: ignore[arg-type]
        **(known | told),  # type: ignore[arg-type]
    )


async def happens(hub: Hub, state: str, id: str = "c1", **told: object) -> Call:
    await receive(hub, news(hub, state, id, **told), channel="kiosk")  # type: ignore[arg-type]
    call = await hub.engine.get(Call, f"kiosk:{id}")
    assert call is not None
    return call


async def talk(hub: Hub, clock: Clock, id: str = "c1", **told: object) -> Call:
    """A call that is answered after four seconds and ends a minute later."""
    await happens(hub, RINGS, id, **told)
    clock.forward(4 * SECOND)
    await happens(hub, ANSWERED, id, operator_number="101", **told)
    clock.forward(60 * SECOND)
    return await happens(hub, ENDED, id, talked_s=60.0, ended_by="visitor", **told)


async def miss(hub: Hub, clock: Clock, id: str = "c1", **told: object) -> Call:
    await happens(hub, RINGS, id, loss="menu", **told)
    clock.forward(20 * SECOND)
    return await happens(hub, MISSED, id, **told)


async def dialog_of(hub: Hub, call: Call) -> Dialog:
    assert call.dialog is not None
    return await sound(hub.engine, call.dialog)


async def seat(hub: Hub, name: str, number: str, *channels: str) -> None:
    """An operator with a phone."""
    id = OperatorId(name.lower())
    for document in (
        Operator(id=id, login=id, name=name, created_at=START),
        Membership(
            id=f"{id}:{SHOP}",
            project=SHOP,
            operator=id,
            role=Role.OPERATOR,
            channels=tuple(ChannelId(each) for each in channels),
            created_at=START,
        ),
        Seat(id=f"{id}:{SHOP}", project=SHOP, operator=id, number=number, changed_at=START),
    ):
        await hub.engine.write(Insert(document))


async def test_a_call_is_shown_as_it_comes_and_awaits_its_result(hub: Hub, clock: Clock) -> None:
    call = await happens(hub, RINGS)
    row = await dialog_of(hub, call)
    assert (row.type, row.call_status) == (RequestType.INCOMING_CALL, Status.VISITOR_ON_LINE)
    assert (row.open, row.awaits, row.phone, row.creation) == (True, Awaits.OPERATOR, IVAN, "call")
    assert (row.entry_point.value, row.entry_point.comment) == (LINE, "Kiosk")
    clock.forward(4 * SECOND)
    call = await happens(hub, ANSWERED, operator_number="101")
    assert (await dialog_of(hub, call)).call_status is Status.TALKING
    clock.forward(60 * SECOND)
    call = await happens(hub, ENDED, talked_s=60.0, ended_by="operator")
    row = await dialog_of(hub, call)
    assert (row.call_status, row.awaits) == (Status.ENDED_BY_OPERATOR, Awaits.OPERATOR)
    assert (call.stage, call.live, call.outcome) == ("settled", False, Outcome.TALKED)
    assert (call.waited_s, call.talked_s, call.line) == (4, 60, LINE)
    last = (await calls(hub, row))[-1]
    assert (last["incoming"], last["talked_s"], last["ended_by"]) == (ENDED, "60", "operator")
    assert (last["operator_number"], last["cause"]) == ("101", "talked")


async def test_a_missed_call_waits_for_somebody_with_its_reason(hub: Hub, clock: Clock) -> None:
    call = await miss(hub, clock)
    row = await dialog_of(hub, call)
    assert (row.type, row.call_status) == (RequestType.MISSED_CALL, Status.NEW)
    assert (row.open, row.awaits, row.owner) == (True, Awaits.OPERATOR, None)
    assert (call.outcome, call.loss, call.waited_s) == (Outcome.MISSED, "menu", 20)
    last = (await calls(hub, row))[-1]
    assert (last["incoming"], last["loss"], last["waited_s"]) == (MISSED, "menu", "20")


async def test_where_a_call_was_lost_is_where_it_came_to(hub: Hub, clock: Clock) -> None:
    await happens(hub, RINGS, loss="menu")
    clock.forward(9 * SECOND)
    await happens(hub, RINGS, loss="operator")
    await happens(hub, RINGS, loss="queue", seq=3)
    clock.forward(SECOND)
    assert (await happens(hub, MISSED)).loss == "operator"


async def test_an_end_without_a_talk_is_a_missed_call(hub: Hub, clock: Clock) -> None:
    await happens(hub, RINGS)
    assert (await happens(hub, ENDED, talked_s=0.0)).outcome is Outcome.MISSED


async def test_who_picked_up_and_heard_nobody_is_not_taken_for_a_talk(
    hub: Hub, clock: Clock
) -> None:
    await happens(hub, RINGS)
    await happens(hub, ANSWERED)
    call = await happens(hub, MISSED)
    assert (call.outcome, call.status) == (Outcome.DROPPED, Status.DROPPED)
    assert (await dialog_of(hub, call)).awaits is Awaits.OPERATOR


@given(seed=st.integers(0, 2**32), is_missed=st.booleans())
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_in_any_order_and_however_often_it_comes_to_the_same(
    hub: Hub, clock: Clock, seed: int, is_missed: bool
) -> None:
    clock.forward(timedelta(days=1))
    at, id, dice = clock(), f"c{seed}-{is_missed}", random.Random(seed)
    told: list[PhoneCalled] = []
    for state, after, more in (
        (RINGS, 0, {"loss": "menu"}),
        (RINGS, 2, {"loss": "operator", "operator_number": "101"}),
        *(() if is_missed else ((ANSWERED, 5, {"operator_number": "101"}),)),
        (
            MISSED if is_missed else ENDED,
            30,
            {"waited_s": 5.0, "loss": "operator" if is_missed else "", "operator_number": "101"}
            | ({} if is_missed else {"talked_s": 25.0, "ended_by": "visitor"}),
        ),
    ):
        moment = at + after * SECOND
        told.append(news(hub, state, id, who=f"+7{9160000000 + seed % 10**6}", at=moment, **more))
    told = [replace(each, seq=n) for n, each in enumerate(told)]
    told += dice.sample(told, 2)
    dice.shuffle(told)
    clock.forward(timedelta(minutes=1))
    for each in told:
        await receive(hub, each, channel="kiosk")
    call = await hub.engine.get(Call, f"kiosk:{id}")
    assert call is not None
    row = await dialog_of(hub, call)
    lines = [each["incoming"] for each in await calls(hub, row) if each["call"] == call.id]
    assert (call.stage, call.waited_s, call.answered_by) == ("settled", 5, "101")
    if is_missed:
        assert (call.outcome, call.loss, lines) == (Outcome.MISSED, "operator", [RINGS, MISSED])
        assert row.call_status is Status.NEW
    else:
        assert (call.outcome, call.talked_s) == (Outcome.TALKED, 25)
        assert lines == [RINGS, ANSWERED, ENDED]
        assert row.call_status is Status.ENDED_BY_VISITOR


async def test_of_two_answers_the_newer_says_who_talks(hub: Hub, clock: Clock) -> None:
    await happens(hub, RINGS)
    await happens(hub, ANSWERED, operator_number="102", seq=9)
    assert (await happens(hub, ANSWERED, operator_number="101", seq=8)).answered_by == "102"
    call = await happens(hub, ENDED, seq=10)
    assert (call.outcome, call.status) == (Outcome.TALKED, Status.ENDED_BY_VISITOR)


async def test_a_call_of_an_exchange_that_names_no_line_came_to_the_channel(hub: Hub) -> None:
    await receive(hub, news(hub, RINGS, "x" * 300, line=""), channel="kiosk")
    [call] = (await hub.engine.find(CALLS, {"project": SHOP})).items
    assert len(call.id) < 100
    assert (await dialog_of(hub, call)).entry_point.value == "kiosk"


async def test_an_end_that_comes_after_the_next_call_stands_where_that_is(
    hub: Hub, clock: Clock
) -> None:
    await happens(hub, RINGS, "c1")
    one = await happens(hub, ANSWERED, "c1")
    await hub.desk.take(operator("Anna"), str(one.dialog))
    await hub.desk.close(operator("Anna"), str(one.dialog), "")
    two = await happens(hub, RINGS, "c2")
    one = await happens(hub, ENDED, "c1", talked_s=5.0)
    row = await dialog_of(hub, two)
    assert (row.n, one.stage, one.dialog) == (2, "settled", f"kiosk:{IVAN}:1")
    assert [each["call"] for each in await calls(hub, row)] == [two.id, one.id]


async def test_a_request_that_is_closed_while_it_rings_is_not_the_calls(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    first = await miss(hub, clock, "c1")
    await hub.desk.take(operator("Anna"), str(first.dialog))

    async def closes() -> None:
        await hub.desk.close(operator("Anna"), str(first.dialog), "")

    mortal.meanwhile(closes, before=2)
    call = await happens(hub, RINGS, "c2")
    assert call.dialog == f"kiosk:{IVAN}:2"
    assert (await dialog_of(hub, call)).call_status is Status.VISITOR_ON_LINE


async def test_two_calls_at_once_of_somebody_known_are_of_one_person(hub: Hub) -> None:
    row = await ask(hub)
    await hub.engine.change(Contact, row.contact, lambda had: replace(had, phones=(IVAN,)))
    told = [news(hub, RINGS, id) for id in ("c1", "c2", "c3")]
    await asyncio.gather(*(receive(hub, each, channel="kiosk") for each in told))
    found = (await hub.engine.find(CALLS, {"project": SHOP})).items
    assert {each.contact for each in found} == {row.contact}
    assert len({each.dialog for each in found}) == 1


async def test_only_calls_from_outside_are_given_up_here(hub: Hub, clock: Clock) -> None:
    exchange = Exchange(hub.engine, hub.bus, clock)
    over = await miss(hub, clock)
    await exchange.overdue(over)
    own = replace(over, id="own", rev=0, purpose="callback", stage="begun", live=True)
    of_nobody = replace(over, id="nobody", rev=0, stage="ended", project=ProjectId("gone"))
    strange = replace(of_nobody, id="strange", channel=ChannelId("gone"))
    for each in (own, of_nobody, strange):
        await hub.engine.write(Insert(each))
        await exchange.overdue(each)
    found = await hub.engine.get_many(Call, ["own", "nobody", "strange"])
    assert {id: each.stage for id, each in found.items()} == {
        "own": "begun",
        "nobody": "settled",
        "strange": "settled",
    }


async def test_who_was_erased_in_a_call_is_not_written_down_anew(hub: Hub, clock: Clock) -> None:
    call = await happens(hub, RINGS)
    await hub.engine.delete_if(Dialog, str(call.dialog), lambda _: True)
    clock.forward(SECOND)
    answered = await happens(hub, ANSWERED)
    assert answered.live
    gone = call.dialog
    for _ in range(2):
        call = await happens(hub, ENDED, talked_s=5.0)
    assert (call.stage, call.phone, call.name, call.dialog) == ("settled", "", "", None)
    assert await hub.engine.get(Dialog, str(gone)) is None
    assert len((await hub.engine.find(CALLS, {"project": SHOP})).items) == 1


async def test_an_end_by_who_does_not_know_how_long_they_talked_ends_the_talk_that_is_known(
    hub: Hub, clock: Clock
) -> None:
    await happens(hub, RINGS)
    clock.forward(4 * SECOND)
    await happens(hub, ANSWERED, operator_number="101")
    clock.forward(60 * SECOND)
    # Whoever listened was started anew, and saw the call for the first time.
    await happens(hub, RINGS, seq=1)
    call = await happens(hub, ENDED, ended_by="visitor", seq=20)
    assert (call.outcome, call.talked_s, call.waited_s) == (Outcome.TALKED, 60, 4)
    missed = await happens(hub, ENDED, "c2", seq=20)
    assert missed.outcome is Outcome.MISSED


async def test_in_whatever_moment_of_the_end_one_is_erased_no_number_is_kept(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    eraser, before, came = Eraser(hub.engine, hub.files, hub.search), 0, True
    while came:
        clock.forward(SECOND)
        id, phone, came = f"c{before}", f"+7916123{before:04}", False
        call = await happens(hub, RINGS, id, who=phone)
        row = await dialog_of(hub, call)

        async def erased(row: Dialog = row) -> None:
            nonlocal came
            came = True
            going = await eraser.close_off(row, clock())
            assert going is not None
            await eraser.erase(going)

        mortal.meanwhile(erased, before=before)
        await receive(hub, news(hub, MISSED, id, who=phone), channel="kiosk")
        if came:
            known = (await hub.engine.find(CALLS, {"project": SHOP}, limit=100)).items
            assert [each.phone for each in known if each.id == call.id] in ([], [""]), before
            assert (await hub.engine.find(DEAD_LETTERS, {"project": SHOP})).items == []
            assert await hub.engine.get(Dialog, row.id) is None
        before += 1
    assert before > 5


async def test_what_died_before_it_was_settled_is_settled_later(hub: Hub, clock: Clock) -> None:
    call = await miss(hub, clock)
    died = await hub.engine.change(
        Call, call.id, lambda had: replace(had, stage="ended", dialog=None)
    )
    await Exchange(hub.engine, hub.bus, clock).overdue(died)
    after = await hub.engine.get(Call, call.id)
    assert after is not None
    assert (after.stage, after.dialog, after.watch_at) == ("settled", call.dialog, None)


async def test_news_that_come_at_once_make_one_call(hub: Hub, clock: Clock) -> None:
    at = clock()
    clock.forward(timedelta(minutes=2))
    told = [
        news(hub, RINGS, at=at, seq=1),
        news(hub, ANSWERED, at=at + 4 * SECOND, seq=2),
        news(hub, ENDED, at=at + 64 * SECOND, seq=3, talked_s=60.0, waited_s=4.0),
    ]
    await asyncio.gather(*(receive(hub, each, channel="kiosk") for each in told * 3))
    [call] = (await hub.engine.find(CALLS, {"project": SHOP})).items
    row = await dialog_of(hub, call)
    assert [each["incoming"] for each in await calls(hub, row)] == [RINGS, ANSWERED, ENDED]
    assert (call.stage, call.talked_s) == ("settled", 60)
    assert len(await episodes(hub, IVAN, "kiosk")) == 1


async def test_old_news_bring_back_nobody_who_was_forgotten(hub: Hub, clock: Clock) -> None:
    call = await miss(hub, clock)
    told = news(hub, MISSED)
    await hub.engine.delete_if(Call, call.id, lambda _: True)
    clock.forward(timedelta(days=3))
    await receive(hub, told, channel="kiosk")
    assert not (await hub.engine.find(CALLS, {"project": SHOP})).items


async def test_who_answered_has_the_request(hub: Hub, clock: Clock) -> None:
    await seat(hub, "Olga", "101")
    await seat(hub, "Pavel", "102")
    call = await talk(hub, clock)
    row = await dialog_of(hub, call)
    assert (row.owner, row.owner_name, call.operator) == ("olga", "Olga", "olga")
    assert row.cycle.answered_at == START + 4 * SECOND
    assert row.cycle.taken_at == START + 4 * SECOND


async def test_of_who_may_not_see_the_trunk_no_request_is(hub: Hub, clock: Clock) -> None:
    await seat(hub, "Olga", "101", "site")
    assert (await dialog_of(hub, await talk(hub, clock))).owner is None


async def test_screens_hear_of_a_call_while_it_rings(hub: Hub) -> None:
    row = await ask(hub)
    await hub.engine.change(Contact, row.contact, lambda had: replace(had, phones=(IVAN,)))
    async with hub.bus.listen() as heard:
        await happens(hub, RINGS)
        told = [each.event for each in await heard.take()]
    [first, *_] = [each for each in told if isinstance(each, CallChanged)]
    assert (first.channel, first.call.phone, first.call.status) == (
        "kiosk",
        IVAN,
        Status.VISITOR_ON_LINE,
    )
    assert (first.call.contact, first.call.name) == (row.contact, "Иван")


async def test_a_phone_of_two_people_is_nobodys(hub: Hub) -> None:
    for visitor in ("ivan", "petr"):
        row = await ask(hub, visitor=visitor)
        await hub.engine.change(Contact, row.contact, lambda had: replace(had, phones=(IVAN,)))
    call = await happens(hub, RINGS)
    assert call.contact == f"kiosk:{IVAN}"


async def test_who_withholds_the_number_is_somebody_else_each_time(hub: Hub, clock: Clock) -> None:
    one = await miss(hub, clock, "c1", who="anonymous")
    two = await miss(hub, clock, "c2", who="")
    assert (one.phone, two.phone) == ("", "")
    assert one.contact != two.contact
    row = await dialog_of(hub, one)
    contact = await hub.engine.get(Contact, row.contact)
    assert contact is not None
    assert contact.phones == ()
    assert (row.phone, row.call_status) == ("", Status.NEW)


async def test_calls_between_extensions_are_nobodys_business(hub: Hub) -> None:
    await receive(hub, news(hub, RINGS, who="101"), channel="kiosk")
    assert not (await hub.engine.find(CALLS, {"project": SHOP})).items
    assert await latest(hub.engine, SHOP, IdentityId("kiosk:101")) is None


async def test_while_a_request_is_open_the_next_call_is_of_it(hub: Hub, clock: Clock) -> None:
    one = await miss(hub, clock, "c1")
    two = await talk(hub, clock, "c2")
    row = await dialog_of(hub, two)
    assert (one.dialog, row.type) == (row.id, RequestType.MISSED_CALL)
    assert row.call_status is Status.ENDED_BY_VISITOR
    said = [(each["incoming"], each.get("status")) for each in await calls(hub, row)]
    assert said[2:] == [
        (RINGS, Status.CALLING_OPERATOR),
        (ANSWERED, Status.TALKING),
        (ENDED, Status.ENDED_BY_VISITOR),
    ]


async def test_after_a_closing_a_call_is_a_request_of_its_own(hub: Hub, clock: Clock) -> None:
    one = await talk(hub, clock, "c1")
    await hub.desk.take(operator("Anna"), str(one.dialog))
    await hub.desk.close(operator("Anna"), str(one.dialog), "")
    two = await happens(hub, RINGS, "c2")
    assert two.dialog == f"kiosk:{IVAN}:2"
    assert (await dialog_of(hub, one)).sealed


async def test_a_late_end_reopens_nothing(hub: Hub, clock: Clock) -> None:
    await happens(hub, RINGS)
    call = await happens(hub, ANSWERED)
    await hub.desk.take(operator("Anna"), str(call.dialog))
    await hub.desk.close(operator("Anna"), str(call.dialog), "")
    clock.forward(60 * SECOND)
    call = await happens(hub, ENDED, talked_s=60.0)
    row = await dialog_of(hub, call)
    assert (row.open, row.awaits) == (False, Awaits.NOBODY)
    assert (await calls(hub, row))[-1]["incoming"] == ENDED


async def test_who_is_spam_is_written_down_and_nobody_has_to_act(hub: Hub, clock: Clock) -> None:
    call = await miss(hub, clock, "c1")
    await hub.peace.mark_spam(operator("Anna"), str(call.dialog))
    call = await miss(hub, clock, "c2")
    row = await dialog_of(hub, call)
    assert (row.n, row.open, row.awaits) == (1, False, Awaits.NOBODY)
    assert row.call_status is Status.SPAM


async def test_a_call_whose_end_is_never_told_is_missed(hub: Hub, clock: Clock) -> None:
    call = await happens(hub, RINGS, loss="queue")
    assert call.watch_at is not None
    clock.at = call.watch_at
    await Exchange(hub.engine, hub.bus, clock).overdue(call)
    call = await happens(hub, RINGS)
    assert (call.stage, call.outcome, call.loss) == ("settled", Outcome.MISSED, "queue")
    assert (await dialog_of(hub, call)).call_status is Status.NEW


async def test_a_talk_whose_end_is_never_told_was_cut(hub: Hub, clock: Clock) -> None:
    await happens(hub, RINGS)
    call = await happens(hub, ANSWERED)
    assert call.watch_at is not None
    clock.at = call.watch_at
    await Exchange(hub.engine, hub.bus, clock).overdue(call)
    row = await dialog_of(hub, call)
    assert (row.call_status, row.awaits) == (Status.DROPPED, Awaits.OPERATOR)
