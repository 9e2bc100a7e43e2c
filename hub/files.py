"""The bytes that people send each other: durable before an entry names them, a day if none does.

A file lies under its project's folder by its id; its name is only ever shown. Beside the
files stands a folder of marks: a mark is made before a file is begun or deleted and taken
away when the store agrees, so whatever was cut short is found by its mark alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import unicodedata
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar
from urllib.parse import quote

from msgspec.structs import replace

from hub import model
from hub.errors import BadValueError, NotFoundError, TooLargeError, UnavailableError
from hub.model import Attachment, File, FileId, ProjectId
from hub.sniff import Sniffed, sniff
from hub.store.engine import AbsentError, Engine, Insert, Range
from hub.store.schema import FILES_UNUSED

BLOCK_BYTES = 256 * 1024
NAME_MAX_CHARS = 120
ENDING_MAX_CHARS = 12
UNUSED_KEPT = timedelta(hours=24)
LINK_SECONDS = 3_600

_FOLDER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID = re.compile(r"[0-9a-f]{32}")
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

P = ParamSpec("P")
T = TypeVar("T")


class Signer(Protocol):
    """Who makes and checks signatures; `hub.keys.Keys` is one."""

    def sign(self, purpose: str, text: str) -> str: ...

    def verify(self, purpose: str, text: str, signature: str) -> bool: ...


class Files:
    """All files of all projects under one folder; a disk that fails is an UnavailableError."""

    def __init__(
        self,
        engine: Engine,
        dir: Path,
        keys: Signer,
        max_bytes: int,
        now: Callable[[], datetime] = model.now,
    ) -> None:
        self._engine = engine
        self._dir = dir
        self._keys = keys
        self._max_bytes = max_bytes
        self._now = now

    async def keep(
        self, project: ProjectId, name: str, chunks: AsyncIterator[bytes], by: str
    ) -> File:
        """Stores the bytes, durable when it returns; `by` is who may put the file to use.

        Raises TooLargeError as soon as the limit is passed, and BadValueError for no bytes.
        """
        id = FileId(secrets.token_hex(16))
        path, mark = self._places(project, id)
        try:
            await _on_disk(_begin, path, mark, self._now())
            size, digest = await self._pour(chunks, path)
            now = self._now()
            found = await _on_disk(_finish, path, mark, now)
        except BaseException:
            _drop(path, mark)
            raise
        file = File(
            id=id,
            project=project,
            name=clean(name),
            mime=found.mime,
            kind=found.kind,
            size_bytes=size,
            width=found.width,
            height=found.height,
            sha256=digest,
            by=by,
            unused_since=now,
            created_at=now,
        )
        # Whether an insert that failed was carried out nobody knows, so its bytes stay until
        # `sweep` meets the mark.
        await self._engine.write(Insert(file))
        await _on_disk(_drop, mark)
        return file

    async def get(self, id: str) -> File:
        """Raises NotFoundError."""
        file = await self._engine.get(File, id)
        if file is None:
            raise NotFoundError(field="file")
        return file

    def path(self, file: File) -> Path:
        """Where the bytes lie; nothing a person wrote has a part in it."""
        return self._places(file.project, file.id)[0]

    async def read(self, file: File) -> AsyncIterator[bytes]:
        """The bytes in blocks; raises NotFoundError if they are gone."""
        path = self.path(file)
        try:
            stream = await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError:
            raise NotFoundError(field="file") from None
        with stream:
            while block := await _on_disk(stream.read, BLOCK_BYTES):
                yield block

    def link(self, id: FileId, name: str, now: datetime) -> str:
        """A path that opens the file for one to two hours, equal within each hour of the clock."""
        until = (int(now.timestamp()) // LINK_SECONDS + 2) * LINK_SECONDS
        signature = self._keys.sign("file", f"{id}:{until}")
        return f"/files/{id}/{quote(name, safe='')}?e={until}&s={signature}"

    def check_link(self, id: str, e: str, s: str, now: datetime) -> bool:
        """Whether `link` made it for this file and its time is not over."""
        if not re.fullmatch(r"[1-9][0-9]{0,11}", e) or not _ID.fullmatch(id):
            return False
        return now.timestamp() < int(e) and self._keys.verify("file", f"{id}:{e}", s)

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
            if file is None or file.project != project or by not in ("", file.by):
                raise BadValueError("no such file", field="attachments")
            named.append(
                Attachment(
                    id=FileId(file.id),
                    name=file.name,
                    mime=file.mime,
                    size_bytes=file.size_bytes,
                    kind=file.kind,
                    width=file.width,
                    height=file.height,
                )
            )
        return tuple(named)

    async def mark_used(self, ids: Sequence[str]) -> None:
        """Keeps the files for as long as their entries; to be called before the entry is written.

        Repeating it changes nothing. Raises BadValueError for a file that is gone.
        """
        for id in ids:
            try:
                await self._engine.change(File, id, _used)
            except AbsentError:
                raise BadValueError("no such file", field="attachments") from None

    async def sweep(self, now: datetime) -> int:
        """Deletes what no entry named within a day and what was cut short; how many it was.

        It may be killed at any line, and several may run at once.
        """
        before = now - UNUSED_KEPT
        removed = 0
        after = None
        while True:
            page = await self._engine.find(
                FILES_UNUSED, range=Range("unused_since", below=before), after=after, limit=200
            )
            for file in page.items:
                removed += await self._remove(file, before)
            after = page.next
            if after is None:
                break
        for project, id in await _on_disk(_marks_before, self._dir, before):
            removed += await self._settle(ProjectId(project), FileId(id), before)
        return removed

    async def _remove(self, file: File, before: datetime) -> bool:
        await _on_disk(_mark_old, self._places(file.project, file.id)[1])
        deleted = await self._engine.delete_if(File, file.id, lambda now: _is_due(now, before))
        await self._settle(file.project, FileId(file.id), before)
        return deleted

    async def _settle(self, project: ProjectId, id: FileId, before: datetime) -> bool:
        """Makes the disk agree with the store; whether there were bytes without a document."""
        path, mark = self._places(project, id)
        file = await self._engine.get(File, id)
        if file is not None and _is_due(file, before):
            return False  # Another sweep is about to delete it and needs the mark.
        orphaned = file is None and await _on_disk(_drop, path)
        await _on_disk(_drop, mark)
        return orphaned

    async def _pour(self, chunks: AsyncIterator[bytes], path: Path) -> tuple[int, str]:
        digest = hashlib.sha256()
        size = 0
        waiting = bytearray()
        async for chunk in chunks:
            size += len(chunk)
            if size > self._max_bytes:
                raise TooLargeError(f"a file has at most {self._max_bytes} bytes", field="file")
            waiting += chunk
            if len(waiting) >= BLOCK_BYTES:
                await _on_disk(_append, path, bytes(waiting), digest.update)
                waiting.clear()
        if not size:
            raise BadValueError("the file is empty", field="file")
        await _on_disk(_append, path, bytes(waiting), digest.update)
        return size, digest.hexdigest()

    def _places(self, project: ProjectId, id: str) -> tuple[Path, Path]:
        """Where the bytes and the mark of a file lie."""
        if not _FOLDER.fullmatch(project) or not _ID.fullmatch(id):
            raise NotFoundError(field="file")
        folder = self._dir / project
        return folder / id[:2] / id, folder / "marks" / id


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


def _used(file: File) -> File | None:
    return None if file.used else replace(file, used=True, unused_since=None)


def _is_due(file: File, before: datetime) -> bool:
    return file.unused_since is not None and file.unused_since < before


async def _on_disk(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        raise UnavailableError(f"files: {error.strerror or 'the disk failed'}") from error


def _begin(path: Path, mark: Path, now: datetime) -> None:
    _make(mark.parent)
    _make(path.parent)
    mark.touch(mode=0o600, exist_ok=False)
    os.utime(mark, (now.timestamp(), now.timestamp()))
    path.touch(mode=0o600, exist_ok=False)


def _append(path: Path, block: bytes, digest: Callable[[bytes], None]) -> None:
    # Never creates: a write that comes after its keeper was cancelled must leave nothing.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "ab") as stream:
        stream.write(block)
    digest(block)


def _finish(path: Path, mark: Path, now: datetime) -> Sniffed:
    with path.open("rb") as stream:
        found = sniff(stream)
        os.fsync(stream.fileno())
    _sync(path.parent)
    # Fails if a sweep took this file for an abandoned one, which must not be named then.
    os.utime(mark, (now.timestamp(), now.timestamp()))
    return found


def _mark_old(mark: Path) -> None:
    """Makes a mark that the next sweep acts on at once."""
    _make(mark.parent)
    handle = os.open(mark, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.utime(handle, (0, 0))
    finally:
        os.close(handle)


def _drop(*paths: Path) -> bool:
    """Whether any of the files was there to delete."""
    there = False
    for path in paths:
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            continue
        there = True
    return there


def _marks_before(dir: Path, before: datetime) -> list[tuple[str, str]]:
    found = []
    for mark in dir.glob("*/marks/*"):
        with suppress(FileNotFoundError):
            if _ID.fullmatch(mark.name) and mark.stat().st_mtime < before.timestamp():
                found.append((mark.parent.parent.name, mark.name))
    return found


def _make(folder: Path) -> None:
    """Makes the folder so that a power cut does not unmake it."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
