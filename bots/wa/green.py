"""What Green-API's notifications say; the same by hook and by polling.

https://green-api.com/en/docs/api/receiving/notifications-format/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from bots.wa.shapes import Shape, present
from bots.wa.words import card_of, heard, phone_of, started
from hub.content import Card, FileKind, Remote, Spot, spot_at
from hub.errors import PayloadError
from hub.events import (
    ChannelEvent,
    DeliveryReported,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    Sender,
)
from hub.model import OutState, cut

FILES: dict[str, FileKind] = {
    "imageMessage": "image",
    "stickerMessage": "image",
    "videoMessage": "video",
    "audioMessage": "audio",
    "documentMessage": "file",
}
STATES = {
    "sent": OutState.SENT,
    "delivered": OutState.DELIVERED,
    "read": OutState.READ,
    "failed": OutState.FAILED,
    "noAccount": OutState.FAILED,
}
UNUSED = frozenset(
    {
        *("stateInstanceChanged", "statusInstanceChanged", "deviceInfo", "quotaExceeded"),
        *("incomingCall", "outgoingCall", "incomingBlock", "outgoingAPIMessageReceived"),
    }
)
SAID = frozenset(
    {
        *FILES,
        *("textMessage", "extendedTextMessage", "quotedMessage", "locationMessage"),
        *("contactMessage", "contactsArrayMessage", "pollMessage", "buttonsResponseMessage"),
        *("templateButtonsReplyMessage", "listResponseMessage", "interactiveButtons"),
        *("interactiveButtonsReply", "groupInviteMessage", "buttonsMessage", "listMessage"),
        *("templateMessage", "unsupportedMessage"),
    }
)
"""Of those that are neither words nor files nor presses, the hub shows that there was one."""


class _Instance(Shape, frozen=True, kw_only=True, rename="camel"):
    id_instance: int


class _From(Shape, frozen=True, kw_only=True, rename="camel"):
    chat_id: str = ""
    sender: str = ""
    chat_name: str = ""
    sender_name: str = ""
    sender_contact_name: str = ""
    sender_phone_number: int | str = ""


class _Note(Shape, frozen=True, kw_only=True, rename="camel"):
    type_webhook: str
    instance_data: _Instance
    timestamp: int = 0
    id_message: str = ""
    sender_data: _From = _From()
    message_data: dict[str, Any] = msgspec.field(default_factory=dict)
    chat_id: str = ""
    status: str = ""


class _Text(Shape, frozen=True, kw_only=True, rename="camel"):
    text_message: str = ""
    text: str = ""
    stanza_id: str = ""


class _File(Shape, frozen=True, kw_only=True, rename="camel"):
    download_url: str = ""
    caption: str = ""
    file_name: str = ""
    mime_type: str = ""


class _Location(Shape, frozen=True, kw_only=True, rename="camel"):
    latitude: float
    longitude: float
    name_location: str = ""
    address: str = ""


class _Contact(Shape, frozen=True, kw_only=True, rename="camel"):
    display_name: str = ""
    vcard: str = ""


class _Contacts(Shape, frozen=True, kw_only=True, rename="camel"):
    contacts: tuple[_Contact, ...] = ()


class _Option(Shape, frozen=True, kw_only=True, rename="camel"):
    option_name: str = ""


class _Poll(Shape, frozen=True, kw_only=True, rename="camel"):
    name: str = ""
    options: tuple[_Option, ...] = ()


class _Chosen(Shape, frozen=True, kw_only=True, rename="camel"):
    stanza_id: str = ""
    selected_button_id: str = ""
    selected_button_text: str = ""
    selected_id: str = ""
    selected_display_text: str = ""
    single_select_reply: str = ""
    title: str = ""


class _Data(Shape, frozen=True, kw_only=True, rename="camel"):
    type_message: str = ""
    text_message_data: _Text = _Text()
    extended_text_message_data: _Text = _Text()
    edited_message_data: _Text = _Text()
    deleted_message_data: _Text = _Text()
    quoted_message: _Text = _Text()
    file_message_data: _File | None = None
    location_message_data: _Location | None = None
    contact_message_data: _Contact | None = None
    message_data: _Contacts = _Contacts()
    contacts: tuple[_Contact, ...] = ()
    poll_message_data: _Poll = _Poll()
    buttons_response_message: _Chosen | None = None
    template_button_reply_message: _Chosen | None = None
    list_response_message: _Chosen | None = None

    def chosen(self) -> _Chosen | None:
        return (
            self.buttons_response_message
            or self.template_button_reply_message
            or self.list_response_message
        )


def read(body: bytes, instance: str, received_at: datetime) -> Sequence[ChannelEvent]:
    """The one event of a notification; PayloadError if it is not Green-API's."""
    try:
        told = msgspec.json.decode(body)
        note = msgspec.convert(present(told), _Note)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"not a notification of Green-API: {type(error).__name__}") from None
    at = _at(note.timestamp, cut(received_at))
    chat = note.chat_id or note.sender_data.chat_id
    sender = _sender(note, chat) if chat else Sender(external_id=instance)
    if str(note.instance_data.id_instance) != instance:
        return [Ignored(sender=sender, at=at, name="other_number")]
    if note.type_webhook in UNUSED:
        return [Ignored(sender=sender, at=at, name=note.type_webhook)]
    if chat and not _private(chat):
        return [Ignored(sender=sender, at=at, name="group")]
    return [_event(note, sender, at) if chat and note.id_message else _unknown(note, sender, at)]


def _event(note: _Note, sender: Sender, at: datetime) -> ChannelEvent:
    match note.type_webhook:
        case "incomingMessageReceived" | "outgoingMessageReceived":
            try:
                data = msgspec.convert(note.message_data, _Data)
            except msgspec.ValidationError:
                return _unknown(note, sender, at)
            return _message(note, data, sender, at)
        case "outgoingMessageStatus":
            state = STATES.get(note.status)
            if state is None:
                return Ignored(sender=sender, at=at, name=f"status:{_name(note.status)}")
            failures = {"failed": "rejected", "noAccount": "blocked"}
            return DeliveryReported(
                sender=sender,
                at=at,
                external_id=note.id_message,
                state=state,
                failure=failures.get(note.status, ""),
            )
        case _:
            return _unknown(note, sender, at)


def _message(note: _Note, data: _Data, sender: Sender, at: datetime) -> ChannelEvent:
    theirs = note.type_webhook == "incomingMessageReceived"
    match data.type_message:
        case "editedMessage" if data.edited_message_data.stanza_id:
            return MessageEdited(
                sender=sender,
                at=at,
                external_id=data.edited_message_data.stanza_id,
                text=heard(data.edited_message_data.text_message),
                # Whoever speaks WhatsApp's protocol may name any message.
                by="person" if theirs else "staff",
            )
        case "deletedMessage" if data.deleted_message_data.stanza_id:
            return MessageDeleted(
                sender=sender,
                at=at,
                external_id=data.deleted_message_data.stanza_id,
                by="person" if theirs else "staff",
            )
        case "reactionMessage" if data.quoted_message.stanza_id and theirs:
            return MessageReacted(
                sender=sender,
                at=at,
                external_id=data.quoted_message.stanza_id,
                emoji=data.extended_text_message_data.text,
            )
        case "reactionMessage" | "pollUpdateMessage":
            return Ignored(sender=sender, at=at, name=data.type_message)
        case _ if data.type_message in SAID:
            said = _said(note, data, sender, at)
            # Its name there is the business's own.
            return said if theirs else said.by_staff()
        case _:
            return _unknown(note, sender, at)


def _said(note: _Note, data: _Data, sender: Sender, at: datetime) -> MessageReceived:
    chosen = data.chosen()
    text, start = started(_text(data))
    cards = _cards(data, sender)
    file = data.file_message_data
    return MessageReceived(
        sender=sender,
        at=at,
        external_id=note.id_message,
        text="\n".join([text, *(f"{each.name} {each.phone}" for each in cards[1:])]).strip(),
        reply_to=data.quoted_message.stanza_id
        or data.extended_text_message_data.stanza_id
        or (chosen.stanza_id if chosen else ""),
        question=chosen is None and not (cards and cards[0].own),
        media=(_remote(file, FILES[data.type_message]),)
        if file and file.download_url and data.type_message in FILES
        else (),
        spot=_spot(data.location_message_data) if data.location_message_data else None,
        card=cards[0] if cards else None,
        start=start,
        pressed=_pressed(chosen) if chosen else "",
    )


def _text(data: _Data) -> str:
    if data.type_message == "pollMessage":
        options = [f"— {each.option_name}" for each in data.poll_message_data.options]
        return heard("\n".join([data.poll_message_data.name, *options]))
    if chosen := data.chosen():
        return heard(chosen.selected_button_text or chosen.selected_display_text or chosen.title)
    if data.file_message_data:
        return heard(data.file_message_data.caption)
    return heard(data.text_message_data.text_message or data.extended_text_message_data.text)


def _pressed(chosen: _Chosen) -> str:
    return chosen.selected_button_id or chosen.selected_id or chosen.single_select_reply


def _cards(data: _Data, sender: Sender) -> list[Card]:
    shared = (
        *((data.contact_message_data,) if data.contact_message_data else ()),
        *data.message_data.contacts,
        *data.contacts,
    )
    return [card_of(each.vcard, each.display_name, sender.external_id) for each in shared]


def _remote(file: _File, kind: FileKind) -> Remote:
    mime = file.mime_type.partition(";")[0].strip()
    return Remote(ref=file.download_url, name=file.file_name, mime=mime, kind=kind)


def _spot(location: _Location) -> Spot | None:
    at = location.latitude, location.longitude
    return spot_at(*at, title=location.name_location, address=location.address)


def _sender(note: _Note, chat: str) -> Sender:
    """The other end of the chat, whoever wrote; an id that hides the number ends in @lid."""
    theirs = note.type_webhook == "incomingMessageReceived"
    told = note.sender_data
    phone = phone_of(chat) or (phone_of(str(told.sender_phone_number)) if theirs else "")
    name = (
        told.sender_contact_name or told.sender_name or told.chat_name if theirs else told.chat_name
    )
    return Sender(external_id=chat, name="" if phone_of(name) else name, phone=phone)


def _private(chat: str) -> bool:
    return chat.endswith(("@c.us", "@lid", "@s.whatsapp.net"))


def _unknown(note: _Note, sender: Sender, at: datetime) -> Ignored:
    kind = note.message_data.get("typeMessage") or note.type_webhook
    return Ignored(sender=sender, at=at, name=f"unknown:{_name(kind)}")


def _at(seconds: int, received_at: datetime) -> datetime:
    if 10**9 <= seconds < 10**11:
        return datetime.fromtimestamp(seconds, UTC)
    return received_at


def _name(told: Any) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", told)[:40] if isinstance(told, str) else ""
