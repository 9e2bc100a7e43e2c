"""What Meta's webhooks say, read once; the rest of the hub never sees their shapes.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from bots.wa.refusals import reason_of
from bots.wa.shapes import (
    Body,
    Change,
    Contact,
    File,
    Flow,
    Location,
    Message,
    Person,
    Phone,
    Referral,
    Shape,
    Status,
    Value,
    present,
)
from bots.wa.words import card, heard, phone_of, started
from hub.content import Card, FileKind, Remote, Spot, spot_at
from hub.errors import PayloadError
from hub.events import (
    ChannelEvent,
    DeliveryReported,
    FormFilled,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    Sender,
)
from hub.model import OutState, cut
from hub.people.visit import Visit

FILES: dict[str, FileKind] = {
    "image": "image",
    "sticker": "image",
    "video": "video",
    "audio": "audio",
    "document": "file",
}
STATES = {
    "sent": OutState.SENT,
    "delivered": OutState.DELIVERED,
    "read": OutState.READ,
    "played": OutState.READ,
    "failed": OutState.FAILED,
}
TYPES = frozenset(
    {
        *("text", "location", "contacts", "interactive", "button", "order"),
        *("unsupported", "unknown"),
    }
)
UNUSED_FIELDS = frozenset(
    {
        *("account_alerts", "account_review_update", "account_update", "history", "calls"),
        *("business_capability_update", "message_template_status_update", "user_preferences"),
        *("message_template_quality_update", "phone_number_quality_update", "security"),
        *("phone_number_name_update", "smb_app_state_sync", "template_category_update"),
    }
)


AnyShape = TypeVar("AnyShape", bound=Shape)


def read(body: bytes, ours: str, received_at: datetime) -> Sequence[ChannelEvent]:
    """All that a body holds, in its order; PayloadError if it is not WhatsApp's.

    `ours` is the id of the channel's phone number: others have channels of their own.
    """
    try:
        told = msgspec.convert(present(msgspec.json.decode(body)), Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"not a body of WhatsApp's: {type(error).__name__}") from None
    if told.object != "whatsapp_business_account":
        raise PayloadError("a body of another product's")
    reading = _Reading(ours, cut(received_at))
    changes = [change for entry in told.entry for change in entry.changes]
    return [event for each in changes for event in reading.change(each)] or [reading.of("empty")]


class _Reading:
    def __init__(self, ours: str, received_at: datetime) -> None:
        self._ours = ours
        self._received_at = received_at

    def change(self, change: Change) -> Iterator[ChannelEvent]:
        if change.field not in ("messages", "smb_message_echoes"):
            unused = change.field in UNUSED_FIELDS
            yield self.of(change.field if unused else f"unknown:field:{_name(change.field)}")
            return
        try:
            value = msgspec.convert(change.value, Value)
        except msgspec.ValidationError:
            yield self.of(f"unknown:value:{change.field}")
            return
        if value.metadata.phone_number_id != self._ours:
            yield self.of("other_number")
            return
        for order, raw in enumerate(value.messages):
            yield from self._said(raw, value.contacts, order)
        for order, raw in enumerate(value.message_echoes):
            yield from self._echoed(raw, order)
        for raw in value.statuses:
            yield self._status(raw)
        for error in value.errors:
            yield self.of(f"error:{error.code}")

    def _said(
        self, raw: dict[str, Any], people: Sequence[Person], order: int
    ) -> Iterator[ChannelEvent]:
        message = _converted(raw, Message)
        if message is None or not (message.from_ or message.from_user_id):
            yield self.of(f"unknown:message:{_name(raw.get('type'))}")
            return
        if message.group_id:
            yield self.of("group")
            return
        sender = _sender(message.from_, message.from_user_id, people)
        at = self._at(message.timestamp)
        match message.type:
            case "reaction" if message.reaction:
                yield MessageReacted(
                    sender=sender,
                    at=at,
                    external_id=message.reaction.message_id,
                    emoji=message.reaction.emoji,
                    order=order,
                )
            case "edit" | "revoke":
                yield self._altered(message, sender, at, order)
            case "system" | "request_welcome":
                yield Ignored(sender=sender, at=at, name=message.type)
            case "interactive" if message.interactive.nfm_reply:
                yield _form(message, message.interactive.nfm_reply, sender, at)
            case _ if message.type in FILES or message.type in TYPES:
                yield _message(message, sender, at, order)
            case _:
                yield Ignored(sender=sender, at=at, name=f"unknown:message:{_name(message.type)}")

    def _echoed(self, raw: dict[str, Any], order: int) -> Iterator[ChannelEvent]:
        """What somebody of the business did in the app on the phone."""
        message = _converted(raw, Message)
        if message is None or not (message.to or message.to_user_id):
            yield self.of(f"unknown:echo:{_name(raw.get('type'))}")
            return
        if message.group_id:
            yield self.of("group")
            return
        sender = _sender(message.to, message.to_user_id, ())
        at = self._at(message.timestamp)
        if message.type in ("edit", "revoke"):
            yield self._altered(message, sender, at, order)
        elif message.type in FILES or message.type in TYPES:
            yield _message(message, sender, at, order).by_staff()
        else:
            yield Ignored(sender=sender, at=at, name="echo")

    def _altered(self, message: Message, sender: Sender, at: datetime, order: int) -> ChannelEvent:
        if message.type == "revoke" and message.revoke:
            return MessageDeleted(
                sender=sender, at=at, external_id=message.revoke.original_message_id
            )
        if message.type == "edit" and message.edit:
            now = _converted({"id": message.id} | message.edit.message, Message)
            if now is not None:
                return MessageEdited(
                    sender=sender,
                    at=at,
                    external_id=message.edit.original_message_id,
                    text=_text(now),
                    order=order,
                )
        return Ignored(sender=sender, at=at, name=f"unknown:message:{_name(message.type)}")

    def _status(self, raw: dict[str, Any]) -> ChannelEvent:
        status = _converted(raw, Status)
        if status is None or not (status.recipient_id or status.recipient_user_id):
            return self.of("unknown:status")
        if status.recipient_type == "group":
            return self.of("group")
        sender = Sender(external_id=status.recipient_id or status.recipient_user_id)
        at = self._at(status.timestamp)
        state = STATES.get(status.status)
        if state is None:
            return Ignored(sender=sender, at=at, name=f"status:{_name(status.status)}")
        failure = reason_of(status.errors[0].code) if status.errors else ""
        return DeliveryReported(
            sender=sender,
            at=at,
            external_id=status.id,
            state=state,
            failure=failure if state is OutState.FAILED else "",
        )

    def of(self, name: str) -> Ignored:
        return Ignored(sender=Sender(external_id=self._ours), at=self._received_at, name=name)

    def _at(self, seconds: str) -> datetime:
        if re.fullmatch(r"[0-9]{9,11}", seconds):
            return datetime.fromtimestamp(int(seconds), UTC)
        return self._received_at


TYPES = frozenset({"text", "location", "contacts", "interactive", "button", "order", "unsupported"})


def _message(message: Message, sender: Sender, at: datetime, order: int) -> MessageReceived:
    pressed = _pressed(message)
    text, start = started(_text(message))
    cards = [_card(each, sender) for each in message.contacts]
    return MessageReceived(
        sender=sender,
        at=at,
        external_id=message.id,
        order=order,
        text="\n".join([text, *(f"{each.name} {each.phone}" for each in cards[1:])]).strip(),
        reply_to=message.context.id,
        question=not pressed and not (cards and cards[0].own),
        visit=_visit(message.referral) if message.referral else None,
        media=_media(message),
        spot=_spot(message.location) if message.location else None,
        card=cards[0] if cards else None,
        start=start,
        pressed=pressed,
    )


def _text(message: Message) -> str:
    """What can be read of it."""
    file = _file(message)
    match message.type:
        case "text":
            return heard(message.text.body)
        case "interactive":
            chosen = message.interactive.button_reply or message.interactive.list_reply
            return heard(chosen.title) if chosen else ""
        case "button":
            return heard(message.button.text)
        case "order":
            items = [
                f"{each.product_retailer_id} × {each.quantity}: {each.item_price} {each.currency}"
                for each in message.order.product_items
            ]
            return heard("\n".join([*items, message.order.text]).strip())
        case _:
            return heard(file.caption) if file else ""


def _pressed(message: Message) -> str:
    if message.type == "button":
        return message.button.payload
    chosen = message.interactive.button_reply or message.interactive.list_reply
    return chosen.id if chosen and message.type == "interactive" else ""


def _file(message: Message) -> File | None:
    known: File | None = getattr(message, message.type) if message.type in FILES else None
    return known


def _media(message: Message) -> tuple[Remote, ...]:
    file = _file(message)
    if file is None or not file.id:
        return ()
    mime = file.mime_type.partition(";")[0].strip()
    return (Remote(ref=file.id, name=file.filename, mime=mime, kind=FILES[message.type]),)


def _spot(location: Location) -> Spot | None:
    at = location.latitude, location.longitude
    return spot_at(*at, title=location.name, address=location.address)


def _card(contact: Contact, sender: Sender) -> Card:
    phone = contact.phones[0] if contact.phones else Phone()
    return card(contact.name.formatted_name, phone.phone, phone.wa_id, sender.external_id)


def _form(message: Message, flow: Flow, sender: Sender, at: datetime) -> ChannelEvent:
    """https://developers.facebook.com/docs/whatsapp/flows/guides/receiveflowresponse"""
    try:
        told = msgspec.json.decode(flow.response_json, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return _message(message, sender, at, 0)
    answers = [
        (name, value if isinstance(value, str) else msgspec.json.encode(value).decode())
        for name, value in told.items()
        if name != "flow_token"
    ]
    return FormFilled(
        sender=sender,
        at=at,
        external_id=message.id,
        form=flow.name or "flow",
        answers=tuple(answers),
        phone=sender.phone,
        source="whatsapp",
        fields=dict(answers),
    )


def _visit(referral: Referral) -> Visit:
    """The ad or the post that the chat was opened from."""
    utm = {
        "source": "facebook",
        "medium": referral.source_type,
        "campaign": referral.headline,
        "content": referral.source_id,
        "ctwa_clid": referral.ctwa_clid,
    }
    return Visit(
        page=referral.source_url, utm={name: value for name, value in utm.items() if value}
    )


def _sender(wa_id: str, user_id: str, people: Sequence[Person]) -> Sender:
    """Since people may hide their numbers, some have only an id that this business knows.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
    """
    known = next(
        (
            each
            for each in people
            if (wa_id and each.wa_id == wa_id) or (user_id and each.user_id == user_id)
        ),
        people[0] if len(people) == 1 else Person(),
    )
    external_id = wa_id or known.wa_id or user_id
    return Sender(
        external_id=external_id,
        name=known.profile.name,
        username=known.profile.username,
        phone=phone_of(external_id),
    )


def _converted(raw: dict[str, Any], shape: type[AnyShape]) -> AnyShape | None:
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError:
        return None


def _name(told: Any) -> str:
    """A name fit for a counter, whatever the platform calls it."""
    return re.sub(r"[^a-z0-9_]", "_", told.lower())[:40] if isinstance(told, str) else ""
