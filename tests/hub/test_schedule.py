from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.schedule import (
    DATES_MAX,
    OUTLOOK_DAYS,
    SPANS_MAX,
    Day,
    Schedule,
    ScheduleError,
    always,
    closes_at,
    daily,
    is_open,
    next_opening,
    openings,
    outlook,
    stretches,
)

MINUTE = timedelta(minutes=1)
CLOSED: Day = ()
WORK: Day = ("09:00–13:00", "14:00–18:00")
OFFICE = Schedule(
    "Europe/Moscow",
    (WORK, WORK, WORK, WORK, WORK, CLOSED, CLOSED),
    {"2026-11-04": CLOSED, "2026-11-03": ("09:00–13:00",), "2026-11-07": WORK},
)

# A day on which the clock of the zone changed.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Asia/Vladivostok", date(2011, 3, 27)),
    ("Asia/Vladivostok", date(2014, 10, 26)),
    ("Asia/Vladivostok", date(2026, 6, 1)),
    ("Europe/Moscow", date(2011, 3, 27)),
    ("Europe/Moscow", date(2014, 10, 26)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Africa/Cairo", date(2026, 4, 24)),  # the clock jumps at midnight
    ("America/Havana", date(2026, 11, 1)),  # and back over it
    ("Pacific/Apia", date(2011, 12, 30)),  # a date that never was
]


def at(zone: str, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def moscow(text: str) -> datetime:
    return at("Europe/Moscow", text)


def opened(schedule: Schedule, zone: str, day: str, days: int = 1) -> list[tuple[str, str]]:
    start = at(zone, f"{day}T00:00")
    return [
        (f"{opens:%dT%H:%M}", f"{closes:%dT%H:%M}")
        for opens, closes in openings(schedule, start, start + timedelta(days=days))
    ]


def test_a_day_has_hours_and_a_break() -> None:
    assert not is_open(OFFICE, moscow("2026-11-02T08:59:59.999"))
    assert is_open(OFFICE, moscow("2026-11-02T09:00"))
    assert is_open(OFFICE, moscow("2026-11-02T12:59:59.999"))
    assert not is_open(OFFICE, moscow("2026-11-02T13:00"))
    assert is_open(OFFICE, moscow("2026-11-02T14:00"))
    assert not is_open(OFFICE, moscow("2026-11-02T18:00"))


def test_what_comes_at_night_waits_for_the_next_working_minute() -> None:
    assert next_opening(OFFICE, moscow("2026-11-02T03:00")) == moscow("2026-11-02T09:00")
    assert next_opening(OFFICE, moscow("2026-11-02T13:30")) == moscow("2026-11-02T14:00")
    assert next_opening(OFFICE, moscow("2026-11-13T18:00")) == moscow("2026-11-16T09:00")


def test_an_open_moment_is_its_own_next_opening() -> None:
    moment = moscow("2026-11-02T10:11:12.345")
    assert next_opening(OFFICE, moment) == moment


def test_a_holiday_is_closed_and_the_day_before_it_shorter() -> None:
    assert closes_at(OFFICE, moscow("2026-11-03T10:00")) == moscow("2026-11-03T13:00")
    assert next_opening(OFFICE, moscow("2026-11-03T13:00")) == moscow("2026-11-05T09:00")


def test_a_moved_working_saturday_is_open() -> None:
    assert is_open(OFFICE, moscow("2026-11-07T10:00"))
    assert not is_open(OFFICE, moscow("2026-11-14T10:00"))


def test_an_opening_ends_where_its_span_does() -> None:
    assert closes_at(OFFICE, moscow("2026-11-02T10:00")) == moscow("2026-11-02T13:00")
    assert closes_at(OFFICE, moscow("2026-11-02T13:00")) is None


def test_a_night_shift_is_two_spans_and_one_opening() -> None:
    bar = daily("Europe/Moscow", "00:00–04:00", "20:00–24:00")
    assert closes_at(bar, moscow("2026-11-02T21:00")) == moscow("2026-11-03T04:00")
    assert is_open(bar, moscow("2026-11-02T23:59:59.999"))
    assert is_open(bar, moscow("2026-11-03T00:00"))


def test_a_schedule_that_never_closes_is_one_opening() -> None:
    clock = always("Europe/Berlin")
    start = at("Europe/Berlin", "2026-01-01T12:34:56.789")
    assert is_open(clock, start)
    assert next_opening(clock, start) == start
    assert closes_at(clock, start) is None
    end = start + timedelta(days=365)
    assert list(openings(clock, start, end)) == [(start, end)]


def test_a_schedule_that_never_opens_says_so() -> None:
    never = daily("Europe/Berlin")
    start = at("Europe/Berlin", "2026-01-01T12:00")
    assert next_opening(never, start) is None
    assert closes_at(never, start) is None
    assert list(openings(never, start, start + timedelta(days=30))) == []


def test_an_opening_is_looked_for_400_days_ahead_and_no_further() -> None:
    once = Schedule("UTC", ((),) * 7, {"2027-02-05": ("00:00–00:01",)})
    opening = datetime(2027, 2, 5, tzinfo=UTC)
    assert next_opening(once, opening - timedelta(days=400) + MINUTE) == opening
    assert next_opening(once, opening - timedelta(days=400)) is None


def test_a_span_that_begins_in_the_skipped_hour_opens_when_the_clock_has_jumped() -> None:
    shop = daily("Europe/Berlin", "02:30–05:00")
    assert opened(shop, "Europe/Berlin", "2026-03-29") == [("29T01:00", "29T03:00")]


def test_a_span_inside_the_skipped_hour_does_not_happen() -> None:
    shop = daily("Europe/Berlin", "02:15–02:45")
    assert opened(shop, "Europe/Berlin", "2026-03-29") == []
    before = at("Europe/Berlin", "2026-03-29T00:00")
    assert next_opening(shop, before) == at("Europe/Berlin", "2026-03-30T02:15")


def test_a_span_over_the_skipped_hour_is_an_hour_shorter() -> None:
    shop = daily("Europe/Berlin", "01:00–05:00")
    assert opened(shop, "Europe/Berlin", "2026-03-29") == [("29T00:00", "29T03:00")]


def test_a_span_inside_the_repeated_hour_happens_twice() -> None:
    shop = daily("Europe/Berlin", "02:15–02:45")
    twice = [("25T00:15", "25T00:45"), ("25T01:15", "25T01:45")]
    assert opened(shop, "Europe/Berlin", "2026-10-25") == twice
    first = at("Europe/Berlin", "2026-10-25T02:45")
    assert next_opening(shop, first) == at("Europe/Berlin", "2026-10-25T02:15", fold=1)


def test_a_span_over_the_repeated_hour_is_an_hour_longer() -> None:
    shop = daily("Europe/Berlin", "01:00–05:00")
    assert opened(shop, "Europe/Berlin", "2026-10-25") == [("24T23:00", "25T04:00")]


def test_a_date_that_a_zone_left_out_is_never_open() -> None:
    shop = Schedule("Pacific/Apia", (CLOSED,) * 7, {"2011-12-30": ("00:00–24:00",)})
    start = at("Pacific/Apia", "2011-12-28T00:00")
    assert list(openings(shop, start, start + timedelta(days=5))) == []


@pytest.mark.parametrize(
    ("zone", "week", "dates", "field"),
    [
        ("Europe/Moskva", (WORK,) * 7, {}, "zone"),
        ("", (WORK,) * 7, {}, "zone"),
        ("Europe", (WORK,) * 7, {}, "zone"),
        ("../../etc/passwd", (WORK,) * 7, {}, "zone"),
        ("a\0b", (WORK,) * 7, {}, "zone"),
        ("UTC", (WORK,) * 6, {}, "week"),
        ("UTC", (WORK, ("9:00–18:00",), *(WORK,) * 5), {}, "week.1.0"),
        ("UTC", (WORK, ("09:00–12:00", "18:00–17:00"), *(WORK,) * 5), {}, "week.1.1"),
        ("UTC", (("09:00–09:00",), *(WORK,) * 6), {}, "week.0.0"),
        ("UTC", (("24:00–24:00",), *(WORK,) * 6), {}, "week.0.0"),
        ("UTC", (("09:00–25:00",), *(WORK,) * 6), {}, "week.0.0"),
        ("UTC", (("09:00–24:01",), *(WORK,) * 6), {}, "week.0.0"),
        ("UTC", (("09:00–18:00\n",), *(WORK,) * 6), {}, "week.0.0"),
        ("UTC", (("٠٩:٠٠–18:00",), *(WORK,) * 6), {}, "week.0.0"),
        ("UTC", (("09:00–13:00", "12:59–18:00"), *(WORK,) * 6), {}, "week.0"),
        ("UTC", (WORK,) * 7, {"2026-02-30": ()}, "dates.2026-02-30"),
        ("UTC", (WORK,) * 7, {"20260203": ()}, "dates.20260203"),
        ("UTC", (WORK,) * 7, {"2026-02-03": ("x",)}, "dates.2026-02-03.0"),
    ],
)
def test_a_schedule_that_cannot_be_kept_names_the_field(
    zone: str, week: tuple[Day, ...], dates: dict[str, Day], field: str
) -> None:
    with pytest.raises(ScheduleError) as refusal:
        Schedule(zone, week, dates)  # type: ignore[arg-type]
    assert refusal.value.field == field
    assert isinstance(refusal.value, ValueError)


def test_the_wire_is_told_the_field_too() -> None:
    body = b'{"zone":"Mars/Base","week":[[],[],[],[],[],[],[]]}'
    with pytest.raises(msgspec.ValidationError) as refusal:
        msgspec.json.decode(body, type=Schedule)
    assert isinstance(refusal.value.__cause__, ScheduleError)
    assert refusal.value.__cause__.field == "zone"


def test_equal_hours_are_equal_however_they_were_written() -> None:
    one = daily("UTC", "14:00-18:00", "09:00-13:00")
    assert one == daily("UTC", "09:00–13:00", "14:00–18:00")


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        is_open(OFFICE, datetime(2026, 11, 2, 10))  # noqa: DTZ001 - what is tested


@st.composite
def days(draw: st.DrawFn) -> Day:
    ends = draw(st.lists(st.integers(0, 24 * 60), max_size=6, unique=True).map(sorted))
    ends = ends[: len(ends) // 2 * 2]
    if draw(st.booleans()):
        ends = [0, *ends[1:-1], 24 * 60] if ends else []
    pairs = zip(ends[::2], ends[1::2], strict=True)
    return tuple(f"{a // 60:02}:{a % 60:02}–{b // 60:02}:{b % 60:02}" for a, b in pairs)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Schedule, date]:
    """A schedule and a date near which its clock changes and some dates differ."""
    zone, change = draw(st.sampled_from(CHANGES))
    week = draw(st.tuples(*[days()] * 7))
    near = st.integers(-2, 2).map(lambda n: (change + timedelta(days=n)).isoformat())
    return Schedule(zone, week, draw(st.dictionaries(near, days(), max_size=3))), change


def by_the_wall(schedule: Schedule, moment: datetime) -> bool:
    """What a person in the room would say, reading the clock."""
    wall = moment.astimezone(ZoneInfo(schedule.zone))
    spans = schedule.dates.get(str(wall.date()), schedule.week[wall.weekday()])
    return any(s[:5] <= f"{wall:%H:%M}" < s[6:] for s in spans)


@settings(max_examples=60)
@given(schedules())
def test_openings_are_the_minutes_that_the_wall_clock_calls_open(
    drawn: tuple[Schedule, date],
) -> None:
    schedule, change = drawn
    start = datetime.combine(change, datetime.min.time(), UTC) - timedelta(days=1)
    walked = [start + n * MINUTE for n in range(3 * 24 * 60)]
    expected = {moment for moment in walked if by_the_wall(schedule, moment)}
    found = list(openings(schedule, start, walked[-1] + MINUTE))
    assert {m for a, b in found for m in walked if a <= m < b} == expected
    assert expected == {moment for moment in walked if is_open(schedule, moment)}
    for (_, closed), (opened, _) in pairwise(found):
        assert closed < opened
    assert all(a < b for a, b in found)


@settings(max_examples=150)
@given(schedules(), st.integers(-2 * 24 * 3_600_000, 2 * 24 * 3_600_000))
def test_the_next_opening_is_open_and_nothing_before_it_is(
    drawn: tuple[Schedule, date], milliseconds: int
) -> None:
    schedule, change = drawn
    moment = datetime.combine(change, datetime.min.time(), UTC)
    moment += timedelta(milliseconds=milliseconds)
    opening = next_opening(schedule, moment)
    if opening is None:
        assert not any(by_the_wall(schedule, moment + n * 7 * MINUTE) for n in range(2000))
        return
    assert opening >= moment
    assert is_open(schedule, opening)
    step = max(MINUTE, (opening - moment) / 2000)
    walked = moment
    while walked < opening:
        assert not by_the_wall(schedule, walked)
        walked += step
    if opening > moment:
        assert not by_the_wall(schedule, opening - timedelta(milliseconds=1))


@settings(max_examples=150)
@given(schedules(), st.integers(-2 * 24 * 60, 2 * 24 * 60))
def test_an_opening_is_open_up_to_its_end_and_closed_at_it(
    drawn: tuple[Schedule, date], minutes: int
) -> None:
    schedule, change = drawn
    moment = datetime.combine(change, datetime.min.time(), UTC) + minutes * MINUTE
    end = closes_at(schedule, moment)
    if end is None:
        far = (moment + timedelta(days=n) for n in range(400))
        assert not is_open(schedule, moment) or all(is_open(schedule, m) for m in far)
    else:
        assert is_open(schedule, moment)
        assert is_open(schedule, end - timedelta(milliseconds=1))
        assert not is_open(schedule, end)


@settings(max_examples=100)
@given(schedules())
def test_a_schedule_comes_back_from_the_store_as_it_was(drawn: tuple[Schedule, date]) -> None:
    schedule, _ = drawn
    assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule
    assert msgspec.convert(msgspec.to_builtins(schedule), Schedule) == schedule


def test_the_outlook_says_whether_it_is_open_until_when_and_why() -> None:
    seen = outlook(OFFICE, moscow("2026-11-02T13:30"))
    assert (seen.local, seen.open, seen.until) == ("2026-11-02T13:30", False, None)
    assert seen.opens == moscow("2026-11-02T14:00")
    assert len(seen.days) == OUTLOOK_DAYS
    assert [(day.date, day.spans, day.why) for day in seen.days[:3]] == [
        ("2026-11-02", WORK, "week"),
        ("2026-11-03", ("09:00–13:00",), "date"),
        ("2026-11-04", CLOSED, "date"),
    ]
    # Wednesday the fourth is a holiday.
    seen = outlook(OFFICE, moscow("2026-11-03T13:00"))
    assert (seen.open, seen.opens) == (False, moscow("2026-11-05T09:00"))


def test_the_outlook_begins_with_the_date_on_the_projects_wall() -> None:
    seen = outlook(
        daily("Asia/Kamchatka", "09:00–18:00"), datetime(2026, 11, 2, 22, 30, tzinfo=UTC)
    )
    assert (seen.local, seen.days[0].date) == ("2026-11-03T10:30", "2026-11-03")
    assert (seen.open, seen.until) == (True, datetime(2026, 11, 3, 6, 0, tzinfo=UTC))


def test_what_never_closes_or_never_opens_has_no_end() -> None:
    now = moscow("2026-11-02T12:00")
    seen = outlook(always("Europe/Moscow"), now)
    assert (seen.open, seen.until, seen.opens) == (True, None, None)
    seen = outlook(daily("Europe/Moscow"), now)
    assert (seen.open, seen.until, seen.opens) == (False, None, None)


def test_a_schedule_has_an_end_of_dates_and_of_spans() -> None:
    first = date(2026, 1, 1)
    dates = {(first + timedelta(days=n)).isoformat(): CLOSED for n in range(DATES_MAX + 1)}
    with pytest.raises(ScheduleError) as refused:
        Schedule("UTC", OFFICE.week, dates)
    assert refused.value.field == "dates"
    spans = [f"00:{minute:02}–00:{minute + 1:02}" for minute in range(SPANS_MAX + 1)]
    with pytest.raises(ScheduleError) as refused:
        daily("UTC", *spans)
    assert refused.value.field == "week.0"


def test_stretches_that_touch_are_the_same_hours_as_openings() -> None:
    schedule = daily("Europe/Berlin", "00:00–01:00", "01:00–24:00")
    start, end = moscow("2026-10-20T12:00"), moscow("2026-10-30T12:00")
    assert list(openings(schedule, start, end)) == [(start, end)]
    pieces = list(stretches(schedule, start, end))
    assert (pieces[0][0], pieces[-1][1]) == (start, end)
    assert all(one[1] == other[0] for one, other in pairwise(pieces))
