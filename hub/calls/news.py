"""What the news of a call make of its document, in whatever order they come. Pure.

A call only goes on: it rings, is answered, and ends. An end is final, and of two reports of one
stage the one with the higher number counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from hub.calls import verdict
from hub.calls.call import TOLD_MAX, TRUNKS_OWN, Call, Outcome, Party, Reported, Role, Side
from hub.events import CallReported, PhoneCalled, Sender
from hub.leads.callside import is_spam
from hub.model import Dialog
from hub.statuses import RequestType, Status, moves
from hub.statuses import Side as OfStatus

SETTLES_IN = timedelta(seconds=30)
RINGS_AT_MOST = timedelta(minutes=30)
TALKS_AT_MOST = timedelta(hours=4)
"""Where nothing was heard for so long, the end of the call was lost on its way here."""

State = Literal["ringing", "answered", "missed", "ended"]

_STATUSES: dict[State, tuple[Status, ...]] = {
    # Whoever calls again while a request waits is shown as being put through.
    "ringing": (Status.VISITOR_ON_LINE, Status.CALLING_OPERATOR),
    "answered": (Status.TALKING,),
    "missed": (Status.NEW,),
    "ended": (Status.ENDED_BY_OPERATOR, Status.ENDED_BY_VISITOR, Status.DROPPED),
}
_NOT_TALKED_YET = (None, Status.VISITOR_ON_LINE, Status.NEW)


def heard(call: Call, event: PhoneCalled, now: datetime) -> Call | None:
    """The call from outside as it is after that; None if nothing is new."""
    if not call.live:
        return None
    after = replace(
        call, began_at=min(call.began_at, event.at), line=call.line or event.line, changed_at=now
    )
    is_newer = event.seq > call.seq
    match event.state:
        case "ringing":
            if is_newer and call.talk_at is None:
                after = replace(
                    after,
                    loss=event.loss or call.loss,
                    answered_by=event.operator_number or call.answered_by,
                    seq=event.seq,
                )
        case "answered":
            if is_newer or call.talk_at is None:
                after = _answered(after, event, now)
        case _:
            after = _ended(after, event, now)
    return after if replace(after, changed_at=call.changed_at) != call else None


def _answered(call: Call, event: PhoneCalled, now: datetime) -> Call:
    talk_at = call.talk_at or event.at
    call, waited_s = _waited(call, event, talk_at)
    return replace(
        call,
        status=Status.TALKING,
        talk_at=talk_at,
        waited_s=waited_s,
        answered_by=event.operator_number or call.answered_by,
        watch_at=now + TALKS_AT_MOST,
        seq=max(call.seq, event.seq),
    )


def _ended(call: Call, event: PhoneCalled, now: datetime) -> Call:
    was_answered = call.talk_at is not None
    if event.state == "ended" and event.talked_s:
        talk_at = event.at - timedelta(seconds=event.talked_s)
        call = replace(call, talk_at=talk_at, outcome=Outcome.TALKED)
    elif event.state == "ended" and event.talked_s is None and was_answered:
        call = replace(call, outcome=Outcome.TALKED)
    else:
        # Somebody took the receiver up, and yet there was no talk.
        call = replace(call, outcome=Outcome.DROPPED if was_answered else Outcome.MISSED)
    call, waited_s = _waited(call, event, call.talk_at or event.at)
    is_missed = call.outcome is Outcome.MISSED
    return _over(
        replace(
            call,
            waited_s=waited_s,
            answered_by=event.operator_number or call.answered_by,
            ended_by=event.ended_by,
            loss=event.loss or call.loss if is_missed else "",
            seq=max(call.seq, event.seq),
        ),
        event.at,
        now,
    )


def _waited(call: Call, event: PhoneCalled, until: datetime) -> tuple[Call, float]:
    """The call with when it began, and how long it was until then."""
    if event.waited_s is not None:
        began_at = min(call.began_at, until - timedelta(seconds=event.waited_s))
        return replace(call, began_at=began_at), event.waited_s
    call = replace(call, began_at=min(call.began_at, until))
    return call, call.waited_s or (until - call.began_at).total_seconds()


def lost(call: Call, now: datetime) -> Call | None:
    """The call of whose end nothing was told; None if it has ended."""
    if not call.live:
        return None
    if call.talk_at is not None:
        # Of a talk that has yet to begin the clock was ahead.
        if timedelta(0) <= now - call.talk_at < TALKS_AT_MOST:
            return None
        return _over(replace(call, outcome=Outcome.UNKNOWN), now, now)
    return _over(replace(call, outcome=Outcome.MISSED), now, now)


def _over(call: Call, at: datetime, now: datetime) -> Call:
    return replace(
        call,
        stage="ended",
        status=_ended_as(call),
        live=False,
        ended_at=at,
        watch_at=now + SETTLES_IN,
        changed_at=now,
    )


def states(call: Call) -> tuple[State, ...]:
    """The stages of the call so far, each of which is a line."""
    if call.outcome is Outcome.MISSED:
        return ("ringing", "missed")
    if call.talk_at is None:
        return ("ringing",)
    return ("ringing", "answered") if call.live else ("ringing", "answered", "ended")


def at(call: Call, state: State) -> datetime:
    told = {"ringing": call.began_at, "answered": call.talk_at}
    return told.get(state, call.ended_at) or call.began_at


def line(call: Call, row: Dialog, state: State, party: Party | None) -> dict[str, str]:
    """What the line of that stage says in that dialog."""
    told: dict[str, str] = {
        "incoming": state,
        "call": call.id,
        "phone": call.phone,
        "line": call.line,
        "status": _status(call, row, state),
    }
    if state in ("answered", "ended"):
        told |= {
            "operator": party.operator or "" if party is not None else "",
            "operator_name": party.name if party is not None else "",
            "operator_number": call.answered_by,
        }
    if state == "ended":
        told |= {
            "cause": verdict.CONNECTED if call.is_lost else verdict.TALKED,
            "outcome": call.outcome or "",
            "ended_by": call.ended_by,
            "talked_s": "" if call.is_lost else str(round(call.talked_s)),
        }
    if state == "missed":
        told["loss"] = call.loss
        if row.type is RequestType.INCOMING_CALL and row.call_status in _NOT_TALKED_YET:
            told["type"] = RequestType.MISSED_CALL
    if state != "ringing":
        told["waited_s"] = str(round(call.waited_s))
    return {name: value for name, value in told.items() if value}


def _status(call: Call, row: Dialog, state: State) -> str:
    """The first status of the stage that the row can take; of spam none."""
    if is_spam(row):
        return ""
    wanted = (call.status,) if state == "ended" else _STATUSES[state]
    known = moves(row.call_status, row.type, OfStatus.CALL)
    return next((each for each in wanted if each in known), "")


def told(call: Call, event: CallReported) -> Call | None:
    """The call that an engine makes for the hub, with that report; None if it says nothing new.

    What is older than the last report is left out, but an end is always taken, and is the last.
    """
    last = call.told[-1] if call.told else None
    if not call.live or (last is not None and last.outcome is not None):
        return None
    ref = call.ref or event.ref
    role: Role | None = None
    if event.number:
        role = "visitor" if event.number == call.phone else "operator"
    if event.state == "ended":
        return replace(call, ref=ref, told=(*call.told[: TOLD_MAX - 1], _end(call, event, last)))
    if (last is not None and event.seq <= last.seq) or len(call.told) >= TOLD_MAX - 1:
        return None
    before = last.status if last is not None else Status.CALLING_OPERATOR
    report = Reported(
        key=call.key,
        seq=event.seq,
        at=event.at,
        status=_coming(role, event.state) or before,
        role=role,
        number=event.number,
        code=event.code,
        leg=event.leg,
        of_leg=event.outcome,
        ended_by=event.ended_by,
    )
    return replace(call, ref=ref, told=(*call.told, report))


def has_left(call: Call) -> bool:
    """Whether the person's phone was there and is gone, by what was told of it."""
    there = {each.leg for each in call.told if each.role == "visitor"}
    gone = {each.leg for each in call.told if each.of_leg is not None}
    return bool(there) and there <= gone


def left(call: Call) -> Reported | None:
    """The end of a call by how its phones ended, where that of the whole was lost.

    None while one may still be there. One of ours that was answered is taken over by the person's,
    so without any news of that one nothing is known.
    """
    gone = {each.leg for each in call.told if each.of_leg is not None}
    mine = [each for each in call.told if each.role == "visitor"]
    last = call.told[-1] if call.told else None
    if last is None or (mine and not has_left(call)):
        return None
    is_ours = last.status is Status.CALLING_OPERATOR and all(each.leg in gone for each in call.told)
    if not mine and not is_ours:
        return None
    talk = next((each for each in mine if each.status is Status.TALKING), None)
    end = next((each for each in reversed(mine) if each.of_leg is not None), last)
    return _end(
        call,
        CallReported(
            sender=Sender(external_id=""),
            at=end.at,
            state="ended",
            outcome=end.of_leg,
            ended_by=end.ended_by if end.ended_by != "hub" else "",
            talked_s=(end.at - talk.at).total_seconds() if talk is not None else 0,
            code=end.code,
            seq=last.seq + 1,
        ),
        last,
    )


def is_of(call: Call, event: CallReported) -> bool:
    """Whether a call that was given up is the one whose end is told now."""
    if call.outcome is not Outcome.UNKNOWN or call.purpose == "incoming":
        return False
    if call.ref:
        return call.ref == event.ref
    return call.began_at <= event.at <= call.began_at + TALKS_AT_MOST


def talked(call: Call, event: CallReported, now: datetime) -> Call | None:
    """That call with the talk that it was; None if it has it."""
    if call.outcome is not Outcome.UNKNOWN:
        return None
    after = replace(
        call,
        ref=call.ref or event.ref,
        outcome=Outcome.TALKED,
        side="",
        ended_by=event.ended_by,
        talk_at=event.at - timedelta(seconds=event.talked_s),
        ended_at=event.at,
        changed_at=now,
    )
    return replace(after, status=_ended_as(after))


def _ended_as(call: Call) -> Status:
    if call.outcome is Outcome.TALKED and not call.ended_by:
        return Status.ENDED_BY_VISITOR
    return verdict.ended_as(call) or Status.NEW


def _coming(role: Role | None, state: str) -> Status | None:
    known = {
        ("operator", "ringing"): Status.CALLING_OPERATOR,
        ("operator", "answered"): Status.OPERATOR_ON_LINE,
        ("visitor", "ringing"): Status.CALLING_VISITOR,
        ("visitor", "answered"): Status.TALKING,
    }
    return known.get((role or "", state))


_SAYS_LITTLE = (None, Outcome.DROPPED, Outcome.UNKNOWN, Outcome.NO_ANSWER)


def _end(call: Call, event: CallReported, last: Reported | None) -> Reported:
    outcome, side = event.outcome, _side(call)
    if event.talked_s > 0:
        outcome, side = Outcome.TALKED, ""
    elif outcome in TRUNKS_OWN:
        side = ""
    elif outcome in _SAYS_LITTLE:
        of_legs = [each.of_leg for each in call.told if each.role == side and each.of_leg]
        of_legs = [each for each in of_legs if each not in _SAYS_LITTLE[:3]] or of_legs
        outcome = of_legs[-1] if of_legs else outcome
    status = last.status if last is not None else Status.CALLING_OPERATOR
    if outcome is Outcome.TALKED:
        by = event.ended_by
        status = Status.ENDED_BY_OPERATOR if by == "operator" else Status.ENDED_BY_VISITOR
    return Reported(
        key=call.key,
        seq=event.seq if last is None else max(event.seq, last.seq + 1),
        at=event.at,
        status=status,
        number=event.number,
        outcome=outcome or Outcome.UNKNOWN,
        side=side,
        ended_by=event.ended_by,
        talked_s=event.talked_s,
        code=event.code,
    )


def _side(call: Call) -> Side:
    """At which side a call stopped that came to no talk: how far the engine got."""
    return "visitor" if any(each.role == "visitor" for each in call.told) else "operator"
