"""What operators do: take, answer, note, hand over, return, close, reopen.

Every verb appends an entry drawn for the row as it truly stands, so of twenty takes at
once one wins and nineteen are told who.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub import delivery
from hub.accounts import Who
from hub.bus import LOOK_LASTS, Bus
from hub.channels.abilities import Capabilities
from hub.channels.in_use import Channels
from hub.channels.signals import Signals
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
from hub.events import DialogChanged, OperatorLooking, OperatorTyping
from hub.files.kept import Files
from hub.finding import bookmarks
from hub.finding.bookmarks import Begun, Bookmark
from hub.finding.lists import status
from hub.fold import closing
from hub.legible import legible
from hub.model import (
    Author,
    Awaits,
    Dialog,
    DialogId,
    Entry,
    EntryId,
    EntryKind,
    FileId,
    Operator,
    OutState,
    Verb,
)
from hub.rights import Right, What, may
from hub.statuses import Status
from hub.store.engine import AbsentError, Engine, Insert, TakenError
from hub.store.schema import MEMBERS

KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
NOTE_MAX_CHARS = 10_000
RESULT_MAX_CHARS = 200
DRAFT_MAX_CHARS = 20_000


class Desk:
    """The caller has already checked that `who` may do this in the dialog's project."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        files: Files,
        now: Callable[[], datetime],
        signals: Signals,
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._files = files
        self._now = now
        self._signals = signals

    async def dialog(self, id: str) -> Dialog:
        row = await self._engine.get(Dialog, id)
        if row is None or row.seq == 0:
            raise NotFoundError
        return row

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

        Raises ConflictError("taken"), ("closed"), ("sealed") or ("window") with how things stand,
        and ("mute") where nothing can be said.
        """
        row = await self.dialog(id)
        own = key_of(row, who, key)
        known = await self._known(row, own)
        if known is not None:
            # What cut the first try short may have left the row without its lane.
            await level(self._engine, DialogId(row.id))
            await self._bus.wake(delivery.WAKE)
            await self._sent(row, who, "reply", known, fresh=False)
            return known, False
        text = legible(text)
        limits = self._channels.get(row.channel).capabilities
        if limits.mute:
            raise ConflictError("mute")
        if len(text) > limits.text_max_chars:
            raise TooLargeError(f"at most {limits.text_max_chars} characters", field="text")
        if len(attachments) > limits.attachments_max:
            raise TooLargeError(f"at most {limits.attachments_max} files", field="attachments")
        if not text.strip() and not attachments:
            raise BadValueError("says nothing", field="text")
        if reply_to and not await speaks_with(self._engine, row.identity, reply_to):
            raise BadValueError("no such message", field="reply_to")
        if limits.window and not is_open(row, limits, self._now()):
            raise ConflictError("window", row.heard_at.isoformat() if row.heard_at else "")
        named = await self._files.attachments(row.project, attachments, who.id)
        if any(each.size_bytes > limits.attachment_max_bytes for each in named):
            raise TooLargeError(f"at most {limits.attachment_max_bytes} bytes", field="attachments")
        await self._files.mark_used([each.id for each in named], own)
        if row.owner != who.operator.id:
            row = await self.take(who, id)

        def make(current: Dialog) -> Entry:
            _open(current)
            if current.owner != who.operator.id:
                raise ConflictError("taken", current.owner_name)
            return replace(
                self.line(current, who, own, EntryKind.OUT),
                text=text,
                attachments=named,
                reply_to=reply_to,
                state=OutState.QUEUED,
                pending=True,
            )

        appended = await self.enter(row, make, own)
        await self._bus.wake(delivery.WAKE)
        self._signals.answered(appended.row)
        await self._sent(row, who, "reply", appended.entry, fresh=appended.fresh)
        return appended.entry, appended.fresh

    async def note(self, who: Who, id: str, key: str, text: str) -> tuple[Entry, bool]:
        """Keeps a note that only operators see; once for each `key`."""
        text = legible(text)
        if not text.strip():
            raise BadValueError("says nothing", field="text")
        if len(text) > NOTE_MAX_CHARS:
            raise TooLargeError(f"at most {NOTE_MAX_CHARS} characters", field="text")
        row = await self.dialog(id)
        own = key_of(row, who, key)

        def make(current: Dialog) -> Entry:
            return replace(self.line(current, who, own, EntryKind.NOTE), text=text)

        appended = await self.enter(row, make, own)
        await self._sent(row, who, "note", appended.entry, fresh=appended.fresh)
        return appended.entry, appended.fresh

    async def retry(self, who: Who, id: str, entry_id: str) -> Entry:
        """Sends a failed or unknown message again, at the operator's word."""
        row = await self.dialog(id)
        entry = await self._engine.get(Entry, EntryId(entry_id))
        if entry is None or entry.dialog != row.id or entry.kind is not EntryKind.OUT:
            raise NotFoundError
        if entry.state not in (OutState.FAILED, OutState.UNKNOWN) or entry.deleted_at:
            raise ConflictError("not_failed", entry.state or "")
        failed = entry.rev

        def make(current: Dialog) -> Entry:
            order = self.line(
                current, who, f"{entry.id}:retry:{failed}", EntryKind.SYSTEM, Verb.RETRIED
            )
            return replace(order, data={"entry": entry.id}, pending=True)

        await self.enter(row, make)
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

    async def assign(self, who: Who, id: str, operator: str) -> Dialog:
        """Makes the dialog another's, or one's own.

        Raises BadValueError for somebody who could not answer in it.
        """
        to = await self._able(await self.dialog(id), operator)

        def make(current: Dialog) -> Entry:
            _open(current)
            if current.owner == to.id:
                raise _AlreadyError
            _mine(current, who)
            entry = self._system(current, who, Verb.ASSIGNED)
            return replace(entry, data={"operator": to.id, "name": to.name})

        return await self._decide(id, make)

    async def no_reply(self, who: Who, id: str) -> Dialog:
        """Lets nobody wait any more; ConflictError("answered") if nobody does."""

        def make(current: Dialog) -> Entry:
            _open(current)
            if current.awaits is not Awaits.OPERATOR and not current.unanswered:
                raise ConflictError("answered", current.id)
            return self._system(current, who, Verb.NO_REPLY)

        return await self._decide(id, make)

    async def emailed(self, who: Who, id: str) -> Dialog:
        """Notes that the person was answered by a letter, which the hub has not seen."""

        def make(current: Dialog) -> Entry:
            if status(current) is Status.EMAIL:
                raise _AlreadyError
            return self._system(current, who, Verb.EMAILED)

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
        self._signals.typing(row)
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

    async def look(self, who: Who, id: str, screen: str, *, here: bool = True) -> None:
        """Tells the others that the dialog is before this operator, or is no more on that screen.

        To be repeated while it is so.
        """
        row = await self.dialog(id)
        dialog = DialogId(row.id)
        await self._bus.look(dialog, who.id, screen, LOOK_LASTS if here else timedelta(0))
        if not here and who.id in await self._bus.lookers(dialog):
            return
        await self._bus.announce(
            OperatorLooking(
                project=row.project,
                channel=row.channel,
                dialog=dialog,
                operator=who.id,
                name=who.operator.name,
                here=here,
            )
        )

    async def company(self, who: Who, row: Dialog) -> list[Operator]:
        """The other operators who look at the dialog now."""
        others = await self._bus.lookers(DialogId(row.id)) - {who.id}
        found = await self._engine.get_many(Operator, sorted(others))
        return sorted(found.values(), key=lambda each: each.name)

    async def bookmark(self, who: Who, row: Dialog) -> Bookmark:
        had = await self._engine.get(Bookmark, bookmarks.blank(row, who.id, self._now()).id)
        return had or bookmarks.blank(row, who.id, self._now())

    async def see(self, who: Who, row: Dialog, seq: int) -> None:
        """Remembers the entries up to `seq` as read; that only grows, and ends with the log."""
        upto = min(seq, row.seq)
        self._signals.seen(row, upto)
        await self._mark(row, who, lambda had: bookmarks.seen(had, upto, self._now()))

    async def begin(self, who: Who, row: Dialog, draft: Begun) -> None:
        """Keeps what is being written; raises BadValueError for files that are not his."""
        if len(draft.text) > DRAFT_MAX_CHARS:
            raise TooLargeError(f"at most {DRAFT_MAX_CHARS} characters", field="text")
        draft = replace(draft, text=legible(draft.text), saved_at=self._now())
        await self._files.attachments(row.project, draft.attachments, who.id)
        await self._mark(row, who, lambda had: bookmarks.begun(had, draft))

    async def _sent(
        self, row: Dialog, who: Who, mode: bookmarks.Mode, entry: Entry, *, fresh: bool
    ) -> None:
        """Ends the draft that became the entry; by a repeat, only one that says the same."""

        def ended(had: Bookmark) -> Bookmark | None:
            if not fresh and (had.draft is None or had.draft.text != entry.text):
                return None
            return bookmarks.ended(had, mode, self._now())

        if (await self.bookmark(who, row)).draft is not None:
            await self._mark(row, who, ended)

    async def _mark(
        self, row: Dialog, who: Who, how: Callable[[Bookmark], Bookmark | None]
    ) -> None:
        """Changes the operator's bookmark, and puts one only where there is something to keep."""
        blank = bookmarks.blank(row, who.id, self._now())
        try:
            await self._engine.change(Bookmark, blank.id, how)
        except AbsentError:
            fresh = how(blank)
            if fresh is None:
                return
            try:
                await self._engine.write(Insert(fresh))
            except TakenError:
                await self._engine.change(Bookmark, blank.id, how)
            # Whoever deletes the dialog says so in its row before, so one sees the other.
            now = await self._engine.get(Dialog, row.id)
            if now is None or now.dropped_at is not None:
                await self._engine.delete_if(Bookmark, blank.id, lambda _: True)

    async def _able(self, row: Dialog, operator: str) -> Operator:
        page = await self._engine.find(
            MEMBERS, {"project": row.project, "operator": operator}, limit=1
        )
        to = await self._engine.get(Operator, operator)
        if not page.items or to is None or to.disabled_at is not None:
            raise BadValueError("nobody of this project", field="operator")
        if row.channel not in (page.items[0].channels or (row.channel,)):
            raise BadValueError("does not see this channel", field="operator")
        return to

    async def _decide(self, id: str, make: Maker) -> Dialog:
        row = await self.dialog(id)
        try:
            return (await self.enter(row, make)).row
        except _AlreadyError:
            return await level(self._engine, DialogId(row.id))

    async def enter(self, row: Dialog, make: Maker, key: EntryId | None = None) -> Appended:
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

    def line(
        self, row: Dialog, who: Who, id: str, kind: EntryKind, verb: Verb | None = None
    ) -> Entry:
        """An entry of this operator's that would be the next of the row."""
        now = self._now()
        author = Author("operator", who.operator.id, who.operator.name)
        return replace(draft(row, id, kind, now, now), author=author, verb=verb)

    def _system(self, row: Dialog, who: Who, verb: Verb) -> Entry:
        """A decision's id follows from where it would stand, so it is made once there."""
        id = f"{row.id}:{row.seq + 1}:{verb}:{who.operator.id}"
        return self.line(row, who, id, EntryKind.SYSTEM, verb)


class _AlreadyError(Exception):
    """Nothing has to be done."""


def key_of(row: Dialog, who: Who, key: str) -> EntryId:
    """The id of what the operator's client calls by that key; BadValueError if it is none."""
    if not KEY.fullmatch(key):
        raise BadValueError("8 to 64 of A-Z a-z 0-9 _ -", field="key")
    return EntryId(f"{row.id}:{who.operator.id}:{key}")


def is_open(row: Dialog, can: Capabilities, at: datetime) -> bool:
    """Whether the platform lets one write freely so long after the person's last word."""
    return not can.window or (row.heard_at is not None and at - row.heard_at <= can.window)


def _open(row: Dialog) -> None:
    if not row.open:
        raise ConflictError("closed", row.id)


def _mine(row: Dialog, who: Who) -> None:
    if not may(who, Right.RELEASE, What(row.project, row.channel, row.owner)):
        raise ConflictError("taken", row.owner_name)
