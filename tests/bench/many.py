"""The same questions to a small store and to big ones: what an operator waits for, and a start.

The floor of each figure is the hub itself with the smallest store, asked in turn.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles
from time import perf_counter
from urllib.parse import quote

import aiohttp

from hub import model, timers
from hub.model import Document, Timer
from hub.store.engine import Insert
from hub.store.sqlite import SqliteEngine
from hub.worker import ALIVE
from tests.bench import filling
from tests.bench.figure import Figure
from tests.bench.people import browser, sign_in
from tests.bench.served import serving, the_hub
from tests.chaos.process import Program

SIZES = (1_000, 100_000, 1_000_000)
BUDGET = 2_000
"""Rows that a filtered page looks at before it says how far it looked back."""
START_SECONDS = 600
PART = 1_000
"""Timers made at once."""
KIOSK = """
[channels.kiosk]
settings = { origins = ["*"] }
"""


Asked = dict[str, list[tuple[str, ...]]]
"""What is asked of a hub: by the figure's name the paths of each question."""

PAGE, COUNTS, RARE = "first page of the inbox", "counts of its lists", "a page of rare hits"
SEARCH, OPENING = "search, p95", "opening a dialog"


@dataclass(frozen=True)
class Town:
    """A hub with a store of that size, and for each round an operator with his questions.

    `looked` are the rows that its filtered page meets.
    """

    size: int
    program: Program
    sessions: Sequence[aiohttp.ClientSession]
    asked: Sequence[Asked]
    looked: int


def asked(path: Path, said: filling.Speech, seed: int) -> Asked:
    """Questions that have answers in this store, drawn in the same way for every size."""
    random = Random(seed)
    db = sqlite3.connect(path)
    top = db.execute("SELECT max(rowid) FROM dialogs").fetchone()[0]
    drawn = [str(random.randint(1, top)) for _ in range(400)]
    met = db.execute(
        "SELECT dialogs._id, body ->> 'name', identity FROM dialogs "  # noqa: S608
        f"WHERE rowid IN ({', '.join(drawn)}) AND project = ?",
        (filling.MAIN,),
    ).fetchall()
    of = [each[2] for each in met]
    holes = ", ".join("?" * len(of))
    phones = db.execute(
        f"SELECT body ->> 'phone' FROM identities WHERE _id IN ({holes}) "  # noqa: S608
        "AND body ->> 'phone' <> ''",
        of,
    ).fetchall()
    db.close()
    queries = _queries(
        random, said, [name for _, name, _ in met if name], [phone for (phone,) in phones]
    )
    ours = f"/projects/{filling.MAIN}"
    rare = f"{ours}/dialogs?view=closed&channel={filling.RARE_CHANNEL}&limit=50"
    return {
        PAGE: [(f"{ours}/dialogs?view=queue&limit=50",)] * 30,
        COUNTS: [(f"{ours}/counts",)] * 30,
        RARE: [(rare,)] * 20,
        SEARCH: [(f"{ours}/search?q={quote(query)}",) for query in queries],
        OPENING: [
            (f"/dialogs/{quote(id)}", f"/dialogs/{quote(id)}/log?limit=50") for id, _, _ in met[:40]
        ],
    }


def _queries(
    random: Random, said: filling.Speech, names: Sequence[str], phones: Sequence[str]
) -> list[str]:
    """A hundred: words that many say and that few say, alone and together, names and numbers."""
    head, middle, tail = said.ranked[:60], said.ranked[60:600], said.ranked[600:]
    return [
        *random.choices(head, k=30),
        *(" ".join(random.sample(head, 2)) for _ in range(20)),
        *(f"{random.choice(head)} {random.choice(middle)}" for _ in range(15)),
        *random.choices(tail, k=10),
        *(random.choice(names).split()[1] for _ in range(8)),
        *random.choices(names, k=7),
        *random.choices(phones, k=5),
        *(phone[-4:] for phone in random.choices(phones, k=5)),
    ]


async def built(
    stack: AsyncExitStack, folder: Path, size: int, said: filling.Speech, operators: int
) -> Town:
    """The store, with several operators: one alone may not search without end."""
    folder.mkdir(parents=True, exist_ok=True)
    program = Program(folder, channels=KIOSK)
    sessions = []
    async with serving(program, the_hub(program)):
        for n in range(operators):
            session = await stack.enter_async_context(browser())
            await sign_in(session, program, f"op{n}")
            sessions.append(session)
    path = folder / "data" / "hub.db"
    now = model.cut(model.now() - timedelta(hours=1))
    filling.fill(path, filling.batches(size, now))
    db = sqlite3.connect(path)
    closed = db.execute(
        "SELECT count(*) FROM dialogs WHERE project = ? AND NOT open", (filling.MAIN,)
    ).fetchone()[0]
    db.close()
    return Town(
        size,
        program,
        sessions,
        [asked(path, said, seed) for seed in range(operators)],
        min(closed, BUDGET),
    )


async def answered(town: Town, session: aiohttp.ClientSession, paths: Sequence[str]) -> float:
    """Seconds until all of the paths are answered, one after the other."""
    began = perf_counter()
    for path in paths:
        async with session.get(f"{town.program.url}/api/v1{path}") as answer:
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} for {path}: {await answer.text()}")
            await answer.read()
    return perf_counter() - began


def warm(town: Town) -> None:
    """Reads the store through, so that what is measured is not the disk."""
    with (town.program.folder / "data" / "hub.db").open("rb", buffering=0) as file:
        while file.read(1 << 22):
            pass


async def a_round(town: Town, n: int) -> dict[str, float]:
    """Milliseconds of every question, asked by the operator of this round."""
    took = {}
    await asyncio.to_thread(warm, town)
    for name, questions in town.asked[n].items():
        times = [1000 * await answered(town, town.sessions[n], each) for each in questions]
        took[name] = quantiles(times, n=20)[18] if name == SEARCH else median(times)
    # A small store ends before the budget does, so it is told what a row costs.
    took[RARE] *= 1_000 / town.looked
    return took


async def starts(town: Town) -> float:
    """Seconds from exec to the first page when nobody knows how far the store was looked at."""
    db = sqlite3.connect(town.program.folder / "data" / "hub.db")
    with db:
        db.execute("DELETE FROM locks WHERE _id = ?", (ALIVE,))
    db.close()
    async with serving(town.program, the_hub(town.program), patience=START_SECONDS) as server:
        return server.first_page


async def measure(folder: Path, *, sizes: Sequence[int] = SIZES, rounds: int = 5) -> list[Figure]:
    said = filling.speech()
    async with AsyncExitStack() as stack:
        towns = [await built(stack, folder / f"{each}", each, said, rounds + 1) for each in sizes]
        for town in towns:
            await stack.enter_async_context(serving(town.program, the_hub(town.program)))
            await a_round(town, rounds)
        told = [[await a_round(town, n) for town in towns] for n in range(rounds)]
    walked = [[await starts(town) for _ in range(min(rounds, 2))] for town in towns]
    units = dict.fromkeys(told[0][0], "ms") | {RARE: "ms per 1,000 rows"}
    figures = [
        Figure(
            f"{name}, {size:,} dialogs",
            unit,
            [each[n][name] for each in told],
            [each[0][name] for each in told],
            ratio_aim="≤ 1.5",
        )
        for name, unit in units.items()
        for n, size in enumerate(sizes)
        if n > 0
    ]
    figures += [
        Figure(f"exec to the first page, {size:,} dialogs looked at", "s", took, walked[0])
        for size, took in zip(sizes[1:], walked[1:], strict=True)
    ]
    return figures


async def claims(
    folder: Path, *, sizes: Sequence[int] = (PART, 1_000 * PART), rounds: int = 5
) -> list[Figure]:
    """A hundred due timers among many that are not."""
    engines = []
    for size in sizes:
        engine = SqliteEngine(folder / f"timers{size}.db")
        day = timedelta(days=1)
        parts = (waiting(PART, f"later{n}", day) for n in range(max(size // PART, 1)))
        filling.fill(engine.path, (filling.statements([part]) for part in parts))
        await engine.open()
        engines.append(engine)
    took = [[await claimed(engine, n) for engine in engines] for n in range(rounds)]
    for engine in engines:
        await engine.close()
    return [
        Figure(
            f"claiming 100 due timers, {size:,} waiting",
            "ms",
            [each[n] for each in took],
            [each[0] for each in took],
            ratio_aim="≤ 1.5",
        )
        for n, size in enumerate(sizes)
        if n > 0
    ]


def waiting(count: int, name: str, after: timedelta) -> list[Document]:
    """Timers that fall due one a second from then on."""
    now = model.now()
    return [
        Timer(
            id=f"silence:{name}:{n}",
            project=filling.MAIN,
            verb="silence",
            target=f"{name}:{n}",
            due_at=now + after + timedelta(seconds=n),
            created_at=now,
        )
        for n in range(count)
    ]


async def claimed(engine: SqliteEngine, n: int) -> float:
    """Milliseconds of one claim of what has just fallen due; all of it is settled after."""
    due = waiting(100, f"due{n}", timedelta(hours=-1))
    await engine.write(*(Insert(each) for each in due))
    began = perf_counter()
    mine = await timers.claim(engine, "bench", model.now())
    took = 1000 * (perf_counter() - began)
    if {each.id for each in mine} != {each.id for each in due}:
        raise RuntimeError(f"{len(mine)} timers were claimed")
    for timer in mine:
        await timers.settle(engine, timer)
    return took
