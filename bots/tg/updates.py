"""What an update says, as events: pure, from its bytes alone.

Messages are numbered within a chat only, so that an id is `<chat>:<message>`. A person who wrote
to a business account, with our bot connected to it, is `<connection>@<person>`: that is another
chat, with numbers of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from bots.line.text import Span, Style, from_utf16, marked
from bots.tg import wire
from hub.channels.port import Hook
from hub.content import Card, FileKind, Remote, Spot
from hub.errors import PayloadError
from hub.events import (
    ChannelEvent,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    ReachabilityChanged,
    Sender,
    StaffReplied,
)
from hub.model import cut

T = TypeVar("T")

STYLES: dict[str, Style] = {
    "bold": "bold",
    "italic": "italic",
    "strikethrough": "strike",
    "code": "code",
    "pre": "code",
    "text_link": "link",
}
NAMELESS: dict[str, tuple[FileKind, str, str]] = {
    "animation": ("video", "animation.mp4", "video/mp4"),
    "audio": ("audio", "audio.mp3", "audio/mpeg"),
    "voice": ("audio", "voice.ogg", "audio/ogg"),
    "video": ("video", "video.mp4", "video/mp4"),
    "video_note": ("video", "video.mp4", "video/mp4"),
}
"""What a file is where Telegram does not say."""

SERVICE = frozenset(
    {
        *("nothing", "pinned_message", "write_access_allowed", "connected_website"),
        *("message_auto_delete_timer_changed", "chat_background_set", "users_shared"),
        *("chat_shared", "successful_payment", "refunded_payment", "web_app_data"),
        *("boost_added", "proximity_alert_triggered", "passport_data", "checklist_tasks_done"),
        *("checklist_tasks_added", "direct_message_price_changed", "paid_message_price_changed"),
    }
)
"""What a chat tells of itself. A message that holds anything else is somebody's, if unreadable."""

_updates = msgspec.json.Decoder(wire.Update)
_names = msgspec.json.Decoder(dict[str, msgspec.Raw])
_traces = msgspec.json.Decoder(wire.Trace)
# What is passed over is not looked at: bytes that are no letters in it are met when it is read.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def address(chat: int, connection: str = "") -> str:
    """The id of the person of a private chat, which Telegram numbers alike."""
    return f"{connection}@{chat}" if connection else str(chat)


def read(hook: Hook) -> Sequence[ChannelEvent]:
    """The events of one update; PayloadError if it is none."""
    update = _decoded(_updates, hook.body)
    # What is larger than this is no exact number to a browser.
    number, now = update.update_id % 2**53, cut(hook.received_at)
    if update.message:
        return [_message(update.message, number, hook.body)]
    if update.edited_message:
        return [_edited(update.edited_message, number)]
    if update.callback_query:
        return [_pressed(update.callback_query, number, now)]
    if update.my_chat_member:
        return [_membership(update.my_chat_member)]
    if update.message_reaction:
        return [_reacted(update.message_reaction, number)]
    if update.business_message:
        return [_message(update.business_message, number, hook.body)]
    if update.edited_business_message:
        return [_edited(update.edited_business_message, number)]
    if update.deleted_business_messages:
        return _deleted(update.deleted_business_messages, now)
    names = _decoded(_names, hook.body)
    told = [_unknown(*each, now) for each in names.items() if each[0] != "update_id"]
    return told or [Ignored(sender=Sender(external_id="unknown"), at=now, name="unknown:nothing")]


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except _UNREADABLE as error:
        raise PayloadError(f"not an update of Telegram: {type(error).__name__}") from None


def _message(message: wire.Message, order: int, body: bytes) -> ChannelEvent:
    sender, at = _sender(message), _at(message.date)
    if message.chat.type not in ("private", ""):
        return Ignored(sender=sender, at=at, name="group")
    if message.sender_business_bot:
        return Ignored(sender=sender, at=at, name="own")
    said: dict[str, Any] = {
        "sender": sender,
        "at": at,
        "external_id": _id(message),
        "order": order,
        "reply_to": _quoted(message),
        "media": tuple(_files(message)),
        "spot": _spot(message),
        "card": _card(message),
        "text": _text(message),
    }
    if not any(said[part] for part in ("text", "media", "spot", "card")):
        content = _content(body)
        if content in SERVICE:
            return Ignored(sender=sender, at=at, name=f"service:{content}")
    if _is_ours(message):
        return StaffReplied(**said, name=message.sender.name if message.sender else "")
    start = _start(message)
    if start is not None:
        return MessageReceived(**(said | {"text": "/start"}), start=start, question=False)
    return MessageReceived(
        **said, album=message.media_group_id, question=not (said["card"] and said["card"].own)
    )


def _edited(message: wire.Message, order: int) -> ChannelEvent:
    sender, at = _sender(message), _at(message.edit_date or message.date)
    if message.chat.type not in ("private", ""):
        return Ignored(sender=sender, at=at, name="group")
    if message.sender_business_bot:
        return Ignored(sender=sender, at=at, name="own")
    # A place that is shared live is an edit every few seconds.
    if message.location and not message.venue:
        return Ignored(sender=sender, at=at, name="live_location")
    return MessageEdited(
        sender=sender, at=at, external_id=_id(message), text=_text(message), order=order
    )


def _pressed(pressed: wire.Pressed, order: int, now: datetime) -> ChannelEvent:
    who, message = pressed.sender, pressed.message
    if message is None or message.chat.id != who.id:
        sender = Sender(external_id=str(who.id), name=who.name, username=who.username)
        return Ignored(sender=sender, at=now, name="group" if message else "callback")
    return MessageReceived(
        sender=Sender(external_id=str(who.id), name=who.name, username=who.username),
        # Telegram tells no time of a press, and gives it up after minutes.
        at=now,
        order=order,
        external_id=f"{who.id}:press:{pressed.id}",
        reply_to=f"{message.chat.id}:{message.message_id}",
        text=_label(message, pressed.data),
        question=False,
        pressed=pressed.data,
        press=pressed.id,
    )


def _label(message: wire.Message, data: str) -> str:
    """What is written on the button, unless the message may not be read any more."""
    rows = message.reply_markup.inline_keyboard if message.reply_markup else ()
    return next((key.text for row in rows for key in row if key.callback_data == data), "")


def _membership(change: wire.Membership) -> ChannelEvent:
    who, at = change.sender, _at(change.date)
    sender = Sender(external_id=str(change.chat.id), name=who.name, username=who.username)
    if change.chat.type != "private":
        return Ignored(sender=sender, at=at, name="group")
    reachable = change.new_chat_member.status not in ("kicked", "left")
    return ReachabilityChanged(sender=sender, at=at, reachable=reachable)


def _reacted(reacted: wire.Reacted, order: int) -> ChannelEvent:
    who = reacted.user or reacted.chat
    sender, at = (
        Sender(external_id=str(who.id), name=who.name, username=who.username),
        _at(reacted.date),
    )
    if reacted.chat.type not in ("private", "") or reacted.user is None:
        return Ignored(sender=sender, at=at, name="group")
    emoji = next((each.emoji for each in reacted.new_reaction if each.emoji), "")
    if reacted.new_reaction and not emoji:
        return Ignored(sender=sender, at=at, name="custom_reaction")
    return MessageReacted(
        sender=sender,
        at=at,
        external_id=f"{reacted.chat.id}:{reacted.message_id}",
        emoji=emoji,
        order=order,
    )


def _deleted(deleted: wire.Deleted, now: datetime) -> list[ChannelEvent]:
    person = address(deleted.chat.id, deleted.business_connection_id)
    sender = Sender(external_id=person, name=deleted.chat.name, username=deleted.chat.username)
    return [
        MessageDeleted(sender=sender, at=now, external_id=f"{person}:{number}")
        for number in deleted.message_ids
    ] or [Ignored(sender=sender, at=now, name="unread:deleted")]


def _unknown(name: str, body: msgspec.Raw, now: datetime) -> ChannelEvent:
    try:
        trace = _traces.decode(body)
    except _UNREADABLE:
        trace = wire.Trace()
    who = trace.sender or trace.user or trace.chat
    sender = (
        Sender(external_id=str(who.id), name=who.name, username=who.username)
        if who
        else Sender(external_id="unknown")
    )
    at = _at(trace.date) if trace.date else now
    return Ignored(sender=sender, at=at, name=f"unknown:{name[:64]}")


def _sender(message: wire.Message) -> Sender:
    """The person of the chat, who has not written what our staff wrote."""
    who = message.chat if _is_ours(message) or message.sender is None else message.sender
    person = message.chat.id if message.chat.type in ("private", "") else who.id
    return Sender(
        external_id=address(person, message.business_connection_id),
        name=who.name,
        username=who.username,
    )


def _is_ours(message: wire.Message) -> bool:
    if not message.business_connection_id or message.sender is None:
        return False
    return message.sender.id != message.chat.id


def _id(message: wire.Message) -> str:
    return f"{address(message.chat.id, message.business_connection_id)}:{message.message_id}"


def _quoted(message: wire.Message) -> str:
    if message.reply_to_message is None:
        return ""
    person = address(message.chat.id, message.business_connection_id)
    return f"{person}:{message.reply_to_message.message_id}"


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _text(message: wire.Message) -> str:
    if message.poll:
        return "\n".join(
            (message.poll.question, *(f"• {one.text}" for one in message.poll.options))
        )
    if message.dice:
        return message.dice.emoji
    if message.sticker:
        return message.sticker.emoji
    text = message.text or message.caption
    stretches = message.entities if message.text else message.caption_entities
    styled = [
        Span(each.offset, each.offset + each.length, STYLES[each.type], each.url)
        for each in stretches
        if each.type in STYLES and each.offset >= 0 and each.length > 0
    ]
    return marked(text, from_utf16(text, styled))


def _start(message: wire.Message) -> str | None:
    """The key of the link that opened the chat, empty without one; None if it is no opening."""
    word, _, key = message.text.partition(" ")
    commands = {(each.type, each.offset) for each in message.entities}
    if word != "/start" or ("bot_command", 0) not in commands:
        return None
    return key.strip()


def _files(message: wire.Message) -> Iterable[Remote]:
    if message.photo:
        largest = max(message.photo, key=lambda one: (one.width * one.height, one.file_size))
        yield Remote(
            ref=largest.file_id,
            name="photo.jpg",
            mime="image/jpeg",
            size_bytes=max(largest.file_size, 0),
            kind="image",
        )
    if message.sticker:
        yield _sticker(message.sticker)
    for name, (kind, called, mime) in NAMELESS.items():
        file: wire.File | None = getattr(message, name)
        if file:
            yield _remote(file, kind, called, mime)
    # An animation is told twice, the second time as a document for older readers.
    if message.document and not message.animation:
        first = message.document.mime_type.partition("/")[0]
        kinds: dict[str, FileKind] = {"image": "image", "audio": "audio", "video": "video"}
        yield _remote(message.document, kinds.get(first, "file"), "file", "")


def _remote(file: wire.File, kind: FileKind, name: str, mime: str) -> Remote:
    return Remote(
        ref=file.file_id,
        name=file.file_name or name,
        mime=file.mime_type or mime,
        size_bytes=max(file.file_size, 0),
        kind=kind,
    )


def _sticker(file: wire.File) -> Remote:
    if file.is_animated:
        return _remote(file, "file", "sticker.tgs", "application/gzip")
    if file.is_video:
        return _remote(file, "video", "sticker.webm", "video/webm")
    return _remote(file, "image", "sticker.webp", "image/webp")


def _spot(message: wire.Message) -> Spot | None:
    if message.venue:
        at = message.venue.location
        return Spot(
            latitude=at.latitude,
            longitude=at.longitude,
            title=message.venue.title,
            address=message.venue.address,
        )
    if message.location:
        return Spot(latitude=message.location.latitude, longitude=message.location.longitude)
    return None


def _card(message: wire.Message) -> Card | None:
    """One's own number comes with or without a plus; another's is as somebody once typed it."""
    card = message.contact
    if card is None:
        return None
    own = bool(message.sender and card.user_id and card.user_id == message.sender.id)
    digits = "".join(each for each in card.phone_number if each in "0123456789")
    return Card(
        name=f"{card.first_name} {card.last_name}".strip(),
        phone=f"+{digits}" if own and digits else card.phone_number,
        own=own,
    )


def _content(body: bytes) -> str:
    """What a message holds that is not read, by its name."""
    known = set(wire.Message.__struct_encode_fields__) | {"forward_origin", "via_bot"}
    inner = next(part for name, part in _names.decode(body).items() if name != "update_id")
    return next((name[:64] for name in _names.decode(inner) if name not in known), "nothing")
