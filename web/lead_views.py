"""Callback orders as screens see them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from hub.leads.lead import Joined, Lead
from hub.model import CallTime
from hub.statuses import Status
from web.views import EntryView, View


class ClockView(View, frozen=True, kw_only=True):
    """What a wall where the person may be reads when the call is due."""

    zone: str
    local: str


class JoinView(View, frozen=True, kw_only=True):
    """One who asked for the call; `lead` is the order of its own that it had before."""

    dialog: str
    origin: str
    rule: str
    at: datetime
    lead: str


class LeadView(View, frozen=True, kw_only=True):
    """`due_at` is empty where people are to call; `why` says by what the zones are known.

    It was dialled `calls` times, of which `attempts` were at the person.
    `held` is a time that an operator set, `auto_due_at` when it would be done by itself, and
    `wanted` what the person chose.
    """

    id: str
    rev: int
    project: str
    phone: str
    extension: str
    n: int
    dialog: str
    channel: str
    contact: str
    name: str
    status: Status
    live: bool
    cause: str
    of: str
    origin: str
    rule: str
    rule_name: str
    connection: str
    automation: str
    due_at: datetime | None
    auto_due_at: datetime | None
    held: CallTime | None
    wanted: CallTime | None
    clocks: list[ClockView]
    why: str
    tries: int
    attempts: int
    calls: int
    numbers: tuple[str, ...]
    comment: str
    joins: int
    requested_at: datetime | None
    created_at: datetime
    changed_at: datetime
    ended_at: datetime | None


class LeadCard(View, frozen=True, kw_only=True):
    """One lead with who asked for it and its timeline, the newest first."""

    lead: LeadView
    joins: list[JoinView]
    timeline: list[EntryView]
    callable_now: bool


class LeadList(View, frozen=True, kw_only=True):
    """`looked_to` is set where the walk paused before the page was full."""

    items: list[LeadView]
    next: str | None
    looked_to: datetime | None


class DecidedView(View, frozen=True, kw_only=True):
    """What became of a decision; with warnings and no lead nothing was done yet."""

    lead: LeadView | None
    warnings: list[str]


def stands_at(document: Lead, view: str) -> datetime:
    """The time by which the lead stands in the list."""
    at = {"planned": document.due_at, "ended": document.ended_at}.get(view)
    return at or document.created_at


def lead(document: Lead) -> LeadView:
    return LeadView(
        id=document.id,
        rev=document.rev,
        project=document.project,
        phone=document.phone,
        extension=document.extension,
        n=document.n,
        dialog=document.dialog or "",
        channel=document.channel or "",
        contact=document.contact or "",
        name=document.name,
        status=document.status,
        live=document.live,
        cause=document.cause,
        of=document.of or "",
        origin=document.origin,
        rule=document.rule,
        rule_name=document.rule_name,
        connection=document.connection,
        automation=document.automation,
        due_at=document.due_at,
        auto_due_at=document.auto_due_at,
        held=document.held,
        wanted=document.wanted,
        clocks=_clocks(document),
        why=document.zone_why,
        tries=document.plan.tries,
        attempts=document.attempts,
        calls=document.calls,
        numbers=document.plan.numbers,
        comment=document.comment,
        joins=len(document.joins),
        requested_at=document.requested_at,
        created_at=document.created_at,
        changed_at=document.changed_at,
        ended_at=document.ended_at,
    )


def _clocks(document: Lead) -> list[ClockView]:
    due = document.due_at
    return [
        ClockView(
            zone=zone,
            local=f"{due.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}" if due is not None else "",
        )
        for zone in document.zones
    ]


def join(joined: Joined) -> JoinView:
    return JoinView(
        dialog=joined.dialog or "",
        origin=joined.origin,
        rule=joined.rule,
        at=joined.at,
        lead=joined.lead or "",
    )
