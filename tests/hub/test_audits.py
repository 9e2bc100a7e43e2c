"""What somebody did is on record once, whole or cut, in the order in which it was done."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.audits import DATA_MAX_CHARS, audited
from hub.model import ProjectId
from hub.store.engine import Engine, TakenError
from hub.store.schema import AUDIT
from tests.spine import SHOP, START

MINUTE = timedelta(minutes=1)


async def test_what_was_done_is_read_in_the_order_of_its_doing(engine: Engine) -> None:
    for n in (2, 0, 1):
        note = audited(START + n * MINUTE, "anna", f"done_{n}", "it", SHOP, "192.0.2.1", what="so")
        await engine.write(note)
    await engine.write(audited(START, "hub", "of_the_whole_hub", "it"))
    notes = (await engine.find(AUDIT, {"project": SHOP})).items
    assert [each.verb for each in notes] == ["done_0", "done_1", "done_2"]
    assert sorted(notes, key=lambda each: each.id) == notes
    assert {(each.actor, each.target, each.address) for each in notes} == {
        ("anna", "it", "192.0.2.1")
    }
    [whole] = (await engine.find(AUDIT, {"project": ProjectId("")})).items
    assert (whole.verb, whole.address, whole.data) == ("of_the_whole_hub", "", {})


async def test_the_same_thing_done_twice_at_once_is_two_lines_unless_it_is_one_by_its_id(
    engine: Engine,
) -> None:
    for id in ("", "", "once"):
        await engine.write(audited(START, "anna", "listened", "it", SHOP, id=id))
    with pytest.raises(TakenError):
        await engine.write(audited(START + MINUTE, "anna", "listened", "it", SHOP, id="once"))
    assert await engine.count(AUDIT, {"project": SHOP}) == 3


async def test_a_long_story_is_cut(engine: Engine) -> None:
    await engine.write(audited(START, "anna", "told", "it", SHOP, what="ы" * 2_000, short="да"))
    [note] = (await engine.find(AUDIT, {"project": SHOP})).items
    assert note.data == {"what": "ы" * DATA_MAX_CHARS, "short": "да"}
