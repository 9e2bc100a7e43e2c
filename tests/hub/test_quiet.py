"""Where a person is, and why we think so; in which hours of their clock they are called."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import BadValueError
from hub.leads.quiet import Quiet, Whereabouts, day_of, is_place, whereabouts

HOME = "Europe/Kaliningrad"


@pytest.mark.parametrize(
    ("phone", "zone"),
    [
        ("+74951234567", "Europe/Moscow"),
        ("+74012123456", "Europe/Kaliningrad"),
        ("+78452123456", "Europe/Saratov"),
        ("+78462123456", "Europe/Samara"),
        ("+73432123456", "Asia/Yekaterinburg"),
        ("+73812123456", "Asia/Omsk"),
        ("+73832123456", "Asia/Novosibirsk"),
        ("+73952123456", "Asia/Irkutsk"),
        ("+74112123456", "Asia/Yakutsk"),
        ("+74232123456", "Asia/Vladivostok"),
        ("+74152123456", "Asia/Kamchatka"),
        ("+74242123456", "Asia/Sakhalin"),
        ("+380441234567", "Europe/Kyiv"),
    ],
)
def test_the_code_of_a_town_says_where_it_is(phone: str, zone: str) -> None:
    assert whereabouts(phone, HOME) == Whereabouts((zone,), "code")


def test_a_mobile_of_a_country_that_has_one_clock_is_there() -> None:
    where = whereabouts("+375291234567", "Asia/Vladivostok")
    assert where.why == "code"
    assert [str(ZoneInfo(zone)) for zone in where.zones] == ["Europe/Moscow"]
    assert set(whereabouts("+77012345678", HOME).zones) == {"Asia/Almaty", "Asia/Aqtobe"}


@pytest.mark.parametrize(
    "phone",
    ["+79140000000", "+78001234567", "+78091234567", "+79991234567", "", "+", "+7", "+0", "8-914"],
)
def test_a_number_of_no_place_is_where_the_project_is(phone: str) -> None:
    assert whereabouts(phone, HOME) == Whereabouts((HOME,), "project")


def test_the_persons_word_goes_before_the_browser_and_that_before_the_code() -> None:
    phone = "+74951234567"
    said, browser = "Asia/Vladivostok", "Asia/Omsk"
    assert whereabouts(phone, HOME, said=said, browser=browser) == Whereabouts((said,), "said")
    assert whereabouts(phone, HOME, browser=browser) == Whereabouts((browser,), "browser")
    assert whereabouts(phone, HOME).why == "code"


@pytest.mark.parametrize(
    "name",
    [
        *("", "UTC", "Etc/GMT-5", "Mars/Base", "../../etc/passwd", "/etc/passwd"),
        *("Europe/", "a\0/b", "Europe/Moscow/..", "€/€", "a/" * 400),
    ],
)
def test_a_zone_where_nobody_lives_says_nothing(name: str) -> None:
    assert not is_place(name)
    assert whereabouts("", HOME, said=name, browser=name) == Whereabouts((HOME,), "project")


@given(st.text(max_size=30) | st.from_regex(r"\+[0-9]{0,16}", fullmatch=True), st.text(max_size=30))
@settings(max_examples=100)
def test_whatever_is_said_there_are_zones_that_exist(phone: str, zone: str) -> None:
    where = whereabouts(phone, HOME, said=zone, browser=zone)
    assert where.zones
    assert all(ZoneInfo(each) for each in where.zones)


def test_people_are_called_from_nine_to_nine_unless_the_project_says_otherwise() -> None:
    assert (Quiet().since, Quiet().until) == ("09:00", "21:00")
    assert day_of("Asia/Omsk").week[6] == ("09:00–21:00",)
    assert day_of("Asia/Omsk", Quiet("10:30", "24:00")).week[0] == ("10:30–24:00",)


@pytest.mark.parametrize(
    ("since", "until", "field"),
    [
        ("21:00", "09:00", "until"),
        ("09:00", "09:00", "until"),
        ("9:00", "21:00", "since"),
        ("09:00", "25:00", "until"),
        ("09:60", "21:00", "until"),
        ("09:00", "21:00–22:00", "until"),
        ("", "", "since"),
    ],
)
def test_hours_that_cannot_be_kept_are_refused(since: str, until: str, field: str) -> None:
    with pytest.raises(BadValueError) as refused:
        Quiet(since, until)
    assert refused.value.field == field
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"since": since, "until": until}, Quiet)
