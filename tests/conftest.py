"""Where the tests keep their documents: `--store=sqlite` (a file) or `--store=mongo`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from tests.ports import WORKER, free_port

if TYPE_CHECKING:
    from hub.store.engine import Engine
    from tests.bucket import S3Server

# No test fails because the machine was busy; in CI the examples are the same each time, as
# Hypothesis has it.
settings.register_profile(
    "patient",
    settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")

MEMORY = Path("/dev/shm")  # noqa: S108 - the folder made there has a name of its own
ROOM = 2**30


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store",
        choices=("sqlite", "mongo"),
        default="sqlite",
        help="the engine under the tests that use one (HUB_TEST_MONGO names another server)",
    )
    parser.addoption(
        "--bus",
        choices=("local", "redis"),
        default="local",
        help="the bus under the tests of the doors (HUB_TEST_REDIS names another server)",
    )
    parser.addoption(
        "--lag",
        type=int,
        default=0,
        metavar="MS",
        help="how late at most an answer of the hub comes to a page in a browser",
    )
    parser.addoption(
        "--throttle",
        type=float,
        default=1,
        metavar="N",
        help="how many times slower than this processor a page in a browser is",
    )


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder where a sync costs nothing, if this machine has memory for it.

    What is written there outlives a killed process, as on a disk; no test cuts the power.
    """
    memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    where = MEMORY if memory else tmp_path_factory.mktemp("quick")
    with TemporaryDirectory(prefix="hub-tests-", dir=where) as made:
        yield Path(made)


@pytest.fixture(scope="session")
def mongo_server(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a MongoDB server without a database: the tests' own, or HUB_TEST_MONGO."""
    given = os.environ.get("HUB_TEST_MONGO")
    if given:
        yield given
        return
    from pymongo import MongoClient

    port = free_port()
    folder = tmp_path_factory.mktemp("secantus")
    program = Path(sys.executable).with_name("secantusd-py")
    kept = ("--storage-path", quick / "secantus", "--log-level", "WARNING", "--cache-size", "64M")
    with (folder / "log").open("wb") as told:
        server = subprocess.Popen(
            [program, *("--standalone", "--sync-on-commit", "--port", str(port)), *kept],
            stderr=told,
            cwd=folder,
        )
    url = f"mongodb://127.0.0.1:{port}/"
    try:
        with MongoClient[dict[str, object]](url) as client:
            # The driver itself waits for a server that is only starting.
            client.admin.command("ping")
        yield url
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A storage that speaks S3, another process."""
    from tests.bucket import s3_server

    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def new_database(mongo_server: str) -> Iterator[Callable[[], str]]:
    """Makes addresses of databases that nobody used before and that are gone after the test."""
    from pymongo import MongoClient

    made = []

    def make() -> str:
        parts = urlsplit(mongo_server)
        made.append(f"test_{uuid4().hex[:12]}")
        return urlunsplit(parts._replace(path=f"/{made[-1]}"))

    yield make
    with MongoClient[dict[str, object]](mongo_server) as client:
        for name in made:
            client.drop_database(name)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis server without a database: the tests' own, or HUB_TEST_REDIS."""
    given = os.environ.get("HUB_TEST_REDIS")
    if given:
        yield given.rstrip("/")
        return
    from tests.valkey import Valkey

    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    try:
        yield server.url
    finally:
        server.kill()


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """A database of Redis that nothing is in."""
    from redis import Redis

    # A given server is shared by all the processes of the run.
    url = f"{redis_server}/{9 + WORKER % 7}"
    with Redis.from_url(url, protocol=2) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture
def bus_url(request: pytest.FixtureRequest) -> str:
    """What `[redis] url` holds in this run: empty for the bus of one process."""
    if request.config.getoption("--bus") == "local":
        return ""
    url: str = request.getfixturevalue("redis_url")
    return url


@pytest.fixture
def engine_url(request: pytest.FixtureRequest) -> str:
    """What `[database] url` holds in this run: empty for the embedded store."""
    if request.config.getoption("--store") == "sqlite":
        return ""
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return new_database()


@pytest.fixture
def engine_folder(quick: Path) -> Iterator[Path]:
    """Where the embedded store of this test has its file."""
    with TemporaryDirectory(dir=quick) as made:
        yield Path(made)


@pytest.fixture
async def engine(engine_url: str, engine_folder: Path) -> AsyncIterator[Engine]:
    """An open, empty store with everything that the schema declares."""
    made: Engine
    if engine_url:
        from hub.store.mongo import MongoEngine

        made = MongoEngine(engine_url)
    else:
        from hub.store.sqlite import SqliteEngine

        made = SqliteEngine(engine_folder / "hub.db")
    await made.open()
    yield made
    await made.close()
