"""Search over the history: what is found, in which order, by whom, and after which crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.accounts import Who
from hub.errors import BadValueError
from hub.events import MessageDeleted, MessageEdited, Sender
from hub.finding import words
from hub.finding.search import Found, Search
from hub.hub import Hub
from hub.model import (
    ChannelId,
    Dialog,
    Entry,
    Lock,
    ProjectId,
)
from hub.records import Words
from hub.store.engine import Engine, Insert
from hub.store.mongo import MongoEngine
from hub.store.schema import WORDS
from hub.store.sqlite import SqliteEngine
from tests.spine import (
    BAKERY,
    SHOP,
    Clock,
    Crash,
    Mortal,
    all_of,
    ask,
    log_of,
    message,
    receive,
)
from tests.store import samples

SECOND = timedelta(seconds=1)


async def write(hub: Hub, *texts: str, visitor: str = "ivan", channel: str = "site") -> None:
    """One visitor's messages, a second apart, and the worker after them."""
    for text in texts:
        at = hub.now.forward(SECOND)  # type: ignore[attr-defined]  # the clock of tests
        event = message(f"{at.timestamp()}", at, visitor=visitor, text=text)
        await receive(hub, event, channel=channel)
    await settled(hub)


async def settled(hub: Hub) -> None:
    while await hub.worker.work() or await hub.search.reread():
        pass


async def find(hub: Hub, query: str, project: ProjectId = SHOP, limit: int = 50) -> list[str]:
    """The texts found, the newest first; a name in brackets."""
    return shown(await hub.search.find(project, query, limit=limit))


def shown(found: Found) -> list[str]:
    return [hit.entry.text if hit.entry else f"[{hit.dialog.name}]" for hit in found.hits]


async def test_all_words_of_the_query_are_found_in_any_form_the_newest_first(hub: Hub) -> None:
    await write(
        hub,
        "Пришлите договор на доставку",
        "Договора нет",
        "Где доставка?",
        "О доставке по договорам",
        "Two windows were delivered",
    )
    assert await find(hub, "договоры") == [
        "О доставке по договорам",
        "Договора нет",
        "Пришлите договор на доставку",
    ]
    assert await find(hub, "доставкой договора") == [
        "О доставке по договорам",
        "Пришлите договор на доставку",
    ]
    assert await find(hub, "deliver window") == ["Two windows were delivered"]
    for nothing in ("смета", "договор смета", "", "?"):
        assert await find(hub, nothing) == []


async def test_answers_and_notes_are_found_and_system_lines_are_not(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    await hub.desk.reply(anna, row.id, "key-0001", "Замер бесплатный")
    await hub.desk.note(anna, row.id, "key-0002", "Клиент просил замеры в субботу")
    await hub.desk.close(anna, row.id, "замер")
    await settled(hub)
    assert await find(hub, "замер") == ["Клиент просил замеры в субботу", "Замер бесплатный"]


async def test_a_hit_says_where_in_the_text_the_words_stand(hub: Hub) -> None:
    await write(hub, "Здравствуйте, договор 👍 и доставка договоров")
    (hit,) = (await hub.search.find(SHOP, "договоры доставкой")).hits
    assert hit.entry is not None
    marked = [hit.entry.text[mark.start : mark.end] for mark in hit.marks]
    assert marked == ["договор", "доставка", "договоров"]
    assert hit.dialog.id == hit.entry.dialog


async def test_a_person_is_found_by_name_once_for_each_dialog(hub: Hub, clock: Clock) -> None:
    await receive(hub, message(1, clock.at, name="Пётр Окунев"))
    await receive(hub, message(2, clock.forward(SECOND), name="Пётр Окунев"))
    await settled(hub)
    assert await find(hub, "петру окуневу") == ["[Пётр Окунев]"]
    (hit,) = (await hub.search.find(SHOP, "Окуневым")).hits
    assert [hit.dialog.name[mark.start : mark.end] for mark in hit.marks] == ["Окунев"]

    await write(hub, "Нужен ящик", "Нужна бочка", visitor="anna")
    assert await find(hub, "Окунев ящик") == await find(hub, "Окунев бочка") == []

    await receive(hub, message(3, clock.forward(SECOND), name="Пётр Щукин"))
    await settled(hub)
    assert await find(hub, "Щукин") == ["[Пётр Щукин]"]
    assert len(await all_of(hub.engine, WORDS, {"project": SHOP, "stems": "петр"})) == 1


async def test_a_phone_of_the_contact_is_found_however_it_is_written(
    hub: Hub, clock: Clock
) -> None:
    event = message(1, clock.at)
    sender = Sender(external_id="ivan", name="Иван", phone="+79161234567")
    await receive(hub, replace(event, sender=sender))
    await settled(hub)
    for query in ("8 (916) 123-45-67", "4567"):
        assert await find(hub, query) == ["[Иван]"]


async def test_an_edited_message_is_found_by_its_new_words_and_a_deleted_one_by_none(
    hub: Hub, clock: Clock
) -> None:
    event = message(1, clock.at, text="Нужна дверь")
    await receive(hub, event)
    await settled(hub)
    edited = MessageEdited(
        sender=event.sender,
        at=clock.forward(SECOND),
        external_id=event.external_id,
        text="Нужно окно",
    )
    await receive(hub, edited)
    # Until the worker comes by, nothing is shown under words that it no longer has.
    assert await find(hub, "дверь") == []
    await settled(hub)
    assert (await find(hub, "дверь"), await find(hub, "окна")) == ([], ["Нужно окно"])

    deleted = MessageDeleted(
        sender=event.sender, at=clock.forward(SECOND), external_id=event.external_id
    )
    await receive(hub, deleted)
    assert await find(hub, "окно") == []
    await settled(hub)
    assert await all_of(hub.engine, WORDS, {"project": SHOP, "stems": "окн"}) == []
    (entry,) = await log_of(hub.engine, "site:ivan:1")
    assert entry.reread_at is None


async def test_an_edit_that_comes_while_the_worker_reads_is_read_again(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    event = message(1, clock.at, text="Нужна дверь")
    await receive(hub, event)
    await settled(hub)

    async def edit(text: str) -> None:
        at = clock.forward(SECOND)
        await receive(
            hub,
            MessageEdited(sender=event.sender, at=at, external_id=event.external_id, text=text),
        )

    for before in range(2):
        await edit(f"Нужен подоконник {before}")
        mortal.meanwhile(lambda n=before: edit(f"Нужен откос {n}"), before=before)  # type: ignore[misc]
        await settled(hub)
        await settled(hub)
        assert await find(hub, "подоконник") == []
        assert await find(hub, "откос") == [f"Нужен откос {before}"]


async def test_words_of_one_project_never_answer_in_another(hub: Hub) -> None:
    await write(hub, "Секрет магазина")
    await write(hub, "Секрет пекарни", channel="oven")
    assert await find(hub, "секрет") == ["Секрет магазина"]
    assert await find(hub, "секрет", BAKERY) == ["Секрет пекарни"]
    assert await find(hub, "магазина", BAKERY) == []
    assert await find(hub, "секрет", ProjectId("")) == []
    assert await find(hub, "секрет", ProjectId("nowhere")) == []


async def test_a_cursor_of_one_project_opens_nothing_in_another(hub: Hub) -> None:
    await write(hub, "Секрет один", "Секрет два")
    first = await hub.search.find(SHOP, "секрет", limit=1)
    assert shown(await hub.search.find(SHOP, "секрет", after=first.next)) == ["Секрет один"]
    assert shown(await hub.search.find(BAKERY, "секрет", after=first.next)) == []
    with pytest.raises(BadValueError):
        await hub.search.find(SHOP, "секрет", after="nonsense")


async def test_only_the_channels_that_one_may_see_are_searched(hub: Hub) -> None:
    await write(hub, "Окно на сайте")
    await write(hub, "Окно в киоске", channel="kiosk")
    for channels, texts in (
        (None, ["Окно в киоске", "Окно на сайте"]),
        (["kiosk"], ["Окно в киоске"]),
        ([], []),
    ):
        allowed = None if channels is None else [ChannelId(each) for each in channels]
        found = await hub.search.find(SHOP, "окно", channels=allowed)
        assert shown(found) == texts


async def test_a_word_that_all_have_is_walked_no_further_than_the_budget(hub: Hub) -> None:
    await write(hub, *(f"Привет {n}, привет" for n in range(30)))
    await write(hub, "Привет из киоска", channel="kiosk", visitor="far")
    kiosk = [ChannelId("kiosk")]
    await write(hub, *(f"Привет ещё раз {n}" for n in range(12)))

    looked: list[Found] = []
    after = None
    while True:
        page = await hub.search.find(SHOP, "привет", after=after, channels=kiosk, budget=5)
        looked.append(page)
        if (after := page.next) is None:
            break
    assert len(looked) == 9, "43 rows, five at a time"
    assert [text for page in looked for text in shown(page)] == ["Привет из киоска"]
    backs = [page.looked_back_to for page in looked[:-1]]
    assert all(back is not None for back in backs)
    assert backs == sorted(backs, reverse=True), "each page looks further back"  # type: ignore[type-var]
    assert looked[-1].looked_back_to is None


async def test_the_rarest_word_is_the_one_that_is_walked(hub: Hub) -> None:
    await write(hub, "Привет, нужен подоконник", *(f"Привет {n}" for n in range(20)))
    found = await hub.search.find(SHOP, "привет подоконник", budget=1)
    assert (shown(found), found.next) == (["Привет, нужен подоконник"], None)


async def test_what_is_found_is_not_kept_waiting_for_more_of_what_is_rare(hub: Hub) -> None:
    search = Search(hub.engine, enough=5)
    await write(hub, *("Окно и дверь" if n in (0, 19) else f"Окно {n}" for n in range(20)))
    await write(hub, *(f"Дверь {n}" for n in range(20)))

    first = await search.find(SHOP, "окно дверь")
    assert shown(first) == ["Окно и дверь"]
    assert first.next is not None
    assert first.looked_back_to is not None
    last = await search.find(SHOP, "окно дверь", after=first.next)
    assert (shown(last), last.next) == (["Окно и дверь"], None)


async def test_pages_put_together_are_all_answers(hub: Hub) -> None:
    texts = [f"Окно номер {n}" for n in range(11)]
    await write(hub, *texts)
    got: list[str] = []
    after = None
    for _ in range(10):
        page = await hub.search.find(SHOP, "окно номер", after=after, limit=3)
        got += shown(page)
        if (after := page.next) is None:
            break
    assert got == texts[::-1]


async def test_a_message_is_read_by_the_worker_and_not_before_the_acknowledgement(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    await ask(hub, 1)
    mortal.dies_after(99)
    await receive(hub, message(2, clock.at, text="Договор"))
    assert mortal.steps == 2, "the entry and its row"
    mortal.lives()
    assert await find(hub, "договор") == []
    await settled(hub)
    assert await find(hub, "договор") == ["Договор"]


async def test_a_worker_killed_at_any_write_reads_again_without_doubles(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    for n in range(40):
        visitor = f"v{n}"
        at = clock.forward(SECOND)
        events = [message(k, at, visitor=visitor, text=f"Окно {100 + n} {k}") for k in range(2)]
        await receive(hub, *events)
        edited = MessageEdited(
            sender=events[0].sender,
            at=clock.forward(SECOND),
            external_id=events[0].external_id,
            text=f"Дверь {100 + n}",
        )
        await receive(hub, edited)
        mortal.dies_after(n % 10)
        with suppress(Crash):
            await settled(hub)
        mortal.lives()
        await settled(hub)
        assert await find(hub, f"окно {100 + n}") == [f"Окно {100 + n} 1"]
        assert await find(hub, f"дверь {100 + n}") == [f"Дверь {100 + n}"]
    kept = await all_of(hub.engine, WORDS, {"project": SHOP, "stems": "окн"})
    assert len(kept) == len({each.entry for each in kept}) == 40


async def test_two_workers_at_once_read_each_message_once(hub: Hub) -> None:
    for n in range(5):
        await ask(hub, n)
    await asyncio.gather(hub.worker.work(), hub.worker.work(), hub.worker.work())
    await settled(hub)
    assert len(await find(hub, "message")) == 5


async def test_history_that_nobody_read_is_read_once_newest_first(hub: Hub) -> None:
    await write(hub, *(f"Окно {n}" for n in range(7)))
    await write(hub, "Дверь", visitor="anna")
    for held in await all_of(hub.engine, WORDS, {"project": SHOP, "stems": "окн"}):
        await hub.engine.delete_if(Words, held.id, lambda _: True)
    assert await find(hub, "окно") == []

    search = Search(hub.engine, batch=3)
    assert await search.read_history()
    assert await find(hub, "окно") == ["Окно 6", "Окно 5"]
    again = Search(hub.engine, batch=3)
    while await again.read_history():
        pass
    assert await find(hub, "окно") == [f"Окно {n}" for n in reversed(range(7))]
    mark = await hub.engine.get(Lock, f"words:{words.VERSION}")
    assert not await search.read_history()
    assert not await Search(hub.engine).read_history()
    assert await hub.engine.get(Lock, f"words:{words.VERSION}") == mark


async def test_what_was_read_while_its_dialog_was_deleted_does_not_outlive_it(
    hub: Hub, mortal: Mortal
) -> None:
    await write(hub, "Окно")
    row = await hub.desk.dialog("site:ivan:1")
    (entry,) = await log_of(hub.engine, row.id)
    await hub.search.forget(row, [entry])

    async def drop() -> None:
        """As housekeeping does it: the row says so, then the words, the lines, the row go."""
        await hub.engine.change(Dialog, row.id, lambda had: replace(had, dropped_at=hub.now()))
        await hub.search.forget(row, [entry])
        await hub.engine.delete_if(Entry, entry.id, lambda _: True)
        await hub.engine.delete_if(Dialog, row.id, lambda _: True)

    mortal.meanwhile(drop, before=1)
    while await hub.search.read_history():
        pass
    for id in (f"entry:{entry.id}", f"name:{row.id}"):
        assert await hub.engine.get(Words, id) is None


async def test_newer_rules_read_everything_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    await write(hub, "Окно")
    while await hub.search.read_history():
        pass
    monkeypatch.setattr(words, "VERSION", words.VERSION + 1)
    newer = Search(hub.engine)
    while await newer.read_history():
        pass
    (held,) = await all_of(hub.engine, WORDS, {"project": SHOP, "stems": "окн"})
    assert held.rules == words.VERSION


async def test_a_reading_that_comes_late_does_not_bring_old_words_back(hub: Hub) -> None:
    await write(hub, "Окно")
    row = await hub.desk.dialog("site:ivan:1")
    (entry,) = await log_of(hub.engine, row.id)
    await hub.engine.change(
        Entry, entry.id, lambda now: replace(now, text="Дверь", reread_at=hub.now())
    )
    await settled(hub)
    await hub.search.read(row, [entry])
    assert (await find(hub, "окно"), await find(hub, "дверь")) == ([], ["Дверь"])


async def test_a_failing_search_does_not_stop_the_worker(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> bool:
        working.set()
        raise ZeroDivisionError

    working = asyncio.Event()
    monkeypatch.setattr(hub.search, "reread", broken)
    running = asyncio.create_task(hub.worker.run())
    await working.wait()
    working.clear()
    await hub.bus.wake("rules")
    await working.wait()
    running.cancel()
    await asyncio.wait([running])
    assert "search.failed" in caplog.messages


TEXTS = st.lists(
    st.sampled_from(["окно", "окна", "дверь", "двери", "18 000", "18000", "window", "я", "Ё!"]),
    max_size=4,
).map(" ".join)
projects = (ProjectId(f"p{n}") for n in count())


@pytest.fixture
async def both(tmp_path: Path, new_database: Callable[[], str]) -> AsyncIterator[Sequence[Engine]]:
    engines: list[Engine] = [SqliteEngine(tmp_path / "both.db"), MongoEngine(new_database())]
    for engine in engines:
        await engine.open()
    yield engines
    for engine in engines:
        await engine.close()


@given(texts=st.lists(TEXTS, max_size=8), query=TEXTS, limit=st.integers(1, 4))
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_both_engines_find_the_same_and_all_of_it(
    both: Sequence[Engine], texts: list[str], query: str, limit: int
) -> None:
    project = next(projects)
    row: Dialog = samples.dialog(f"{project}:1", project=project, name="Окно Иванович")
    entries = [
        samples.entry(
            f"{project}:{n}",
            n + 1,
            dialog=row.id,
            project=project,
            text=text,
            stored_at=samples.at(n // 2),
        )
        for n, text in enumerate(texts)
    ]
    answers: list[list[str]] = []
    for engine in both:
        for document in (row, *entries):
            await engine.write(Insert(document))
        search = Search(engine)
        await search.read(row, entries)
        await search.read(row, entries)
        got: list[str] = []
        after = None
        while True:
            page = await search.find(project, query, after=after, limit=limit, budget=3)
            got += [hit.entry.id if hit.entry else "name" for hit in page.hits]
            if (after := page.next) is None:
                break
        answers.append(got)
    wanted = words.asked(query)
    expected = {each.id for each in entries if wanted and wanted <= words.stems(each.text)}
    if wanted and wanted <= words.stems(row.name):
        expected.add("name")
    assert answers[0] == answers[1]
    assert sorted(answers[0]) == sorted(expected)
