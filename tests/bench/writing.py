"""The embedded engine alone: a line and its row, written by many at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from msgspec.structs import replace

from hub.model import Dialog, DialogId, Entry
from hub.store.engine import Insert, Replace
from hub.store.schema import BY_TYPE
from hub.store.sqlite import SqliteEngine
from hub.store.sqlite_table import Statement, Table
from tests.bench.figure import Figure
from tests.store.samples import dialog, entry

Pair = tuple[Entry, Dialog]


def work(writer: int, after: int, messages: int) -> list[Pair]:
    """The next lines of one writer's dialog, each with its row as it then stands."""
    id = f"site:{writer}:1"
    return [
        (entry(f"{id}:{n}", n, dialog=DialogId(id)), replace(dialog(id), seq=n, rev=n - 1))
        for n in range(after + 1, after + messages + 1)
    ]


async def by_engine(engine: SqliteEngine, pairs: Sequence[Sequence[Pair]]) -> float:
    """Seconds until every writer, each at its own pace, has all its pairs stored."""

    async def write(mine: Sequence[Pair]) -> None:
        for line, row in mine:
            await engine.write(Insert(line), Replace(row))

    began = perf_counter()
    await asyncio.gather(*(write(each) for each in pairs))
    return perf_counter() - began


def by_hand(db: sqlite3.Connection, batches: Sequence[Sequence[Statement]]) -> float:
    """Seconds for the same statements, ready-made, one transaction a batch."""
    began = perf_counter()
    for batch in batches:
        db.execute("BEGIN IMMEDIATE")
        for statement in batch:
            db.execute(*statement)
        db.execute("COMMIT")
    return perf_counter() - began


def in_batches(pairs: Sequence[Sequence[Pair]]) -> list[list[Statement]]:
    """The n-th pair of every writer together, as a writer thread at its best would take them."""
    lines, rows = Table[Entry](BY_TYPE[Entry]), Table[Dialog](BY_TYPE[Dialog])
    return [
        [made for line, row in turn for made in (lines.insert(line), rows.replace(row))]
        for turn in zip(*pairs, strict=True)
    ]


async def begin(engine: SqliteEngine, writers: int) -> None:
    """Opens the store and gives each writer an empty row."""
    await engine.open()
    for writer in range(writers):
        await engine.write(Insert(dialog(f"site:{writer}:1")))


async def measure(
    folder: Path, *, rounds: int = 5, writers: int = 20, each: int = 500
) -> list[Figure]:
    engine, other = SqliteEngine(folder / "engine.db"), SqliteEngine(folder / "bare.db")
    await begin(engine, writers)
    await begin(other, writers)
    await other.close()
    db = sqlite3.connect(folder / "bare.db", isolation_level=None, cached_statements=512)
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA cache_size = -16384")
    ours, bare = [], []
    for n in range(rounds):
        pairs = [work(writer, n * each, each) for writer in range(writers)]
        ours.append(writers * each / await by_engine(engine, pairs))
        bare.append(writers * each / by_hand(db, in_batches(pairs)))
    db.close()
    await engine.close()
    return [Figure(f"two-write messages into the store, {writers} writers", "1/s", ours, bare)]
