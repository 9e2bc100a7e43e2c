"""Messages of one person that come together: stored by one write, each for itself all the same."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.events import DialogChanged, Sender, StaffReplied, TypingNoticed
from hub.hub import Hub
from hub.intake import Intake
from hub.model import Dialog, Entry, EntryKind
from tests.spine import (
    MS,
    WEEK,
    Clock,
    ask,
    current,
    dialog_of,
    episodes,
    log_of,
    message,
    receive,
    texts,
)

IVAN = Sender(external_id="ivan")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_messages_that_come_together_are_each_stored_once(hub: Hub, seed: int) -> None:
    """Handfuls of updates, some with the same one twice, from several workers at once."""
    dice = random.Random(seed)
    sent = [message(n, hub.now() + timedelta(seconds=n // 3), order=n) for n in range(40)]
    updates = sent * 3
    dice.shuffle(updates)
    waiting = iter([updates[start : start + 7] for start in range(0, len(updates), 7)])
    fresh = 0

    async def worker() -> None:
        nonlocal fresh
        for handful in waiting:
            accepted = await receive(hub, *handful)
            ids = [each.entry.id for each in accepted if each.entry is not None]
            assert ids == [f"site:{each.external_id}" for each in handful]
            fresh += sum(each.fresh for each in accepted)

    await asyncio.gather(*(worker() for _ in range(6)))

    (row,) = await episodes(hub)
    assert (row.seq, row.unanswered) == (40, 40)
    assert texts(await log_of(hub.engine, row.id)) == [each.text for each in sent]
    # Two who store the same at the same moment may both hold themselves to be the first.
    assert 40 <= fresh <= 60


async def test_what_comes_together_is_announced_together_in_its_order(hub: Hub) -> None:
    await ask(hub, 0)
    cursor = await hub.bus.cursor()

    accepted = await receive(hub, *(message(n, hub.now(), order=n) for n in range(1, 6)))

    (told,) = await hub.bus.since(cursor)
    event = told.event
    assert isinstance(event, DialogChanged)
    assert event.dialog == await current(hub)
    assert event.entries == tuple(each.entry for each in accepted)
    assert [each.seq for each in event.entries] == [2, 3, 4, 5, 6]
    assert all(each.fresh for each in accepted)


async def test_others_and_reports_between_messages_keep_their_turn(hub: Hub) -> None:
    accepted = await receive(
        hub,
        message(1, hub.now()),
        TypingNoticed(sender=IVAN, at=hub.now()),
        message(2, hub.now()),
        message(1, hub.now(), visitor="olga"),
        message(3, hub.now()),
    )

    assert [each.entry and each.entry.id for each in accepted] == [
        "site:ivan.1",
        None,
        "site:ivan.2",
        "site:olga.1",
        "site:ivan.3",
    ]
    (row,) = await episodes(hub)
    assert row.seq == 3


async def test_a_handful_whose_first_is_a_repeat_from_another_episode_goes_on(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    first = await ask(hub, 1)
    old = message(1, clock.at)
    await hub.desk.close(anna, first.id)
    late = clock.forward(WEEK + MS)

    accepted = await receive(hub, replace(old, at=late), message(2, late), message(3, late))

    assert [each.fresh for each in accepted] == [False, True, True]
    one, two = await episodes(hub)
    assert dialog_of(accepted[0]) == one.id
    assert texts(await log_of(hub.engine, two.id)) == ["message 2", "message 3"]


async def test_what_was_said_to_a_person_and_answered_long_after_a_closing_comes_in_together(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    """Ours opens nothing and stands where the talk was; the answer begins a new episode."""
    row = await ask(hub, 1)
    await hub.desk.close(anna, row.id)
    late = clock.forward(WEEK + MS)
    ours = StaffReplied(sender=IVAN, at=late, external_id="staff.1", text="Подошло?")

    await receive(hub, ours, message(2, late), message(3, late))
    accepted = await receive(hub, ours, message(2, late), message(3, late))

    one, two = await episodes(hub)
    assert [dialog_of(each) for each in accepted] == [one.id, two.id, two.id]
    assert texts(await log_of(hub.engine, one.id), EntryKind.OUT) == ["Подошло?"]
    assert texts(await log_of(hub.engine, two.id)) == ["message 2", "message 3"]


async def test_an_episode_that_others_ended_is_not_written_to(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    """What a process remembers of a person's last episode is where it looks first, no more."""
    other = Intake(hub.engine, hub.bus, hub.channels, hub.files, hub.consents, hub.joining, clock)
    row = await ask(hub, 1)
    await hub.desk.close(anna, row.id)
    await other.accept(hub.channels.get("site"), [message(2, clock.forward(WEEK + MS))])

    accepted = await receive(hub, message(3, clock.at), message(4, clock.at))

    one, two = await episodes(hub)
    assert {dialog_of(each) for each in accepted} == {two.id}
    assert texts(await log_of(hub.engine, one.id)) == ["message 1"]
    assert texts(await log_of(hub.engine, two.id)) == ["message 2", "message 3", "message 4"]


async def test_an_episode_that_was_deleted_is_not_written_to(hub: Hub) -> None:
    row = await ask(hub, 1)
    for each in await log_of(hub.engine, row.id):
        await hub.engine.delete_if(Entry, each.id, lambda _: True)
    await hub.engine.delete_if(Dialog, row.id, lambda _: True)

    await receive(hub, message(2, hub.now()), message(3, hub.now()))

    (row,) = await episodes(hub)
    assert texts(await log_of(hub.engine, row.id)) == ["message 2", "message 3"]
