"""Who is not listened to, and who is to be left in peace: decided by hand.

A mark of spam closes the request, ends what was planned for it and puts the sender on the list;
for ten seconds it can be taken back. What a person refused beats every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from msgspec.structs import replace

from hub.accounts import Who
from hub.bus import Bus
from hub.desk import Desk
from hub.dialogs import Maker, draft
from hub.errors import ConflictError
from hub.fold import closing
from hub.leads import leads
from hub.leads.callside import is_spam
from hub.model import Dialog, Entry, EntryKind, Verb
from hub.people import contacts
from hub.ruling import statuses_of
from hub.store.engine import Engine, Range
from hub.store.schema import TIMELINE

UNDONE_WITHIN = timedelta(seconds=10)
ON_THE_WAY = timedelta(seconds=5)
"""What a press of the button in its last moment may need to get here."""

Refusal = Literal["calls", "messages"]


class Peace:
    """The caller has already checked that `who` may do this in the dialog's project."""

    def __init__(self, engine: Engine, bus: Bus, desk: Desk, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._bus = bus
        self._desk = desk
        self._now = now

    async def mark_spam(self, who: Who, id: str) -> Dialog:
        """Closes the request as spam; one that is marked already stays as it is."""
        row = await self._desk.dialog(id)
        if not is_spam(row):
            row = (await self._desk.enter(row, _marks(partial(self._line, who=who)))).row
        return await self._listed(row)

    async def mark_told(self, told: Entry) -> None:
        """Marks it for who said so in that line of its log, once; taken back it stays so.

        Where that was sealed since, the person's last request is marked.
        """

        def line(row: Dialog, verb: Verb) -> Entry:
            now = self._now()
            drawn = draft(row, f"{told.id}:{verb}", EntryKind.SYSTEM, now, now)
            return replace(drawn, author=told.author, verb=verb)

        row = await self._engine.get(Dialog, told.dialog)
        while row is not None and not is_spam(row):
            try:
                row = (await self._desk.enter(row, _marks(line))).row
                break
            except ConflictError as error:
                if error.code != "sealed" or error.current == row.id:
                    raise
                row = await self._engine.get(Dialog, error.current)
        if row is not None and is_spam(row):
            await self._listed(row)

    async def follow(self, entry: Entry) -> None:
        """Does what follows from a mark that stands; whoever made it may have died before."""
        if entry.verb is Verb.SPAM:
            row = await self._engine.get(Dialog, entry.dialog)
            if row is not None and is_spam(row):
                await self._listed(row)

    async def _listed(self, row: Dialog) -> Dialog:
        await contacts.list_spam(self._engine, row.identity, self._now())
        after = await self._engine.get(Dialog, row.id)
        if is_spam(row) and after is not None and not is_spam(after):
            # The mark was taken back this moment.
            await contacts.list_spam(self._engine, row.identity, None)
            return after
        await leads.withdraw_of(self._engine, self._bus, row, "", "spam", self._now())
        return row

    async def unmark_spam(self, who: Who, id: str) -> Dialog:
        """Takes the mark back; ConflictError("late") once its ten seconds are over."""
        row = await self._desk.dialog(id)
        marked = await self._mark(row)
        if marked is None:
            return row
        if self._now() - marked.stored_at > UNDONE_WITHIN + ON_THE_WAY:
            raise ConflictError("late", marked.stored_at.isoformat())

        def make(current: Dialog) -> Entry:
            entry = self._line(current, Verb.UNSPAM, who)
            return replace(entry, data=marked.data)

        row = (await self._desk.enter(row, make)).row
        await contacts.list_spam(self._engine, row.identity, None)
        return row

    async def refuse(self, who: Who, id: str, what: Sequence[Refusal]) -> Dialog:
        """Keeps what the person wants no more of; nothing in `what` allows all of it again."""
        row = await self._desk.dialog(id)
        contact = await contacts.root(self._engine, row.contact)
        had = {
            name
            for name, at in (
                ("calls", contact.no_calls_at if contact else None),
                ("messages", contact.no_writes_at if contact else None),
            )
            if at is not None
        }
        if had == set(what):
            return await self._stopped(row, what)
        allowed = [name for name in ("calls", "messages") if name not in what]
        await contacts.refuse(self._engine, row.contact, allowed, None)
        await contacts.refuse(self._engine, row.contact, what, self._now())

        def make(current: Dialog) -> Entry:
            entry = self._line(current, Verb.REFUSED, who)
            return replace(entry, data={"what": " ".join(sorted(what))})

        return await self._stopped((await self._desk.enter(row, make)).row, what)

    async def _stopped(self, row: Dialog, what: Sequence[Refusal]) -> Dialog:
        if "calls" in what:
            await leads.stop_all(self._engine, self._bus, row, "opted_out", self._now())
        return row

    async def _mark(self, row: Dialog) -> Entry | None:
        """The mark that stands, None if none does."""
        if not is_spam(row):
            return None
        page = await self._engine.find(
            TIMELINE,
            {"dialog": row.id},
            range=Range("seq", at_most=row.seq),
            descending=True,
            limit=1,
            where=lambda each: each.verb in (Verb.SPAM, Verb.UNSPAM),
            budget=500,
        )
        return page.items[0] if page.items and page.items[0].verb is Verb.SPAM else None

    def _line(self, row: Dialog, verb: Verb, who: Who) -> Entry:
        id = f"{row.id}:{row.seq + 1}:{verb}:{who.operator.id}"
        return self._desk.line(row, who, id, EntryKind.SYSTEM, verb)


def _marks(line: Callable[[Dialog, Verb], Entry]) -> Maker:
    def make(current: Dialog) -> Entry:
        entry = line(current, Verb.SPAM)
        # What was closed ended as it did, also if the mark is taken back.
        cycle = closing(current, entry, "spam") if current.open else current.cycle
        return replace(entry, data=statuses_of(current), cycle=cycle)

    return make
