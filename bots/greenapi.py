"""WhatsApp by Green-API, a gateway to an account on somebody's phone.

https://green-api.com/en/docs/
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from bots.line.line import Line, Said
from bots.line.settings import LineSettings, Receive, Secret
from bots.line.text import pieces, whatsapp
from bots.line.turns import in_turn
from bots.line.upload import Upload
from bots.wa import green, words
from hub.channels.abilities import Ability, Capabilities, Pace
from hub.channels.port import (
    Account,
    Bytes,
    ChannelKind,
    Draft,
    Hook,
    HookState,
    Polled,
    Profile,
    Receipt,
)
from hub.content import Remote
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    SignatureError,
    ThrottledError,
    TransientError,
)
from hub.events import ChannelEvent
from hub.keeping.keys import Keys
from hub.model import Attachment, ChannelId, Identity
from hub.statuses import RequestType

HOSTS = (
    *(".green-api.com", ".greenapi.com", ".storage.yandexcloud.net", "storage.yandexcloud.net"),
    *(".digitaloceanspaces.com", "pps.whatsapp.net"),
)
TEXT_MAX = 20_000
CAPTION_MAX = 1024
CAPTIONED = ("image", "video")
POLL_SECONDS = 20
TYPING_MS = 5_000
NOTHING = "-"
"""The marker of a poll that brought nothing: the instance is set up, nothing is to be deleted."""
WANTED = {
    "incomingWebhook": "yes",
    "outgoingWebhook": "yes",
    "outgoingMessageWebhook": "yes",
    "outgoingAPIMessageWebhook": "no",
    "stateWebhook": "yes",
    "editedMessageWebhook": "yes",
    "deletedMessageWebhook": "yes",
}
"""https://green-api.com/en/docs/api/account/SetSettings ; a new instance tells nothing at all."""
STATES: dict[str, str] = {
    # The phone is signed in there again, and nothing becomes other here by it.
    "notAuthorized": "misconfigured",
    "blocked": "account_blocked",
    "yellowCard": "account_blocked",
}
"""What is wrong with an instance that cannot speak; of the others it will be able to soon."""


class GreenAPISettings(LineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`api_url` is the instance's own, as its page says."""

    api_url: Annotated[str, Meta(pattern=r"^https?://[^\s\"'<>?#@]{1,300}\Z")]
    instance_id: Annotated[str, Meta(pattern=r"^[0-9]{4,20}\Z")]
    token: Secret
    receive: Receive = "auto"


class GreenAPI(ChannelKind[GreenAPISettings]):
    """One instance; a message that it took is in a queue, and its phone says it when it can.

    Its key is a part of every address, and no address is ever told.
    """

    kind: ClassVar[str] = "greenapi"
    settings_type: ClassVar[type[msgspec.Struct]] = GreenAPISettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.WHATSAPP,
        text_max_chars=TEXT_MAX,
        attachments_max=10,
        attachment_max_bytes=100_000_000,
        hears=frozenset(
            {
                *(Ability.FILES, Ability.VOICE, Ability.LOCATION, Ability.CONTACT, Ability.PHONE),
                *(Ability.BUTTONS, Ability.QUOTES, Ability.EDITS, Ability.DELETES),
                *(Ability.REACTIONS, Ability.DELIVERED, Ability.READ, Ability.STAFF, Ability.JOIN),
            }
        ),
        does=frozenset(
            {
                *(Ability.FILES, Ability.VOICE, Ability.QUOTES, Ability.EDITS, Ability.DELETES),
                *(Ability.TYPING, Ability.READ, Ability.JOIN),
            }
        ),
        edits_for=timedelta(minutes=15),
        deletes_for=timedelta(hours=72),
        pace=Pace(per_second=20),
        receives=frozenset({"hook", "poll"}),
    )

    def __init__(
        self,
        id: ChannelId,
        settings: GreenAPISettings,
        keys: Keys,
        files: Bytes | None = None,
    ) -> None:
        super().__init__(id, settings, keys, files)
        self._line = Line(settings.api_url, proxy=settings.proxy, hosts=HOSTS)

    async def close(self) -> None:
        await self._line.close()

    def verify(self, hook: Hook) -> None:
        told = hook.headers.get("authorization", "").removeprefix("Bearer ")
        if not self.keys.verify("hook", str(self.id), told):
            raise SignatureError("the token of the hook is not ours")

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return green.read(hook.body, self.settings.instance_id, hook.received_at)

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        links = [f"{b.label}: {b.url}" for row in draft.buttons for b in row if b.url]
        text = "\n".join([draft.text, *links]).strip()
        quoted = {"quotedMessageId": draft.reply_to} if draft.reply_to else {}
        one = draft.attachments[0] if len(draft.attachments) == 1 else None
        captioned = one is not None and one.kind in CAPTIONED and len(text) <= 2 * CAPTION_MAX
        captions = pieces(text, CAPTION_MAX, whatsapp) if captioned else []
        sayings: list[Callable[[], Awaitable[str]]]
        if one is not None and len(captions) == 1:
            told = {"caption": captions[0], **quoted}
            sayings = [partial(self._say_file, to, one, told)]
        else:
            sayings = [
                partial(self._say, to, {"message": each} | (quoted if first == 0 else {}))
                for first, each in enumerate(pieces(text, TEXT_MAX, whatsapp))
            ]
            unquoted = quoted if not sayings else {}
            sayings += [
                partial(self._say_file, to, each, unquoted if first == 0 else {})
                for first, each in enumerate(draft.attachments)
            ]
        return await in_turn(sayings)

    async def edit(self, to: Identity, external_id: str, draft: Draft) -> None:
        said = pieces(draft.text, TEXT_MAX, whatsapp)
        if len(said) != 1:
            raise RejectedError("one message", reason="too_long" if said else "bad_request")
        told = {"chatId": to.external_id, "idMessage": external_id, "message": said[0]}
        await self._call("POST", "editMessage", told)

    async def delete(self, to: Identity, external_ids: Sequence[str]) -> None:
        for id in external_ids:
            told = {"chatId": to.external_id, "idMessage": id}
            await self._call("POST", "deleteMessage", told, empty=True)

    async def show_typing(self, to: Identity, external_id: str = "") -> None:
        told = {"chatId": to.external_id, "typingTime": TYPING_MS}
        await self._call("POST", "sendTyping", told, empty=True)

    async def mark_read(self, to: Identity, external_id: str) -> None:
        told = {"chatId": to.external_id, "idMessage": external_id}
        await self._call("POST", "readChat", told, empty=True)

    def fetch(self, remote: Remote) -> AsyncIterator[bytes]:
        return self._line.download(remote.ref)

    async def profile(self, external_id: str) -> Profile | None:
        told = await self._call("POST", "getContactInfo", {"chatId": external_id})
        name = str(told.get("contactName") or told.get("name") or "")
        return Profile(name=name, picture=_picture(told.get("avatar")))

    async def account(self) -> Account:
        told = await self._call("GET", "getWaSettings")
        state = str(told.get("stateInstance", ""))
        if state != "authorized":
            raise _unfit(state)
        phone = str(told.get("phone", ""))
        return Account(name=f"+{phone}", username=phone, picture=_picture(told.get("avatar")))

    def join_link(self, username: str, key: str) -> str:
        return words.join_link(username, key)

    async def hook(self) -> HookState:
        told = await self._call("GET", "getSettings")
        return HookState(url=str(told.get("webhookUrl") or ""))

    async def set_hook(self, url: str) -> None:
        token = self.keys.sign("hook", str(self.id))
        await self._set({"webhookUrl": url, "webhookUrlToken": token, **WANTED})

    async def drop_hook(self) -> None:
        await self._set({"webhookUrl": "", "webhookUrlToken": "", **WANTED})

    async def poll(self, marker: str) -> Polled:
        if marker not in ("", NOTHING):
            await self._call("DELETE", f"deleteNotification/{{}}/{marker}", empty=True)
        elif not marker:
            await self._tell_all()
        query = {"receiveTimeout": str(POLL_SECONDS)}
        said = await self._line.call(
            "GET", self._path("receiveNotification"), query=query, seconds=POLL_SECONDS + 10
        )
        if said.status == 400:
            # It still brings to an address, and nothing can be had otherwise till it does not.
            await self._set({"webhookUrl": "", **WANTED})
            return Polled(bodies=(), marker=NOTHING)
        if said.status != 200:
            raise _refusal(said)
        try:
            found = msgspec.json.decode(said.body, type=_Notification | None)
        except msgspec.MsgspecError:
            raise TransientError("receive", reason="page") from None
        if found is None:
            return Polled(bodies=(), marker=NOTHING)
        return Polled(bodies=(bytes(found.body),), marker=str(found.receiptId))

    async def _tell_all(self) -> None:
        """Has the instance queue what happens, which a new one does not; it starts anew then."""
        told = await self._call("GET", "getSettings")
        wanted = {"webhookUrl": "", **WANTED}
        if any((told.get(name) or "") != value for name, value in wanted.items()):
            await self._set(wanted)

    async def _set(self, settings: Mapping[str, str]) -> None:
        told = await self._call("POST", "setSettings", dict(settings))
        if told.get("saveSettings") is not True:
            raise RejectedError("setSettings", reason="misconfigured")

    async def _say(self, to: Identity, message: dict[str, Any]) -> str:
        told = await self._call("POST", "sendMessage", {"chatId": to.external_id, **message})
        return await self._id(told)

    async def _say_file(self, to: Identity, file: Attachment, more: dict[str, str]) -> str:
        name = file.name or "file"
        fields = {"chatId": to.external_id, "fileName": name, **more}
        upload = Upload(file, self.files.read(file), field="file", fields=fields)
        said = await upload.post(self._line, self._path("sendFileByUpload"), says=True)
        return await self._id(await self._told(said))

    async def _id(self, told: Mapping[str, Any]) -> str:
        id = told.get("idMessage")
        if not isinstance(id, str) or not id:
            raise TransientError("no_id", maybe_sent=True, reason="page")
        return id

    async def _call(
        self, verb: str, method: str, body: dict[str, Any] | None = None, *, empty: bool = False
    ) -> dict[str, Any]:
        """One call; `empty` where an answer without a word is an answer."""
        path = self._path(method)
        return await self._told(await self._line.call(verb, path, json=body), empty=empty)

    async def _told(self, said: Said, *, empty: bool = False) -> dict[str, Any]:
        if said.status != 200:
            raise _refusal(said)
        try:
            told = msgspec.json.decode(said.body) if said.body.strip() else None
        except (msgspec.MsgspecError, RecursionError):
            told = said.body
        if isinstance(told, dict):
            return told
        if empty and told is None:
            return {}
        # An instance without a phone answers with 200 and some words.
        raise await self._why()

    async def _why(self) -> DeliveryError:
        """What keeps the instance from doing what it was asked for."""
        unclear = TransientError("200/page", maybe_sent=True, reason="page")
        try:
            said = await self._line.call("GET", self._path("getStateInstance"))
            state = json.loads(said.body)["stateInstance"] if said.status == 200 else ""
        except (DeliveryError, ValueError, LookupError, TypeError):
            return unclear
        return unclear if state in ("authorized", "") else _unfit(str(state))

    def _path(self, method: str) -> str:
        """The token stands between the method and what it is about."""
        method, _, rest = method.partition("/{}")
        return f"waInstance{self.settings.instance_id}/{method}/{self.settings.token}{rest}"


class _Notification(msgspec.Struct, frozen=True):
    receiptId: int  # noqa: N815
    body: msgspec.Raw


def _unfit(state: str) -> DeliveryError:
    if state in STATES:
        return CredentialsError(state, reason=STATES[state])
    return TransientError(state or "unknown", reason="offline")


def _refusal(said: Said) -> DeliveryError:
    """https://green-api.com/en/docs/api/common-errors/"""
    words = str(said.status)
    match said.status:
        case 401 | 403:
            return CredentialsError(words, reason="dead_key")
        case 404:
            # The instance is not at this address.
            return CredentialsError(words, reason="misconfigured")
        case 429:
            wait = said.retry_after(timedelta(seconds=2))
            return ThrottledError(words, retry_after=wait, everywhere=True, reason="rate")
        case 466:
            return CredentialsError(words, reason="no_balance")
        case 413:
            return RejectedError(words, reason="too_large")
        case status if 400 <= status < 500:
            return RejectedError(words, reason="bad_request")
        case status:
            return TransientError(words, maybe_sent=status >= 500, reason="internal")


def _picture(url: Any) -> Remote | None:
    if not isinstance(url, str) or not url:
        return None
    return Remote(ref=url, mime="image/jpeg", kind="image")
