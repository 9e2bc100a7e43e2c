"""The bytes that people send each other: durable before an entry names them, a day if none does.

A file is a document before its first byte is written and until its last is deleted, so
whatever was cut short is found in the store: `coming` ones that never became `kept`, and
`doomed` ones that nobody can name any more. Its name is only ever shown.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from msgspec.structs import replace

from hub import leases, model
from hub.content import FileKind, Remote
from hub.errors import (
    BadValueError,
    NotFoundError,
    RefusedError,
    RejectedError,
    TooLargeError,
    TransientError,
    UnavailableError,
)
from hub.files import storage, voices
from hub.files.sniff import Sniffed, heard_only, named, sniff
from hub.files.storage import BLOCK_BYTES, Storage, on_disk
from hub.files.thumbs import small_copy
from hub.model import Attachment, File, FileId, ProjectId
from hub.store.engine import AbsentError, Engine, Insert, Range, TakenError
from hub.store.schema import FILES_UNUSED

NAME_MAX_CHARS = 120
ENDING_MAX_CHARS = 12
UNUSED_KEPT = timedelta(hours=24)
LINK_SECONDS = 3_600
RECORDING = "recording"
"""By whom the recordings of calls are kept: no link opens these."""
RECORDING_MAX_BYTES = 300_000_000
"""More than two hours of speech as telephones carry it."""

_FOLDER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID = re.compile(r"[0-9a-f]{32}")
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
COPYING = "backup"
"""The lease of whoever copies the files; nothing is deleted while it is held."""
COPYING_LASTS = timedelta(minutes=10)


class Signer(Protocol):
    """Who makes and checks signatures; `hub.keeping.keys.Keys` is one."""

    def sign(self, purpose: str, text: str) -> str: ...

    def verify(self, purpose: str, text: str, signature: str) -> bool: ...


class Files:
    """All files of all projects in one storage; one that fails is an UnavailableError."""

    def __init__(
        self,
        engine: Engine,
        storage: Storage,
        keys: Signer,
        max_bytes: int,
        now: Callable[[], datetime] = model.now,
        public_url: str = "",
    ) -> None:
        self._engine = engine
        self.storage = storage
        self._keys = keys
        self._max_bytes = max_bytes
        self._now = now
        self.public_url = public_url

    async def keep(
        self, project: ProjectId, name: str, chunks: AsyncIterator[bytes], by: str
    ) -> File:
        """Stores the bytes, durable when it returns; `by` is who may put the file to use.

        Raises TooLargeError as soon as the limit is passed, and BadValueError for no bytes.
        """
        file = self._coming(FileId(secrets.token_hex(16)), project, name, by)
        await self._engine.write(Insert(file))
        return await self._keep(file, self.storage.incoming / file.id, chunks)

    async def keep_as(
        self,
        id: FileId,
        project: ProjectId,
        remote: Remote,
        chunks: AsyncIterator[bytes],
        *,
        by: str,
        used_by: str = "",
    ) -> File:
        """As `keep`, of a file that lies elsewhere, under an id that it is known by before.

        It may be begun again after any death, and what is kept under the id stays. `used_by` is
        the entry that names it already. A name without an ending gets that of what it is.
        """
        file = self._coming(id, project, remote.name, by)
        try:
            await self._engine.write(Insert(file))
        except TakenError:
            file = await self._again(file)
        if file.state == "kept":
            return file
        # A dead process may have left a part of it, and one that is only slow may still write.
        spool = self.storage.incoming / f"{id}-{secrets.token_hex(4)}"
        return await self._keep(file, spool, chunks, claimed=remote.kind, used_by=used_by)

    async def _again(self, file: File) -> File:
        def begun(had: File) -> File | None:
            if had.state == "doomed" or had.project != file.project:
                raise UnavailableError("files: it is being deleted")
            return replace(file, rev=had.rev) if had.state == "coming" else None

        try:
            return await self._engine.change(File, file.id, begun)
        except AbsentError:
            raise UnavailableError("files: it is being deleted") from None

    def _coming(self, id: FileId, project: ProjectId, name: str, by: str) -> File:
        now = self._now()
        file = File(
            id=id,
            project=project,
            name=clean(name),
            mime="",
            kind="file",
            size_bytes=0,
            sha256="",
            by=by,
            state="coming",
            unused_since=now,
            created_at=now,
        )
        key(file)
        return file

    async def _keep(
        self,
        file: File,
        spool: Path,
        chunks: AsyncIterator[bytes],
        *,
        claimed: FileKind | None = None,
        used_by: str = "",
    ) -> File:
        try:
            await on_disk(storage.begin, spool, self._now())
            return await self._kept(file, spool, chunks, claimed, used_by)
        except RefusedError:
            # No byte has reached the storage; what did is known by its document until a sweep.
            await self._engine.delete_if(File, file.id, lambda had: had.state == "coming")
            raise
        finally:
            storage.drop(spool)
            storage.drop(_beside(spool))

    async def _kept(
        self,
        file: File,
        spool: Path,
        chunks: AsyncIterator[bytes],
        claimed: FileKind | None,
        used_by: str,
    ) -> File:
        most = RECORDING_MAX_BYTES if file.by == RECORDING else self._max_bytes
        size, digest = await self._pour(chunks, spool, most)
        found = await on_disk(_sniffed, spool)
        if claimed is not None and await voices.said_again(spool, found.mime):
            found = await on_disk(_sniffed, spool)
            size, digest = await on_disk(_measured, spool)
            file = replace(file, name=file.name.removesuffix(".amr"))
        if claimed == "audio":
            found = heard_only(found)
        small = await small_copy(spool, size) if found.kind == "image" else None
        if small is not None:
            await self._put_small(file, _beside(spool), small)
        await self.storage.put(key(file), spool, digest)
        now = self._now()

        def kept(coming: File) -> File:
            if coming.state != "coming":
                raise UnavailableError("files: it took longer than a file may take")
            return replace(
                coming,
                state="kept",
                name=file.name if claimed is None else clean(named(file.name, found.mime)),
                mime=found.mime,
                kind=found.kind,
                size_bytes=size,
                width=found.width,
                height=found.height,
                thumb=small is not None,
                sha256=digest,
                used=bool(used_by),
                used_by=used_by,
                unused_since=None if used_by else now,
                created_at=now,
            )

        try:
            return await self._engine.change(File, file.id, kept)
        except AbsentError:
            raise UnavailableError("files: it took longer than a file may take") from None

    async def _put_small(self, file: File, spool: Path, small: bytes) -> None:
        await on_disk(storage.begin, spool, self._now())
        await on_disk(storage.append, spool, small)
        await self.storage.put(small_key(file), spool, hashlib.sha256(small).hexdigest())

    async def get(self, id: str) -> File:
        """Raises NotFoundError."""
        file = await self._engine.get(File, id)
        if file is None or file.state != "kept":
            raise NotFoundError(field="file")
        return file

    async def read(self, file: File) -> AsyncIterator[bytes]:
        """The bytes in blocks; raises NotFoundError if they are gone."""
        async for block in self.storage.read(key(file)):
            yield block

    def link(self, id: FileId, name: str, now: datetime, *, small: bool = False) -> str:
        """A path that opens the file for one to two hours, equal within each hour of the clock."""
        until = (int(now.timestamp()) // LINK_SECONDS + 2) * LINK_SECONDS
        signature = self._keys.sign("file", f"{id}:{until}")
        link = f"/files/{id}/{quote(name, safe='')}?e={until}&s={signature}"
        return f"{link}&small=1" if small else link

    def given(self, project: ProjectId) -> Given:
        """The project's files for its channels."""
        return Given(self, project, self.public_url, self._now)

    def check_link(self, id: str, e: str, s: str, now: datetime) -> bool:
        """Whether `link` made it for this file and its time is not over."""
        if not re.fullmatch(r"[1-9][0-9]{0,11}", e) or not _ID.fullmatch(id):
            return False
        return now.timestamp() < int(e) and self._keys.verify("file", f"{id}:{e}", s)

    async def known(self, project: ProjectId, ids: Sequence[str]) -> list[File]:
        """Those of the project's files that are still there, in the order asked for."""
        found = await self._engine.get_many(File, list(ids))
        files = [found[id] for id in ids if id in found]
        return [each for each in files if each.project == project and each.state == "kept"]

    async def attachments(
        self, project: ProjectId, ids: Sequence[str], by: str = ""
    ) -> tuple[Attachment, ...]:
        """The files as an entry names them, in the order asked for.

        Raises BadValueError for a file of another project, and of another person when `by`
        is given.
        """
        found = await self._engine.get_many(File, list(dict.fromkeys(ids)))
        named = []
        for id in dict.fromkeys(ids):
            file = found.get(id)
            if file is None or file.project != project or file.state != "kept":
                raise BadValueError("no such file", field="attachments")
            if by not in ("", file.by):
                raise BadValueError("no such file", field="attachments")
            named.append(attachment(file))
        return tuple(named)

    async def mark_used(self, ids: Sequence[str], entry: str) -> None:
        """Keeps the files for as long as their entries; to be called before the entry is written.

        Repeating it changes nothing. Raises BadValueError for a file that is gone.
        """

        def used(file: File) -> File | None:
            if file.state != "kept":
                raise BadValueError("no such file", field="attachments")
            if not file.used:
                return replace(file, used=True, used_by=entry, unused_since=None)
            if file.shared or file.used_by == entry:
                return None
            return replace(file, shared=True)

        for id in ids:
            try:
                await self._engine.change(File, id, used)
            except AbsentError:
                raise BadValueError("no such file", field="attachments") from None

    async def release(self, ids: Sequence[str], entry: str) -> None:
        """Takes the files from an entry that goes; one that others name too stays."""

        def released(file: File) -> File | None:
            if file.shared or file.used_by != entry:
                return None
            return replace(file, used=False, used_by="", unused_since=self._now())

        for id in ids:
            with suppress(AbsentError):
                await self._engine.change(File, id, released)

    async def discard(self, ids: Sequence[str]) -> None:
        """Deletes at once those that no entry names; the sweep, what is copied or still comes."""
        now = self._now()
        if await leases.held(self._engine, COPYING, now, COPYING_LASTS):
            return
        for file in (await self._engine.get_many(File, list(ids))).values():
            # Who is still writing would leave bytes that no document knows.
            if file.state != "coming":
                await self._remove(file, now + timedelta(milliseconds=1))

    async def sweep(self, now: datetime) -> int:
        """Deletes what no entry named within a day and what was cut short; how many it was.

        It may be killed at any line, and several may run at once. While files are being
        copied nothing is deleted.
        """
        before = now - UNUSED_KEPT
        removed = 0
        after = None
        while True:
            page = await self._engine.find(
                FILES_UNUSED, range=Range("unused_since", below=before), after=after, limit=200
            )
            for file in page.items:
                if await leases.held(self._engine, COPYING, now, COPYING_LASTS):
                    return removed
                removed += await self._remove(file, before)
            after = page.next
            if after is None:
                break
        removed += await on_disk(storage.drop_older, self.storage.incoming, before)
        return removed

    async def _remove(self, file: File, before: datetime) -> bool:
        def doomed(file: File) -> File | None:
            return replace(file, state="doomed") if _is_due(file, before) else None

        try:
            file = await self._engine.change(File, file.id, doomed)
        except AbsentError:
            return False
        if file.state != "doomed":
            return False
        # Whoever dies here leaves a doomed document, and the next sweep does it all again.
        try:
            await self.storage.delete(small_key(file))
            await self.storage.delete(key(file))
        except UnavailableError:
            # One that cannot be deleted keeps the others from it once a day, not for ever.
            with suppress(AbsentError):
                later = self._now()
                await self._engine.change(
                    File, file.id, lambda had: replace(had, unused_since=later)
                )
            raise
        return await self._engine.delete_if(File, file.id, lambda now: now.state == "doomed")

    async def _pour(self, chunks: AsyncIterator[bytes], path: Path, most: int) -> tuple[int, str]:
        digest = hashlib.sha256()
        size = 0
        waiting = bytearray()

        def pour(block: bytes) -> None:
            storage.append(path, block)
            digest.update(block)

        async for chunk in chunks:
            size += len(chunk)
            if size > most:
                raise TooLargeError(f"a file has at most {most} bytes", field="file")
            waiting += chunk
            if len(waiting) >= BLOCK_BYTES:
                await on_disk(pour, bytes(waiting))
                waiting.clear()
        if not size:
            raise BadValueError("the file is empty", field="file")
        await on_disk(pour, bytes(waiting))
        return size, digest.hexdigest()


class Given:
    """The files of one project as its channels may have them: `hub.channels.port.Bytes`."""

    def __init__(
        self, files: Files, project: ProjectId, public_url: str, now: Callable[[], datetime]
    ) -> None:
        self._files = files
        self._project = project
        self._public_url = public_url
        self._now = now

    async def read(self, file: Attachment) -> AsyncIterator[bytes]:
        """Its bytes; RejectedError if they are gone, TransientError if the storage is away."""
        try:
            known = await self._files.get(file.id)
            if known.project != self._project:
                raise NotFoundError
            async for block in self._files.read(known):
                yield block
        except NotFoundError:
            raise RejectedError("file_gone", reason="file_gone") from None
        except UnavailableError:
            raise TransientError("storage", reason="internal") from None

    def link(self, file: Attachment) -> str:
        if not self._public_url:
            return ""
        return self._public_url + self._files.link(file.id, file.name, self._now())


def key(file: File) -> str:
    """Where the bytes lie in the storage; nothing a person wrote has a part in it."""
    if not _FOLDER.fullmatch(file.project) or not _ID.fullmatch(file.id):
        raise NotFoundError(field="file")
    return f"{file.project}/{file.id[:2]}/{file.id}"


def small_key(file: File) -> str:
    """Where the small copy of a picture lies."""
    return f"{key(file)}.webp"


def attachment(file: File) -> Attachment:
    """The file as an entry names it."""
    return Attachment(
        id=FileId(file.id),
        name=file.name,
        mime=file.mime,
        size_bytes=file.size_bytes,
        kind=file.kind,
        width=file.width,
        height=file.height,
        thumb=file.thumb,
    )


def clean(name: str) -> str:
    """A name fit to be shown and saved under: no path, nothing unseen, its ending kept."""
    name = unicodedata.normalize("NFC", name)
    name = "".join(
        " " if each.isspace() else each
        for each in name
        if each.isspace() or unicodedata.category(each) not in _UNSEEN
    )
    name = re.split(r"[/\\]", name.rstrip("/\\ "))[-1]
    name = re.sub(r'[<>:"|?*]', "_", " ".join(name.split())).strip(" .")
    if _DEVICE.fullmatch(name):
        name = f"_{name}"
    stem, dot, ending = name.rpartition(".")
    if len(name) > NAME_MAX_CHARS:
        kept = f"{dot}{ending}" if stem and len(ending) <= ENDING_MAX_CHARS else ""
        name = name[: NAME_MAX_CHARS - len(kept)].rstrip(" .") + kept
    return name or "file"


def _is_due(file: File, before: datetime) -> bool:
    return file.unused_since is not None and file.unused_since < before


def _beside(spool: Path) -> Path:
    return spool.with_suffix(".webp")


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return stream.tell(), digest


def _sniffed(path: Path) -> Sniffed:
    with path.open("rb") as stream:
        return sniff(stream)
