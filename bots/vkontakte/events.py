"""What VK's updates mean; the same for those that a hook brought and those that were asked for.

https://dev.vk.com/ru/api/community-events/json-schema
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from bots.vkontakte.forms import filled
from bots.vkontakte.parts import Parts, read
from bots.vkontakte.words import emoji_of, is_start, legible, pressed
from hub.channels.port import Hook
from hub.errors import PayloadError
from hub.events import (
    ChannelEvent,
    DeliveryReported,
    Ignored,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    ReachabilityChanged,
    Sender,
    TypingNoticed,
)
from hub.model import OutState, cut

CHATS_FROM = 2_000_000_000
"""Peers from here on are chats of several people."""

LATEST = 2**33
OURS = re.compile(r"^[A-Za-z0-9_-]{16,64}\Z")
"""What a key of ours for a link may look like; whoever allows messages may bring any other."""


class Envelope(msgspec.Struct, frozen=True):
    """One update; whatever `object` holds is looked at only once its type is known."""

    type: str
    object: msgspec.Raw = msgspec.Raw(b"{}")
    group_id: int = 0
    event_id: str = ""
    secret: str = ""


class Message(msgspec.Struct, frozen=True):
    """Only what is read of it."""

    date: int
    peer_id: int
    from_id: int
    id: int = 0
    conversation_message_id: int = 0
    text: str | None = ""
    out: int | bool = 0
    attachments: list[Any] | None = None
    fwd_messages: list[Any] | None = None
    reply_message: dict[str, Any] | None = None
    geo: Any = None
    payload: str | None = ""
    ref: str | None = ""
    admin_author_id: int | None = 0
    update_time: int | None = 0
    version: int | None = 0

    @property
    def external_id(self) -> str:
        return external_id(self.peer_id, self.conversation_message_id, self.id)

    @property
    def order(self) -> int:
        return self.conversation_message_id or self.id


class _New(msgspec.Struct, frozen=True):
    message: Message


class _Allowing(msgspec.Struct, frozen=True):
    user_id: Annotated[int, Meta(gt=0)]
    key: str | None = ""


class _Typing(msgspec.Struct, frozen=True):
    from_id: int
    state: str | None = ""


class _Read(msgspec.Struct, frozen=True):
    from_id: int
    peer_id: int
    conversation_message_id: int = 0
    read_message_id: int = 0


class _Reaction(msgspec.Struct, frozen=True):
    reacted_id: int
    peer_id: int
    cmid: int
    reaction_id: int | None = None


class _Press(msgspec.Struct, frozen=True):
    user_id: Annotated[int, Meta(gt=0)]
    peer_id: int
    event_id: str
    payload: Any = None


def external_id(peer: int, cmid: int, id: int = 0) -> str:
    """A message of the channel: VK counts in each chat, and beside it in the whole community."""
    return f"{peer}:{cmid}" if cmid else f"{peer}:id{id}"


def envelope(body: bytes) -> Envelope:
    """Raises PayloadError for what is no update."""
    told: Envelope = _decoded(body, Envelope)
    return told


def parse(hook: Hook) -> Sequence[ChannelEvent]:
    """The events of one update."""
    told = envelope(hook.body)
    at = cut(hook.received_at)
    match told.type:
        case "message_new":
            return _said(_decoded(told.object, _New).message, told)
        case "message_reply":
            return _said(_decoded(told.object, Message), told)
        case "message_edit":
            return [_edited(_decoded(told.object, Message), told)]
        case "message_allow":
            return _allowed(_decoded(told.object, _Allowing), told, at)
        case "message_deny":
            denied = _decoded(told.object, _Allowing)
            person = Sender(external_id=str(denied.user_id))
            return [ReachabilityChanged(sender=person, at=at, reachable=False)]
        case "message_typing_state":
            who = _decoded(told.object, _Typing)
            if who.state != "typing" or not 0 < who.from_id < CHATS_FROM:
                return [_ignored(told, at)]
            return [TypingNoticed(sender=Sender(external_id=str(who.from_id)), at=at)]
        case "message_read":
            return [_seen(_decoded(told.object, _Read), told, at)]
        case "message_reaction_event":
            return [_reacted(_decoded(told.object, _Reaction), told, at)]
        case "message_event":
            return [_press(_decoded(told.object, _Press), told, at)]
        case "lead_forms_new":
            return [filled(_decoded(told.object, dict[str, Any]), at)]
        case "confirmation" | "user_block" | "user_unblock" | "group_join" | "group_leave":
            return [_ignored(told, at)]
        case _:
            return [_ignored(told, at, name=f"unknown:{told.type[:80]}")]


def _said(message: Message, told: Envelope) -> Sequence[ChannelEvent]:
    """A message of the person, or of somebody of the community when VK names its author."""
    at = _at(message.date)
    if message.peer_id >= CHATS_FROM:
        return [_ignored(told, at, name="group")]
    parts = _parts(message)
    said = MessageReceived(
        sender=Sender(external_id=str(message.peer_id)),
        at=at,
        external_id=message.external_id,
        order=message.order,
        text=parts.text,
        reply_to=parts.reply_to,
        media=parts.media,
        spot=parts.spot,
    )
    if message.out or told.type == "message_reply":
        if not message.admin_author_id:
            # Our own words come back, and those of other programs that have a key.
            return [_ignored(told, at, name="echo")]
        return [said.by_staff()]
    start = message.payload or ""
    begins = is_start(start)
    data, _ = pressed(start) if start and not begins else ("", "")
    return [
        replace(
            said,
            text="" if begins else parts.text,
            question=not begins and not data,
            start=(message.ref or "")[:64],
            pressed=data,
        )
    ]


def _edited(message: Message, told: Envelope) -> ChannelEvent:
    at = _at(message.update_time or message.date)
    if message.peer_id >= CHATS_FROM:
        return _ignored(told, at, name="group")
    if message.out and not message.admin_author_id:
        return _ignored(told, at, name="echo")
    return MessageEdited(
        sender=Sender(external_id=str(message.peer_id)),
        at=at,
        external_id=message.external_id,
        order=message.version or 0,
        text=_parts(message).text,
    )


def _allowed(who: _Allowing, told: Envelope, at: datetime) -> Sequence[ChannelEvent]:
    """The person may be written to; the key of a button of the site joins him to its visitor."""
    person = Sender(external_id=str(who.user_id))
    events: list[ChannelEvent] = [ReachabilityChanged(sender=person, at=at, reachable=True)]
    if who.key and OURS.match(who.key):
        events.append(
            MessageReceived(
                sender=person,
                at=at,
                external_id=f"{who.user_id}:allow:{told.event_id[:64] or who.key}",
                question=False,
                start=who.key,
            )
        )
    return events


def _seen(seen: _Read, told: Envelope, at: datetime) -> ChannelEvent:
    if seen.peer_id >= CHATS_FROM or seen.from_id <= 0:
        return _ignored(told, at, name="group" if seen.peer_id >= CHATS_FROM else "echo")
    return DeliveryReported(
        sender=Sender(external_id=str(seen.peer_id)),
        at=at,
        external_id=external_id(seen.peer_id, seen.conversation_message_id, seen.read_message_id),
        state=OutState.READ,
        upto=True,
    )


def _reacted(reaction: _Reaction, told: Envelope, at: datetime) -> ChannelEvent:
    if reaction.peer_id >= CHATS_FROM or reaction.reacted_id <= 0:
        return _ignored(told, at, name="group" if reaction.peer_id >= CHATS_FROM else "echo")
    return MessageReacted(
        sender=Sender(external_id=str(reaction.peer_id)),
        at=at,
        external_id=external_id(reaction.peer_id, reaction.cmid),
        emoji=emoji_of(reaction.reaction_id) if reaction.reaction_id else "",
    )


def _press(press: _Press, told: Envelope, at: datetime) -> ChannelEvent:
    if press.peer_id >= CHATS_FROM:
        return _ignored(told, at, name="group")
    data, label = pressed(press.payload)
    return MessageReceived(
        sender=Sender(external_id=str(press.user_id)),
        at=at,
        external_id=f"{press.peer_id}:press:{press.event_id[:64]}",
        text=legible(label),
        question=False,
        pressed=data,
        press=f"{press.user_id}:{press.peer_id}:{press.event_id}",
    )


def _parts(message: Message) -> Parts:
    return read(
        peer=message.peer_id,
        text=message.text or "",
        attachments=message.attachments or [],
        forwarded=message.fwd_messages or [],
        reply=message.reply_message,
        geo=message.geo,
    )


def _ignored(told: Envelope, at: datetime, *, name: str = "") -> Ignored:
    """About whoever it names first; VK tells of nobody in some."""
    try:
        who = msgspec.json.decode(told.object, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        who = {}
    message = who.get("message")
    told_of = message if isinstance(message, dict) else who
    named = (told_of.get(each) for each in ("peer_id", "user_id", "from_id"))
    person = next((each for each in named if isinstance(each, int) and each), told.group_id)
    return Ignored(sender=Sender(external_id=str(person)), at=at, name=name or told.type)


def _at(seconds: int) -> datetime:
    if not 0 <= seconds < LATEST:
        raise PayloadError("a date that is none")
    return datetime.fromtimestamp(seconds, UTC)


def _decoded(body: bytes | msgspec.Raw, type: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=type)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        # Its own words quote no value, only the path and the types.
        raise PayloadError(str(error)[:200]) from None
