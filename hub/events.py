"""The one catalogue of what happens: a tagged union, versioned, for screens, rules and webhooks.

The first half is what channels report, the second what the hub itself says. A field is
only ever added; a change of meaning is a new name.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from hub.calls.call import Call, Loss, Outcome
from hub.content import Card, Remote, Spot
from hub.leads.lead import Lead
from hub.model import (
    Attachment,
    CallTime,
    ChannelId,
    Dialog,
    DialogId,
    Entry,
    Given,
    IdentityId,
    OperatorId,
    OutState,
    ProjectId,
)
from hub.people.visit import Visit

VERSION = 1

Side = Literal["", "person", "staff"]


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote, as the platform tells it; `external_id` is opaque outside the adapter.

    `verified` is somebody for whom the owner of the site has signed.
    """

    external_id: str
    name: str = ""
    username: str = ""
    phone: str = ""
    verified: bool = False


class Reported(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """A channel's report about one person at the platform's time `at`."""

    sender: Sender
    at: datetime


class MessageReceived(Reported, frozen=True, kw_only=True, tag="message.received"):
    """`external_id` is unique in the channel; `order` breaks ties of `at`.

    `question` is false for what only opens the door: /start, a menu press, a shared contact.
    `media` are files that the platform still has. `start` is the key that a link to us carried.
    `pressed` is the data of a button of ours, with its label as the text; `press` is what the
    platform wants to hear named when it is told that the press arrived.
    """

    external_id: str
    order: int = 0
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    album: str = ""
    question: bool = True
    visit: Visit | None = None
    media: tuple[Remote, ...] = ()
    spot: Spot | None = None
    card: Card | None = None
    start: str = ""
    pressed: str = ""
    press: str = ""

    def by_staff(self, name: str = "") -> StaffReplied:
        """The same, said to the `sender` by somebody of ours in the messenger itself."""
        return StaffReplied(
            sender=self.sender,
            at=self.at,
            external_id=self.external_id,
            order=self.order,
            text=self.text,
            reply_to=self.reply_to,
            name=name,
            media=self.media,
            spot=self.spot,
            card=self.card,
        )


class StaffReplied(Reported, frozen=True, kw_only=True, tag="staff.replied"):
    """Somebody of ours answered the `sender` in the messenger itself, under this `name`."""

    external_id: str
    order: int = 0
    text: str = ""
    reply_to: str = ""
    name: str = ""
    media: tuple[Remote, ...] = ()
    spot: Spot | None = None
    card: Card | None = None


class FormFilled(Reported, frozen=True, kw_only=True, tag="form.filled"):
    """A form on the platform with its answers by question, in order; `phone` as it was written.

    `source` is the code of where the form is, `fields` has every answer by the name that the form
    gives it, and `hidden` names the fields that the source does not let us see. `handling` is what
    the door that it came by asks for; empty leaves it to the connections. `advertising` is the
    words of the box by which the person agreed to be sent offers.
    """

    external_id: str
    form: str
    answers: tuple[tuple[str, str], ...]
    name: str = ""
    phone: str = ""
    email: str = ""
    comment: str = ""
    source: str = ""
    form_id: str = ""
    group_id: str = ""
    ad_id: str = ""
    fields: dict[str, str] = {}
    hidden: tuple[str, ...] = ()
    visit: Visit | None = None
    handling: Literal["", "callback", "register"] = ""
    advertising: str = ""


class CallAsked(Reported, frozen=True, kw_only=True, tag="call.asked"):
    """The person wants to be called on `phone` (E.164); without a `time`, as soon as possible.

    The consents given with it are kept first: without one to processing no phone is.
    """

    external_id: str
    phone: str
    time: CallTime | None = None
    zone: str = ""
    comment: str = ""
    visit: Visit | None = None
    given: tuple[Given, ...] = ()
    page: str = ""


class PhoneLeft(Reported, frozen=True, kw_only=True, tag="phone.left"):
    """The person left a `phone` (E.164) on the way to that `messenger`, or typed one and went away.

    What was typed is not `sent`: nobody asked for a call. Consents as in `CallAsked`.
    """

    external_id: str
    phone: str
    messenger: str = ""
    sent: bool = True
    zone: str = ""
    visit: Visit | None = None
    given: tuple[Given, ...] = ()
    page: str = ""


class PhoneTapped(Reported, frozen=True, kw_only=True, tag="phone.tapped"):
    """The person pressed the site's phone number on a phone: perhaps they are calling now."""

    external_id: str
    visit: Visit | None = None


class Subscribed(Reported, frozen=True, kw_only=True, tag="subscribed"):
    """The person wants to hear of offers at that address.

    The consents given with it are kept first: without those to processing and to advertising
    no address is.
    """

    external_id: str
    email: str
    visit: Visit | None = None
    given: tuple[Given, ...] = ()
    page: str = ""


class ConsentGiven(Reported, frozen=True, kw_only=True, tag="consent.given"):
    """`external_id` is unique in the channel; `page` is where the texts were read."""

    external_id: str
    given: tuple[Given, ...]
    page: str = ""


class FieldsTold(Reported, frozen=True, kw_only=True, tag="fields.told"):
    """What the person or the site says of the person: claimed, whoever claims it."""

    fields: dict[str, str]


class Rated(Reported, frozen=True, kw_only=True, tag="rated"):
    """How the person liked the dialog; once for each time it was open."""

    score: Literal["good", "bad", "none"]
    text: str = ""


class MessageEdited(Reported, frozen=True, kw_only=True, tag="message.edited"):
    """`order` breaks ties of `at`.

    `by` is whose message it may be, where the platform itself does not see to that.
    """

    external_id: str
    text: str
    order: int = 0
    by: Side = ""


class MessageDeleted(Reported, frozen=True, kw_only=True, tag="message.deleted"):
    """`by` as in `MessageEdited`."""

    external_id: str
    by: Side = ""


class MessageReacted(Reported, frozen=True, kw_only=True, tag="message.reacted"):
    """An empty emoji takes the reaction back; `order` breaks ties of `at`."""

    external_id: str
    emoji: str
    order: int = 0


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


class PhoneCalled(Reported, frozen=True, kw_only=True, tag="phone.called"):
    """Somebody calls the own exchange, where the hub conducts nothing.

    The sender's `external_id` is the number that calls, as the exchange tells it, empty where it is
    withheld. `external_id` is that of the whole call, and `seq` grows over all of its news. `line`
    is the number called, `operator_number` the phone that rings or answered. While it is `ringing`
    `loss` is where the caller waits, and then where the call was lost.
    """

    external_id: str
    state: Literal["ringing", "answered", "missed", "ended"]
    line: str = ""
    operator_number: str = ""
    waited_s: float | None = None
    talked_s: float | None = None
    loss: Loss = ""
    ended_by: Literal["", "operator", "visitor"] = ""
    seq: int = 0


class CallReported(Reported, frozen=True, kw_only=True, tag="call.reported"):
    """How a call is coming on that an engine makes for the hub; nobody is its sender.

    It is known by its `key`, or by the engine's own `ref` once that came with the key. `gone` is
    one `leg` of it, and `ended` the whole. `number` is the phone concerned, and `outcome` what
    became of that phone or of the call.
    """

    key: str = ""
    ref: str = ""
    leg: str = ""
    state: Literal["ringing", "answered", "gone", "ended"]
    number: str = ""
    person: str = ""
    outcome: Outcome | None = None
    ended_by: Literal["", "operator", "visitor"] = ""
    talked_s: float = 0
    code: str = ""
    seq: int = 0


class Ignored(Reported, frozen=True, kw_only=True, tag="ignored"):
    """A genuine event of a kind we have no use for yet; counted by name."""

    name: str


ChannelEvent = (
    MessageReceived
    | StaffReplied
    | FormFilled
    | CallAsked
    | PhoneLeft
    | PhoneTapped
    | Subscribed
    | ConsentGiven
    | FieldsTold
    | Rated
    | MessageEdited
    | MessageDeleted
    | MessageReacted
    | DeliveryReported
    | TypingNoticed
    | ReachabilityChanged
    | PhoneCalled
    | CallReported
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


class OperatorLooking(Said, frozen=True, kw_only=True, tag="operator.looking"):
    """Said again as long as the look is kept up; one not heard of for `bus.LOOK_LASTS` is over."""

    channel: ChannelId
    dialog: DialogId
    operator: OperatorId
    name: str
    here: bool


class VisitorTyping(Said, frozen=True, kw_only=True, tag="visitor.typing"):
    channel: ChannelId
    identity: IdentityId
    dialog: DialogId


class PresenceChanged(Said, frozen=True, kw_only=True, tag="presence.changed"):
    operator: OperatorId
    presence: str


ChannelState = Literal["ok", "halted", "away", "deaf"]
"""How a channel is: its key is refused, its platform does not answer, nothing can come in."""


class ChannelTold(Said, frozen=True, kw_only=True, tag="channel.told"):
    """How a channel is since then, for those who may mend it; said again and again."""

    channel: ChannelId
    state: ChannelState
    reason: str = ""
    since: datetime | None = None


class LeadChanged(Said, frozen=True, kw_only=True, tag="lead.changed"):
    """A callback order as it now stands; its `channel` is that of the dialog it is of."""

    channel: ChannelId | None
    lead: Lead


class CallChanged(Said, frozen=True, kw_only=True, tag="call.changed"):
    """A call as it now stands; `channel` is that of its dialog, else the trunk."""

    channel: ChannelId | None
    call: Call


class AccessChanged(Said, frozen=True, kw_only=True, tag="access.changed"):
    """What the operator may do was changed, or a session of his ended; told to doors alone.

    It is of no project: who belongs to none may be signed in too.
    """

    operator: OperatorId


ScreenEvent = (
    DialogChanged
    | EntryChanged
    | OperatorTyping
    | OperatorLooking
    | VisitorTyping
    | PresenceChanged
    | ChannelTold
    | LeadChanged
    | CallChanged
)
HubEvent = ScreenEvent | AccessChanged
