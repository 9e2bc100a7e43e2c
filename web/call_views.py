"""Calls as screens see them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from hub.calls import verdict
from hub.calls.call import Call, Leg, Outcome, Purpose, Role, Side, Stage
from hub.statuses import Status
from web.lead_views import LeadView
from web.views import View

Task = Literal["", "result", "missed"]


class LegView(View, frozen=True, kw_only=True):
    """One side of a call; an operator's own phone is shown by its last figures alone."""

    role: Role
    name: str
    operator: str
    number: str
    state: Literal["calling", "ringing", "up", "ended"]
    outcome: Outcome | None
    code: str
    by_far: bool
    at: datetime
    answered_at: datetime | None
    ended_at: datetime | None


class CallView(View, frozen=True, kw_only=True):
    """`first` is who is rung first; `task` is what people have still to do about it.

    `talked_s` counts from `talk_at` to the end; `recorded` says whether there is something to hear.
    """

    id: str
    rev: int
    project: str
    channel: str
    purpose: Purpose
    lead: str
    dialog: str
    contact: str
    phone: str
    name: str
    n: int
    first: Role
    stage: Stage
    status: Status
    outcome: Outcome | None
    side: Side
    ended_by: Literal["", "operator", "visitor", "hub"]
    operator: str
    operator_name: str
    legs: list[LegView]
    cancelling: bool
    training: bool
    live: bool
    began_at: datetime
    dialled_at: datetime | None
    talk_at: datetime | None
    ended_at: datetime | None
    changed_at: datetime
    talked_s: int
    waited_s: int
    loss: Literal["", "menu", "queue", "operator"]
    recorded: bool
    result: str
    task: Task


class CallList(View, frozen=True, kw_only=True):
    items: list[CallView]
    next: str | None


class ColleagueView(View, frozen=True, kw_only=True):
    operator: str
    name: str
    presence: str


class CallCard(View, frozen=True, kw_only=True):
    """One call with whom it could be handed over to now, and whether the asker may listen to it."""

    call: CallView
    transfers: bool
    colleagues: list[ColleagueView]
    listens: bool


class ResultedView(View, frozen=True, kw_only=True):
    """With warnings and without a lead nothing was done yet; only to call again has any."""

    call: CallView
    lead: LeadView | None
    warnings: list[str]


def call(document: Call) -> CallView:
    plan = document.plan
    return CallView(
        id=document.id,
        rev=document.rev,
        project=document.project,
        channel=document.channel,
        purpose=document.purpose,
        lead=document.lead or "",
        dialog=document.dialog or "",
        contact=document.contact or "",
        phone=document.phone,
        name=document.name,
        n=document.n,
        first=plan.script.first if plan is not None else "visitor",
        stage=document.stage,
        status=document.status,
        outcome=document.outcome,
        side=document.side,
        ended_by=document.ended_by,
        operator=document.operator or "",
        operator_name=document.operator_name,
        legs=[_leg(each) for each in document.legs],
        cancelling=document.live
        and any(each.do == "cancel" and each.id not in document.done for each in document.wishes),
        training=document.training,
        live=document.live,
        began_at=document.began_at,
        dialled_at=document.dialled_at,
        talk_at=document.talk_at,
        ended_at=document.ended_at,
        changed_at=document.changed_at,
        talked_s=round(document.talked_s),
        waited_s=round(document.waited_s),
        loss=document.loss,
        recorded=document.recording is not None,
        result=document.result,
        task=_task(document),
    )


def _task(document: Call) -> Task:
    if document.live or document.result or document.dialog is None:
        return ""
    if document.outcome is Outcome.MISSED:
        return "missed"
    talked = document.outcome is Outcome.TALKED and verdict.is_enough(document)
    has_talked = talked or document.is_lost
    return "result" if has_talked and document.purpose != "test" else ""


def _leg(leg: Leg) -> LegView:
    return LegView(
        role=leg.role,
        name=leg.name,
        operator=leg.operator or "",
        number=leg.number if leg.role == "visitor" else _masked(leg.number),
        state=leg.state,
        outcome=leg.outcome,
        code=leg.code,
        by_far=leg.by_far,
        at=leg.at,
        answered_at=leg.answered_at,
        ended_at=leg.ended_at,
    )


def _masked(number: str) -> str:
    """Extensions whole; of somebody's own phone enough to know it by."""
    return f"•• {number[-4:]}" if number.startswith("+") else number
