"""WhatsApp by Meta's Cloud API.

https://developers.facebook.com/documentation/business-messaging/whatsapp/overview
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from bots.line.line import Line, Said
from bots.line.settings import LineSettings, Secret
from bots.line.text import pieces, whatsapp
from bots.line.turns import in_turn
from bots.line.upload import Upload
from bots.wa import meta, words
from bots.wa.refusals import refusal
from hub.channels.abilities import Ability, Capabilities, Pace
from hub.channels.port import (
    OK,
    Account,
    Answer,
    Bytes,
    ChannelKind,
    Draft,
    Hook,
    HookState,
    Receipt,
)
from hub.content import Button, FileKind, Remote
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    SignatureError,
    ThrottledError,
    TransientError,
)
from hub.events import ChannelEvent, Ignored, Sender
from hub.keeping.keys import Keys
from hub.model import Attachment, ChannelId, Identity, cut
from hub.statuses import RequestType

GRAPH = "https://graph.facebook.com"
VERSION = "v23.0"
"""https://developers.facebook.com/docs/graph-api/changelog/versions ; lives till spring 2027."""
HOSTS = ("lookaside.fbsbx.com", ".fbcdn.net", ".whatsapp.net")
TEXT_MAX = 4096
CAPTION_MAX = 1024
BUTTON_BODY_MAX = 1024
BUTTONS_MAX = 3
ROWS_MAX = 10
BUTTON_TITLE_MAX = 20
ROW_TITLE_MAX = 24
KEY_MAX = 512

# https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
NATIVE: dict[FileKind, tuple[str, int, frozenset[str]]] = {
    "image": ("image", 5_000_000, frozenset({"image/jpeg", "image/png"})),
    "video": ("video", 16_000_000, frozenset({"video/mp4", "video/3gpp"})),
    "audio": (
        "audio",
        16_000_000,
        frozenset({"audio/aac", "audio/mp4", "audio/mpeg", "audio/amr", "audio/ogg"}),
    ),
}
"""What each kind of file is sent as, up to which size, and of which types; else as a document."""
OFFICE = "application/vnd.openxmlformats-officedocument."
UPLOADED = frozenset(
    {
        *(mime for _, _, types in NATIVE.values() for mime in types),
        *("image/webp", "application/pdf", "text/plain", "application/msword"),
        *("application/vnd.ms-excel", "application/vnd.ms-powerpoint"),
        *(f"{OFFICE}wordprocessingml.document", f"{OFFICE}spreadsheetml.sheet"),
        f"{OFFICE}presentationml.presentation",
    }
)
"""What may be uploaded; of other types a document must be fetched by the platform itself."""


class WhatsAppSettings(LineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`business_id` is the WhatsApp Business account's: with it the hub subscribes to it."""

    token: Secret
    app_secret: Secret
    phone_number_id: Annotated[str, Meta(pattern=r"^[0-9]{5,20}\Z")]
    business_id: Annotated[str, Meta(pattern=r"^([0-9]{5,20})?\Z")] = ""


class WhatsApp(ChannelKind[WhatsAppSettings]):
    """One phone number of a business.

    Who hides the number has an id of the business's own instead; a window of 24 hours opens with
    each word of the person's, and a word outside of it fails later, by a report.
    """

    kind: ClassVar[str] = "whatsapp"
    settings_type: ClassVar[type[msgspec.Struct]] = WhatsAppSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.WHATSAPP,
        text_max_chars=16_000,
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
                *(Ability.FILES, Ability.VOICE, Ability.BUTTONS, Ability.QUOTES),
                *(Ability.REACTIONS, Ability.TYPING, Ability.READ, Ability.JOIN),
            }
        ),
        window=timedelta(hours=24),
        reactions=("👍", "❤️", "😂", "😮", "😢", "🙏", "👎", "🔥", "🎉", "👌"),
        pace=Pace(per_second=80),
        receives=frozenset({"hook"}),
    )

    def __init__(
        self,
        id: ChannelId,
        settings: WhatsAppSettings,
        keys: Keys,
        files: Bytes | None = None,
    ) -> None:
        super().__init__(id, settings, keys, files)
        self._line = Line(settings.api_url or GRAPH, proxy=settings.proxy, hosts=HOSTS)

    async def close(self) -> None:
        await self._line.close()

    def verify(self, hook: Hook) -> None:
        if hook.method == "GET":
            told = hook.query.get("hub.verify_token", "")
            if hook.query.get("hub.mode") != "subscribe" or not self._is_ours(told):
                raise SignatureError("the verify token is not ours")
            return
        right = hmac.new(self.settings.app_secret.encode(), hook.body, hashlib.sha256).hexdigest()
        told = hook.headers.get("x-hub-signature-256", "")
        if not hmac.compare_digest(f"sha256={right}".encode(), told.encode(errors="surrogatepass")):
            raise SignatureError("the signature is not the app's")

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        if hook.method == "GET":
            nobody = Sender(external_id=self.settings.phone_number_id)
            return [Ignored(sender=nobody, at=cut(hook.received_at), name="handshake")]
        return meta.read(hook.body, self.settings.phone_number_id, hook.received_at)

    async def answer(self, hook: Hook) -> Answer:
        return Answer(text=hook.query.get("hub.challenge", "")) if hook.method == "GET" else OK

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        files = [(each, await self._put(each)) for each in draft.attachments]
        buttons = [each for row in draft.buttons for each in row]
        messages = _messages(draft.text, files, buttons)
        if draft.reply_to and messages:
            messages[0] = messages[0] | {"context": {"message_id": draft.reply_to}}
        marked = {"biz_opaque_callback_data": draft.key[:KEY_MAX]}
        sayings: list[Callable[[], Awaitable[str]]] = [
            partial(self._say, to, message | marked) for message in messages
        ]
        return await in_turn(sayings)

    async def react(self, to: Identity, external_id: str, emoji: str) -> None:
        reaction = {"message_id": external_id, "emoji": emoji}
        await self._say(to, {"type": "reaction", "reaction": reaction})

    async def show_typing(self, to: Identity, external_id: str = "") -> None:
        # https://developers.facebook.com/documentation/business-messaging/whatsapp/typing-indicators
        if external_id:
            await self._seen(external_id, {"typing_indicator": {"type": "text"}})

    async def mark_read(self, to: Identity, external_id: str) -> None:
        await self._seen(external_id, {})

    async def fetch(self, remote: Remote) -> AsyncIterator[bytes]:
        if "://" in remote.ref:
            # A picture of an account: open to all, and no place to show our key.
            async for chunk in self._line.download(remote.ref):
                yield chunk
            return
        try:
            told = await self._ask(remote.ref, {"phone_number_id": self.settings.phone_number_id})
        except CredentialsError as error:
            # A file of more than a week ago is as unknown as one of somebody else's.
            if error.reason == "misconfigured":
                raise RejectedError(str(error), reason="file_gone") from None
            raise
        # The address lives for five minutes and wants the key too.
        async for chunk in self._line.download(str(told.get("url", "")), headers=self._key()):
            yield chunk

    async def account(self) -> Account:
        number = self.settings.phone_number_id
        told = await self._ask(number, {"fields": "verified_name,display_phone_number"})
        digits = re.sub(r"[^0-9]", "", str(told.get("display_phone_number", "")))
        picture = await self._picture()
        return Account(
            name=str(told.get("verified_name") or f"+{digits}"), username=digits, picture=picture
        )

    def handed(self) -> dict[str, str]:
        return {"verify_token": self._token()}

    def join_link(self, username: str, key: str) -> str:
        return words.join_link(username, key)

    async def hook(self) -> HookState:
        told = await self._ask(self.settings.phone_number_id, {"fields": "webhook_configuration"})
        known = told.get("webhook_configuration")
        if not isinstance(known, Mapping):
            return HookState()
        # The number's own comes before the account's, and that before the app's.
        for level in ("phone_number", "whatsapp_business_account", "application"):
            if url := known.get(level):
                return HookState(url=str(url))
        return HookState()

    async def set_hook(self, url: str) -> None:
        # https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/override
        if self.settings.business_id:
            await self._post(f"{self.settings.business_id}/subscribed_apps", {})
        wanted = {"override_callback_uri": url, "verify_token": self._token()}
        await self._post(self.settings.phone_number_id, {"webhook_configuration": wanted})

    async def drop_hook(self) -> None:
        unset = {"webhook_configuration": {"override_callback_uri": ""}}
        await self._post(self.settings.phone_number_id, unset)

    async def _say(self, to: Identity, message: dict[str, Any]) -> str:
        # Who hides the number is written to by the id that the business knows.
        whom = "to" if to.external_id.isdigit() else "recipient"
        told = await self._post(
            f"{self.settings.phone_number_id}/messages",
            {
                "messaging_product": "whatsapp",
                "recipient_type": "individual",
                whom: to.external_id,
                **message,
            },
        )
        try:
            return str(told["messages"][0]["id"])
        except (LookupError, TypeError):
            raise TransientError("no_id", maybe_sent=True, reason="page") from None

    async def _seen(self, external_id: str, more: dict[str, Any]) -> None:
        await self._post(
            f"{self.settings.phone_number_id}/messages",
            {
                "messaging_product": "whatsapp",
                "status": "read",
                "message_id": external_id,
                **more,
            },
        )

    async def _put(self, file: Attachment) -> tuple[str, dict[str, Any]]:
        """What the file is sent as, and where the platform has it from."""
        sent_as = _sent_as(file)
        mime = file.mime.partition(";")[0].strip()
        if mime not in UPLOADED:
            link = self.files.link(file)
            if not link:
                raise RejectedError(mime, reason="file_type")
            return sent_as, {"link": link}
        fields = {"messaging_product": "whatsapp", "type": mime}
        upload = Upload(file, self.files.read(file), field="file", fields=fields)
        path = f"{VERSION}/{self.settings.phone_number_id}/media"
        try:
            told = _told(await upload.post(self._line, path, headers=self._key()))
        except TransientError as error:
            # A file that came over is not a word yet.
            raise TransientError(str(error), reason=error.reason) from None
        return sent_as, {"id": str(told.get("id", ""))}

    async def _picture(self) -> Remote | None:
        path = f"{self.settings.phone_number_id}/whatsapp_business_profile"
        try:
            told = await self._ask(path, {"fields": "profile_picture_url"})
        except DeliveryError:
            return None
        data = told.get("data")
        first = data[0] if isinstance(data, list) and data else {}
        url = first.get("profile_picture_url") if isinstance(first, dict) else None
        return Remote(ref=str(url), mime="image/jpeg", kind="image") if url else None

    async def _ask(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        said = await self._line.call("GET", f"{VERSION}/{path}", query=query, headers=self._key())
        return _told(said)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        said = await self._line.call("POST", f"{VERSION}/{path}", json=body, headers=self._key())
        return _told(said)

    def _key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.token}"}

    def _token(self) -> str:
        return self.keys.sign("hook", str(self.id))

    def _is_ours(self, token: str) -> bool:
        return self.keys.verify("hook", str(self.id), token)


def _told(said: Said) -> dict[str, Any]:
    """What an answer says; raises the error that it is."""
    try:
        told = msgspec.json.decode(said.body)
    except (msgspec.MsgspecError, RecursionError):
        told = None
    error = told.get("error") if isinstance(told, dict) else None
    if isinstance(error, dict):
        code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
        raise refusal(code, subcode, said.status, error.get("is_transient") is True)
    if said.status == 200 and isinstance(told, dict):
        return told
    if said.status == 429:
        raise ThrottledError(
            "429",
            retry_after=said.retry_after(timedelta(seconds=5)),
            everywhere=True,
            reason="rate",
        )
    if said.status == 401:
        raise CredentialsError("401", reason="dead_key")
    unclear = said.status < 300 or said.status >= 500
    raise TransientError(f"{said.status}/page", maybe_sent=unclear, reason="page")


def _number(told: Any) -> int:
    return told if isinstance(told, int) else 0


def _sent_as(file: Attachment) -> str:
    sent_as, most, types = NATIVE.get(file.kind, ("document", 0, frozenset()))
    fits = file.mime.partition(";")[0].strip() in types and file.size_bytes <= most
    return sent_as if fits else "document"


def _messages(
    text: str, files: Sequence[tuple[Attachment, tuple[str, dict[str, Any]]]], buttons: list[Button]
) -> list[dict[str, Any]]:
    """The platform's messages that say it, in order; without files or words none."""
    links = [f"{each.label}: {each.url}" for each in buttons if each.url]
    replies = [each for each in buttons if each.data]
    text = "\n".join([text, *links]).strip()
    short = len(text) <= 2 * CAPTION_MAX
    captioned = len(files) == 1 and files[0][1][0] != "audio" and not replies and short
    captions = pieces(text, CAPTION_MAX, whatsapp) if captioned else []
    if len(captions) == 1:
        return [_file(*files[0][1], files[0][0], captions[0])]
    made = [] if replies else _texts(text)
    made += [_file(*where, file, "") for file, where in files]
    if replies:
        *before, body = pieces(text, BUTTON_BODY_MAX, whatsapp) or ["⋯"]
        made += [_text(each) for each in before]
        made.append({"type": "interactive", "interactive": _asked(body, replies)})
    return made


def _texts(text: str) -> list[dict[str, Any]]:
    return [_text(each) for each in pieces(text, TEXT_MAX, whatsapp)]


def _text(body: str) -> dict[str, Any]:
    return {"type": "text", "text": {"body": body, "preview_url": "https://" in body}}


def _file(sent_as: str, where: dict[str, Any], file: Attachment, caption: str) -> dict[str, Any]:
    told = dict(where)
    if caption:
        told["caption"] = caption
    if sent_as == "document":
        told["filename"] = file.name
    if sent_as == "audio" and file.mime.startswith("audio/ogg"):
        told["voice"] = True
    return {"type": sent_as, sent_as: told}


def _asked(body: str, buttons: list[Button]) -> dict[str, Any]:
    """Three buttons at most, or a list of ten."""
    if len(buttons) <= BUTTONS_MAX:
        shown: list[dict[str, Any]] = [
            {"type": "reply", "reply": {"id": each.data, "title": each.label[:BUTTON_TITLE_MAX]}}
            for each in buttons
        ]
        return {"type": "button", "body": {"text": body}, "action": {"buttons": shown}}
    rows = [{"id": each.data, "title": each.label[:ROW_TITLE_MAX]} for each in buttons[:ROWS_MAX]]
    action = {"button": "☰", "sections": [{"rows": rows}]}
    return {"type": "list", "body": {"text": body}, "action": action}
