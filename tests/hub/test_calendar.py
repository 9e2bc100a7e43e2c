"""Russia's production calendar against what is known of it, and how a project takes it over."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.calendar import Proposal, confirmed, followed, missing, proposed, shortened
from hub.errors import BadValueError
from hub.schedule import Day, Schedule, ScheduleError, always, daily

WORK: Day = ("09:00–13:00", "14:00–18:00")
SHORT: Day = ("09:00–13:00", "14:00–17:00")
FIVE = Schedule("Europe/Moscow", (WORK, WORK, WORK, WORK, WORK, (), ()))


def of(year: int, kind: str, schedule: Schedule = FIVE) -> dict[str, Proposal]:
    return {each.date: each for each in proposed(year, schedule).proposals if each.kind == kind}


def everything(year: int) -> Schedule:
    found = proposed(year, FIVE).proposals
    return confirmed(FIVE, found, [each.date for each in found])


def spans(schedule: Schedule, day: date) -> Day:
    return schedule.dates.get(day.isoformat(), schedule.week[day.weekday()])


# Working days of the five-day week, and how many of them are an hour shorter, as published:
# https://www.consultant.ru/law/ref/calendar/proizvodstvennye/
@pytest.mark.parametrize(
    ("year", "working", "short"),
    [
        (2024, 248, ["02-22", "03-07", "05-08", "06-11", "11-02"]),
        (2025, 247, ["03-07", "04-30", "06-11", "11-01"]),
        (2026, 247, ["04-30", "05-08", "06-11", "11-03"]),
        (2027, 247, ["02-20", "04-30", "06-11", "11-03"]),
    ],
)
def test_a_year_has_as_many_working_and_short_days_as_were_decreed(
    year: int, working: int, short: list[str]
) -> None:
    schedule = everything(year)
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(366)]
    open_days = [day for day in days if day.year == year and spans(schedule, day)]
    assert len(open_days) == working
    assert [f"{day:%m-%d}" for day in open_days if spans(schedule, day) == SHORT] == short
    assert proposed(year, FIVE).moves_known


def test_days_off_that_were_moved_say_from_where() -> None:
    off = of(2026, "day_off")
    assert [(day, each.other) for day, each in off.items()] == [
        ("2026-01-09", "2026-01-03"),
        ("2026-03-09", ""),
        ("2026-05-11", ""),
        ("2026-12-31", "2026-01-04"),
    ]
    assert all(each.spans == () for each in off.values())


def test_a_saturday_that_is_worked_has_the_hours_of_the_day_that_it_replaces() -> None:
    [saturday] = of(2027, "working").values()
    # Monday, 22 February, is the eve of a holiday, and so is the Saturday worked for it.
    assert (saturday.date, saturday.other, saturday.spans) == ("2027-02-20", "2027-02-22", SHORT)
    assert of(2027, "day_off")["2027-02-22"].other == "2027-02-20"


def test_holidays_are_there_in_both_languages_even_where_the_week_is_closed() -> None:
    holidays = of(2026, "holiday")
    assert len(holidays) == 14
    assert holidays["2026-02-23"].name_ru == "День защитника Отечества"
    assert holidays["2026-02-23"].name_en == "Defender of the Fatherland Day"
    assert date(2026, 3, 8).weekday() == 6
    assert holidays["2026-03-08"].spans == ()


def test_the_last_day_of_a_year_is_the_eve_of_the_next() -> None:
    assert of(2020, "shortened")["2020-12-31"].spans == SHORT


def test_a_year_whose_moves_are_not_decreed_yet_says_so() -> None:
    far = proposed(2099, FIVE)
    assert not far.moves_known
    assert [each.kind for each in far.proposals].count("holiday") == 14


@pytest.mark.parametrize("year", [-1, 0, 1900, 2012, 2101, 9999, 10**9])
def test_a_year_out_of_reach_is_refused(year: int) -> None:
    with pytest.raises(BadValueError) as refused:
        proposed(year, FIVE)
    assert refused.value.field == "year"


def test_what_is_open_on_saturdays_is_proposed_a_short_one_before_a_sunday_holiday() -> None:
    shop = daily("Asia/Omsk", "10:00–20:00")
    assert of(2027, "shortened", shop)["2027-05-08"].spans == ("10:00–19:00",)
    assert of(2026, "shortened", always("Asia/Omsk")) == {}


def test_only_the_chosen_dates_change_and_choosing_fewer_takes_them_back() -> None:
    found = proposed(2026, FIVE).proposals
    own = {"2026-03-09": ("10:00–12:00",), "2026-08-01": WORK}
    kept = Schedule(FIVE.zone, FIVE.week, own)
    both = confirmed(kept, found, ["2026-11-04", "2026-11-03"])
    assert both.dates == own | {"2026-11-03": SHORT, "2026-11-04": ()}
    assert confirmed(both, found, ["2026-11-04"]).dates == own | {"2026-11-04": ()}
    assert confirmed(both, found, []).dates == own
    assert confirmed(both, found, ["2026-11-04", "2026-11-03"]) == both


def test_when_the_week_changes_what_was_taken_over_follows_and_what_was_written_stays() -> None:
    had = everything(2027)
    had = Schedule(had.zone, had.week, had.dates | {"2027-06-11": ("10:00–11:00",)})
    late: Day = ("12:00–20:00",)
    week = (late, late, late, late, (), late, ())
    after = followed(had, Schedule(had.zone, week, had.dates), [2027])
    assert after.week == week
    assert after.dates["2027-11-03"] == ("12:00–19:00",)
    # Nobody works on Fridays any more, so that eve is nothing special.
    assert "2027-04-30" not in after.dates
    assert after.dates["2027-06-11"] == ("10:00–11:00",)
    assert after.dates["2027-05-09"] == ()
    assert followed(had, had, [2027]) is had
    assert followed(had, Schedule(had.zone, week, had.dates), []).dates == had.dates


@pytest.mark.parametrize("day", ["2026-11-05", "2027-11-04", "", "2026-11-4", "nonsense"])
def test_a_date_that_the_calendar_does_not_have_cannot_be_chosen(day: str) -> None:
    with pytest.raises(BadValueError) as refused:
        confirmed(FIVE, proposed(2026, FIVE).proposals, ["2026-11-04", day])
    assert refused.value.field == "chosen.1"


@pytest.mark.parametrize(
    ("today", "years", "wanted"),
    [
        (date(2026, 10, 31), (2026,), None),
        (date(2026, 11, 1), (2026,), 2027),
        (date(2026, 11, 1), (2026, 2027), None),
        (date(2026, 12, 31), (), 2027),
        (date(2027, 1, 1), (2026,), 2027),
        (date(2027, 1, 1), (2026, 2027), None),
    ],
)
def test_from_november_on_the_next_year_is_missed(
    today: date, years: tuple[int, ...], wanted: int | None
) -> None:
    assert missing(FIVE, today, years) == wanted
    assert missing(always("Europe/Moscow"), today, years) is None


@pytest.mark.parametrize(
    ("day", "left"),
    [
        (WORK, SHORT),
        ((), ()),
        (("00:00–24:00",), ("00:00–24:00",)),
        (("20:00–24:00",), ("20:00–23:00",)),
        (("09:00–12:00", "12:30–13:30"), ("09:00–12:00",)),
        (("09:00–12:00", "12:30–13:20"), ("09:00–12:00",)),
        (("00:00–00:30",), ()),
        (("00:10–01:20",), ("00:10–00:20",)),
    ],
)
def test_a_short_day_ends_an_hour_earlier(day: Day, left: Day) -> None:
    assert shortened(day) == left


@given(
    st.lists(
        st.tuples(st.integers(0, 1439), st.integers(1, 1440))
        .filter(lambda each: each[0] < each[1])
        .map(
            lambda each: "{:02}:{:02}–{:02}:{:02}".format(
                *divmod(each[0], 60), *divmod(each[1], 60)
            )
        ),
        max_size=2,
    )
)
@settings(max_examples=60)
def test_a_short_day_can_always_be_kept(day: list[str]) -> None:
    try:
        [made, *_] = daily("UTC", *day).week
    except ScheduleError:
        return
    assert daily("UTC", *shortened(made)).week[0] == shortened(made)
