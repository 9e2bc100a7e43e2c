"""When a form asks for its call: what is written is understood as it is told back, or refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model import cut
from hub.requests import planning
from hub.requests.planning import (
    After,
    AsSaid,
    At,
    Exactly,
    GapError,
    On,
    PlanningError,
    Row,
    Tomorrow,
    TwiceError,
    Way,
)

MOSCOW = "Europe/Moscow"
NOON = datetime(2026, 11, 22, 9, tzinfo=UTC)
"""A Sunday; Moscow's clocks read 12:00."""

CLOCKS = st.builds(time, st.integers(0, 23), st.integers(0, 59))
DATES = st.dates(date(2000, 1, 1), date(2999, 12, 31))
WAYS: st.SearchStrategy[Way] = st.one_of(
    st.builds(After, st.integers(0, planning.AHEAD_DAYS * 24 * 60)),
    st.builds(Tomorrow, CLOCKS),
    st.builds(At, CLOCKS),
    st.builds(On, DATES, st.none() | CLOCKS),
    st.builds(Exactly, DATES, CLOCKS, st.integers(-14 * 60 - 59, 14 * 60 + 59)),
    st.just(AsSaid()),
)
ZONES = st.sampled_from([MOSCOW, "America/New_York", "Asia/Kamchatka", "Asia/Kathmandu"])
PIECES = (
    "через",
    "after",
    " ",
    "1",
    "99999",
    "час",
    "hours",
    ":",
    "25.12.2026",
    "T",
    "+03:00",
    "٣",
)
WILD = st.text(max_size=80) | st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@given(WAYS)
def test_what_is_told_back_is_read_the_same(way: Way) -> None:
    assert planning.parse(planning.code(way)) == way
    assert planning.parse(planning.words(way, "ru")) == way
    assert planning.parse(planning.words(way, "en")) == way


@given(WILD)
def test_whatever_is_written_is_understood_or_refused_by_name(written: str) -> None:
    try:
        way = planning.parse(written)
    except PlanningError:
        return
    assert planning.parse(planning.code(way)) == way


@given(WILD, WILD, st.timedeltas(timedelta(0), timedelta(days=300_000)), ZONES)
def test_whatever_a_form_holds_its_call_is_not_before_it(
    written: str, value: str, since: timedelta, zone: str
) -> None:
    submitted = datetime(2001, 1, 1, tzinfo=UTC) + since
    rows = (Row("date", written or "?"), Row("date", "as said"), Row("date", "at 09:30"))
    found = planning.when(rows, {"Date": value}, submitted, zone)
    if found is None:
        assert not value.strip()
        return
    assert cut(submitted) <= found.at
    assert found.at <= submitted + timedelta(days=planning.AHEAD_DAYS)
    if found.time is not None:
        wall = found.at.astimezone(ZoneInfo(zone))
        assert found.time.local == f"{wall:%Y-%m-%dT%H:%M}"


@given(WAYS, ZONES)
def test_a_row_that_may_be_kept_is_kept_as_it_was_meant(way: Way, zone: str) -> None:
    try:
        rows, _ = planning.checked([Row("when", planning.words(way, "ru"), "soon")], zone, NOON)
    except GapError:
        return
    assert rows == (Row("when", planning.code(way), "soon"),)
    assert planning.checked(rows, zone, NOON)[0] == rows


@pytest.mark.parametrize(
    ("written", "way", "ru", "en"),
    [
        ("after 1 hours", After(60), "через 1 час", "in 1 hour"),
        ("AFTER  90 Minutes", After(90), "через 90 минут", "in 90 minutes"),
        ("через 2 часа", After(120), "через 2 часа", "in 2 hours"),
        ("Через час", After(60), "через 1 час", "in 1 hour"),
        ("через полчаса", After(30), "через 30 минут", "in 30 minutes"),
        ("после обеда завтра", None, "", ""),
        ("after 3 days", After(3 * 24 * 60), "через 3 дня", "in 3 days"),
        ("сразу", After(0), "сразу", "at once"),
        ("завтра в 10:00", Tomorrow(time(10)), "завтра в 10:00", "tomorrow at 10:00"),
        ("tomorrow 9:05", Tomorrow(time(9, 5)), "завтра в 09:05", "tomorrow at 09:05"),
        ("завтра", None, "", ""),
        ("25.12.2026", On(date(2026, 12, 25)), "25.12.2026", "25.12.2026"),
        (
            "25.12.2026 в 15:30",
            On(date(2026, 12, 25), time(15, 30)),
            "25.12.2026 15:30",
            "25.12.2026 15:30",
        ),
        ("31.02.2026", None, "", ""),
        ("25.12.26", None, "", ""),
        ("15:30", At(time(15, 30)), "в 15:30", "at 15:30"),
        ("24:00", None, "", ""),
        ("25:61", None, "", ""),
        (
            "2026-12-25T15:30:00Z",
            Exactly(date(2026, 12, 25), time(15, 30), 0),
            "25.12.2026 15:30 UTC+00:00",
            "25.12.2026 15:30 UTC+00:00",
        ),
        ("after", None, "", ""),
        ("after -1 hours", None, "", ""),
        ("after 1.5 hours", None, "", ""),
        ("after 1 hours or so", None, "", ""),
        ("after 999999 days", None, "", ""),
        ("0001-01-01", None, "", ""),
        ("", None, "", ""),
    ],
)
def test_only_what_is_in_the_grammar_is_understood(
    written: str, way: Way | None, ru: str, en: str
) -> None:
    if way is None:
        with pytest.raises(PlanningError):
            planning.parse(written)
        return
    assert planning.parse(written) == way
    assert (planning.words(way, "ru"), planning.words(way, "en")) == (ru, en)


def planned(when: str, value: str = "x", zone: str = MOSCOW, at: datetime = NOON) -> str:
    found = planning.when([Row("f", when)], {"f": value}, at, zone)
    return f"{found.at.astimezone(ZoneInfo(zone)):%d.%m %H:%M}" if found else ""


def test_the_wall_of_the_zone_decides_what_a_time_is() -> None:
    assert planned("after 1 hours") == "22.11 13:00"
    assert planned("tomorrow 10:00") == "23.11 10:00"
    assert planned("13:30") == "22.11 13:30"
    assert planned("11:30") == "23.11 11:30"
    assert planned("12:00") == "23.11 12:00"
    assert planned("25.12.2026 15:30") == "25.12 15:30"
    assert planned("25.12.2026") == "25.12 00:00"
    assert planned("22.11.2026") == "22.11 12:00"
    assert planned("as said", "через 2 часа") == "22.11 14:00"
    assert planned("as said", "когда-нибудь") == ""
    # In Vladivostok it is 19:00 and tomorrow begins sooner.
    assert planned("tomorrow 10:00", zone="Asia/Vladivostok") == "23.11 10:00"


def test_a_local_promise_keeps_the_wall_the_zone_and_the_instant() -> None:
    found = planning.when([Row("f", "tomorrow 10:00")], {"f": "x"}, NOON, MOSCOW)
    assert found is not None
    assert found.time is not None
    assert (found.time.local, found.time.zone) == ("2026-11-23T10:00", MOSCOW)
    assert found.time.at == found.at == datetime(2026, 11, 23, 7, tzinfo=UTC)


def test_the_first_row_with_the_value_of_the_form_decides() -> None:
    rows = (
        Row("Удобное время", "after 60 minutes", "через час"),
        Row("Удобное время", "18:00", "Вечером"),
        Row("city", "tomorrow 10:00"),
    )
    for fields, row in (
        ({"Удобное время": "ВЕЧЕРОМ "}, 1),
        ({"удобное  время": "Через час", "city": "Пермь"}, 0),
        ({"Удобное время": "ночью", "city": "Пермь"}, 2),
        ({"Удобное время": "ночью", "city": " "}, None),
    ):
        found = planning.when(rows, fields, NOON, MOSCOW)
        assert (found.row if found else None) == row, fields


def test_a_time_that_has_passed_leaves_it_to_the_next_row() -> None:
    rows = (Row("f", "22.11.2026 11:59"), Row("f", "after 15 minutes"))
    found = planning.when(rows, {"f": "x"}, NOON, MOSCOW)
    assert found is not None
    assert found.row == 1


def test_a_time_that_spring_skips_is_refused_and_met_as_the_clock_then_reads() -> None:
    zone = "Europe/Berlin"
    with pytest.raises(GapError) as refused:
        planning.checked([Row("f", "29.03.2026 02:30")], zone, NOON)
    assert refused.value.field == "planning.0.when"
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert planned("tomorrow 02:30", zone=zone, at=before) == "29.03 03:30"


def test_a_time_that_autumn_repeats_is_its_first() -> None:
    found = planning.when(
        [Row("f", "25.10.2026 02:30")],
        {"f": "x"},
        datetime(2026, 10, 20, tzinfo=UTC),
        "Europe/Berlin",
    )
    assert found is not None
    assert found.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_rows_that_contradict_each_other_are_refused_with_the_number() -> None:
    rows = [Row("Время", "15:30", "днём"), Row("x", "сразу"), Row(" время", "16:00", "ДНЁМ")]
    with pytest.raises(TwiceError, match="row 3") as refused:
        planning.checked(rows, MOSCOW, NOON)
    assert refused.value.field == "planning.2.value"
    with pytest.raises(PlanningError, match="row 2") as refused_too:
        planning.checked([Row("x", "сразу"), Row("x", "потом")], MOSCOW, NOON)
    assert refused_too.value.field == "planning.1.when"
    with pytest.raises(PlanningError):
        planning.checked([Row("x", "сразу")] * (planning.ROWS_MAX + 1), MOSCOW, NOON)


def test_what_is_odd_is_said_with_the_number_and_kept() -> None:
    rows, doubts = planning.checked(
        [
            Row("when", "22.11.2026 11:00", "a"),
            Row("when", "через 1 час", "b"),
            Row("when", "after 60 minutes", "B"),
            Row("any", "сразу"),
            Row("any", "15:30", "c"),
            Row("when", "2026-11-22T11:59+03:00", "d"),
        ],
        MOSCOW,
        NOON,
    )
    assert len(rows) == 6
    assert [(each.row, each.code) for each in doubts] == [
        (0, "past"),
        (2, "repeated"),
        (4, "unreached"),
        (5, "past"),
    ]
