"""Lists of dialogs, their lengths, and what happened in one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.accounts import Who
from hub.errors import BadValueError, NotFoundError
from hub.finding.lists import Narrowed
from hub.hub import Hub
from hub.model import DialogId, EntryKind, Verb
from tests.spine import MS, SHOP, WEEK, Clock, ask, log_of, message, operator, receive


async def ids(hub: Hub, who: Who, view: str, **how: str) -> list[str]:
    """The whole list, read three rows at a time."""
    found: list[str] = []
    after = None
    while True:
        page = await hub.lists.page(who, SHOP, view, Narrowed(**how), after=after, limit=3)
        found += [row.identity for row in page.items]
        if (after := page.next) is None:
            return found


async def test_every_list_shows_its_dialogs_newest_first_page_by_page(
    hub: Hub, anna: Who, boris: Who, clock: Clock
) -> None:
    for n in range(12):
        clock.forward(timedelta(seconds=1))
        row = await ask(hub, 1, f"v{n:02}", channel="kiosk" if n % 4 == 3 else "site")
        if n % 3 == 1:
            await hub.desk.take(anna, row.id)
        if n % 3 == 2:
            await hub.desk.reply(boris, row.id, "key-0001", "answer")
        if n >= 10:
            await hub.desk.close(anna if n % 3 == 1 else boris, row.id)

    def named(*numbers: int) -> list[str]:
        return [f"{'kiosk' if n % 4 == 3 else 'site'}:v{n:02}" for n in numbers]

    await ask(hub, 1, "foreign", channel="oven")
    assert await ids(hub, anna, "all") == named(9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
    assert await ids(hub, anna, "queue") == named(9, 6, 3, 0)
    assert await ids(hub, anna, "mine") == named(7, 4, 1)
    assert await ids(hub, boris, "mine") == named(8, 5, 2)
    assert await ids(hub, anna, "closed") == named(11, 10)
    assert await ids(hub, anna, "all", channel="kiosk") == named(7, 3)
    assert await ids(hub, anna, "all", awaits="customer") == named(8, 5, 2)
    waiting = named(0, 1, 3, 4, 6, 7, 9)
    assert await ids(hub, anna, "all", sort="waiting") == waiting
    assert await ids(hub, anna, "queue", sort="waiting") == named(0, 3, 6, 9)
    assert await ids(hub, anna, "mine", sort="waiting") == named(1, 4, 7)
    assert await hub.lists.counts(anna, SHOP) == {
        "queue": (4, False),
        "mine": (3, False),
        "all": (10, False),
        "waiting": (7, False),
    }

    kiosk = operator("Anna", channels=["kiosk"])
    assert await ids(hub, kiosk, "all") == named(7, 3)
    assert await ids(hub, kiosk, "closed") == named(11)
    assert await ids(hub, kiosk, "queue") == named(3)
    assert await hub.lists.counts(kiosk, SHOP) == {
        "queue": (1, False),
        "mine": (1, False),
        "all": (2, False),
        "waiting": (2, False),
    }


async def test_counts_stop_at_their_cap_and_say_when_there_are_more(hub: Hub, anna: Who) -> None:
    limited = operator("Anna", channels=["site"])
    for n, expected in ((2, (2, False)), (3, (3, False)), (4, (3, True))):
        for visitor in range(n):
            await ask(hub, 1, f"visitor{visitor}")
        for who in (anna, limited):
            assert (await hub.lists.counts(who, SHOP, cap=3))["all"] == expected


async def test_a_list_that_does_not_exist_is_refused(hub: Hub, anna: Who) -> None:
    for view, sort, field in (("open", "last", "view"), ("all", "name", "sort")):
        with pytest.raises(BadValueError) as bad:
            await hub.lists.page(anna, SHOP, view, Narrowed(sort=sort))
        assert bad.value.field == field
    with pytest.raises(BadValueError) as bad:
        await hub.lists.page(anna, SHOP, "all", after="no cursor")
    assert bad.value.field == "after"


async def test_a_dialog_shows_its_contact_and_the_other_episodes(
    hub: Hub, anna: Who, clock: Clock
) -> None:
    rows = []
    for n in range(3):
        rows.append(await ask(hub, n))
        await hub.desk.close(anna, rows[-1].id)
        clock.forward(WEEK + MS)
    await ask(hub, 1, "petr")

    contact = await hub.lists.contact(rows[1])
    others = await hub.lists.others(rows[1])

    assert contact.id == "site:ivan"
    assert [each.id for each in others] == [rows[2].id, rows[0].id]


async def test_a_list_is_narrowed_by_owner_and_status_in_every_view(
    hub: Hub, anna: Who, boris: Who, clock: Clock
) -> None:
    for n in range(8):
        clock.forward(timedelta(seconds=1))
        row = await ask(hub, 1, f"v{n}")
        if n % 2:
            await hub.desk.take(anna if n % 4 == 1 else boris, row.id)
        if n >= 6:
            await hub.desk.close(boris, row.id)

    def named(*numbers: int) -> list[str]:
        return [f"site:v{n}" for n in numbers]

    assert await ids(hub, anna, "all", owner="boris") == named(3)
    assert await ids(hub, anna, "all", owner="none") == named(4, 2, 0)
    assert await ids(hub, anna, "closed", owner="boris") == named(7)
    assert await ids(hub, anna, "closed", owner="none") == named(6)
    assert await ids(hub, anna, "all", owner="anna", sort="waiting") == named(1, 5)
    assert await ids(hub, anna, "mine", owner="boris") == []
    assert await ids(hub, anna, "queue", owner="anna") == []
    assert await ids(hub, anna, "all", owner="nobody of ours") == []
    assert await ids(hub, anna, "closed", status="chat_closed") == named(7, 6)
    assert await ids(hub, anna, "all", status="chat_closed") == []
    assert await ids(hub, anna, "all", status="chatting", owner="anna") == named(5, 1)
    assert await ids(hub, anna, "all", status="chatting", owner="anna", channel="kiosk") == []


async def test_the_timeline_is_all_that_happened_besides_words_newest_first(
    hub: Hub, anna: Who, clock: Clock
) -> None:
    row = await ask(hub)
    id = DialogId(row.id)
    for n in range(3):
        await hub.desk.take(anna, id)
        await receive(hub, message(f"more-{n}", clock.forward(MS)))
        await hub.desk.note(anna, id, f"note-{n:04}", "a note")
        await hub.desk.give_back(anna, id)

    entries, more = await hub.lists.timeline(id, None, 4)
    rest, end = await hub.lists.timeline(id, entries[-1].seq, 4)

    assert [each.verb for each in entries] == [
        Verb.RETURNED,
        Verb.TAKEN,
        Verb.RETURNED,
        Verb.TAKEN,
    ]
    assert (more, end) == (True, False)
    told = [each.seq for each in (*entries, *rest)]
    system = [e.seq for e in await log_of(hub.engine, id) if e.kind is EntryKind.SYSTEM]
    assert told == system[::-1]


async def test_a_quoted_entry_is_found_in_any_episode_of_the_same_person_and_no_other(
    hub: Hub, anna: Who, clock: Clock
) -> None:
    first = await ask(hub, 1)
    await hub.desk.close(anna, first.id)
    clock.forward(WEEK + MS)
    second = await ask(hub, 2)
    petr = await ask(hub, 1, "petr")
    [theirs, *_] = await log_of(hub.engine, petr.id)
    [early, *_] = await log_of(hub.engine, first.id)

    assert (await hub.lists.entry(second, early.id)).text == early.text
    for id in (theirs.id, "nothing"):
        with pytest.raises(NotFoundError):
            await hub.lists.entry(second, id)
