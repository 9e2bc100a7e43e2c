"""Commands to MANGO OFFICE: which are given, and what no answer means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from hub.calls.call import Call, CallPlan, Outcome, Party
from hub.calls.trunk import LineError
from hub.model import ChannelId
from telephony.mango import MangoLine, MangoSettings
from tests.spine import SHOP, START
from tests.telephony.mango_server import KEY, SALT, MangoServer, mango

PHONE = "+79031234567"


@pytest.fixture
async def server() -> AsyncIterator[MangoServer]:
    async with mango() as played:
        yield played


def line_of(server: MangoServer, seconds: float = 5) -> MangoLine:
    told: dict[str, Any] = {"key": KEY, "salt": SALT, "api_url": server.url}
    return MangoLine(msgspec.convert(told, MangoSettings), seconds)


def call_of(phone: str, *operators: str, shown: str = "") -> Call:
    stage = tuple(Party(number=each) for each in operators)
    return Call(
        id="c",
        project=SHOP,
        channel=ChannelId("phone"),
        phone=phone,
        plan=CallPlan(visitor=Party(number=phone), operators=(stage,), shown=shown),
        began_at=START,
        changed_at=START,
    )


@pytest.mark.parametrize(
    ("phone", "operators"),
    [("+37126123456", ("101",)), (PHONE, ()), (PHONE, ("+37126123456",)), (PHONE, ("112",))],
)
async def test_no_command_is_given_for_what_is_not_to_be_dialled(
    server: MangoServer, phone: str, operators: tuple[str, ...]
) -> None:
    line, call = line_of(server), call_of(phone, *operators)
    assert line.ready
    for each in (call, replace(call, plan=None)):
        with pytest.raises(LineError) as refused:
            await line.start(each)
        assert refused.value.outcome is Outcome.INVALID_NUMBER
    assert not server.commands


async def test_without_a_number_of_theirs_they_choose_one(server: MangoServer) -> None:
    await line_of(server).start(call_of(PHONE, "101", shown="+74951112233"))
    [(_, command)] = server.commands
    assert "line_number" not in command, "what is not confirmed is not shown"


async def test_an_exchange_that_says_nothing_may_have_taken_it(server: MangoServer) -> None:
    server.answers.append((0, ""))
    with pytest.raises(LineError) as refused:
        await line_of(server, 0.2).ask("commands/callback", {})
    assert refused.value.outcome is Outcome.UNKNOWN
    assert len(server.commands) == 1


async def test_an_answer_without_end_is_let_go_of(server: MangoServer) -> None:
    server.answers.append((200, "x" * 1_200_000))
    with pytest.raises(LineError) as refused:
        await line_of(server).ask("config/users/request", {})
    assert refused.value.outcome is Outcome.UNKNOWN
