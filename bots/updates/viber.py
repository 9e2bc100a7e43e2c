"""What Viber tells, read into events: https://developers.viber.com/docs/api/rest-bot-api/#callbacks

`message_token` is a number of 64 bits; it is read exactly and passed on as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from bots.line.text import marked
from hub.content import Card, FileKind, Remote, Spot, size_of, spot_at
from hub.errors import PayloadError
from hub.events import (
    ChannelEvent,
    DeliveryReported,
    Ignored,
    MessageReceived,
    ReachabilityChanged,
    Sender,
)
from hub.model import OutState
from hub.store.engine import moment

LATEST_MS = 253_402_300_799_999
FILES: dict[str, FileKind] = {
    "picture": "image",
    "sticker": "image",
    "video": "video",
    "file": "file",
}
REACHED = {"delivered": OutState.DELIVERED, "seen": OutState.READ, "failed": OutState.FAILED}


class Tracked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is sent along with a message and comes back with what is said next.

    The person was asked for the own number, or not; `pressed` is the data of the buttons by
    their labels, since a pressed one comes back as its label only. It lay on the person's phone:
    without our `sign` it says nothing.
    """

    asks: bool = False
    pressed: dict[str, str] = {}
    sign: str = ""


class _User(msgspec.Struct, frozen=True):
    id: str
    name: str | None = None


class _Head(msgspec.Struct, frozen=True):
    event: str
    timestamp: int


class _Met(_Head, frozen=True):
    user: _User
    message_token: int
    context: str | None = None


class _Left(_Head, frozen=True):
    user_id: str


class _Reached(_Head, frozen=True):
    message_token: int
    user_id: str


class _Written(_Head, frozen=True):
    message_token: int
    sender: _User
    message: dict[str, Any]
    chat_id: str | None = None


def events(body: bytes, ours: Callable[[Tracked, str], bool]) -> Sequence[ChannelEvent]:
    """The events of one callback; `ours` says whether we sent that along to that person."""
    head = _as(body, _Head)
    if not 0 < head.timestamp <= LATEST_MS:
        raise PayloadError("a time that is none")
    at = moment(head.timestamp)
    match head.event:
        case "message":
            return [_message(_as(body, _Written), at, ours)]
        case "conversation_started":
            return [_started(_as(body, _Met), at)]
        case "subscribed":
            sender = _sender(_as(body, _Met).user)
            return [ReachabilityChanged(sender=sender, at=at, reachable=True)]
        case "unsubscribed":
            sender = Sender(external_id=_as(body, _Left).user_id)
            return [ReachabilityChanged(sender=sender, at=at, reachable=False)]
        case "delivered" | "seen" | "failed":
            told = _as(body, _Reached)
            return [
                DeliveryReported(
                    sender=Sender(external_id=told.user_id),
                    at=at,
                    external_id=str(told.message_token),
                    state=REACHED[head.event],
                    failure="internal" if head.event == "failed" else "",
                )
            ]
        case other:
            name = other if other in ("webhook", "action") else f"unknown:{other[:60]}"
            return [Ignored(sender=Sender(external_id="-"), at=at, name=name)]


def _as(body: bytes, type: type[Any]) -> Any:
    try:
        told = msgspec.json.decode(body, type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"not a callback: {error.__class__.__name__}") from None
    for id in (getattr(told, "user_id", "-"), getattr(getattr(told, "user", None), "id", "-")):
        if not id:
            raise PayloadError("a callback about nobody")
    return told


def _sender(user: _User) -> Sender:
    return Sender(external_id=user.id, name=user.name or "")


def _started(told: _Met, at: datetime) -> ChannelEvent:
    """Opening the chat is no consent, and only by a link of ours it tells something."""
    sender = _sender(told.user)
    if not told.context:
        return Ignored(sender=sender, at=at, name="conversation_started")
    return MessageReceived(
        sender=sender,
        at=at,
        external_id=str(told.message_token),
        question=False,
        start=told.context,
    )


def _message(told: _Written, at: datetime, ours: Callable[[Tracked, str], bool]) -> ChannelEvent:
    if not told.sender.id:
        raise PayloadError("a message of nobody")
    sender, held = _sender(told.sender), told.message
    if told.chat_id:
        return Ignored(sender=sender, at=at, name="group")
    kind, text = _word(held.get("type")), _word(held.get("text"))
    tracked = _tracked(held.get("tracking_data"))
    tracked = tracked if ours(tracked, told.sender.id) else Tracked()
    spot = _spot(held.get("location")) if kind == "location" else None
    card = _card(held.get("contact"), told.sender, tracked) if kind == "contact" else None
    media = _media(kind, held)
    if kind == "url":
        text = "\n".join(each for each in (text, _word(held.get("media"))) if each)
    pressed = tracked.pressed.get(text, "") if kind == "text" else ""
    return MessageReceived(
        sender=sender,
        at=at,
        external_id=str(told.message_token),
        text=marked(text, []),
        question=not pressed and card is None,
        media=media,
        spot=spot,
        card=card,
        pressed=pressed,
    )


def _media(kind: str, held: Mapping[str, Any]) -> tuple[Remote, ...]:
    ref, size = _word(held.get("media")), size_of(held.get("size"))
    if kind not in FILES or not ref:
        return ()
    name = _word(held.get("file_name"))
    return (Remote(ref=ref, name=name, size_bytes=size, kind=FILES[kind]),)


def _spot(told: Any) -> Spot | None:
    held = told if isinstance(told, dict) else {}
    return spot_at(held.get("lat"), held.get("lon"))


def _card(told: Any, sender: _User, tracked: Tracked) -> Card | None:
    """The platform proves nothing: own is the card that answers our button under the own name."""
    held = told if isinstance(told, dict) else {}
    name, phone = _word(held.get("name")), _word(held.get("phone_number"))
    if not name and not phone:
        return None
    own = bool(name) and name == sender.name and tracked.asks
    return Card(name=name, phone=f"+{phone}" if phone.isdecimal() else phone, own=own)


def _tracked(told: Any) -> Tracked:
    try:
        return msgspec.json.decode(_word(told) or "{}", type=Tracked)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Tracked()


def _word(told: object) -> str:
    return told if isinstance(told, str) else ""
