"""What screens are told as it happens: one view for each event of the catalogue."""

from __future__ import annotations

from datetime import datetime

from hub.events import (
    CallChanged,
    ChannelState,
    ChannelTold,
    DialogChanged,
    EntryChanged,
    LeadChanged,
    OperatorLooking,
    OperatorTyping,
    PresenceChanged,
    ScreenEvent,
    VisitorTyping,
)
from web import call_views, lead_views
from web.call_views import CallView
from web.lead_views import LeadView
from web.views import DialogView, EntryView, View, Views


class Shown(View, frozen=True, kw_only=True, tag_field="event"):
    project: str


class ShownDialog(Shown, frozen=True, kw_only=True, tag="dialog.changed"):
    dialog: DialogView
    entries: list[EntryView]


class ShownEntry(Shown, frozen=True, kw_only=True, tag="entry.changed"):
    entry: EntryView


class ShownOperatorTyping(Shown, frozen=True, kw_only=True, tag="operator.typing"):
    dialog: str
    operator: str
    name: str


class ShownOperatorLooking(Shown, frozen=True, kw_only=True, tag="operator.looking"):
    dialog: str
    operator: str
    name: str
    here: bool


class ShownVisitorTyping(Shown, frozen=True, kw_only=True, tag="visitor.typing"):
    dialog: str


class ShownPresence(Shown, frozen=True, kw_only=True, tag="presence.changed"):
    operator: str
    presence: str


class ShownChannel(Shown, frozen=True, kw_only=True, tag="channel.told"):
    channel: str
    state: ChannelState
    reason: str
    since: datetime | None


class ShownLead(Shown, frozen=True, kw_only=True, tag="lead.changed"):
    lead: LeadView


class ShownCall(Shown, frozen=True, kw_only=True, tag="call.changed"):
    call: CallView


AnyShown = (
    ShownDialog
    | ShownEntry
    | ShownOperatorTyping
    | ShownOperatorLooking
    | ShownVisitorTyping
    | ShownPresence
    | ShownChannel
    | ShownLead
    | ShownCall
)


def shown(views: Views, event: ScreenEvent) -> AnyShown:
    """The event as operators see it."""
    match event:
        case DialogChanged():
            return ShownDialog(
                project=event.project,
                dialog=views.dialog(event.dialog),
                entries=[views.entry(each) for each in event.entries],
            )
        case EntryChanged():
            return ShownEntry(project=event.project, entry=views.entry(event.entry))
        case OperatorTyping():
            return ShownOperatorTyping(
                project=event.project,
                dialog=event.dialog,
                operator=event.operator,
                name=event.name,
            )
        case OperatorLooking():
            return ShownOperatorLooking(
                project=event.project,
                dialog=event.dialog,
                operator=event.operator,
                name=event.name,
                here=event.here,
            )
        case VisitorTyping():
            return ShownVisitorTyping(project=event.project, dialog=event.dialog)
        case ChannelTold():
            return ShownChannel(
                project=event.project,
                channel=event.channel,
                state=event.state,
                reason=event.reason,
                since=event.since,
            )
        case LeadChanged():
            return ShownLead(project=event.project, lead=lead_views.lead(event.lead))
        case CallChanged():
            return ShownCall(project=event.project, call=call_views.call(event.call))
        case PresenceChanged():
            return ShownPresence(
                project=event.project, operator=event.operator, presence=event.presence
            )
