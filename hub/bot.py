"""The first bot of a channel: a greeting, up to eight buttons, a hand-over. A form, no graph."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from hub.model import BotState, Document, OperatorId, ProjectId

Words = Annotated[str, Meta(max_length=1_000)]
Spoken = Annotated[str, Meta(min_length=1, max_length=1_000)]
Label = Annotated[str, Meta(min_length=1, max_length=20)]
"""The shortest of the platforms' limits: https://developers.facebook.com/docs/whatsapp/ (20)."""

BUTTONS_MAX = 8
PRESSED = "bot:"
PHONE = "phone:"
"""What is asked where the answer is a number to be called at."""


class Tells(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="answer"):
    """Answers with a text."""

    text: Spoken


class Asks(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="ask"):
    """Asks something, keeps the next words in that field, and says thanks."""

    field: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
    question: Spoken
    thanks: Words = ""


class HandsOver(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="operator"):
    """Calls an operator and is silent from then on."""

    text: Words = ""


class CallsBack(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="call"):
    """Has the person called; asks for the number first if none is known."""

    text: Words = ""
    question: Words = ""


class Button(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,16}\Z")]
    label: Label
    does: Tells | Asks | HandsOver | CallsBack


class BotSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the bot of a channel says; empty texts are the product's own words.

    With `share` the menu offers to leave one's number by the messenger's own means.
    """

    enabled: bool = False
    greeting: Words = ""
    buttons: Annotated[tuple[Button, ...], Meta(max_length=BUTTONS_MAX)] = ()
    share: Annotated[str, Meta(max_length=20)] = ""

    def __post_init__(self) -> None:
        if len({each.id for each in self.buttons}) < len(self.buttons):
            raise ValueError("buttons: two have one id")
        if len({each.label.casefold() for each in self.buttons}) < len(self.buttons):
            raise ValueError("buttons: two have one label")


class Bot(Document, frozen=True, kw_only=True):
    """The bot of a channel; `_id` is the channel's."""

    project: ProjectId
    settings: BotSettings = BotSettings()
    changed_at: datetime
    changed_by: OperatorId | None = None


def offered(told: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The menu that a line of the bot's offers, by what the line tells: ids and labels."""
    try:
        return msgspec.json.decode(told.get("menu", ""), type=tuple[tuple[str, str], ...])
    except (msgspec.MsgspecError, UnicodeError):
        return ()


def heard(state: BotState, said: str, *, numbered: bool) -> dict[str, str]:
    """What words said to a bot in that state are: a press, an answer, or nothing of the two.

    `numbered` says that a number to be called at stands in them, or was shared without a word.
    """
    words = said.strip()
    if state.off:
        return {}
    for n, (id, label) in enumerate(state.menu, start=1):
        if words.casefold() == label.casefold() or words.rstrip(".)") == str(n):
            return {"pressed": PRESSED + id}
    answered = numbered if state.asks.startswith(PHONE) else words != ""
    return {"answers": state.asks} if state.asks and answered else {}
