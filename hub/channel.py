"""The port that every channel kind fills; one module of `bots/` per kind, file name = kind.

1. `verify` fails closed: without a secret a channel cannot be built at all.
2. `parse` looks at no clock, no network and no other object: the same bytes and headers
   give equal events. One body may hold many events; all are returned, in order, and what
   is genuine but of no use becomes `Ignored`, never silence.
3. `send` raises only DeliveryErrors. Idempotency tokens are derived from `Draft.key`.
4. A channel keeps nothing between calls except connections.
5. The path of a hook holds the channel's id, never a secret.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Generic, TypeVar

import msgspec

from hub.events import ChannelEvent
from hub.keys import Keys
from hub.model import Attachment, ChannelId, Identity
from hub.statuses import RequestType

Settings = TypeVar("Settings", bound=msgspec.Struct)


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a channel's door; header names are lower case."""

    body: bytes
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    received_at: datetime


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel is asked to say; `key` is the same for every attempt."""

    key: str
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The platform took the message under this id."""

    external_id: str


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform can do, as data; screens offer nothing else."""

    type: RequestType
    text_max_chars: int
    attachments_max: int
    attachment_max_bytes: int
    idempotent_for: timedelta = timedelta(0)
    delivered: bool = False
    read: bool = False
    typing: bool = False
    edits: bool = False
    deletes: bool = False


class ChannelKind(ABC, Generic[Settings]):
    """One configured account on one platform."""

    kind: ClassVar[str]
    settings_type: ClassVar[type[msgspec.Struct]]
    capabilities: ClassVar[Capabilities]

    def __init__(self, id: ChannelId, settings: Settings, keys: Keys) -> None:
        self.id = id
        self.settings = settings
        self.keys = keys

    async def open(self) -> None:
        """Connects and checks the key; raises a DeliveryError."""

    async def close(self) -> None:
        """Lets go of connections; safe after a failed `open`."""

    @abstractmethod
    def verify(self, hook: Hook) -> None:
        """Raises SignatureError unless the platform made this request."""

    @abstractmethod
    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        """The events of a verified request; PayloadError if it is not this platform's."""

    @abstractmethod
    async def send(self, to: Identity, draft: Draft) -> Receipt:
        """Says it; raises a DeliveryError."""
