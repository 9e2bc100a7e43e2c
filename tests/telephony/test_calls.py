"""A lead becomes a call: by every scenario, to every end, on phones that are played."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.calls.call import Call, Outcome
from hub.calls.script import Script
from hub.hub import Hub
from hub.statuses import Status
from tests.telephony.office import QUICK, dialled, equip, row_of, statuses, wanted, working

GOOD = "+79161234567"

TALK = [
    "calling_operator",
    "operator_on_line",
    "calling_visitor",
    "visitor_on_line",
    "talking",
    "ended_by_visitor",
]


async def call_of(hub: Hub, phone: str, script: Script) -> tuple[Call, list[str]]:
    await equip(hub, script=script)
    await wanted(hub, phone)
    async with working(hub) as telephony:
        lead, call = await dialled(hub, telephony, phone)
    return call, await statuses(hub, lead)


@pytest.mark.parametrize("connect", ["key", "message"])
async def test_the_operator_is_rung_first_and_then_the_person(hub: Hub, connect: str) -> None:
    script = replace(QUICK, connect=connect)
    call, told = await call_of(hub, GOOD, script)

    assert (call.outcome, call.ended_by, call.stage) == (Outcome.TALKED, "visitor", "settled")
    assert told[: len(TALK)] == TALK
    assert call.operator == "olga"


@pytest.mark.parametrize("connect", ["key", "message"])
async def test_the_person_is_rung_first_and_then_the_operator(hub: Hub, connect: str) -> None:
    script = replace(QUICK, first="visitor", connect=connect)
    call, told = await call_of(hub, GOOD, script)

    assert call.outcome is Outcome.TALKED
    assert told[:4] == [
        "calling_visitor",
        "visitor_on_line",
        "calling_operator",
        "operator_on_line",
    ]


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        ("01", Outcome.BUSY),
        ("02", Outcome.NO_ANSWER),
        ("03", Outcome.REJECTED),
        ("04", Outcome.UNREACHABLE),
        ("05", Outcome.INVALID_NUMBER),
    ],
)
async def test_whoever_is_not_reached_is_called_again_by_the_cause(
    hub: Hub, last: str, outcome: Outcome
) -> None:
    phone = GOOD[:-2] + last
    await equip(hub)
    await wanted(hub, phone)
    async with working(hub) as telephony:
        lead, call = await dialled(hub, telephony, phone)

    assert (call.outcome, call.side) == (outcome, "visitor")
    assert lead.attempts == 1
    row = await row_of(hub, lead)
    if outcome is Outcome.INVALID_NUMBER:
        assert (lead.status, lead.due_at, lead.cause) == (Status.NEW, None, "invalid_number")
    else:
        assert lead.status is Status.AWAITING_RETRY
        minutes = lead.plan.pauses[outcome.value]  # type: ignore[index]
        assert lead.due_at == hub.now() + timedelta(minutes=minutes)
        assert row.call_status is Status.AWAITING_RETRY
        assert row.call_at == lead.due_at


@pytest.mark.parametrize(
    ("seat", "outcome"), [("101", Outcome.BUSY), ("102", Outcome.NO_ANSWER), ("109", None)]
)
async def test_our_own_side_has_a_count_of_its_own(
    hub: Hub, seat: str, outcome: Outcome | None
) -> None:
    await equip(hub, seats={"olga": seat.replace("10", "20")})
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        lead, call = await dialled(hub, telephony, GOOD)

    assert lead.attempts == 0
    assert lead.status is Status.NEW
    if outcome is None:
        assert call.outcome is Outcome.CONGESTION
        assert lead.operator_tries == 0, "a line without room is nobody's attempt"
    else:
        assert (call.outcome, call.side, lead.operator_tries) == (outcome, "operator", 1)
    assert call.dialled_at is None, "the person's phone never rang"
