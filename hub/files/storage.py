"""Where the bytes of files lie: the port, and the store in a folder of this machine.

Bytes come into a file of the `incoming` folder first, on this machine's own disk, and are
put under their key when they are whole. `hub.files.kept` makes the keys.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from hub.errors import NotFoundError, UnavailableError

BLOCK_BYTES = 256 * 1024

P = ParamSpec("P")
T = TypeVar("T")


class Storage(ABC):
    """Bytes by key; every method raises UnavailableError when the storage cannot serve."""

    def __init__(self, incoming: Path) -> None:
        self.incoming = incoming

    @abstractmethod
    async def close(self) -> None:
        """Lets go of connections; safe when there are none."""

    @abstractmethod
    async def check(self) -> None:
        """Proves that the storage can be reached and written."""

    @abstractmethod
    async def put(self, key: str, source: Path, sha256: str) -> None:
        """Keeps the file's bytes, durable when it returns; the source is gone then.

        `sha256` is the hash of these bytes, which are checked by it on the way.
        """

    @abstractmethod
    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes in blocks, `end` not included; raises NotFoundError if there are none."""

    @abstractmethod
    async def size(self, key: str) -> int | None:
        """How many bytes are kept there, None if none are."""

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Nothing lies there when it returns."""

    def local(self, key: str) -> Path | None:
        """Where the bytes lie as a file of this machine, None for a storage elsewhere."""
        return None


class Folder(Storage):
    """One folder; a key is a path in it."""

    def __init__(self, dir: Path) -> None:
        super().__init__(dir / "incoming")
        self._dir = dir

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def check(self) -> None:
        await on_disk(make, self._dir)
        if not os.access(self._dir, os.W_OK):
            raise UnavailableError(f"files: {self._dir} cannot be written")

    async def put(self, key: str, source: Path, sha256: str) -> None:
        await on_disk(_moved, source, self._dir / key)

    async def read(
        self, key: str, start: int = 0, end: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        path = self._dir / key
        try:
            stream = await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError:
            raise NotFoundError(field="file") from None
        except OSError as error:
            raise _failed(error) from error
        with stream:
            await on_disk(stream.seek, start)
            left = (1 << 62) if end is None else end - start
            while left > 0 and (block := await on_disk(stream.read, min(left, BLOCK_BYTES))):
                left -= len(block)
                yield block

    async def size(self, key: str) -> int | None:
        return await on_disk(_size, self._dir / key)

    async def delete(self, key: str) -> None:
        await on_disk(drop, self._dir / key)

    def local(self, key: str) -> Path | None:
        return self._dir / key


async def on_disk(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does it in a thread; a disk that fails is an UnavailableError."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        raise _failed(error) from error


def _failed(error: OSError) -> UnavailableError:
    return UnavailableError(f"files: {error.strerror or 'the disk failed'}")


def begin(path: Path, now: datetime) -> None:
    """An empty file that only its owner may read, as old as `now` says."""
    make(path.parent)
    path.touch(mode=0o600, exist_ok=False)
    os.utime(path, (now.timestamp(), now.timestamp()))


def append(path: Path, block: bytes) -> None:
    # Never creates: a write that comes after its keeper was cancelled must leave nothing.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "ab") as stream:
        stream.write(block)


def drop(path: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()


def drop_older(folder: Path, before: datetime) -> int:
    """Deletes the folder's files that nobody has written to since; how many they were."""
    dropped = 0
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before.timestamp():
                path.unlink()
                dropped += 1
    return dropped


def make(folder: Path) -> None:
    """Makes the folder so that a power cut does not unmake it."""
    if not folder.is_dir():
        make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync(folder.parent)


def sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _moved(source: Path, path: Path) -> None:
    with source.open("rb") as stream:
        os.fsync(stream.fileno())
    make(path.parent)
    source.replace(path)
    sync(path.parent)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
