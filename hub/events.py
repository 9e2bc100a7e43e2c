"""The one catalogue of what happens: a tagged union, versioned, for screens, rules and webhooks.

The first half is what channels report, the second what the hub itself says. A field is
only ever added; a change of meaning is a new name.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from hub.model import (
    Attachment,
    ChannelId,
    Dialog,
    DialogId,
    Entry,
    IdentityId,
    OperatorId,
    OutState,
    ProjectId,
    Visit,
)

VERSION = 1


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote, as the platform tells it; `external_id` is opaque outside the adapter."""

    external_id: str
    name: str = ""
    username: str = ""
    phone: str = ""


class Reported(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """A channel's report about one person at the platform's time `at`."""

    sender: Sender
    at: datetime


class MessageReceived(Reported, frozen=True, kw_only=True, tag="message.received"):
    """`external_id` is unique in the channel; `order` breaks ties of `at`.

    `question` is false for what only opens the door: /start, a menu press, a shared contact.
    """

    external_id: str
    order: int = 0
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    album: str = ""
    question: bool = True
    visit: Visit | None = None


class MessageEdited(Reported, frozen=True, kw_only=True, tag="message.edited"):
    external_id: str
    text: str


class MessageDeleted(Reported, frozen=True, kw_only=True, tag="message.deleted"):
    external_id: str


class MessageReacted(Reported, frozen=True, kw_only=True, tag="message.reacted"):
    """An empty emoji takes the reaction back."""

    external_id: str
    emoji: str


class DeliveryReported(Reported, frozen=True, kw_only=True, tag="delivery.reported"):
    """How far one of our messages got; `upto` says that all before it got as far."""

    external_id: str
    state: OutState
    failure: str = ""
    upto: bool = False


class TypingNoticed(Reported, frozen=True, kw_only=True, tag="typing.noticed"):
    pass


class ReachabilityChanged(Reported, frozen=True, kw_only=True, tag="reachability.changed"):
    reachable: bool


class Ignored(Reported, frozen=True, kw_only=True, tag="ignored"):
    """A genuine event of a kind we have no use for yet; counted by name."""

    name: str


ChannelEvent = (
    MessageReceived
    | MessageEdited
    | MessageDeleted
    | MessageReacted
    | DeliveryReported
    | TypingNoticed
    | ReachabilityChanged
    | Ignored
)


class Said(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """What the hub announces about one project."""

    project: ProjectId


class DialogChanged(Said, frozen=True, kw_only=True, tag="dialog.changed"):
    """The row as it now stands, with the entries that made it so, in order of `seq`."""

    dialog: Dialog
    entries: tuple[Entry, ...] = ()


class EntryChanged(Said, frozen=True, kw_only=True, tag="entry.changed"):
    """A tick, an edit, a deletion or a reaction on an entry that is already known."""

    channel: ChannelId
    identity: IdentityId
    entry: Entry


class OperatorTyping(Said, frozen=True, kw_only=True, tag="operator.typing"):
    channel: ChannelId
    identity: IdentityId
    dialog: DialogId
    operator: OperatorId
    name: str


class VisitorTyping(Said, frozen=True, kw_only=True, tag="visitor.typing"):
    channel: ChannelId
    identity: IdentityId
    dialog: DialogId


class PresenceChanged(Said, frozen=True, kw_only=True, tag="presence.changed"):
    operator: OperatorId
    presence: str


class AccessChanged(Said, frozen=True, kw_only=True, tag="access.changed"):
    """What the operator may do was changed, or a session of his ended; told to doors alone.

    It is of no project: who belongs to none may be signed in too.
    """

    operator: OperatorId


ScreenEvent = DialogChanged | EntryChanged | OperatorTyping | VisitorTyping | PresenceChanged
HubEvent = ScreenEvent | AccessChanged
