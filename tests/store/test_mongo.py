"""What only the MongoDB engine promises: what goes over the wire, and a server that goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from hub.errors import BadValueError, ConfigError, UnavailableError
from hub.model import Channel, ChannelId, Dialog, Lock, ProjectId, Timer
from hub.store.engine import Collection, Index, Insert, Range, Replace
from hub.store.mongo import DATABASE, MongoEngine
from hub.store.schema import BY_AWAITS, BY_LIFE, COLLECTIONS, EPISODES, LOG, TIMERS_DUE
from tests.store.samples import START, Card, at, dialog, entry


class Wire(CommandListener):
    """Every command that was sent, in order."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.sent.append(event.command)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


@pytest.fixture
def engine_url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def store(engine_url: str, wire: Wire) -> AsyncIterator[MongoEngine]:
    engine = MongoEngine(engine_url, listeners=[wire])
    await engine.open()
    wire.sent.clear()
    yield engine
    await engine.close()


def names(wire: Wire) -> list[str]:
    return [next(iter(command)) for command in wire.sent]


async def test_a_message_costs_one_read_and_two_writes(store: MongoEngine, wire: Wire) -> None:
    await store.write(Insert(dialog()))
    wire.sent.clear()
    row = await store.get(Dialog, "site:1:1")
    assert row is not None
    await store.write(Insert(entry("m:1", 1)), Replace(row))
    assert names(wire) == ["find", "insert", "update"]


async def test_inserts_of_one_kind_are_one_command(store: MongoEngine, wire: Wire) -> None:
    lines = [Insert(entry(f"m:{n}", n)) for n in (1, 2, 3)]
    await store.write(*lines, Insert(dialog()), Replace(dialog(seq=3)), Insert(entry("m:4", 4)))
    assert names(wire) == ["insert", "insert", "update", "insert"]
    page = await store.find(LOG, {"dialog": "site:1:1"})
    assert page.items == [entry(f"m:{n}", n) for n in (1, 2, 3, 4)]


async def test_what_the_server_refuses_for_its_own_reasons_is_unavailable(
    store: MongoEngine, engine_url: str
) -> None:
    # Somebody else's rule: the hub sets none.
    rule: dict[str, Any] = {"collMod": "entries", "validator": {"seq": {"$lt": 3}}}
    with MongoClient[dict[str, Any]](engine_url) as client:
        client.get_default_database(DATABASE).command(rule)
    with pytest.raises(UnavailableError):
        await store.write(*(Insert(entry(f"m:{n}", n)) for n in (1, 2, 3)))
    with pytest.raises(UnavailableError):
        await store.write(Insert(entry("m:3", 3)))


async def test_every_write_waits_for_the_journal_of_the_majority(
    store: MongoEngine, wire: Wire
) -> None:
    await store.write(Insert(dialog()), Replace(dialog()))
    await store.delete_if(Dialog, "site:1:1", lambda _: True)
    writes = [each for each in wire.sent if "find" not in each]
    assert len(writes) == 3
    for command in writes:
        concern = command["writeConcern"]
        assert (concern["w"], concern["j"]) == ("majority", True)


async def test_every_walk_names_its_index(store: MongoEngine, wire: Wire) -> None:
    await store.write(Insert(dialog(open=True, waiting_since=at(0))))
    await store.find(BY_LIFE, {"project": "p", "open": True}, descending=True)
    await store.find(BY_LIFE, {"project": "p"}, one_of=("open", [True, False]))
    await store.find(BY_AWAITS, {"project": "p", "open": True}, one_of=("awaits", ["operator"]))
    await store.find(EPISODES, {"project": "p", "identity": "site:1", "n": 1})
    await store.count(BY_LIFE, {"project": "p"})
    walks = [each for each in wire.sent if "find" in each or "aggregate" in each]
    assert [each["hint"] for each in walks] == [
        *("by_life", "by_life", "by_life", "by_awaits", "episodes", "by_life")
    ]


async def test_a_walk_is_one_command_however_long(store: MongoEngine, wire: Wire) -> None:
    for n in range(150):
        await store.write(Insert(dialog(f"site:{n}:1", last_at=at(n))))
    wire.sent.clear()
    page = await store.find(BY_LIFE, {"project": "p", "open": False}, limit=140)
    assert (len(page.items), names(wire)) == (140, ["find"])


async def test_a_cursor_bounds_the_index_and_not_only_the_filter(
    store: MongoEngine, wire: Wire
) -> None:
    for n in range(4):
        await store.write(Insert(dialog(f"site:{n}:1", last_at=at(n))))
    for descending, side, place in ((False, "$gte", 1), (True, "$lte", 2)):
        asked: dict[str, Any] = {
            "range": Range("last_at", at_least=at(0), at_most=at(9)),
            "descending": descending,
            "limit": 2,
        }
        page = await store.find(BY_LIFE, {"project": "p", "open": False}, **asked)
        await store.find(BY_LIFE, {"project": "p", "open": False}, after=page.next, **asked)
        assert wire.sent[-1]["filter"]["last_at"][side] == at(place)


async def test_none_is_left_out_and_comes_back(store: MongoEngine, engine_url: str) -> None:
    timer = Timer(
        id="t", project=ProjectId("p"), verb="v", target="x", due_at=None, created_at=START
    )
    await store.write(Insert(timer))
    assert await store.get(Timer, "t") == timer
    assert (await store.find(TIMERS_DUE)).items == []
    with MongoClient[dict[str, Any]](engine_url) as client:
        kept = client.get_default_database()["timers"].find_one({"_id": "t"})
    assert kept is not None
    assert "due_at" not in kept


async def test_an_index_declared_anew_is_made_anew(engine_url: str) -> None:
    for index in (
        Index("changing", Card, ("project", "at")),
        Index("changing", Card, ("project", "n")),
        Index("changing", Card, ("project", "n"), unique=True),
        Index("changing", Card, ("project", "due_at"), present="due_at"),
    ):
        engine = MongoEngine(engine_url, [Collection("cards", Card, (index,))])
        await engine.open()
        await engine.close()
        with MongoClient[dict[str, Any]](engine_url) as client:
            kept = client.get_default_database()["cards"].index_information()["changing"]
        ending = () if index.unique else ("_id",)
        assert [name for name, _ in kept["key"]] == [*index.fields, *ending]
        assert bool(kept.get("unique")) == index.unique
        assert ("partialFilterExpression" in kept) == bool(index.present)


async def test_a_store_that_lacks_nothing_is_not_written_at_start(
    store: MongoEngine, engine_url: str
) -> None:
    wire = Wire()
    again = MongoEngine(engine_url, listeners=[wire])
    await again.open()
    await again.close()
    assert set(names(wire)) - {"endSessions"} == {"find", "listIndexes"}


async def test_what_the_wire_cannot_carry_is_refused(store: MongoEngine) -> None:
    channel = Channel(
        id=ChannelId("c"),
        project=ProjectId("p"),
        kind="site",
        name="Сайт",
        settings={"a\0b": 1},
        created_at=START,
    )
    for doc in (channel, Lock(id="half \ud83d"), entry("m:1", 2**63)):
        with pytest.raises(BadValueError):
            await store.write(Insert(doc))


async def test_a_server_that_went_away_is_found_again(mongo_server: str, engine_url: str) -> None:
    parts = urlsplit(engine_url)
    wires: list[asyncio.StreamWriter] = []
    carrying: list[asyncio.Future[Any]] = []

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
        target.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(parts.hostname, parts.port or 27017)
        wires.extend((writer, back))
        carrying.append(asyncio.gather(pump(reader, back), pump(there, writer)))

    async def cut() -> None:
        door.close()
        for wire in wires:
            wire.close()
        await asyncio.gather(*carrying)
        await asyncio.gather(*(wire.wait_closed() for wire in wires), return_exceptions=True)

    door = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = door.sockets[0].getsockname()[1]
    address = parts._replace(netloc=f"127.0.0.1:{port}", query="serverSelectionTimeoutMS=1500")
    engine = MongoEngine(address.geturl(), [each for each in COLLECTIONS if each.of is Lock])
    await engine.open()
    await engine.write(Insert(Lock(id="before")))
    await cut()
    with pytest.raises(UnavailableError):
        await engine.write(Insert(Lock(id="lost")))
    with pytest.raises(UnavailableError):
        await engine.get(Lock, "before")
    door = await asyncio.start_server(carry, "127.0.0.1", port)
    await engine.write(Insert(Lock(id="after")))
    assert await engine.get(Lock, "before") == Lock(id="before")
    await engine.close()
    await cut()


@pytest.mark.parametrize("url", ["mongodb://", "mongodb://h:port/x", "mongodb://h:99999/x"])
async def test_an_address_that_is_none_is_named_and_not_printed(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        await MongoEngine(url).open()
    assert refusal.value.field == "database.url"
    assert url not in str(refusal.value)
