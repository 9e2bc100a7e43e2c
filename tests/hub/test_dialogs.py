"""The log and its row under crashes and crowds: nothing lost, nothing doubled, no gap."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from msgspec.structs import replace

from hub import dialogs
from hub.accounts import Who
from hub.errors import ConflictError
from hub.hub import Hub
from hub.model import Dialog, DialogId, Entry, EntryKind, Verb
from hub.store.engine import Insert
from tests.spine import (
    MS,
    WEEK,
    Clock,
    Crash,
    Mortal,
    ask,
    current,
    episodes,
    log_of,
    message,
    operator,
    people,
    receive,
    sound,
    texts,
)

Act = Callable[[], Awaitable[object]]


async def crash_everywhere(
    mortal: Mortal, again: Callable[[int], Awaitable[tuple[Act, Act]]]
) -> int:
    """Lets the process die after every number of write steps of an act; how many there are.

    `again(k)` prepares a fresh scene and gives the act that dies and what comes after it.
    """
    k = 0
    while True:
        act, after = await again(k)
        mortal.dies_after(k)
        try:
            await act()
        except Crash:
            died = True
        else:
            died = False
        mortal.lives()
        await after()
        if not died:
            return k
        k += 1


async def test_a_first_message_survives_a_crash_after_every_write(hub: Hub, mortal: Mortal) -> None:
    async def scene(k: int) -> tuple[Act, Act]:
        visitor = f"visitor{k}"

        async def write() -> None:
            await receive(hub, message(1, hub.now(), visitor=visitor))

        async def repeated() -> None:
            await write()
            (row,) = await episodes(hub, visitor)
            assert (row.seq, row.open, row.unanswered) == (1, True, 1)
            assert texts(await log_of(hub.engine, row.id)) == ["message 1"]
            assert await people(hub.engine, visitor) == 1

        return write, repeated

    assert await crash_everywhere(mortal, scene) == 5


async def test_a_further_message_survives_a_crash_after_every_write(
    hub: Hub, mortal: Mortal
) -> None:
    async def scene(k: int) -> tuple[Act, Act]:
        visitor = f"visitor{k}"
        await receive(hub, message(1, hub.now(), visitor=visitor))

        async def write() -> None:
            await receive(hub, message(2, hub.now(), visitor=visitor))

        async def repeated() -> None:
            await write()
            (row,) = await episodes(hub, visitor)
            assert (row.seq, row.unanswered) == (2, 2)

        return write, repeated

    assert await crash_everywhere(mortal, scene) == 2


async def test_messages_that_come_together_survive_a_crash_after_every_write(
    hub: Hub, mortal: Mortal
) -> None:
    async def scene(k: int) -> tuple[Act, Act]:
        visitor = f"visitor{k}"
        await receive(hub, message(1, hub.now(), visitor=visitor))

        async def write() -> None:
            several = (message(n, hub.now(), visitor=visitor) for n in (2, 3, 4))
            await receive(hub, *several)

        async def repeated() -> None:
            await write()
            (row,) = await episodes(hub, visitor)
            assert (row.seq, row.unanswered) == (4, 4)
            lines = texts(await log_of(hub.engine, row.id))
            assert lines == [f"message {n}" for n in (1, 2, 3, 4)]

        return write, repeated

    assert await crash_everywhere(mortal, scene) == 4


@pytest.mark.parametrize("before", [0, 1, 2, 3])
async def test_who_writes_between_messages_that_come_together_pushes_none_out(
    hub: Hub, mortal: Mortal, before: int
) -> None:
    await ask(hub, 1)

    async def another() -> None:
        await receive(hub, message("other", hub.now()))

    mortal.meanwhile(another, before=before)
    accepted = await receive(hub, *(message(n, hub.now()) for n in (2, 3, 4)))

    assert [each.fresh for each in accepted] == [True] * 3
    (row,) = await episodes(hub)
    lines = texts(await log_of(hub.engine, row.id))
    assert sorted(lines) == sorted(f"message {n}" for n in (1, 2, 3, 4, "other"))
    assert row.unanswered == 5


async def test_a_message_left_without_its_row_is_counted_by_the_next_one(
    hub: Hub, mortal: Mortal
) -> None:
    await ask(hub, 1)
    mortal.dies_after(1)
    with pytest.raises(Crash):
        await receive(hub, message(2, hub.now()))
    mortal.lives()

    row = await ask(hub, 3)

    assert (row.seq, row.unanswered) == (3, 3)
    await sound(hub.engine, row.id)


async def test_a_new_episode_survives_a_crash_after_every_write(
    hub: Hub, mortal: Mortal, clock: Clock, anna: Who
) -> None:
    async def scene(k: int) -> tuple[Act, Act]:
        visitor = f"visitor{k}"
        row = await ask(hub, 1, visitor)
        await hub.desk.close(anna, row.id)
        clock.forward(WEEK + MS)

        async def write() -> None:
            await receive(hub, message(2, hub.now(), visitor=visitor))

        async def repeated() -> None:
            await write()
            first, second = await episodes(hub, visitor)
            assert (first.seq, second.seq) == (3, 1)
            assert [e.verb for e in await log_of(hub.engine, first.id)][-1] is Verb.SEALED
            assert texts(await log_of(hub.engine, second.id)) == ["message 2"]

        return write, repeated

    assert await crash_everywhere(mortal, scene) == 5


@pytest.mark.parametrize("toucher", ["the same", "the visitor", "the walk"])
async def test_a_decision_survives_a_crash_after_every_write(
    hub: Hub, mortal: Mortal, anna: Who, toucher: str
) -> None:
    """Take, reply and close die at every step; the next toucher finds an honest dialog."""

    async def scene(k: int) -> tuple[Act, Act]:
        visitor = f"visitor{k}"
        row = await ask(hub, 1, visitor)

        async def work() -> None:
            await hub.desk.take(anna, row.id)
            await hub.desk.reply(anna, row.id, "key-0001", "answer")
            await hub.desk.close(anna, row.id, "sold")

        async def touched() -> None:
            if toucher == "the same":
                # Each click is made again; what was done says so and is not done twice.
                for click in (
                    hub.desk.take(anna, row.id),
                    hub.desk.reply(anna, row.id, "key-0001", "answer"),
                    hub.desk.close(anna, row.id, "sold"),
                ):
                    with suppress(ConflictError):
                        await click
            elif toucher == "the visitor":
                await receive(hub, message(2, hub.now(), visitor=visitor))
            else:
                await hub.worker.repair()
            after = await sound(hub.engine, row.id)
            entries = await log_of(hub.engine, row.id)
            verbs = [each.verb for each in entries]
            answers = texts(entries, EntryKind.OUT)
            assert max(verbs.count(Verb.TAKEN), verbs.count(Verb.CLOSED), len(answers)) <= 1
            assert after.owner == ("anna" if Verb.TAKEN in verbs and after.cycle.n == 1 else None)
            if toucher == "the same":
                assert answers == ["answer"]
                assert not after.open
                assert after.cycle.result == "sold"
            if toucher == "the visitor":
                assert after.open
                assert after.unanswered >= 1

        return work, touched

    assert await crash_everywhere(mortal, scene) == 6


async def test_a_reply_without_its_lane_gets_it_from_the_repeat(
    hub: Hub, mortal: Mortal, anna: Who
) -> None:
    row = await ask(hub)
    await hub.desk.take(anna, row.id)
    mortal.dies_after(1)
    with pytest.raises(Crash):
        await hub.desk.reply(anna, row.id, "key-0001", "answer")
    mortal.lives()
    assert await hub.delivery.due(10) == []

    _, fresh = await hub.desk.reply(anna, row.id, "key-0001", "answer")

    assert not fresh
    assert await hub.delivery.due(10) == [row.id]


@pytest.mark.parametrize("refused", ["take", "reply", "close"])
async def test_nobody_is_refused_because_of_a_row_behind_its_log(
    hub: Hub, mortal: Mortal, anna: Who, boris: Who, refused: str
) -> None:
    """The log says returned or reopened, the row does not know it yet."""
    row = await ask(hub)
    await hub.desk.take(anna, row.id)
    if refused == "close":
        await hub.desk.close(anna, row.id)
    decide = hub.desk.reopen if refused == "close" else hub.desk.give_back
    mortal.dies_after(1)
    with pytest.raises(Crash):
        await decide(anna, row.id)
    mortal.lives()

    if refused == "take":
        after = await hub.desk.take(boris, row.id)
        assert after.owner == "boris"
    elif refused == "reply":
        await hub.desk.reply(boris, row.id, "key-0001", "answer")
        assert (await hub.desk.dialog(row.id)).owner == "boris"
    else:
        assert not (await hub.desk.close(anna, row.id)).open
    await sound(hub.engine, row.id)


async def test_a_row_far_behind_its_log_is_brought_level(hub: Hub) -> None:
    row = await ask(hub)
    for n in range(2, 2 + dialogs.REPAIR_BATCH + 20):
        note = dialogs.draft(row, f"note-{n}", EntryKind.NOTE, hub.now(), hub.now())
        await hub.engine.write(Insert(replace(note, seq=n)))

    after = await dialogs.level(hub.engine, DialogId(row.id))

    assert after.seq == dialogs.REPAIR_BATCH + 21
    assert await sound(hub.engine, row.id) == after


async def test_a_dialog_that_does_not_exist_cannot_be_brought_level(hub: Hub) -> None:
    with pytest.raises(ConflictError, match="gone"):
        await dialogs.level(hub.engine, DialogId("nobody:1"))


async def test_a_crowd_of_writers_makes_one_log_without_gaps(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    await hub.desk.take(anna, row.id)

    await asyncio.gather(
        *(receive(hub, message(n, hub.now())) for n in range(2, 12)),
        *(hub.desk.note(anna, row.id, f"note-{n:04}", f"note {n}") for n in range(10)),
        *(hub.desk.reply(anna, row.id, f"answer-{n:04}", f"answer {n}") for n in range(10)),
    )

    after = await sound(hub.engine, row.id)
    assert after.seq == 2 + 10 + 10 + 10


async def test_a_row_touched_between_read_and_write_keeps_the_entry(hub: Hub) -> None:
    """A lease of the lane moves the row's `rev` and is no reason to lose or double a message."""
    row = await ask(hub)
    await hub.engine.change(Dialog, row.id, lambda had: replace(had, lane_by="somebody"))

    def note(now: Dialog) -> Entry:
        return dialogs.draft(now, "note-1", EntryKind.NOTE, hub.now(), hub.now())

    appended = await dialogs.append(hub.engine, row, note)

    assert appended.fresh
    assert appended.entry.seq == 2
    after = await sound(hub.engine, row.id)
    assert after == appended.row
    assert after.lane_by == "somebody"


async def test_nothing_is_appended_to_a_sealed_episode(hub: Hub, clock: Clock, anna: Who) -> None:
    first = await ask(hub, 1)
    await hub.desk.close(anna, first.id)
    clock.forward(WEEK + MS)
    await ask(hub, 2)

    with pytest.raises(ConflictError) as refused:
        await hub.desk.note(anna, first.id, "note-0001", "too late")

    assert (refused.value.code, refused.value.current) == ("sealed", (await current(hub)).id)
    assert await dialogs.seal(hub.engine, first, hub.now()) is None


async def test_an_open_episode_is_not_sealed(hub: Hub) -> None:
    row = await ask(hub)

    with pytest.raises(ConflictError, match="open"):
        await dialogs.seal(hub.engine, row, hub.now())

    assert not (await current(hub)).sealed


async def test_the_log_is_read_forwards_backwards_and_from_the_end(hub: Hub) -> None:
    for n in range(1, 8):
        await ask(hub, n)
    id = DialogId((await current(hub)).id)

    async def seqs(**window: int) -> tuple[list[int], bool]:
        entries, more = await dialogs.read_log(hub.engine, id, **window)
        return [each.seq for each in entries], more

    assert await seqs(limit=3) == ([5, 6, 7], True)
    assert await seqs(before_seq=5, limit=3) == ([2, 3, 4], True)
    assert await seqs(before_seq=2, limit=3) == ([1], False)
    assert await seqs(after_seq=3, limit=2) == ([4, 5], True)
    assert await seqs(after_seq=5, limit=2) == ([6, 7], False)
    assert await seqs(after_seq=7) == ([], False)


async def test_two_operators_of_other_projects_never_share_a_dialog(hub: Hub) -> None:
    shop = await ask(hub, 1)
    bakery = await ask(hub, 1, channel="oven")
    assert shop.id != bakery.id
    assert (shop.project, bakery.project) == ("shop", "bakery")
    vera = operator("Vera", bakery.project)
    page = await hub.lists.page(vera, bakery.project, "all")
    assert [row.id for row in page.items] == [bakery.id]
