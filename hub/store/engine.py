"""The port that two real engines fill: documents by id, declared indexes, ordered writes.

No joins, no expressions, no query without an index. Whoever needs a claim, a lease or an
upsert builds it from `find` and `change`.
"""

from __future__ import annotations

import dataclasses
import heapq
from abc import ABC, abstractmethod
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import GenericAlias
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_type_hints

import msgspec
from msgspec.structs import replace

from hub.errors import BadValueError, HubError, NotFoundError, UnavailableError
from hub.model import Document

D = TypeVar("D", bound=Document)
Value = str | int | bool | datetime | None

FILTERED_BATCH = 200
"""Rows read at once where a filter may let few of them pass."""


class TakenError(HubError):
    """The id, or the unique index named by `index`, is already held; `step` counts from 0."""

    code = "taken"

    def __init__(self, index: str, step: int = 0) -> None:
        super().__init__(f"taken: {index}")
        self.index = index
        self.step = step


class MovedError(HubError):
    """The document changed since it was read, or is gone; read it again."""

    code = "moved"

    def __init__(self, step: int = 0) -> None:
        super().__init__("moved")
        self.step = step


class AbsentError(HubError):
    """There is no such document."""

    code = "absent"


@dataclass(frozen=True)
class Index(Generic[D]):
    """A declared walk over one collection: equal fields first, then the order, then `_id`.

    With `present`, only documents whose that field is not None are walked. The fields that
    order must not be None in the documents walked. `each` names a field that is a tuple: the
    document stands in the index once under each of its values, and every walk fixes one.
    """

    name: str
    of: type[D]
    fields: tuple[str, ...]
    unique: bool = False
    present: str = ""
    each: str = ""


@dataclass(frozen=True)
class Collection(Generic[D]):
    """How one kind of document is kept; `personal` ones hold data of a person (152-ФЗ)."""

    name: str
    of: type[D]
    indexes: tuple[Index[D], ...] = ()
    personal: bool = False
    version: int = 1
    upgrade: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def read(self, raw: dict[str, Any]) -> D:
        """The document; an older shape goes through `upgrade`, which sees JSON's types."""
        if self.upgrade is not None and raw.get("v", 1) < self.version:
            raw = self.upgrade(msgspec.to_builtins(raw)) | {"v": self.version}
        return msgspec.convert(raw, self.of)


@dataclass(frozen=True)
class Insert:
    doc: Document


@dataclass(frozen=True)
class Replace:
    """Puts `doc` in the place of the one with the same `_id` and `rev`, with `rev` + 1."""

    doc: Document


@dataclass(frozen=True)
class Range:
    """Limits of the first field after the equal ones; None leaves a side open."""

    field: str
    at_least: Value = None
    below: Value = None
    at_most: Value = None


@dataclass(frozen=True)
class Page(Generic[D]):
    """What a walk met; `next` continues it, None when it reached the end.

    `looked` counts the rows the walk touched, also those that `where` did not pass, and
    `last` is the one it touched last.
    """

    items: list[D]
    next: str | None = None
    looked: int = 0
    last: D | None = None


Key = tuple[Any, ...]
"""Where a document stands in an index: what orders the walk, as `plain` makes it, then `_id`."""


@dataclass(frozen=True)
class Keys:
    """As a Page, of keys instead of documents; `looked` may count keys past the end or `next`."""

    items: list[Key]
    next: str | None = None
    looked: int = 0
    last: Key | None = None


@dataclass(frozen=True)
class Walk(Generic[D]):
    """One checked walk with every part resolved, what an engine has to carry out."""

    index: Index[D]
    equal: dict[str, Value]
    range: Range | None
    descending: bool
    after: tuple[Any, ...] | None
    order: tuple[str, ...] = field(default=())


class Engine(ABC):
    """Durable documents. Every method raises UnavailableError when the store cannot serve."""

    kind: ClassVar[str]

    def behind_bytes(self) -> int:
        """What is written and safe but not yet in the store's main file, if it has one."""
        return 0

    @abstractmethod
    async def open(self) -> None:
        """Connects, makes what `schema.py` declares; refuses a store newer than the program."""

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    async def get(self, of: type[D], id: str) -> D | None: ...

    async def known(self, of: type[D], id: str) -> D:
        """As `get`; NotFoundError when there is none."""
        found = await self.get(of, id)
        if found is None:
            raise NotFoundError
        return found

    @abstractmethod
    async def get_many(self, of: type[D], ids: Sequence[str]) -> dict[str, D]: ...

    @abstractmethod
    async def write(self, *steps: Insert | Replace) -> None:
        """Carries the steps out in order; durable when it returns.

        Raises TakenError or MovedError for the step that is refused; when an id and a unique
        index are both held, either may be named. A refusal or a crash may leave the steps
        before it done (mongo) or nothing done (sqlite), so the order must be one that a
        reader can mend.
        """

    @abstractmethod
    async def change(self, of: type[D], id: str, how: Callable[[D], D | None]) -> D:
        """Replaces the document by what the pure function makes of it; None leaves it.

        The function may run several times and may raise to refuse. Returns the document as
        it now stands; raises AbsentError when there is none.
        """

    async def extend(
        self,
        of: type[D],
        id: str,
        how: Callable[[D], tuple[Sequence[Document], D]],
        known: D | None = None,
    ) -> D:
        """Inserts what the pure function draws from the document, and puts its successor there.

        As `write` does with the inserts and one Replace, so it raises the same, and AbsentError
        when there is no document. `known` is the document as it was read; who gives none has
        it read here. The function may be given another, and may raise to refuse.
        """
        before = known if known is not None else await self.get(of, id)
        if before is None:
            raise AbsentError
        drawn, after = how(before)
        await self.write(*(Insert(each) for each in drawn), Replace(after))
        return replace(after, rev=before.rev + 1)

    @abstractmethod
    async def delete_if(self, of: type[D], id: str, condition: Callable[[D], bool]) -> bool:
        """Deletes the document if the condition holds of it at that moment."""

    @abstractmethod
    async def walk(self, walk: Walk[D], limit: int) -> list[D]:
        """At most `limit` documents of the walk, in order."""

    @abstractmethod
    async def touch(
        self, walk: Walk[D], also: Sequence[str], limit: int
    ) -> tuple[list[Key], Key | None]:
        """Of the first `limit` keys of the walk those that stand under all of `also`.

        And the last of these keys, None if the walk ends with it or before.
        """

    @abstractmethod
    async def tally(self, walk: Walk[D], cap: int) -> int:
        """How many documents the walk has, counted no further than `cap`."""

    async def find(
        self,
        index: Index[D],
        equal: Mapping[str, Value] | None = None,
        *,
        one_of: tuple[str, Sequence[Value]] | None = None,
        range: Range | None = None,
        descending: bool = False,
        after: str | None = None,
        limit: int = 50,
        where: Callable[[D], bool] | None = None,
        budget: int = 2_000,
    ) -> Page[D]:
        """Walks the index from `after` until `limit` documents passed `where`.

        When `budget` rows were looked at it stops with what it has and a cursor.
        `one_of` walks once for each value of one of the equal fields and merges the walks.
        Raises BadValueError for a cursor that this walk did not make.
        """
        fixed = dict(equal or {})
        values = tuple(dict.fromkeys(one_of[1])) if one_of else (None,)
        if one_of and one_of[0] == index.each:
            raise ValueError(f"{index.name}: a document would be met under each of {one_of[0]}")
        walks = []
        for value in values:
            here = fixed | ({one_of[0]: value} if one_of else {})
            walks.append(_ordered(plan(index, here, range, descending, after)))
        items: list[D] = []
        looked, last = 0, None
        while walks:
            # Most filters let most rows pass; only one that did not is given more at once.
            wanted = limit - len(items)
            if where is not None and looked:
                wanted = max(wanted, FILTERED_BATCH)
            step = min(max(wanted, 1) + 1, 500, max(budget - looked, 0) + 1)
            batches = [await self.walk(walk, step) for walk in walks]
            order = walks[0].order
            if len(batches) == 1:
                [merged] = batches
            else:
                merged = list(
                    heapq.merge(*batches, key=lambda doc: _sortable(doc, order), reverse=descending)
                )
            # Past the end of a batch that was cut short, other documents of the same walk
            # may come first, so only `step` of the merged ones are in a sure order.
            sure = merged[:step]
            for doc in sure:
                if len(items) == limit or looked == budget:
                    goes_on = _cursor(last, order) if last is not None else after
                    return Page(items, goes_on, looked, last)
                looked, last = looked + 1, doc
                if where is None or where(doc):
                    items.append(doc)
            if all(len(batch) < step for batch in batches) and len(merged) <= step:
                return Page(items, None, looked, last)
            after = _cursor(sure[-1], order)
            walks = [plan(w.index, w.equal, range, descending, after) for w in walks]
        return Page(items, None, looked, last)

    async def keys(
        self,
        index: Index[D],
        equal: Mapping[str, Value] | None = None,
        *,
        also: Sequence[str] = (),
        range: Range | None = None,
        descending: bool = False,
        after: str | None = None,
        limit: int = 50,
        budget: int = 2_000,
    ) -> Keys:
        """As `find`, but tells only where documents stand, which the index knows by itself.

        With `also`, only those that stand under each of these values of `index.each` too.
        """
        walk = _ordered(plan(index, dict(equal or {}), range, descending, after))
        items: list[Key] = []
        looked = 0
        step = max(limit, FILTERED_BATCH) if also else limit
        while True:
            step = min(step, budget - looked)
            met, last = await self.touch(walk, also, step)
            looked += step
            room = limit - len(items)
            items += met[:room]
            if len(met) > room:
                return Keys(items, cursor(items[-1]), looked, items[-1])
            if last is None:
                return Keys(items, None, looked)
            if len(items) == limit or looked == budget:
                return Keys(items, cursor(last), looked, last)
            walk = dataclasses.replace(walk, after=last)
            step *= 4

    async def change_each(
        self, index: Index[D], range: Range, how: Callable[[D], D | None], *, limit: int = 500
    ) -> int:
        """As `change` with each of the first documents of the walk; how many it met."""
        page = await self.find(index, range=range, limit=limit)
        for each in page.items:
            with suppress(AbsentError):
                await self.change(index.of, each.id, how)
        return len(page.items)

    async def count(
        self,
        index: Index[D],
        equal: Mapping[str, Value] | None = None,
        *,
        range: Range | None = None,
        cap: int = 1_000,
    ) -> int:
        """How many documents the walk has, counted no further than `cap`."""
        return await self.tally(plan(index, dict(equal or {}), range, False, None), cap)


def plan(
    index: Index[D],
    equal: dict[str, Value],
    range: Range | None,
    descending: bool,
    after: str | None,
) -> Walk[D]:
    """Checks that filter and order are a prefix of the index; a programming error if not."""
    head = index.fields[: len(equal)]
    if set(head) != set(equal):
        raise ValueError(f"{index.name}: {sorted(equal)} is not its prefix {head}")
    order = index.fields[len(equal) :]
    if index.each in order:
        raise ValueError(f"{index.name}: a walk must fix one of {index.each}")
    if range is not None and (not order or order[0] != range.field):
        raise ValueError(f"{index.name}: a range over {range.field} does not follow {head}")
    return Walk(index, equal, range, descending, _read_cursor(index.of, order, after), order)


def _ordered(walk: Walk[D]) -> Walk[D]:
    """Refuses an order over a field that may be None: no cursor could pass it."""
    for name in walk.order:
        if type(None) in types_of(walk.index.of)[name] and name != walk.index.present:
            raise ValueError(f"{walk.index.name}: cannot be walked in the order of {name}")
    return walk


def types_of(of: type[Document]) -> dict[str, frozenset[Any]]:
    """The types that each field of a document may hold."""
    return _types_of(of)


@cache
def _types_of(of: type[Document]) -> dict[str, frozenset[Any]]:
    hints = get_type_hints(of)
    return {name: frozenset(get_args(hint) or (hint,)) for name, hint in hints.items()}


def plain(value: Any) -> Any:
    """An indexed value as the engines compare it: times become integer milliseconds."""
    if isinstance(value, datetime):
        return milliseconds(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, msgspec.Struct):
        raise TypeError(f"{type(value).__name__} cannot be indexed")
    return value


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def _sortable(doc: Document, order: tuple[str, ...]) -> tuple[Any, ...]:
    return (*(plain(getattr(doc, name)) for name in order), doc.id)


def _cursor(doc: Document, order: tuple[str, ...]) -> str:
    return cursor(_sortable(doc, order))


def cursor(key: Key) -> str:
    """What continues a walk after this key of it."""
    return urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _read_cursor(
    of: type[Document], order: tuple[str, ...], text: str | None
) -> tuple[Any, ...] | None:
    if text is None:
        return None
    wanted = GenericAlias(tuple, (*(_plain_type(types_of(of)[name]) for name in order), str))
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        values: tuple[Any, ...] = msgspec.json.decode(raw, type=wanted)
        for name, value in zip(order, values, strict=False):
            if datetime in types_of(of)[name]:
                moment(value)
            elif isinstance(value, int) and abs(value) >= 2**63:
                raise ValueError
    except (ValueError, OverflowError, OSError, msgspec.MsgspecError):
        raise BadValueError("not a cursor of this list", field="after") from None
    return values


def _plain_type(types: frozenset[Any]) -> type[bool] | type[int] | type[str]:
    if bool in types:
        return bool
    return int if types & {int, datetime} else str


__all__ = [
    "AbsentError",
    "Collection",
    "Engine",
    "Index",
    "Insert",
    "Key",
    "Keys",
    "MovedError",
    "Page",
    "Range",
    "Replace",
    "TakenError",
    "UnavailableError",
    "Walk",
    "cursor",
    "milliseconds",
    "moment",
    "plain",
    "plan",
    "types_of",
]
