"""A person is called in the project's hours and in the person's own day, and at no other time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.schedule import Schedule, always, daily, is_open
from hub.slots import AHEAD, DAYS, FROM, HORIZON, TO, callable_at, chosen, offered, soonest, zone_of

HALF = timedelta(minutes=30)
OFFICE = daily("Europe/Moscow", "09:00–18:00")
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

ZONES = st.sampled_from(
    [
        "Europe/Moscow",
        "Asia/Vladivostok",
        "Asia/Kathmandu",
        "Asia/Kolkata",
        "America/New_York",
        "Pacific/Kiritimati",
        "Pacific/Chatham",
        "Europe/Berlin",
        "UTC",
    ]
)
SPANS = st.sampled_from(
    [(), ("09:00–18:00",), ("09:00–13:00", "14:00–18:00"), ("22:00–24:00",), ("10:07–10:40",)]
)
SCHEDULES = st.builds(
    Schedule, ZONES, st.tuples(SPANS, SPANS, SPANS, SPANS, SPANS, SPANS, SPANS)
) | st.builds(always, ZONES)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(SCHEDULES, ZONES, MOMENTS)
@settings(max_examples=150, deadline=None)
def test_every_slot_is_in_the_projects_hours_and_the_persons_day(
    schedule: Schedule, zone: str, now: datetime
) -> None:
    days = offered(schedule, zone, now)
    slots = [slot for day in days for slot in day.slots]
    assert len(days) <= DAYS
    assert all(day.slots for day in days)
    assert all(one.at < other.at for one, other in pairwise(slots))
    for day in days:
        for slot in day.slots:
            local = slot.at.astimezone(ZoneInfo(zone))
            assert is_open(schedule, slot.at)
            assert FROM <= local.time() < TO
            assert local.minute in (0, 30)
            assert slot.at >= now + AHEAD
            assert (day.date, slot.label) == (local.date().isoformat(), f"{local:%H:%M}")
            time = chosen(schedule, zone, slot.at, now)
            assert time is not None
            assert (time.at, time.zone) == (slot.at, zone)
            assert time.local == f"{day.date}T{slot.label}"


@given(SCHEDULES, ZONES, MOMENTS)
@settings(max_examples=60, deadline=None)
def test_no_free_half_hour_is_left_out(schedule: Schedule, zone: str, now: datetime) -> None:
    slots = {slot.at for day in offered(schedule, zone, now) for slot in day.slots}
    quarter = timedelta(minutes=15)
    at = now.replace(minute=0, second=0, microsecond=0)
    end = max(slots, default=now + timedelta(days=3))
    while at <= end:
        if at >= now + AHEAD and at not in slots:
            assert chosen(schedule, zone, at, now) is None
        at += quarter


@given(SCHEDULES, ZONES, MOMENTS, st.integers(-(10**6), 10**8))
@settings(max_examples=150, deadline=None)
def test_a_time_is_taken_only_if_a_call_may_begin_then(
    schedule: Schedule, zone: str, now: datetime, seconds: int
) -> None:
    at = now + timedelta(seconds=seconds)
    if chosen(schedule, zone, at, now) is not None:
        assert now < at <= now + HORIZON
        assert callable_at(schedule, zone, at)
    rounded = at.replace(minute=0, second=0, microsecond=0)
    taken = chosen(schedule, zone, rounded, now)
    if taken is not None:
        assert callable_at(schedule, zone, rounded)


@given(SCHEDULES, ZONES, MOMENTS)
@settings(max_examples=60, deadline=None)
def test_the_soonest_moment_is_one_at_which_a_call_may_begin(
    schedule: Schedule, zone: str, now: datetime
) -> None:
    at = soonest(schedule, zone, now)
    if at is None:
        assert offered(schedule, zone, now) == []
        return
    assert at >= now
    assert callable_at(schedule, zone, at)
    days = offered(schedule, zone, now)
    if days:
        assert at <= days[0].slots[0].at
    before = now
    while before < min(at, now + timedelta(hours=14)):
        assert not callable_at(schedule, zone, before)
        before += timedelta(minutes=3)


def test_who_lives_far_away_is_offered_what_both_days_share() -> None:
    [first, *_] = offered(OFFICE, "Asia/Vladivostok", MONDAY - timedelta(hours=12))
    assert first.date == "2026-11-23"
    assert (first.slots[0].label, first.slots[-1].label) == ("16:00", "20:30")


def test_where_the_days_never_meet_nothing_is_offered() -> None:
    night = daily("Europe/Moscow", "01:00–05:00")
    assert offered(night, "Europe/Moscow", MONDAY) == []
    assert soonest(night, "Europe/Moscow", MONDAY) is None


def test_a_slot_in_ten_minutes_is_not_offered_but_one_that_was_is_taken() -> None:
    at = MONDAY + HALF
    now = at - timedelta(minutes=10)
    assert at not in [
        slot.at for day in offered(OFFICE, "Europe/Moscow", now) for slot in day.slots
    ]
    assert chosen(OFFICE, "Europe/Moscow", at, now) is not None
    assert chosen(OFFICE, "Europe/Moscow", at, at) is None


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe", "x\0y", "€", "a" * 500],
)
def test_a_zone_that_there_is_not_is_the_projects(name: str) -> None:
    assert zone_of(name, OFFICE) == "Europe/Moscow"
    assert zone_of("Asia/Tokyo", OFFICE) == "Asia/Tokyo"
