"""Processes that share a database and a Redis, and the dice of a test."""

from __future__ import annotations

import random
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.valkey import Valkey

from .process import Program

Start = Callable[..., Any]


@pytest.fixture
def draw(record_property: Callable[[str, object], None]) -> random.Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - a failed storm is told with its seed
    record_property("seed", seed)
    return random.Random(seed)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def start(
    tmp_path: Path, valkey: Valkey, new_database: Callable[[], str]
) -> AsyncIterator[Start]:
    """Starts processes that share the database and the Redis of this test."""
    database = new_database()
    made: list[Program] = []

    async def one(verb: str, **more: Any) -> Program:
        program = Program(
            tmp_path / f"{verb}{len(made)}",
            database=database,
            redis=valkey.url,
            verb=verb,
            **({"script": "quick_hub.py"} | more),
        )
        made.append(program)
        await program.start()
        return program

    yield one
    for program in made:
        if program.alive:
            assert await program.stop() == 0
