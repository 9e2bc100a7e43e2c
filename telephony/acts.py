"""What a scenario is told and what it wants done: the words between it and whoever conducts."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from hub.calls.call import Outcome, Party, Role
from hub.calls.trunk import AnyLegEvent
from hub.statuses import Status

Alarm = Literal["ring", "pause", "wait", "play", "talk"]
What = Literal["message", "notice", "ring"]


class Dial(Struct, frozen=True):
    leg: str
    role: Role
    party: Party
    ring_s: float


class Play(Struct, frozen=True):
    """`what` is said to the leg under the id; `ring` is the tone of ringing."""

    leg: str
    id: str
    what: What


class Hush(Struct, frozen=True):
    leg: str
    id: str


class Press(Struct, frozen=True):
    leg: str
    tones: str


class Join(Struct, frozen=True):
    """The answer to it is `Joined`, or that a leg has gone."""

    legs: tuple[str, ...]


class HangUp(Struct, frozen=True):
    leg: str
    why: Outcome


class Arm(Struct, frozen=True):
    """An alarm of this name takes the place of the one before."""

    alarm: Alarm
    after_s: float


class Disarm(Struct, frozen=True):
    alarm: Alarm


class Tell(Struct, frozen=True):
    """How the call stands now, and by whom."""

    status: Status
    leg: str = ""


class Record(Struct, frozen=True):
    pass


class Finish(Struct, frozen=True):
    """The last of all commands."""


Command = Dial | Play | Hush | Press | Join | HangUp | Arm | Disarm | Tell | Record | Finish


class Rang(Struct, frozen=True):
    """A time that was armed has come."""

    alarm: Alarm


class Joined(Struct, frozen=True):
    pass


class Cancel(Struct, frozen=True):
    """Somebody ended it on the screen."""


class Stop(Struct, frozen=True):
    """This process ends; a talk is left to whoever comes after."""


class Transfer(Struct, frozen=True):
    """The visitor is to talk with somebody else; the operator stays until that one answers."""

    to: Party


class Lost(Struct, frozen=True):
    """The engine has lost all legs."""


Event = AnyLegEvent | Rang | Joined | Cancel | Stop | Transfer | Lost
