"""Search over the whole history of a project: all words of the query, newest first.

The worker reads what was written after it was acknowledged; what an entry is found by is a
document of its own under an id that follows from the entry's, so reading twice changes
nothing. A query walks its rarest stem and looks no further than its budget at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from hub.errors import UnavailableError
from hub.finding import words
from hub.model import (
    ChannelId,
    Contact,
    Dialog,
    DialogId,
    Entry,
    EntryId,
    EntryKind,
    Lock,
    ProjectId,
)
from hub.records import Words
from hub.store.engine import (
    AbsentError,
    Engine,
    Insert,
    MovedError,
    Replace,
    TakenError,
    cursor,
    moment,
)
from hub.store.schema import LOG_RECENT, LOG_REREAD, WORDS

BUDGET = 2_000
COUNT_CAP = 1_000
BATCH = 100
ENOUGH = 1_000
"""Places looked at, after which a page that has something goes out as it is."""
STEP = 200
"""Keys taken at once where not every answer is of a channel that may be seen."""
TRIES = 100
DONE = "done"
SAID = (EntryKind.IN, EntryKind.OUT, EntryKind.NOTE)


@dataclass(frozen=True)
class Hit:
    """An answer; without an entry it is the name that was found, and `marks` are in the name."""

    dialog: Dialog
    entry: Entry | None
    marks: list[words.Mark]


@dataclass(frozen=True)
class Found:
    """One page of answers; `looked_back_to` is set where the budget ended before the page."""

    hits: list[Hit]
    next: str | None = None
    looked_back_to: datetime | None = None


class Search:
    """`batch` entries are read again at once; `enough` keys are looked at before it says more."""

    def __init__(self, engine: Engine, *, batch: int = BATCH, enough: int = ENOUGH) -> None:
        self._engine = engine
        self._batch = batch
        self._enough = enough
        self._is_history_read = False

    async def find(
        self,
        project: ProjectId,
        query: str,
        *,
        after: str | None = None,
        limit: int = 20,
        channels: Collection[ChannelId] | None = None,
        budget: int = BUDGET,
    ) -> Found:
        """Entries and names that have every word of the query, in any of its forms.

        Without `channels` all of the project's are searched. A page may be short of `limit`
        and still have a `next`. Raises BadValueError for a cursor that is none.
        """
        wanted = words.asked(query)
        stem = await self._rarest(project, wanted)
        if stem is None:
            return Found([])
        others = sorted(wanted - {stem})
        met: list[Words] = []
        step, reached = limit, None
        while True:
            keys = await self._engine.keys(
                WORDS,
                {"project": project, "stems": stem},
                also=others,
                descending=True,
                after=after,
                limit=step,
                budget=min(budget, self._enough),
            )
            budget -= keys.looked
            after, reached = keys.next, keys.last or reached
            docs = await self._engine.get_many(Words, [key[-1] for key in keys.items])
            for key in keys.items:
                each = docs.get(key[-1])
                # It may have been read again since the index was.
                if each is None or not wanted.issubset(each.stems):
                    continue
                if channels is None or each.channel in channels:
                    met.append(each)
                if len(met) == limit:
                    after = after if key == keys.items[-1] else cursor(key)
                    break
            if after is None or len(met) == limit or budget <= 0:
                break
            if others and met:
                # What is found is not kept waiting for more of what is this rare.
                break
            step = STEP
        short = after is not None and len(met) < limit
        return Found(
            await self._hits(met, wanted),
            after,
            moment(reached[0]) if short and reached else None,
        )

    async def _rarest(self, project: ProjectId, wanted: Collection[str]) -> str | None:
        """The stem that the fewest have; None if nobody has one of them, or nothing is wanted.

        A cursor of one stem's walk serves another's, so a page may choose differently.
        """
        if len(wanted) < 2:
            return next(iter(wanted), None)
        stems = sorted(wanted)
        counted = await asyncio.gather(
            *(
                self._engine.count(WORDS, {"project": project, "stems": stem}, cap=COUNT_CAP)
                for stem in stems
            )
        )
        fewest = min(counted)
        return stems[counted.index(fewest)] if fewest else None

    async def _hits(self, met: Sequence[Words], wanted: frozenset[str]) -> list[Hit]:
        """What was met as it now stands; what no longer answers is left out."""
        entries, rows = await asyncio.gather(
            self._engine.get_many(Entry, [each.entry for each in met if each.entry]),
            self._engine.get_many(Dialog, sorted({each.dialog for each in met})),
        )
        hits = []
        for each in met:
            row = rows.get(each.dialog)
            if row is None:
                continue
            if each.entry is None:
                hits.append(Hit(row, None, words.marks(row.name, wanted)))
                continue
            entry = entries.get(each.entry)
            if entry is None:
                continue
            # What did not change since it was read need not be read again.
            is_same = (entry.rev, words.VERSION) == (each.read_rev, each.rules)
            if is_same or wanted <= _stems(entry):
                hits.append(Hit(row, entry, words.marks(entry.text, wanted)))
        return hits

    async def read(self, row: Dialog, entries: Iterable[Entry]) -> None:
        """Makes the entries and the contact's name findable; idempotent."""
        made = [_words(row, each) for each in entries if each.kind in SAID]
        name = await self._name(row)
        await self._keep([each for each in (*made, *name) if each.stems])

    async def forget(self, row: Dialog, entries: Iterable[Entry]) -> None:
        """Nothing of these entries, nor the name of who wrote them, is found any more."""
        for id in (f"name:{row.id}", *(f"entry:{each.id}" for each in entries)):
            await self._engine.delete_if(Words, id, lambda _: True)

    async def _forget_dropped(self, rows: Collection[Dialog], read: Sequence[Entry]) -> None:
        """What was read while its dialog was being deleted must not outlive it.

        Whoever deletes says so in the row before, so one of the two sees the other.
        """
        now = await self._engine.get_many(Dialog, sorted(row.id for row in rows))
        for row in rows:
            current = now.get(row.id)
            if current is None or current.dropped_at is not None:
                await self.forget(row, [each for each in read if each.dialog == row.id])

    async def reread(self) -> bool:
        """Takes what was edited or deleted, once; True when there may be more."""
        page = await self._engine.find(LOG_REREAD, limit=self._batch)
        rows = await self._engine.get_many(Dialog, sorted({each.dialog for each in page.items}))
        await self._keep(
            [_words(rows[each.dialog], each) for each in page.items if each.dialog in rows]
        )
        for entry in page.items:
            with suppress(AbsentError):
                await self._engine.change(Entry, entry.id, _settled(entry))
        await self._forget_dropped(rows.values(), page.items)
        return len(page.items) == self._batch

    async def read_history(self) -> bool:
        """Reads some of what was stored before these rules, newest first; False at its end."""
        if self._is_history_read:
            return False
        id = f"words:{words.VERSION}"
        with suppress(TakenError):
            await self._engine.write(Insert(Lock(id=id)))
        mark = await self._engine.get(Lock, id)
        reached = mark.value if mark is not None else ""
        if reached != DONE:
            page = await self._engine.find(
                LOG_RECENT, descending=True, after=reached or None, limit=self._batch
            )
            of_row: dict[DialogId, list[Entry]] = {}
            for entry in page.items:
                of_row.setdefault(entry.dialog, []).append(entry)
            rows = await self._engine.get_many(Dialog, sorted(of_row))
            for dialog, row in rows.items():
                await self.read(row, of_row[DialogId(dialog)])
            await self._forget_dropped(rows.values(), page.items)
            reached = page.next or DONE
            await self._engine.change(Lock, id, lambda lock: replace(lock, value=reached))
        self._is_history_read = reached == DONE
        return not self._is_history_read

    async def _name(self, row: Dialog) -> list[Words]:
        """What the row's person is found by, if that is not kept yet."""
        id = f"name:{row.id}"
        held = await self._engine.get(Words, id)
        known = held is not None and held.rules == words.VERSION
        if known and held is not None and words.stems(row.name).issubset(held.stems):
            return []
        contact = await self._engine.get(Contact, row.contact)
        told = (contact.name, *contact.phones, *contact.emails) if contact else ()
        return [_made(row, id, None, words.stems(row.name, *told), row.created_at, row.seq)]

    async def _keep(self, made: Sequence[Words]) -> None:
        """Puts each in its place, unless what is there was read later or by newer rules."""
        if not made:
            return
        for _ in range(TRIES):
            there = await self._engine.get_many(Words, [each.id for each in made])
            steps: list[Insert | Replace] = []
            for each in made:
                held = there.get(each.id)
                if held is None:
                    steps.append(Insert(each))
                elif (each.rules, each.read_rev) > (held.rules, held.read_rev):
                    steps.append(Replace(replace(each, rev=held.rev)))
            if not steps:
                return
            with suppress(TakenError, MovedError):
                await self._engine.write(*steps)
                return
        raise UnavailableError("the words are too busy")


def _settled(read: Entry) -> Callable[[Entry], Entry | None]:
    """Takes the entry off the list, unless it changed since it was read."""
    return lambda now: replace(now, reread_at=None) if now.rev == read.rev else None


def _stems(entry: Entry) -> frozenset[str]:
    if entry.deleted_at is not None:
        return frozenset()
    return words.stems(entry.text, *(each.name for each in entry.attachments))


def _words(row: Dialog, entry: Entry) -> Words:
    return _made(
        row, f"entry:{entry.id}", EntryId(entry.id), _stems(entry), entry.stored_at, entry.rev
    )


def _made(
    row: Dialog, id: str, entry: EntryId | None, stems: frozenset[str], at: datetime, read_rev: int
) -> Words:
    return Words(
        id=id,
        project=row.project,
        channel=row.channel,
        dialog=DialogId(row.id),
        entry=entry,
        at=at,
        stems=tuple(sorted(stems)),
        read_rev=read_rev,
        rules=words.VERSION,
    )
