"""The contract's own `engine`: every test of this folder that asks for it runs on both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hub.store.engine import Engine


@pytest.fixture(params=["sqlite", "mongo"])
def engine_url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return new_database()


@pytest.fixture
async def another(engine: Engine, engine_url: str, tmp_path: Path) -> AsyncIterator[Engine]:
    """A second engine over the same documents, as a second process would have."""
    made: Engine
    if engine_url:
        from hub.store.mongo import MongoEngine

        made = MongoEngine(engine_url)
    else:
        from hub.store.sqlite import SqliteEngine

        made = SqliteEngine(tmp_path / "hub.db", serving=False)
    await made.open()
    yield made
    await made.close()
