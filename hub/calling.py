"""How a project calls people back, and what of it an order to call keeps for itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hub.calls.script import Script
from hub.leads.quiet import Quiet
from hub.telling.mailbox import Mailbox

Number = Annotated[str, Meta(pattern=r"^(\+[1-9][0-9]{6,14}|[0-9]{2,6})\Z")]
"""In E.164, or an extension of the own telephone exchange."""


Address = Annotated[str, Meta(pattern=r"^(https?://[^\s\x22'<>#@]{1,500})?\Z")]
"""Where events are posted to, if anywhere."""


class Cause(StrEnum):
    """Why an attempt did not become a talk."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    OPERATOR = "operator"
    DROPPED = "dropped"


MINUTES = {
    Cause.BUSY: 5,
    Cause.NO_ANSWER: 30,
    Cause.REJECTED: 60,
    Cause.UNREACHABLE: 120,
    Cause.OPERATOR: 3,
    Cause.DROPPED: 1,
}
"""The pause before the next attempt where a project says nothing else."""

Minutes = Annotated[int, Meta(ge=1, le=10_080)]


class Calling(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom the project calls, from which numbers, how often, and when never.

    With the mode `collect` requests are only kept for people to handle; an `autonomous` project
    plans no call by itself. `retries` overrides `MINUTES`. No more than `calls_max` are under way
    at once. With `call_back_missed` whoever was lost at the own exchange is called back. Of whom no
    attempt reached `mails` are told by letter, and `exhausted_url` by a signed event.
    """

    mode: Literal["dialog", "collect"] = "dialog"
    autonomous: bool = False
    numbers: Annotated[tuple[Number, ...], Meta(max_length=20)] = ()
    shown: Annotated[str, Meta(pattern=r"^(\+[1-9][0-9]{6,14})?\Z")] = ""
    tries: Annotated[int, Meta(ge=1, le=10)] = 3
    retries: dict[Cause, Minutes] = {}
    per_phone_a_day: Annotated[int, Meta(ge=1, le=20)] = 3
    quiet: Quiet = Quiet()
    script: Script = Script()
    call_back_missed: bool = False
    calls_max: Annotated[int, Meta(ge=1, le=500)] = 5
    mails: Annotated[tuple[Mailbox, ...], Meta(max_length=10)] = ()
    exhausted_url: Address = ""

    def pause_minutes(self, cause: Cause) -> int:
        return self.retries.get(cause, MINUTES[cause])


class Plan(Struct, frozen=True, kw_only=True):
    """By what an order is carried out, as it was when it was made.

    `offsets` are seconds from the request, the first attempt included; empty means by cause.
    """

    tries: int = 3
    pauses: dict[Cause, int] = {}
    offsets: tuple[int, ...] = ()
    numbers: tuple[str, ...] = ()
    shown: str = ""
    script: Script = Script()
