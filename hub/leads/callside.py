"""The call side of a row: what a wish, a plan and a call make of it. Pure, as `hub.fold`."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from hub.model import Awaits, Dialog, Entry, cut
from hub.statuses import LIVE, PLANNED, RequestType, Side, Status, has_calls, moves


def asked(row: Dialog, entry: Entry) -> Dialog:
    """Somebody has to act, as after a question; a call that is under way stays as it is."""
    return replace(
        row,
        phone=entry.data.get("phone", "") or row.phone,
        call_at=moment(entry.data.get("at", "")),
        call_status=Status.NEW if begins_anew(row) else row.call_status,
        awaits=Awaits.OPERATOR,
        waiting_since=row.waiting_since or entry.stored_at,
        unanswered=row.unanswered + 1,
        snoozed_until=None,
    )


def planned(row: Dialog, entry: Entry) -> Dialog:
    """Somebody of ours, or a rule, has the person called; whose own wish it is not."""
    told, has_spoken = entry.data, row.asked_at is not None or row.chat_status is not None
    row = replace(
        row,
        type=row.type if has_spoken else _type(told.get("type", "")) or row.type,
        phone=told.get("phone", "") or row.phone,
        connection=told.get("connection", "") or row.connection,
        automation=told.get("automation", "") or row.automation,
        planned_until=moment(told.get("deadline", "")),
        planned_rule=told.get("rule", ""),
    )
    if begins_anew(row):
        row = replace(row, call_status=Status.NEW)
    if row.call_status is Status.NEW:
        row = replace(row, call_at=moment(told.get("at", "")))
    return row if entry.author.kind == "operator" else _awaited(row, entry)


def tapped(row: Dialog) -> Dialog:
    """The person calls us, so nobody has to act; a talk, and spam, stay what they are."""
    if row.asked_at is not None or row.chat_status is not None or is_spam(row):
        return row
    if Status.MOBILE_DIRECT not in moves(row.call_status, RequestType.MOBILE_DIRECT, Side.CALL):
        return row
    return replace(row, type=RequestType.MOBILE_DIRECT, call_status=Status.MOBILE_DIRECT)


def is_spam(row: Dialog) -> bool:
    """Whether a side of the request is marked so."""
    return Status.SPAM in (row.chat_status, row.call_status)


def begins_anew(row: Dialog) -> bool:
    """Whether another wish makes the call new again; one that is under way goes on."""
    return row.call_status not in LIVE and Status.NEW in moves(row.call_status, row.type, Side.CALL)


def called(row: Dialog, entry: Entry) -> Dialog:
    """How the call is coming on; a status that the table does not lead to is only told."""
    told = entry.data
    before = row.call_status
    known = {each.value: each for each in moves(before, row.type, Side.CALL)}
    row = replace(
        row,
        call_status=known.get(told.get("status", ""), before),
        phone=told.get("phone", "") or row.phone,
    )
    if "at" in told:
        row = replace(row, call_at=moment(told["at"]))
    if told.get("result") and entry.author.kind == "operator":
        row = _settled(row, moment(told.get("since", "")))
    elif told.get("cause") in ("talked", "connected") and row.open:
        # Whoever talked has still to say what came of it.
        row = _awaited(row, entry)
    if row.call_status in PLANNED:
        is_anew = before is Status.PROCESSED and row.open
        return _awaited(row, entry) if is_anew else row
    row = replace(row, call_at=None, planned_until=None, planned_rule="")
    is_over = row.call_status is Status.PROCESSED and before is not Status.PROCESSED
    if is_over and row.chat_status is None and row.asked_at is None:
        # Nobody waits for anything but the call.
        row = replace(row, awaits=Awaits.NOBODY, waiting_since=None, unanswered=0)
    return row


def phoned(row: Dialog, entry: Entry) -> Dialog:
    """The person calls us: somebody has to act until it is said what came of it."""
    told = entry.data
    row = called(row, entry)
    row = replace(
        row,
        type=_type(told.get("type", "")) or row.type,
        heard_at=max(row.heard_at or entry.at, entry.at),
    )
    if is_spam(row) or not row.open:
        return row
    if told["incoming"] == "answered":
        cycle = replace(row.cycle, answered_at=row.cycle.answered_at or entry.stored_at)
        row = replace(row, cycle=cycle)
    return replace(_awaited(row, entry), snoozed_until=None)


def _settled(row: Dialog, since: datetime | None) -> Dialog:
    """Nobody waits any more, but who has written since the two talked."""
    if since is not None and row.heard_at is not None and row.heard_at > since:
        return row
    return replace(row, awaits=Awaits.NOBODY, waiting_since=None, unanswered=0)


def _awaited(row: Dialog, entry: Entry) -> Dialog:
    return replace(
        row,
        awaits=Awaits.OPERATOR,
        waiting_since=row.waiting_since or entry.stored_at,
        unanswered=max(row.unanswered, 1),
    )


def moment(text: str) -> datetime | None:
    """The time that is written there; a log is read whatever it holds."""
    try:
        at = datetime.fromisoformat(text)
        return cut(at) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _type(code: str) -> RequestType | None:
    known = {each.value: each for each in RequestType if has_calls(each)}
    return known.get(code)
