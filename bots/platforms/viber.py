"""Viber as its documents tell: https://developers.viber.com/docs/api/rest-bot-api/

An hour of its clock is seconds here. It fetches the files that it is told of, as phones do.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from bots.platforms.platform import Blob, Bubble, FileKind, Person, Platform
from hub.model import cut

TOKEN = "44dafb7e0f40021e-61a47a1e6778d187-f2c5a676a07050b3"
URI = "romashka"
TOKENS_FROM = 5_741_311_803_571_721_088
"""More than a double holds."""

REPEATS_MINUTES = (0.5, 2, 10, 45)
"""When a callback that was not taken is brought again; the documents say: for about an hour."""

BODY_MAX = 30_000
TEXT_MAX = 7_000
CAPTION_MAX = 768
NAME_MAX = 28
TRACKED_MAX = 4_000
FIXED = frozenset({"webhook", "message", "subscribed", "unsubscribed"})
OPTIONAL = frozenset({"delivered", "seen", "failed", "conversation_started"})
ACTIONS = frozenset({"reply", "open-url", "share-phone", "location-picker", "none"})
KNOWN = frozenset(
    {
        *("receiver", "type", "sender", "tracking_data", "min_api_version", "keyboard"),
        *("auth_token", "text", "media", "thumbnail", "size", "file_name", "duration"),
        *("location", "contact", "sticker_id"),
    }
)
WORDS = {
    1: "invalidUrl",
    2: "invalidAuthToken",
    3: "badData",
    4: "missingData",
    5: "receiverNotRegistered",
    6: "receiverNotSubscribed",
    7: "publicAccountBlocked",
    10: "webhookNotSet",
    12: "tooManyRequests",
}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
KINDS: dict[str, FileKind] = {"picture": "image", "video": "video", "file": "file"}


class NoError(Exception):
    """The request is answered with this status, under an HTTP of 200."""

    def __init__(self, status: int, words: str = "") -> None:
        super().__init__(words or WORDS.get(status, "general error"))
        self.status = status


class ViberPlatform(Platform):
    """`refuse` has the next message refused with that status."""

    kind: ClassVar[str] = "viber"

    def __init__(self, *, hour: float = 6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.token = TOKEN
        self.hour = hour
        self.webhook = ""
        self.refuse = 0
        self.answers: list[bytes] = []
        """What was answered to the callbacks that were taken."""
        self._wanted = OPTIONAL
        self._subscribed: set[str] = set()
        self._tracking: dict[str, str] = {}
        self._blobs: dict[str, Blob] = {"icon": Blob("icon.png", "image/png", PIXEL, "image")}

    def settings(self) -> dict[str, Any]:
        return {"token": self.token, "name": "Ромашка", "api_url": f"{self.url}/pa"}

    def newcomer(self, name: str, phone: str) -> Person:
        """Ids there are base64 of the bot's own making."""
        made = hashlib.sha256(f"{self.number()}".encode()).digest()[:16]
        return Person(id=base64.b64encode(made).decode(), name=name, phone=phone)

    def routes(self) -> list[web.RouteDef]:
        def api(name: str, does: Callable[[dict[str, Any]], Awaitable[Any]]) -> web.RouteDef:
            async def handle(request: web.Request) -> web.StreamResponse:
                return await self._api(request, name, does)

            return web.post(f"/pa/{name}", handle)

        return [
            api("set_webhook", self._set_webhook),
            api("get_account_info", self._account),
            api("get_user_details", self._details),
            api("send_message", self._sent),
            web.get("/files/{id}/{name}", self._file),
        ]

    # The API.

    async def _api(
        self,
        request: web.Request,
        name: str,
        does: Callable[[dict[str, Any]], Awaitable[Any]],
    ) -> web.StreamResponse:
        raw = await request.read()
        try:
            told = json.loads(raw)
        except ValueError:
            return _answer(3, "badData")
        if not isinstance(told, dict):
            return _answer(3, "badData")
        key = request.headers.get("X-Viber-Auth-Token") or told.pop("auth_token", "")
        self.calls.append((name, told))
        self.changed.set()
        if key != self.token:
            return _answer(2, WORDS[2])
        fault = self.fault(name)
        match fault.failing if fault else "none":
            case "429":
                return _answer(12, WORDS[12])
            case "500":
                return web.Response(status=500, text="Internal Server Error")
            case "502_page":
                page = "<html><body>502 Bad Gateway</body></html>"
                return web.Response(text=page, content_type="text/html")
            case "refused_key":
                return _answer(2, WORDS[2])
            case "blocked":
                return _answer(6, WORDS[6])
            case "slow":
                await self._released.wait()
            case _:
                pass
        try:
            if len(raw) > BODY_MAX:
                raise NoError(3, "request is too large")
            answer = _answer(0, "ok", await does(told))
        except NoError as error:
            answer = _answer(error.status, str(error))
        if fault is not None and fault.failing == "lost_answer" and request.transport is not None:
            request.transport.abort()
        return answer

    async def _set_webhook(self, told: dict[str, Any]) -> Any:
        url = told.get("url")
        if not isinstance(url, str):
            raise NoError(4)
        if not url:
            self.webhook = ""
            self.changed.set()
            return {"event_types": []}
        parts = urlsplit(url)
        # A hub on this very machine has no certificate; everybody else needs one.
        here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
        if not here and parts.scheme != "https":
            raise NoError(1, "webhook url must be https")
        kinds = told.get("event_types", list(OPTIONAL))
        if not isinstance(kinds, list) or not set(kinds) <= FIXED | OPTIONAL:
            raise NoError(3, "event_types")
        body = self._body({"event": "webhook"})
        if not await self._taken(url, body):
            raise NoError(1, "webhook did not answer 200")
        self.webhook, self._wanted = url, frozenset(kinds) & OPTIONAL
        self.changed.set()
        return {"event_types": sorted(self._wanted | FIXED - {"webhook"})}

    async def _account(self, told: dict[str, Any]) -> Any:
        return {
            "id": "pa:75346594275468546724",
            "name": "Ромашка",
            "uri": URI,
            "icon": f"{self.url}/files/icon/icon.png",
            "category": "Companies",
            "country": "RU",
            "webhook": self.webhook,
            "event_types": sorted(self._wanted | FIXED - {"webhook"}),
            "subscribers_count": len(self._subscribed),
            "members": [],
        }

    async def _details(self, told: dict[str, Any]) -> Any:
        chat = self.chats.get(str(told.get("id")))
        if chat is None:
            raise NoError(5)
        return {"user": self._user(chat.person)}

    async def _sent(self, told: dict[str, Any]) -> Any:
        if not self.webhook:
            raise NoError(10)
        if strange := set(told) - KNOWN:
            raise NoError(3, f"unknown field {sorted(strange)[0]}")
        _check(told)
        chat = self.chats.get(str(told["receiver"]))
        if chat is None:
            raise NoError(5)
        if chat.person.id not in self._subscribed or chat.blocked:
            raise NoError(6)
        if self.refuse:
            status, self.refuse = self.refuse, 0
            raise NoError(status)
        token = self._token()
        files: tuple[Blob, ...] = ()
        if told["type"] in KINDS:
            files = (await self._fetched(told),)
        keyboard = told.get("keyboard") or {}
        bubble = Bubble(
            id=str(token),
            mine=False,
            at=cut(self._now()),
            text=str(told.get("text") or ""),
            files=files,
            buttons=_rows(keyboard.get("Buttons") or []),
        )
        self._tracking[chat.person.id] = str(told.get("tracking_data") or "")
        self.put(chat.person, bubble)
        told = {"event": "delivered", "message_token": token, "user_id": chat.person.id}
        self._tell(told)
        return {"message_token": token, "billing_status": 1}

    async def _fetched(self, told: dict[str, Any]) -> Blob:
        """What lies at the address now: it has to be there, public, and as large as was said."""
        session = self._session
        if session is None:
            raise NoError(3)
        try:
            async with session.get(told["media"], allow_redirects=False) as answer:
                data = await answer.read()
                status, mime = answer.status, answer.content_type
        except (aiohttp.ClientError, ValueError):
            raise NoError(3, "media cannot be fetched") from None
        if status != 200 or told.get("size", len(data)) != len(data):
            raise NoError(3, "media cannot be fetched")
        name = told.get("file_name") or urlsplit(told["media"]).path.rpartition("/")[2]
        return Blob(str(name), mime, data, KINDS[told["type"]])

    async def _file(self, request: web.Request) -> web.StreamResponse:
        blob = self._blobs.get(request.match_info["id"])
        if blob is None:
            raise web.HTTPNotFound
        return web.Response(body=blob.data, content_type=blob.mime)

    # What a person does.

    async def write(self, person: Person, text: str, *, quote: str = "") -> Bubble:
        # Answers quote nothing there that a bot is told of.
        return self._say(person, {"type": "text", "text": text}, text=text)

    async def send_file(self, person: Person, blob: Blob, *, text: str = "") -> Bubble:
        held: dict[str, Any] = {"media": self._kept(blob)}
        if blob.kind == "image":
            held |= {"type": "picture", "thumbnail": held["media"], "file_name": blob.name}
            held |= {"text": text} if text else {}
        elif blob.kind == "video":
            held |= {"type": "video", "size": len(blob.data), "duration": 1}
        else:
            held |= {"type": "file", "file_name": blob.name, "size": len(blob.data)}
        return self._say(person, held, text=text if blob.kind == "image" else "", files=(blob,))

    async def send_place(self, person: Person, latitude: float, longitude: float) -> Bubble:
        held = {"type": "location", "location": {"lat": latitude, "lon": longitude}}
        return self._say(person, held, place=(latitude, longitude))

    async def send_card(self, person: Person, name: str, phone: str, *, own: bool) -> Bubble:
        contact = {"name": name, "phone_number": phone.removeprefix("+")}
        return self._say(person, {"type": "contact", "contact": contact}, card=(name, phone))

    async def send_sticker(self, person: Person) -> Bubble:
        sticker = Blob("sticker.png", "image/png", PIXEL, "image")
        held = {"type": "sticker", "media": self._kept(sticker), "sticker_id": 46_105}
        return self._say(person, held, files=(sticker,))

    async def send_address(self, person: Person, url: str) -> Bubble:
        return self._say(person, {"type": "url", "media": url}, text=url)

    async def begin(self, person: Person, key: str = "") -> None:
        """Opens the chat, which is not yet to subscribe."""
        told: dict[str, Any] = {
            "event": "conversation_started",
            "message_token": self._token(),
            "type": "open",
            "user": self._user(person),
            "subscribed": person.id in self._subscribed,
        }
        self._tell(told | ({"context": key} if key else {}))

    async def press(self, person: Person, bubble: str, data: str) -> None:
        """What a button says is said in the chat."""
        if data == "phone":
            await self.send_card(person, person.name, person.phone, own=True)
        elif not data.startswith("https://"):
            self._say(person, {"type": "text", "text": data}, text=data)

    async def read(self, person: Person) -> None:
        for each in self.shown(person):
            if not each.mine and not each.read:
                self.alter(person, each.id, read=True)
                told = {"event": "seen", "message_token": int(each.id), "user_id": person.id}
                self._tell(told)

    async def block(self, person: Person, *, blocked: bool = True) -> None:
        self.chats[person.id].blocked = blocked
        if blocked:
            self._subscribed.discard(person.id)
            self._tell({"event": "unsubscribed", "user_id": person.id})
        else:
            self._subscribed.add(person.id)
            token = self._token()
            self._tell({"event": "subscribed", "message_token": token, "user": self._user(person)})

    async def lose(self, person: Person, bubble: str) -> None:
        """A message that was taken does not reach the person after all."""
        told = {"message_token": int(bubble), "user_id": person.id, "desc": "failure description"}
        self._tell({"event": "failed"} | told)

    # Its words.

    def _say(self, person: Person, message: dict[str, Any], **shown: Any) -> Bubble:
        self.chats[person.id].blocked = False
        self._subscribed.add(person.id)
        token = self._token()
        bubble = Bubble(id=str(token), mine=True, at=cut(self._now()), **shown)
        self.put(person, bubble)
        tracking = self._tracking.get(person.id, "")
        self._tell(
            {
                "event": "message",
                "message_token": token,
                "sender": self._user(person),
                "message": message | ({"tracking_data": tracking} if tracking else {}),
                "silent": False,
            }
        )
        return bubble

    def _tell(self, told: dict[str, Any]) -> None:
        if self.webhook and (told["event"] in FIXED or told["event"] in self._wanted):
            body, url = self._body(told), self.webhook
            self.bring(lambda: self._brought_again(url, body))

    def _body(self, told: dict[str, Any]) -> bytes:
        whole = {
            "event": told["event"],
            "timestamp": round(self._now().timestamp() * 1000),
            "chat_hostname": "SN-CHAT-05_",
            "message_token": told.get("message_token", self._token()),
        }
        return json.dumps(whole | told, ensure_ascii=False).encode()

    async def _brought_again(self, url: str, body: bytes) -> None:
        for minutes in (*REPEATS_MINUTES, None):
            if self.webhook != url or await self._taken(url, body) or minutes is None:
                return
            await asyncio.sleep(minutes * self.hour / 60)

    async def _taken(self, url: str, body: bytes) -> bool:
        if self._session is None:
            return False
        made = hmac.new(self.token.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Viber-Content-Signature": made}
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=aiohttp.ClientTimeout(total=10)
            ) as answer:
                read = await answer.read()
                if answer.status == 200:
                    self.answers.append(read)
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _token(self) -> int:
        return TOKENS_FROM + self.number()

    def _kept(self, blob: Blob) -> str:
        id = f"m{self.number()}"
        self._blobs[id] = replace(blob)
        return f"{self.url}/files/{id}/{blob.name}"

    def _user(self, person: Person) -> dict[str, Any]:
        return {
            "id": person.id,
            "name": person.name,
            "avatar": f"{self.url}/files/icon/icon.png",
            "language": "ru",
            "country": "RU",
            "api_version": 10,
        }


def _check(told: dict[str, Any]) -> None:
    """https://developers.viber.com/docs/api/rest-bot-api/#send-message"""
    sender, kind = told.get("sender"), told.get("type")
    if not told.get("receiver") or not kind or not isinstance(sender, dict):
        raise NoError(4)
    if not 1 <= len(str(sender.get("name") or "")) <= NAME_MAX:
        raise NoError(3, "sender.name")
    text = told.get("text")
    if kind == "text" and not text:
        raise NoError(4)
    most = TEXT_MAX if kind == "text" else CAPTION_MAX
    if text is not None and (not isinstance(text, str) or _length(text) > most):
        raise NoError(3, "text")
    if kind in KINDS and not told.get("media"):
        raise NoError(4)
    if kind in ("video", "file") and not isinstance(told.get("size"), int):
        raise NoError(4)
    if kind == "file" and not 1 <= len(str(told.get("file_name") or "")) <= 256:
        raise NoError(3, "file_name")
    if kind == "picture" and not urlsplit(told["media"]).path.lower().endswith(
        (".jpg", ".jpeg", ".png", ".gif")
    ):
        raise NoError(3, "picture must be jpeg, png or gif by its address")
    if kind not in {*KINDS, "text", "location", "contact", "sticker", "url"}:
        raise NoError(3, "type")
    if len(str(told.get("tracking_data") or "")) > TRACKED_MAX:
        raise NoError(3, "tracking_data")
    if told.get("keyboard") is not None:
        _check_keyboard(told["keyboard"], told.get("min_api_version", 1))


def _check_keyboard(keyboard: Any, version: int) -> None:
    """https://developers.viber.com/docs/tools/keyboards/"""
    buttons = keyboard.get("Buttons") if isinstance(keyboard, dict) else None
    if not isinstance(buttons, list) or not buttons or keyboard.get("Type") != "keyboard":
        raise NoError(3, "keyboard")
    for each in buttons:
        if each.get("ActionType", "reply") not in ACTIONS or not each.get("ActionBody"):
            raise NoError(3, "button")
        if not 1 <= each.get("Columns", 6) <= 6 or not 1 <= each.get("Rows", 1) <= 2:
            raise NoError(3, "button")
        if each["ActionType"] == "share-phone" and version < 3:
            raise NoError(3, "share-phone needs min_api_version 3")
        if each.get("Silent") and version < 6:
            raise NoError(3, "Silent needs min_api_version 6")
    if sum(each.get("Columns", 6) for each in buttons) > 12 * 6:
        raise NoError(3, "keyboard: rows")


def _rows(buttons: Sequence[dict[str, Any]]) -> tuple[tuple[tuple[str, str], ...], ...]:
    rows: list[list[tuple[str, str]]] = []
    left = 0
    for each in buttons:
        if left < each.get("Columns", 6):
            rows.append([])
            left = 6
        left -= each.get("Columns", 6)
        asks = each["ActionType"] == "share-phone"
        rows[-1].append((each.get("Text", ""), "phone" if asks else each["ActionBody"]))
    return tuple(tuple(row) for row in rows)


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _answer(status: int, words: str, more: dict[str, Any] | None = None) -> web.Response:
    told = {"status": status, "status_message": words, "chat_hostname": "SN-CHAT-05_"}
    return web.json_response(told | (more or {}))
