"""After which calls a project writes by SMS, and what: settings of a project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

When = Literal["after_call", "missed", "not_reached"]

VARIABLES = ("first_name", "phone", "project", "operator", "number")
"""What a text may name; `number` is the one that the project calls from."""

TRIGGERS_MAX = 20


class SmsTrigger(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """After a talk, after a call of theirs that nobody took, or one of ours that they did not.

    `channel` is that of the SMS. `only_hours` waits for working hours too, not only for the day.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
    enabled: bool = True
    when: When
    channel: Annotated[str, Meta(max_length=100)]
    text: Annotated[str, Meta(min_length=1, max_length=670)]
    only_hours: bool = False


def doubled(triggers: Sequence[SmsTrigger]) -> str:
    """An id that two of them have, "" if none."""
    seen: set[str] = set()
    for each in triggers:
        if each.id in seen:
            return each.id
        seen.add(each.id)
    return ""
