"""The benches of a big store at a small size: what they fill is right, what they ask is bounded.

The measure of work is the steps of SQLite's own machine, the same on every computer.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from hub import model, timers
from hub.finding.search import Search
from hub.keeping import verify
from hub.model import (
    Contact,
    Dialog,
    Document,
    Entry,
    Lock,
    OperatorId,
    ProjectId,
    Role,
)
from hub.records import Words
from hub.store.engine import Engine, Insert
from hub.store.schema import BY_TYPE
from hub.store.sqlite import SqliteEngine
from hub.worker import ALIVE
from tests.bench import filling, many
from tests.bench.people import browser
from tests.bench.test_small import at_home
from tests.web.house import PASSWORD

D = TypeVar("D", bound=Document)

SMALL, BIG = 300, 4_000
NOW = model.cut(model.now() - timedelta(hours=1))


async def filled(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = SqliteEngine(path)
    await engine.open()
    await engine.close()
    made = filling.documents(size, NOW, filling.speech())
    filling.fill(path, [filling.statements(made)])
    return path


def steps(path: Path, statements: list[str]) -> int:
    """What SQLite's machine does for these statements, carried out once more."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    # Reading what tables and indexes there are takes steps too, and is no part of the question.
    db.execute("SELECT 1 FROM dialogs LIMIT 0").fetchall()
    db.set_progress_handler(step, 1)
    for statement in statements:
        db.execute(statement).fetchall()
    db.close()
    return taken


async def worked(folder: Path, size: int) -> dict[str, list[int]]:
    """The steps of each question to a hub with so many dialogs."""
    path = await filled(folder / "traced.db", size)
    trace: list[str] = []
    told: dict[str, list[list[str]]] = {}
    async with at_home(folder, trace) as (hub, server), browser() as session:
        url = str(server.make_url("")).rstrip("/")
        anna = await hub.accounts.add_operator("anna", "Anna")
        await hub.accounts.join(OperatorId(anna.id), ProjectId("main"), Role.OPERATOR)
        await hub.accounts.set_password(OperatorId(anna.id), PASSWORD)
        login = {"login": "anna", "password": PASSWORD}
        assert (await session.post(f"{url}/api/v1/session", json=login)).status == 200
        for name, questions in many.asked(path, filling.speech(), 1).items():
            for paths in questions:
                trace.clear()
                for each in paths:
                    answer = await session.get(f"{url}/api/v1{each}")
                    assert answer.status == 200
                    await answer.read()
                read = [one for one in trace if one.startswith("SELECT")]
                told.setdefault(name, []).append(read)
    return {name: [steps(path, each) for each in of] for name, of in told.items()}


async def test_what_an_operator_asks_costs_no_more_in_a_bigger_store(tmp_path: Path) -> None:
    small = await worked(tmp_path / "small", SMALL)
    big = await worked(tmp_path / "big", BIG)
    for name in (many.PAGE, many.OPENING):
        assert max(big[name]) <= 1.2 * max(small[name])
    # Fifty rows and the one after them, whatever the filter may let pass.
    assert max(big[many.PAGE]) <= 51 * 28
    # Four lists, each counted up to a thousand and one.
    assert max(big[many.COUNTS]) <= 4 * 1_001 * 8
    assert max(big[many.RARE]) <= many.BUDGET * 12
    # Two thousand places at most, each looked for under the other words too.
    assert max(big[many.SEARCH]) <= 2_000 * 35


async def test_the_rows_filled_are_folds_and_the_words_are_those_of_the_worker(
    tmp_path: Path,
) -> None:
    path = await filled(tmp_path / "traced.db", SMALL)
    trace: list[str] = []
    async with at_home(tmp_path, trace) as (hub, _):
        found = await verify.verify(hub.engine, hub.files)
        other = SqliteEngine(tmp_path / "other.db")
        await other.open()
        read = Search(other)
        rows = await everything(path, hub.engine, Dialog)
        entries = await everything(path, hub.engine, Entry)
        for contact in (await everything(path, hub.engine, Contact)).values():
            await other.write(Insert(contact))
        for row in rows.values():
            await read.read(row, [each for each in entries.values() if each.dialog == row.id])
        filled_words = await everything(path, hub.engine, Words)
        assert await everything(tmp_path / "other.db", other, Words) == filled_words
        await other.close()
    assert found.told == []
    assert len(rows) == SMALL
    assert len({row.project for row in rows.values()}) == 3


async def everything(path: Path, engine: Engine, of: type[D]) -> dict[str, D]:
    db = sqlite3.connect(path)
    ids = [id for (id,) in db.execute(f"SELECT _id FROM {BY_TYPE[of].name}")]  # noqa: S608
    db.close()
    return await engine.get_many(of, ids)


async def test_a_hundred_due_timers_are_one_transaction_whatever_waits(tmp_path: Path) -> None:
    told = []
    for waiting in (100, 3_000):
        trace: list[str] = []
        engine = SqliteEngine(tmp_path / f"{waiting}.db", trace=trace.append)
        later = many.waiting(waiting, "later", timedelta(days=1))
        filling.fill(engine.path, [filling.statements([later])])
        await engine.open()
        due = many.waiting(100, "due", timedelta(hours=-1))
        await engine.write(*(Insert(each) for each in due))
        trace.clear()
        mine = await timers.claim(engine, "bench", model.now())
        await engine.close()
        assert {each.id for each in mine} == {each.id for each in due}
        words = Counter(statement.split()[0] for statement in trace)
        assert words == Counter(SELECT=101, UPDATE=100, BEGIN=1, COMMIT=1)
        told.append(steps(engine.path, [one for one in trace if one.startswith("SELECT")]))
    assert told[1] <= 1.2 * told[0]


async def test_the_walk_at_start_reads_no_entry(tmp_path: Path) -> None:
    await filled(tmp_path / "traced.db", SMALL)
    trace: list[str] = []
    async with at_home(tmp_path, trace) as (hub, _):
        assert await hub.engine.get(Lock, ALIVE) is None
        trace.clear()
        assert await hub.worker.repair() == 0
    read = [each for each in trace if each.startswith("SELECT") and '"entries"' in each]
    assert read
    assert not any("body" in each for each in read)


async def test_every_figure_of_a_big_store_comes_with_its_floor(tmp_path: Path) -> None:
    figures = await many.measure(tmp_path, sizes=(300, 600), rounds=1)
    figures += await many.claims(tmp_path, sizes=(1_000, 2_000), rounds=1)
    assert len(figures) == 7
    assert all(figure.value > 0 and figure.floor for figure in figures)
