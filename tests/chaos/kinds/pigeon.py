"""A platform of the tests outside the process: what it is sent goes over HTTP to the test."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

import aiohttp
import msgspec

from hub.channels.abilities import Capabilities
from hub.channels.port import ChannelKind, Draft, Hook, Receipt
from hub.errors import PayloadError, SignatureError, TransientError
from hub.events import ChannelEvent, MessageReceived, Sender
from hub.model import Identity
from hub.statuses import RequestType


class PigeonSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    secret: str


class _Letter(msgspec.Struct, frozen=True):
    sender: str
    id: str
    text: str


class Pigeon(ChannelKind[PigeonSettings]):
    """Takes a message and may be slow to say so; knows no repeated key."""

    kind: ClassVar[str] = "pigeon"
    settings_type: ClassVar[type[msgspec.Struct]] = PigeonSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.TELEGRAM, text_max_chars=100, attachments_max=1, attachment_max_bytes=1
    )

    def verify(self, hook: Hook) -> None:
        if not hmac.compare_digest(hook.headers.get("x-secret", ""), self.settings.secret):
            raise SignatureError

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        try:
            letter = msgspec.json.decode(hook.body, type=_Letter)
        except msgspec.MsgspecError:
            raise PayloadError from None
        at = datetime.fromtimestamp(1_800_000_000, UTC)
        sender = Sender(external_id=letter.sender)
        return [MessageReceived(sender=sender, at=at, external_id=letter.id, text=letter.text)]

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        body = {"to": to.external_id, "key": draft.key, "text": draft.text}
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(self.settings.url, json=body) as answer,
            ):
                return Receipt(external_id=(await answer.json())["id"])
        except aiohttp.ClientError:
            raise TransientError(maybe_sent=True) from None
