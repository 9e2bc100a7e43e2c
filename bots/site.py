"""The chat of a site, seen as one more channel.

The door of the widget plays the platform: it resolves files that a visitor names, puts
what is known of the visit beside the words and hands the frame to `parse`. The visitor's
key is all that a browser has to show who it is.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from hub.channel import Capabilities, ChannelKind, Draft, Hook, Receipt
from hub.errors import PayloadError, SignatureError
from hub.events import ChannelEvent, DeliveryReported, MessageReceived, Sender, TypingNoticed
from hub.model import Attachment, Identity, OutState, Visit
from hub.statuses import RequestType
from hub.store.engine import milliseconds, moment

LATEST = timedelta(hours=48)
_ORIGIN = re.compile(r"https?://[^\s/?#@]+")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which sites may show the chat ("*": any), its looks, and how fast one may write."""

    origins: tuple[str, ...] = ()
    color: Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")] = "#2f6feb"
    greeting: Annotated[str, Meta(max_length=500)] = ""
    visitor_per_minute: Annotated[int, Meta(ge=1, le=100_000)] = 60
    address_per_minute: Annotated[int, Meta(ge=1, le=100_000)] = 600

    def __post_init__(self) -> None:
        for origin in self.origins:
            if origin != "*" and (origin != origin.lower() or not _ORIGIN.fullmatch(origin)):
                raise ValueError("origins are written as https://example.com, in small letters")


class _Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="t"):
    pass


class _Send(_Frame, frozen=True, kw_only=True, tag="send"):
    key: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{8,64}\Z")]
    at: int
    order: Annotated[int, Meta(ge=0, le=2**53)] = 0
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: Annotated[str, Meta(max_length=300)] = ""
    visit: Visit | None = None


class _Delivered(_Frame, frozen=True, kw_only=True, tag="delivered"):
    external_id: str


class _Read(_Frame, frozen=True, kw_only=True, tag="read"):
    external_id: str


class _Typing(_Frame, frozen=True, kw_only=True, tag="typing"):
    pass


_Any = _Send | _Delivered | _Read | _Typing
_Told = _Any | Annotated[list[_Any], Meta(min_length=1)]
_decoder: msgspec.json.Decoder[_Told] = msgspec.json.Decoder(_Told)


class Site(ChannelKind[Settings]):
    """A site's chat; what the hub says is fetched by the widget from the store itself."""

    kind: ClassVar[str] = "site"
    settings_type: ClassVar[type[msgspec.Struct]] = Settings
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.LIVE_CHAT,
        text_max_chars=4_000,
        attachments_max=10,
        attachment_max_bytes=20_000_000,
        idempotent_for=timedelta(days=36_500),
        delivered=True,
        read=True,
        typing=True,
    )

    def mint(self) -> str:
        """The key of a visitor who was never here."""
        return self.key_of(secrets.token_urlsafe(12))

    def key_of(self, visitor: str) -> str:
        """The key of that visitor under the hub's key in use, for one whose key is older."""
        return f"{visitor}.{self.keys.sign('visitor', f'{self.id}:{visitor}')}"

    def visitor(self, key: str) -> str | None:
        """The visitor's id, if this channel made the key."""
        visitor, _, signature = key.partition(".")
        known = self.keys.verify("visitor", f"{self.id}:{visitor}", signature)
        return visitor if visitor and known else None

    def allows(self, origin: str, host: str) -> bool:
        """Whether a page of that origin may show the chat; the hub's own pages always may."""
        allowed = self.settings.origins
        return "*" in allowed or origin in allowed or origin.partition("://")[2] == host

    def verify(self, hook: Hook) -> None:
        if self.visitor(hook.headers.get("x-visitor-key", "")) is None:
            raise SignatureError("the visitor's key is not ours")
        if not self.allows(hook.headers.get("origin", ""), hook.headers.get("host", "")):
            raise SignatureError("the page's origin is not allowed")

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        """What one frame says, or a list of those that came together."""
        try:
            told = _decoder.decode(hook.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise PayloadError(f"not a frame of the widget: {type(error).__name__}") from None
        visitor = hook.headers.get("x-visitor-key", "").partition(".")[0]
        if not visitor:
            raise PayloadError("a frame of nobody")
        sender = Sender(external_id=visitor)
        frames = told if isinstance(told, list) else [told]
        return [_event(frame, sender, hook.received_at) for frame in frames]

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        # The entry is in the store before this is called, and the store is where the widget
        # reads; there is nothing to carry and nothing that could be doubled.
        return Receipt(external_id=draft.key)


def _event(frame: _Any, sender: Sender, now: datetime) -> ChannelEvent:
    match frame:
        case _Send():
            if not frame.text.strip() and not frame.attachments:
                raise PayloadError("an empty message")
            at = min(max(frame.at, milliseconds(now - LATEST)), milliseconds(now))
            return MessageReceived(
                sender=sender,
                at=moment(at),
                external_id=f"{sender.external_id}:{frame.key}",
                order=frame.order,
                text=frame.text,
                attachments=frame.attachments,
                reply_to=frame.reply_to,
                visit=frame.visit,
            )
        case _Delivered():
            return _reached(sender, now, frame.external_id, OutState.DELIVERED)
        case _Read():
            return _reached(sender, now, frame.external_id, OutState.READ)
        case _Typing():
            return TypingNoticed(sender=sender, at=now)


def _reached(sender: Sender, now: datetime, external_id: str, state: OutState) -> DeliveryReported:
    return DeliveryReported(sender=sender, at=now, external_id=external_id, state=state, upto=True)
