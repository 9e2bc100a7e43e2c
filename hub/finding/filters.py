"""The one filter language, of lists, segments, own rules and reports: conditions, all, any, not.

A filter is data that people put together on a screen, so there is nothing in it that could take
long: no patterns, a bounded depth, a bounded number of conditions. What a condition can ask of a
dialog is the catalogue `FIELDS`; who has more to ask of gives a larger one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import msgspec

from hub import phones
from hub.errors import BadValueError
from hub.statuses import RequestType, Status, listed

if TYPE_CHECKING:
    from hub.model import Dialog

DEPTH_MAX = 4
CONDITIONS_MAX = 50
PARTS_MAX = 200
"""Of whatever kind: what asks nothing is looked at as well."""

VALUES_MAX = 100
TEXT_MAX = 500
DAYS_MAX = 3_650

Value = str | int | bool | datetime | None
"""What a field of a subject holds; None and an empty text are not set."""

Given = str | int | bool | tuple[str, ...] | None
"""What a condition compares it with, as JSON has it."""


class Op(StrEnum):
    """How a condition compares; texts are compared without regard to their case."""

    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    CONTAINS = "contains"
    BEGINS = "begins"
    IS_SET = "is_set"
    NOT_SET = "not_set"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    WITHIN_DAYS = "within_days"
    OLDER_THAN_DAYS = "older_than_days"


class Filter(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"not_": "not"},
):
    """A condition (`field`, `op`, `value`), or others joined; every part that is there must hold.

    Without any part it lets everything pass.
    """

    all: tuple[Filter, ...] | None = None
    any: tuple[Filter, ...] | None = None
    not_: Filter | None = None
    field: str = ""
    op: Op | None = None
    value: Given = None


class Type(StrEnum):
    """What a field holds, which decides how it can be compared."""

    TEXT = "text"
    CHOICE = "choice"
    FLAG = "flag"
    NUMBER = "number"
    MOMENT = "moment"


OPS: Mapping[Type, tuple[Op, ...]] = MappingProxyType(
    {
        Type.TEXT: (
            Op.IS,
            Op.IS_NOT,
            Op.ONE_OF,
            Op.CONTAINS,
            Op.BEGINS,
            Op.IS_SET,
            Op.NOT_SET,
        ),
        Type.CHOICE: (Op.IS, Op.IS_NOT, Op.ONE_OF, Op.IS_SET, Op.NOT_SET),
        Type.FLAG: (Op.IS,),
        Type.NUMBER: (Op.IS, Op.IS_NOT, Op.AT_LEAST, Op.AT_MOST, Op.IS_SET, Op.NOT_SET),
        Type.MOMENT: (
            Op.WITHIN_DAYS,
            Op.OLDER_THAN_DAYS,
            Op.AT_LEAST,
            Op.AT_MOST,
            Op.IS_SET,
            Op.NOT_SET,
        ),
    }
)

Of = Literal["", "channels", "operators", "groups", "connections", "automations"]


@dataclass(frozen=True)
class Field:
    """One line of a catalogue.

    `choices` are all the codes there are; where it is empty, the codes are ids of the things
    named by `of`, or anything.
    """

    type: Type
    choices: tuple[str, ...] = ()
    of: Of = ""


def check(filter: Filter, fields: Mapping[str, Field]) -> None:
    """BadValueError with the path of what is wrong, as `all.0.any.2.value`."""
    count = 0
    for number, (path, depth, part) in enumerate(_parts(filter, "", 0)):
        if number > PARTS_MAX:
            raise BadValueError(f"more than {PARTS_MAX} parts", field=path)
        if depth > DEPTH_MAX:
            raise BadValueError(f"nested deeper than {DEPTH_MAX}", field=path or "all")
        for name, among in (("all", part.all), ("any", part.any)):
            if among is not None and not among:
                raise BadValueError("empty", field=_at(path, name))
        if part.field or part.op is not None or part.value is not None:
            count += 1
            _check(part, path, fields)
        if count > CONDITIONS_MAX:
            raise BadValueError(f"more than {CONDITIONS_MAX} conditions", field=path)


def passes(filter: Filter, subject: Mapping[str, Value]) -> bool:
    """Whether the subject is one of those that the filter names.

    It never raises: what `check` refuses lets nothing pass. Days are counted from the subject's
    `now`.
    """
    if filter.all is not None and not all(passes(each, subject) for each in filter.all):
        return False
    if filter.any is not None and not any(passes(each, subject) for each in filter.any):
        return False
    if filter.not_ is not None and passes(filter.not_, subject):
        return False
    if not filter.field and filter.op is None:
        return True
    return _holds(filter.op, subject.get(filter.field), filter.value, subject.get("now"))


def conditions(filter: Filter) -> int:
    """How many conditions there are in it, as far down as one may stand."""
    return sum(1 for _, _, part in _parts(filter, "", 0) if part.field)


def mentions(filter: Filter) -> frozenset[str]:
    """The names of the fields that it asks for."""
    return frozenset(part.field for _, _, part in _parts(filter, "", 0) if part.field)


def field_of(name: str, fields: Mapping[str, Field]) -> Field | None:
    """The line for that field; `utm.*` stands for every name that begins so."""
    known = fields.get(name)
    if known is None and "." in name and not name.endswith(".*"):
        known = fields.get(name[: name.index(".")] + ".*")
    return known


def _parts(filter: Filter, path: str, depth: int) -> Iterator[tuple[str, int, Filter]]:
    """Every filter in it with where it stands; past the allowed depth nothing is looked at."""
    yield path, depth, filter
    if depth > DEPTH_MAX:
        return
    for name, among in (("all", filter.all), ("any", filter.any)):
        for n, each in enumerate(among or ()):
            yield from _parts(each, _at(path, f"{name}.{n}"), depth + 1)
    if filter.not_ is not None:
        yield from _parts(filter.not_, _at(path, "not"), depth + 1)


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _check(part: Filter, path: str, fields: Mapping[str, Field]) -> None:
    field = field_of(part.field, fields)
    if field is None:
        raise BadValueError(f"there is no field “{part.field[:80]}”", field=_at(path, "field"))
    allowed = OPS[field.type]
    if part.op is None or part.op not in allowed:
        raise BadValueError(f"one of {', '.join(allowed)}", field=_at(path, "op"))
    if why := _why_not(part.op, part.value, field):
        raise BadValueError(why, field=_at(path, "value"))


def _why_not(op: Op, value: Given, field: Field) -> str:
    """What is wrong with the value for that field, if anything is."""
    match op:
        case Op.IS_SET | Op.NOT_SET:
            return "" if value is None else "takes no value"
        case Op.WITHIN_DAYS | Op.OLDER_THAN_DAYS:
            whole = type(value) is int and 0 <= value <= DAYS_MAX
            return "" if whole else f"a number of days up to {DAYS_MAX}"
        case Op.ONE_OF:
            if not isinstance(value, tuple) or not 0 < len(value) <= VALUES_MAX:
                return f"a list of 1 to {VALUES_MAX} values"
            return next(filter(None, (_why_no_text(each, field) for each in value)), "")
        case _:
            return _why_not_of(field, value)


def _why_not_of(field: Field, value: Given) -> str:
    match field.type:
        case Type.FLAG:
            return "" if isinstance(value, bool) else "true or false"
        case Type.NUMBER:
            return "" if type(value) is int and abs(value) < 2**53 else "a whole number"
        case Type.MOMENT:
            known = isinstance(value, str) and _moment(value) is not None
            return "" if known else "a time with its zone, 2026-03-02T09:00:00Z"
        case Type.TEXT | Type.CHOICE:
            return _why_no_text(value, field)


def _why_no_text(value: Given, field: Field) -> str:
    if not isinstance(value, str) or not value or len(value) > TEXT_MAX:
        return f"a text of 1 to {TEXT_MAX} characters"
    if field.choices and value not in field.choices:
        return f"one of {', '.join(field.choices)}"
    return ""


def _holds(op: Op | None, had: Value, value: Given, now: Value) -> bool:
    match op:
        case Op.IS_SET:
            return had not in (None, "")
        case Op.NOT_SET:
            return had in (None, "")
        case Op.IS:
            return _same(had, value)
        case Op.IS_NOT:
            return not _same(had, value)
        case Op.ONE_OF:
            return (
                isinstance(value, tuple)
                and isinstance(had, str)
                and (had.casefold() in _folded(value))
            )
        case Op.CONTAINS | Op.BEGINS:
            if not isinstance(had, str) or not isinstance(value, str):
                return False
            text, wanted = had.casefold(), value.casefold()
            return wanted in text if op is Op.CONTAINS else text.startswith(wanted)
        case Op.AT_LEAST | Op.AT_MOST:
            return _ordered(op, had, value)
        case Op.WITHIN_DAYS | Op.OLDER_THAN_DAYS:
            if not isinstance(had, datetime) or not isinstance(now, datetime):
                return False
            if not isinstance(value, int) or not 0 <= value <= DAYS_MAX:
                return False
            return (had >= now - timedelta(days=value)) == (op is Op.WITHIN_DAYS)
        case None:
            return False


def _same(had: Value, value: Given) -> bool:
    if isinstance(had, str) and isinstance(value, str):
        return had.casefold() == value.casefold()
    return type(had) is type(value) and had == value


@lru_cache(maxsize=256)
def _folded(values: tuple[str, ...]) -> frozenset[str]:
    return frozenset(each.casefold() for each in values)


def _ordered(op: Op, had: Value, value: Given) -> bool:
    if isinstance(had, datetime) and isinstance(value, str):
        limit = _moment(value)
        if limit is None:
            return False
        return had >= limit if op is Op.AT_LEAST else had <= limit
    if isinstance(had, int) and isinstance(value, int):
        return had >= value if op is Op.AT_LEAST else had <= value
    return False


@lru_cache(maxsize=1_024)
def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


class _Subject(Mapping[str, Value]):
    """A dialog as filters see it; only what is asked for is worked out."""

    def __init__(self, row: Dialog, now: datetime) -> None:
        self._row = row
        self._now = now

    def __getitem__(self, name: str) -> Value:
        if name == "now":
            return self._now
        if (read := _READ.get(name)) is not None:
            return read(self._row, self._now)
        if name.startswith("field."):
            return self._row.fields[name[6:]]
        if name.startswith("utm."):
            return self._row.visit.utm[f"utm_{name[4:]}"]
        if name.startswith("custom."):
            return self._row.visit.custom[name[7:]]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        yield "now"
        yield from _READ
        yield from (f"field.{name}" for name in self._row.fields)
        yield from (f"custom.{name}" for name in self._row.visit.custom)
        for name in self._row.visit.utm:
            if name.startswith("utm_"):
                yield f"utm.{name[4:]}"

    def __len__(self) -> int:
        return sum(1 for _ in self)


def subject(row: Dialog, now: datetime) -> Mapping[str, Value]:
    """The dialog as it stands at that moment, by the names of `FIELDS`."""
    return _Subject(row, now)


def _waiting_minutes(row: Dialog, now: datetime) -> int | None:
    if row.waiting_since is None:
        return None
    return max(0, int((now - row.waiting_since).total_seconds() // 60))


@lru_cache(maxsize=4_096)
def _phone_kind(phone: str) -> str:
    known = phones.parse(phone) if phone else None
    return known.kind if isinstance(known, phones.Phone) else ""


_CHANNEL, _OPERATOR = Field(Type.CHOICE, of="channels"), Field(Type.CHOICE, of="operators")
_TEXT, _FLAG = Field(Type.TEXT), Field(Type.FLAG)
_NUMBER, _MOMENT = Field(Type.NUMBER), Field(Type.MOMENT)
_STATUS = Field(Type.CHOICE, tuple(Status))

Read = Callable[["Dialog", datetime], Value]

_CATALOGUE: Mapping[str, tuple[Field, Read]] = MappingProxyType(
    {
        "channel": (_CHANNEL, lambda row, _: row.channel),
        "kind": (Field(Type.CHOICE), lambda row, _: row.kind),
        "type": (Field(Type.CHOICE, tuple(RequestType)), lambda row, _: row.type),
        "status": (_STATUS, lambda row, _: listed(row.chat_status, row.call_status)),
        "chat_status": (_STATUS, lambda row, _: row.chat_status),
        "call_status": (_STATUS, lambda row, _: row.call_status),
        "open": (_FLAG, lambda row, _: row.open),
        "owner": (_OPERATOR, lambda row, _: row.owner),
        "group": (Field(Type.CHOICE, of="groups"), lambda row, _: row.group),
        "awaits": (
            Field(Type.CHOICE, ("operator", "customer", "bot", "nobody")),
            lambda row, _: row.awaits,
        ),
        "unanswered": (_NUMBER, lambda row, _: row.unanswered),
        "waiting_minutes": (_NUMBER, _waiting_minutes),
        "direction": (
            Field(Type.CHOICE, ("incoming", "outgoing", "proactive")),
            lambda row, _: row.direction,
        ),
        "creation": (
            Field(Type.CHOICE, ("message", "operator", "form", "api", "import", "call")),
            lambda row, _: row.creation,
        ),
        "name": (_TEXT, lambda row, _: row.name),
        "phone": (_TEXT, lambda row, _: row.phone),
        "phone_known": (_FLAG, lambda row, _: bool(row.phone)),
        "phone_kind": (
            Field(Type.CHOICE, tuple(phones.Kind)),
            lambda row, _: _phone_kind(row.phone),
        ),
        "verified": (_FLAG, lambda row, _: row.verified),
        "entry_point": (_TEXT, lambda row, _: row.entry_point.value),
        "entry_comment": (_TEXT, lambda row, _: row.entry_point.comment),
        "page": (_TEXT, lambda row, _: row.visit.page),
        "page_title": (_TEXT, lambda row, _: row.visit.title),
        "entry_page": (_TEXT, lambda row, _: row.visit.entry_page),
        "entry_domain": (_TEXT, lambda row, _: row.visit.entry_domain),
        "exit_page": (_TEXT, lambda row, _: row.visit.exit_page),
        "referrer": (_TEXT, lambda row, _: row.visit.referrer),
        "referrer_domain": (_TEXT, lambda row, _: row.visit.referrer_domain),
        "label": (_TEXT, lambda row, _: row.visit.label),
        "device": (
            Field(Type.CHOICE, ("phone", "tablet", "pc")),
            lambda row, _: row.visit.device,
        ),
        "connection": (Field(Type.CHOICE, of="connections"), lambda row, _: row.connection),
        "automation": (Field(Type.CHOICE, of="automations"), lambda row, _: row.automation),
        "form": (_TEXT, lambda row, _: row.form),
        "result": (_TEXT, lambda row, _: row.cycle.result),
        "score": (
            Field(Type.CHOICE, ("good", "bad", "none")),
            lambda row, _: row.cycle.score,
        ),
        "closed_by": (
            Field(Type.CHOICE, ("operator", "bot", "auto")),
            lambda row, _: row.closed_by,
        ),
        "created_at": (_MOMENT, lambda row, _: row.created_at),
        "last_at": (_MOMENT, lambda row, _: row.last_at),
        "heard_at": (_MOMENT, lambda row, _: row.heard_at),
        "closed_at": (_MOMENT, lambda row, _: row.closed_at),
    }
)
_READ: Mapping[str, Read] = MappingProxyType({name: read for name, (_, read) in _CATALOGUE.items()})

UTM = ("source", "medium", "campaign", "content", "term")

FIELDS: Mapping[str, Field] = MappingProxyType(
    {name: field for name, (field, _) in _CATALOGUE.items()}
    | {f"utm.{name}": _TEXT for name in UTM}
    | {"utm.*": _TEXT, "field.*": _TEXT, "custom.*": _TEXT}
)
"""What can be asked of a dialog; a name that ends with `.*` stands for all that begin so."""
