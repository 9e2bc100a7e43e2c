"""A call as it is kept: an attempt of a lead, a call that an operator ordered, one from the PBX."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hub.calling import Number
from hub.calls.script import Script
from hub.model import (
    ChannelId,
    ContactId,
    DialogId,
    Document,
    FileId,
    LeadId,
    OperatorId,
    ProjectId,
)
from hub.statuses import Status

LEGS_MAX = 60
TOLD_MAX = 100
"""Reports of one call that are kept."""

Role = Literal["operator", "visitor"]
Side = Literal["", "operator", "visitor"]
Loss = Literal["", "menu", "queue", "operator"]
"""Where the caller was when the call was lost: still with the voice menu, waiting for somebody to
be free, or while an operator's phone rang."""
Tones = Annotated[str, Meta(pattern=r"^[0-9*#,]{0,20}\Z")]
"""Keys that are pressed for an operator's phone once it answers; a comma waits half a second."""


class Outcome(StrEnum):
    """What became of a call or of one leg of it."""

    TALKED = "talked"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    INVALID_NUMBER = "invalid_number"
    PROVIDER_REFUSED = "provider_refused"
    CONGESTION = "congestion"
    NO_KEY = "no_key"
    CANCELLED = "cancelled"
    DROPPED = "dropped"
    TIME_LIMIT = "time_limit"
    TOO_LATE = "too_late"
    ENGINE_ERROR = "engine_error"
    UNKNOWN = "unknown"
    MISSED = "missed"


TRUNKS_OWN = frozenset({Outcome.CONGESTION, Outcome.PROVIDER_REFUSED, Outcome.ENGINE_ERROR})
"""What is the line's fault and no attempt at a person."""


class Party(Struct, frozen=True, kw_only=True):
    """Whom to ring: E.164, or an extension of the own exchange."""

    number: str
    tones: str = ""
    operator: OperatorId | None = None
    name: str = ""


class CallPlan(Struct, frozen=True, kw_only=True):
    """What the call is to be, whole, as it was when it was ordered.

    `operators` are rung stage by stage, those of a stage at once; the rounds of the script are of
    the last stage. `shown` is the number that the visitor sees, `display` what an operator's phone
    shows, `variables` are for what is said. A `ring_only` call ends when its first side heard.
    """

    script: Script = Script()
    operators: tuple[tuple[Party, ...], ...] = ()
    visitor: Party
    shown: str = ""
    display: str = ""
    variables: dict[str, str] = {}
    lang: Literal["ru", "en"] = "ru"
    ring_only: bool = False


class Leg(Struct, frozen=True, kw_only=True):
    """One side of a call; `id` is also the engine's, `code` its own word for how it ended.

    `by_far` is when that phone hung up itself.
    """

    id: str
    role: Role
    number: str
    operator: OperatorId | None = None
    name: str = ""
    state: Literal["calling", "ringing", "up", "ended"] = "calling"
    outcome: Outcome | None = None
    code: str = ""
    by_far: bool = False
    at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None


class Wish(Struct, frozen=True, kw_only=True):
    """What somebody, or the hub, wants of a call under way; done when `id` is in `Call.done`."""

    id: str
    do: Literal["cancel", "transfer"]
    by: OperatorId | None = None
    to: Party | None = None


class Reported(Struct, frozen=True, kw_only=True):
    """What a hosted engine says of a call, by the `key` of it; repeats and disorder are allowed.

    `seq` grows in the engine's own order. A report with an `outcome` is the end. `leg` is the
    engine's own id of the phone concerned, and `of_leg` what became of that one.
    """

    key: str
    seq: int
    at: datetime
    status: Status
    role: Role | None = None
    number: str = ""
    outcome: Outcome | None = None
    side: Side = ""
    ended_by: Literal["", "operator", "visitor", "hub"] = ""
    talked_s: float | None = None
    code: str = ""
    leg: str = ""
    of_leg: Outcome | None = None


Purpose = Literal["callback", "test", "incoming"]
Stage = Literal["ordered", "begun", "ended", "settled"]


class Call(Document, frozen=True, kw_only=True):
    """One call; `_id` is lead:n for a lead's, channel:its id there for one of the PBX.

    `channel` is the trunk. It is `ordered` before anything is asked of the engine and `begun`
    before the first request, so a begun call that nobody leads is never dialled again. At
    `watch_at` its worker has died, or what it left is still to be settled. With an `outcome` at
    the `side` that failed; `ended_by` is who hung up. `training` is when no phone rang at all.

    `told` is what a hosted engine said of it, which knows it as `ref`. Of a call from the PBX
    `line` is the number called, `answered_by` the phone that answered, or rings, and `seq` how far
    its news are known.

    It is `unfetched` from before its engine is asked to record until that holds nothing of it.
    """

    project: ProjectId
    channel: ChannelId
    purpose: Purpose = "callback"
    lead: LeadId | None = None
    dialog: DialogId | None = None
    dialog_channel: ChannelId | None = None
    contact: ContactId | None = None
    phone: str
    name: str = ""
    n: int = 1
    plan: CallPlan | None = None
    stage: Stage = "ordered"
    status: Status = Status.NEW
    outcome: Outcome | None = None
    side: Side = ""
    ended_by: Literal["", "operator", "visitor", "hub"] = ""
    operator: OperatorId | None = None
    operator_name: str = ""
    legs: tuple[Leg, ...] = ()
    wishes: tuple[Wish, ...] = ()
    done: tuple[str, ...] = ()
    told: tuple[Reported, ...] = ()
    ref: str = ""
    by: OperatorId | None = None
    training: bool = False
    live: bool = True
    slots: tuple[str, ...] = ()
    worker: str = ""
    watch_at: datetime | None = None
    due_at: datetime | None = None
    began_at: datetime
    dialled_at: datetime | None = None
    talk_at: datetime | None = None
    ended_at: datetime | None = None
    changed_at: datetime
    line: str = ""
    answered_by: str = ""
    waited_s: float = 0
    loss: Loss = ""
    seq: int = 0
    recording: FileId | None = None
    unfetched: bool = False
    result: str = ""

    @property
    def seen_by(self) -> ChannelId:
        """The channel whose operators see it: its dialog's, else the trunk."""
        return self.dialog_channel or self.channel

    @property
    def is_led(self) -> bool:
        """Whether a worker has to see to it, under way or for what was recorded of it."""
        return self.live or self.unfetched

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody wants it ended."""
        return any(each.do == "cancel" for each in self.wishes)

    @property
    def key(self) -> str:
        """What engines know it by: its legs are key-o1, key-v1, …"""
        return hashlib.sha256(self.id.encode()).hexdigest()[:16]

    @property
    def is_lost(self) -> bool:
        """Whether the two were connected, and nothing is known of what came after that."""
        return self.outcome is Outcome.UNKNOWN and self.talk_at is not None

    @property
    def talked_s(self) -> float:
        """As far as that is known."""
        if self.talk_at is None or self.ended_at is None or self.is_lost:
            return 0
        return max(0.0, (self.ended_at - self.talk_at).total_seconds())


class Seat(Document, frozen=True, kw_only=True):
    """Where the calls of an operator go in a project; `_id` is operator:project."""

    project: ProjectId
    operator: OperatorId
    number: Annotated[Number, Meta()] = ""
    tones: Tones = ""
    enabled: bool = True
    changed_at: datetime


class Slot(Document, frozen=True, kw_only=True):
    """What a call has of what there is only so much of; `_id` names it, `call` has it.

    It is freed when that call is settled, never by time alone.
    """

    call: str
    created_at: datetime
