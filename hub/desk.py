"""What operators do: look, take, answer, note, return, close, reopen.

Every verb appends an entry drawn for the row as it truly stands, so of twenty takes at
once one wins and nineteen are told who.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec.structs import replace

from hub import delivery
from hub.accounts import Who
from hub.bus import Bus
from hub.channels import Channels
from hub.dialogs import (
    Appended,
    Maker,
    SealedError,
    append,
    draft,
    latest,
    level,
    read_log,
    speaks_with,
)
from hub.errors import BadValueError, ConflictError, NotFoundError, TooLargeError
from hub.events import DialogChanged, OperatorTyping
from hub.files import Files
from hub.fold import closing
from hub.legible import legible
from hub.model import (
    Author,
    Awaits,
    Contact,
    Dialog,
    DialogId,
    Entry,
    EntryId,
    EntryKind,
    FileId,
    OutState,
    ProjectId,
    Verb,
)
from hub.rights import Right, What, may
from hub.store.engine import Engine, Index, Page
from hub.store.schema import BY_AWAITS, BY_CONTACT, BY_LIFE, BY_OWNER

KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
NOTE_MAX_CHARS = 10_000
RESULT_MAX_CHARS = 200
COUNT_CAP = 1_000
OTHERS_MAX = 10
VIEWS = ("queue", "mine", "all", "closed")


class Desk:
    """The caller has already checked that `who` may do this in the dialog's project."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        files: Files,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._files = files
        self._now = now

    async def dialogs(
        self,
        who: Who,
        project: ProjectId,
        view: str,
        *,
        channel: str = "",
        awaits: str = "",
        sort: str = "last",
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Dialog]:
        """One page of a list: newest action first, or the longest waiting first.

        Looks at no more than a bounded number of rows; a page may be short of `limit` and
        still have a `next`.
        """
        index, equal, descending = _walk(who, project, view, sort)
        allowed = who.channels(project)

        def passes(row: Dialog) -> bool:
            return (
                row.seq > 0
                and (not channel or row.channel == channel)
                and (not awaits or row.awaits == awaits)
                and (allowed is None or row.channel in allowed)
                and (view != "queue" or row.owner is None)
                and (view != "mine" or row.owner == who.operator.id)
            )

        return await self._engine.find(
            index, equal, descending=descending, after=after, limit=limit, where=passes
        )

    async def counts(self, who: Who, project: ProjectId) -> dict[str, tuple[int, bool]]:
        """How many dialogs each list has, and whether there are more than were counted."""
        walks: dict[str, tuple[Index[Dialog], dict[str, str | bool | None]]] = {
            "queue": (BY_OWNER, {"project": project, "open": True, "owner": None}),
            "mine": (BY_OWNER, {"project": project, "open": True, "owner": who.operator.id}),
            "all": (BY_LIFE, {"project": project, "open": True}),
            "waiting": (
                BY_AWAITS,
                {"project": project, "open": True, "awaits": Awaits.OPERATOR},
            ),
        }
        allowed = who.channels(project)
        counts = {}
        for name, (index, equal) in walks.items():
            if allowed is None:
                n = await self._engine.count(index, equal, cap=COUNT_CAP + 1)
                counts[name] = (min(n, COUNT_CAP), n > COUNT_CAP)
            else:
                page = await self._engine.find(
                    index,
                    equal,
                    limit=COUNT_CAP,
                    where=lambda row: row.channel in allowed,
                    budget=COUNT_CAP,
                )
                counts[name] = (len(page.items), page.next is not None)
        return counts

    async def dialog(self, id: str) -> Dialog:
        row = await self._engine.get(Dialog, id)
        if row is None or row.seq == 0:
            raise NotFoundError
        return row

    async def contact(self, row: Dialog) -> Contact:
        contact = await self._engine.get(Contact, row.contact)
        if contact is None:
            raise NotFoundError
        return contact

    async def others(self, row: Dialog) -> list[Dialog]:
        """Other episodes of the same contact, the newest first."""
        page = await self._engine.find(
            BY_CONTACT,
            {"project": row.project, "contact": row.contact},
            descending=True,
            limit=OTHERS_MAX,
            where=lambda other: other.id != row.id and other.seq > 0,
        )
        return page.items

    async def log(
        self,
        id: DialogId,
        *,
        after_seq: int | None = None,
        before_seq: int | None = None,
        limit: int = 50,
    ) -> tuple[list[Entry], bool]:
        return await read_log(
            self._engine, id, after_seq=after_seq, before_seq=before_seq, limit=limit
        )

    async def reply(
        self,
        who: Who,
        id: str,
        key: str,
        text: str,
        attachments: Sequence[FileId] = (),
        reply_to: str = "",
    ) -> tuple[Entry, bool]:
        """Says it to the visitor, taking the dialog if nobody owns it; once for each `key`.

        Raises ConflictError("taken"), ("closed") or ("sealed") with how things stand.
        """
        row = await self.dialog(id)
        own = _key(row, who, key)
        known = await self._known(row, own)
        if known is not None:
            # What cut the first try short may have left the row without its lane.
            await level(self._engine, DialogId(row.id))
            await self._bus.wake(delivery.WAKE)
            return known, False
        text = legible(text)
        limits = self._channels.get(row.channel).capabilities
        if len(text) > limits.text_max_chars:
            raise TooLargeError(f"at most {limits.text_max_chars} characters", field="text")
        if len(attachments) > limits.attachments_max:
            raise TooLargeError(f"at most {limits.attachments_max} files", field="attachments")
        if not text.strip() and not attachments:
            raise BadValueError("says nothing", field="text")
        if reply_to and not await speaks_with(self._engine, row.identity, reply_to):
            raise BadValueError("no such message", field="reply_to")
        named = await self._files.attachments(row.project, attachments, who.id)
        await self._files.mark_used([each.id for each in named], own)
        if row.owner != who.operator.id:
            row = await self.take(who, id)

        def make(current: Dialog) -> Entry:
            _open(current)
            if current.owner != who.operator.id:
                raise ConflictError("taken", current.owner_name)
            return replace(
                self._draft(current, who, own, EntryKind.OUT),
                text=text,
                attachments=named,
                reply_to=reply_to,
                state=OutState.QUEUED,
                pending=True,
            )

        appended = await self._append(row, make, own)
        await self._bus.wake(delivery.WAKE)
        return appended.entry, appended.fresh

    async def note(self, who: Who, id: str, key: str, text: str) -> tuple[Entry, bool]:
        """Keeps a note that only operators see; once for each `key`."""
        text = legible(text)
        if not text.strip():
            raise BadValueError("says nothing", field="text")
        if len(text) > NOTE_MAX_CHARS:
            raise TooLargeError(f"at most {NOTE_MAX_CHARS} characters", field="text")
        row = await self.dialog(id)
        own = _key(row, who, key)

        def make(current: Dialog) -> Entry:
            return replace(self._draft(current, who, own, EntryKind.NOTE), text=text)

        appended = await self._append(row, make, own)
        return appended.entry, appended.fresh

    async def retry(self, who: Who, id: str, entry_id: str) -> Entry:
        """Sends a failed or unknown message again, at the operator's word."""
        row = await self.dialog(id)
        entry = await self._engine.get(Entry, EntryId(entry_id))
        if entry is None or entry.dialog != row.id or entry.kind is not EntryKind.OUT:
            raise NotFoundError
        if entry.state not in (OutState.FAILED, OutState.UNKNOWN):
            raise ConflictError("not_failed", entry.state or "")
        failed = entry.rev

        def make(current: Dialog) -> Entry:
            order = self._draft(
                current, who, f"{entry.id}:retry:{failed}", EntryKind.SYSTEM, Verb.RETRIED
            )
            return replace(order, data={"entry": entry.id}, pending=True)

        await self._append(row, make)
        await self._bus.wake(delivery.WAKE)
        return entry

    async def take(self, who: Who, id: str) -> Dialog:
        """Makes the dialog mine; ConflictError("taken") names who was first."""

        def make(current: Dialog) -> Entry:
            _open(current)
            if current.owner is not None and current.owner != who.operator.id:
                raise ConflictError("taken", current.owner_name)
            if current.owner == who.operator.id:
                raise _AlreadyError
            return self._system(current, who, Verb.TAKEN)

        return await self._decide(id, make)

    async def give_back(self, who: Who, id: str) -> Dialog:
        """Puts the dialog back into the queue."""

        def make(current: Dialog) -> Entry:
            _open(current)
            if current.owner is None:
                raise _AlreadyError
            _mine(current, who)
            return self._system(current, who, Verb.RETURNED)

        return await self._decide(id, make)

    async def close(self, who: Who, id: str, result: str = "") -> Dialog:
        """Ends the cycle; its times are kept with the entry that closed it."""
        result = legible(result)
        if len(result) > RESULT_MAX_CHARS:
            raise TooLargeError(f"at most {RESULT_MAX_CHARS} characters", field="result")

        def make(current: Dialog) -> Entry:
            if not current.open:
                raise _AlreadyError
            _mine(current, who)
            entry = self._system(current, who, Verb.CLOSED)
            return replace(entry, cycle=closing(current, entry, result))

        return await self._decide(id, make)

    async def reopen(self, who: Who, id: str) -> Dialog:
        """Opens the last episode again as mine; ConflictError("sealed") names the current one."""

        def make(current: Dialog) -> Entry:
            if current.open:
                raise _AlreadyError
            return self._system(current, who, Verb.REOPENED)

        return await self._decide(id, make)

    async def typing(self, who: Who, id: str) -> None:
        row = await self.dialog(id)
        await self._bus.announce(
            OperatorTyping(
                project=row.project,
                channel=row.channel,
                identity=row.identity,
                dialog=DialogId(row.id),
                operator=who.id,
                name=who.operator.name,
            )
        )

    async def _decide(self, id: str, make: Maker) -> Dialog:
        row = await self.dialog(id)
        try:
            return (await self._append(row, make)).row
        except _AlreadyError:
            return await level(self._engine, DialogId(row.id))

    async def _append(self, row: Dialog, make: Maker, key: EntryId | None = None) -> Appended:
        """Appends and announces; a refusal of what is already in the log is no refusal."""
        try:
            appended = await append(self._engine, row, make)
        except ConflictError:
            known = await self._known(row, key) if key else None
            if known is None:
                raise
            return Appended(known, row, fresh=False)
        except SealedError:
            last = await latest(self._engine, row.project, row.identity)
            raise ConflictError("sealed", last.id if last else "") from None
        await self._bus.announce(
            DialogChanged(project=row.project, dialog=appended.row, entries=(appended.entry,))
        )
        await self._bus.wake("rules")
        return appended

    async def _known(self, row: Dialog, key: EntryId) -> Entry | None:
        entry = await self._engine.get(Entry, key)
        return entry if entry is not None and entry.dialog == row.id else None

    def _draft(
        self, row: Dialog, who: Who, id: str, kind: EntryKind, verb: Verb | None = None
    ) -> Entry:
        now = self._now()
        author = Author("operator", who.operator.id, who.operator.name)
        return replace(draft(row, id, kind, now, now), author=author, verb=verb)

    def _system(self, row: Dialog, who: Who, verb: Verb) -> Entry:
        """A decision's id follows from where it would stand, so it is made once there."""
        id = f"{row.id}:{row.seq + 1}:{verb}:{who.operator.id}"
        return self._draft(row, who, id, EntryKind.SYSTEM, verb)


class _AlreadyError(Exception):
    """Nothing has to be done."""


def _walk(
    who: Who, project: ProjectId, view: str, sort: str
) -> tuple[Index[Dialog], dict[str, str | bool | None], bool]:
    if view not in VIEWS:
        raise BadValueError(f"one of {', '.join(VIEWS)}", field="view")
    if sort not in ("last", "waiting"):
        raise BadValueError("last or waiting", field="sort")
    if view == "closed":
        return BY_LIFE, {"project": project, "open": False}, True
    if sort == "waiting":
        return BY_AWAITS, {"project": project, "open": True, "awaits": Awaits.OPERATOR}, False
    if view == "all":
        return BY_LIFE, {"project": project, "open": True}, True
    owner = None if view == "queue" else who.operator.id
    return BY_OWNER, {"project": project, "open": True, "owner": owner}, True


def _key(row: Dialog, who: Who, key: str) -> EntryId:
    if not KEY.fullmatch(key):
        raise BadValueError("8 to 64 of A-Z a-z 0-9 _ -", field="key")
    return EntryId(f"{row.id}:{who.operator.id}:{key}")


def _open(row: Dialog) -> None:
    if not row.open:
        raise ConflictError("closed", row.id)


def _mine(row: Dialog, who: Who) -> None:
    if not may(who, Right.RELEASE, What(row.project, row.channel, row.owner)):
        raise ConflictError("taken", row.owner_name)
