"""In whatever order a platform tells it, however often, and whoever dies: the end is the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import count, permutations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.events import (
    ChannelEvent,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    Sender,
    StaffReplied,
)
from hub.hub import Hub
from hub.model import Awaits, Dialog, OperatorId, OutState
from hub.store.schema import EARLY_OLD
from tests.spine import MS, START, Crash, Mortal, current, log_of, message, receive, tick

IVAN = Sender(external_id="ivan", name="Иван")
NUMBERS = count()


async def rules(hub: Hub) -> None:
    while await hub.worker.work():
        pass


EDITED = MessageEdited(sender=IVAN, at=START + MS * 5, external_id="ivan.1", text="edited")
MARKS: tuple[ChannelEvent, ...] = (
    EDITED,
    replace(EDITED, at=START + MS * 6, text="edited again"),
    replace(EDITED, at=START + MS * 6, text="and once more at that moment", order=1),
    MessageDeleted(sender=IVAN, at=START + MS * 7, external_id="ivan.1"),
    MessageReacted(sender=IVAN, at=START + MS * 5, external_id="ivan.1", emoji="👍"),
    MessageReacted(sender=IVAN, at=START + MS * 6, external_id="ivan.1", emoji=""),
    replace(EDITED, external_id="staff.1", text="edited by staff"),
    MessageDeleted(sender=IVAN, at=START + MS * 8, external_id="staff.1"),
    MessageReacted(sender=IVAN, at=START + MS * 8, external_id="staff.1", emoji="❤"),
    tick("staff.1", OutState.DELIVERED, START + MS * 9),
    tick("staff.1", OutState.READ, START + MS * 9, upto=True),
)
LINES: tuple[ChannelEvent, ...] = (
    message(1, START),
    StaffReplied(
        sender=IVAN, at=START + MS, external_id="staff.1", text="Здравствуйте", name="Ольга"
    ),
    message(2, START + MS * 2),
)


def renamed(event: ChannelEvent, visitor: str) -> ChannelEvent:
    """The same of another visitor, so that many tries share one store."""
    told = msgspec.structs.asdict(event)
    told["sender"] = replace(event.sender, external_id=visitor)
    told["external_id"] = f"{visitor}/{told['external_id']}"
    return type(event)(**told)


async def end(hub: Hub, events: Sequence[ChannelEvent], visitor: str) -> object:
    """What the log shows once all of it has come, without what only the order of coming made."""
    for event in events:
        await receive(hub, renamed(event, visitor))
    await rules(hub)
    row = await current(hub, visitor)
    entries = sorted(await log_of(hub.engine, row.id), key=lambda each: each.place)
    assert len({each.id for each in entries}) == len(entries)
    return [
        (
            each.id.rpartition("/")[2],
            each.kind,
            each.text,
            each.data,
            each.edited_at,
            each.deleted_at,
            each.state,
            [(one.emoji, one.at) for one in each.reactions],
        )
        for each in entries
    ], awaited(row)


def awaited(row: Dialog) -> tuple[Awaits, OperatorId | None, object]:
    return row.awaits, row.owner, row.staff_place and row.staff_place.at


PAIRS = [(line, mark) for line in LINES for mark in (*MARKS, *LINES) if mark is not line]


async def test_every_pair_of_a_message_and_what_befell_it_ends_the_same(hub: Hub) -> None:
    for n, pair in enumerate(PAIRS):
        # The dialog is there before, whichever of the two comes first.
        first = message(0, START - MS)
        ends = [
            await end(hub, (first, *order), f"visitor{n}-{m}")
            for m, order in enumerate(permutations(pair))
        ]
        assert ends[0] == ends[1], pair
    assert await hub.engine.count(EARLY_OLD, {}, cap=1_000) > 0, "of what has no message here"


@given(events=st.permutations([*LINES, *MARKS] * 3))
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_updates_three_times_and_shuffled_end_the_same(
    hub: Hub, events: list[ChannelEvent]
) -> None:
    n = next(NUMBERS)
    straight = await end(hub, [*LINES, *MARKS], f"straight{n}")
    assert await end(hub, events, f"shuffled{n}") == straight


@pytest.mark.parametrize("seed", range(6))
async def test_a_process_that_dies_now_and_then_changes_nothing(
    hub: Hub, mortal: Mortal, seed: int
) -> None:
    """Whatever was not answered is told again, by a platform that has no patience."""
    straight = await end(hub, [*LINES, *MARKS], "straight")
    dice = random.Random(seed)
    waiting = [*LINES, *MARKS] * 3
    dice.shuffle(waiting)
    mortal.dice = lambda: dice.random() < 0.2
    died = 0
    while waiting:
        event = waiting.pop(0)
        try:
            await receive(hub, renamed(event, "unlucky"))
        except Crash:
            died += 1
            waiting.insert(dice.randrange(len(waiting) + 1), event)
    mortal.lives()
    await hub.worker.repair()
    assert died > 3
    assert await end(hub, [], "unlucky") == straight
