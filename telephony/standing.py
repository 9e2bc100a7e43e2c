"""How a call stands between two events: its legs, its phase, and how it ended."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from hub.calls.call import CallPlan, Outcome, Party, Role

Phase = Literal["first", "pause", "message", "second", "greeting", "joining", "talk", "over"]


class LegState(Struct, frozen=True):
    id: str
    role: Role
    party: Party
    state: Literal["calling", "ringing", "up", "gone"] = "calling"
    outcome: Outcome | None = None


class State(Struct, frozen=True, kw_only=True):
    """`first` and `second` are the legs that answered; `coming` is a colleague being rung.

    It is `unnoticed` once the person could not be told that it is recorded, so it is not.
    """

    plan: CallPlan
    phase: Phase = "first"
    legs: tuple[LegState, ...] = ()
    first: str = ""
    second: str = ""
    coming: str = ""
    joining: str = ""
    stage: int = 0
    round: int = 1
    said: int = 0
    unnoticed: bool = False
    plays: int = 0
    playing: tuple[tuple[str, str], ...] = ()
    keys: str = ""
    outcome: Outcome | None = None
    side: Literal["", "operator", "visitor"] = ""
    ended_by: Literal["", "operator", "visitor", "hub"] = ""

    @property
    def over(self) -> bool:
        return self.phase == "over"

    def leg(self, id: str) -> LegState | None:
        return next((each for each in self.legs if each.id == id), None)
