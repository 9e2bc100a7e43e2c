"""The chat of a site, seen as one more channel.

The door of the widget plays the platform: it resolves files that a visitor names, puts
what is known of the visit beside the words and hands the frame to `parse`. The visitor's
key is all that a browser has to show who it is.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from hub.channels.abilities import Ability, Capabilities
from hub.channels.port import ChannelKind, Draft, Hook, Receipt
from hub.errors import PayloadError, SignatureError
from hub.events import (
    CallAsked,
    ChannelEvent,
    ConsentGiven,
    DeliveryReported,
    FieldsTold,
    MessageReceived,
    PhoneLeft,
    PhoneTapped,
    Rated,
    Sender,
    Subscribed,
    TypingNoticed,
)
from hub.model import Attachment, CallTime, Given, Identity, OutState
from hub.people.visit import Visit
from hub.sites import SiteSettings
from hub.statuses import RequestType
from hub.store.engine import milliseconds, moment

LATEST = timedelta(hours=48)
VERIFIED = "~"
"""What begins the id of a visitor for whom the site has signed; no minted id has it."""

Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{8,64}\Z")]
Phone = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}\Z")]


class _Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="t"):
    pass


class _Named(_Frame, frozen=True, kw_only=True):
    key: Key
    name: str = ""
    visit: Visit | None = None


class _Asking(_Named, frozen=True, kw_only=True):
    given: tuple[Given, ...] = ()
    page: str = ""


class _Send(_Named, frozen=True, kw_only=True, tag="send"):
    at: int
    order: Annotated[int, Meta(ge=0, le=2**53)] = 0
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: Annotated[str, Meta(max_length=300)] = ""


class _Call(_Asking, frozen=True, kw_only=True, tag="call"):
    phone: Phone
    time: CallTime | None = None
    zone: Annotated[str, Meta(max_length=64)] = ""
    comment: str = ""


class _Left(_Asking, frozen=True, kw_only=True, tag="left"):
    phone: Phone
    messenger: Annotated[str, Meta(max_length=20)] = ""
    sent: bool = True
    zone: Annotated[str, Meta(max_length=64)] = ""


class _Tap(_Named, frozen=True, kw_only=True, tag="tap"):
    pass


class _Subscribe(_Asking, frozen=True, kw_only=True, tag="subscribe"):
    email: Annotated[str, Meta(min_length=3, max_length=300)]


class _Consent(_Frame, frozen=True, kw_only=True, tag="consent"):
    key: Key
    given: tuple[Given, ...]
    page: str = ""


class _Fields(_Frame, frozen=True, kw_only=True, tag="fields"):
    fields: dict[str, str]


class _Rate(_Frame, frozen=True, kw_only=True, tag="rate"):
    key: Key
    score: Literal["good", "bad", "none"]
    text: str = ""


class _Delivered(_Frame, frozen=True, kw_only=True, tag="delivered"):
    external_id: str


class _Read(_Frame, frozen=True, kw_only=True, tag="read"):
    external_id: str


class _Typing(_Frame, frozen=True, kw_only=True, tag="typing"):
    pass


_Keyed = _Send | _Call | _Left | _Tap | _Subscribe | _Consent
_Any = _Keyed | _Fields | _Rate | _Delivered | _Read | _Typing
_Told = _Any | Annotated[list[_Any], Meta(min_length=1)]
_decoder: msgspec.json.Decoder[_Told] = msgspec.json.Decoder(_Told)


class Site(ChannelKind[SiteSettings]):
    """A site's chat; what the hub says is fetched by the widget from the store itself."""

    kind: ClassVar[str] = "site"
    settings_type: ClassVar[type[msgspec.Struct]] = SiteSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.LIVE_CHAT,
        text_max_chars=4_000,
        attachments_max=10,
        attachment_max_bytes=20_000_000,
        idempotent_for=timedelta(days=36_500),
        hears=frozenset(
            {
                *(Ability.FILES, Ability.VOICE, Ability.QUOTES, Ability.TYPING),
                *(Ability.DELIVERED, Ability.READ),
            }
        ),
        does=frozenset(
            {
                *(Ability.FILES, Ability.VOICE, Ability.QUOTES, Ability.TYPING),
                *(Ability.EDITS, Ability.DELETES, Ability.REACTIONS, Ability.READ),
            }
        ),
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

    def signed(self, id: str, hash: str) -> str | None:
        """The visitor whom the site calls `id`, if it has signed for it; None if it has not."""
        secret = self.settings.identity_secret
        if self.settings.identity == "off" or not secret or not id:
            return None
        right = hmac.new(secret.encode(), id.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right.encode(), hash.lower().encode()):
            return None
        told = hashlib.sha256(f"{self.id}:{id}".encode()).digest()
        return VERIFIED + urlsafe_b64encode(told)[:22].decode()

    def is_signed(self, visitor: str) -> bool:
        """Whether it is the id of somebody for whom the site has signed."""
        return visitor.startswith(VERIFIED)

    def call_id(self, visitor: str, key: str) -> str:
        """What a wish to be called is known by in the channel."""
        return _id(visitor, "call", key)

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
        frames = told if isinstance(told, list) else [told]
        return [_event(frame, visitor, hook.received_at) for frame in frames]

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        # The entry is in the store before this is called, and the store is where the widget
        # reads; there is nothing to carry and nothing that could be doubled.
        return Receipt(external_id=draft.key)

    async def edit(self, to: Identity, external_id: str, draft: Draft) -> None:
        """The widget reads the log, in which the message is changed."""

    async def delete(self, to: Identity, external_ids: Sequence[str]) -> None:
        """As `edit`."""

    async def react(self, to: Identity, external_id: str, emoji: str) -> None:
        """As `edit`."""


def _event(frame: _Any, visitor: str, now: datetime) -> ChannelEvent:
    sender = Sender(
        external_id=visitor,
        name=frame.name if isinstance(frame, _Named) else "",
        verified=visitor.startswith(VERIFIED),
    )
    match frame:
        case _Send():
            if not frame.text.strip() and not frame.attachments:
                raise PayloadError("an empty message")
            at = min(max(frame.at, milliseconds(now - LATEST)), milliseconds(now))
            return MessageReceived(
                sender=sender,
                at=moment(at),
                external_id=f"{visitor}:{frame.key}",
                order=frame.order,
                text=frame.text,
                attachments=frame.attachments,
                reply_to=frame.reply_to,
                visit=frame.visit,
            )
        case _Call():
            return CallAsked(
                **_asked(frame, sender, now, "call"),
                phone=frame.phone,
                time=frame.time,
                zone=frame.zone,
                comment=frame.comment,
            )
        case _Left():
            return PhoneLeft(
                **_asked(frame, sender, now, "left"),
                phone=frame.phone,
                messenger=frame.messenger,
                sent=frame.sent,
                zone=frame.zone,
            )
        case _Tap():
            return PhoneTapped(
                sender=sender, at=now, external_id=_id(visitor, "tap", frame.key), visit=frame.visit
            )
        case _Subscribe():
            return Subscribed(**_asked(frame, sender, now, "subscribe"), email=frame.email)
        case _Consent():
            return ConsentGiven(
                sender=sender,
                at=now,
                external_id=_id(visitor, "consent", frame.key),
                given=frame.given,
                page=frame.page,
            )
        case _Fields():
            return FieldsTold(sender=sender, at=now, fields=frame.fields)
        case _Rate():
            return Rated(sender=sender, at=now, score=frame.score, text=frame.text)
        case _Delivered():
            return _reached(sender, now, frame.external_id, OutState.DELIVERED)
        case _Read():
            return _reached(sender, now, frame.external_id, OutState.READ)
        case _Typing():
            return TypingNoticed(sender=sender, at=now)


def _id(visitor: str, what: str, key: str) -> str:
    return f"{visitor}:{what}:{key}"


def _asked(frame: _Asking, sender: Sender, now: datetime, what: str) -> dict[str, Any]:
    return {
        "sender": sender,
        "at": now,
        "external_id": _id(sender.external_id, what, frame.key),
        "visit": frame.visit,
        "given": frame.given,
        "page": frame.page,
    }


def _reached(sender: Sender, now: datetime, external_id: str, state: OutState) -> DeliveryReported:
    return DeliveryReported(sender=sender, at=now, external_id=external_id, state=state, upto=True)
