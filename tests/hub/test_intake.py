"""The way in: repeats, crowds, week's ends and marks that are earlier than their message."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.errors import ConflictError
from hub.events import (
    DialogChanged,
    HubEvent,
    Ignored,
    ReachabilityChanged,
    Sender,
    TypingNoticed,
    VisitorTyping,
)
from hub.hub import Hub
from hub.model import (
    Contact,
    Dialog,
    Entry,
    EntryKind,
    Identity,
    IdentityId,
    Project,
    Verb,
)
from hub.policy import AutoClose, ClosedHours, PhoneOnly, Policy, Silence, Spam
from hub.records import DeadLetter
from hub.store.engine import Engine
from hub.store.schema import BY_CONTACT, DEAD_LETTERS
from tests.spine import (
    MS,
    SHOP,
    WEEK,
    Clock,
    Crash,
    Mortal,
    all_of,
    ask,
    assembled,
    current,
    dialog_of,
    episodes,
    log_of,
    message,
    people,
    receive,
    texts,
)

if TYPE_CHECKING:
    from pymongo.monitoring import CommandStartedEvent

IVAN = Sender(external_id="ivan")


async def heard(hub: Hub, cursor: str) -> list[HubEvent]:
    return [each.event for each in await hub.bus.since(cursor)]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_updates_repeated_shuffled_and_at_once_make_each_message_once(
    hub: Hub, seed: int
) -> None:
    dice = random.Random(seed)
    sent = [message(n, hub.now() + timedelta(seconds=n // 3), order=n) for n in range(40)]
    updates = sent * 3
    dice.shuffle(updates)
    waiting = iter(updates)

    async def worker() -> None:
        for update in waiting:
            await receive(hub, update)

    await asyncio.gather(*(worker() for _ in range(12)))

    (row,) = await episodes(hub)
    assert (row.seq, row.unanswered) == (40, 40)
    assert texts(await log_of(hub.engine, row.id)) == [each.text for each in sent]


async def test_fifty_first_messages_at_once_meet_in_one_dialog(hub: Hub) -> None:
    done = await asyncio.gather(*(receive(hub, message(n, hub.now())) for n in range(50)))

    (row,) = await episodes(hub)
    assert (row.seq, row.unanswered) == (50, 50)
    assert {dialog_of(each) for (each,) in done} == {row.id}
    assert all(each.fresh for (each,) in done)
    assert await people(hub.engine) == 1
    contacts = await all_of(hub.engine, BY_CONTACT, {"project": SHOP, "contact": row.contact})
    assert contacts == [row]


async def test_a_repeat_says_that_it_is_one_and_is_announced_again(hub: Hub) -> None:
    (first,) = await receive(hub, message(1, hub.now()))
    cursor = await hub.bus.cursor()

    (again,) = await receive(hub, message(1, hub.now()))

    assert first.fresh
    assert not again.fresh
    assert again.entry == first.entry
    (event,) = await heard(hub, cursor)
    assert isinstance(event, DialogChanged)
    assert event.entries == (first.entry,)


async def test_a_repeat_from_a_sealed_episode_changes_nothing(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    old = message(1, hub.now())
    await receive(hub, old)
    await hub.desk.close(anna, (await current(hub)).id)
    clock.forward(WEEK + MS)
    await receive(hub, message(2, hub.now()))
    before = await episodes(hub)

    (again,) = await receive(hub, old)

    assert not again.fresh
    assert again.dialog == before[0].id
    assert await episodes(hub) == before


async def test_a_repeat_long_after_the_closing_opens_nothing(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    row = await ask(hub)
    closed = await hub.desk.close(anna, row.id)
    clock.forward(WEEK * 4)

    # Some platforms stamp a repeat with the time at which they repeat it.
    (again,) = await receive(hub, message(1, hub.now()))

    assert not again.fresh
    assert await episodes(hub) == [closed]


async def test_a_message_exactly_a_week_after_the_closing_reopens(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    first = await ask(hub, 1)
    closed = await hub.desk.close(anna, first.id, "sold")
    await receive(hub, message(2, clock.forward(WEEK)))

    (row,) = await episodes(hub)

    assert (row.open, row.owner, row.unanswered, row.cycle.n) == (True, None, 1, 2)
    assert (closed.cycle.n, closed.cycle.result) == (1, "sold")


async def test_a_millisecond_later_begins_an_episode_of_its_own(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    first = await ask(hub, 1)
    await hub.desk.close(anna, first.id)
    await receive(hub, message(2, clock.forward(WEEK + MS), name=""))

    before, after = await episodes(hub)

    assert [each.verb for each in await log_of(hub.engine, before.id)][-2:] == [
        Verb.CLOSED,
        Verb.SEALED,
    ]
    assert (after.n, after.seq, after.open, after.cycle.n) == (2, 1, True, 1)
    assert (after.contact, after.name) == (before.contact, "Иван")


async def test_the_week_is_counted_by_the_platform_s_time(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    """Written in time, brought to us a month later: the same dialog."""
    first = await ask(hub, 1)
    await hub.desk.close(anna, first.id)
    in_time = clock.at + WEEK
    clock.forward(timedelta(days=30))

    (accepted,) = await receive(hub, message(2, in_time))

    assert accepted.dialog == first.id


async def test_the_days_to_reopen_are_the_project_s_own(hub: Hub, clock: Clock, anna: Who) -> None:
    await hub.engine.change(Project, SHOP, lambda had: replace(had, reopen_days=1))
    await hub.channels.refresh()
    first = await ask(hub, 1)
    await hub.desk.close(anna, first.id)
    await receive(hub, message(2, clock.forward(timedelta(days=1) + MS)))

    assert len(await episodes(hub)) == 2


async def test_a_message_after_a_closing_by_hand_on_the_same_day_reopens(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    first = await ask(hub, 1)
    await hub.desk.take(anna, first.id)
    await hub.desk.close(anna, first.id)
    clock.forward(timedelta(minutes=1))

    row = await ask(hub, 2)

    assert (row.id, row.open, row.owner, row.cycle.n) == (first.id, True, None, 2)


async def test_crowds_at_the_week_s_end_open_one_episode(hub: Hub, clock: Clock, anna: Who) -> None:
    first = await ask(hub, 0)
    await hub.desk.close(anna, first.id)
    late = clock.forward(WEEK + MS)

    await asyncio.gather(*(receive(hub, message(n, late)) for n in range(1, 21)))

    _, row = await episodes(hub)
    assert (row.n, row.seq) == (2, 20)


async def test_messages_on_both_sides_of_the_week_at_once_are_all_kept(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    first = await ask(hub, 0)
    await hub.desk.close(anna, first.id)
    end = clock.forward(WEEK)
    updates = [message(n, end + MS * (n % 2)) for n in range(1, 21)]

    await asyncio.gather(*(receive(hub, each) for each in updates))

    rows = await episodes(hub)
    said = [text for row in rows for text in texts(await log_of(hub.engine, row.id))]
    assert Counter(said) == Counter(["message 0", *(each.text for each in updates)])


async def test_a_message_while_the_operator_closes_is_never_lost(hub: Hub, anna: Who) -> None:
    for n in range(10):
        visitor = f"visitor{n}"
        row = await ask(hub, 1, visitor)
        await asyncio.gather(
            hub.desk.close(anna, row.id),
            receive(hub, message(2, hub.now(), visitor=visitor)),
        )
        (row,) = await episodes(hub, visitor)
        assert texts(await log_of(hub.engine, row.id)) == ["message 1", "message 2"]
        verbs = [each.verb for each in await log_of(hub.engine, row.id)]
        assert row.open == (verbs[-1] is not Verb.CLOSED)
        assert (row.unanswered > 0) == row.open


async def test_a_closing_that_the_row_does_not_know_counts_as_well(
    hub: Hub, mortal: Mortal, clock: Clock, anna: Who
) -> None:
    """The process died between the closing's entry and its row, and a week went by."""
    row = await ask(hub, 1)
    mortal.dies_after(1)
    with pytest.raises(Crash):
        await hub.desk.close(anna, row.id)
    mortal.lives()

    await receive(hub, message(2, clock.forward(WEEK + MS)))

    assert [each.seq for each in await episodes(hub)] == [3, 1]


async def test_a_reopening_while_a_new_episode_begins_leaves_one_of_them_open(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    for n in range(6):
        visitor = f"visitor{n}"
        row = await ask(hub, 1, visitor)
        await hub.desk.close(anna, row.id)
        late = clock.forward(WEEK + MS)

        reopened, accepted = await asyncio.gather(
            hub.desk.reopen(anna, row.id),
            receive(hub, message(2, late, visitor=visitor)),
            return_exceptions=True,
        )

        rows = await episodes(hub, visitor)
        assert not isinstance(accepted, BaseException)
        assert [each.open for each in rows] == [False] * (len(rows) - 1) + [True]
        if len(rows) == 2:
            assert isinstance(reopened, ConflictError)
            assert reopened.code == "sealed"


async def test_a_late_arrival_is_shown_at_its_place_and_marked(hub: Hub, clock: Clock) -> None:
    at = hub.now()
    await receive(hub, message(1, at), message(3, at + timedelta(seconds=2)))

    (accepted,) = await receive(hub, message(2, at + timedelta(seconds=1)))

    assert accepted.entry is not None
    assert (accepted.entry.seq, accepted.entry.late) == (3, True)
    entries = await log_of(hub.engine, dialog_of(accepted))
    assert texts(entries) == ["message 1", "message 2", "message 3"]
    assert [each.late for each in entries] == [False, False, True]
    row = await current(hub)
    assert row.preview is not None
    assert row.preview.text == "message 3"


async def test_messages_of_one_moment_stand_in_the_platform_s_order(hub: Hub) -> None:
    at = hub.now()
    await receive(hub, *(message(n, at, order=n) for n in (2, 1, 3)))

    entries = await log_of(hub.engine, (await current(hub)).id)

    assert texts(entries) == ["message 1", "message 2", "message 3"]
    assert [each.late for each in entries] == [False, True, False]


async def test_typing_is_told_and_not_kept(hub: Hub) -> None:
    await receive(hub, TypingNoticed(sender=IVAN, at=hub.now()))
    row = await ask(hub)
    cursor = await hub.bus.cursor()

    await receive(hub, TypingNoticed(sender=IVAN, at=hub.now()))

    (event,) = await heard(hub, cursor)
    assert isinstance(event, VisitorTyping)
    assert event.dialog == row.id
    assert await current(hub) == row


async def test_who_blocks_us_is_known_as_unreachable_until_he_is_back(hub: Hub) -> None:
    await receive(hub, ReachabilityChanged(sender=IVAN, at=hub.now(), reachable=False))
    await ask(hub)
    for reachable in (False, False, True):
        await receive(hub, ReachabilityChanged(sender=IVAN, at=hub.now(), reachable=reachable))
        identity = await hub.engine.get(Identity, "site:ivan")
        assert identity is not None
        assert identity.reachable is reachable


async def test_who_has_the_dialog_open_hears_that_its_person_blocked_us(hub: Hub) -> None:
    row = await ask(hub)
    cursor = await hub.bus.cursor()

    await receive(hub, ReachabilityChanged(sender=IVAN, at=hub.now(), reachable=False))

    (event,) = await heard(hub, cursor)
    assert isinstance(event, DialogChanged)
    assert (event.dialog, event.entries) == (row, ())


async def test_what_we_have_no_use_for_is_passed_over(hub: Hub) -> None:
    accepted = await receive(
        hub, Ignored(sender=IVAN, at=hub.now(), name="poll"), message(1, hub.now())
    )
    assert [each.entry is None for each in accepted] == [True, False]


async def test_a_body_that_we_failed_to_digest_is_kept_whole(hub: Hub) -> None:
    await hub.intake.undigested(hub.channels.get("site"), b"\xff{", "ValueError: not JSON")

    (letter,) = await all_of(hub.engine, DEAD_LETTERS, {"project": SHOP})

    assert isinstance(letter, DeadLetter)
    assert (letter.channel, letter.body) == ("site", b"\xff{")
    assert "not JSON" in letter.error


async def test_a_first_message_keeps_where_it_came_from(hub: Hub) -> None:
    row = await ask(hub)
    assert (row.entry_point.kind, row.entry_point.value, row.entry_point.comment) == (
        "plain",
        "site",
        "Site",
    )
    assert (row.direction, row.creation, row.kind) == ("incoming", "message", "plain")
    contact = await hub.engine.get(Contact, row.contact)
    assert contact is not None
    assert (contact.project, contact.name) == (SHOP, "Иван")


async def test_one_visitor_on_two_channels_has_two_dialogs(hub: Hub) -> None:
    site, kiosk = await ask(hub, 1), await ask(hub, 1, channel="kiosk")
    assert site.id != kiosk.id
    assert (site.seq, kiosk.seq) == (1, 1)


async def test_a_visitor_gets_what_he_lacks_and_nothing_of_the_operators_own(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    channel = hub.channels.document("site")
    ivan = IdentityId("site:ivan")
    assert await hub.intake.visitor_tail(channel, ivan, None, 0, 50) == (None, [])
    row = await ask(hub, 1)
    await hub.desk.note(anna, row.id, "note-0001", "a secret")
    await hub.desk.reply(anna, row.id, "key-0001", "answer")

    async def tail(dialog: str | None, after: int, limit: int = 50) -> list[str]:
        found, entries = await hub.intake.visitor_tail(channel, ivan, dialog, after, limit)
        assert found is not None
        assert {each.kind for each in entries} <= {EntryKind.IN, EntryKind.OUT}
        return [each.text for each in entries]

    assert await tail(None, 0) == ["message 1", "answer"]
    assert await tail(row.id, 1) == ["answer"]
    assert await tail(row.id, 4) == []
    assert await tail(row.id, 0, limit=2) == ["answer"]
    assert await tail("site:ivan:0", 4) == ["message 1", "answer"]

    await hub.desk.close(anna, row.id)
    await receive(hub, message(2, clock.forward(WEEK + MS)))
    assert await tail(row.id, 4) == ["message 2"]


ALL_RULES = Policy(
    silence=Silence(enabled=True),
    phone_only=PhoneOnly(enabled=True),
    closed_hours=ClosedHours(enabled=True),
    auto_close=AutoClose(enabled=True),
    spam=Spam(enabled=True, phrases=("казино",)),
)


@pytest.mark.parametrize("policy", [Policy(), ALL_RULES], ids=["no rules", "all rules"])
async def test_a_message_costs_one_read_and_two_writes(
    engine_url: str, tmp_path: Path, clock: Clock, policy: Policy
) -> None:
    told: list[str] = []
    bounds = {"BEGIN", "SAVEPOINT", "RELEASE", "COMMIT"}
    engine: Engine
    if engine_url:
        from pymongo.monitoring import CommandListener

        from hub.store.mongo import MongoEngine

        class Listener(CommandListener):
            def started(self, event: CommandStartedEvent) -> None:
                told.append(event.command_name)

            def succeeded(self, event: object) -> None: ...

            def failed(self, event: object) -> None: ...

        engine = MongoEngine(engine_url, listeners=[Listener()])
        expected = Counter(find=1, insert=1, update=1)
    else:
        from hub.store.sqlite import SqliteEngine

        engine = SqliteEngine(
            tmp_path / "counted.db", trace=lambda statement: told.append(statement.split()[0])
        )
        expected = Counter(SELECT=1, INSERT=1, UPDATE=1)
    await engine.open()
    try:
        hub = await assembled(engine, clock, tmp_path)
        await engine.change(Project, SHOP, lambda had: replace(had, policy=policy))
        await hub.channels.refresh()
        await ask(hub, 1)
        for n in (2, 3):
            told.clear()
            await receive(hub, message(n, hub.now()))
            assert Counter(each for each in told if each not in bounds) == expected
        told.clear()
        await receive(hub, *(message(n, hub.now()) for n in range(4, 9)))
        if not engine_url:
            # Five statements of one transaction; over the wire five documents are one command.
            expected["INSERT"] = 5
        assert Counter(each for each in told if each not in bounds) == expected
    finally:
        await engine.close()


async def test_the_store_holds_nothing_twice_after_all_this(hub: Hub) -> None:
    """Ids are natural keys: the same person and message by another way are the same documents."""
    (first,) = await receive(hub, message(1, hub.now()))
    assert first.entry is not None
    assert first.entry.id == "site:ivan.1"
    assert await hub.engine.get(Entry, "site:ivan.1") == first.entry
    assert isinstance(await hub.engine.get(Dialog, "site:ivan:1"), Dialog)
