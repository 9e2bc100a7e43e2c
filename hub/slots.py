"""When a person may be called: in the project's hours and in the person's own day, no other time.

A slot is a half hour of the person's clock. Pure: the moment is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from hub.errors import RefusedError
from hub.model import CallTime
from hub.schedule import Schedule, is_open, openings

FROM, TO = time(9), time(21)
"""The hours of the person's clock in which a stranger may ring."""

AHEAD = timedelta(minutes=15)
HORIZON = timedelta(days=31)
DAYS = 5
CLOCK_CHANGE = timedelta(hours=2)
"""More than any zone has moved its clock at once."""


# Every zone's clock is ahead of UTC by whole quarters of an hour.
_STEP = timedelta(minutes=15)


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


def callable_at(schedule: Schedule, zone: str, at: datetime) -> bool:
    """Whether a call may begin at that moment."""
    return FROM <= at.astimezone(ZoneInfo(zone)).time() < TO and is_open(schedule, at)


def offered(schedule: Schedule, zone: str, now: datetime) -> list[Day]:
    """The next days that have free slots, and all their slots."""
    days: dict[str, list[Slot]] = {}
    for at in _slots(schedule, zone, now):
        local = at.astimezone(ZoneInfo(zone))
        date = local.date().isoformat()
        if date not in days and len(days) == DAYS:
            break
        days.setdefault(date, []).append(Slot(at, f"{local:%H:%M}"))
    return [Day(date, tuple(slots)) for date, slots in days.items()]


def chosen(schedule: Schedule, zone: str, at: datetime, now: datetime) -> CallTime | None:
    """The slot that begins then, None if there is none; one that was offered stays until it is."""
    if not now < at <= now + HORIZON:
        return None
    at = at.astimezone(UTC)
    local = at.astimezone(ZoneInfo(zone))
    if not _is_half_hour(local) or not callable_at(schedule, zone, at):
        return None
    return CallTime(at=at, local=f"{local:%Y-%m-%dT%H:%M}", zone=zone)


def soonest(schedule: Schedule, zone: str, now: datetime) -> datetime | None:
    """The first moment from now on at which a call may begin."""
    for opens, closes in openings(schedule, now, now + HORIZON):
        at = opens
        while at < closes:
            wait = _until_day(at.astimezone(ZoneInfo(zone)))
            if not wait:
                return at
            at = _after(at, wait)
    return None


def _slots(schedule: Schedule, zone: str, now: datetime) -> Iterator[datetime]:
    for opens, closes in openings(schedule, now + AHEAD, now + HORIZON):
        at = _rounded_up(opens)
        while at < closes:
            local = at.astimezone(ZoneInfo(zone))
            wait = _until_day(local)
            if not wait and _is_half_hour(local):
                yield at
            at = _after(at, wait)


def _until_day(local: datetime) -> timedelta:
    """How far the wall's clock has to go until one may ring."""
    clock = timedelta(hours=local.hour, minutes=local.minute)
    if FROM <= local.time() < TO:
        return timedelta(0)
    start = timedelta(hours=FROM.hour)
    return start - clock if clock < start else timedelta(days=1) + start - clock


def _after(at: datetime, wait: timedelta) -> datetime:
    """The next quarter to look at; far from the day it passes over those that are not in it."""
    far = wait - CLOCK_CHANGE if wait > CLOCK_CHANGE else timedelta(milliseconds=1)
    return _rounded_up(at + far)


def _is_half_hour(local: datetime) -> bool:
    return local.minute % 30 == 0 and local.second == local.microsecond == 0


def _rounded_up(at: datetime) -> datetime:
    past = timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)
    return at if not past else at - past + _STEP
