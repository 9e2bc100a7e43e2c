"""The walk that proves a store whole: rows are the folds of their logs, files are there or come.

It reads and never mends, on either engine, also while the hub serves: what looks wrong is
looked at again before it is told.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from hub.files.kept import Files, key, small_key
from hub.fold import fold
from hub.model import Cycle, Dialog, Document, Entry, File, Project, ProjectId
from hub.records import Fetch
from hub.store.engine import Engine, Index, Range, Value
from hub.store.schema import EPISODES, FILES, LOG, LOG_RECENT, PROJECTS_BY_NAME

TOLD_MAX = 100
FOLDED = (
    "seq",
    "open",
    "sealed",
    "owner",
    "owner_name",
    "awaits",
    "waiting_since",
    "snoozed_until",
    "chat_status",
    "call_status",
    "last_place",
    "closed_at",
    "closed_by",
    "unanswered",
    "preview",
    "out_seq",
)

D = TypeVar("D", bound=Document)


@dataclass
class Found:
    """What the walk counted and, up to a hundred, what is wrong; `behind` rows mend themselves."""

    dialogs: int = 0
    entries: int = 0
    files: int = 0
    behind: int = 0
    faults: int = 0
    told: list[str] = field(default_factory=list)

    def fault(self, what: str) -> None:
        self.faults += 1
        if len(self.told) < TOLD_MAX:
            self.told.append(what)


async def verify(engine: Engine, files: Files | None) -> Found:
    """Walks everything; without `files` it does not ask the storage for bytes."""
    found = Found()
    async for project in _all(engine, PROJECTS_BY_NAME, {}):
        await _dialogs(engine, project, found)
        if files is not None:
            await _files(engine, files, project, found)
    await _entries(engine, found)
    return found


async def _dialogs(engine: Engine, project: Project, found: Found) -> None:
    async for row in _all(engine, EPISODES, {"project": ProjectId(project.id)}):
        found.dialogs += 1
        wrong, count, behind = await _look(engine, row)
        if wrong:
            again = await engine.get(Dialog, row.id)
            wrong = "" if again is None else (await _look(engine, again))[0]
        found.entries += count
        found.behind += behind
        if wrong:
            found.fault(f"dialog {row.id}: {wrong}")


async def _look(engine: Engine, row: Dialog) -> tuple[str, int, bool]:
    """What is wrong with the row, how many entries its log has, whether the row is behind it."""
    if row.dropped_at is not None:
        return "", 0, False
    again = _born(row)
    seq, edited = 0, False
    after = None
    while True:
        page = await engine.find(
            LOG, {"dialog": row.id}, range=Range("seq", at_least=1), after=after, limit=500
        )
        for entry in page.items:
            seq += 1
            if entry.seq != seq:
                return f"the log has {entry.seq} where {seq} belongs", seq, False
            if seq <= row.seq:
                again = fold(again, entry)
                edited = edited or entry.edited_at is not None or entry.deleted_at is not None
        if (after := page.next) is None:
            break
    if seq < row.seq:
        return f"the log ends at {seq}, the row says {row.seq}", seq, False
    ours, theirs = of_the_log(row), of_the_log(again)
    if edited:
        # The row keeps the line that was first said.
        ours, theirs = replace(ours, preview=None), replace(theirs, preview=None)
    wrong = [
        name for name in ours.__struct_fields__ if getattr(ours, name) != getattr(theirs, name)
    ]
    return (
        (f"the row is not the fold of its log in {', '.join(wrong)}" if wrong else ""),
        seq,
        (seq > row.seq),
    )


async def _entries(engine: Engine, found: Found) -> None:
    after = None
    while True:
        page = await engine.find(LOG_RECENT, after=after, limit=500)
        rows = await engine.get_many(Dialog, sorted({each.dialog for each in page.items}))
        for entry in page.items:
            if entry.dialog not in rows and await _is_stray(engine, entry):
                found.fault(f"entry {entry.id}: its dialog {entry.dialog} is not there")
            for file in await _forgotten(engine, entry):
                found.fault(f"entry {entry.id}: file {file} comes and nobody fetches it")
        if (after := page.next) is None:
            return


async def _is_stray(engine: Engine, entry: Entry) -> bool:
    return (
        await engine.get(Dialog, entry.dialog) is None
        and await engine.get(Entry, entry.id) is not None
    )


async def _forgotten(engine: Engine, entry: Entry) -> list[str]:
    """Files of the entry that stand as coming with nobody who will bring them."""
    coming = [each.id for each in entry.attachments if each.coming]
    if not coming:
        return []
    promised = await engine.get_many(Fetch, coming)
    left = [id for id in coming if id not in promised or promised[id].due_at is None]
    now = await engine.get(Entry, entry.id) if left else None
    still = [each.id for each in now.attachments if each.coming] if now is not None else []
    return [id for id in left if id in still]


async def _files(engine: Engine, files: Files, project: Project, found: Found) -> None:
    async for file in _all(engine, FILES, {"project": ProjectId(project.id)}):
        if file.state != "kept" or not file.used:
            # A sweep may take it at any moment.
            continue
        found.files += 1
        size = await files.storage.size(key(file))
        small = await files.storage.size(small_key(file)) if file.thumb else 1
        if size == file.size_bytes and small:
            continue
        now = await engine.get(File, file.id)
        if now is not None and now.state == "kept":
            what = "is not there" if size is None else f"has {size} bytes, not {file.size_bytes}"
            found.fault(
                f"file {file.id}: {what if size != file.size_bytes else 'has no small copy'}"
            )


def of_the_log(row: Dialog) -> Dialog:
    """The row without what delivery, the rules and deletion write beside the fold."""
    return replace(
        row, rev=0, lane_at=None, lane_by="", rules_at=None, ruled_seq=0, dropped_at=None
    )


def _born(row: Dialog) -> Dialog:
    """The row as it was before its first entry: what the fold makes is not yet made."""
    fields = {each.name: each for each in msgspec.structs.fields(Dialog)}
    made = {name: fields[name].default for name in FOLDED}
    made |= dict.fromkeys(("last_at", "changed_at"), row.created_at)
    return replace(row, **made, cycle=Cycle())


async def _all(
    engine: Engine, index: Index[D], equal: Mapping[str, Value]
) -> AsyncGenerator[D, None]:
    after = None
    while True:
        page = await engine.find(index, equal, after=after, limit=200)
        for document in page.items:
            yield document
        if (after := page.next) is None:
            return
