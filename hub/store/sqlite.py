"""The embedded engine: one file, one writer thread that commits in groups, a few readers."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

from hub.errors import ConfigError, UnavailableError
from hub.model import Document
from hub.store.engine import (
    AbsentError,
    Collection,
    Engine,
    Insert,
    Key,
    MovedError,
    Replace,
    TakenError,
    Walk,
)
from hub.store.schema import COLLECTIONS, VERSION
from hub.store.sqlite_jobs import (
    Answer,
    Job,
    Tray,
    attempt,
    carry_out,
    refuse,
    resolve,
    take,
    undo,
)
from hub.store.sqlite_table import Statement, Table

D = TypeVar("D", bound=Document)
T = TypeVar("T")

log = logging.getLogger(__name__)

READERS = 2
BATCH_MAX = 256
READ_BATCH_MAX = 64
READER_CACHE_KB = 65_536
"""Filled only as far as is read: of a big store what holds the branches of its indexes."""
WAL_MAX_BYTES = 64 * 1024 * 1024
BUSY_SECONDS = 5.0


class SqliteEngine(Engine):
    """Documents in one SQLite file.

    A serving engine holds the file's lock for life and refuses to open beside another one;
    one that does not serve works beside it. `trace` is told every statement carried out.
    """

    kind: ClassVar[str] = "sqlite"

    def __init__(
        self,
        path: str | Path,
        collections: Sequence[Collection[Any]] = COLLECTIONS,
        *,
        serving: bool = True,
        trace: Callable[[str], None] | None = None,
        wal_max_bytes: int = WAL_MAX_BYTES,
    ) -> None:
        self.path = Path(path)
        self._wal = Path(f"{path}-wal")
        self._tables: dict[type[Document], Table[Any]] = {
            each.of: Table(each) for each in collections
        }
        self._serving = serving
        self._trace = trace
        self._wal_max_bytes = self._wal_next_bytes = wal_max_bytes
        self._lock: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open = False
        self._writes = Tray()
        self._reads = Tray()
        self._threads: list[Thread] = []

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        db = await asyncio.to_thread(self._prepare)
        self._threads = [
            Thread(target=self._read_forever, name=f"store-reader-{n}", daemon=True)
            for n in range(READERS)
        ]
        self._threads.append(
            Thread(target=self._write_forever, args=(db,), name="store-writer", daemon=True)
        )
        for thread in self._threads:
            thread.start()
        self._open = True

    async def close(self) -> None:
        """Carries out what was asked before, then lets go of the file."""
        if not self._open:
            return
        self._open = False
        self._reads.hand_over()
        self._writes.hand_over()
        await asyncio.to_thread(self._stop)

    def behind_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0

    async def get(self, of: type[D], id: str) -> D | None:
        table = self._table(of)

        def work(db: sqlite3.Connection) -> D | None:
            return table.one(db, id)

        return await self._ask(self._reads, work)

    async def get_many(self, of: type[D], ids: Sequence[str]) -> dict[str, D]:
        if not ids:
            return {}
        table = self._table(of)

        def work(db: sqlite3.Connection) -> dict[str, D]:
            return table.many(db, ids)

        return await self._ask(self._reads, work)

    async def write(self, *steps: Insert | Replace) -> None:
        made: list[tuple[Table[Any], bool, Statement]] = []
        for step in steps:
            table = self._table(type(step.doc))
            replacing = isinstance(step, Replace)
            made.append(
                (table, replacing, (table.replace if replacing else table.insert)(step.doc))
            )

        def work(db: sqlite3.Connection) -> None:
            for n, (table, replacing, statement) in enumerate(made):
                if not _touched(db, table, statement, n) and replacing:
                    raise MovedError(n)

        await self._ask(self._writes, work, writes=len(made))

    async def change(self, of: type[D], id: str, how: Callable[[D], D | None]) -> D:
        table = self._table(of)

        def work(db: sqlite3.Connection) -> D:
            before = table.one(db, id)
            if before is None:
                raise AbsentError
            made = how(before)
            if made is None:
                return before
            after, statement = table.change(before, made)
            _touched(db, table, statement)
            return after

        return await self._ask(self._writes, work, writes=1)

    async def extend(
        self,
        of: type[D],
        id: str,
        how: Callable[[D], tuple[Sequence[Document], D]],
        known: D | None = None,
    ) -> D:
        table = self._table(of)

        def work(db: sqlite3.Connection) -> D:
            # Read where nobody else can write, the document is the newest there is; `known`
            # may not be.
            before = table.one(db, id)
            if before is None:
                raise AbsentError
            drawn, made = how(before)
            for n, each in enumerate(drawn):
                into = self._table(type(each))
                _touched(db, into, into.insert(each), n)
            after, statement = table.change(before, made)
            _touched(db, table, statement, len(drawn))
            return after

        return await self._ask(self._writes, work, writes=2)

    async def delete_if(self, of: type[D], id: str, condition: Callable[[D], bool]) -> bool:
        table = self._table(of)

        def work(db: sqlite3.Connection) -> bool:
            doc = table.one(db, id)
            if doc is None or not condition(doc):
                return False
            db.execute(*table.delete(id))
            return True

        return await self._ask(self._writes, work, writes=1)

    async def walk(self, walk: Walk[D], limit: int) -> list[D]:
        table = self._table(walk.index.of)

        def work(db: sqlite3.Connection) -> list[D]:
            return [table.read(body) for (body,) in db.execute(*table.select(walk, limit))]

        return await self._ask(self._reads, work)

    async def touch(
        self, walk: Walk[D], also: Sequence[str], limit: int
    ) -> tuple[list[Key], Key | None]:
        table = self._table(walk.index.of)

        def work(db: sqlite3.Connection) -> tuple[list[Key], Key | None]:
            if not also:
                met = table.read_keys(walk, db.execute(*table.keys(walk, limit + 1)).fetchall())
                return met[:limit], met[limit - 1] if len(met) > limit else None
            met = db.execute(*table.keys_also(walk, also, limit)).fetchall()
            end = db.execute(*table.keys(walk, 2, limit - 1)).fetchall()
            last = end[0] if len(end) > 1 else None
            return table.read_keys(walk, met), last

        return await self._ask(self._reads, work)

    async def tally(self, walk: Walk[D], cap: int) -> int:
        table = self._table(walk.index.of)

        def work(db: sqlite3.Connection) -> int:
            row: tuple[int] = db.execute(*table.tally(walk, cap)).fetchone()
            return row[0]

        return await self._ask(self._reads, work)

    async def explain(self, walk: Walk[D]) -> str:
        """How SQLite goes about the walk, one step a line."""
        sql, values = self._table(walk.index.of).select(walk, 1)

        def work(db: sqlite3.Connection) -> str:
            return "\n".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values))

        return await self._ask(self._reads, work)

    def _table(self, of: type[D]) -> Table[D]:
        return self._tables[of]

    async def _ask(
        self, tray: Tray, work: Callable[[sqlite3.Connection], T], *, writes: int = 0
    ) -> T:
        if not self._open or self._loop is None:
            raise UnavailableError("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        if not tray.asked:
            self._loop.call_soon(tray.hand_over)
        tray.asked.append(Job(work, future, writes))
        return await future

    def _answer(self, answers: list[Answer]) -> None:
        if answers and self._loop is not None:
            # A loop that is gone has nobody left who waits.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(resolve, answers)

    def _write_forever(self, db: sqlite3.Connection) -> None:
        writer: sqlite3.Connection | None = db
        going = True
        while going:
            batch, going = take(self._writes, BATCH_MAX)
            if not batch:
                break
            try:
                writer = writer or self._connect()
                answers = carry_out(writer, batch)
            except sqlite3.Error as error:
                log.warning("the store cannot write: %s", error)
                answers = [refuse(job, error) for job in batch]
                writer = undo(writer)
            self._answer(answers)
            if writer is not None:
                self._watch_wal(writer)
        if writer is not None:
            writer.close()

    def _read_forever(self) -> None:
        reader: sqlite3.Connection | None = None
        going = True
        while going:
            batch, going = take(self._reads, READ_BATCH_MAX)
            answers = []
            for job in batch:
                try:
                    reader = reader or self._connect(reading=True)
                    answers.append(attempt(reader, job))
                except sqlite3.Error as error:
                    log.warning("the store cannot read: %s", error)
                    answers.append(refuse(job, error))
                    reader = undo(reader)
            self._answer(answers)
        if reader is not None:
            reader.close()

    def _watch_wal(self, db: sqlite3.Connection) -> None:
        """Cuts a write-ahead file that readers kept from being reused."""
        with suppress(OSError, sqlite3.Error):
            size = self._wal.stat().st_size
            if size > self._wal_next_bytes:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                left = self._wal.stat().st_size
                # Readers that are in the way must not be waited for after every batch.
                self._wal_next_bytes = left + self._wal_max_bytes

    def _stop(self) -> None:
        *readers, writer = self._threads
        for _ in readers:
            self._reads.queue.put(None)
        for reader in readers:
            reader.join()
        # The writer goes last: whoever closes last puts the write-ahead file away.
        self._writes.queue.put(None)
        writer.join()
        self._let_go()

    def _prepare(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Persons' data: nobody but the owner reads the file or those SQLite puts beside it.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            if self._serving:
                self._hold()
        except OSError as error:
            raise UnavailableError(f"{self.path}: {error.strerror}") from error
        try:
            db = self._connect()
            try:
                self._make(db)
            except BaseException:
                db.close()
                raise
        except sqlite3.Error as error:
            self._let_go()
            if error.sqlite_errorname in {"SQLITE_NOTADB", "SQLITE_CORRUPT"}:
                raise ConfigError(f"{self.path} is not a store: {error}") from error
            raise UnavailableError(f"{self.path}: {error}") from error
        except BaseException:
            self._let_go()
            raise
        return db

    def _hold(self) -> None:
        lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode(errors="replace").strip()
            os.close(lock)
            raise ConfigError(f"{self.path} is already served by process {holder}") from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _connect(self, *, reading: bool = False) -> sqlite3.Connection:
        mode = "ro" if reading else "rw"
        db = sqlite3.connect(
            f"file:{quote(str(self.path.absolute()))}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=BUSY_SECONDS,
            cached_statements=512,
        )
        if not reading:
            db.execute("PRAGMA journal_mode = WAL").fetchall()
            db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA cache_size = {-READER_CACHE_KB if reading else -16384}")
        db.set_trace_callback(self._trace)
        return db

    def _make(self, db: sqlite3.Connection) -> None:
        """Adds what the file lacks of the schema; a file that lacks nothing is not written."""
        there = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
        row = (
            db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
            if there
            else None
        )
        version = row[0] if row else 0
        if version > VERSION:
            raise ConfigError(
                f"{self.path} has version {version} of the store, this program knows {VERSION}"
            )
        if version == VERSION and not any(each.make(db) for each in self._tables.values()):
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY NOT NULL, value)")
            # Looked at again, now that no other process can be doing the same.
            for table in self._tables.values():
                for step in table.make(db):
                    step()
            db.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?)", (VERSION,))
            db.execute("COMMIT")
        except BaseException:
            undo(db)
            raise


def _touched(db: sqlite3.Connection, table: Table[Any], statement: Statement, step: int = 0) -> int:
    """How many rows the statement touched; TakenError names the step if it is refused."""
    try:
        return db.execute(*statement).rowcount
    except sqlite3.IntegrityError as error:
        raise TakenError(table.taken(error), step) from None
