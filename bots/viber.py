"""Viber's bots: https://developers.viber.com/docs/api/rest-bot-api/

HTTP is always 200 there; whether something was done stands in the answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta

from bots.line.line import Line, refused
from bots.line.settings import LineSettings, Secret
from bots.line.text import pieces, plain, utf16
from bots.updates import viber as updates
from bots.updates.viber import Tracked
from hub.channels.abilities import Ability, Capabilities, Pace
from hub.channels.port import (
    Account,
    Answer,
    Bytes,
    ChannelKind,
    Draft,
    Hook,
    HookState,
    Profile,
    Receipt,
)
from hub.content import Button, Remote
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    SignatureError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import ChannelEvent
from hub.keeping.keys import Keys
from hub.model import Attachment, ChannelId, Identity
from hub.statuses import RequestType

API = "https://chatapi.viber.com/pa"
HOSTS = (".viber.com",)
TEXT_MAX = 7_000
CAPTION_MAX = 768
PICTURE_MAX_BYTES = 1_000_000
"""More is not shown on an iPhone: it goes as a file."""

PICTURES = {"image/jpeg": (".jpg", ".jpeg"), "image/png": (".png",), "image/gif": (".gif",)}
VIDEO_MAX_BYTES = 26_000_000
FILE_MAX_BYTES = 50_000_000
NAME_MAX = 256
REQUEST_MAX_BYTES = 30_000
TRACKED_MAX = 4_000
ROWS_MAX = 12
COLUMNS = 6
PAUSE = timedelta(seconds=30)
"""How long to wait when too much was said; the platform does not tell."""

EVENTS = ("delivered", "seen", "failed", "subscribed", "unsubscribed", "conversation_started")
FORBIDDEN = re.compile(
    r".*\.(action|apk|app|bat|bin|cmd|com|command|cpl|csh|exe|gadget|inf1|ins|inx|ipa|isu|job|jse"
    r"|ksh|lnk|msc|msi|msp|mst|osx|out|paf|pif|prg|ps1|reg|rgs|run|scr|sct|shb|shs|u3p|vb|vbe|vbs"
    r"|vbscript|workflow|ws|wsf)",
    re.IGNORECASE | re.DOTALL,
)
"""https://developers.viber.com/docs/api/rest-bot-api/#forbiddenFileFormats"""

REFUSALS: Mapping[int, tuple[type[DeliveryError], str]] = {
    1: (RejectedError, "no_public_address"),
    2: (CredentialsError, "dead_key"),
    3: (RejectedError, "bad_request"),
    4: (RejectedError, "bad_request"),
    5: (UnreachableError, "never_wrote"),
    6: (UnreachableError, "opted_out"),
    7: (CredentialsError, "account_blocked"),
    8: (CredentialsError, "dead_key"),
    9: (CredentialsError, "account_blocked"),
    10: (TransientError, "misconfigured"),
    11: (UnreachableError, "not_here"),
    13: (UnreachableError, "not_here"),
    14: (UnreachableError, "not_here"),
    15: (CredentialsError, "no_rights"),
    16: (RejectedError, "not_here"),
    17: (RejectedError, "not_here"),
    18: (RejectedError, "misconfigured"),
    19: (RejectedError, "not_here"),
    20: (RejectedError, "not_here"),
    21: (UnreachableError, "not_here"),
    22: (CredentialsError, "no_balance"),
    23: (CredentialsError, "no_balance"),
    24: (CredentialsError, "no_balance"),
}
"""https://developers.viber.com/docs/api/rest-bot-api/#error-codes

12 and unknown ones pass, and so does 10: nothing may be said before the hub has set its hook.
"""


class ViberSettings(LineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`name` is whom people see as the sender."""

    token: Secret
    name: Annotated[str, Meta(min_length=1, max_length=28, pattern=r"\S")]


class Viber(ChannelKind[ViberSettings]):
    """A bot of Viber; one may be written to only after writing or subscribing."""

    kind: ClassVar[str] = "viber"
    settings_type: ClassVar[type[msgspec.Struct]] = ViberSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.VIBER,
        text_max_chars=14_000,
        attachments_max=10,
        attachment_max_bytes=FILE_MAX_BYTES,
        hears=frozenset(
            {
                *(Ability.FILES, Ability.LOCATION, Ability.CONTACT, Ability.PHONE),
                *(Ability.BUTTONS, Ability.DELIVERED, Ability.READ, Ability.JOIN),
                Ability.BLOCKED,
            }
        ),
        does=frozenset({Ability.FILES, Ability.PHONE, Ability.BUTTONS}),
        pace=Pace(per_second=50, per_chat=timedelta(milliseconds=200)),
        receives=frozenset({"hook"}),
    )

    def __init__(
        self, id: ChannelId, settings: ViberSettings, keys: Keys, files: Bytes | None = None
    ) -> None:
        super().__init__(id, settings, keys, files)
        self._line = Line(settings.api_url or API, proxy=settings.proxy, hosts=HOSTS)

    async def close(self) -> None:
        await self._line.close()

    def verify(self, hook: Hook) -> None:
        told = hook.headers.get("x-viber-content-signature") or hook.query.get("sig", "")
        right = hmac.digest(self.settings.token.encode(), hook.body, hashlib.sha256).hex()
        if not hmac.compare_digest(right.encode(), told.lower().encode(errors="surrogatepass")):
            raise SignatureError("the body is not signed by the platform")

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return updates.events(hook.body, self._ours)

    async def answer(self, hook: Hook) -> Answer:
        # A body would be taken for a greeting to whoever opened the chat.
        return Answer(text="")

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        messages = self._messages(to.external_id, draft)
        if not messages:
            raise RejectedError("an empty message", reason="bad_request")
        taken: list[str] = []
        for each in messages:
            if taken:
                await asyncio.sleep(self.capabilities.pace.per_chat.total_seconds())
            try:
                told = await self._call("send_message", each)
                token = told.get("message_token")
                if not isinstance(token, int):
                    raise TransientError("taken without an id", maybe_sent=True, reason="page")
            except DeliveryError as error:
                if not taken:
                    raise
                raise TransientError(str(error), maybe_sent=True, reason=error.reason) from None
            taken.append(str(token))
        return Receipt(external_id=taken[0], more=tuple(taken[1:]))

    async def fetch(self, remote: Remote) -> AsyncIterator[bytes]:
        async for chunk in self._line.download(remote.ref):
            yield chunk

    async def profile(self, external_id: str) -> Profile | None:
        """May be asked twice in 12 hours of one person."""
        told = (await self._call("get_user_details", {"id": external_id})).get("user")
        if not isinstance(told, dict):
            return None
        return Profile(name=str(told.get("name") or ""), picture=_picture(told.get("avatar")))

    async def account(self) -> Account:
        told = await self._call("get_account_info", {})
        return Account(
            name=str(told.get("name") or ""),
            username=str(told.get("uri") or ""),
            picture=_picture(told.get("icon")),
        )

    def join_link(self, username: str, key: str) -> str:
        if not username:
            return ""
        return f"viber://pa?chatURI={quote(username, safe='')}&context={quote(key, safe='')}"

    async def hook(self) -> HookState:
        told = (await self._call("get_account_info", {})).get("webhook")
        return HookState(url=told if isinstance(told, str) else "")

    async def set_hook(self, url: str) -> None:
        """There is one only; the platform tries it before it answers."""
        wanted = {"url": url, "event_types": EVENTS, "send_name": True, "send_photo": True}
        await self._call("set_webhook", wanted)

    async def drop_hook(self) -> None:
        known = (await self.hook()).url
        if urlsplit(known).path == f"/hooks/{self.id}":
            await self._call("set_webhook", {"url": ""})

    def _ours(self, tracked: Tracked, person: str) -> bool:
        return self.keys.verify("tracked", self._signed(tracked, person), tracked.sign)

    def _signed(self, tracked: Tracked, person: str) -> str:
        told = msgspec.json.encode([tracked.asks, sorted(tracked.pressed.items())]).decode()
        return f"{self.id}:{person}:{told}"

    def _messages(self, receiver: str, draft: Draft) -> list[dict[str, Any]]:
        """Words, then each file; nothing is sent before all of it is known to be fit."""
        texts = pieces(draft.text, TEXT_MAX, plain, utf16)
        files = [_file(each, self.files.link) for each in draft.attachments]
        one = len(texts) == 1 and utf16(texts[0]) <= CAPTION_MAX
        if one and files and files[0]["type"] == "picture":
            files[0] = {**files[0], "text": texts.pop()}
        said = [{"type": "text", "text": each} for each in texts]
        made = [self._addressed(receiver, each) for each in (*said, *files)]
        if made and draft.buttons:
            made[-1] |= self._keyboard(receiver, draft.buttons)
        if any(len(msgspec.json.encode(each)) > REQUEST_MAX_BYTES for each in made):
            raise RejectedError("more than a request holds", reason="too_long")
        return made

    def _addressed(self, receiver: str, message: dict[str, Any]) -> dict[str, Any]:
        return {"receiver": receiver, "sender": {"name": self.settings.name}, **message}

    def _keyboard(self, receiver: str, rows: Sequence[Sequence[Button]]) -> dict[str, Any]:
        """https://developers.viber.com/docs/tools/keyboards/"""
        flat = [each for row in rows for each in row]
        tracked = Tracked(
            asks=any(each.asks == "phone" for each in flat),
            pressed={each.label: each.data for each in flat if each.data},
        )
        sign = self.keys.sign("tracked", self._signed(tracked, receiver))
        tracking = msgspec.json.encode(msgspec.structs.replace(tracked, sign=sign)).decode()
        if len(rows) > ROWS_MAX or len(tracking) > TRACKED_MAX:
            raise RejectedError("more buttons than a message holds", reason="too_long")
        made = [_button(each, COLUMNS // min(len(row), COLUMNS)) for row in rows for each in row]
        return {
            "min_api_version": 6 if any(each.url for each in flat) else 3,
            "tracking_data": tracking,
            "keyboard": {"Type": "keyboard", "DefaultHeight": False, "Buttons": made},
        }

    async def _call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        key = {"X-Viber-Auth-Token": self.settings.token}
        said = await self._line.call("POST", method, json=body, headers=key)
        refused(said)
        if said.status >= 300:
            raise TransientError(str(said.status), maybe_sent=said.status < 400, reason="page")
        told = said.json()
        status = told.get("status") if isinstance(told, dict) else None
        if not isinstance(status, int) or isinstance(status, bool):
            raise TransientError("no status", maybe_sent=True, reason="page")
        if status:
            raise _refusal(status)
        return dict(told)


def _refusal(status: int) -> DeliveryError:
    if status == 12:
        return ThrottledError("12", retry_after=PAUSE, reason="rate")
    error, reason = REFUSALS.get(status, (TransientError, "internal"))
    return error(str(status), reason=reason)


def _picture(told: object) -> Remote | None:
    return Remote(ref=told, kind="image") if isinstance(told, str) and told else None


def _file(file: Attachment, link: Callable[[Attachment], str]) -> dict[str, Any]:
    """The file as the platform takes it: by a public address where it lies."""
    if FORBIDDEN.fullmatch(file.name):
        raise RejectedError("the kind of file", reason="file_type")
    if file.size_bytes > FILE_MAX_BYTES:
        raise RejectedError("the file's size", reason="too_large")
    media = link(file)
    if not media:
        raise RejectedError("files need a public address", reason="no_public_address")
    ending = PICTURES.get(file.mime)
    if ending and file.name.lower().endswith(ending) and file.size_bytes <= PICTURE_MAX_BYTES:
        return {"type": "picture", "text": "", "media": media}
    if file.mime == "video/mp4" and file.size_bytes <= VIDEO_MAX_BYTES:
        return {"type": "video", "media": media, "size": file.size_bytes}
    name = file.name[-NAME_MAX:]
    return {"type": "file", "media": media, "size": file.size_bytes, "file_name": name}


def _button(button: Button, columns: int) -> dict[str, Any]:
    shape = {"Columns": columns, "Rows": 1, "Text": button.label}
    if button.asks == "phone":
        return {**shape, "ActionType": "share-phone", "ActionBody": "phone"}
    if button.url:
        # Else the address would be said in the chat as the person's own words.
        return {**shape, "ActionType": "open-url", "ActionBody": button.url, "Silent": True}
    # What a button says is said in the chat, so it is the label and not the data.
    return {**shape, "ActionType": "reply", "ActionBody": button.label}
