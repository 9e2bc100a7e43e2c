"""What a visitor hears of what happens: his own dialog, without the operators' own lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hub.events import DialogChanged, EntryChanged, HubEvent, OperatorTyping
from hub.model import Entry, Verb
from web.views import View, Views, VisitorEntry, for_visitor


class Planned(View, frozen=True, kw_only=True):
    """A call that is to come, with no more of the phone than its owner needs to know it by."""

    phone_tail: str
    at: datetime | None


class VisitorEntryFrame(View, frozen=True, kw_only=True, tag_field="t", tag="entry"):
    entry: VisitorEntry


class VisitorTypingFrame(View, frozen=True, kw_only=True, tag_field="t", tag="typing"):
    name: str


class VisitorClosedFrame(View, frozen=True, kw_only=True, tag_field="t", tag="closed"):
    dialog: str


class VisitorAskedFrame(Planned, frozen=True, kw_only=True, tag_field="t", tag="asked"):
    pass


def to_visitor(event: HubEvent, views: Views) -> Sequence[View]:
    """The frames of one event, in order."""
    match event:
        case DialogChanged():
            frames: list[View] = [*_lines(event.entries, views)]
            for entry in event.entries:
                if entry.verb is Verb.CALL_ASKED:
                    frames.append(_asked(entry))
                elif entry.verb is Verb.CLOSED:
                    frames.append(VisitorClosedFrame(dialog=event.dialog.id))
            return frames
        case EntryChanged():
            return _lines([event.entry], views)
        case OperatorTyping():
            return (VisitorTypingFrame(name=event.name),)
        case _:
            return ()


def _lines(entries: Sequence[Entry], views: Views) -> list[VisitorEntryFrame]:
    return [VisitorEntryFrame(entry=views.visitor_entry(each)) for each in for_visitor(entries)]


def _asked(entry: Entry) -> VisitorAskedFrame:
    at = entry.data.get("at")
    return VisitorAskedFrame(
        phone_tail=tail_of(entry.data.get("phone", "")),
        at=datetime.fromisoformat(at) if at else None,
    )


def tail_of(phone: str) -> str:
    """The end of a number, as "12-34"."""
    return f"{phone[-4:-2]}-{phone[-2:]}"
