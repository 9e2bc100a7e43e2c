"""What a call that has ended makes of its lead: done, tried again then, or for people. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from hub.calling import Cause
from hub.calls.call import TRUNKS_OWN, Call, Outcome
from hub.lead import Lead
from hub.model import Project
from hub.ordering import lawful
from hub.statuses import Status

TALKED, CANCELLED, EXHAUSTED = "talked", "cancelled", "exhausted"
TRUNK_RESTS, TRUNK_RESTS_MAX = timedelta(minutes=1), timedelta(hours=1)
CALLS_MAX = 50
"""A lead that was taken so often is for people, whatever each time was called."""

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
    """The status by which people read how a talk ended; None if there was none."""
    if call.talk_at is None:
        return None
    if call.outcome is Outcome.TALKED and call.ended_by in ("operator", "hub"):
        return Status.ENDED_BY_OPERATOR
    if call.outcome is Outcome.TALKED and call.ended_by == "visitor":
        return Status.ENDED_BY_VISITOR
    return Status.DROPPED


def is_enough(call: Call) -> bool:
    """Whether the two have talked, and not only heard each other's first word."""
    short_s = call.plan.script.short_talk_s if call.plan is not None else 0
    return call.talk_at is not None and call.talked_s >= short_s


def after(lead: Lead, call: Call, project: Project, now: datetime) -> Lead | None:
    """The lead as that call leaves it; None if it is no longer that call's to say."""
    if not lead.live or lead.call != call.id:
        return None
    told = ended_as(call)
    if call.outcome is Outcome.TALKED and is_enough(call):
        return _over(lead, told or Status.PROCESSED, TALKED, now)
    if call.outcome is Outcome.CANCELLED:
        return _over(lead, Status.PROCESSED, CANCELLED, now)
    if call.outcome in TRUNKS_OWN or call.outcome is None:
        return _again(lead, lead.attempts, lead.operator_tries, now + _rests(lead), project, now)
    at_person = call.talk_at is not None or call.dialled_at is not None
    if not at_person or (call.side == "operator" and call.talk_at is None):
        tries = lead.operator_tries + 1
        due = now + timedelta(minutes=lead.plan.pauses.get(Cause.OPERATOR, 3))
        if tries >= lead.plan.tries:
            return _for_people(lead, EXHAUSTED, now, operator_tries=tries)
        return _again(lead, lead.attempts, tries, due, project, now)
    attempts = lead.attempts + 1
    if call.outcome is Outcome.INVALID_NUMBER:
        return _for_people(lead, Outcome.INVALID_NUMBER, now, attempts=attempts)
    if attempts >= lead.plan.tries:
        return _for_people(lead, EXHAUSTED, now, attempts=attempts)
    if lead.plan.offsets:
        asked = lead.requested_at or lead.created_at
        due = max(now, asked + timedelta(seconds=lead.plan.offsets[attempts]))
    else:
        cause = _CAUSES.get(call.outcome, Cause.NO_ANSWER)
        due = now + timedelta(minutes=lead.plan.pauses.get(cause, 30))
    return _again(lead, attempts, lead.operator_tries, due, project, now)


def _rests(lead: Lead) -> timedelta:
    """Longer with every time in vain: our own people are rung each time too."""
    in_vain = max(0, lead.calls - lead.attempts - lead.operator_tries - 1)
    times: int = 2 ** min(in_vain, 10)
    return min(TRUNK_RESTS * times, TRUNK_RESTS_MAX)


def _again(
    lead: Lead, attempts: int, operator_tries: int, at: datetime, project: Project, now: datetime
) -> Lead:
    if lead.calls >= CALLS_MAX:
        return _for_people(lead, EXHAUSTED, now, attempts=attempts, operator_tries=operator_tries)
    due = lawful(project, lead.zones or (project.schedule.zone,), at, now)
    return replace(
        lead,
        status=Status.AWAITING_RETRY if attempts else Status.NEW,
        attempts=attempts,
        operator_tries=operator_tries,
        cause="",
        held=None,
        auto_due_at=due,
        due_at=due,
        changed_at=now,
    )


def _for_people(
    lead: Lead,
    cause: str,
    now: datetime,
    *,
    attempts: int | None = None,
    operator_tries: int | None = None,
) -> Lead:
    return replace(
        lead,
        status=Status.NEW,
        attempts=lead.attempts if attempts is None else attempts,
        operator_tries=lead.operator_tries if operator_tries is None else operator_tries,
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
        attempts=lead.attempts + (cause == TALKED),
        ended_at=now,
        changed_at=now,
    )
