"""What MAX tells, read into events: https://dev.max.ru/docs-api/objects/Update

Any field may be absent or null alike. Ids are numbers beyond what a double holds; here they are
read exactly and passed on as text.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from bots.line.text import Span, Style, from_utf16, marked
from hub.content import Card, FileKind, Remote, Spot, size_of, spot_at
from hub.errors import PayloadError
from hub.events import (
    ChannelEvent,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    ReachabilityChanged,
    Sender,
)
from hub.store.engine import moment

LATEST_MS = 253_402_300_799_999
ORDER_MAX = 2**53
VIDEO = "video:"
"""What a reference to a film begins with: its address has to be asked for first."""

STYLES: dict[str, Style] = {
    "strong": "bold",
    "heading": "bold",
    "emphasized": "italic",
    "strikethrough": "strike",
    "monospaced": "code",
    "link": "link",
}
FILES: dict[str, FileKind] = {
    "image": "image",
    "sticker": "image",
    "video": "video",
    "audio": "audio",
    "file": "file",
}
IDLE = frozenset(
    {
        *("dialog_removed", "dialog_cleared", "dialog_muted", "dialog_unmuted"),
        *("bot_added", "bot_removed", "user_added", "user_removed", "chat_title_changed"),
        *("comment_created", "comment_edited", "comment_removed"),
        *("message_chat_created", "bot_admin_permissions_changed"),
    }
)
"""Known updates that say nothing of a dialog's words; any other is one of the future."""


class _User(msgspec.Struct, frozen=True):
    user_id: int
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    username: str | None = None
    is_bot: bool | None = None


class _Recipient(msgspec.Struct, frozen=True):
    chat_type: str | None = None
    chat_id: int | None = None


class _Body(msgspec.Struct, frozen=True):
    mid: str
    seq: int | None = None
    text: str | None = None
    attachments: list[dict[str, Any]] | None = None
    markup: list[dict[str, Any]] | None = None


class _Linked(msgspec.Struct, frozen=True):
    type: str | None = None
    sender: _User | None = None
    message: _Body | None = None


class _Message(msgspec.Struct, frozen=True):
    recipient: _Recipient
    sender: _User | None = None
    timestamp: int | None = None
    body: _Body | None = None
    link: _Linked | None = None


class _Head(msgspec.Struct, frozen=True):
    update_type: str
    timestamp: int


class _Written(_Head, frozen=True):
    message: _Message | None = None


class _Removed(_Head, frozen=True):
    message_id: str
    chat_id: int
    user_id: int


class _Callback(msgspec.Struct, frozen=True):
    callback_id: str
    user: _User
    timestamp: int | None = None
    payload: str | None = None


class _Pressed(_Head, frozen=True):
    callback: _Callback
    message: _Message | None = None


class _Met(_Head, frozen=True):
    chat_id: int
    user: _User
    payload: str | None = None


class _Updates(msgspec.Struct, frozen=True):
    updates: list[msgspec.Raw]
    marker: int | None = None


def events(body: bytes, token: str) -> Sequence[ChannelEvent]:
    """The events of one update; the bot's `token` is what shared contacts are signed with."""
    head = _as(body, _Head)
    at = _at(head.timestamp)
    match head.update_type:
        case "message_created":
            return [_created(_as(body, _Written), at, token)]
        case "message_edited":
            return [_edited(_as(body, _Written), at)]
        case "message_removed":
            return [_removed(_as(body, _Removed), at)]
        case "message_callback":
            return [_pressed(_as(body, _Pressed), at)]
        case "bot_started":
            return _started(_as(body, _Met), at)
        case "bot_stopped":
            met = _as(body, _Met)
            return [ReachabilityChanged(sender=_sender(met.user), at=at, reachable=False)]
        case other:
            return [_ignored(at, other if other in IDLE else f"unknown:{other[:60]}")]


def apart(body: bytes) -> tuple[tuple[bytes, ...], int | None]:
    """The updates of one poll, each as a hook would bring it, and the next marker."""
    told = _as(body, _Updates)
    return tuple(bytes(each) for each in told.updates), told.marker


def is_own(card: str, hash: str, token: str) -> bool:
    """Whether MAX has signed that the card is of who sent it.

    https://dev.max.ru/docs-api/use-cases/sending-messages/keyboard
    """
    given = hash.strip().lower().encode(errors="surrogatepass")
    good = False
    for each in {card, card.replace("\\r", "\r").replace("\\n", "\n")}:
        right = hmac.digest(token.encode(), each.encode(errors="surrogatepass"), hashlib.sha256)
        good |= hmac.compare_digest(right.hex().encode(), given)
    return good


def _as(body: bytes, type: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"not an update: {error.__class__.__name__}") from None


def _at(told: int) -> datetime:
    if not 0 < told <= LATEST_MS:
        raise PayloadError("a time that is none")
    return moment(told)


def _created(update: _Written, at: datetime, token: str) -> ChannelEvent:
    message = update.message
    if message is None or message.sender is None or (not message.body and not message.link):
        # Some clients' voice messages come like this; there is nothing in them to keep.
        return _ignored(at, "message_created:empty")
    if _elsewhere(message):
        return _ignored(at, "group", message.sender)
    if message.sender.is_bot:
        return _ignored(at, "own", message.sender)
    body = message.body or _Body(mid=f"{message.sender.user_id}:{update.timestamp}")
    texts, media, spot, card = [_text(body)], _media(body), None, None
    link = message.link
    if link is not None and link.type == "forward" and link.message is not None:
        texts.append(_forwarded(link.sender, link.message))
        media += _media(link.message)
    for each in body.attachments or ():
        match each.get("type"):
            case "location":
                spot = _spot(each) or spot
            case "contact":
                card = _card(each, message.sender, token) or card
            case "share" if not texts[0]:
                texts[0] = _word(_payload(each).get("url")) or _word(each.get("title"))
            case _:
                pass
    text = "\n".join(each for each in texts if each)
    return MessageReceived(
        sender=_sender(message.sender),
        at=_at(message.timestamp or update.timestamp),
        external_id=body.mid,
        order=(body.seq or 0) % ORDER_MAX,
        text=text,
        reply_to=link.message.mid if link and link.type == "reply" and link.message else "",
        question=bool(text or media or spot or not card),
        media=tuple(media),
        spot=spot,
        card=card,
    )


def _edited(update: _Written, at: datetime) -> ChannelEvent:
    message = update.message
    if message is None or message.sender is None or message.body is None:
        return _ignored(at, "message_edited:empty")
    if _elsewhere(message) or message.sender.is_bot:
        return _ignored(at, "group" if _elsewhere(message) else "own", message.sender)
    sender, body = _sender(message.sender), message.body
    return MessageEdited(sender=sender, at=at, external_id=body.mid, text=_text(body))


def _removed(update: _Removed, at: datetime) -> ChannelEvent:
    sender = Sender(external_id=str(update.user_id))
    if update.chat_id < 0:
        return Ignored(sender=sender, at=at, name="group")
    return MessageDeleted(sender=sender, at=at, external_id=update.message_id)


def _pressed(update: _Pressed, at: datetime) -> ChannelEvent:
    callback, message = update.callback, update.message
    if message is not None and _elsewhere(message):
        return _ignored(at, "group", callback.user)
    data = callback.payload or ""
    when = callback.timestamp or update.timestamp
    return MessageReceived(
        sender=_sender(callback.user),
        at=_at(when),
        # The same id names every press of one keyboard; the moment tells presses apart.
        external_id=f"{callback.callback_id}:{when}",
        text=marked(_label(message, data), []),
        question=False,
        pressed=data,
        press=callback.callback_id,
    )


def _started(update: _Met, at: datetime) -> list[ChannelEvent]:
    sender = _sender(update.user)
    return [
        ReachabilityChanged(sender=sender, at=at, reachable=True),
        MessageReceived(
            sender=sender,
            at=at,
            external_id=f"start:{update.chat_id}:{update.timestamp}",
            question=False,
            start=update.payload or "",
        ),
    ]


def _ignored(at: datetime, name: str, user: _User | None = None) -> Ignored:
    sender = _sender(user) if user else Sender(external_id="-")
    return Ignored(sender=sender, at=at, name=name)


def _elsewhere(message: _Message) -> bool:
    return message.recipient.chat_type not in (None, "dialog")


def _sender(user: _User) -> Sender:
    apart = " ".join(each for each in (user.first_name, user.last_name) if each)
    return Sender(
        external_id=str(user.user_id), name=user.name or apart, username=user.username or ""
    )


def _text(body: _Body) -> str:
    """With the styles as light markup; MAX counts their places as UTF-16."""
    text = body.text or ""
    spans = []
    for each in body.markup or ():
        style, start, length = (
            STYLES.get(_word(each.get("type"))),
            each.get("from"),
            each.get("length"),
        )
        if style and isinstance(start, int) and isinstance(length, int):
            spans.append(Span(start, start + length, style, _word(each.get("url"))))
    return marked(text, from_utf16(text, spans))


def _forwarded(author: _User | None, body: _Body) -> str:
    said = _text(body)
    name = _sender(author).name if author else ""
    whole = f"{name}:\n{said}" if name else said
    return "\n".join(f"> {line}" for line in whole.split("\n"))


def _media(body: _Body) -> list[Remote]:
    found = []
    for each in body.attachments or ():
        kind = FILES.get(_word(each.get("type")))
        held = _payload(each)
        url, token = _word(held.get("url")), _word(held.get("token"))
        ref = VIDEO + token if kind == "video" and token else url
        if kind and ref:
            found.append(
                Remote(
                    ref=ref,
                    name=_word(each.get("filename")),
                    size_bytes=size_of(each.get("size")),
                    kind=kind,
                )
            )
    return found


def _spot(told: dict[str, Any]) -> Spot | None:
    return spot_at(told.get("latitude"), told.get("longitude"))


def _card(told: dict[str, Any], sender: _User, token: str) -> Card | None:
    held = _payload(told)
    card, info = _word(held.get("vcf_info")), held.get("max_info") or held.get("tam_info")
    who = info if isinstance(info, dict) else {}
    # Folded lines go on after a space: https://www.rfc-editor.org/rfc/rfc6350#section-3.2
    lines = re.sub(r"\r?\n[ \t]", "", card.replace("\\r", "\r").replace("\\n", "\n")).splitlines()
    values: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        values.setdefault(key.partition(";")[0].rpartition(".")[2].upper(), value.strip())
    digits = re.sub(r"\D", "", values.get("TEL", ""))
    name = values.get("FN", "") or _word(who.get("name")) or _word(who.get("first_name"))
    if not digits and not name:
        return None
    hash = _word(held.get("hash"))
    own = bool(hash) and who.get("user_id") == sender.user_id and is_own(card, hash, token)
    return Card(name=name, phone=f"+{digits}" if digits else "", own=own)


def _label(message: _Message | None, data: str) -> str:
    """What the button with that data says."""
    for each in (message.body.attachments or ()) if message and message.body else ():
        rows = _payload(each).get("buttons")
        for row in rows if isinstance(rows, list) else ():
            for button in row if isinstance(row, list) else ():
                if isinstance(button, dict) and button.get("payload") == data:
                    return _word(button.get("text"))
    return ""


def _payload(attachment: dict[str, Any]) -> dict[str, Any]:
    held = attachment.get("payload")
    return held if isinstance(held, dict) else {}


def _word(told: object) -> str:
    return told if isinstance(told, str) else ""
