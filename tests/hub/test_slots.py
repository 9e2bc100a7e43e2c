"""A person is called in the project's hours and in the person's own day, and at no other time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.leads.quiet import Quiet
from hub.leads.slots import AHEAD, DAYS, HORIZON, callable_at, chosen, offered, soonest, zone_of
from hub.schedule import Schedule, always, daily, is_open

HALF = timedelta(minutes=30)
MICRO = timedelta(microseconds=1)
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
QUIETS = st.sampled_from(
    [Quiet(), Quiet("09:10", "20:50"), Quiet("00:00", "24:00"), Quiet("12:00", "12:01")]
)
# Clocks that go forward or back in 2026 and 2027, at midnight too.
ODD_ZONES = st.sampled_from(
    ["Europe/Berlin", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Beirut"]
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(SCHEDULES, ZONES, MOMENTS)
@settings(max_examples=150)
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
            assert "09:00" <= slot.label < "21:00"
            assert local.minute in (0, 30)
            assert slot.at >= now + AHEAD
            assert (day.date, slot.label) == (local.date().isoformat(), f"{local:%H:%M}")
            time = chosen(schedule, zone, slot.at, now)
            assert time is not None
            assert (time.at, time.zone) == (slot.at, zone)
            assert time.local == f"{day.date}T{slot.label}"


@given(SCHEDULES, ZONES, MOMENTS)
@settings(max_examples=60)
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
@settings(max_examples=150)
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
@settings(max_examples=60)
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


@given(SCHEDULES, st.lists(ZONES | ODD_ZONES, max_size=3, unique=True), MOMENTS, QUIETS)
@settings(max_examples=100)
def test_the_soonest_moment_is_lawful_everywhere_and_no_earlier_one_is(
    schedule: Schedule, zones: list[str], now: datetime, quiet: Quiet
) -> None:
    at = soonest(schedule, zones, now, quiet)
    until = at or now + timedelta(days=2)
    if at is not None:
        assert now <= at < now + HORIZON
        assert is_open(schedule, at)
        for zone in zones:
            assert quiet.since <= f"{at.astimezone(ZoneInfo(zone)):%H:%M}" < quiet.until
    before = now
    while before < until:
        assert not callable_at(schedule, zones, before, quiet)
        before = min(before + timedelta(minutes=5), max(before, until - MICRO) + MICRO)


@given(SCHEDULES, ZONES | ODD_ZONES, MOMENTS, QUIETS)
@settings(max_examples=50)
def test_one_zone_is_the_same_as_a_list_of_it(
    schedule: Schedule, zone: str, now: datetime, quiet: Quiet
) -> None:
    assert soonest(schedule, zone, now, quiet) == soonest(schedule, [zone, zone], now, quiet)
    assert callable_at(schedule, zone, now, quiet) == callable_at(schedule, [zone], now, quiet)


def test_who_may_be_in_two_zones_is_called_when_it_is_day_in_both() -> None:
    morning = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    both = ["Europe/Kaliningrad", "Asia/Kamchatka"]
    # In Kaliningrad it is 9 when Kamchatka has 19 o'clock: two hours a day are left.
    assert soonest(always("UTC"), both, morning) == datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    assert callable_at(always("UTC"), both, datetime(2026, 11, 23, 8, 59, tzinfo=UTC))
    assert not callable_at(always("UTC"), both, datetime(2026, 11, 23, 9, 0, tzinfo=UTC))


def test_who_may_be_anywhere_on_earth_is_never_called_by_itself() -> None:
    everywhere = ["Pacific/Honolulu", "Europe/London", "Asia/Tokyo"]
    assert soonest(always("UTC"), everywhere, MONDAY) is None


def test_a_kaliningrad_office_calls_kamchatka_before_its_evening() -> None:
    office = daily("Europe/Kaliningrad", "09:00–18:00")
    noon = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    # 12:00 in Kaliningrad is 22:00 in Kamchatka; the next common hour is 9:00 tomorrow.
    assert soonest(office, "Asia/Kamchatka", noon) == datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    assert soonest(office, "Europe/Kaliningrad", noon) == noon


def test_the_hour_that_spring_skips_is_nobodys_day() -> None:
    quiet = Quiet("02:00", "03:00")
    night = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    # On 29 March the clock of Berlin goes from 2 to 3, so there is no such hour that day.
    assert soonest(always("UTC"), "Europe/Berlin", night, quiet) == datetime(
        2026, 3, 30, 0, 0, tzinfo=UTC
    )


def test_other_hours_of_the_project_for_its_people_move_the_slots() -> None:
    days = offered(OFFICE, "Europe/Moscow", MONDAY - HALF * 18, Quiet("10:00", "12:00"))
    assert [slot.label for slot in days[0].slots] == ["10:00", "10:30", "11:00", "11:30"]
    at = days[0].slots[0].at - HALF
    assert chosen(OFFICE, "Europe/Moscow", at, MONDAY - HALF * 18, Quiet("10:00", "12:00")) is None


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
