"""Nightly copies, what is deleted after its time, and the warning about a full disk."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hub import config
from hub.accounts import Who
from hub.audits import audited
from hub.calls.speech import Mute
from hub.errors import UnavailableError
from hub.files.kept import key
from hub.finding.bookmarks import Bookmark
from hub.hub import Hub
from hub.keeping import keys as key_file
from hub.keeping.backup import read
from hub.keeping.housekeeping import DIALOGS_AT_ONCE, EVERY, TURN_LASTS, Housekeeping, due
from hub.keeping.verify import verify
from hub.model import Dialog, File, FileId, ProjectId
from hub.records import DeadLetter, Words
from hub.store.engine import Insert
from hub.store.schema import AUDIT, DEAD_LETTERS, FACTS, LOG_RECENT
from hub.store.sqlite import SqliteEngine
from telephony.voice.speech import Spoken
from tests.spine import SHOP, START, Clock, Crash, Mortal, ask, assembled, current, message, receive

DAY = timedelta(days=1)


def keeper(hub: Hub, folder: Path, **tables: dict[str, Any]) -> Housekeeping:
    settings = config.settings({"data": {"dir": "data"}} | tables, folder)
    return Housekeeping(settings, hub.engine, hub.files, hub.search, hub.now)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(
    ("there", "at", "name"),
    [
        ([], "2026-03-02 03:30", "hub-2026-03-02.tar"),
        ([], "2026-03-02 03:29", "hub-2026-03-01.tar"),
        (["hub-2026-03-01.tar"], "2026-03-02 03:29", None),
        (["hub-2026-03-01.tar"], "2026-03-02 03:30", "hub-2026-03-02.tar"),
        (["hub-2026-03-02.tar"], "2026-03-02 23:59", None),
        (["hub-2026-02-20.tar"], "2026-03-02 12:00", "hub-2026-03-02.tar"),
    ],
)
def test_a_copy_is_due_once_a_night_and_a_missed_night_is_made_up_for(
    there: list[str], at: str, name: str | None
) -> None:
    assert due("03:30", there, datetime.fromisoformat(at).replace(tzinfo=UTC)) == name


@pytest.fixture
async def embedded(tmp_path: Path, clock: Clock) -> AsyncIterator[Hub]:
    """A hub whose store lies where the settings say."""
    settings = config.settings({}, tmp_path)
    key_file.load(settings.security.key_file, make=True)
    engine = SqliteEngine(settings.data.store)
    await engine.open()
    yield await assembled(engine, clock, tmp_path)
    await engine.close()


async def test_copies_are_made_each_night_and_the_oldest_go(
    embedded: Hub, tmp_path: Path, clock: Clock
) -> None:
    keeping = keeper(embedded, tmp_path, backup={"folder": "copies", "keep": 3})
    folder = tmp_path / "copies"
    folder.mkdir()
    (folder / "mine.tar").touch()
    (folder / ".hub-2026-01-01.tar.copy").mkdir()
    (folder / ".hub-2026-01-01.tar.part").touch()
    for _ in range(5):
        await keeping.copy()
        await keeping.copy()
        clock.forward(DAY)
    kept = sorted(each.name for each in folder.iterdir())
    assert kept == [*(f"hub-2026-03-0{n}.tar" for n in (4, 5, 6)), "mine.tar"]
    read(folder / kept[0], None)


async def test_a_clock_that_was_years_ahead_neither_stops_the_copies_nor_costs_one(
    embedded: Hub, tmp_path: Path, clock: Clock
) -> None:
    keeping = keeper(embedded, tmp_path, backup={"folder": "copies", "keep": 2})
    await keeping.copy()
    clock.forward(DAY * 3000)
    await keeping.copy()
    clock.forward(-DAY * 2999)
    await keeping.copy()
    names = [f"hub-{day}.tar" for day in ("2026-03-02", "2026-03-03", "2034-05-19")]
    assert sorted(each.name for each in (tmp_path / "copies").iterdir()) == names


async def test_a_copy_that_failed_is_tried_again_after_an_hour_and_told(
    embedded: Hub, tmp_path: Path, clock: Clock
) -> None:
    keeping = keeper(embedded, tmp_path, backup={"folder": "copies"})
    (tmp_path / "copies").write_text("in the way")
    with pytest.raises(UnavailableError):
        await keeping.copy()
    (tmp_path / "copies").unlink()
    await keeping.copy()
    assert not (tmp_path / "copies").exists()
    clock.forward(timedelta(hours=1))
    await keeping.copy()
    assert (tmp_path / "copies" / "hub-2026-03-02.tar").exists()


async def test_a_disk_with_little_room_is_told_once_until_there_is_room_again(
    hub: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    keeping = keeper(hub, tmp_path, data={"dir": "data", "warn_free_mb": 10**9})
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        await keeping.look_at_disk()
    assert [each.message for each in caplog.records] == ["disk.low"]
    assert str(tmp_path / "data") in keeping.low_disk[0]
    roomy = keeper(hub, tmp_path)
    await roomy.look_at_disk()
    assert roomy.low_disk == []


async def bytes_() -> AsyncIterator[bytes]:
    yield b"x"


async def closed(hub: Hub, anna: Who, visitor: str = "ivan") -> Dialog:
    """A closed dialog with a file each way, ruled over and found by its words."""
    row = await ask(hub, 1, visitor=visitor)
    file = await hub.files.keep(SHOP, "a", bytes_(), anna.id)
    theirs = await hub.files.keep(SHOP, "b", bytes_(), "visitor")
    attachments = await hub.files.attachments(SHOP, [theirs.id])
    event = message("f", hub.now(), visitor=visitor)
    await receive(hub, replace(event, attachments=attachments))
    await hub.desk.take(anna, row.id)
    await hub.desk.reply(anna, row.id, "key-00000001", "Да", attachments=[FileId(file.id)])
    await hub.desk.see(anna, row, 1)
    await hub.desk.close(anna, row.id)
    await ruled(hub)
    return await current(hub, visitor)


async def ruled(hub: Hub) -> None:
    while await hub.worker.work():
        pass


async def left(hub: Hub) -> int:
    return await hub.engine.count(LOG_RECENT)


async def test_closed_dialogs_go_whole_after_their_time_and_open_ones_never(
    hub: Hub, anna: Who, tmp_path: Path, clock: Clock
) -> None:
    old = await closed(hub, anna)
    open = await ask(hub, 1, visitor="olga")
    clock.forward(20 * DAY)
    young = await closed(hub, anna, visitor="petr")
    keeping = keeper(hub, tmp_path, retention={"messages_days": 30})
    clock.forward(10 * DAY)
    await keeping.delete()
    assert await hub.engine.get(Dialog, old.id) == old, "exactly the time is not yet over it"

    clock.forward(timedelta(seconds=1))
    for _ in range(2):
        await keeping.delete()
        await ruled(hub)
    assert await hub.engine.get(Dialog, old.id) is None
    for id in (open.id, young.id):
        assert await hub.engine.get(Dialog, id) is not None
    assert await left(hub) == 1 + young.seq
    assert await hub.engine.get(Bookmark, f"{old.id}:{anna.id}") is None
    assert await hub.engine.get(Bookmark, f"{young.id}:{anna.id}") is not None
    assert await hub.engine.get(Words, f"name:{old.id}") is None
    assert await hub.engine.get(Words, f"entry:{old.channel}:ivan.1") is None
    facts = (await hub.engine.find(FACTS, {"project": SHOP})).items
    assert {each.name for each in facts if each.dialog == old.id} == {""}
    clock.forward(timedelta(hours=25))
    assert await hub.files.sweep(clock.at) == 2
    assert (await verify(hub.engine, hub.files)).told == []

    again = await ask(hub, 7)
    assert (again.id, again.seq) == (old.id, 1)
    assert (await verify(hub.engine, hub.files)).told == []


async def test_what_the_rules_have_still_to_read_is_not_deleted(
    hub: Hub, anna: Who, tmp_path: Path, clock: Clock
) -> None:
    old = await closed(hub, anna)
    keeping = keeper(hub, tmp_path, retention={"messages_days": 30})
    clock.forward(31 * DAY)
    for _ in range(3):
        await keeping.delete()
    assert await left(hub) == old.seq + 1
    await ruled(hub)
    await keeping.delete()
    assert await left(hub) == 0
    assert await hub.engine.get(Words, f"name:{old.id}") is None


async def test_one_who_writes_while_his_old_dialog_goes_begins_a_new_one(
    hub: Hub, anna: Who, tmp_path: Path, clock: Clock
) -> None:
    old = await closed(hub, anna)
    keeping = keeper(hub, tmp_path, retention={"messages_days": 30})
    clock.forward(31 * DAY)
    await keeping.delete()
    new = await ask(hub, 2)
    assert new.n == old.n + 1
    await ruled(hub)
    await keeping.delete()
    assert await hub.engine.get(Dialog, old.id) is None
    assert await hub.engine.get(Dialog, new.id) is not None
    assert (await verify(hub.engine, hub.files)).told == []


@pytest.mark.parametrize("steps", range(12))
async def test_a_deletion_that_was_cut_short_is_finished_by_the_next(
    hub: Hub, mortal: Mortal, anna: Who, tmp_path: Path, clock: Clock, steps: int
) -> None:
    old = await closed(hub, anna)
    keeping = keeper(hub, tmp_path, retention={"messages_days": 30})
    clock.forward(31 * DAY)
    mortal.dies_after(steps)
    try:
        for _ in range(2):
            await keeping.delete()
            await ruled(hub)
    except Crash:
        pass
    mortal.lives()
    assert (await verify(hub.engine, hub.files)).told == []
    for _ in range(3):
        await ruled(hub)
        await keeping.delete()
    assert await hub.engine.get(Dialog, old.id) is None
    assert await hub.engine.get(Bookmark, f"{old.id}:{anna.id}") is None
    assert await left(hub) == 0
    clock.forward(timedelta(hours=25))
    assert await hub.files.sweep(clock.at) == 2


async def test_files_of_closed_dialogs_go_and_their_messages_stay(
    hub: Hub, anna: Who, tmp_path: Path, clock: Clock
) -> None:
    old = await closed(hub, anna)
    clock.forward(5 * DAY)
    young = await closed(hub, anna, visitor="petr")
    keeping = keeper(hub, tmp_path, retention={"files_days": 10})
    clock.forward(6 * DAY)
    for _ in range(3):
        await keeping.delete()
    clock.forward(timedelta(hours=25))
    assert await hub.files.sweep(clock.at) == 2
    assert await hub.engine.get(Dialog, old.id) == old
    assert await left(hub) == old.seq + young.seq
    found = await verify(hub.engine, hub.files)
    assert (found.told, found.files) == ([], 2)
    clock.forward(6 * DAY)
    await keeping.delete()
    clock.forward(timedelta(hours=25))
    assert await hub.files.sweep(clock.at) == 2


async def test_a_file_that_a_living_dialog_names_too_outlives_the_first(
    hub: Hub, anna: Who, tmp_path: Path, clock: Clock
) -> None:
    first, second = await ask(hub, 1), await ask(hub, 1, visitor="olga")
    file = await hub.files.keep(SHOP, "price", bytes_(), anna.id)
    for row in (first, second):
        await hub.desk.take(anna, row.id)
        await hub.desk.reply(anna, row.id, "key-00000001", "", attachments=[FileId(file.id)])
    await hub.desk.close(anna, first.id)
    keeping = keeper(hub, tmp_path, retention={"messages_days": 30})
    clock.forward(31 * DAY)
    for _ in range(2):
        await ruled(hub)
        await keeping.delete()
    assert await hub.engine.get(Dialog, first.id) is None
    clock.forward(timedelta(hours=25))
    assert await hub.files.sweep(clock.at) == 0
    kept = await hub.engine.get(File, file.id)
    assert kept is not None
    assert await hub.files.storage.size(key(kept)) == 1


async def test_a_round_is_bounded_and_the_next_goes_on(
    hub: Hub, anna: Who, tmp_path: Path, clock: Clock
) -> None:
    for n in range(DIALOGS_AT_ONCE + 5):
        row = await ask(hub, 1, visitor=f"v{n}")
        await hub.desk.take(anna, row.id)
        await hub.desk.close(anna, row.id)
    await ruled(hub)
    keeping = keeper(hub, tmp_path, retention={"messages_days": 1})
    clock.forward(2 * DAY)
    await keeping.delete()
    await ruled(hub)
    await keeping.delete()
    assert await left(hub) == 5 * 3
    for _ in range(2):
        await keeping.delete()
        await ruled(hub)
    assert await left(hub) == 0


async def test_records_and_dead_letters_go_after_their_own_time(
    hub: Hub, tmp_path: Path, clock: Clock
) -> None:
    for project in (SHOP, ProjectId("")):
        for days in (0, 40):
            await hub.engine.write(audited(START + days * DAY, "a", "v", "t", project))
    letter = DeadLetter(
        id="letter",
        project=SHOP,
        channel=hub.channels.get("site").id,
        body=b"x",
        error="e",
        created_at=START,
    )
    await hub.engine.write(Insert(letter))
    clock.forward(60 * DAY)
    await keeper(hub, tmp_path).delete()
    assert await hub.engine.count(AUDIT) == 4
    await keeper(hub, tmp_path, retention={"audit_days": 30}).delete()
    assert await hub.engine.count(AUDIT) == 2
    assert await hub.engine.count(DEAD_LETTERS) == 1
    await keeper(hub, tmp_path, retention={"dead_letters_days": 30}).delete()
    assert await hub.engine.count(DEAD_LETTERS) == 0


async def test_of_two_processes_one_does_the_chores_and_another_follows_a_dead_one(
    embedded: Hub, tmp_path: Path, clock: Clock
) -> None:
    folders = tmp_path / "first", tmp_path / "second"
    first, second = (
        keeper(embedded, tmp_path, backup={"folder": str(each)}, retention={"audit_days": 30})
        for each in folders
    )

    async def deletes(one: Housekeeping) -> bool:
        await embedded.engine.write(audited(clock.at - 40 * DAY, "a", "v", "t"))
        await one.round()
        return await embedded.engine.count(AUDIT) == 0

    for _ in range(3):
        assert await deletes(first)
        assert not await deletes(second)
        clock.forward(EVERY)
    assert [each.exists() for each in folders] == [True, False]
    assert await deletes(first)
    clock.forward(TURN_LASTS)
    assert await deletes(second), "for the first was not heard of for too long"
    assert not await deletes(first)
    assert [each.exists() for each in folders] == [True, True]


async def test_a_chore_that_fails_keeps_the_next_from_nothing(
    embedded: Hub, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    class Fallen(Mute):
        async def tidy(self) -> None:
            raise LookupError

    tables = {"backup": {"folder": "copies"}, "retention": {"audit_days": 30}}
    settings = config.settings({"data": {"dir": "data"}} | tables, tmp_path)
    (tmp_path / "copies").write_text("in the way")
    await embedded.engine.write(audited(clock.at - 40 * DAY, "a", "v", "t"))
    hub = embedded
    await Housekeeping(settings, hub.engine, hub.files, hub.search, clock, "", Fallen()).round()
    assert [each.message for each in caplog.records] == [
        "housekeeping.failed",
        "housekeeping.waits",
    ]
    assert await hub.engine.count(AUDIT) == 0


async def test_what_calls_said_goes_with_the_round(hub: Hub, tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "speech").mkdir()
    said = tmp_path / "speech" / f"t-{'a' * 64}.wav"
    said.touch()
    clock.at = datetime.fromtimestamp(said.stat().st_mtime, UTC) + 8 * DAY
    voice = Spoken(tmp_path / "speech", tmp_path / "voices", hub.files, clock)
    settings = config.settings({"data": {"dir": "data"}}, tmp_path)
    await Housekeeping(settings, hub.engine, hub.files, hub.search, clock, "", voice).round()
    assert not said.exists()
