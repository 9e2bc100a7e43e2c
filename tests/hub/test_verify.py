"""The walk finds nothing wrong with what the hub wrote, and whatever is bent afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator

from msgspec.structs import replace

from hub.accounts import Who
from hub.events import MessageEdited, Sender
from hub.files.kept import key
from hub.hub import Hub
from hub.keeping.verify import Found, verify
from hub.model import Dialog, Entry, FileId
from hub.records import Fetch
from hub.statuses import Status
from hub.store.engine import Insert
from tests.spine import SHOP, Clock, ask, log_of, message, receive


async def bytes_() -> AsyncIterator[bytes]:
    yield b"x"


async def lived(hub: Hub, anna: Who, clock: Clock) -> Dialog:
    """A dialog with everything in it: an edit, a file, an answer, a closing."""
    row = await ask(hub, 1)
    await ask(hub, 1, visitor="olga", channel="kiosk")
    file = await hub.files.keep(SHOP, "a.txt", bytes_(), anna.id)
    await hub.desk.take(anna, row.id)
    await hub.desk.reply(anna, row.id, "key-00000001", "Да", attachments=[FileId(file.id)])
    await hub.desk.note(anna, row.id, "key-00000002", "note")
    edit = MessageEdited(
        sender=Sender(external_id="ivan"), at=clock.at, external_id="ivan.1", text="edited"
    )
    await receive(hub, edit)
    await hub.desk.close(anna, row.id)
    return await hub.desk.dialog(row.id)


async def walked(hub: Hub) -> Found:
    return await verify(hub.engine, hub.files)


async def test_what_the_hub_wrote_is_whole(hub: Hub, anna: Who, clock: Clock) -> None:
    row = await lived(hub, anna, clock)
    found = await walked(hub)
    assert found.told == []
    assert (found.dialogs, found.files, found.behind) == (2, 1, 0)
    assert found.entries == row.seq + 1


async def test_a_file_that_nobody_fetches_is_told(hub: Hub, anna: Who, clock: Clock) -> None:
    row = await lived(hub, anna, clock)
    entry = next(each for each in await log_of(hub.engine, row.id) if each.attachments)
    [file] = entry.attachments
    coming = (replace(file, coming=True),)
    await hub.engine.change(Entry, entry.id, lambda had: replace(had, attachments=coming))
    promise = Fetch(
        id=file.id, project=SHOP, channel=row.channel, due_at=clock.at, created_at=clock.at
    )
    await hub.engine.write(Insert(promise))
    assert (await walked(hub)).told == []
    await hub.engine.change(Fetch, file.id, lambda had: replace(had, due_at=None))
    wrong = [f"entry {entry.id}: file {file.id} comes and nobody fetches it"]
    assert (await walked(hub)).told == wrong
    await hub.engine.delete_if(Fetch, file.id, lambda _: True)
    assert (await walked(hub)).told == wrong


async def test_a_row_that_is_not_the_fold_of_its_log_is_told_by_its_fields(
    hub: Hub, anna: Who, clock: Clock
) -> None:
    row = await lived(hub, anna, clock)
    await hub.engine.change(
        Dialog, row.id, lambda had: replace(had, open=True, chat_status=Status.CHATTING)
    )
    assert (await walked(hub)).told == [
        f"dialog {row.id}: the row is not the fold of its log in open, chat_status"
    ]


async def test_a_lost_and_a_stray_entry_are_told(hub: Hub, anna: Who, clock: Clock) -> None:
    row = await lived(hub, anna, clock)
    log = await log_of(hub.engine, row.id)
    await hub.engine.delete_if(Entry, log[1].id, lambda _: True)
    assert (await walked(hub)).told == [f"dialog {row.id}: the log has 3 where 2 belongs"]
    await hub.engine.write(Insert(log[1]))
    await hub.engine.delete_if(Entry, log[-1].id, lambda _: True)
    end = len(log) - 1
    assert (await walked(hub)).told == [
        f"dialog {row.id}: the log ends at {end}, the row says {end + 1}"
    ]
    await hub.engine.write(Insert(log[-1]))
    await hub.engine.delete_if(Dialog, row.id, lambda _: True)
    assert (await walked(hub)).faults == len(log)


async def test_a_row_behind_its_log_is_no_fault(hub: Hub, clock: Clock) -> None:
    row = await ask(hub, 1)
    await receive(hub, message(2, clock.at))
    now = await hub.engine.get(Dialog, row.id)
    assert now is not None
    await hub.engine.change(Dialog, row.id, lambda _: replace(row, rev=now.rev))
    found = await walked(hub)
    assert (found.faults, found.behind) == (0, 1)


async def test_lost_and_cut_files_are_told_unless_nobody_asks(
    hub: Hub, anna: Who, clock: Clock
) -> None:
    await lived(hub, anna, clock)
    row = await ask(hub, 2)
    [file] = [a for each in await log_of(hub.engine, row.id) for a in each.attachments]
    document = await hub.files.get(file.id)
    path = hub.files.storage.local(key(document))
    assert path is not None
    path.write_bytes(b"longer")
    assert (await walked(hub)).told == [f"file {file.id}: has 6 bytes, not 1"]
    path.unlink()
    assert (await walked(hub)).told == [f"file {file.id}: is not there"]
    assert (await verify(hub.engine, None)).told == []
