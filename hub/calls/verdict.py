"""What a call that has ended makes of its lead: done, tried again then, or for people. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from hub.calling import Cause
from hub.calls.call import TRUNKS_OWN, Call, Outcome
from hub.leads.lead import Lead
from hub.leads.ordering import EXHAUSTED as EXHAUSTED
from hub.leads.ordering import lawful
from hub.model import Project
from hub.statuses import LIVE, Status

TALKED, CONNECTED, CANCELLED = "talked", "connected", "cancelled"
"""Connected, if nothing is known of how the talk ended: people say what came of it."""
FOR_PEOPLE = frozenset({EXHAUSTED, Outcome.INVALID_NUMBER.value})
"""Causes for which a lead is left to people once it was called."""
TRUNK_RESTS, TRUNK_RESTS_MAX = timedelta(minutes=1), timedelta(hours=1)
CALLS_MAX = 50
"""A lead that was taken so often is for people, whatever each time was called."""
UNDER_WAY = LIVE - {Status.AWAITING_OPERATOR}
BROKEN_OFF = (Outcome.DROPPED, Outcome.UNKNOWN)
GAP = timedelta(minutes=1)
"""The least between two attempts of a schedule that was missed."""

_CAUSES = {
    Outcome.BUSY: Cause.BUSY,
    Outcome.NO_ANSWER: Cause.NO_ANSWER,
    Outcome.NO_KEY: Cause.NO_ANSWER,
    Outcome.REJECTED: Cause.REJECTED,
    Outcome.UNREACHABLE: Cause.UNREACHABLE,
    Outcome.DROPPED: Cause.DROPPED,
    Outcome.TALKED: Cause.DROPPED,
    Outcome.TIME_LIMIT: Cause.DROPPED,
    Outcome.UNKNOWN: Cause.NO_ANSWER,
}


def ended_as(call: Call) -> Status | None:
    """The status by which people read how it ended; None if it came to nothing that could end."""
    if call.talk_at is None:
        return Status.DROPPED if call.outcome in BROKEN_OFF else None
    if call.outcome is Outcome.TALKED and call.ended_by in ("operator", "hub"):
        return Status.ENDED_BY_OPERATOR
    if call.outcome is Outcome.TALKED and call.ended_by == "visitor":
        return Status.ENDED_BY_VISITOR
    return Status.DROPPED


def said(call: Call) -> dict[str, str]:
    """What every line of a call says."""
    told = {
        "call": call.id,
        "lead": call.lead or "",
        "outcome": call.outcome or "",
        "side": call.side,
        "ended_by": call.ended_by,
        "operator": call.operator or "",
        "operator_name": call.operator_name,
        "talked_s": str(round(call.talked_s))
        if call.talk_at and call.ended_at and not call.is_lost
        else "",
        "training": "1" if call.training else "",
    }
    return {name: value for name, value in told.items() if value}


def is_for_people(lead: Lead) -> bool:
    """Whether no further call will reach the person, so that somebody has to."""
    return lead.live and lead.cause in FOR_PEOPLE


def is_enough(call: Call) -> bool:
    """Whether the two have talked, and not only heard each other's first word."""
    short_s = call.plan.script.short_talk_s if call.plan is not None else 0
    return call.talk_at is not None and call.talked_s >= short_s


def after(lead: Lead, call: Call, project: Project, now: datetime) -> Lead | None:
    """The lead as that call leaves it; None if that is done, or no longer that call's to say.

    A time that somebody named while it was under way stands, also after a talk.
    """
    if not lead.live or lead.call != call.id or lead.status not in UNDER_WAY:
        return None
    told = ended_as(call)
    if call.is_lost or (call.outcome is Outcome.TALKED and is_enough(call)):
        if _held(lead, now) is not None:
            fresh = replace(lead, attempts=0, operator_tries=0)
            return _again(fresh, call, now, project, now)
        cause = CONNECTED if call.is_lost else TALKED
        return _over(lead, told or Status.PROCESSED, cause, now)
    if call.outcome is Outcome.CANCELLED:
        return _over(lead, Status.PROCESSED, CANCELLED, now)
    if call.outcome is Outcome.TOO_LATE:
        return _again(lead, call, now, project, now)
    if call.outcome in TRUNKS_OWN or call.outcome is None:
        return _again(lead, call, now + _rests(lead), project, now)
    at_person = call.talk_at is not None or call.dialled_at is not None
    if not at_person or (call.side == "operator" and call.talk_at is None):
        lead = replace(lead, operator_tries=lead.operator_tries + 1)
        due = now + timedelta(minutes=lead.plan.pauses.get(Cause.OPERATOR, 3))
        if lead.operator_tries >= lead.plan.tries and _wished(lead, call, now) is None:
            return _for_people(lead, EXHAUSTED, now)
        return _again(lead, call, due, project, now)
    lead = replace(lead, attempts=lead.attempts + 1)
    if call.outcome is Outcome.INVALID_NUMBER:
        return _for_people(lead, Outcome.INVALID_NUMBER, now)
    if lead.attempts >= lead.plan.tries and _wished(lead, call, now) is None:
        return _for_people(lead, EXHAUSTED, now)
    cause = _CAUSES.get(call.outcome, Cause.NO_ANSWER)
    if call.talk_at is None and any(each.role == "visitor" and each.by_far for each in call.legs):
        # Whoever hangs up before anybody spoke does not want to be rung in a minute.
        cause = Cause.REJECTED
    return _again(lead, call, next_at(lead, cause, now), project, now, was_rung=True)


def next_at(lead: Lead, cause: Cause, now: datetime) -> datetime:
    """When the next attempt at the person is due, by the lead's schedule or else by the cause."""
    own = lead.plan.offsets
    if not own:
        return now + timedelta(minutes=lead.plan.pauses.get(cause, 30))
    n = min(lead.attempts, len(own) - 1)
    due = (lead.requested_at or lead.created_at) + timedelta(seconds=own[n])
    if due > now:
        return due
    # What the night has swallowed is not made up for by ringing again at once.
    return now + max(GAP, timedelta(seconds=own[n] - own[n - 1] if n else 0))


def _held(lead: Lead, now: datetime) -> datetime | None:
    """Until when an operator holds it, who has said so since it was taken."""
    return lead.held.at if lead.held is not None and lead.held.at > now else None


def _wished(lead: Lead, call: Call, now: datetime) -> datetime | None:
    """The time to come that anybody has named since the call began."""
    if (held := _held(lead, now)) is not None:
        return held
    is_new = lead.asked_at is not None and lead.asked_at > call.began_at
    wanted = lead.wanted.at if lead.wanted is not None and is_new else None
    return wanted if wanted is not None and wanted > now else None


def _rests(lead: Lead) -> timedelta:
    """Longer with every time in vain: our own people are rung each time too."""
    in_vain = max(0, lead.calls - lead.attempts - lead.operator_tries - 1)
    times: int = 2 ** min(in_vain, 10)
    return min(TRUNK_RESTS * times, TRUNK_RESTS_MAX)


def _again(
    lead: Lead,
    call: Call,
    at: datetime,
    project: Project,
    now: datetime,
    *,
    was_rung: bool = False,
) -> Lead:
    """To be called again: the person is waited for only by whose phone has rung."""
    if lead.calls >= CALLS_MAX:
        return _for_people(lead, EXHAUSTED, now)
    at = _wished(lead, call, now) or at
    due, held = lawful(project, lead.zones or (project.schedule.zone,), at, now), _held(lead, now)
    return replace(
        lead,
        status=Status.AWAITING_RETRY if was_rung else Status.NEW,
        cause="",
        held=lead.held if held is not None else None,
        auto_due_at=due,
        due_at=held or due,
        changed_at=now,
    )


def _for_people(lead: Lead, cause: str, now: datetime) -> Lead:
    return replace(
        lead,
        status=Status.NEW,
        cause=cause,
        held=None,
        auto_due_at=None,
        due_at=None,
        changed_at=now,
    )


def _over(lead: Lead, status: Status, cause: str, now: datetime) -> Lead:
    return replace(
        lead,
        status=status,
        live=False,
        cause=cause,
        due_at=None,
        held=None,
        attempts=lead.attempts + (cause != CANCELLED),
        ended_at=now,
        changed_at=now,
    )
