"""When a filled form asks for its call: rows of field, value and when, in a small strict grammar.

What is not understood is refused by name, and what was understood is told back in words that are
read the same. Pure: the moment of the form and the zone are arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Annotated, Literal
from unicodedata import normalize
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from hub.errors import BadValueError
from hub.model import CallTime, cut
from hub.texts import Lang, text

ROWS_MAX = 100
AHEAD_DAYS = 366
"""How far from its form a call may be wanted."""

YEARS = range(2000, 3000)


class PlanningError(BadValueError):
    """It says no time that is known here."""

    code = "planning"


class TwiceError(PlanningError):
    """Another row says another time for the same value of the same field."""

    code = "planning_twice"


class GapError(PlanningError):
    """The clock of the zone never reads that time: it is put forward over it."""

    code = "planning_gap"


class After(Struct, frozen=True, tag="after"):
    """So long after the form was sent; at once with no minutes."""

    minutes: int


class Tomorrow(Struct, frozen=True, tag="tomorrow"):
    clock: time


class At(Struct, frozen=True, tag="at"):
    """When the clock reads that next."""

    clock: time


class On(Struct, frozen=True, tag="on"):
    """On that date, from its beginning on where no time is said."""

    day: date
    clock: time | None = None


class Exactly(Struct, frozen=True, tag="exactly"):
    """A time with its own distance from UTC, in minutes."""

    day: date
    clock: time
    offset: int

    @property
    def instant(self) -> datetime:
        zone = timezone(timedelta(minutes=self.offset))
        return datetime.combine(self.day, self.clock, zone).astimezone(UTC)


class AsSaid(Struct, frozen=True, tag="as_said"):
    """As the field itself says, in the same grammar."""


Way = After | Tomorrow | At | On | Exactly | AsSaid


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """An empty `value` is any that is not empty."""

    field: Annotated[str, Meta(min_length=1, max_length=100)]
    when: Annotated[str, Meta(min_length=1, max_length=60)]
    value: Annotated[str, Meta(max_length=300)] = ""


class Doubt(Struct, frozen=True):
    """What is odd about a row (numbered from 0) and still may be kept."""

    row: int
    code: Literal["past", "repeated", "unreached"]


class Planned(Struct, frozen=True, kw_only=True):
    """The time that a row gave; `time` where it is one of a wall's clock."""

    row: int
    at: datetime
    time: CallTime | None = None


def parse(written: str) -> Way:
    """What is written there; PlanningError for anything that is not in the grammar."""
    flat = _flat(written)
    if flat in _NOW:
        return After(0)
    if flat in _AS_SAID:
        return AsSaid()
    if flat in _HALF_HOUR:
        return After(30)
    if found := _AFTER.fullmatch(flat):
        return _after(found["n"], found["unit"])
    if found := _TOMORROW.fullmatch(flat):
        return Tomorrow(_clock(found["clock"]))
    if found := _CLOCK.fullmatch(flat):
        return At(_clock(found["clock"]))
    if found := _DATE.fullmatch(flat) or _ISO.fullmatch(flat):
        return _dated(found)
    raise PlanningError(f"“{written[:60]}” is no time that is known here", field="when")


def code(way: Way) -> str:
    """How it is kept; `parse` reads it back as it was."""
    match way:
        case After(minutes):
            return f"after {minutes} minutes"
        case Tomorrow(clock):
            return f"tomorrow {clock:%H:%M}"
        case At(clock):
            return f"{clock:%H:%M}"
        case On(day, clock):
            return f"{day.isoformat()}T{clock:%H:%M}" if clock else day.isoformat()
        case Exactly(day, clock, offset):
            return f"{day.isoformat()}T{clock:%H:%M}{_offset(offset)}"
        case AsSaid():
            return "as said"


def words(way: Way, lang: Lang) -> str:
    """As people are told of it, and as they may write it."""
    match way:
        case After(minutes):
            return _after_words(minutes, lang)
        case Tomorrow(clock):
            return text(lang, "planning.tomorrow", time=f"{clock:%H:%M}")
        case At(clock):
            return text(lang, "planning.at", time=f"{clock:%H:%M}")
        case On(day, clock):
            return f"{_day(day)} {clock:%H:%M}" if clock else _day(day)
        case Exactly(day, clock, offset):
            return f"{_day(day)} {clock:%H:%M} UTC{_offset(offset)}"
        case AsSaid():
            return text(lang, "planning.as_said")


def checked(
    rows: Sequence[Row], zone: str, now: datetime
) -> tuple[tuple[Row, ...], tuple[Doubt, ...]]:
    """The rows as they are kept, and what is doubtful about them.

    PlanningError for one that cannot be; `field` numbers it from 0, the message from 1.
    """
    if len(rows) > ROWS_MAX:
        raise PlanningError(f"no more than {ROWS_MAX} rows", field="planning")
    kept: list[Row] = []
    doubts: list[Doubt] = []
    said: dict[tuple[str, str], str] = {}
    for number, row in enumerate(rows):
        field, value = " ".join(row.field.split()), " ".join(row.value.split())
        if not field:
            raise _of_row(PlanningError("no field is named"), number, "field")
        try:
            way = parse(row.when)
            _check_wall(way, zone)
        except PlanningError as error:
            raise _of_row(error, number, "when") from None
        kept.append(Row(field, code(way), value))
        key = folded(field), folded(value)
        if said.setdefault(key, code(way)) != code(way):
            raise _of_row(TwiceError(), number, "value")
        if _has_passed(way, zone, now):
            doubts.append(Doubt(number, "past"))
        if any((folded(each.field), folded(each.value)) == key for each in kept[:-1]):
            doubts.append(Doubt(number, "repeated"))
        elif any((folded(each.field), each.value) == (key[0], "") for each in kept[:-1]):
            doubts.append(Doubt(number, "unreached"))
    return tuple(kept), tuple(doubts)


def when(
    rows: Sequence[Row], fields: Mapping[str, str], submitted_at: datetime, zone: str
) -> Planned | None:
    """What the first row says whose value the form has and whose time has not passed by then."""
    told = {folded(name): value for name, value in fields.items()}
    for number, row in enumerate(rows):
        value = told.get(folded(row.field), "")
        if not value.strip() or (row.value and folded(row.value) != folded(value)):
            continue
        try:
            way = parse(row.when)
            way = parse(value) if isinstance(way, AsSaid) else way
        except PlanningError:
            continue
        if (found := _time(way, submitted_at, zone)) is not None:
            at, time = found
            return Planned(row=number, at=at, time=time)
    return None


def folded(written: str) -> str:
    """By what two names or values are the same."""
    return " ".join(normalize("NFKC", written).casefold().replace("ё", "е").split())


def _time(way: Way, submitted_at: datetime, zone: str) -> tuple[datetime, CallTime | None] | None:
    """None for what is past, too far, or says nothing."""
    submitted_at = cut(submitted_at)
    today = submitted_at.astimezone(ZoneInfo(zone)).date()
    match way:
        case After(minutes):
            return submitted_at + timedelta(minutes=minutes), None
        case Tomorrow(clock):
            at = _instant(today + timedelta(days=1), clock, zone)
        case At(clock):
            at = _instant(today, clock, zone)
            if at <= submitted_at:
                at = _instant(today + timedelta(days=1), clock, zone)
        case On():
            if way.clock is None and way.day == today:
                return submitted_at, None
            at = _instant(way.day, way.clock or time(), zone)
        case Exactly():
            at = way.instant
        case _:
            return None
    if not submitted_at < at <= submitted_at + timedelta(days=AHEAD_DAYS):
        return None
    local = at.astimezone(ZoneInfo(zone))
    return at, CallTime(at=at, local=f"{local:%Y-%m-%dT%H:%M}", zone=zone)


def _instant(day: date, clock: time, zone: str) -> datetime:
    """The first moment at which the wall reads that, or the one that it was put forward to."""
    return datetime.combine(day, clock, ZoneInfo(zone)).astimezone(UTC)


def _check_wall(way: Way, zone: str) -> None:
    if isinstance(way, On) and way.clock is not None:
        back = _instant(way.day, way.clock, zone).astimezone(ZoneInfo(zone))
        if (back.date(), back.time()) != (way.day, way.clock):
            raise GapError


def _has_passed(way: Way, zone: str, now: datetime) -> bool:
    match way:
        case On(day, None):
            return day < now.astimezone(ZoneInfo(zone)).date()
        case On(day, clock):
            return _instant(day, clock or time(), zone) <= now
        case Exactly():
            return way.instant <= now
        case _:
            return False


def _of_row(error: PlanningError, number: int, part: str) -> PlanningError:
    return type(error)(f"row {number + 1}: {error}", field=f"planning.{number}.{part}")


def _after(count: str | None, unit: str) -> After:
    minutes = int(count or 1) * next(size for size, names in _UNITS if unit in names)
    if minutes > AHEAD_DAYS * 24 * 60:
        raise PlanningError(f"it is more than {AHEAD_DAYS} days away", field="when")
    return After(minutes)


def _after_words(minutes: int, lang: Lang) -> str:
    if not minutes:
        return text(lang, "planning.now")
    if minutes % 60:
        return text(lang, "planning.after.minutes", n=minutes)
    if minutes % (24 * 60):
        return text(lang, "planning.after.hours", n=minutes // 60)
    return text(lang, "planning.after.days", n=minutes // (24 * 60))


def _dated(found: re.Match[str]) -> On | Exactly:
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        raise PlanningError("there is no such date", field="when") from None
    if day.year not in YEARS:
        raise PlanningError("a year of four digits, of these times", field="when")
    clock = _clock(found["clock"]) if found["clock"] else None
    if clock is None or not found["offset"]:
        return On(day, clock)
    return Exactly(day, clock, _minutes(found["offset"]))


def _clock(written: str) -> time:
    hours, minutes = written.split(":")
    return time(int(hours), int(minutes))


def _minutes(offset: str) -> int:
    if offset == "z":
        return 0
    hours, minutes = offset[1:].split(":")
    return (-1 if offset[0] == "-" else 1) * (int(hours) * 60 + int(minutes))


def _offset(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _day(day: date) -> str:
    return f"{day:%d.%m}.{day.year:04}"


def _flat(written: str) -> str:
    return folded(written[:200]).strip(" .,;")


def _sayings(*known: str) -> frozenset[str]:
    return frozenset(map(_flat, known))


_NOW = _sayings("now", "at once", "immediately", "asap", "сразу", "сейчас", "немедленно")
_AS_SAID = _sayings("as said", "as the field says", "как написано в поле", "как в поле")
_HALF_HOUR = _sayings("after half an hour", "in half an hour", "через полчаса", "через пол часа")

_UNITS = (
    (1, ("minute", "minutes", "min", "минуту", "минуты", "минут", "мин")),
    (60, ("hour", "hours", "h", "час", "часа", "часов", "ч")),
    (24 * 60, ("day", "days", "d", "день", "дня", "дней", "сутки", "суток")),
)


def _names() -> Iterator[str]:
    for _, names in _UNITS:
        yield from names


_TIME = r"(?P<clock>(?:[01]?\d|2[0-3]):[0-5]\d)"
_UTC = r"(?: ?(?:utc|gmt)? ?(?P<offset>z|[+-](?:0\d|1[0-4]):[0-5]\d))?"

_AFTER = re.compile(
    rf"(?:after|in|через) (?:(?P<n>\d{{1,6}}) ?)?(?P<unit>{'|'.join(_names())})", re.A
)
_TOMORROW = re.compile(rf"(?:tomorrow|завтра)(?: at| в)? {_TIME}", re.A)
_CLOCK = re.compile(rf"(?:at |в )?{_TIME}", re.A)
_DATE = re.compile(
    r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})" rf"(?:,? (?:at |в )?{_TIME}{_UTC})?",
    re.A,
)
_ISO = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    rf"(?:[t ]{_TIME}(?::[0-5]\d(?:\.\d{{1,9}})?)?{_UTC})?",
    re.A,
)
