"""Where a person is by what is known of them, and in which hours of their clock they are called.

Pure but for the numbering plans' own table of places, which is loaded at the first number.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from hub.errors import BadValueError
from hub.schedule import Schedule, ScheduleError, daily

Why = Literal["said", "browser", "code", "project"]


class QuietError(BadValueError, ValueError):
    """Nobody could be called in such hours."""


class Quiet(Struct, frozen=True, forbid_unknown_fields=True):
    """Calls begin from `since` on and before `until` by the person's clock; around it is quiet.

    What cannot be kept raises `QuietError`.
    """

    since: str = "09:00"
    until: str = "21:00"

    def __post_init__(self) -> None:
        for field in ("since", "until"):
            if len(getattr(self, field)) != len("09:00"):
                raise QuietError("a time is written 09:00", field=field)
        try:
            daily("UTC", f"{self.since}–{self.until}")
        except ScheduleError:
            raise QuietError(
                "times are written 09:00, and until is later on the same day", field="until"
            ) from None


DEFAULT = Quiet()


class Whereabouts(Struct, frozen=True):
    """Every zone that the person may be in, and what says so.

    Where it is several, only what is day in all of them is day.
    """

    zones: tuple[str, ...]
    why: Why


def whereabouts(phone: str, project_zone: str, *, said: str = "", browser: str = "") -> Whereabouts:
    """By the person's own word, else the browser, else the number's code, else the project.

    `phone` is in E.164 or empty; `said` and `browser` are names of zones, and those that there
    are not, or that are no place, say nothing. A number that may be anywhere in a country of
    eleven zones, as Russian mobiles and free ones may, says nothing either.
    """
    if is_place(said):
        return Whereabouts((said,), "said")
    if is_place(browser):
        return Whereabouts((browser,), "browser")
    by_code = _by_code(phone) if phone.startswith("+") else ()
    if by_code:
        return Whereabouts(by_code, "code")
    return Whereabouts((project_zone,), "project")


def is_place(zone: str) -> bool:
    """Whether there is such a zone and people live in it; browsers that hide say UTC."""
    if "/" not in zone or zone.startswith("Etc/"):
        return False
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True


@lru_cache(maxsize=512)
def day_of(zone: str, quiet: Quiet = DEFAULT) -> Schedule:
    """The hours in which somebody in that zone is called, any day of the week."""
    return daily(zone, f"{quiet.since}–{quiet.until}")


# The library's table knows regions by the clock that they once shared with another: Kaliningrad
# as Bucharest's, Saratov as Moscow's, which it left in 2016.
# https://github.com/google/libphonenumber/blob/master/resources/timezones/map_data.txt
_MENDED = {"+7401": ("Europe/Kaliningrad",), "+7845": ("Europe/Saratov",)}


def _by_code(phone: str) -> tuple[str, ...]:
    """The zones of a number that belongs to a place, or to a country that is one."""
    mended = _MENDED.get(phone[:5])
    if mended is not None:
        return mended
    import phonenumbers
    from phonenumbers import PhoneNumberType, timezone

    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return ()
    placed = {PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
    if phonenumbers.region_code_for_number(number) != "RU":
        placed.add(PhoneNumberType.MOBILE)
    if phonenumbers.number_type(number) not in placed:
        return ()
    zones = timezone.time_zones_for_geographical_number(number)
    return tuple(zone for zone in zones if is_place(zone))
