"""What a rule may want: a closed set, each carried out at most once for what it follows from."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from hub.content import Button


class _Effect(msgspec.Struct, frozen=True, kw_only=True):
    """`rule` is who wanted it, by the `name` that people gave it if they did.

    `once` stands in the key where the entry else would.
    """

    rule: str
    name: str = ""
    once: str = ""


class Say(_Effect, frozen=True, kw_only=True):
    """Tells the visitor; `data` stands with the line, for whoever reads it."""

    text: str
    buttons: tuple[tuple[Button, ...], ...] = ()
    data: dict[str, str] = {}


class Plan(_Effect, frozen=True, kw_only=True):
    """Calls the visitor back, not before `at`; a word until `deadline` would have stopped it."""

    origin: str
    phone: str
    extension: str = ""
    zone: str = ""
    at: datetime | None = None
    deadline: datetime | None = None
    type: str = ""
    comment: str = ""


class Withdraw(_Effect, frozen=True, kw_only=True):
    """Takes back what the rule `of` planned, unless it was dialled."""

    of: str
    cause: str


class Promise(_Effect, frozen=True, kw_only=True):
    """Looks again at that time; a promise of the same verb and `target` is made once."""

    verb: str
    due_at: datetime
    target: str = ""


class Wait(_Effect, frozen=True, kw_only=True):
    """The timer that came due was too early."""

    until: datetime


class Close(_Effect, frozen=True, kw_only=True):
    """Closes the dialog."""

    result: str = ""


class MarkSpam(_Effect, frozen=True, kw_only=True):
    """Marks the request as spam and closes it."""


class MarkPotential(_Effect, frozen=True, kw_only=True):
    """A number was typed and never sent."""

    phone: str


class Refuse(_Effect, frozen=True, kw_only=True):
    """The person wants no calls, or nothing written, that nobody of ours decides on."""

    what: tuple[Literal["calls", "messages"], ...]


class Note(_Effect, frozen=True, kw_only=True):
    """For operators' eyes."""

    text: str


class HandOver(_Effect, frozen=True, kw_only=True):
    """An operator has to act, though nothing was asked in words."""


class Assign(_Effect, frozen=True, kw_only=True):
    """Makes an unowned dialog that operator's."""

    operator: str


class Tell(_Effect, frozen=True, kw_only=True):
    """Keeps a value in a field of the dialog."""

    field: str
    value: str


Effect = (
    Say
    | Plan
    | Withdraw
    | Promise
    | Wait
    | Close
    | MarkSpam
    | MarkPotential
    | Refuse
    | Note
    | HandOver
    | Assign
    | Tell
)
