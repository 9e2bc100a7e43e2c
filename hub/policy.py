"""What a project lets happen by itself: every built-in rule with its switch, and its own rules.

Empty texts mean the product's own words in the project's language. Everything that speaks or
calls is off until an admin switches it on.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from hub.finding.filters import Filter

Words = Annotated[str, Meta(max_length=1_000)]
Phrase = Annotated[str, Meta(min_length=1, max_length=200)]
Id = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,32}\Z")]


class Silence(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whoever left a phone and asks nothing for so long is called; who left none is asked once."""

    enabled: bool = False
    minutes: Annotated[int, Meta(ge=1, le=1_440)] = 60
    asks_phone: bool = True
    text: Words = ""


class PhoneOnly(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whoever writes nothing but a number is called."""

    enabled: bool = False


class ClosedHours(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whoever asks while the project is closed is told, once, when it opens."""

    enabled: bool = False
    text: Words = ""


class AutoClose(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A dialog whose visitor says nothing more after our answer is closed after so long."""

    enabled: bool = False
    hours: Annotated[int, Meta(ge=1, le=720)] = 24
    text: Words = ""


class Potential(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A number that was typed and not sent is kept as a potential client."""

    enabled: bool = False


class Spam(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """First messages with one of these phrases, or from these phones, are marked as spam."""

    enabled: bool = False
    phrases: Annotated[tuple[Phrase, ...], Meta(max_length=200)] = ()
    phones: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}\Z")], ...], Meta(max_length=500)
    ] = ()


class StopWords(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A message that is one of these words ends all that the hub writes or dials by itself."""

    enabled: bool = True
    words: Annotated[tuple[Phrase, ...], Meta(max_length=50)] = (
        "стоп",
        "stop",
        "отписаться",
        "не звонить",
        "не звоните",
        "не писать",
        "не пишите",
        "unsubscribe",
    )
    text: Words = ""


class Say(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="say"):
    """Tells the visitor; a phrase with variables."""

    text: Annotated[str, Meta(min_length=1, max_length=1_000)]


class Call(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="call"):
    """Calls the visitor back, after so many minutes, if a phone is known."""

    after_minutes: Annotated[int, Meta(ge=0, le=10_080)] = 0


class Note(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="note"):
    """Leaves a note for operators; a phrase with variables."""

    text: Annotated[str, Meta(min_length=1, max_length=1_000)]


class Assign(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="assign"):
    """Hands an unowned dialog to an operator."""

    operator: Annotated[str, Meta(min_length=1, max_length=64)]


class Tell(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="tell"):
    """Keeps a value in a field of the dialog; a phrase with variables."""

    field: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
    value: Annotated[str, Meta(max_length=500)]


class MarkSpam(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="spam"):
    """Marks the request as spam and closes it."""


class Close(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="close"):
    """Closes the dialog with that result."""

    result: Annotated[str, Meta(max_length=200)] = ""


Action = Say | Call | Note | Assign | Tell | MarkSpam | Close


class OwnRule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """On that happening, where the filter passes, these actions in their order.

    Only what people do makes happenings, so no rule can set off another.
    """

    id: Id
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    enabled: bool = True
    on: Literal["message", "first_message", "form", "call_asked", "closed", "opened"]
    where: Filter = Filter()
    actions: Annotated[tuple[Action, ...], Meta(min_length=1, max_length=5)]


class Policy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of it; the order of `own` is the order in which they are looked at."""

    silence: Silence = Silence()
    phone_only: PhoneOnly = PhoneOnly()
    closed_hours: ClosedHours = ClosedHours()
    auto_close: AutoClose = AutoClose()
    potential: Potential = Potential()
    spam: Spam = Spam()
    stop_words: StopWords = StopWords()
    own: Annotated[tuple[OwnRule, ...], Meta(max_length=50)] = ()

    def __post_init__(self) -> None:
        if len({each.id for each in self.own}) < len(self.own):
            raise ValueError("own: two rules have one id")
