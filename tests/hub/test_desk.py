"""What operators do, alone and against each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta

import pytest

from hub.accounts import Who
from hub.desk import KEY
from hub.errors import BadValueError, ConflictError, NotFoundError, TooLargeError
from hub.events import DialogChanged, OperatorTyping
from hub.hub import Hub
from hub.model import Awaits, Dialog, EntryKind, FileId, OutState, Role, Verb
from hub.statuses import Status
from tests.scripted import Platform
from tests.spine import (
    BAKERY,
    MS,
    SHOP,
    WEEK,
    Clock,
    Mortal,
    ask,
    current,
    episodes,
    log_of,
    message,
    operator,
    receive,
    sound,
    texts,
)


async def verbs(hub: Hub, id: str) -> list[Verb]:
    return [each.verb for each in await log_of(hub.engine, id) if each.verb is not None]


async def refused(act: Awaitable[object]) -> tuple[str, str]:
    with pytest.raises(ConflictError) as conflict:
        await act
    return conflict.value.code, conflict.value.current


async def test_of_twenty_takes_at_once_one_wins_and_nineteen_are_told_who(hub: Hub) -> None:
    row = await ask(hub)
    crowd = [operator(f"Operator{n}") for n in range(20)]

    done = await asyncio.gather(
        *(hub.desk.take(who, row.id) for who in crowd), return_exceptions=True
    )

    winners = [each for each in done if isinstance(each, Dialog)]
    told = [(e.code, e.current) for e in done if isinstance(e, ConflictError)]
    assert len(winners) == 1
    assert told == [("taken", winners[0].owner_name)] * 19
    assert await verbs(hub, row.id) == [Verb.TAKEN]
    assert (await sound(hub.engine, row.id)).owner == winners[0].owner


async def test_two_tabs_of_one_operator_take_once_and_both_succeed(hub: Hub, anna: Who) -> None:
    row = await ask(hub)

    one, other = await asyncio.gather(hub.desk.take(anna, row.id), hub.desk.take(anna, row.id))

    assert one.owner == other.owner == "anna"
    assert await verbs(hub, row.id) == [Verb.TAKEN]
    assert (await hub.desk.take(anna, row.id)).owner == "anna"
    assert await verbs(hub, row.id) == [Verb.TAKEN]


async def test_a_take_is_announced_with_its_entry(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    cursor = await hub.bus.cursor()

    taken = await hub.desk.take(anna, row.id)

    (announced,) = await hub.bus.since(cursor)
    assert isinstance(announced.event, DialogChanged)
    assert announced.event.dialog == taken
    assert [each.verb for each in announced.event.entries] == [Verb.TAKEN]


async def test_a_reply_takes_what_nobody_owns(hub: Hub, anna: Who, clock: Clock) -> None:
    row = await ask(hub)
    clock.forward(timedelta(minutes=1))

    entry, fresh = await hub.desk.reply(anna, row.id, "key-0001", "answer")

    assert fresh
    assert (entry.kind, entry.state, entry.author.name) == (
        EntryKind.OUT,
        OutState.QUEUED,
        "Anna",
    )
    after = await sound(hub.engine, row.id)
    assert (after.owner, after.awaits, after.unanswered) == ("anna", Awaits.CUSTOMER, 0)
    assert after.cycle.taken_at == after.cycle.answered_at == clock.at
    assert await verbs(hub, row.id) == [Verb.TAKEN]


async def test_of_two_first_replies_at_once_one_is_said_and_the_other_told_who(
    hub: Hub, anna: Who, boris: Who
) -> None:
    for n in range(5):
        row = await ask(hub, 1, f"visitor{n}")
        done = await asyncio.gather(
            hub.desk.reply(anna, row.id, "key-0001", "by Anna"),
            hub.desk.reply(boris, row.id, "key-0001", "by Boris"),
            return_exceptions=True,
        )
        (lost,) = [each for each in done if isinstance(each, ConflictError)]
        owner = (await sound(hub.engine, row.id)).owner_name
        assert (lost.code, lost.current) == ("taken", owner)
        assert texts(await log_of(hub.engine, row.id), EntryKind.OUT) == [f"by {owner}"]


async def test_nobody_answers_in_another_s_dialog(hub: Hub, anna: Who, boris: Who) -> None:
    row = await ask(hub)
    await hub.desk.take(anna, row.id)

    answer = hub.desk.reply(boris, row.id, "key-0001", "mine now")

    assert await refused(answer) == ("taken", "Anna")


async def test_who_loses_the_dialog_while_answering_is_told_who_has_it(
    hub: Hub, mortal: Mortal, anna: Who, boris: Who
) -> None:
    row = await ask(hub)
    await hub.desk.take(anna, row.id)

    async def handed_over() -> None:
        await hub.desk.give_back(anna, row.id)
        await hub.desk.take(boris, row.id)

    mortal.meanwhile(handed_over, before=0)
    answer = hub.desk.reply(anna, row.id, "key-0001", "still mine")

    assert await refused(answer) == ("taken", "Boris")
    assert texts(await log_of(hub.engine, row.id), EntryKind.OUT) == []


async def test_a_repeated_key_of_any_age_gives_the_same_entry(
    hub: Hub, anna: Who, clock: Clock
) -> None:
    row = await ask(hub)
    first, _ = await hub.desk.reply(anna, row.id, "key-0001", "answer")
    for n in range(3):
        await hub.desk.reply(anna, row.id, f"later-{n:04}", "more")
    again, fresh = await hub.desk.reply(anna, row.id, "key-0001", "answer")
    assert (again, fresh) == (first, False)

    await hub.desk.close(anna, row.id)
    again, fresh = await hub.desk.reply(anna, row.id, "key-0001", "answer")
    assert (again, fresh) == (first, False)

    await receive(hub, message(2, clock.forward(WEEK + MS)))
    again, fresh = await hub.desk.reply(anna, row.id, "key-0001", "answer")
    assert (again, fresh) == (first, False)


async def test_one_key_sent_many_times_at_once_is_said_once(hub: Hub, anna: Who) -> None:
    row = await ask(hub)

    done = await asyncio.gather(
        *(hub.desk.reply(anna, row.id, "key-0001", "answer") for _ in range(10))
    )

    assert sum(fresh for _, fresh in done) == 1
    assert len({entry.id for entry, _ in done}) == 1
    assert texts(await log_of(hub.engine, row.id), EntryKind.OUT) == ["answer"]
    await sound(hub.engine, row.id)


async def test_the_same_key_of_another_operator_is_another_message(
    hub: Hub, anna: Who, boris: Who
) -> None:
    row = await ask(hub)
    await hub.desk.note(anna, row.id, "note-0001", "by Anna")
    await hub.desk.note(boris, row.id, "note-0001", "by Boris")
    assert texts(await log_of(hub.engine, row.id), EntryKind.NOTE) == ["by Anna", "by Boris"]


async def test_a_closed_dialog_is_not_answered(hub: Hub, anna: Who, boris: Who) -> None:
    row = await ask(hub)
    await hub.desk.take(anna, row.id)
    await hub.desk.close(anna, row.id)
    for who in (anna, boris):
        answer = hub.desk.reply(who, row.id, "key-0001", "too late")
        assert await refused(answer) == ("closed", row.id)
    assert await refused(hub.desk.take(boris, row.id)) == ("closed", row.id)
    assert await refused(hub.desk.give_back(anna, row.id)) == ("closed", row.id)


@pytest.mark.parametrize(
    "key", ["", "short", "with space", "x" * 65, "emoji😀😀😀😀", "key-0001\n"]
)
async def test_a_key_that_is_none_is_refused(hub: Hub, anna: Who, key: str) -> None:
    row = await ask(hub)
    assert KEY.fullmatch(key) is None
    for verb in (hub.desk.reply, hub.desk.note):
        with pytest.raises(BadValueError) as bad:
            await verb(anna, row.id, key, "text")
        assert bad.value.field == "key"


async def test_what_cannot_be_said_is_refused_with_its_field(
    hub: Hub, anna: Who, site: Platform
) -> None:
    row = await ask(hub)
    most = site.capabilities
    files = [FileId(f"{n}") for n in range(most.attachments_max + 1)]
    with pytest.raises(TooLargeError) as long:
        await hub.desk.reply(anna, row.id, "key-0001", "x" * (most.text_max_chars + 1))
    with pytest.raises(TooLargeError) as many:
        await hub.desk.reply(anna, row.id, "key-0001", "x", files)
    with pytest.raises(BadValueError) as empty:
        await hub.desk.reply(anna, row.id, "key-0001", " \n ")
    with pytest.raises(BadValueError) as unknown:
        await hub.desk.reply(anna, row.id, "key-0001", "", files[:1])
    with pytest.raises(BadValueError) as silent:
        await hub.desk.note(anna, row.id, "key-0001", " ")
    with pytest.raises(TooLargeError) as endless:
        await hub.desk.note(anna, row.id, "key-0001", "x" * 10_001)
    with pytest.raises(TooLargeError) as result:
        await hub.desk.close(anna, row.id, "x" * 201)
    fields = [each.value.field for each in (long, many, empty, unknown, silent, endless, result)]
    assert fields == ["text", "attachments", "text", "attachments", "text", "text", "result"]
    assert (await current(hub)).seq == 1


async def test_a_reply_carries_its_author_s_own_files_of_the_project(
    hub: Hub, anna: Who, boris: Who
) -> None:
    async def bytes_() -> AsyncIterator[bytes]:
        yield b"%PDF-1.7 price list"

    row = await ask(hub)
    own = await hub.files.keep(SHOP, "price.pdf", bytes_(), by=anna.id)
    foreign = await hub.files.keep(BAKERY, "price.pdf", bytes_(), by=anna.id)

    entry, _ = await hub.desk.reply(anna, row.id, "key-0001", "", [FileId(own.id)])

    assert [each.name for each in entry.attachments] == ["price.pdf"]
    assert (await hub.files.get(own.id)).used
    for who, file in ((anna, foreign), (boris, own)):
        row = await ask(hub, 1, "petr")
        with pytest.raises(BadValueError):
            await hub.desk.reply(who, row.id, "key-0002", "", [FileId(file.id)])
    assert not (await hub.files.get(foreign.id)).used


async def test_a_note_is_for_operators_and_may_be_left_on_a_closed_dialog(
    hub: Hub, anna: Who
) -> None:
    row = await ask(hub)
    await hub.desk.close(anna, row.id)
    note, fresh = await hub.desk.note(anna, row.id, "note-0001", "call her on Monday")
    again, repeated = await hub.desk.note(anna, row.id, "note-0001", "call her on Monday")
    assert (note.kind, note.state, fresh) == (EntryKind.NOTE, None, True)
    assert (again, repeated) == (note, False)
    after = await sound(hub.engine, row.id)
    assert not after.open
    assert await hub.delivery.due(10) == []


async def test_closing_keeps_the_times_of_the_cycle_and_the_result(
    hub: Hub, anna: Who, clock: Clock
) -> None:
    queued = clock.at
    row = await ask(hub)
    taken = clock.forward(timedelta(minutes=1))
    await hub.desk.take(anna, row.id)
    answered = clock.forward(timedelta(minutes=2))
    await hub.desk.reply(anna, row.id, "key-0001", "answer")
    closed = clock.forward(timedelta(minutes=3))

    after = await hub.desk.close(anna, row.id, "sold")

    cycle = (await log_of(hub.engine, row.id))[-1].cycle
    assert cycle is not None
    assert cycle == after.cycle
    assert (cycle.queued_at, cycle.assigned_at, cycle.taken_at) == (queued, taken, taken)
    assert (cycle.answered_at, cycle.closed_at) == (answered, closed)
    assert (cycle.operator, cycle.closed_by, cycle.result) == ("anna", "operator", "sold")
    assert (after.chat_status, after.awaits) == (Status.CHAT_CLOSED, Awaits.NOBODY)


async def test_closing_twice_closes_once(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    await asyncio.gather(*(hub.desk.close(anna, row.id, "sold") for _ in range(5)))
    after = await hub.desk.close(anna, row.id, "again")
    assert await verbs(hub, row.id) == [Verb.CLOSED]
    assert after.cycle.result == "sold"


async def test_only_who_owns_it_or_leads_the_shift_returns_and_closes(
    hub: Hub, anna: Who, boris: Who
) -> None:
    row = await ask(hub)
    await hub.desk.take(anna, row.id)
    assert await refused(hub.desk.close(boris, row.id)) == ("taken", "Anna")
    assert await refused(hub.desk.give_back(boris, row.id)) == ("taken", "Anna")

    lead = operator("Lena", role=Role.SUPERVISOR)
    assert (await hub.desk.give_back(lead, row.id)).owner is None
    assert not (await hub.desk.close(lead, row.id)).open


async def test_what_was_given_back_can_be_taken_by_another(hub: Hub, anna: Who, boris: Who) -> None:
    row = await ask(hub)
    await hub.desk.take(anna, row.id)
    assert (await hub.desk.give_back(anna, row.id)).owner is None
    assert (await hub.desk.give_back(anna, row.id)).owner is None
    after = await hub.desk.take(boris, row.id)
    assert (after.owner, after.cycle.operator) == ("boris", "boris")
    assert await verbs(hub, row.id) == [Verb.TAKEN, Verb.RETURNED, Verb.TAKEN]


async def test_a_closed_dialog_is_reopened_as_mine(hub: Hub, anna: Who, boris: Who) -> None:
    row = await ask(hub)
    await hub.desk.take(anna, row.id)
    await hub.desk.close(anna, row.id)

    after = await hub.desk.reopen(boris, row.id)

    assert (after.open, after.owner, after.cycle.n) == (True, "boris", 2)
    assert after.chat_status is Status.CHATTING
    assert (await hub.desk.reopen(boris, row.id)).cycle.n == 2
    await sound(hub.engine, row.id)


async def test_only_the_last_episode_is_reopened(hub: Hub, anna: Who, clock: Clock) -> None:
    first = await ask(hub, 1)
    await hub.desk.close(anna, first.id)
    await receive(hub, message(2, clock.forward(WEEK + MS)))
    _, last = await episodes(hub)

    assert await refused(hub.desk.reopen(anna, first.id)) == ("sealed", last.id)

    await hub.desk.close(anna, last.id)
    assert (await hub.desk.reopen(anna, last.id)).open


async def test_a_dialog_that_is_not_there_is_not_found(hub: Hub, anna: Who) -> None:
    for act in (
        hub.desk.dialog("nobody:1"),
        hub.desk.take(anna, "nobody:1"),
        hub.desk.reply(anna, "nobody:1", "key-0001", "hello"),
        hub.desk.note(anna, "nobody:1", "key-0001", "hello"),
        hub.desk.retry(anna, "nobody:1", "nobody"),
        hub.desk.typing(anna, "nobody:1"),
    ):
        with pytest.raises(NotFoundError):
            await act


async def test_typing_is_told_to_whom_it_concerns(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    cursor = await hub.bus.cursor()
    await hub.desk.typing(anna, row.id)
    (announced,) = await hub.bus.since(cursor)
    assert announced.event == OperatorTyping(
        project=SHOP,
        channel=row.channel,
        identity=row.identity,
        dialog=(await log_of(hub.engine, row.id))[0].dialog,
        operator=anna.id,
        name="Anna",
    )


async def test_only_what_failed_is_sent_again(hub: Hub, anna: Who, boris: Who) -> None:
    row = await ask(hub)
    entry, _ = await hub.desk.reply(anna, row.id, "key-0001", "answer")
    other = await ask(hub, 1, "petr")

    assert await refused(hub.desk.retry(anna, row.id, entry.id)) == ("not_failed", "queued")
    question = (await log_of(hub.engine, row.id))[0]
    for dialog, id in ((row, question.id), (other, entry.id), (row, "nothing")):
        with pytest.raises(NotFoundError):
            await hub.desk.retry(anna, dialog.id, id)
