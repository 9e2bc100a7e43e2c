"""The contract's own `engine`: every test of this folder that asks for it runs on both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.store.engine import Collection, Engine
from hub.store.schema import COLLECTIONS

Opening = Callable[..., AbstractAsyncContextManager[Engine]]


@pytest.fixture(params=["sqlite", "mongo"])
def engine_url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return new_database()


@pytest.fixture
def engine_folder(tmp_path: Path) -> Path:
    """On the disk: what is tried here is that it is kept."""
    return tmp_path


@pytest.fixture
def opened(engine_url: str, tmp_path: Path) -> Opening:
    """Opens one more engine over the documents of this test, as another process would."""

    @asynccontextmanager
    async def open(collections: Sequence[Collection[Any]] = COLLECTIONS) -> AsyncIterator[Engine]:
        made: Engine
        if engine_url:
            from hub.store.mongo import MongoEngine

            made = MongoEngine(engine_url, collections)
        else:
            from hub.store.sqlite import SqliteEngine

            made = SqliteEngine(tmp_path / "hub.db", collections, serving=False)
        await made.open()
        try:
            yield made
        finally:
            await made.close()

    return open
