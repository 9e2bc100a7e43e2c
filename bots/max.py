"""MAX: https://dev.max.ru/docs-api ; numbers and oddities are linked where they are used."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, ClassVar
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta

from bots.line.line import Line, Said, refused
from bots.line.settings import LineSettings, Receive, Secret
from bots.line.text import max_markup, pieces, plain, spans, utf16
from bots.line.upload import Upload
from bots.updates import max as updates
from hub.channels.abilities import Ability, Capabilities, Pace
from hub.channels.port import Account, Bytes, ChannelKind, Draft, Hook, HookState, Polled, Receipt
from hub.content import Button, FileKind, Remote
from hub.errors import (
    DeliveryError,
    PayloadError,
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

API = "https://platform-api2.max.ru"
HOSTS = (".max.ru", ".oneme.ru", ".okcdn.ru", ".mycdn.me")
"""Where files are left and lie; the API's own host is allowed anyway."""

TEXT_MAX = 4_000
MEDIA_MAX = 12
IMAGE_MAX_BYTES = 50_000_000
START_MAX = 128
NOTICE_MAX = 200
LABEL_MAX = 128
ROW_MAX = 3
NOT_READY = "attachment.not.ready"
READY_FIRST_SECONDS, READY_LAST_SECONDS = 0.3, 4.0
NO_POLLING = "405"
POLL_SECONDS = 25
POLL_LIMIT = 100
TYPES = (
    *("message_created", "message_edited", "message_removed", "message_callback"),
    *("bot_started", "bot_stopped"),
)
VIDEO_SIZES = ("mp4_720", "mp4_1080", "mp4_480", "mp4_360", "mp4_240", "mp4_144")


def _pem(text: str) -> None:
    """Raises ValueError unless it is certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise ValueError("trusted_root holds no certificate in PEM") from None


class MaxSettings(LineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`trusted_root` is believed beside the system's roots and the Russian Trusted Root CA."""

    token: Secret
    receive: Receive = "auto"
    trusted_root: Annotated[str, Meta(max_length=20_000)] = ""

    def __post_init__(self) -> None:
        if self.trusted_root:
            _pem(self.trusted_root)


class Max(ChannelKind[MaxSettings]):
    """A bot of MAX; only its dialogs are ours, never groups and channels."""

    kind: ClassVar[str] = "max"
    settings_type: ClassVar[type[msgspec.Struct]] = MaxSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.MAX,
        text_max_chars=12_000,
        attachments_max=MEDIA_MAX,
        attachment_max_bytes=250_000_000,
        hears=frozenset(
            {
                *(Ability.FILES, Ability.VOICE, Ability.LOCATION, Ability.CONTACT, Ability.PHONE),
                *(Ability.BUTTONS, Ability.QUOTES, Ability.EDITS, Ability.DELETES),
                *(Ability.JOIN, Ability.BLOCKED),
            }
        ),
        # Typing is told to a chat by its number, which a person's messages alone name.
        does=frozenset(
            {
                *(Ability.FILES, Ability.VOICE, Ability.PHONE, Ability.BUTTONS, Ability.QUOTES),
                *(Ability.EDITS, Ability.DELETES, Ability.READ),
            }
        ),
        edits_for=timedelta(days=7),
        # Two a second to one chat are allowed; on the way they come nearer to each other.
        pace=Pace(per_second=30, per_chat=timedelta(milliseconds=600)),
        receives=frozenset({"hook", "poll"}),
    )
    patience: ClassVar[float] = 20
    """Seconds of one send within which files are left and ready; delivery allows a little more."""

    def __init__(
        self, id: ChannelId, settings: MaxSettings, keys: Keys, files: Bytes | None = None
    ) -> None:
        super().__init__(id, settings, keys, files)
        api = settings.api_url or API
        trust = _trust(settings.trusted_root) if api.startswith("https") else None
        self._line = Line(api, proxy=settings.proxy, hosts=HOSTS, trust=trust)

    async def close(self) -> None:
        await self._line.close()

    def verify(self, hook: Hook) -> None:
        told = hook.headers.get("x-max-bot-api-secret", "")
        if not told or not self.keys.verify("hook", str(self.id), told):
            raise SignatureError("the hook's secret is not ours")

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return updates.events(hook.body, self.settings.token)

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        """Files are left first: until the first message goes, every failure may be repeated."""
        until = asyncio.get_running_loop().time() + self.patience
        try:
            async with asyncio.timeout_at(until):
                lefts = [await self._left(each) for each in draft.attachments]
        except TransientError as error:
            raise TransientError(str(error), reason=error.reason) from None
        except TimeoutError:
            raise TransientError("timeout", reason="timeout") from None
        taken: list[str] = []
        for body in _bodies(draft, lefts):
            if taken:
                await asyncio.sleep(self.capabilities.pace.per_chat.total_seconds())
            try:
                taken.append(await self._post(to.external_id, body, until))
            except DeliveryError as error:
                if not taken:
                    raise
                raise TransientError(str(error), maybe_sent=True, reason=error.reason) from None
        if not taken:
            raise RejectedError("an empty message", reason="bad_request")
        return Receipt(external_id=taken[0], more=tuple(taken[1:]))

    async def edit(self, to: Identity, external_id: str, draft: Draft) -> None:
        texts = _texts(draft.text)
        if len(texts) != 1:
            reason = "too_long" if texts else "bad_request"
            raise RejectedError("the text has to be one message", reason=reason)
        # What is attached stays as it is, since it is not named.
        _done(await self._call("PUT", "messages", {"message_id": external_id}, texts[0]))

    async def delete(self, to: Identity, external_ids: Sequence[str]) -> None:
        for each in external_ids:
            try:
                _done(await self._call("DELETE", "messages", {"message_id": each}))
            except RejectedError as error:
                if error.reason != "not_found":
                    raise

    async def mark_read(self, to: Identity, external_id: str) -> None:
        message = await self._call("GET", f"messages/{quote(external_id, safe='')}")
        recipient = message.get("recipient")
        chat = recipient.get("chat_id") if isinstance(recipient, dict) else None
        if not isinstance(chat, int):
            raise TransientError("a message of no chat", reason="page")
        _done(await self._call("POST", f"chats/{chat}/actions", body={"action": "mark_seen"}))

    async def acknowledge(self, ref: str, text: str = "") -> None:
        told = {"notification": text[:NOTICE_MAX]} if text else {}
        _done(await self._call("POST", "answers", {"callback_id": ref}, told))

    async def fetch(self, remote: Remote) -> AsyncIterator[bytes]:
        url = remote.ref
        if url.startswith(updates.VIDEO):
            url = await self._film(url.removeprefix(updates.VIDEO))
        async for chunk in self._line.download(url):
            yield chunk

    async def account(self) -> Account:
        me = await self._call("GET", "me")
        name, picture = me.get("name") or me.get("first_name"), me.get("full_avatar_url")
        picture = picture or me.get("avatar_url")
        return Account(
            name=str(name or ""),
            username=str(me.get("username") or ""),
            picture=Remote(ref=picture, kind="image") if isinstance(picture, str) else None,
        )

    def join_link(self, username: str, key: str) -> str:
        """https://dev.max.ru/help/deeplinks : what is longer is dropped there without a word."""
        if not username or len(key) > START_MAX:
            return ""
        return f"https://max.ru/{quote(username, safe='')}?start={quote(key, safe='')}"

    async def hook(self) -> HookState:
        ours = await self._hooks()
        return HookState(url=ours[0] if ours else "")

    async def set_hook(self, url: str) -> None:
        """Subscriptions add up there, so those of ours elsewhere are taken off first."""
        for each in await self._hooks():
            if each != url:
                await self._unsubscribe(each)
        secret = self.keys.sign("hook", str(self.id))
        wanted = {"url": url, "update_types": list(TYPES), "secret": secret}
        _done(await self._call("POST", "subscriptions", body=wanted), reason="misconfigured")

    async def drop_hook(self) -> None:
        for each in await self._hooks():
            await self._unsubscribe(each)

    async def poll(self, marker: str) -> Polled:
        """RejectedError while a hook is subscribed: then there is nothing to poll."""
        query = {"limit": str(POLL_LIMIT), "timeout": str(POLL_SECONDS)}
        if marker:
            query["marker"] = marker
        try:
            said = await self._say("GET", "updates", query, seconds=POLL_SECONDS + 15)
        except RejectedError as error:
            reason = "hook_elsewhere" if str(error) == NO_POLLING else error.reason
            raise RejectedError(str(error), reason=reason) from None
        try:
            bodies, following = updates.apart(said.body)
        except PayloadError:
            raise TransientError("not_updates", reason="page") from None
        return Polled(bodies=bodies, marker=marker if following is None else str(following))

    async def _hooks(self) -> list[str]:
        """The subscriptions that are this channel's, wherever they lead."""
        told = (await self._call("GET", "subscriptions")).get("subscriptions")
        urls = [each.get("url") for each in told or () if isinstance(each, dict)]
        path = f"/hooks/{self.id}"
        return [each for each in urls if isinstance(each, str) and urlsplit(each).path == path]

    async def _unsubscribe(self, url: str) -> None:
        await self._call("DELETE", "subscriptions", {"url": url})

    async def _left(self, file: Attachment) -> dict[str, Any]:
        """What names the file in a message: https://dev.max.ru/docs-api/methods/POST/uploads"""
        sort = _sort(file)
        told = await self._call("POST", "uploads", {"type": sort})
        url, token = told.get("url"), told.get("token")
        if not isinstance(url, str):
            raise TransientError("nowhere to leave a file", reason="page")
        upload = Upload(file, self.files.read(file), field="data")
        # The storage is no part of the API, and gets no key.
        said = await upload.post(self._line, url)
        if said.status >= 300:
            raise _unwelcome(said)
        if sort in ("video", "audio"):
            # Their storage answers in XML; the key was told beforehand.
            if not isinstance(token, str):
                raise TransientError("a file without a key", reason="page")
            return {"type": sort, "payload": {"token": token}}
        payload = said.json()
        if not isinstance(payload, dict) or not (payload.get("photos") or payload.get("token")):
            raise TransientError("a file without a key", reason="page")
        held = {key: payload[key] for key in ("photos", "token") if key in payload}
        return {"type": sort, "payload": held}

    async def _post(self, user: str, body: dict[str, Any], until: float) -> str:
        """A file that is not ready yet is waited for: nothing was said then."""
        now, pause = asyncio.get_running_loop().time, READY_FIRST_SECONDS
        while True:
            try:
                told = await self._call("POST", "messages", {"user_id": user}, body)
            except TransientError as error:
                if str(error) != NOT_READY or now() + pause > until:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, READY_LAST_SECONDS)
                continue
            message = told.get("message")
            held = message.get("body") if isinstance(message, dict) else None
            mid = held.get("mid") if isinstance(held, dict) else None
            if not isinstance(mid, str) or not mid:
                raise TransientError("taken without an id", maybe_sent=True, reason="page")
            return mid

    async def _film(self, token: str) -> str:
        told = (await self._call("GET", f"videos/{quote(token, safe='')}")).get("urls")
        urls = told if isinstance(told, dict) else {}
        for size in VIDEO_SIZES:
            if isinstance(urls.get(size), str) and urls[size]:
                return str(urls[size])
        raise TransientError("a film without an address yet", reason="offline")

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> dict[str, Any]:
        told = (await self._say(method, path, query, body)).json()
        if not isinstance(told, dict):
            raise TransientError("not an object", maybe_sent=True, reason="page")
        return told

    async def _say(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        seconds: float = 20,
    ) -> Said:
        key = {"Authorization": self.settings.token}
        said = await self._line.call(
            method, path, json=body, query=query, headers=key, seconds=seconds
        )
        if said.status >= 300:
            raise _refusal(said)
        return said


@cache
def _trust(own: str) -> ssl.SSLContext:
    """The system's roots and the one that MAX's certificates end in: https://www.gosuslugi.ru/crt"""
    context = ssl.create_default_context()
    root = files("bots.line").joinpath("russian_trusted_root.pem")
    context.load_verify_locations(cadata=root.read_text(encoding="ascii"))
    if own:
        context.load_verify_locations(cadata=own)
    return context


def _refusal(said: Said) -> DeliveryError:
    """https://dev.max.ru/docs-api ; a code is theirs, what follows from it is ours."""
    try:
        refused(said)
    except ThrottledError as error:
        # The limit of a chat is kept by the lane; what is left is the limit of all.
        return ThrottledError(
            str(error), retry_after=error.retry_after, everywhere=True, reason=error.reason
        )
    except DeliveryError as error:
        return error
    told = _told(said)
    code, words = told.get("code"), str(told.get("message", ""))
    code = code[:60] if isinstance(code, str) else str(said.status)
    if said.status == 405:
        return RejectedError(NO_POLLING, reason="not_here")
    if code == NOT_READY:
        return TransientError(NOT_READY, reason="timeout")
    if code == "chat.denied" or "error.dialog.suspended" in words:
        if "error.dialog.suspended" in words:
            return UnreachableError(code, reason="blocked")
        return RejectedError(code, reason="no_rights")
    if code in ("dialog.not.found", "chat.not.found") or "error.dialog.notfound" in words:
        return UnreachableError(code, reason="never_wrote")
    if said.status == 403:
        return RejectedError(code, reason="no_rights")
    if said.status == 404:
        return RejectedError(code, reason="not_found")
    if said.status == 413:
        return RejectedError(code, reason="too_large")
    if said.status < 400:
        return TransientError(code, maybe_sent=True, reason="page")
    return RejectedError(code, reason="bad_request")


def _unwelcome(said: Said) -> DeliveryError:
    """Why a storage did not take a file; nobody was told of it yet."""
    if said.status == 413:
        return RejectedError("413", reason="too_large")
    if b"extension is forbidden" in said.body:
        return RejectedError("the kind of file", reason="file_type")
    if 400 <= said.status < 500 and said.status not in (401, 408, 429):
        return RejectedError(str(said.status), reason="bad_request")
    return TransientError(str(said.status), reason="internal")


def _told(said: Said) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(said.body)
    except (msgspec.MsgspecError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _done(told: Mapping[str, Any], *, reason: str = "bad_request") -> None:
    """An answer of 200 may still say no."""
    if told.get("success") is False:
        raise RejectedError("not done", reason=reason)


def _bodies(draft: Draft, lefts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The platform's messages: words, then pictures and films together, each other file alone."""
    album = [each for each in lefts if each["type"] in ("image", "video")]
    alone = [each for each in lefts if each not in album]
    made = _texts(draft.text)
    if album:
        # The last words stand under the pictures.
        made = made or [{}]
        made[-1] = {**made[-1], "attachments": album}
    made += [{"attachments": [each]} for each in alone]
    if made and draft.reply_to:
        made[0] = {**made[0], "link": {"type": "reply", "mid": draft.reply_to}}
    if made and draft.buttons:
        held = made[-1].get("attachments", [])
        made[-1] = {**made[-1], "attachments": [*held, _keyboard(draft.buttons)]}
    return made


def _texts(text: str) -> list[dict[str, Any]]:
    """What is not marked goes as it is: then nothing in it can be taken for markup."""
    if spans(text)[1]:
        rendered = pieces(text, TEXT_MAX, max_markup, utf16)
        return [{"text": each, "format": "html"} for each in rendered]
    return [{"text": each} for each in pieces(text, TEXT_MAX, plain, utf16)]


def _keyboard(rows: Sequence[Sequence[Button]]) -> dict[str, Any]:
    """https://dev.max.ru/docs-api/use-cases/sending-messages/keyboard"""
    made = [
        [_button(each) for each in row[at : at + ROW_MAX]]
        for row in rows
        for at in range(0, len(row), ROW_MAX)
    ]
    return {"type": "inline_keyboard", "payload": {"buttons": made}}


def _button(button: Button) -> dict[str, Any]:
    label = button.label[:LABEL_MAX]
    if button.asks == "phone":
        return {"type": "request_contact", "text": label}
    if button.url:
        return {"type": "link", "text": label, "url": button.url}
    return {"type": "callback", "text": label, "payload": button.data}


def _sort(file: Attachment) -> FileKind:
    if file.kind == "image" and file.size_bytes > IMAGE_MAX_BYTES:
        return "file"
    return file.kind
