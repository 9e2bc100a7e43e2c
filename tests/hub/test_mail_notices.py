"""Operators whom no messenger reaches are told by letters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.errors import UnreachableError
from hub.model import Operator, OperatorId
from hub.records import Post
from hub.store.engine import Engine
from hub.store.schema import POSTS_OLD
from hub.telling.notices import ALARM_OWNER, GRACE
from tests.pagers import Desk, paged
from tests.spine import Clock


@pytest.fixture
async def desk(engine: Engine, clock: Clock, tmp_path: Path) -> AsyncIterator[Desk]:
    async with paged(engine, clock, tmp_path) as made:
        made.hub.reaches.mails = True
        yield made


async def letters(desk: Desk) -> list[Post]:
    return (await desk.hub.engine.find(POSTS_OLD, limit=100)).items


async def with_email(desk: Desk, name: str) -> OperatorId:
    id = await desk.join(name)
    email = f"{name.lower()}@example.com"
    await desk.hub.engine.change(Operator, id, lambda had: replace(had, email=email))
    return id


async def test_who_has_no_messenger_is_written_to(desk: Desk) -> None:
    await with_email(desk, "Olga")
    await desk.join("Anna")
    await desk.asked("Сколько стоит? +7 916 123-45-67")
    await desk.passes(GRACE)
    [letter] = await letters(desk)
    assert (letter.to, letter.template) == ("olga@example.com", "notice")
    assert "Сколько стоит?" in letter.data["said"]
    assert "916" not in letter.data["said"]
    await desk.passes(ALARM_OWNER)
    assert len(await letters(desk)) == 2


async def test_a_messenger_comes_first_and_a_letter_when_it_takes_nothing(desk: Desk) -> None:
    olga = await with_email(desk, "Olga")
    await desk.link(olga, "p-olga")
    await desk.settled()
    await desk.asked()
    await desk.passes(GRACE)
    assert await letters(desk) == []
    desk.bot().script.append(UnreachableError("blocked"))
    await desk.passes(ALARM_OWNER)
    [letter] = await letters(desk)
    assert letter.to == "olga@example.com"


async def test_without_a_server_for_letters_nobody_is_promised_one(desk: Desk) -> None:
    desk.hub.reaches.mails = False
    await with_email(desk, "Olga")
    await desk.asked()
    await desk.passes(GRACE + timedelta(hours=1))
    assert await letters(desk) == []
