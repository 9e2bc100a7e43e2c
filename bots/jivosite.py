"""Chats of Jivo, told when they are over: https://www.jivo.ru/docs/webhooks/

Operators answer in Jivo itself; here the talk is kept, and a request that nobody was there for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta, Struct

from bots.sources.reading import digest
from bots.sources.source import HEARS, AddressedListener, KeySettings
from hub.channels.abilities import Ability, Capabilities
from hub.channels.port import Answer, Hook, Reading
from hub.errors import PayloadError
from hub.events import (
    ChannelEvent,
    FieldsTold,
    Ignored,
    MessageReceived,
    Sender,
)
from hub.model import cut
from hub.people import contacts
from hub.people.visit import Visit
from hub.statuses import RequestType
from hub.store.engine import milliseconds, moment

MESSAGES_MAX = 500
LATEST = timedelta(days=7)
UNSHOWN = "<Message text is not displayed here>"
"""Stands for a text that the account's privacy settings keep inside."""

UNUSED = frozenset(("call_event", "chat_assigned", "client_attribute_updated"))

Id = str | int | None


class JivositeSettings(KeySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class _Visitor(Struct, frozen=True):
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    number: Id = None
    description: str | None = None


class _Agent(Struct, frozen=True):
    id: Id = None
    name: str | None = None


class _Page(Struct, frozen=True):
    url: str | None = None
    title: str | None = None


class _Session(Struct, frozen=True):
    utm_json: dict[str, str | int | float | None] | None = None


class _Line(Struct, frozen=True):
    message: str | None = None
    timestamp: Annotated[int, Meta(ge=0, lt=2**33)] | None = None
    type: str | None = None
    agent_id: Id = None


class _Chat(Struct, frozen=True):
    messages: list[_Line] | None = None


class _Told(Struct, frozen=True):
    event_name: str
    visitor: _Visitor | None = None
    chat_id: Id = None
    client_id: Id = None
    page: _Page | None = None
    session: _Session | None = None
    agent: _Agent | None = None
    agents: list[_Agent] | None = None
    chat: _Chat | None = None
    plain_messages: str | None = None
    message: str | None = None
    offline_message_id: Id = None


class Jivosite(AddressedListener[JivositeSettings]):
    """A person is one of Jivo's clients, whatever chat it is."""

    kind: ClassVar[str] = "jivosite"
    settings_type: ClassVar[type[msgspec.Struct]] = JivositeSettings
    capabilities: ClassVar[Capabilities] = msgspec.structs.replace(
        HEARS,
        type=RequestType.JIVOSITE,
        hears=frozenset({Ability.STAFF}),
    )

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        try:
            told = msgspec.json.decode(hook.body, type=_Told)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise PayloadError("json") from None
        sender = _sender(told)
        match told.event_name:
            case "chat_accepted":
                return [_opened(told, sender, hook)]
            case "chat_finished":
                return _talk(told, sender, hook) or [_ignored(told, sender, hook, "empty")]
            case "offline_message":
                return [_left(told, sender, hook)]
            case "chat_updated" | "client_updated":
                fields = _fields(told)
                if fields:
                    return [FieldsTold(sender=sender, at=cut(hook.received_at), fields=fields)]
                return [_ignored(told, sender, hook, told.event_name)]
            case name if name in UNUSED:
                return [_ignored(told, sender, hook, name)]
            case name:
                return [_ignored(told, sender, hook, f"unknown:{name[:40]}")]

    def reading(self, hook: Hook) -> Reading:
        return Reading(events=tuple(self.parse(hook)))

    async def answer(self, hook: Hook) -> Answer:
        return Answer(text='{"result": "ok"}', content_type="application/json")


def _sender(told: _Told) -> Sender:
    visitor = told.visitor or _Visitor()
    person = _id(visitor.number) or _id(told.client_id)
    return Sender(
        # Whoever Jivo does not number is somebody of that chat.
        external_id=person or f"chat:{_id(told.chat_id) or digest(_id(told.offline_message_id))}",
        name=visitor.name or "",
        phone=contacts.phone_of(visitor.phone or "") or "",
    )


def _opened(told: _Told, sender: Sender, hook: Hook) -> MessageReceived:
    return MessageReceived(
        sender=sender,
        at=cut(hook.received_at),
        external_id=f"chat:{_id(told.chat_id) or sender.external_id}:accepted",
        question=False,
        visit=_visit(told),
    )


def _left(told: _Told, sender: Sender, hook: Hook) -> MessageReceived:
    id = _id(told.offline_message_id) or digest(sender.external_id, told.message or "")
    return MessageReceived(
        sender=sender,
        at=cut(hook.received_at),
        external_id=f"offline:{id}",
        text=told.message or "",
        visit=_visit(told),
    )


def _talk(told: _Told, sender: Sender, hook: Hook) -> list[ChannelEvent]:
    """What both sides said, each at its time; a chat that goes on and ends again adds its end."""
    chat = _id(told.chat_id) or sender.external_id
    names = {_id(each.id): each.name or "" for each in told.agents or ()}
    lines = [each for each in (told.chat or _Chat()).messages or () if each.type]
    if not lines and told.plain_messages:
        lines = [_Line(message=told.plain_messages, type="visitor")]
    said: list[ChannelEvent] = []
    at_once: Counter[int] = Counter()
    earliest, latest = milliseconds(hook.received_at - LATEST), milliseconds(hook.received_at)
    for line in lines[:MESSAGES_MAX]:
        stamp = line.timestamp or 0
        at_once[stamp] += 1
        at = moment(min(max(stamp * 1_000, earliest), latest) if stamp else latest)
        id = f"chat:{chat}:{stamp}:{at_once[stamp]}"
        text = "" if line.message in (None, UNSHOWN) else line.message or ""
        message = MessageReceived(
            sender=sender,
            at=at,
            external_id=id,
            order=at_once[stamp],
            text=text,
            visit=_visit(told),
        )
        if line.type == "visitor":
            said.append(message)
        elif line.type == "agent":
            said.append(message.by_staff(names.get(_id(line.agent_id), "")))
    return said


def _fields(told: _Told) -> dict[str, str]:
    visitor = told.visitor or _Visitor()
    said = {"name": visitor.name, "phone": visitor.phone, "email": visitor.email}
    return {name: value for name, value in said.items() if value}


def _visit(told: _Told) -> Visit:
    page, session = told.page or _Page(), told.session or _Session()
    utm = {f"utm_{name}": str(value) for name, value in (session.utm_json or {}).items() if value}
    return Visit(page=page.url or "", title=page.title or "", utm=utm)


def _ignored(told: _Told, sender: Sender, hook: Hook, name: str) -> Ignored:
    return Ignored(sender=sender, at=cut(hook.received_at), name=name)


def _id(value: Id) -> str:
    """An id as Jivo writes it, as a number or as a text; what is no id of its is cut."""
    return "" if value is None else str(value)[:64]
