"""The log of a dialog and its row: append, fold forward, open the next episode.

One read and two writes for an entry; entries that come together share the row's. The entry's
`_id` refuses a repeat of any age, its `seq` under unique (dialog, seq) refuses a second winner,
and a row found behind its log is folded forward by whoever meets it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub.errors import ConflictError, UnavailableError
from hub.fold import fold
from hub.model import HUB, Dialog, DialogId, Entry, EntryId, EntryKind, IdentityId, ProjectId, Verb
from hub.store.engine import (
    AbsentError,
    Engine,
    Insert,
    MovedError,
    Range,
    Replace,
    TakenError,
)
from hub.store.schema import EPISODES, LOG

TRIES = 100
REPAIR_BATCH = 200


@dataclass(frozen=True)
class Appended:
    """How an entry came to stand in the log; not `fresh` if it stood there before."""

    entry: Entry
    row: Dialog
    fresh: bool


Maker = Callable[[Dialog], Entry]


class SealedError(Exception):
    """The episode takes no more entries; its successor does."""


class _UndrawnError(Exception):
    """A maker refused, and why."""

    def __init__(self, refusal: Exception) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def draft(
    row: Dialog,
    id: str,
    kind: EntryKind,
    at: datetime,
    now: datetime,
) -> Entry:
    """An entry that would be the next of this row; the caller replaces what else it says."""
    return Entry(
        id=id,
        project=row.project,
        dialog=DialogId(row.id),
        seq=row.seq + 1,
        kind=kind,
        author=HUB,
        at=at,
        stored_at=now,
        changed_at=now,
    )


async def latest(engine: Engine, project: ProjectId, identity: IdentityId) -> Dialog | None:
    """The newest episode of the identity; one read."""
    page = await engine.find(
        EPISODES, {"project": project, "identity": identity}, descending=True, limit=1
    )
    return page.items[0] if page.items else None


async def is_gone(engine: Engine, id: DialogId | None) -> bool:
    """Whether the dialog was erased, or is being erased.

    Whoever writes something down of a dialog looks after he has written, and takes it back:
    whoever erases marks the row first, and then looks for what there is.
    """
    if id is None:
        return False
    row = await engine.get(Dialog, id)
    return row is None or row.dropped_at is not None


async def append(engine: Engine, row: Dialog, make: Maker) -> Appended:
    """Appends what `make` draws for the row as it truly stands.

    `make` may run several times and may raise to refuse. The store refuses an entry drawn
    for a row behind its log, and a refusal drawn for one is drawn again for the level row.
    Raises SealedError when the episode was sealed meanwhile.
    """
    return await _append(engine, DialogId(row.id), make, row)


async def append_all(
    engine: Engine, id: DialogId, makes: Sequence[Maker], known: Dialog | None = None
) -> list[Appended]:
    """Appends what each draws for the row as the one before left it, if it can be by one write.

    Where one is refused each is appended by itself; what stands before the first that raises
    then stands. `known` is the row as it was read, if it was.
    """
    drawn: list[Entry] = []
    ours: Collection[str] = ()
    if len(makes) > 1:
        try:
            row = await engine.extend(Dialog, id, _drawing(makes, drawn), known)
        except (TakenError, MovedError) as refused:
            await _take_back(engine, id, drawn[: refused.step])
            # Some stores keep what was written before the step that was refused. Where another
            # wrote the same meanwhile both are told that theirs was the first.
            ours = await engine.get_many(Entry, [each.id for each in drawn[: refused.step]])
        except _UndrawnError:
            pass
        except AbsentError:
            raise ConflictError("gone") from None
        else:
            return [Appended(each, row, fresh=True) for each in drawn]
    appended = []
    for make in makes:
        one = await _append(engine, id, make, known)
        appended.append(Appended(one.entry, one.row, one.fresh or one.entry.id in ours))
        # A repeat may stand in another episode, whose row says nothing of this one.
        known = one.row if one.row.id == id else None
    return appended


async def _append(engine: Engine, id: DialogId, make: Maker, known: Dialog | None) -> Appended:
    drawn: list[Entry] = []
    draw, is_level = _drawing([make], drawn), False
    for _ in range(TRIES):
        try:
            row = await engine.extend(Dialog, id, draw, known)
        except _UndrawnError as undrawn:
            if is_level or isinstance(undrawn.refusal, SealedError):
                raise undrawn.refusal from None
            known, is_level = await level(engine, id), True
        except AbsentError:
            raise ConflictError("gone") from None
        except TakenError as taken:
            if taken.index == "_id":
                return await _repeated(engine, drawn[0])
            known, is_level = await level(engine, id), True
        except MovedError:
            # Another write reached the row between our read and our write. Where the entry
            # is already in (mongo), its place in the log is ours and the row only has to be
            # brought level; where nothing was written we start again.
            await _take_back(engine, id, drawn)
            stands = await engine.get(Entry, drawn[0].id)
            known, is_level = await level(engine, id), True
            if stands is not None:
                return Appended(stands, known, fresh=True)
        else:
            return Appended(drawn[0], row, fresh=True)
    raise UnavailableError(f"{id} is too busy")


async def _take_back(engine: Engine, id: DialogId, drawn: Sequence[Entry]) -> None:
    """ConflictError("gone") if the dialog is: no line is left of what was written after its log."""
    if not drawn or not await is_gone(engine, id):
        return
    for each in drawn:
        await engine.delete_if(Entry, each.id, lambda had: had.dialog == id)
    raise ConflictError("gone")


def _drawing(
    makes: Sequence[Maker], drawn: list[Entry]
) -> Callable[[Dialog], tuple[list[Entry], Dialog]]:
    """Draws anew into `drawn` for whichever row it is given."""

    def draw(row: Dialog) -> tuple[list[Entry], Dialog]:
        drawn.clear()
        for make in makes:
            try:
                if row.sealed:
                    raise SealedError
                drawn.append(make(row))
            except Exception as refusal:
                raise _UndrawnError(refusal) from None
            row = fold(row, drawn[-1])
        return drawn, row

    return draw


async def _repeated(engine: Engine, entry: Entry) -> Appended:
    known = await engine.get(Entry, entry.id)
    if known is None:
        raise UnavailableError(f"{entry.id} is refused and cannot be found")
    return Appended(known, await level(engine, known.dialog), fresh=False)


async def level(engine: Engine, id: DialogId) -> Dialog:
    """The row brought level with its log; ConflictError("gone") if there is no such row."""
    for _ in range(TRIES):
        row = await engine.get(Dialog, id)
        if row is None:
            raise ConflictError("gone")
        after = row
        while True:
            page = await engine.find(
                LOG, {"dialog": id}, range=Range("seq", at_least=after.seq + 1), limit=REPAIR_BATCH
            )
            for entry in page.items:
                after = fold(after, entry)
            if page.next is None:
                break
        if after is row:
            return row
        try:
            await engine.write(Replace(after))
        except MovedError:
            continue
        return replace(after, rev=row.rev + 1)
    raise UnavailableError(f"{id} is too busy")


def reopens(row: Dialog, at: datetime, days: int, days_auto: int) -> bool:
    """Whether a message of that time belongs to this episode; exactly the limit still does."""
    if row.sealed:
        return False
    if row.open or row.closed_at is None:
        return True
    limit = days if row.closed_by == "operator" else days_auto
    return at - row.closed_at <= timedelta(days=limit)


async def seal(engine: Engine, row: Dialog, now: datetime) -> Appended | None:
    """Ends the episode for good; None if another did it first."""

    def sealing(current: Dialog) -> Entry:
        if current.open:
            raise ConflictError("open")
        return replace(
            draft(current, f"{row.id}:seal", EntryKind.SYSTEM, now, now), verb=Verb.SEALED
        )

    try:
        return await append(engine, row, sealing)
    except SealedError:
        return None


def dialog_id(identity: IdentityId, n: int) -> DialogId:
    return DialogId(f"{identity}:{n}")


def entry_id(channel: str, external_id: str) -> EntryId:
    """The key of what a platform calls `external_id` on that channel, also for our own messages."""
    return EntryId(f"{channel}:{external_id}")


def external_ids(channel: str, entry: Entry) -> list[str]:
    """What the platform itself calls the message, one by one where it was split."""
    known = entry.external_id
    if known is None and entry.kind is EntryKind.IN:
        known = entry.id
    first = (known or "").removeprefix(f"{channel}:")
    return [first, *entry.data.get("more", "").split()] if first else []


async def speaks_with(engine: Engine, identity: IdentityId, id: str) -> bool:
    """Whether the entry of that id is of a dialog with this identity and no other."""
    entry = await engine.get(Entry, id)
    row = await engine.get(Dialog, entry.dialog) if entry is not None else None
    return row is not None and row.identity == identity


async def open_episode(engine: Engine, row: Dialog) -> Dialog:
    """Puts the empty row of an episode, or takes the one that was first."""
    try:
        await engine.write(Insert(row))
    except TakenError:
        return await level(engine, DialogId(row.id))
    return row


async def read_log(
    engine: Engine,
    id: DialogId,
    *,
    after_seq: int | None = None,
    before_seq: int | None = None,
    limit: int = 50,
) -> tuple[list[Entry], bool]:
    """Entries in order of `seq` and whether there are more that way; the last ones by default."""
    if after_seq is not None:
        page = await engine.find(
            LOG, {"dialog": id}, range=Range("seq", at_least=after_seq + 1), limit=limit
        )
        return page.items, page.next is not None
    below = Range("seq", below=before_seq) if before_seq is not None else None
    page = await engine.find(LOG, {"dialog": id}, range=below, descending=True, limit=limit)
    return page.items[::-1], page.next is not None
