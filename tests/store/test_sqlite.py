"""What only the embedded store promises: one file, one serving process, a disk that may fill."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.errors import BadValueError, ConfigError, UnavailableError
from hub.model import Dialog, Entry, Lock
from hub.store.engine import Collection, Index, Insert, Range, Replace, Value, plan, types_of
from hub.store.schema import COLLECTIONS
from hub.store.sqlite import SqliteEngine
from tests.store.samples import (
    CARDS_BY_LIFE,
    CARDS_DUE,
    CARDS_TAGGED,
    Card,
    at,
    dialog,
    entry,
)

INDEXES = [index for kept in COLLECTIONS for index in kept.indexes if not index.each]
OF_EACH = [index for kept in COLLECTIONS for index in kept.indexes if index.each]
TAGGED_LATER = Index("tagged", Card, ("project", "tags", "n"), each="tags")
NUMBERED_LATER = (CARDS_BY_LIFE, CARDS_DUE, Index("by_number", Card, ("n", "owner")))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "hub.db")
    await engine.open()
    yield engine
    await engine.close()


@contextmanager
def no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """The system refuses to write beyond, as a disk that is full would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def sample(index: Index[Any], field: str) -> Value:
    types = types_of(index.of)[field]
    return True if bool in types else 1 if int in types else at(0) if types & {type(at(0))} else "x"


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: f"{index.of.__name__}-{index.name}")
async def test_every_walk_is_a_search_of_its_index_without_a_sort(
    store: SqliteEngine, index: Index[Any]
) -> None:
    for length, descending, ranged, later in product(
        range(len(index.fields) + 1), (False, True), (False, True), (False, True)
    ):
        order = index.fields[length:]
        equal = {name: sample(index, name) for name in index.fields[:length]}
        if ranged and not order:
            continue
        span = Range(order[0], at_least=sample(index, order[0])) if ranged else None
        walk = plan(index, equal, span, descending, None)
        if later:
            values = tuple(1 if type(sample(index, name)) is not str else "x" for name in order)
            walk = replace(walk, after=(*values, "x"))
        steps = (await store.explain(walk)).splitlines()
        assert len(steps) == 1, steps
        assert f"{index.name}" in steps[0]
        assert "INDEX" in steps[0]
        bounded = equal or span or later or index.present in order[:1]
        assert steps[0].startswith("SEARCH" if bounded else "SCAN"), steps


@pytest.mark.parametrize("index", OF_EACH, ids=lambda index: f"{index.of.__name__}-{index.name}")
async def test_a_walk_of_each_value_is_a_search_without_a_sort(
    store: SqliteEngine, index: Index[Any]
) -> None:
    fixed = index.fields.index(index.each) + 1
    order = index.fields[fixed:]
    walk = plan(index, dict.fromkeys(index.fields[:fixed], "x"), None, False, None)
    for descending, after in product((False, True), (None, (*(1 for _ in order), "x"))):
        steps = (await store.explain(replace(walk, descending=descending, after=after))).split("\n")
        assert steps[0].startswith("SEARCH walked USING PRIMARY KEY"), steps
        assert [each.split()[0] for each in steps[1:]] == ["CORRELATED", "SEARCH"], steps


async def test_a_walk_goes_on_from_its_cursor_and_not_from_its_range(store: SqliteEngine) -> None:
    index = next(each for each in INDEXES if each.name == "by_change")
    span = Range("changed_at", at_least=at(0), at_most=at(9))
    for descending in (False, True):
        walk = plan(index, {"project": "p"}, span, descending, None)
        told = await store.explain(replace(walk, after=(1, "x")))
        assert "(changed_at,_id)<" in told if descending else "(changed_at,_id)>" in told, told


async def test_a_message_costs_one_read_and_two_writes(tmp_path: Path) -> None:
    told: list[str] = []
    store = SqliteEngine(tmp_path / "hub.db", trace=told.append)
    await store.open()
    await store.write(Insert(dialog()))
    told.clear()
    row = await store.get(Dialog, "site:1:1")
    assert row is not None
    await store.write(Insert(entry("m:1", 1)), Replace(row))
    await store.close()
    assert [sql.split()[0] for sql in told] == ["SELECT", "BEGIN", "INSERT", "UPDATE", "COMMIT"]


async def test_only_what_changed_is_written_to_the_indexes(tmp_path: Path) -> None:
    told: list[str] = []
    store = SqliteEngine(tmp_path / "hub.db", trace=told.append)
    await store.open()
    await store.write(Insert(dialog()))
    told.clear()
    await store.change(Dialog, "site:1:1", lambda row: msgspec.structs.replace(row, open=True))
    await store.close()
    (update,) = [sql for sql in told if sql.startswith("UPDATE")]
    assert update.partition(" WHERE ")[0].count(" = ") == len(("rev", "body", "open"))


async def test_what_waits_is_committed_together(tmp_path: Path) -> None:
    told: list[str] = []
    store = SqliteEngine(tmp_path / "hub.db", trace=told.append)
    await store.open()
    told.clear()
    await asyncio.gather(*(store.write(Insert(Lock(id=str(n)))) for n in range(200)))
    await store.close()
    assert sum(sql.startswith("INSERT") for sql in told) == 200
    assert told.count("COMMIT") < 100


async def test_nobody_is_answered_before_the_commit(tmp_path: Path) -> None:
    told: list[str] = []
    store = SqliteEngine(tmp_path / "hub.db", trace=told.append)
    await store.open()
    told.clear()
    waiting = [asyncio.ensure_future(store.write(Insert(Lock(id=str(n))))) for n in range(50)]
    for n, each in enumerate(waiting):
        each.add_done_callback(lambda _, n=n: told.append(f"answered {n}"))  # type: ignore[misc]
    await asyncio.gather(*waiting)
    await store.close()
    stored: set[str] = set()
    durable: set[str] = set()
    for line in told:
        if line.startswith("INSERT"):
            stored.add(line.split("VALUES (")[1].split(",")[0].strip("'"))
        elif line == "COMMIT":
            durable |= stored
        elif line.startswith("answered"):
            assert line.split()[1] in durable


async def test_a_second_serving_process_is_refused_by_name(store: SqliteEngine) -> None:
    path = store.path
    with pytest.raises(ConfigError, match=f"already served by process {os.getpid()}"):
        await SqliteEngine(path).open()
    program = (
        "import asyncio, sys\n"
        "from hub.store.sqlite import SqliteEngine\n"
        "asyncio.run(SqliteEngine(sys.argv[1]).open())\n"
    )
    second = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(path)),
        cwd=Path(__file__).parents[2],
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await second.communicate()
    assert f"already served by process {os.getpid()}" in told.decode()


async def test_the_command_line_works_beside_the_serving_process(store: SqliteEngine) -> None:
    beside = SqliteEngine(store.path, serving=False)
    await beside.open()
    await store.write(Insert(Lock(id="a")))
    await beside.write(Insert(Lock(id="b")))
    assert await beside.get(Lock, "a") == Lock(id="a")
    assert await store.get(Lock, "b") == Lock(id="b")
    await beside.close()


async def test_the_lock_goes_with_the_process(store: SqliteEngine) -> None:
    await store.close()
    await store.open()
    await store.write(Insert(Lock(id="a")))


async def test_a_full_disk_is_told_and_gets_well_by_itself(store: SqliteEngine) -> None:
    await store.write(Insert(Lock(id="before")))
    with no_file_larger_than(store.path.with_name("hub.db-wal").stat().st_size):
        refused = [store.write(Insert(Lock(id=str(n), value="x" * 5000))) for n in range(20)]
        answers = await asyncio.gather(*refused, return_exceptions=True)
        assert all(isinstance(each, UnavailableError) for each in answers)
        assert await store.get(Lock, "before") == Lock(id="before")
    await store.write(Insert(Lock(id="after")))
    assert await store.get(Lock, "after") == Lock(id="after")
    assert await store.get(Lock, "0") is None


async def test_a_store_that_may_not_grow_refuses_the_whole_batch(store: SqliteEngine) -> None:
    await store.write(Insert(Lock(id="before")))
    await limit_pages(store, 1)
    big = "x" * 100_000
    wanting = [store.write(Insert(Lock(id=str(n), value=big))) for n in range(10)]
    answers = await asyncio.gather(*wanting, return_exceptions=True)
    kept = {n for n, each in enumerate(answers) if each is None}
    assert any(isinstance(each, UnavailableError) for each in answers)
    found = await store.get_many(Lock, [str(n) for n in range(10)])
    assert {int(id) for id in found} == kept
    await limit_pages(store, 1_000_000)
    await store.write(Insert(Lock(id="after", value=big)))
    assert await store.get(Lock, "before") == Lock(id="before")


async def limit_pages(store: SqliteEngine, pages: int) -> None:
    """SQLite's own limit, never below what the file has; it belongs to the one connection."""

    def limit(db: sqlite3.Connection) -> None:
        db.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    await store._ask(store._writes, limit)


async def test_a_value_no_store_can_hold_is_refused_alone(store: SqliteEngine) -> None:
    answers = await asyncio.gather(
        store.write(Insert(Lock(id="good"))),
        store.write(Insert(Lock(id="half \ud83d"))),
        store.write(Insert(entry("m:1", 2**63))),
        store.write(Insert(entry("m:2", 2))),
        return_exceptions=True,
    )
    assert [type(each) for each in answers] == [
        type(None),
        BadValueError,
        BadValueError,
        type(None),
    ]
    assert await store.get(Entry, "m:1") is None
    with pytest.raises(BadValueError):
        await store.get(Lock, "half \ud83d")


async def test_a_file_of_another_making_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_text("not a database at all\n" * 100)
    with pytest.raises(ConfigError, match="is not a store"):
        await SqliteEngine(tmp_path / "hub.db").open()
    (tmp_path / "hub.db").unlink()
    store = SqliteEngine(tmp_path / "hub.db")
    await store.open()
    await store.close()


async def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError):
        await SqliteEngine(tmp_path / "file" / "hub.db").open()


async def test_the_file_is_its_owners_alone(store: SqliteEngine) -> None:
    await store.write(Insert(Lock(id="a")))
    for path in store.path.parent.glob("hub.db*"):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_a_new_index_holds_what_was_stored_before_it(tmp_path: Path) -> None:
    first = SqliteEngine(tmp_path / "hub.db", [Collection("cards", Card, (CARDS_BY_LIFE,))])
    await first.open()
    for n in range(5):
        await first.write(Insert(Card(id=str(n), project="p", n=n % 2, owner="ann", at=at(n))))
    await first.close()
    for _ in range(2):
        later = SqliteEngine(tmp_path / "hub.db", [Collection("cards", Card, NUMBERED_LATER)])
        await later.open()
        walk = plan(NUMBERED_LATER[2], {"n": 1, "owner": "ann"}, None, False, None)
        assert [card.id for card in await later.walk(walk, 9)] == ["1", "3"]
        await later.close()


async def test_a_new_index_of_each_value_holds_what_was_stored_before_it(tmp_path: Path) -> None:
    first = SqliteEngine(tmp_path / "hub.db", [Collection("cards", Card)])
    await first.open()
    for n in range(3):
        await first.write(Insert(Card(id=str(n), project="p", n=n, at=at(n), tags=("a", str(n)))))
    await first.close()
    for index in (CARDS_TAGGED, CARDS_TAGGED, TAGGED_LATER):
        later = SqliteEngine(tmp_path / "hub.db", [Collection("cards", Card, (index,))])
        await later.open()
        walk = plan(index, {"project": "p", "tags": "a"}, None, True, None)
        assert [card.id for card in await later.walk(walk, 9)] == ["2", "1", "0"]
        await later.close()


async def test_an_index_declared_anew_is_made_anew(tmp_path: Path) -> None:
    for fields in (("project", "at"), ("project", "n")):
        index = Index("changing", Card, fields)
        store = SqliteEngine(tmp_path / "hub.db", [Collection("cards", Card, (index,))])
        await store.open()
        told = await store.explain(plan(index, {"project": "p", fields[1]: 1}, None, False, None))
        assert fields[1] in told
        await store.close()


async def test_a_store_that_lacks_nothing_is_not_written_at_start(tmp_path: Path) -> None:
    told: list[str] = []
    for _ in range(2):
        told.clear()
        store = SqliteEngine(tmp_path / "hub.db", trace=told.append)
        await store.open()
        await store.close()
    # What SQLite asks of itself on the way comes as a comment.
    assert {sql.split()[0] for sql in told if not sql.startswith("--")} == {"SELECT"}


async def test_the_write_ahead_file_is_cut_when_it_grew(tmp_path: Path) -> None:
    store = SqliteEngine(tmp_path / "hub.db", wal_max_bytes=100_000)
    await store.open()
    wal = tmp_path / "hub.db-wal"
    sizes = []
    for n in range(40):
        await store.write(Insert(Lock(id=str(n), value="x" * 20_000)))
        await store.get(Lock, str(n))
        sizes.append(wal.stat().st_size)
    await store.close()
    # The first has the making of all tables before it.
    assert max(sizes[1:]) < 400_000
    assert not wal.exists()


async def test_a_cancelled_caller_leaves_the_others_alone(store: SqliteEngine) -> None:
    first = asyncio.ensure_future(store.write(Insert(Lock(id="a"))))
    second = asyncio.ensure_future(store.write(Insert(Lock(id="b"))))
    await asyncio.wait({first}, timeout=0)
    first.cancel()
    await second
    assert await store.get(Lock, "b") == Lock(id="b")


def test_the_driver_of_mongodb_is_not_loaded_for_the_embedded_store() -> None:
    program = "import sys, hub.store; print([m for m in sys.modules if m in ('motor', 'pymongo')])"
    told = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert told.stdout.strip() == b"[]"
