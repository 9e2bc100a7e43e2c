"""A copy of the embedded store and its files in one tar, taken while the hub serves.

The store is copied as it stood at one moment, then the files that it names; none is deleted
meanwhile. The manifest comes last, so half a copy is never taken for a whole one. It is signed, so
where the key lies no copy is taken that another has made or changed. The key is left out unless
asked for: whoever has both can read every secret.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import shutil
import socket
import tarfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from hub import leases
from hub.config import Settings
from hub.errors import ConfigError, ConflictError
from hub.files.kept import COPYING, COPYING_LASTS, key, small_key
from hub.files.storage import BLOCK_BYTES, drop, on_disk, sync
from hub.keeping import keys
from hub.keeping.keys import Keys
from hub.model import File, Project, ProjectId
from hub.store.engine import Engine
from hub.store.schema import FILES, PROJECTS_BY_NAME, VERSION
from hub.store.sqlite import SqliteEngine
from hub.store.sqlite_copy import copy

FORMAT = 1
STORE = "hub.db"
FILES_UNDER = "files/"
KEY = "hub.key"
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
SIGNATURE = "manifest.sig"
PURPOSE = "backup"
RESTORING = ".restoring"
MANIFEST_MAX_BYTES = 2_000_000_000

_PART = re.compile(r"hub\.db|hub\.key|files/[A-Za-z0-9_-]{1,64}/[0-9a-f]{2}/[0-9a-f]{32}(\.webp)?")


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a copy holds; `missing` files were named by an entry and were not there."""

    format: int
    program: str
    store: int
    taken_at: datetime
    files_elsewhere: bool
    missing: tuple[str, ...]
    parts: tuple[Part, ...]


class UnfitError(ConfigError):
    """It is not a whole copy; nothing of it was put in place."""


async def backup(
    settings: Settings,
    engine: Engine,
    to: Path,
    now: Callable[[], datetime],
    *,
    with_key: bool = False,
) -> Manifest:
    """Writes the copy; `to` is there when it is whole, and never before.

    Raises ConflictError while another copy is being made.
    """
    if settings.database.url:
        raise ConfigError("only the embedded store is copied; see docs/backup.md for MongoDB")
    if await on_disk(to.exists):
        raise ConfigError(f"{to} is there already")
    taken_at, signs = now(), keys.load(settings.security.key_file, make=False)
    spare, beside = (to.with_name(f".{to.name}.{what}") for what in ("copy", "part"))
    async with _holding(engine, now):
        try:
            await on_disk(_cleared, spare)
            store = spare / STORE
            await on_disk(copy, settings.data.store, store)
            elsewhere = bool(settings.files.url)
            names = [] if elsewhere else [each async for each in _named(store)]
            manifest = Manifest(
                format=FORMAT,
                program=_program(),
                store=VERSION,
                taken_at=taken_at,
                files_elsewhere=elsewhere,
                missing=(),
                parts=(),
            )
            key_path = settings.security.key_file if with_key else None
            manifest = await on_disk(
                _packed, beside, manifest, store, settings.data.files, names, key_path, signs
            )
            await on_disk(_put, beside, to)
        finally:
            shutil.rmtree(spare, ignore_errors=True)
            drop(beside)
    return manifest


def _packed(
    to: Path,
    manifest: Manifest,
    store: Path,
    files: Path,
    names: list[tuple[str, bool]],
    key_path: Path | None,
    signs: Keys,
) -> Manifest:
    parts, missing = [], []
    handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
            parts.append(_added(tar, STORE, store))
            for name, used in names:
                try:
                    parts.append(_added(tar, FILES_UNDER + name, files / name))
                except FileNotFoundError:
                    missing += [name] if used else []
            if key_path is not None:
                parts.append(_added(tar, KEY, key_path))
            manifest = replace(manifest, missing=tuple(missing), parts=tuple(parts))
            body = msgspec.json.encode(manifest)
            signature = signs.sign(PURPOSE, body.decode()).encode()
            seal = hashlib.sha256(body + signature).hexdigest().encode()
            for name, content in ((MANIFEST, body), (SIGNATURE, signature), (SEAL, seal)):
                tar.addfile(_member(name, len(content)), io.BytesIO(content))
        stream.flush()
        os.fsync(stream.fileno())
    return manifest


async def _named(store: Path) -> AsyncGenerator[tuple[str, bool], None]:
    """The keys of the files that the copied store knows, and whether an entry names them."""
    engine = SqliteEngine(store, serving=False)
    await engine.open()
    try:
        projects: list[Project] = []
        after = None
        while True:
            page = await engine.find(PROJECTS_BY_NAME, after=after, limit=500)
            projects += page.items
            if (after := page.next) is None:
                break
        for project in projects:
            while True:
                found = await engine.find(
                    FILES, {"project": ProjectId(project.id)}, after=after, limit=500
                )
                for file in found.items:
                    for name in _keys(file):
                        yield name, file.used
                if (after := found.next) is None:
                    break
    finally:
        await engine.close()


def _keys(file: File) -> list[str]:
    if file.state != "kept":
        return []
    return [key(file), small_key(file)] if file.thumb else [key(file)]


@asynccontextmanager
async def _holding(engine: Engine, now: Callable[[], datetime]) -> AsyncGenerator[None, None]:
    """Keeps the sweep from deleting files for as long as the block lasts."""
    lease = await leases.claim(
        engine, COPYING, f"{socket.gethostname()}:{os.getpid()}", now(), COPYING_LASTS
    )
    if lease is None:
        raise ConflictError("another copy is being made")
    held = lease

    async def renew() -> None:
        while True:
            await asyncio.sleep(COPYING_LASTS.total_seconds() / 4)
            await leases.renew(engine, held, now(), COPYING_LASTS)

    renewing = asyncio.create_task(renew(), name="copying")
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])
        await leases.release(engine, held)


async def restore(settings: Settings, source: Path) -> Manifest:
    """Puts a copy where the settings say that the data lies, checked to the last byte first.

    Refuses a folder that holds data, and what was not signed by the key that lies there, if one
    does. A restore that was cut short is begun anew.
    """
    if settings.database.url:
        raise ConfigError("only the embedded store is restored; see docs/backup.md for MongoDB")
    fresh = settings.data.dir / RESTORING
    manifest = await on_disk(_unpacked, settings, source, fresh)
    try:
        await on_disk(_placed, settings, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest


def _unpacked(settings: Settings, source: Path, fresh: Path) -> Manifest:
    _refuse_data(settings)
    path = settings.security.key_file
    manifest = read(source, None, path if path.exists() else None)
    if manifest.files_elsewhere != bool(settings.files.url):
        where = "in a storage" if manifest.files_elsewhere else "in the copy itself"
        raise ConfigError(f"files.url: the files of this copy are {where}", field="files.url")
    _cleared(fresh)
    try:
        if read(source, fresh) != manifest:
            raise UnfitError(f"{source} changed while it was read")
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return manifest


def _placed(settings: Settings, fresh: Path) -> None:
    path = settings.security.key_file
    if (fresh / KEY).exists() and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(fresh / KEY, path)
    shutil.rmtree(settings.data.files, ignore_errors=True)
    if (fresh / FILES_UNDER).is_dir():
        (fresh / FILES_UNDER).rename(settings.data.files)
    # The store comes last: until it is there, the folder is one of a restore cut short.
    (fresh / STORE).rename(settings.data.store)
    sync(settings.data.dir)


def _refuse_data(settings: Settings) -> None:
    dir = settings.data.dir
    if not dir.exists():
        return
    allowed = {settings.security.key_file.name, RESTORING}
    if (dir / RESTORING).exists():
        allowed.add(settings.data.files.name)
    held = sorted(each.name for each in dir.iterdir() if each.name not in allowed)
    if held:
        raise ConfigError(f"{dir} is not empty: it holds {held[0]}; nothing was changed")


def read(source: Path, into: Path | None, key_path: Path | None = None) -> Manifest:
    """Checks the whole copy, and puts its parts into the folder if one is given.

    With a key file it must have been signed by a key of it.
    """
    found: list[Part] = []
    told: dict[str, bytes] = {}
    with _readable(source) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            if stream is None:
                raise UnfitError(f"{source} is damaged")
            with closing(stream):
                if member.name in (MANIFEST, SIGNATURE, SEAL) and member.size < MANIFEST_MAX_BYTES:
                    told[member.name] = stream.read()
                elif MANIFEST in told or not _PART.fullmatch(member.name):
                    raise UnfitError(f"{source} is no copy of a hub")
                else:
                    found.append(_poured(stream, member.name, into))
    try:
        manifest = msgspec.json.decode(told[MANIFEST], type=Manifest)
        signature = told.get(SIGNATURE, b"")
        sealed = told[SEAL].decode() == hashlib.sha256(told[MANIFEST] + signature).hexdigest()
    except (KeyError, ValueError, msgspec.MsgspecError):
        version = _format(told.get(MANIFEST, b""))
        if version is not None and version > FORMAT:
            raise UnfitError(
                f"{source} has format {version}, this program knows {FORMAT}"
            ) from None
        raise UnfitError(f"{source} is cut short or no copy of a hub") from None
    if manifest.format > FORMAT or manifest.store > VERSION:
        raise UnfitError(
            f"{source} holds version {manifest.store} of the store, this program knows {VERSION}"
        )
    if not sealed or tuple(found) != manifest.parts:
        raise UnfitError(f"{source} is damaged")
    if all(part.name != STORE for part in found):
        raise UnfitError(f"{source} is no copy of a hub")
    if key_path is not None:
        if not signature:
            raise UnfitError(
                f"{source} is not signed; if an older hub of yours made it, put {key_path} aside "
                "while it is restored"
            )
        signs = keys.load(key_path, make=False)
        if not signs.verify(PURPOSE, told[MANIFEST].decode(), signature.decode("latin-1")):
            raise UnfitError(f"{source} was not made by a hub with the key {key_path}")
    return manifest


def _format(raw: bytes) -> int | None:
    class Told(msgspec.Struct):
        format: int

    try:
        return msgspec.json.decode(raw, type=Told).format
    except msgspec.MsgspecError:
        return None


@contextmanager
def _readable(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, "r:", errorlevel=2) as tar:
            yield tar
    except (tarfile.TarError, EOFError, UnicodeDecodeError, ValueError) as error:
        raise UnfitError(f"{source} is damaged or cut short") from error
    except OSError as error:
        raise UnfitError(f"{source}: {error.strerror or 'cannot be read'}") from error


def _poured(stream: IO[bytes], name: str, into: Path | None) -> Part:
    digest, size = hashlib.sha256(), 0
    out = None
    if into is not None:
        path = into / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        out = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
            if out is not None:
                out.write(block)
        if out is not None:
            out.flush()
            os.fsync(out.fileno())
    finally:
        if out is not None:
            out.close()
    return Part(name=name, size_bytes=size, sha256=digest.hexdigest())


class _Counted:
    """A stream that hashes what is read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.digest.update(block)
        return block


def _added(tar: tarfile.TarFile, name: str, path: Path) -> Part:
    with path.open("rb") as stream:
        member = _member(name, os.fstat(stream.fileno()).st_size)
        counted = _Counted(stream)
        tar.addfile(member, counted)
    return Part(name=name, size_bytes=member.size, sha256=counted.digest.hexdigest())


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _put(beside: Path, to: Path) -> None:
    beside.rename(to)
    sync(to.parent)


def _cleared(folder: Path) -> None:
    """An empty folder, whatever a dead process left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


def _program() -> str:
    try:
        return version("otklik")
    except PackageNotFoundError:
        return "unknown"
