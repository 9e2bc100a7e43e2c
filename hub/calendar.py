"""The production calendar of Russia, proposed to a project and never put in force by itself.

Days off and moved days are those of the `holidays` library, which learns of a year's moves when
the government has decreed them, in the autumn before. Shortened days it does not tell; they
follow from article 95 of the Labour Code: a working day right before a public holiday is an hour
shorter, and a Saturday that is worked instead of such a day is too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from hub.errors import BadValueError
from hub.schedule import Day, Schedule

FIRST_YEAR, LAST_YEAR = 2013, 2100
"""From the first year of the holidays that there are today."""

WARNS_FROM_MONTH = 11

Kind = Literal["holiday", "day_off", "working", "shortened"]

_CLOSED: Day = ()
_ROUND_THE_CLOCK: Day = ("00:00–24:00",)
_MOVED_FROM = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})")


class Proposal(Struct, frozen=True):
    """One date that differs, and the hours that it would have.

    `name` is the holiday's, of a shortened day that of the day after. `other` is the date that
    a day off was moved from, or for which a day is worked.
    """

    date: str
    kind: Kind
    name_ru: str
    name_en: str
    spans: Day
    other: str = ""


class Calendar(Struct, frozen=True):
    """`moves_known` is whether the year's moved days are known yet."""

    year: int
    moves_known: bool
    proposals: tuple[Proposal, ...]


def proposed(year: int, schedule: Schedule) -> Calendar:
    """What the year would change of the schedule's week, by date; loads the library.

    Holidays are there even where the week is closed, since weeks change.
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadValueError(f"a year from {FIRST_YEAR} to {LAST_YEAR}", field="year")
    year_of = _Year(year)
    found: dict[date, Proposal] = {}
    for day, name_ru in sorted(year_of.off.items()):
        moved = year_of.moved_from.get(day)
        if day not in year_of.holidays and not schedule.week[day.weekday()]:
            continue
        found[day] = Proposal(
            date=day.isoformat(),
            kind="holiday" if day in year_of.holidays else "day_off",
            name_ru=name_ru,
            name_en=year_of.names_en[day],
            spans=_CLOSED,
            other=moved.isoformat() if moved else "",
        )
    for day, instead_of in year_of.worked.items():
        spans = schedule.week[instead_of.weekday()]
        if year_of.is_eve(instead_of):
            spans = shortened(spans)
        if spans != schedule.week[day.weekday()]:
            found[day] = Proposal(
                date=day.isoformat(),
                kind="working",
                name_ru=year_of.off[instead_of],
                name_en=year_of.names_en[instead_of],
                spans=spans,
                other=instead_of.isoformat(),
            )
    day = date(year, 1, 1)
    while day.year == year:
        spans = schedule.week[day.weekday()]
        if (
            day not in found
            and day not in year_of.off
            and year_of.is_eve(day)
            and shortened(spans) != spans
        ):
            eve_of = day + timedelta(days=1)
            found[day] = Proposal(
                date=day.isoformat(),
                kind="shortened",
                name_ru=year_of.holidays[eve_of],
                name_en=year_of.names_en[eve_of],
                spans=shortened(spans),
            )
        day += timedelta(days=1)
    return Calendar(year, bool(year_of.moved_from), tuple(found[each] for each in sorted(found)))


def confirmed(
    schedule: Schedule, proposals: Sequence[Proposal], chosen: Collection[str]
) -> Schedule:
    """The schedule with the chosen dates as proposed; those that are not are the week's again.

    What somebody wrote otherwise for a date that is not chosen stays.
    """
    known = {each.date for each in proposals}
    for number, day in enumerate(chosen):
        if day not in known:
            raise BadValueError("is not a date of that year's calendar", field=f"chosen.{number}")
    dates = dict(schedule.dates)
    for each in proposals:
        if each.date in chosen:
            dates[each.date] = each.spans
        elif dates.get(each.date) == each.spans:
            del dates[each.date]
    return replace(schedule, dates=dates)


def followed(had: Schedule, after: Schedule, years: Collection[int]) -> Schedule:
    """The changed schedule with what was taken over from those years' calendars as its week is now.

    What somebody wrote otherwise stays.
    """
    if had.week == after.week:
        return after
    dates = dict(after.dates)
    for year in years:
        now = {each.date: each.spans for each in proposed(year, after).proposals}
        for each in proposed(year, had).proposals:
            if had.dates.get(each.date) == dates.get(each.date) == each.spans:
                dates.pop(each.date)
                if each.date in now:
                    dates[each.date] = now[each.date]
    return replace(after, dates=dates)


def missing(schedule: Schedule, today: date, confirmed_years: Collection[int]) -> int | None:
    """The year whose calendar ought to be confirmed: this one, from November on the next.

    Who never closes needs none.
    """
    if all(day == _ROUND_THE_CLOCK for day in schedule.week):
        return None
    year = today.year + 1 if today.month >= WARNS_FROM_MONTH else today.year
    return None if year in confirmed_years else year


def shortened(spans: Day) -> Day:
    """The day's hours less the last one; round the clock stays so."""
    if not spans or spans == _ROUND_THE_CLOCK:
        return spans
    *rest, last = spans
    opens, _, closes = last.partition("–")
    hour, minute = int(closes[:2]) - 1, closes[3:]
    ends = f"{hour:02}:{minute}"
    return (*rest, f"{opens}–{ends}") if ends > opens else tuple(rest)


class _Year:
    """What the library tells of a year, with the first of January after it."""

    def __init__(self, year: int) -> None:
        # A tenth of a second and 16 MB, for the few who ever look.
        import holidays

        def told(language: str, *, observed: bool = True) -> dict[date, str]:
            days = holidays.country_holidays(
                "RU", years=(year, year + 1), language=language, observed=observed
            )
            return dict(days.items())

        every, self.names_en = told("ru"), told("en_US")
        moved = {day: _MOVED_FROM.search(name) for day, name in every.items()}
        self.holidays = {
            day: name for day, name in told("ru", observed=False).items() if not moved[day]
        }
        """The public holidays of the law, by article 112."""
        self.off = {day: name for day, name in every.items() if day.year == year}
        self.moved_from = {
            day: datetime.strptime(found[0], "%d.%m.%Y").date()  # noqa: DTZ007 - it is only a date
            for day, found in moved.items()
            if found and day.year == year
        }
        worked = holidays.country_holidays("RU", years=year).weekend_workdays
        self.worked = {before: day for day, before in self.moved_from.items() if before in worked}
        """Days that are worked, and the days off for which."""

    def is_eve(self, day: date) -> bool:
        """Whether a working day would be shorter because of what follows."""
        return day + timedelta(days=1) in self.holidays and day not in self.holidays
