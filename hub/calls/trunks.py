"""The trunks of a project as they are now: which of them dials, what it dials, what it may show."""

from __future__ import annotations

import re

from msgspec.structs import replace

from hub import phones
from hub.calls.script import Script
from hub.calls.trunk import Trunk, TrunkSettings
from hub.channels.in_use import Channels
from hub.errors import BadValueError, NotFoundError, UnavailableError
from hub.model import ProjectId
from hub.people.contacts import ALSO, REGION

_EXTENSION = re.compile(r"[0-9]{2,6}")
EMERGENCY = frozenset({"01", "02", "03", "04", "112", "911"})
"""Never rung, also not as an extension: an exchange may well take them for what they are.

101 and its neighbours are ordinary extensions of small exchanges.
"""


class NotDialledError(BadValueError):
    """No trunk of the project dials that number."""

    code = "not_dialled"


class NotConfirmedError(BadValueError):
    """No trunk of the project may show that number."""

    code = "not_confirmed"


def of(channels: Channels, project: ProjectId) -> list[Trunk[TrunkSettings]]:
    """Those that are in use: who rings phones before who only trains, and of these the older."""
    found: list[Trunk[TrunkSettings]] = []
    for document in sorted(channels.of(project), key=lambda each: (each.created_at, each.id)):
        try:
            live = channels.get(document.id)
        except (NotFoundError, UnavailableError):
            continue
        if isinstance(live, Trunk):
            found.append(live)
    return sorted(found, key=lambda each: each.calls.training)


def dials(settings: TrunkSettings, number: str) -> bool:
    """Whether the trunk may be asked for it: an extension, or E.164 of one of its prefixes."""
    if _EXTENSION.fullmatch(number):
        return number not in EMERGENCY
    return number.startswith("+") and number[1:].startswith(settings.prefixes)


def number_of(written: str, field: str = "number") -> str:
    """What was written as it is dialled: an extension or E.164; BadValueError for what is neither.

    A number that may not be rung by itself (premium, emergency, made up) is none.
    """
    digits = re.sub(r"[\s()-]", "", written)
    if _EXTENSION.fullmatch(digits):
        if digits in EMERGENCY:
            raise NotDialledError("emergency numbers are not rung", field=field)
        return digits
    return person_of(written, field)


def person_of(written: str, field: str = "number") -> str:
    """A number at which a person can be called, in E.164; BadValueError for what is none."""
    # The reader finds a number in any text; a field for one has nothing else.
    if not re.fullmatch(r"[+0-9][0-9\s().-]{5,30}", written.strip()):
        raise BadValueError("no telephone number", field=field)
    found = phones.parse(written, REGION, ALSO)
    if not isinstance(found, phones.Phone):
        raise BadValueError(found.value, field=field)
    if not found.dialable or found.extension:
        raise NotDialledError("a number that is not rung by itself", field=field)
    return found.e164


def check_shown(channels: Channels, project: ProjectId, shown: str, field: str) -> None:
    """NotConfirmedError for a number that none of the project's trunks may show.

    Nothing is known to be wrong where there is no trunk yet; so with the other two.
    """
    if not is_confirmed(channels, project, shown):
        raise NotConfirmedError("not confirmed for any trunk", field=field)


def is_confirmed(channels: Channels, project: ProjectId, shown: str) -> bool:
    trunks = of(channels, project)
    return not shown or not trunks or any(shown in each.settings.numbers for each in trunks)


def check_dialled(channels: Channels, project: ProjectId, number: str, field: str) -> None:
    """NotDialledError for a number that none of the project's trunks dials."""
    trunks = of(channels, project)
    if number in EMERGENCY or (trunks and not any(dials(each.settings, number) for each in trunks)):
        raise NotDialledError(field=field)


def check_scenario(channels: Channels, project: ProjectId, script: Script, field: str) -> None:
    """Raises BadValueError for a scenario that none of the project's trunks can play."""
    trunks = of(channels, project)
    wanted = (script.first, script.connect)
    if trunks and not any(wanted in each.calls.scenarios for each in trunks):
        raise BadValueError("no trunk can do this", field=f"{field}.first")


def is_same_account(one: Trunk[TrunkSettings], other: Trunk[TrunkSettings]) -> bool:
    """Whether they differ in nothing that the engine has to know."""
    if type(one) is not type(other):
        return False
    ours = {name: getattr(one.settings, name) for name in TrunkSettings.__struct_fields__}
    return replace(other.settings, **ours) == one.settings
