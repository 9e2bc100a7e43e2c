"""When a person may be called: in the project's hours and in the person's own day, no other time.

A slot is a half hour of the person's clock. Where the person may be in several zones, it has to
be day in all of them. Pure: the moment is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from hub.errors import RefusedError
from hub.leads.quiet import DEFAULT, Quiet, day_of
from hub.model import CallTime
from hub.schedule import Schedule, is_open, stretches

AHEAD = timedelta(minutes=15)
HORIZON = timedelta(days=31)
DAYS = 5

Zones = str | Sequence[str]
"""One zone, or all that the person may be in."""

# Every zone's clock is ahead of UTC by whole quarters of an hour.
_STEP = timedelta(minutes=15)

_Stretch = tuple[datetime, datetime]


class NotASlotError(RefusedError):
    """Nobody may be called then, or no longer."""

    code = "slot"


class Slot(Struct, frozen=True):
    """`label` is what the person's clock reads then."""

    at: datetime
    label: str


class Day(Struct, frozen=True):
    date: str
    slots: tuple[Slot, ...]


def zone_of(name: str, schedule: Schedule) -> str:
    """That zone, or the project's where there is none of the name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return schedule.zone
    return name


def callable_at(schedule: Schedule, zones: Zones, at: datetime, quiet: Quiet = DEFAULT) -> bool:
    """Whether a call may begin at that moment."""
    return all(is_open(each, at) for each in _all(schedule, zones, quiet))


def offered(schedule: Schedule, zone: str, now: datetime, quiet: Quiet = DEFAULT) -> list[Day]:
    """The next days that have free slots, and all their slots."""
    days: dict[str, list[Slot]] = {}
    for at in _slots(schedule, zone, now, quiet):
        local = at.astimezone(ZoneInfo(zone))
        date = local.date().isoformat()
        if date not in days and len(days) == DAYS:
            break
        days.setdefault(date, []).append(Slot(at, f"{local:%H:%M}"))
    return [Day(date, tuple(slots)) for date, slots in days.items()]


def chosen(
    schedule: Schedule, zone: str, at: datetime, now: datetime, quiet: Quiet = DEFAULT
) -> CallTime | None:
    """The slot that begins then, None if there is none; one that was offered stays until it is."""
    if not now < at <= now + HORIZON:
        return None
    at = at.astimezone(UTC)
    local = at.astimezone(ZoneInfo(zone))
    if not _is_half_hour(local) or not callable_at(schedule, zone, at, quiet):
        return None
    return CallTime(at=at, local=f"{local:%Y-%m-%dT%H:%M}", zone=zone)


def soonest(
    schedule: Schedule, zones: Zones, at: datetime, quiet: Quiet = DEFAULT
) -> datetime | None:
    """The first moment not before `at` at which a call may begin; None if none in 31 days."""
    for begins, _ in _lawful(schedule, zones, at, at + HORIZON, quiet):
        return begins
    return None


def _slots(schedule: Schedule, zone: str, now: datetime, quiet: Quiet) -> Iterator[datetime]:
    for begins, ends in _lawful(schedule, zone, now + AHEAD, now + HORIZON, quiet):
        at = _rounded_up(begins)
        while at < ends:
            if _is_half_hour(at.astimezone(ZoneInfo(zone))):
                yield at
            at += _STEP


def _lawful(
    schedule: Schedule, zones: Zones, start: datetime, end: datetime, quiet: Quiet
) -> Iterator[_Stretch]:
    """Every stretch in which a call may begin, in order; those that touch may be several."""
    first, *rest = (stretches(each, start, end) for each in _all(schedule, zones, quiet))
    for each in rest:
        first = _common(first, each)
    return first


def _all(schedule: Schedule, zones: Zones, quiet: Quiet) -> list[Schedule]:
    """The project's hours and the day of every place: what a call has to keep at once."""
    names = [zones] if isinstance(zones, str) else zones
    return [schedule, *(day_of(zone, quiet) for zone in names)]


def _common(one: Iterator[_Stretch], other: Iterator[_Stretch]) -> Iterator[_Stretch]:
    """What two rows of stretches share, both in order and without an overlap of their own."""
    mine, theirs = next(one, None), next(other, None)
    while mine is not None and theirs is not None:
        begins, ends = max(mine[0], theirs[0]), min(mine[1], theirs[1])
        if begins < ends:
            yield begins, ends
        if mine[1] <= theirs[1]:
            mine = next(one, None)
        else:
            theirs = next(other, None)


def _is_half_hour(local: datetime) -> bool:
    return local.minute % 30 == 0 and local.second == local.microsecond == 0


def _rounded_up(at: datetime) -> datetime:
    past = timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)
    return at if not past else at - past + _STEP
