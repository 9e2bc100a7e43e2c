"""The engine over MongoDB, one server or a replica set; the only module that knows a driver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from itertools import groupby
from typing import Any, ClassVar, TypeVar
from weakref import WeakValueDictionary

import msgspec
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    DocumentTooLarge,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
)
from pymongo.monitoring import CommandListener
from pymongo.write_concern import WriteConcern

from hub.errors import BadValueError, ConfigError, UnavailableError
from hub.model import Document
from hub.store.engine import (
    AbsentError,
    Collection,
    Engine,
    Index,
    Insert,
    Key,
    MovedError,
    Replace,
    TakenError,
    Walk,
    moment,
    plain,
    types_of,
)
from hub.store.schema import COLLECTIONS, VERSION

D = TypeVar("D", bound=Document)
Raw = dict[str, Any]

TRIES_MAX = 50
DATABASE = "otklik"
REFUSALS = (13, 18)  # unauthorized, authentication failed
DUPLICATE = 11000

OPTIONS: Raw = {
    "appname": "otklik",
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 20_000,
    "waitQueueTimeoutMS": 10_000,
}
CODEC: CodecOptions[Raw] = CodecOptions(tz_aware=True, tzinfo=UTC)
DURABLE = WriteConcern(w="majority", j=True, wtimeout=10_000)


class MongoEngine(Engine):
    """Documents in the database that the address names, each write confirmed by the majority.

    `listeners` are told every command that goes over the wire.
    """

    kind: ClassVar[str] = "mongo"

    def __init__(
        self,
        url: str,
        collections: Sequence[Collection[Any]] = COLLECTIONS,
        *,
        listeners: Sequence[CommandListener] = (),
    ) -> None:
        self._url = url
        self._kept: dict[type[Document], Collection[Any]] = {each.of: each for each in collections}
        self._listeners = list(listeners)
        self._turns: WeakValueDictionary[tuple[type[Document], str], asyncio.Lock] = (
            WeakValueDictionary()
        )
        self._client: Any = None
        self._database: Any = None

    async def open(self) -> None:
        # What the address says itself comes before our own limits.
        told = self._url.partition("?")[2].lower()
        options = {name: value for name, value in OPTIONS.items() if name.lower() not in told}
        try:
            self._client = AsyncIOMotorClient(self._url, event_listeners=self._listeners, **options)
            self._database = self._client.get_default_database(
                DATABASE, codec_options=CODEC, write_concern=DURABLE
            )
        except (ConfigurationError, ValueError) as error:
            # The driver's own words may hold the password.
            raise ConfigError("not an address of a MongoDB", field="database.url") from error
        try:
            with _answered():
                await self._make()
        except UnavailableError as error:
            await self.close()
            cause = error.__cause__
            if isinstance(cause, OperationFailure) and cause.code in REFUSALS:
                raise ConfigError(
                    "the database does not let us in", field="database.url"
                ) from cause
            raise
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        client, self._client, self._database = self._client, None, None
        if client is not None:
            # It says good-bye to the server, and the driver does that in the caller's thread.
            await asyncio.to_thread(client.close)

    async def get(self, of: type[D], id: str) -> D | None:
        kept, collection = self._of(of)
        with _answered():
            raw = await collection.find_one({"_id": id})
        return None if raw is None else _read(kept, raw)

    async def get_many(self, of: type[D], ids: Sequence[str]) -> dict[str, D]:
        kept, collection = self._of(of)
        with _answered():
            found = await collection.find({"_id": {"$in": list(ids)}}).to_list(None)
        return {raw["_id"]: _read(kept, raw) for raw in found}

    async def write(self, *steps: Insert | Replace) -> None:
        n = 0
        for (replacing, of), alike in groupby(steps, key=_sort):
            kept, collection = self._of(of)
            docs = [step.doc for step in alike]
            if replacing:
                for doc in docs:
                    with _answered(kept, n):
                        if not await _replace(kept, collection, doc, doc):
                            raise MovedError(n)
                    n += 1
                continue
            raws = [_raw(kept, doc, doc.rev) for doc in docs]
            with _answered(kept, n):
                if len(raws) == 1:
                    await collection.insert_one(raws[0])
                else:
                    # One command for all; the server ends it at the first that is refused.
                    await collection.insert_many(raws, ordered=True)
            n += len(docs)

    async def change(self, of: type[D], id: str, how: Callable[[D], D | None]) -> D:
        changed = await self._try_change(of, id, how)
        if changed is not None:
            return changed
        # Who lost once waits for its turn in this process, so that nobody loses for ever.
        turn = self._turns.setdefault((of, id), asyncio.Lock())
        async with turn:
            for _ in range(TRIES_MAX):
                changed = await self._try_change(of, id, how)
                if changed is not None:
                    return changed
        raise UnavailableError(f"{of.__name__}: {TRIES_MAX} others were faster")

    async def _try_change(self, of: type[D], id: str, how: Callable[[D], D | None]) -> D | None:
        kept, collection = self._of(of)
        before = await self.get(of, id)
        if before is None:
            raise AbsentError
        made = how(before)
        if made is None:
            return before
        if made.id != id:
            raise ValueError(f"a change cannot make {id} another document")
        with _answered(kept):
            done = await _replace(kept, collection, before, made)
        return msgspec.structs.replace(made, rev=before.rev + 1, v=kept.version) if done else None

    async def delete_if(self, of: type[D], id: str, condition: Callable[[D], bool]) -> bool:
        kept, collection = self._of(of)
        for _ in range(TRIES_MAX):
            doc = await self.get(of, id)
            if doc is None or not condition(doc):
                return False
            with _answered():
                result = await collection.delete_one({"_id": id, "rev": doc.rev})
            if result.deleted_count:
                return True
        raise UnavailableError(f"{kept.name}: {TRIES_MAX} others were faster")

    async def walk(self, walk: Walk[D], limit: int) -> list[D]:
        kept, _ = self._of(walk.index.of)
        return [_read(kept, raw) for raw in await self._met(walk, limit)]

    async def touch(
        self, walk: Walk[D], also: Sequence[str], limit: int
    ) -> tuple[list[Key], Key | None]:
        names = (*walk.order, "_id")
        wanted, each = set(also), walk.index.each
        found = await self._met(walk, limit + 1, (*names, each) if also else names)
        keys = [tuple(plain(raw.get(name)) for name in names) for raw in found]
        met = [
            key
            for key, raw in zip(keys[:limit], found, strict=False)
            if not also or wanted.issubset(raw[each])
        ]
        return met, keys[limit - 1] if len(keys) > limit else None

    async def _met(self, walk: Walk[D], limit: int, fields: Sequence[str] = ()) -> list[Raw]:
        """What the walk meets, whole or only these fields of it."""
        _, collection = self._of(walk.index.of)
        direction = DESCENDING if walk.descending else ASCENDING
        alone = walk.index.unique and not walk.order
        with _answered():
            met = collection.find(
                _filter(walk),
                projection=dict.fromkeys(fields, 1) or None,
                sort=None if alone else [(name, direction) for name in _keys(walk)],
                hint=walk.index.name,
                limit=limit,
                batch_size=limit,
            )
            found: list[Raw] = await met.to_list(None)
        return found

    async def tally(self, walk: Walk[D], cap: int) -> int:
        _, collection = self._of(walk.index.of)
        with _answered():
            n: int = await collection.count_documents(
                _filter(walk), hint=walk.index.name, limit=cap
            )
        return n

    def _of(self, of: type[D]) -> tuple[Collection[D], Any]:
        if self._database is None:
            raise UnavailableError("the store is closed")
        kept: Collection[D] = self._kept[of]
        return kept, self._database[kept.name]

    async def _make(self) -> None:
        meta = self._database["meta"]
        mark = await meta.find_one({"_id": "version"})
        version = mark["value"] if mark else 0
        if version > VERSION:
            raise ConfigError(
                f"the database has version {version} of the store, this program knows {VERSION}"
            )
        for kept in self._kept.values():
            await _make_indexes(kept, self._database[kept.name])
        if version < VERSION:
            await meta.update_one({"_id": "version"}, {"$max": {"value": VERSION}}, upsert=True)


async def _make_indexes(kept: Collection[Any], collection: Any) -> None:
    there = {each["name"]: each for each in await collection.list_indexes().to_list(None)}
    missing = []
    for index in kept.indexes:
        model = _model(index)
        held = there.get(index.name)
        if held is not None and _same(held, model.document):
            continue
        if held is not None:
            await collection.drop_index(index.name)
        missing.append(model)
    if missing:
        await collection.create_indexes(missing)


def _same(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    if list(held["key"].items()) != list(wanted["key"].items()):
        return False
    return all(held.get(name) == wanted.get(name) for name in ("unique", "partialFilterExpression"))


def _model(index: Index[Any]) -> IndexModel:
    fields = index.fields if index.unique else (*index.fields, "_id")
    options: Raw = {"name": index.name}
    if index.unique:
        options["unique"] = True
    if index.present:
        options["partialFilterExpression"] = {index.present: {"$exists": True}}
    return IndexModel([(name, ASCENDING) for name in fields], **options)


def _sort(step: Insert | Replace) -> tuple[bool, type[Document]]:
    """What the steps that one command can carry out have in common."""
    return isinstance(step, Replace), type(step.doc)


def _raw(kept: Collection[D], doc: D, rev: int) -> Raw:
    """The document as the wire carries it; None is left out, so `present` is `$exists`."""
    raw: Raw = msgspec.to_builtins(doc, builtin_types=(datetime, bytes))
    raw |= {"rev": rev, "v": kept.version}
    told = _nones(kept.of)[1]
    return {name: value for name, value in raw.items() if value is not None or name in told}


def _read(kept: Collection[D], raw: Raw) -> D:
    return kept.read(_nones(kept.of)[0] | raw)


@cache
def _nones(of: type[Document]) -> tuple[Raw, frozenset[str]]:
    """What None means where nothing is kept, and the fields whose None is not their default."""
    fields = msgspec.structs.fields(of)
    required = {each.encode_name: None for each in fields if each.required}
    known = {name: None for name in required if type(None) in types_of(of).get(name, ())}
    told = (each.encode_name for each in fields if not each.required and each.default is not None)
    return known, frozenset(told)


async def _replace(
    kept: Collection[Any], collection: Any, before: Document, made: Document
) -> bool:
    result = await collection.replace_one(
        {"_id": before.id, "rev": before.rev}, _raw(kept, made, before.rev + 1)
    )
    return bool(result.matched_count)


def _filter(walk: Walk[Any]) -> Raw:
    """The walk as a filter whose bounds on the hinted index are as narrow as the walk itself."""
    fields: dict[str, Raw] = {}
    if walk.index.present:
        fields[walk.index.present] = {"$exists": True}
    for name, value in walk.equal.items():
        fields.setdefault(name, {})["$eq"] = _native(value)
    if walk.range is not None:
        limits = {
            "$gte": walk.range.at_least,
            "$lt": walk.range.below,
            "$lte": walk.range.at_most,
        }
        for name, limit in limits.items():
            if limit is not None:
                fields.setdefault(walk.range.field, {})[name] = _native(limit)
    if walk.after is None:
        return dict(fields)
    keys = _keys(walk)
    after = _after(walk)
    beyond = "$lt" if walk.descending else "$gt"
    # Each branch says where the walk goes on, but only a bound on the first field keeps the
    # server from starting at the beginning of the index.
    _tighten(fields.setdefault(keys[0], {}), f"{beyond}e", after[0])
    branches = [
        {**dict(zip(keys[:n], after[:n], strict=True)), keys[n]: {beyond: after[n]}}
        for n in range(len(keys))
    ]
    return {**fields, "$or": branches}


def _tighten(limits: Raw, side: str, value: Any) -> None:
    held = limits.get(side, value)
    limits[side] = max(held, value) if side == "$gte" else min(held, value)


def _keys(walk: Walk[Any]) -> tuple[str, ...]:
    """What orders the walk; a unique index needs no `_id` to break ties."""
    return walk.order if walk.index.unique and walk.order else (*walk.order, "_id")


def _after(walk: Walk[Any]) -> tuple[Any, ...]:
    of: type[Document] = walk.index.of
    types = types_of(of)
    return tuple(
        moment(value) if datetime in types.get(name, ()) else value
        for name, value in zip((*walk.order, "_id"), walk.after or (), strict=True)
    )


def _native(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


@contextmanager
def _answered(kept: Collection[Any] | None = None, step: int = 0) -> Iterator[None]:
    """Translates what the driver raises into what the port promises."""
    try:
        yield
    except DuplicateKeyError as error:
        raise TakenError(_taken(kept, error.details or {}), step) from None
    except BulkWriteError as error:
        # In order, the first that is refused is the only one; none is where durability failed.
        refused: Raw = next(iter(error.details["writeErrors"]), {"code": error.code})
        if refused["code"] == DUPLICATE:
            raise TakenError(_taken(kept, refused), step + refused["index"]) from None
        raise UnavailableError(f"the database refused: {refused['code']}") from error
    except (BSONError, DocumentTooLarge, OverflowError, UnicodeEncodeError) as error:
        raise BadValueError(f"this cannot be stored: {error}") from None
    except OperationFailure as error:
        raise UnavailableError(f"the database refused: {error.code}") from error
    except PyMongoError as error:
        raise UnavailableError(f"the database did not answer: {type(error).__name__}") from error


def _taken(kept: Collection[Any] | None, told: Mapping[str, Any]) -> str:
    fields = tuple(told.get("keyPattern", ()))
    indexes = kept.indexes if kept else ()
    return next((each.name for each in indexes if each.unique and each.fields == fields), "_id")
