"""The port that every channel kind fills; one module of `bots/` per kind, file name = kind.

1. `verify` fails closed: without a secret a channel cannot be built at all.
2. `parse` looks at no clock, no network and no other object: the same bytes and headers
   give equal events. One body may hold many events; all are returned, in order, and what
   is genuine but of no use becomes `Ignored`, never silence.
3. Whatever calls the platform raises only DeliveryErrors. Idempotency tokens are derived
   from `Draft.key`.
4. A channel keeps nothing between calls except connections.
5. The path of a hook holds the channel's id, never a secret.
6. `open` calls nobody: a platform that is away keeps no channel from being there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Generic, Protocol, TypeVar

import msgspec

from hub.channels.abilities import Capabilities
from hub.content import Button, Remote
from hub.errors import RejectedError
from hub.events import ChannelEvent
from hub.keeping.keys import Keys
from hub.model import Attachment, ChannelId, Identity

Settings = TypeVar("Settings", bound=msgspec.Struct)

BODY_MAX_BYTES = 3_000_000
"""What a hook may bring at once, unless its kind wants less."""


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a channel's door; header names are lower case.

    `path` is what follows the door's own address, as with platforms that have one for each event.
    """

    body: bytes
    path: str = ""
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    method: str = "POST"
    received_at: datetime


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform is told once all that its request held is durable."""

    text: str = "ok"
    content_type: str = "text/plain"
    status: int = 200


OK = Answer()


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel is asked to say; `key` is the same for every attempt.

    `reply_to` is the platform's own id of the message that is quoted.
    """

    key: str
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    buttons: tuple[tuple[Button, ...], ...] = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The platform took the message under this id, and the rest of what it was split into."""

    external_id: str
    more: tuple[str, ...] = ()


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the channel's key belongs to; `username` is what its links are made of."""

    name: str
    username: str = ""
    picture: Remote | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform tells of a person who wrote."""

    name: str = ""
    username: str = ""
    picture: Remote | None = None


class HookState(msgspec.Struct, frozen=True, kw_only=True):
    """The hook as the platform sees it; an empty `url` is none. `error` is the platform's words."""

    url: str = ""
    waiting: int = 0
    error: str = ""
    error_at: datetime | None = None


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for: bodies as a hook would bring them, and where to go on.

    The next poll with `marker` tells the platform that these are durable.
    """

    bodies: tuple[bytes, ...]
    marker: str


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a source makes of a body: its events, and what it passed over with a code of why."""

    events: tuple[ChannelEvent, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()


class Bytes(Protocol):
    """The hub's files as a channel may have them."""

    def read(self, file: Attachment) -> AsyncIterator[bytes]:
        """Its bytes; raises a DeliveryError when they cannot be had."""

    def link(self, file: Attachment) -> str:
        """A public address of it for an hour, empty when the hub has no public address."""


class _NoBytes:
    async def read(self, file: Attachment) -> AsyncIterator[bytes]:
        raise RejectedError("file_gone", reason="file_gone")
        yield b""

    def link(self, file: Attachment) -> str:
        return ""


class ChannelKind(ABC, Generic[Settings]):
    """One configured account on one platform.

    Only `verify`, `parse` and `send` are everybody's; the rest is asked of those alone whose
    capabilities have it.
    """

    kind: ClassVar[str]
    settings_type: ClassVar[type[msgspec.Struct]]
    capabilities: ClassVar[Capabilities]
    body_max_bytes: ClassVar[int] = BODY_MAX_BYTES
    door: str = ""
    """Where the platform finds this channel's hook; empty when the hub has no public address."""

    def __init__(
        self, id: ChannelId, settings: Settings, keys: Keys, files: Bytes | None = None
    ) -> None:
        self.id = id
        self.settings = settings
        self.keys = keys
        self.files = files or _NoBytes()

    @classmethod
    def numbered_by(cls, settings: Settings) -> str:
        """Whose numbers its messages have, where two accounts may give the same ones.

        Such a channel keeps its account: another's messages would be taken for repeats.
        """
        return ""

    async def open(self) -> None:
        """Makes ready; calls nobody."""

    async def close(self) -> None:
        """Lets go of connections; safe after a failed `open`, and twice."""

    @abstractmethod
    def verify(self, hook: Hook) -> None:
        """Raises SignatureError unless the platform made this request."""

    @abstractmethod
    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        """The events of a verified request; PayloadError if it is not this platform's."""

    def reading(self, hook: Hook) -> Reading | None:
        """How a source would read that request, whoever made it; None for any other kind.

        Raises PayloadError, whose text is a code, for what it could make nothing of.
        """
        return None

    async def answer(self, hook: Hook) -> Answer:
        """What the platform wants to hear to a verified request.

        Waits for nothing but, with those who ask for a word that only they know, for the platform:
        a DeliveryError then means that the request is to be made again.
        """
        return OK

    @abstractmethod
    async def send(self, to: Identity, draft: Draft) -> Receipt:
        """Says it; raises a DeliveryError."""

    async def edit(self, to: Identity, external_id: str, draft: Draft) -> None:
        """Makes an own message say this instead; a repeat changes nothing."""
        raise RejectedError("not_here", reason="not_here")

    async def delete(self, to: Identity, external_ids: Sequence[str]) -> None:
        """Takes own messages back; what is gone already is no error."""
        raise RejectedError("not_here", reason="not_here")

    async def react(self, to: Identity, external_id: str, emoji: str) -> None:
        """Puts the one reaction of ours on a message; an empty one takes it back."""
        raise RejectedError("not_here", reason="not_here")

    async def show_typing(self, to: Identity, external_id: str = "") -> None:
        """Shows for some seconds that an answer to that message is being written."""

    async def mark_read(self, to: Identity, external_id: str) -> None:
        """Tells the person that all up to this message was read."""

    async def acknowledge(self, ref: str, text: str = "") -> None:
        """Ends the wait of whoever pressed a button; `ref` is the event's `press`."""

    def fetch(self, remote: Remote) -> AsyncIterator[bytes]:
        """The bytes of a file that lies at the platform; raises a DeliveryError."""
        raise RejectedError("not_here", reason="not_here")

    async def profile(self, external_id: str) -> Profile | None:
        """What the platform tells of a person beside the messages; None if nothing."""
        return None

    async def account(self) -> Account:
        """Checks the key by asking whose it is; raises a DeliveryError."""
        raise RejectedError("not_here", reason="not_here")

    def handed(self) -> dict[str, str]:
        """What an admin copies from here into the platform's own settings, by name."""
        return {}

    def address(self, hook: str) -> str:
        """The hook's address as the platform is to be given it."""
        return hook

    def join_link(self, username: str, key: str) -> str:
        """Where a person goes on with us there; `key` comes back as `start` with the first word."""
        return ""

    async def hook(self) -> HookState:
        """The hook as the platform sees it."""
        return HookState()

    async def set_hook(self, url: str) -> None:
        """Has the platform bring what happens to that address; any other of ours is taken off."""
        raise RejectedError("not_here", reason="not_here")

    async def drop_hook(self) -> None:
        """Has the platform bring nothing more."""

    async def poll(self, marker: str) -> Polled:
        """What happened since the marker; waits at most half a minute for something to happen."""
        raise RejectedError("not_here", reason="not_here")
