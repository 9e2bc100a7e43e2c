"""A kind that only hears of filled forms: its key, its settings, its way of reading."""

from __future__ import annotations

import hmac
import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Annotated, ClassVar, Generic, Literal, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta, Struct

from bots.sources import bodies
from bots.sources.reading import Mapped, Source, read
from hub.channels.abilities import Capabilities
from hub.channels.port import ChannelKind, Draft, Hook, Reading, Receipt
from hub.errors import RejectedError, SignatureError
from hub.events import ChannelEvent, Ignored, Sender
from hub.model import Identity, cut
from hub.statuses import RequestType

BODY_MAX_BYTES = 256 * 1024
HEADER = "X-Hub-Key"

OwnKey = Annotated[
    str,
    Meta(pattern=r"^([\x21-\x7e]{16,200})?\Z", extra={"secret": True}),
]
FieldName = Annotated[str, Meta(max_length=200)]


class KeySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`key` takes the place of the one that the hub made, for one that others came to know."""

    key: OwnKey = ""


class SourceSettings(KeySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of the form's fields, where the words of the names do not say enough.

    `handling` is what becomes of a request: a call at once, a request only, or whatever the
    connections say. A filled `honeypot` is a robot's.
    """

    handling: Literal["callback", "register", "connection"] = "callback"
    phone_field: FieldName = ""
    name_field: FieldName = ""
    email_field: FieldName = ""
    comment_field: FieldName = ""
    page_field: FieldName = ""
    form_field: FieldName = ""
    request_field: FieldName = ""
    honeypot: FieldName = ""


HEARS = Capabilities(
    type=RequestType.SITE_FORM,
    text_max_chars=0,
    attachments_max=0,
    attachment_max_bytes=0,
    receives=frozenset({"hook"}),
)

K = TypeVar("K", bound=KeySettings)
S = TypeVar("S", bound=SourceSettings)


class Listener(ChannelKind[K], Generic[K]):
    """Whoever has the key is believed; nothing can be said to anybody."""

    capabilities: ClassVar[Capabilities] = HEARS
    body_max_bytes: ClassVar[int] = BODY_MAX_BYTES

    def verify(self, hook: Hook) -> None:
        if not any(map(self._is_key, told(hook))):
            raise SignatureError("the key is not this source's")

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        raise RejectedError("there is nobody to answer", reason="mute")

    def handed(self) -> dict[str, str]:
        """The hub's own key is shown; one that an admin chose is known to whoever chose it."""
        key = {} if self.settings.key else {"key": self._made()}
        return {"header": HEADER, **key}

    def _is_key(self, told: str) -> bool:
        own = self.settings.key
        if own:
            given = told.encode(errors="surrogatepass")
            return hmac.compare_digest(own.encode(), given)
        return self.keys.verify("source", self.id, told)

    def _made(self) -> str:
        return self.keys.sign("source", self.id)


class AddressedListener(Listener[K], Generic[K]):
    """For platforms that are given an address and nothing else: the key stands in it as the
    password, which their request then brings in a header and never in its path."""

    def handed(self) -> dict[str, str]:
        return {"header": HEADER} if self.settings.key else {"key": self._made()}

    def address(self, hook: str) -> str:
        parts = urlsplit(hook)
        if self.settings.key or not parts.netloc:
            return hook
        return parts._replace(netloc=f"hub:{quote(self._made())}@{parts.netloc}").geturl()


class FormListener(Listener[S], Generic[S]):
    """Forms as fields, read by the words of their names."""

    code: ClassVar[str]

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return self.reading(hook).events

    def reading(self, hook: Hook) -> Reading:
        body = bodies.read(hook.body, hook.headers.get("content-type", ""))
        fields = {name: value for name, value in body.fields.items() if not is_key(name)}
        trap = self.settings.honeypot
        if trap and fields.pop(trap, ""):
            return Reading(events=(self._ignored(hook, "spam"),), ignored=((trap, "honeypot"),))
        found = read(fields, self.source(hook, fields), self.mapped())
        return Reading(events=(found.form,), ignored=(*body.ignored, *found.ignored))

    def source(self, hook: Hook, fields: dict[str, str]) -> Source:
        """What is known of the request besides its fields."""
        handling = self.settings.handling
        return Source(
            self.code,
            hook.received_at,
            handling="" if handling == "connection" else handling,
            request=hook.headers.get("idempotency-key") or hook.headers.get("x-request-id", ""),
        )

    def mapped(self) -> Mapped:
        told = self.settings
        return Mapped(
            phone=told.phone_field,
            name=told.name_field,
            email=told.email_field,
            comment=told.comment_field,
            page=told.page_field,
            form=told.form_field,
            request=told.request_field,
        )

    def _ignored(self, hook: Hook, name: str) -> Ignored:
        return Ignored(sender=Sender(external_id=self.code), at=cut(hook.received_at), name=name)


def told(hook: Hook) -> list[str]:
    """Every key that the request shows, in whichever header its sender can set."""
    found = [hook.headers.get(HEADER.lower(), "")]
    way, _, rest = hook.headers.get("authorization", "").partition(" ")
    if way.lower() == "bearer":
        found.append(rest.strip())
    elif way.lower() == "basic":
        found.append(_password(rest.strip()))
    return [each for each in found if each]


def is_key(name: str) -> bool:
    """Whether a field of that name is there to hold the key."""
    return re.sub(r"[\W_]", "", name).lower() == "xhubkey"


def _password(basic: str) -> str:
    """https://www.rfc-editor.org/rfc/rfc7617"""
    try:
        return b64decode(basic, validate=True).decode().partition(":")[2]
    except (ValueError, UnicodeError):
        return ""


def as_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
