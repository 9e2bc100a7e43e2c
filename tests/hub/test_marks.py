"""Ticks only climb, edits only go forward, and a mark twice is a mark once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub import marks
from hub.events import (
    DialogChanged,
    EntryChanged,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    Sender,
)
from hub.hub import Hub
from hub.model import Author, DialogId, Entry, EntryKind, OutState, ProjectId
from hub.store.schema import EARLY_OLD
from tests.spine import (
    MS,
    START,
    Clock,
    Mortal,
    all_of,
    ask,
    current,
    deliver,
    log_of,
    message,
    operator,
    receive,
    say,
    sent,
    sound,
    tick,
)

IVAN, PETR = Sender(external_id="ivan"), Sender(external_id="petr")


def line(kind: EntryKind = EntryKind.OUT, state: OutState | None = OutState.SENT) -> Entry:
    return Entry(
        id="tg:1",
        project=ProjectId("shop"),
        dialog=DialogId("tg:1:1"),
        seq=1,
        kind=kind,
        author=Author("operator", "anna", "Anna"),
        at=START,
        stored_at=START,
        changed_at=START,
        state=state,
        pending=state in (OutState.QUEUED, OutState.SENDING),
    )


@given(st.lists(st.sampled_from(OutState)), st.sampled_from(OutState))
def test_a_state_never_falls(told: list[OutState], start: OutState) -> None:
    entry = line(state=start)
    for state in told:
        after = marks.advanced(entry, state, "", START + MS)
        if after is None:
            continue
        assert entry.state is not None
        assert not after.pending
        if state is OutState.FAILED:
            assert entry.state not in (OutState.DELIVERED, OutState.READ)
        else:
            assert marks.RANK[state] > marks.RANK[entry.state]
        entry = after
    if {OutState.DELIVERED, OutState.READ} & set(told):
        last = [OutState.DELIVERED, OutState.READ][OutState.READ in told]
        assert marks.RANK[entry.state or start] >= marks.RANK[last]


def test_only_what_we_sent_has_a_state() -> None:
    for kind in (EntryKind.IN, EntryKind.NOTE, EntryKind.SYSTEM):
        assert marks.advanced(line(kind, None), OutState.READ, "", START) is None


def test_a_refusal_after_the_platform_took_it_is_kept_with_its_reason() -> None:
    after = marks.advanced(line(), OutState.FAILED, "blocked", START + MS)
    assert after is not None
    assert (after.state, after.failure, after.changed_at) == (
        OutState.FAILED,
        "blocked",
        START + MS,
    )


edits = st.lists(st.tuples(st.integers(0, 5), st.text(max_size=3)), unique_by=lambda e: e[0])


@given(edits, st.randoms())
def test_edits_in_any_order_leave_the_newest_text(
    edits_: list[tuple[int, str]], dice: Random
) -> None:
    entry = line(EntryKind.IN, None)
    shuffled = edits_ * 2
    dice.shuffle(shuffled)
    for at, text in shuffled:
        mark = MessageEdited(sender=IVAN, at=START + MS * at, external_id="1", text=text)
        entry = marks.marked(entry, mark, START) or entry
    if edits_:
        at, text = max(edits_)
        assert (entry.text, entry.edited_at) == (text, START + MS * at)


def test_a_second_deletion_changes_nothing() -> None:
    mark = MessageDeleted(sender=IVAN, at=START, external_id="1")
    once = marks.marked(line(), mark, START)
    assert once is not None
    assert once.deleted_at == START
    assert marks.marked(once, replace(mark, at=START + MS), START) is None


def felt(entry: Entry) -> set[tuple[str, str]]:
    return {(each.by, each.emoji) for each in entry.reactions if each.emoji}


def test_everybody_has_one_reaction_and_may_take_it_back() -> None:
    entry = line(EntryKind.IN, None)
    for n, (sender, emoji) in enumerate(((IVAN, "👍"), (PETR, "❤"), (IVAN, "😡"))):
        mark = MessageReacted(sender=sender, at=START + MS * n, external_id="1", emoji=emoji)
        entry = marks.marked(entry, mark, START) or entry
        assert marks.marked(entry, mark, START) is None
    assert felt(entry) == {("petr", "❤"), ("ivan", "😡")}
    back = MessageReacted(sender=PETR, at=START + MS * 3, external_id="1", emoji="")
    entry = marks.marked(entry, back, START) or entry
    assert felt(entry) == {("ivan", "😡")}


def test_a_crowd_of_reactions_is_bounded() -> None:
    entry = line(EntryKind.IN, None)
    for n in range(marks.REACTIONS_MAX + 5):
        sender = Sender(external_id=str(n))
        mark = MessageReacted(sender=sender, at=START, external_id="1", emoji="👍")
        entry = marks.marked(entry, mark, START) or entry
    assert len(entry.reactions) == marks.REACTIONS_MAX


async def said(hub: Hub, dialog: str, n: int) -> None:
    for i in range(n):
        await hub.desk.reply(operator("Anna"), dialog, f"key-{i:04}", f"answer {i}")
    for id in await hub.delivery.due(10):
        await hub.delivery.deliver(id)


async def states(hub: Hub, dialog: str) -> list[OutState | None]:
    return [e.state for e in await log_of(hub.engine, dialog) if e.kind is EntryKind.OUT]


async def test_a_read_mark_reaches_everything_before_it(hub: Hub) -> None:
    row = await ask(hub)
    await said(hub, row.id, 4)

    for _ in range(2):
        await receive(hub, tick("out-3", OutState.READ, hub.now(), upto=True))
        assert await states(hub, row.id) == ["read", "read", "read", "sent"]

    await receive(hub, tick("out-4", OutState.DELIVERED, hub.now(), upto=True))
    assert await states(hub, row.id) == ["read", "read", "read", "delivered"]


async def test_a_read_mark_does_not_make_sent_what_never_went(hub: Hub) -> None:
    row = await ask(hub)
    await said(hub, row.id, 3)
    second = (await log_of(hub.engine, row.id))[3]
    await hub.engine.change(Entry, second.id, lambda had: replace(had, state=OutState.UNKNOWN))

    await receive(hub, tick("out-3", OutState.READ, hub.now(), upto=True))

    assert await states(hub, row.id) == ["read", "unknown", "read"]


async def test_a_mark_of_another_project_finds_nothing_here(hub: Hub) -> None:
    row = await ask(hub)
    await said(hub, row.id, 1)
    await receive(hub, tick("out-1", OutState.READ, hub.now()), channel="oven")
    await receive(hub, tick("out-1", OutState.READ, hub.now()), channel="kiosk")
    assert await states(hub, row.id) == ["sent"]


async def test_a_mark_changes_when_the_entry_was_changed_and_not_its_place(
    hub: Hub, clock: Clock
) -> None:
    row = await ask(hub)
    (before,) = await log_of(hub.engine, row.id)
    at = clock.forward(timedelta(minutes=1))
    edit = MessageEdited(sender=IVAN, at=at, external_id="ivan.1", text="other")
    await receive(hub, edit)
    (after,) = await log_of(hub.engine, row.id)
    assert (after.changed_at, after.place, after.stored_at) == (at, before.place, before.stored_at)
    assert after.rev > before.rev


async def test_an_edit_before_its_message_is_put_on_it(hub: Hub) -> None:
    at = hub.now()
    await receive(
        hub,
        MessageEdited(sender=IVAN, at=at + MS * 2, external_id="ivan.1", text="second thought"),
        MessageEdited(sender=IVAN, at=at + MS, external_id="ivan.1", text="first thought"),
        MessageReacted(sender=IVAN, at=at, external_id="ivan.1", emoji="👍"),
        message(1, at),
    )
    await hub.worker.work()

    (entry,) = await log_of(hub.engine, (await current(hub)).id)

    assert (entry.text, entry.edited_at) == ("second thought", at + MS * 2)
    assert felt(entry) == {("ivan", "👍")}
    assert await all_of(hub.engine, EARLY_OLD, {}) == []


async def test_an_edited_message_says_what_it_was_before(hub: Hub) -> None:
    row = await ask(hub)
    at = hub.now() + MS
    await receive(hub, MessageEdited(sender=IVAN, at=at, external_id="ivan.1", text="edited"))
    [entry] = await log_of(hub.engine, row.id)
    assert (entry.text, entry.data) == ("edited", {"before": "message 1"})


async def test_an_edit_and_its_message_at_once_meet_in_any_order(hub: Hub) -> None:
    at = hub.now()
    await asyncio.gather(
        *(
            receive(hub, event)
            for n in range(15)
            for event in (
                MessageEdited(sender=IVAN, at=at + MS, external_id=f"ivan.{n}", text="edited"),
                message(n, at),
            )
        )
    )
    while await hub.worker.work():
        pass

    entries = await log_of(hub.engine, (await current(hub)).id)

    assert [each.text for each in entries] == ["edited"] * 15


async def test_a_mark_finds_the_message_that_came_while_the_mark_was_put_aside(
    hub: Hub, mortal: Mortal
) -> None:
    async def came_and_was_ruled() -> None:
        await receive(hub, message(1, hub.now()))
        await hub.worker.work()

    mortal.meanwhile(came_and_was_ruled, before=0)
    await receive(hub, MessageDeleted(sender=IVAN, at=hub.now(), external_id="ivan.1"))

    (entry,) = await log_of(hub.engine, (await current(hub)).id)
    assert entry.deleted_at == hub.now()


async def test_a_mark_whose_message_never_came_is_dropped_after_two_days(
    hub: Hub, clock: Clock
) -> None:
    deleted = MessageDeleted(sender=IVAN, at=hub.now(), external_id="ivan.1")
    await receive(hub, deleted, deleted)
    assert len(await all_of(hub.engine, EARLY_OLD, {})) == 1

    clock.forward(marks.EARLY_KEPT)
    await hub.worker.sweep()
    assert len(await all_of(hub.engine, EARLY_OLD, {})) == 1

    clock.forward(MS)
    await hub.worker.sweep()
    assert await all_of(hub.engine, EARLY_OLD, {}) == []


async def test_a_mark_on_a_known_message_is_put_on_it_and_announced(hub: Hub) -> None:
    await ask(hub)
    cursor = await hub.bus.cursor()

    await receive(hub, MessageDeleted(sender=IVAN, at=hub.now(), external_id="ivan.1"))

    (entry,) = await log_of(hub.engine, (await current(hub)).id)
    assert entry.deleted_at == hub.now()
    event, listed = await hub.bus.since(cursor)
    assert isinstance(event.event, EntryChanged)
    assert event.event.entry == entry
    assert isinstance(listed.event, DialogChanged)


async def test_a_list_shows_the_last_message_as_it_now_is(hub: Hub, clock: Clock) -> None:
    row = await ask(hub, 1)
    await receive(hub, message(2, clock.at, text="Лишнее"))
    sender = Sender(external_id="ivan")
    later = clock.forward(timedelta(seconds=5))
    await receive(
        hub, MessageEdited(sender=sender, at=later, external_id="ivan.1", text="не последнее")
    )
    await receive(hub, MessageEdited(sender=sender, at=later, external_id="ivan.2", text="Нужное"))
    row = await current(hub)
    assert row.preview is not None
    assert row.preview.text == "Нужное"
    await receive(hub, MessageDeleted(sender=sender, at=later, external_id="ivan.2"))
    row = await sound(hub.engine, row.id)
    assert row.preview is not None
    assert (row.preview.text, row.preview.attachment) == ("", "deleted")


async def test_nobody_rewrites_or_takes_back_the_other_sides_words(hub: Hub, clock: Clock) -> None:
    row = await ask(hub, 1)
    await say(hub, row, "our reply")
    await deliver(hub)
    [ours] = await sent(hub, row)
    assert ours.external_id is not None
    named = ours.external_id.removeprefix("site:")
    sender, at = Sender(external_id="ivan"), clock.forward(timedelta(seconds=5))
    await receive(
        hub,
        MessageEdited(sender=sender, at=at, external_id=named, text="чужое", by="person"),
        MessageDeleted(sender=sender, at=at, external_id=named, by="person"),
        MessageDeleted(sender=sender, at=at, external_id="ivan.1", by="staff"),
    )
    entries = await log_of(hub.engine, row.id)
    assert [each.text for each in entries if each.text] == ["message 1", "our reply"]
    assert not any(each.deleted_at for each in entries)
    await receive(hub, MessageDeleted(sender=sender, at=at, external_id=named, by="staff"))
    assert (await sent(hub, row))[0].deleted_at is not None
