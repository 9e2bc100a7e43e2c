"""When a project is open: days, breaks, holidays and moved days in its own time zone.

One rule decides everything, the two odd days of summer time included: the project is open
exactly while the clock on its wall reads a time inside a span of that wall's date. So a span
inside the hour that spring skips does not happen that day, one that begins inside it opens
when the clock has jumped, and a span inside the hour that autumn repeats happens twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import force_setattr

from hub.errors import BadValueError

Day = tuple[str, ...]
"""Spans of one date, "09:00–13:00"; what lies between them is a break; empty is closed."""

HORIZON = timedelta(days=400)
"""How far ahead an opening or a closing is looked for."""

DATES_MAX = 1_000
SPANS_MAX = 24
OUTLOOK_DAYS = 14

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)[–-](?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)

# Offsets are compared at this distance; no zone has ever changed its clock twice within it.
_STRIDE = 6 * 3600


class ScheduleError(BadValueError, ValueError):
    """The schedule cannot be kept; `field` is the path of what is wrong."""


class Schedule(Struct, frozen=True, forbid_unknown_fields=True):
    """Working hours of a week that begins on Monday, and the dates that differ from it.

    What cannot be kept raises `ScheduleError`; msgspec hands it on as the cause of its own
    `ValidationError`. Spans come out sorted and with one kind of dash, so equal hours are equal.
    """

    zone: str
    week: tuple[Day, Day, Day, Day, Day, Day, Day]
    dates: dict[str, Day] = {}

    def __post_init__(self) -> None:
        _zone(self.zone)
        if len(self.week) != 7:
            raise ScheduleError("a week has seven days", field="week")
        if len(self.dates) > DATES_MAX:
            raise ScheduleError(f"at most {DATES_MAX} dates", field="dates")
        week = tuple(_day(day, f"week.{number}") for number, day in enumerate(self.week))
        dates = {_date(key): _day(day, f"dates.{key}") for key, day in sorted(self.dates.items())}
        force_setattr(self, "week", week)
        force_setattr(self, "dates", dates)


class DayAhead(Struct, frozen=True):
    """One date and its spans; `why` is what decided them, the week or an entry of its own."""

    date: str
    spans: Day
    why: Literal["week", "date"]


class Outlook(Struct, frozen=True):
    """How a schedule looks from one moment on.

    Open `until` then, None for longer than is looked ahead; or closed and `opens` then, None
    if not within 400 days. `local` is what the wall's clock reads.
    """

    local: str
    open: bool
    until: datetime | None
    opens: datetime | None
    days: tuple[DayAhead, ...]


def daily(zone: str, *spans: str) -> Schedule:
    """The same hours on every day of the week."""
    return Schedule(zone, (spans, spans, spans, spans, spans, spans, spans))


def always(zone: str) -> Schedule:
    """A schedule that never closes."""
    return daily(zone, "00:00–24:00")


def is_open(schedule: Schedule, at: datetime) -> bool:
    """Whether the clock on the project's wall reads a working time; an end is closed already."""
    wall = _utc(at).astimezone(_zone(schedule.zone))
    minute = wall.hour * 60 + wall.minute
    return any(opens <= minute < closes for opens, closes in _spans(schedule, wall.date()))


def next_opening(schedule: Schedule, at: datetime) -> datetime | None:
    """The first open moment not before `at`: `at` itself if open, `None` if none in 400 days."""
    at = _utc(at)
    for opens, _ in stretches(schedule, at, at + HORIZON):
        return opens
    return None


def closes_at(schedule: Schedule, at: datetime) -> datetime | None:
    """When the opening that `at` lies in ends; `None` if closed at `at`, or open for 400 days."""
    at = _utc(at)
    for opens, closes in openings(schedule, at, at + HORIZON):
        return closes if opens == at and closes < at + HORIZON else None
    return None


def outlook(schedule: Schedule, at: datetime) -> Outlook:
    """Whether it is open then, what comes next, and the two weeks from that date on."""
    at = _utc(at)
    wall = at.astimezone(_zone(schedule.zone))
    opened = is_open(schedule, at)
    dates = [wall.date() + timedelta(days=number) for number in range(OUTLOOK_DAYS)]
    return Outlook(
        local=f"{wall:%Y-%m-%dT%H:%M}",
        open=opened,
        until=closes_at(schedule, at) if opened else None,
        opens=None if opened else next_opening(schedule, at),
        days=tuple(_ahead(schedule, each) for each in dates),
    )


def _ahead(schedule: Schedule, day: date) -> DayAhead:
    special = schedule.dates.get(day.isoformat())
    if special is None:
        return DayAhead(day.isoformat(), schedule.week[day.weekday()], "week")
    return DayAhead(day.isoformat(), special, "date")


def openings(
    schedule: Schedule, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Every open stretch of [start, end) in order, in UTC, cut to it.

    Stretches that touch are one, over midnights and changes of the clock too.
    """
    held: tuple[datetime, datetime] | None = None
    for opens, closes in stretches(schedule, start, end):
        if held is None:
            held = opens, closes
        elif held[1] == opens:
            held = held[0], closes
        else:
            yield held
            held = opens, closes
    if held is not None:
        yield held


def stretches(
    schedule: Schedule, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """As `openings`, but those that touch may be several: the first is known without the next."""
    for since, until, offset in _constant(_zone(schedule.zone), _utc(start), _utc(end)):
        day = (since + offset).date()
        while (midnight := datetime.combine(day, datetime.min.time(), UTC) - offset) < until:
            for opens, closes in _spans(schedule, day):
                first = max(since, midnight + timedelta(minutes=opens))
                last = min(until, midnight + timedelta(minutes=closes))
                if first < last:
                    yield first, last
            day += timedelta(days=1)


def _constant(
    zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """[start, end) in stretches that are short and have one offset from UTC each."""

    def offset_at(moment: datetime) -> timedelta:
        offset = moment.astimezone(zone).utcoffset()
        assert offset is not None  # noqa: S101 - a ZoneInfo always knows
        return offset

    since, offset = start, offset_at(start)
    while since < end:
        # The sample is a whole second, as every change of a clock is.
        until = since.replace(microsecond=0) + timedelta(seconds=_STRIDE)
        after = offset_at(until)
        if after != offset:
            same, seconds = 0, _STRIDE
            while seconds - same > 1:
                middle = (same + seconds) // 2
                probe = since.replace(microsecond=0) + timedelta(seconds=middle)
                same, seconds = (middle, seconds) if offset_at(probe) == offset else (same, middle)
            until = since.replace(microsecond=0) + timedelta(seconds=seconds)
            after = offset_at(until)
        yield since, min(until, end), offset
        since, offset = until, after


def _spans(schedule: Schedule, day: date) -> tuple[tuple[int, int], ...]:
    spans = schedule.dates.get(day.isoformat())
    if spans is None:
        spans = schedule.week[day.weekday()]
    return tuple(map(_minutes, spans))


@lru_cache(maxsize=4096)
def _minutes(span: str) -> tuple[int, int]:
    """Both ends in minutes of the day; the span is one that `_day` has let in."""
    ends = _SPAN.fullmatch(span)
    assert ends is not None  # noqa: S101 - checked when the schedule was made
    opens = int(ends[1]) * 60 + int(ends[2])
    return opens, int(ends[3]) * 60 + int(ends[4]) if ends[3] else 24 * 60


def _day(spans: Day, field: str) -> Day:
    if len(spans) > SPANS_MAX:
        raise ScheduleError(f"at most {SPANS_MAX} spans in a day", field=field)
    for number, span in enumerate(spans):
        if not _SPAN.fullmatch(span):
            raise ScheduleError("a span is written 09:00–18:00", field=f"{field}.{number}")
        opens, closes = _minutes(span)
        if closes <= opens:
            raise ScheduleError(
                "a span ends after it begins; one over midnight is written as two",
                field=f"{field}.{number}",
            )
    ordered = sorted(spans, key=_minutes)
    for before, after in pairwise(ordered):
        if _minutes(after)[0] < _minutes(before)[1]:
            raise ScheduleError("spans of one day overlap", field=field)
    return tuple(span.replace("-", "–") for span in ordered)


def _date(key: str) -> str:
    try:
        canonical = date.fromisoformat(key).isoformat()
    except ValueError:
        canonical = ""
    if canonical != key:
        raise ScheduleError("a date is written 2026-12-31", field=f"dates.{key}")
    return key


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ScheduleError("there is no such time zone", field="zone") from None


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return at.astimezone(UTC)
