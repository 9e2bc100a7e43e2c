"""What was promised of a platform and comes: the bytes of a file, who a person is.

Each step leaves what the next try goes on from; what is here already is not asked for again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from shutil import disk_usage
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from hub import dialogs, legible, marks
from hub.bus import Bus
from hub.channels.in_use import Channels
from hub.channels.port import ChannelKind, Profile
from hub.content import Remote
from hub.errors import (
    BadValueError,
    NotFoundError,
    RejectedError,
    TooLargeError,
    TransientError,
    UnavailableError,
    UnreachableError,
)
from hub.events import DialogChanged, EntryChanged
from hub.files.kept import Files, attachment
from hub.files.storage import on_disk
from hub.model import (
    Attachment,
    Dialog,
    Entry,
    EntryKind,
    File,
    FileId,
    Identity,
    IdentityId,
    Verb,
)
from hub.people import contacts
from hub.records import Fetch
from hub.store.engine import AbsentError, Engine

PROFILE_TIMEOUT = timedelta(seconds=30)
PICTURE_MAX_BYTES = 5_000_000
LOOK_AT_DISK_EVERY = 1_000_000

FILES_OF_ONE = 100
FILES_PERIOD = timedelta(minutes=10)

Outcome = Literal["kept", "gone", "early", "many"]
"""It is here; nobody wants it any more; what wants it is not here yet; its sender sent many."""


class _NamedError(Exception):
    """The dialog has a name."""


class Arrivals:
    """Each method raises the DeliveryErrors of the platform, and UnavailableError."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        files: Files,
        now: Callable[[], datetime],
        *,
        max_bytes: int,
        spare_bytes: int,
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._files = files
        self._now = now
        self._max_bytes = max_bytes
        self._spare_bytes = spare_bytes

    async def file(self, promise: Fetch) -> Outcome:
        """Brings the file of an entry, and tells the screens."""
        entry = await self._engine.get(Entry, promise.entry)
        if promise.ends or entry is None:
            if not promise.ends:
                return "early"
            await self.let_go(promise)
            return "gone"
        wanted = next((each for each in entry.attachments if each.id == promise.id), None)
        if wanted is None or not (wanted.coming or wanted.lost):
            # Whoever brought it may have died before it told the screens.
            await self._announce(entry)
            return "gone"
        if entry.deleted_at is not None:
            await self.lost(promise, "file_gone")
            return "gone"
        file = await self._engine.get(File, promise.id)
        if file is None or file.state != "kept":
            # Who sends files without end keeps those of others waiting no longer than this.
            if await self._bus.allow(f"fetches:{entry.dialog}", FILES_OF_ONE, FILES_PERIOD):
                return "many"
            remote = replace(_remote(promise), name=wanted.name)
            file = await self._download(promise, FileId(promise.id), remote, used_by=entry.id)
        arrived = attachment(file)
        # Who erased the entry meanwhile has left the promise, to let go of the file by it.
        await self.change(entry, file.id, lambda _: arrived)
        return "kept"

    async def let_go(self, promise: Fetch) -> None:
        """Nobody names the file, whether it is here or not."""
        await self._files.release([promise.id], promise.entry)
        await self._files.discard([promise.id])

    async def lost(self, promise: Fetch, reason: str) -> None:
        entry = await self._engine.get(Entry, promise.entry)
        if entry is not None:
            await self.change(
                entry,
                promise.id,
                lambda had: replace(had, coming=False, lost=reason),
            )

    async def change(
        self, entry: Entry, file: str, how: Callable[[Attachment], Attachment | None]
    ) -> Entry | None:
        """The entry with that file of it otherwise, if it is not here; None without the entry."""
        now = self._now()

        def changed(had: Entry) -> Entry | None:
            after = tuple(
                (how(each) or each) if each.id == file and (each.coming or each.lost) else each
                for each in had.attachments
            )
            if after == had.attachments:
                return None
            return replace(had, attachments=after, changed_at=now, reread_at=now)

        try:
            return await marks.change(self._engine, self._bus, entry, changed)
        except AbsentError:
            return None

    async def _announce(self, entry: Entry) -> None:
        row = await self._engine.get(Dialog, entry.dialog)
        if row is not None:
            await self._bus.announce(
                EntryChanged(
                    project=row.project, channel=row.channel, identity=row.identity, entry=entry
                )
            )

    async def _download(
        self,
        promise: Fetch,
        id: FileId,
        remote: Remote,
        *,
        used_by: str = "",
        at_most: int | None = None,
    ) -> File:
        most = min(at_most or self._max_bytes, self._max_bytes)
        if remote.size_bytes > most:
            raise RejectedError("too_large", reason="too_large")
        chunks = self._channel(promise).fetch(remote)
        try:
            return await self._files.keep_as(
                id,
                promise.project,
                remote,
                self._counted(chunks, most),
                by=f"channel:{promise.channel}",
                used_by=used_by,
            )
        except TooLargeError:
            raise RejectedError("too_large", reason="too_large") from None
        except BadValueError:
            raise TransientError("empty", reason="file_gone") from None
        finally:
            if (close := getattr(chunks, "aclose", None)) is not None:
                await close()

    async def _counted(self, chunks: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
        """The bytes, as many as one file and this disk may have."""
        read = checked = 0
        async for chunk in chunks:
            if read >= checked:
                await on_disk(self._room)
                checked = read + LOOK_AT_DISK_EVERY
            read += len(chunk)
            if read > most:
                raise TooLargeError(field="file")
            yield chunk

    def _room(self) -> None:
        folder: Path = self._files.storage.incoming
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        if disk_usage(folder).free < self._spare_bytes:
            raise UnavailableError("the disk is nearly full")

    def _channel(self, promise: Fetch) -> ChannelKind[Any]:
        try:
            return self._channels.get(promise.channel)
        except NotFoundError:
            raise UnavailableError("the channel was switched off") from None

    async def profile(self, promise: Fetch, id: IdentityId) -> Outcome:
        """Asks who that is, and writes it down where it is not known."""
        identity = await self._engine.get(Identity, id)
        row = await dialogs.latest(self._engine, promise.project, id)
        if identity is None or row is None or row.seq == 0:
            return "early"
        async with asyncio.timeout(PROFILE_TIMEOUT.total_seconds()):
            told = await self._channel(promise).profile(identity.external_id) or Profile()
        told = replace(
            told,
            name=legible.line(told.name, legible.NAME_MAX),
            username=legible.line(told.username, legible.NAME_MAX),
        )
        await self.met(id, told, await self._picture(promise, identity, told.picture))
        if told.name:
            await contacts.fill(self._engine, identity.contact, name=told.name)
            await self._name_row(row, told.name)
        return "kept"

    async def _picture(
        self, promise: Fetch, identity: Identity, remote: Remote | None
    ) -> File | None:
        """The picture, kept for a day until the identity names it; without one all works."""
        if remote is None:
            return None
        id = FileId(hashlib.sha256(f"{identity.id}:{remote.ref}".encode()).hexdigest()[:32])
        try:
            remote = replace(remote, name=remote.name or "photo", kind="image")
            file = await self._download(promise, id, remote, at_most=PICTURE_MAX_BYTES)
        except (RejectedError, UnreachableError):
            return None
        return file if file.kind == "image" else None

    async def met(self, id: IdentityId, told: Profile, picture: File | None = None) -> None:
        """Writes down what was told of the person, and that it was asked."""
        before = ""

        def met(had: Identity) -> Identity:
            nonlocal before
            before = had.picture
            return replace(
                had,
                name=told.name or had.name,
                username=told.username or had.username,
                picture=picture.id if picture is not None else had.picture,
                met_at=self._now(),
            )

        try:
            await self._engine.change(Identity, id, met)
        except AbsentError:
            return
        if picture is not None:
            await self._files.mark_used([picture.id], id)
            if before not in ("", picture.id):
                await self._files.release([before], id)

    async def _name_row(self, row: Dialog, name: str) -> None:
        """A line that gives the dialog its name, if nobody has."""

        def make(current: Dialog) -> Entry:
            if current.name:
                raise _NamedError
            now = self._now()
            line = dialogs.draft(current, f"{current.id}:name", EntryKind.SYSTEM, now, now)
            return replace(line, verb=Verb.FIELDS, data={"name": name})

        try:
            appended = await dialogs.append(self._engine, row, make)
        except (_NamedError, dialogs.SealedError):
            return
        await self._bus.announce(
            DialogChanged(project=row.project, dialog=appended.row, entries=(appended.entry,))
        )
        await self._bus.wake("rules")


def _remote(promise: Fetch) -> Remote:
    try:
        return msgspec.json.decode(promise.remote, type=Remote)
    except msgspec.MsgspecError:
        raise RejectedError("unreadable", reason="internal") from None
