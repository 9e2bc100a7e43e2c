"""The row of a dialog is the fold of its log: `fold(row, entry)` is the only maker of rows.

Pure, and total over every entry in order of `seq`, so a row that fell behind its log can be
folded forward by whoever meets it.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from hub import legible, sides
from hub.bot import offered
from hub.leads import callside
from hub.model import (
    Author,
    Awaits,
    BotState,
    Closer,
    ContactId,
    Cycle,
    Dialog,
    Entry,
    EntryKind,
    OperatorId,
    Place,
    Preview,
    Verb,
)
from hub.people.visit import Visit
from hub.statuses import Side, Status, has_chat, imported_side, moves

PREVIEW_CHARS = 140
FIELDS_MAX = 40
MENU_MAX = 8
BY_HAND = (Status.NEW, Status.ACCEPTED)
"""A request that was collected, until somebody answers it."""


def fold(row: Dialog, entry: Entry) -> Dialog:
    """The row after the entry; ValueError unless it is the next one of this dialog."""
    if entry.dialog != row.id or entry.seq != row.seq + 1:
        raise ValueError(f"entry {entry.seq} does not follow {row.seq} of {row.id}")
    row = replace(
        row,
        seq=entry.seq,
        changed_at=max(row.changed_at, entry.stored_at),
        rules_at=row.rules_at or entry.stored_at,
    )
    match entry.kind:
        case EntryKind.IN:
            return _received(row, entry)
        case EntryKind.OUT:
            return _said(row, entry)
        case EntryKind.NOTE:
            return row
        case EntryKind.SYSTEM:
            return _happened(row, entry)


def _opened(row: Dialog, entry: Entry) -> Dialog:
    """Opens the dialog unowned: its first cycle, or the next one after a closing."""
    n = 1 if row.closed_at is None else row.cycle.n + 1
    return replace(
        row,
        open=True,
        owner=None,
        owner_name="",
        cycle=Cycle(n=n, queued_at=entry.stored_at, group=row.group),
        closed_at=None,
        closed_by="",
        asked_at=None,
        bot=BotState(),
        # What is open again is no closed chat, though only a question begins a chat.
        chat_status=(Status.CHATTING if row.chat_status is Status.CHAT_CLOSED else row.chat_status),
    )


def _open(row: Dialog, entry: Entry) -> Dialog:
    return row if row.open else _opened(row, entry)


def _owned(row: Dialog, entry: Entry) -> Dialog:
    """Of whoever did it himself: taking is being assigned too."""
    row = _assigned(row, entry, OperatorId(entry.author.id), entry.author.name)
    return replace(row, cycle=replace(row.cycle, taken_at=row.cycle.taken_at or entry.stored_at))


def _chat_closed(row: Dialog) -> Status | None:
    """A chat is closed; what never became one is done with."""
    if row.chat_status in _BEFORE_A_TALK:
        return Status.PROCESSED
    return Status.CHAT_CLOSED if row.chat_status is not None else None


def _assigned(row: Dialog, entry: Entry, owner: OperatorId, name: str) -> Dialog:
    cycle = replace(row.cycle, operator=owner, assigned_at=row.cycle.assigned_at or entry.stored_at)
    return replace(row, owner=owner, owner_name=name, cycle=cycle)


def _shown(row: Dialog, entry: Entry) -> Dialog:
    """What every message does to the row: the place reached, the preview, the last action."""
    newest = row.last_place is None or entry.place >= row.last_place
    return replace(
        row,
        last_at=max(row.last_at, entry.stored_at),
        last_place=entry.place if newest else row.last_place,
        preview=preview(entry) if newest else row.preview,
    )


def _received(row: Dialog, entry: Entry) -> Dialog:
    row, was_open = _shown(row, entry), row.open
    if not was_open:
        row = _opened(row, entry)
    row = replace(
        row,
        heard_at=max(row.heard_at or entry.at, entry.at),
        phone=entry.data.get("phone", "") or row.phone,
        bot=replace(row.bot, asks=""),
    )
    if entry.author.name and entry.author.name != row.name:
        row = replace(row, name=entry.author.name)
    if page := entry.data.get("page"):
        title = entry.data.get("title", "")
        row = replace(row, visit=replace(row.visit, page=page, title=title))
    if "form" in entry.data:
        row = _filled(row, entry)
    if not entry.question:
        return row
    if not entry.data.get("only"):
        row = replace(row, asked_at=row.asked_at or entry.at)
        # Whoever is on the list of spam stays there until somebody of ours takes it off.
        if has_chat(row.type) and row.chat_status is not Status.SPAM:
            row = replace(row, chat_status=_asked(row.chat_status, entry))
    if was_open and row.staff_place is not None and _before(entry, row.staff_place):
        # Whoever answered in the messenger had it before the eyes already.
        return row
    return replace(
        row,
        awaits=Awaits.OPERATOR,
        waiting_since=row.waiting_since or entry.stored_at,
        unanswered=row.unanswered + 1,
        snoozed_until=None,
    )


def _filled(row: Dialog, entry: Entry) -> Dialog:
    """What a form tells of its person; where nobody can be written to, it is a call to make."""
    told = entry.data
    shown = {told.get(name) for name in ("raw_phone", "name", "email", "comment")}
    new = {name: value for name, value in _answers(told).items() if value not in shown}
    if comment := told.get("comment"):
        new["comment"] = comment[: legible.FIELD_MAX]
    row = replace(
        row,
        name=row.name or told.get("name", ""),
        form=told.get("form", "") or row.form,
        fields=dict([*(row.fields | new).items()][-FIELDS_MAX:]),
        visit=_visit(told.get("visit", "")) or row.visit,
    )
    if "subscribed" in told:
        return _subscribed(row, told)
    if not has_chat(row.type) and callside.begins_anew(row):
        row = replace(row, call_status=Status.NEW)
    return row


def _subscribed(row: Dialog, told: dict[str, str]) -> Dialog:
    """Nobody has to act; a request that is more than a subscription stays what it is."""
    known = row.fields | {"email": told.get("email", "")}
    row = replace(row, fields=dict([*known.items()][-FIELDS_MAX:]))
    if row.chat_status is not None or row.call_status is not None:
        return row
    return sides.begun(row, Status.SUBSCRIBED)


def _emailed(row: Dialog, entry: Entry) -> Dialog:
    """Somebody of ours has written a letter, which is an answer like any other."""
    row = sides.begun(row, Status.EMAIL)
    return _answered(row, entry) if row.open else row


def _answers(told: dict[str, str]) -> dict[str, str]:
    try:
        all = msgspec.json.decode(told.get("fields", "") or "{}", type=dict[str, str])
    except (msgspec.MsgspecError, UnicodeError):
        return {}
    return legible.fields(all)


def _asked(before: Status | None, entry: Entry) -> Status:
    """A talk, or a request that waits for somebody to handle it by hand."""
    if "collected" not in entry.data:
        return Status.CHATTING
    if before is None or before in _BEFORE_A_TALK:
        return Status.NEW
    return before if before in BY_HAND else Status.CHATTING


_BEFORE_A_TALK = (Status.SUBSCRIBED, Status.EMAIL, Status.POTENTIAL)


def _before(entry: Entry, place: Place) -> bool:
    return (entry.at, entry.order) < (place.at, place.order)


def _said(row: Dialog, entry: Entry) -> Dialog:
    if entry.author.kind == "operator" and not entry.author.id:
        return _said_there(row, entry)
    row = _shown(row, entry)
    row = replace(
        row,
        out_seq=entry.seq,
        lane_at=row.lane_at or entry.stored_at,
    )
    if entry.author.kind != "operator":
        if "opens" in entry.data and row.closed_at is None:
            row = _open(row, entry)
        return replace(row, bot=_bot_said(row.bot, entry.data))
    return _answered(row, entry)


def _bot_said(state: BotState, told: dict[str, str]) -> BotState:
    state = replace(
        state,
        asks=told.get("asks", ""),
        greeted=state.greeted or "greets" in told,
        off=state.off or "off" in told,
    )
    return replace(state, menu=offered(told)[:MENU_MAX]) if "menu" in told else state


def _said_there(row: Dialog, entry: Entry) -> Dialog:
    """One of ours answered in the messenger itself: nothing is to be sent and nobody takes it."""
    row = _shown(row, entry)
    staff = row.staff_place
    row = replace(row, staff_place=entry.place if staff is None else max(staff, entry.place))
    if not row.open and row.closed_at is None:
        row = _opened(row, entry)
    # What was asked after it is not answered by it.
    if not row.open or entry.late:
        return row
    return _answered(row, entry)


def _answered(row: Dialog, entry: Entry) -> Dialog:
    cycle = row.cycle
    if cycle.answered_at is None:
        cycle = replace(cycle, answered_at=entry.stored_at)
    return replace(
        row,
        awaits=Awaits.CUSTOMER,
        waiting_since=None,
        unanswered=0,
        chat_status=Status.CHATTING if row.chat_status in BY_HAND else row.chat_status,
        cycle=cycle,
    )


def _happened(row: Dialog, entry: Entry) -> Dialog:
    at = entry.stored_at
    match entry.verb:
        case Verb.TAKEN:
            row = _owned(row, entry)
            if row.chat_status is Status.NEW:
                row = replace(row, chat_status=Status.ACCEPTED)
        case Verb.RETURNED:
            row = replace(row, owner=None, owner_name="")
        case Verb.CLOSED:
            row = _closed(row, entry)
            row = replace(row, chat_status=_chat_closed(row))
        case Verb.REOPENED:
            row = _owned(_opened(row, entry), entry)
            if row.chat_status is not None:
                row = replace(row, chat_status=Status.CHATTING)
        case Verb.SEALED:
            return replace(row, sealed=True)
        case Verb.ASSIGNED:
            owner = OperatorId(entry.data.get("operator", ""))
            row = _assigned(row, entry, owner, entry.data.get("name", ""))
        case Verb.NO_REPLY:
            row = replace(row, awaits=Awaits.NOBODY, waiting_since=None, unanswered=0)
        case Verb.CALL_ASKED:
            row = callside.asked(_open(row, entry), entry)
        case Verb.PLANNED:
            row = callside.planned(_open(row, entry), entry)
        case Verb.CALL:
            if "incoming" in entry.data:
                if row.closed_at is None and not callside.is_spam(row):
                    row = _open(row, entry)
                row = callside.phoned(row, entry)
            else:
                row = callside.called(row, entry)
        case Verb.RATED:
            row = replace(row, cycle=replace(row.cycle, score=entry.data.get("score", "")))
        case Verb.FIELDS:
            newest = [*(row.fields | entry.data).items()][-FIELDS_MAX:]
            return replace(
                row,
                fields=dict(newest),
                name=row.name or entry.data.get("name", ""),
                phone=row.phone or entry.data.get("phone", ""),
            )
        case Verb.IDENTIFIED:
            name = entry.data.get("name", "") or row.name
            return replace(row, verified=True, name=name)
        case Verb.RETRIED | Verb.EDITED | Verb.DELETED | Verb.REACTED:
            return replace(row, out_seq=entry.seq, lane_at=row.lane_at or at)
        case Verb.JOINED:
            return _joined(row, entry)
        case Verb.ROUTED:
            return _routed(row, entry)
        case Verb.HANDED:
            if not row.open:
                return row
            row = replace(
                row,
                awaits=Awaits.OPERATOR,
                waiting_since=row.waiting_since or at,
                unanswered=row.unanswered + 1,
                snoozed_until=None,
            )
        case Verb.IMPORTED:
            return _imported(row, entry)
        case Verb.LEFT:
            return _left_phone(row, entry)
        case Verb.TAPPED:
            row = callside.tapped(_open(row, entry))
        case Verb.SUBSCRIBED:
            row = _subscribed(_open(row, entry), entry.data)
        case Verb.EMAILED:
            row = _emailed(row, entry)
        case Verb.POTENTIAL:
            return _potential(row, entry)
        case Verb.SPAM:
            row = _closed(sides.marked_spam(row), entry)
        case Verb.UNSPAM:
            row = _unmarked(row, entry)
        case Verb.CONSENT | Verb.REFUSED | None:
            return row
    return replace(row, last_at=max(row.last_at, at))


def _closed(row: Dialog, entry: Entry) -> Dialog:
    return replace(
        row,
        open=False,
        awaits=Awaits.NOBODY,
        waiting_since=None,
        unanswered=0,
        snoozed_until=None,
        closed_at=entry.stored_at,
        closed_by=_closer(entry.author),
        cycle=entry.cycle or row.cycle,
    )


def _routed(row: Dialog, entry: Entry) -> Dialog:
    """By which connection a form is handled, or that its phone could not be read."""
    told = entry.data
    return replace(
        row,
        connection=told.get("connection", "") or row.connection,
        phone=told.get("phone", "") or row.phone,
        visit=_visit(told.get("visit", "")) or row.visit,
    )


def _left_phone(row: Dialog, entry: Entry) -> Dialog:
    """A phone with a messenger chosen: nobody has to act until the person was silent."""
    if not row.open:
        row = _opened(row, entry)
    at = entry.stored_at
    return replace(
        row, phone=entry.data.get("phone", "") or row.phone, last_at=max(row.last_at, at)
    )


def _imported(row: Dialog, entry: Entry) -> Dialog:
    """A request of another system as it stood there; only the first line of a log is one."""
    status = _STATUSES.get(entry.data.get("status", ""))
    side = imported_side(row.type, status) if status is not None else None
    if entry.seq != 1 or side is None:
        return row
    cycle = entry.cycle or row.cycle
    is_open = cycle.closed_at is None
    return replace(
        row,
        open=is_open,
        cycle=cycle,
        chat_status=status if side is Side.CHAT else None,
        call_status=status if side is Side.CALL else None,
        phone=entry.data.get("phone", ""),
        awaits=Awaits.OPERATOR if is_open else Awaits.NOBODY,
        waiting_since=entry.at if is_open else None,
        unanswered=1 if is_open else 0,
        closed_at=cycle.closed_at,
        closed_by=cycle.closed_by,
        last_at=max(row.last_at, entry.at),
        preview=preview(entry),
    )


_STATUSES = {each.value: each for each in Status}


def _potential(row: Dialog, entry: Entry) -> Dialog:
    if not row.open and row.closed_at is None:
        row = _opened(row, entry)
    if row.chat_status is None and Status.POTENTIAL in moves(row.call_status, row.type, Side.CALL):
        row = replace(row, call_status=Status.POTENTIAL)
    at = entry.stored_at
    return replace(
        row, phone=row.phone or entry.data.get("phone", ""), last_at=max(row.last_at, at)
    )


def _unmarked(row: Dialog, entry: Entry) -> Dialog:
    """As it was; a call that was hung up stays hung up."""
    if Status.SPAM not in (row.chat_status, row.call_status):
        return row
    row = replace(
        row,
        chat_status=sides.back(row, Side.CHAT, entry.data.get("chat", "")),
        call_status=sides.back(row, Side.CALL, entry.data.get("call", "")),
    )
    if row.open or not entry.data.get("open"):
        return row
    row = replace(
        row,
        open=True,
        closed_at=None,
        closed_by="",
        cycle=replace(row.cycle, closed_at=None, closed_by="", result=""),
        chat_status=Status.CHATTING if row.chat_status is Status.CHAT_CLOSED else row.chat_status,
    )
    others = (Awaits.CUSTOMER, Awaits.BOT, Awaits.NOBODY)
    awaited = next((each for each in others if each.value == entry.data.get("awaits")), None)
    if awaited is not None and not row.unanswered:
        return replace(row, awaits=awaited)
    since = callside.moment(entry.data.get("waiting_since", ""))
    were = entry.data.get("unanswered", "")[:6]
    return replace(
        row,
        awaits=Awaits.OPERATOR,
        waiting_since=since or row.waiting_since or entry.stored_at,
        unanswered=max(row.unanswered + (int(were) if were.isdecimal() else 0), 1),
    )


def _joined(row: Dialog, entry: Entry) -> Dialog:
    """The person is known from elsewhere, with what was known of it there."""
    told = entry.data
    return replace(
        row,
        contact=ContactId(told.get("contact", "")) or row.contact,
        name=row.name or told.get("name", ""),
        phone=row.phone or told.get("phone", ""),
        visit=_visit(told.get("visit", "")) or row.visit,
    )


def closing(row: Dialog, entry: Entry, result: str) -> Cycle:
    """The cycle as it ends with this entry; the entry carries it, so reports read the log."""
    return replace(
        row.cycle,
        closed_at=entry.stored_at,
        closed_by=_closer(entry.author),
        operator=row.owner or row.cycle.operator,
        result=result,
    )


def _visit(text: str) -> Visit | None:
    try:
        return msgspec.json.decode(text, type=Visit) if text else None
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _closer(author: Author) -> Closer:
    if author.kind == "operator":
        return "operator"
    return "bot" if author.kind == "bot" else "auto"


def preview(entry: Entry) -> Preview:
    """The one line of a list for the message as it now stands."""
    if entry.deleted_at is not None:
        return Preview(entry.author.kind, "", "deleted")
    attachment: str = entry.attachments[0].kind if entry.attachments else ""
    if not attachment and entry.spot is not None:
        attachment = "place"
    elif not attachment and entry.card is not None:
        attachment = "contact"
    text = " ".join(entry.text[: PREVIEW_CHARS * 4].split())[:PREVIEW_CHARS]
    return Preview(entry.author.kind, text, attachment)
