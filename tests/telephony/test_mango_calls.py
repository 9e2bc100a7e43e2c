"""Leads that become calls by MANGO OFFICE, and calls from outside, with all that can go wrong."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from hub.calls.call import Call, Outcome
from hub.calls.trunk import LineError
from hub.errors import SignatureError
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.statuses import Status
from telephony.mango import MangoLine, MangoSettings
from tests.hub.test_ordering import works
from tests.spine import Clock, sound
from tests.telephony.mango_server import KEY, LINE, SALT, MangoServer, Told, body, bring, mango
from tests.telephony.mango_shop import PHONE, cancel, end, incoming, ordered, over, shop
from tests.telephony.office import calls, due, lead_of, row_of, statuses, wanted, working


@pytest.fixture
async def server() -> AsyncIterator[MangoServer]:
    async with mango() as played:
        yield played


async def test_an_employee_is_rung_and_then_the_person(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=75))
        lead, call = await told.over(*told.talk())
    [(name, command)] = server.commands
    assert name == "commands/callback"
    assert command == {
        "command_id": call.key,
        "from": {"extension": "101"},
        "to_number": "79031234567",
        "line_number": LINE,
    }
    assert (call.outcome, call.ended_by, call.talked_s) == (Outcome.TALKED, "visitor", 60)
    assert (lead.status, lead.cause, lead.attempts) == (Status.ENDED_BY_VISITOR, "talked", 1)
    assert [each.role for each in call.legs] == ["operator", "visitor"]
    assert (await statuses(hub, lead))[:4] == [
        "calling_operator",
        "operator_on_line",
        "calling_visitor",
        "talking",
    ]
    assert (await row_of(hub, lead)).call_status is Status.ENDED_BY_VISITOR


async def test_whatever_order_it_comes_in_and_however_often_it_is_one_talk(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=75))
        news = told.talk() * 2
        random.Random(4).shuffle(news)
        call = await told.tell(*news)
        order = [each.seq for each in call.told]
        assert order == sorted(set(order)), "nothing older is kept after what is newer"
        assert [each.outcome for each in call.told][:-1] == [None] * (len(order) - 1)
        lead, call = await told.over()
        # And once more, when all of it is over.
        await told.tell(*news)
        await told.telephony.work()
    assert (call.outcome, call.talked_s, lead.attempts) == (Outcome.TALKED, 60, 1)
    assert len(await calls(hub)) == 1
    assert len(server.commands) == 1


async def test_an_end_that_names_only_the_person_is_known_by_that(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=75))
        call = await told.tell(told.summary(70, 1120, 60) | {"to": {"number": "79990000000"}})
        assert not call.told
        _, call = await told.over(told.summary(70, 1120, 60))
    assert call.outcome is Outcome.TALKED


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [(1121, Outcome.BUSY), (1111, Outcome.NO_ANSWER), (1133, Outcome.INVALID_NUMBER)],
)
async def test_a_person_who_is_not_reached_is_tried_again_by_the_reason(
    hub: Hub, clock: Clock, server: MangoServer, reason: int, outcome: Outcome
) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=40))
        lead, call = await told.over(
            *told.reaching(),
            told.second("Disconnected", 2, 30, disconnect_reason=reason),
            told.summary(30, 1100),
        )
    assert (call.outcome, call.side, lead.attempts) == (outcome, "visitor", 1)
    assert lead.live


async def test_an_operator_who_does_not_answer_is_no_attempt_at_the_person(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=40))
        lead, call = await told.over(
            told.first("Appeared", 1, 1),
            told.first("Disconnected", 2, 30, disconnect_reason=1111),
            told.summary(30, 1111),
        )
    assert (call.outcome, call.side) == (Outcome.NO_ANSWER, "operator")
    assert (lead.attempts, lead.operator_tries) == (0, 1)


async def test_a_day_is_not_used_up_by_calls_that_rang_no_person(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server, per_phone_a_day=1) as told:
        clock.forward(timedelta(seconds=40))
        lead, _ = await told.over(
            told.first("Appeared", 1, 1),
            told.first("Disconnected", 2, 30, disconnect_reason=1111),
            told.summary(30, 1111),
        )
        clock.at = due(lead)
        await told.telephony.work()
        assert len(await calls(hub)) == 2


async def test_an_end_alone_says_enough(hub: Hub, clock: Clock, server: MangoServer) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=40))
        lead, call = await told.over(told.summary(30, 1121))
    assert (call.outcome, call.side, lead.attempts) == (Outcome.BUSY, "operator", 0)


@pytest.mark.parametrize(
    "answer",
    [
        (420, {"code": 2100}),
        (420, {"code": 3102}),
        (420, {"code": 5001}),
        (420, {"code": 5003}),
        (420, "not JSON"),
        (503, "too many requests"),
        (429, {"message": "Rate limit exceeded"}),
        (200, {"result": 3300}),
    ],
)
async def test_what_is_the_lines_own_fault_is_no_attempt(
    hub: Hub, server: MangoServer, answer: tuple[int, Any]
) -> None:
    server.answers.append(answer)
    async with ordered(hub, server) as told:
        lead, call = await told.over()
    assert call.outcome in (Outcome.PROVIDER_REFUSED, Outcome.CONGESTION, Outcome.ENGINE_ERROR)
    assert (lead.live, lead.attempts, lead.operator_tries) == (True, 0, 0)
    assert len(server.commands) == 1


async def test_a_command_that_is_refused_later_ends_the_call(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        lead, call = await told.over(
            {"command_id": told.command, "result": 1000},
            {"command_id": told.command, "result": 2100},
        )
    assert (call.outcome, lead.attempts) == (Outcome.PROVIDER_REFUSED, 0)


@pytest.mark.parametrize("answer", [None, (502, "<html>"), (500, {})])
async def test_what_may_have_been_taken_is_waited_for_and_never_asked_again(
    hub: Hub, clock: Clock, server: MangoServer, answer: tuple[int, Any] | None
) -> None:
    server.answers.append(answer)
    async with ordered(hub, server) as told:
        for _ in range(3):
            await told.telephony.work()
        [call] = await calls(hub)
        assert (call.stage, call.live) == ("begun", True)
        clock.forward(timedelta(seconds=75))
        lead, call = await told.over(*told.talk())
    assert (call.outcome, lead.cause) == (Outcome.TALKED, "talked")
    assert len(server.commands) == 1


async def test_who_talked_is_not_called_again_however_late_it_is_told(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=75))
        call = await told.tell(told.first("Appeared", 1, 1))
        # Nothing more came, and it was given up.
        await hub.dialling.end(call, Outcome.UNKNOWN, side="visitor")
        lead = await lead_of(hub, PHONE)
        assert lead.live
        await told.tell(told.summary(70, 1120, 60) | {"entry_id": "other"})
        assert (await lead_of(hub, PHONE)).live
        end = told.summary(70, 1120, 60)
        await asyncio.gather(*(bring(hub, end) for _ in range(3)))
    [call] = await calls(hub)
    lead = await lead_of(hub, PHONE)
    assert (call.outcome, call.talked_s, call.ended_by) == (Outcome.TALKED, 60, "visitor")
    assert (lead.live, lead.status, lead.cause) == (False, Status.ENDED_BY_VISITOR, "talked")
    row = await sound(hub.engine, str(call.dialog))
    assert row.call_status in (Status.ENDED_BY_VISITOR, Status.PROCESSED)


@pytest.mark.parametrize("is_of_a_lead", [True, False])
async def test_a_late_end_is_told_of_a_call_whose_lead_went_on(
    hub: Hub, clock: Clock, server: MangoServer, is_of_a_lead: bool
) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=75))
        [call] = await calls(hub)
        await hub.dialling.end(call, Outcome.UNKNOWN, side="visitor")
        if is_of_a_lead:
            await hub.engine.change(Lead, str(call.lead), lambda had: replace(had, call="another"))
        else:
            await hub.engine.change(Call, call.id, lambda had: replace(had, lead=None))
        end = told.summary(70, 1120, 60)
        call = await told.tell(end | {"talk_time": 0}, end)
    assert (call.outcome, call.talked_s) == (Outcome.TALKED, 60)
    assert (await lead_of(hub, PHONE)).live


async def test_nothing_is_hung_up_before_a_phone_rings(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        [call] = await calls(hub)
        line = MangoLine(msgspec.convert({"key": KEY, "salt": SALT}, MangoSettings))
        with pytest.raises(LineError, match="no phone"):
            await line.cancel(call)
        assert await line.look(call) is None
        call = await told.tell({"command_id": told.command, "result": 5001})
        ended = await line.look(call)
        assert ended is not None
        assert ended.outcome is Outcome.CONGESTION
        await told.over()


async def test_what_is_not_signed_changes_nothing(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        end = told.summary(30, 1120, 20)
        for sent in (body(end, salt="other"), body(end, key="other"), body(end)[:-3], b"{}"):
            with pytest.raises(SignatureError):
                await bring(hub, sent)
        [call] = await calls(hub)
        assert not call.told
        assert call.live


async def test_what_comes_after_the_end_changes_nothing(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=75))
        lead, call = await told.over(
            told.first("Appeared", 1, 1),
            told.summary(30, 1111),
            told.second("Connected", 9, 60),
            told.summary(70, 1120, 60),
        )
    assert call.outcome is Outcome.NO_ANSWER
    assert lead.live
    row = await sound(hub.engine, str(call.dialog))
    assert row.call_status is Status.NEW


async def test_a_cancelled_call_is_hung_up_where_it_rings(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=20))
        await told.tell(*told.reaching())
        await cancel(hub)
        await told.telephony.work()
        hung_up = await server.command("commands/call/hangup")
        _, call = await told.over(told.summary(12, 1110))
    assert hung_up["call_id"] == "MTYz-two"
    assert hung_up["command_id"] != call.key
    assert not call.live


async def test_of_several_operators_the_group_is_rung(hub: Hub, server: MangoServer) -> None:
    seats = {"olga": "101", "petr": "102"}
    await shop(hub, server, seats=seats, group="500", line=f"+{LINE}")
    async with working(hub) as telephony:
        await wanted(hub, PHONE)
        await telephony.work()
        command = await server.command("commands/callback_group")
        assert command["from"] == "500"
        assert (command["to"], command["line_number"]) == ("79031234567", LINE)
        await bring(hub, Told(command, 0).summary(30, 1111) | {"end_time": 0})
        _, call = await over(hub, telephony)
    assert call.outcome is Outcome.NO_ANSWER


async def test_a_phone_that_is_none_of_theirs_is_rung_as_somebodys(
    hub: Hub, server: MangoServer
) -> None:
    async with ordered(hub, server, seats={"olga": "+79161112233"}, extension="199") as told:
        await told.over(told.summary(30, 1111) | {"end_time": 0})
    [(_, command)] = server.commands
    assert command["from"] == {"extension": "199", "number": "79161112233"}


async def test_without_anybody_to_ring_it_as_nobody_is_rung(hub: Hub, server: MangoServer) -> None:
    await shop(hub, server, seats={"olga": "+79161112233"})
    async with working(hub) as telephony:
        await wanted(hub, PHONE)
        _, call = await over(hub, telephony)
    assert call.outcome is Outcome.INVALID_NUMBER
    assert not server.commands


async def test_a_call_from_outside_is_a_request_and_ends_what_was_planned(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    await shop(hub, server)
    lead = await wanted(hub, PHONE)
    await works(hub)
    clock.forward(timedelta(minutes=1))
    news = [
        incoming(hub, "Appeared", 1, 60, "ivr"),
        incoming(hub, "Appeared", 1, 50),
        incoming(hub, "Connected", 2, 40),
        incoming(hub, "Disconnected", 3, 0) | {"disconnect_reason": 1110},
        end(hub, 40),
    ]
    random.Random(2).shuffle(news)
    for each in news * 2:
        await bring(hub, each)
    call = await hub.engine.get(Call, "phone:NTAw")
    assert call is not None
    assert (call.outcome, call.operator, call.talked_s) == (Outcome.TALKED, "olga", 40)
    row = await sound(hub.engine, str(call.dialog))
    assert (row.owner, row.call_status) == ("olga", Status.ENDED_BY_VISITOR)
    after = await lead_of(hub, PHONE)
    assert (after.id, after.live, after.cause) == (lead.id, False, "called_back")


async def test_a_call_from_outside_that_nobody_took_says_where_it_was_lost(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    await shop(hub, server)
    for each in (
        incoming(hub, "Appeared", 1, 60, "ivr"),
        incoming(hub, "Connected", 2, 58, "ivr"),
        incoming(hub, "Appeared", 1, 50, "queue"),
        end(hub, 0),
    ):
        await bring(hub, each)
    call = await hub.engine.get(Call, "phone:NTAw")
    assert call is not None
    assert (call.outcome, call.loss, call.waited_s) == (Outcome.MISSED, "queue", 60)
    assert (await sound(hub.engine, str(call.dialog))).call_status is Status.NEW


async def test_a_call_that_the_hub_ordered_is_none_from_outside(
    hub: Hub, clock: Clock, server: MangoServer
) -> None:
    """However the exchange shows it, once it is known by its own id."""
    async with ordered(hub, server) as told:
        clock.forward(timedelta(seconds=75))
        await told.tell(
            told.first("Appeared", 1, 1),
            incoming(hub, "Appeared", 2, 0) | {"entry_id": told.entry},
            end(hub, 0) | {"entry_id": told.entry},
        )
        assert len(await calls(hub)) == 1
