"""MAX as its documents tell: https://dev.max.ru/docs-api ; an hour of its clock is seconds here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from aiohttp import web

from bots.platforms import max_asked as asked
from bots.platforms.max_asked import RefusedError
from bots.platforms.max_files import Storage
from bots.platforms.max_hooks import Subscriptions
from bots.platforms.platform import Blob, Bubble, Chat, Person, Platform
from hub.model import cut

TOKEN = "f9LHodD0cOIdemo-max-token-0123456789"
BOT = 9_007_199_254_740_993
"""The number of the bot: more than a double holds."""

CHATS_FROM = 5_000_000_000_000
EDITS_FOR = timedelta(days=7)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class MaxPlatform(Platform):
    """`hour` is how many seconds an hour of its retries lasts; `not_ready` has files waited for."""

    kind: ClassVar[str] = "max"

    def __init__(self, *, hour: float = 6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.token = TOKEN
        self.hooks = Subscriptions(hour=hour, ms=self._ms, changed=self.changed)
        self.storage = Storage(self.number, Blob("bot.png", "image/png", PIXEL, "image"))
        self.answers: dict[str, str] = {}
        """What was shown to whoever pressed, by the press."""
        self.not_ready = 0
        """How many of the next messages with a file are told to wait for it."""
        self.per_chat = 0
        """How many messages to one chat a second are taken; the platform's own is 2, 0 is any."""
        self._said: dict[str, list[datetime]] = {}
        self._presses: set[str] = set()
        self._begun: set[str] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        self.storage.url = await super().start(host, port)
        return self.url

    def settings(self) -> dict[str, Any]:
        return {"token": self.token, "api_url": self.url}

    def routes(self) -> list[web.RouteDef]:
        def api(method: str, path: str, does: Callable[..., Awaitable[Any]]) -> web.RouteDef:
            async def handle(request: web.Request) -> web.StreamResponse:
                return await self._api(request, does)

            return web.route(method, path, handle)

        return [
            api("GET", "/me", self._me),
            api("GET", "/subscriptions", self.hooks.listed),
            api("POST", "/subscriptions", self.hooks.subscribe),
            api("DELETE", "/subscriptions", self.hooks.unsubscribe),
            api("GET", "/updates", self.hooks.poll),
            api("POST", "/messages", self._sent),
            api("PUT", "/messages", self._edited),
            api("DELETE", "/messages", self._deleted),
            api("GET", "/messages/{mid}", self._looked_up),
            api("POST", "/answers", self._answered),
            api("POST", "/uploads", self.storage.place),
            api("GET", "/videos/{token}", self.storage.film),
            api("POST", "/chats/{chat}/actions", self._acted),
            *self.storage.routes(),
        ]

    # The API.

    async def _api(
        self, request: web.Request, does: Callable[..., Awaitable[Any]]
    ) -> web.StreamResponse:
        name = f"{request.method} {request.path.split('/')[1]}"
        if request.headers.get("Authorization") != self.token:
            return _json(401, {"code": "verify.token", "message": "Invalid access_token"})
        raw = await request.read()
        try:
            told = json.loads(raw) if raw else {}
        except ValueError:
            return _json(400, {"code": "proto.payload", "message": "body: JSON expected"})
        self.calls.append((name, {**request.query, **(told if isinstance(told, dict) else {})}))
        self.changed.set()
        fault = self.fault(name)
        match fault.failing if fault else "none":
            case "429":
                told = {"code": "too.many.requests", "message": "Too many requests"}
                seconds = fault.seconds if fault else 1
                return _json(429, told, {"Retry-After": f"{seconds:g}"})
            case "500":
                return _json(500, {"code": "internal.error", "message": "Internal error"})
            case "502_page":
                page = "<html><body>502 Bad Gateway</body></html>"
                return web.Response(status=502, text=page, content_type="text/html")
            case "refused_key":
                return _json(401, {"code": "verify.token", "message": "Invalid access_token"})
            case "blocked":
                return _refused(_suspended())
            case "slow":
                await self._released.wait()
            case _:
                pass
        try:
            answer = _json(200, await does(request, told))
        except RefusedError as error:
            answer = _refused(error)
        if fault is not None and fault.failing == "lost_answer" and request.transport is not None:
            request.transport.abort()
        return answer

    async def _me(self, request: web.Request, told: Any) -> Any:
        return self._bot() | {"avatar_url": f"{self.url}/files/avatar"}

    async def _sent(self, request: web.Request, told: Any) -> Any:
        person = self._addressed(request)
        body = asked.message(told, self.storage.sorts)
        self._count(person)
        link = body.get("link")
        if link and self.find(person, link["mid"]) is None:
            raise RefusedError(404, "message.not.found", "Message not found")
        files = [each for each in body.get("attachments") or () if each["type"] in asked.FILES]
        if files and self.not_ready:
            self.not_ready -= 1
            message = "Key: errors.process.attachment.file.not.processed"
            raise RefusedError(400, "attachment.not.ready", message)
        blobs = [blob for each in files for blob in self.storage.named(each)]
        bubble = Bubble(
            id=self._mid(person, self._seq()),
            mine=False,
            at=cut(self._now()),
            text=asked.seen(body.get("text") or "", body.get("format")),
            files=tuple(blobs),
            buttons=_buttons(body),
            quote=link["mid"] if link else "",
        )
        self.chats[person.id].typing_at = None
        self.put(person, bubble)
        return {"message": self._shown(person, bubble, link=link, keyboard=_keyboard(body))}

    def _count(self, person: Person) -> None:
        now = self._now()
        lately = [at for at in self._said.get(person.id, []) if now - at < timedelta(seconds=1)]
        if self.per_chat and len(lately) >= self.per_chat:
            raise RefusedError(429, "too.many.requests", "Too many requests")
        self._said[person.id] = [*lately, now]

    async def _edited(self, request: web.Request, told: Any) -> Any:
        person, bubble = self._own(request.query.get("message_id", ""))
        body = asked.message(told, self.storage.sorts, edit=True)
        if self._now() - bubble.at >= EDITS_FOR:
            return {"success": False, "message": "The message is too old to be edited"}
        changes: dict[str, Any] = {"edited": True}
        if body.get("text") is not None:
            changes["text"] = asked.seen(body["text"], body.get("format"))
        if body.get("attachments") is not None:
            changes["buttons"] = _buttons(body)
        self.alter(person, bubble.id, **changes)
        return {"success": True}

    async def _deleted(self, request: web.Request, told: Any) -> Any:
        person, bubble = self._own(request.query.get("message_id", ""))
        self.drop(person, bubble.id)
        return {"success": True}

    async def _looked_up(self, request: web.Request, told: Any) -> Any:
        person, bubble = self._anywhere(request.match_info["mid"])
        return self._shown(person, bubble)

    async def _answered(self, request: web.Request, told: Any) -> Any:
        press = request.query.get("callback_id", "")
        if press not in self._presses:
            raise RefusedError(404, "callback.not.found", "Callback not found")
        self.answers[press] = str(told.get("notification") or "")
        self.changed.set()
        return {"success": True}

    async def _acted(self, request: web.Request, told: Any) -> Any:
        person = self._of_chat(request.match_info["chat"])
        match told.get("action"):
            case "typing_on":
                self.chats[person.id].typing_at = self._now()
            case "mark_seen":
                for each in self.shown(person):
                    if each.mine:
                        self.alter(person, each.id, read=True)
            case _:
                raise asked.payload("action: unknown")
        self.changed.set()
        return {"success": True}

    # What a person does.

    async def write(self, person: Person, text: str, *, quote: str = "") -> Bubble:
        return self._say(person, {"text": text}, text=text, quote=quote)

    async def send_file(self, person: Person, blob: Blob, *, text: str = "") -> Bubble:
        attachments = [self.storage.attached(blob)]
        return self._say(person, {"text": text}, attachments, text=text, files=(blob,))

    async def send_album(self, person: Person, blobs: Sequence[Blob], text: str = "") -> None:
        attachments = [self.storage.attached(each) for each in blobs]
        self._say(person, {"text": text}, attachments, text=text, files=tuple(blobs))

    async def send_place(self, person: Person, latitude: float, longitude: float) -> Bubble:
        place = {"type": "location", "latitude": latitude, "longitude": longitude}
        return self._say(person, {}, [place], place=(latitude, longitude))

    async def send_card(self, person: Person, name: str, phone: str, *, own: bool) -> Bubble:
        digits = re.sub(r"\D", "", phone)
        lines = ("BEGIN:VCARD", "VERSION:3.0", f"TEL;TYPE=cell:{digits}", f"FN:{name}", "END:VCARD")
        card = "".join(f"{line}\r\n" for line in lines)
        held: dict[str, Any] = {"vcf_info": card, "max_info": self._user(person) if own else None}
        if own:
            made = hmac.new(self.token.encode(), card.encode(), hashlib.sha256)
            held["hash"] = made.hexdigest()
        contact = {"type": "contact", "payload": held}
        return self._say(person, {}, [contact], card=(name, phone))

    async def begin(self, person: Person, key: str = "") -> None:
        self.chats[person.id].blocked = False
        self._begun.add(person.id)
        # https://dev.max.ru/help/deeplinks : what is longer is dropped without a word.
        payload = {"payload": key} if key and len(key) <= 128 else {}
        self._tell(self._met("bot_started", person) | payload)

    async def press(self, person: Person, bubble: str, data: str) -> None:
        if data == "phone":
            await self.send_card(person, person.name, person.phone, own=True)
            return
        known = self.find(person, bubble)
        if known is None or data.startswith("https://"):
            return
        press = f"cb{self.number()}.{hashlib.sha256(bubble.encode()).hexdigest()[:24]}"
        self._presses.add(press)
        rows = [
            [{"type": "callback", "text": label, "payload": each} for label, each in row]
            for row in known.buttons
        ]
        keyboard = {"type": "inline_keyboard", "payload": {"buttons": rows}}
        callback = {
            "callback_id": press,
            "timestamp": self._ms(),
            "payload": data,
            "user": self._user(person),
        }
        message = self._shown(person, known, keyboard=keyboard)
        update = {"update_type": "message_callback", "timestamp": self._ms(), "user_locale": "ru"}
        self._tell(update | {"callback": callback, "message": message})

    async def rewrite(self, person: Person, bubble: str, text: str) -> None:
        altered = self.alter(person, bubble, text=text, edited=True)
        if altered is not None:
            message = self._shown(person, altered)
            told = {"update_type": "message_edited", "timestamp": self._ms(), "message": message}
            self._tell(told)

    async def take_back(self, person: Person, bubble: str) -> None:
        self.drop(person, bubble)
        told = {"message_id": bubble, "chat_id": self._chat_id(person), "user_id": int(person.id)}
        self._tell({"update_type": "message_removed", "timestamp": self._ms()} | told)

    async def block(self, person: Person, *, blocked: bool = True) -> None:
        if not blocked:
            await self.begin(person)
            return
        self.chats[person.id].blocked = True
        self._tell(self._met("bot_stopped", person), self._met("dialog_removed", person))

    async def write_in_group(self, person: Person, text: str) -> None:
        """The same person in a chat of several."""
        update = self._created(person, {"mid": f"mid.g{self.number()}", "seq": 1, "text": text})
        update["message"]["recipient"] = {"chat_id": -77, "chat_type": "chat"}
        self._tell(update)

    def tell(self, update: dict[str, Any]) -> None:
        """Brings that update, whatever it is."""
        self._tell(update)

    # Its words.

    def _tell(self, *updates: dict[str, Any]) -> None:
        if self._session is not None:
            self.bring(*self.hooks.sendings(self._session, updates))

    def _say(
        self,
        person: Person,
        body: dict[str, Any],
        attachments: Sequence[dict[str, Any]] = (),
        *,
        quote: str = "",
        **shown: Any,
    ) -> Bubble:
        self.chats[person.id].blocked = False
        self._begun.add(person.id)
        seq = self._seq()
        mid = self._mid(person, seq)
        bubble = Bubble(id=mid, mine=True, at=cut(self._now()), quote=quote, **shown)
        self.put(person, bubble)
        # What is not there is left out, and never null: that is what recordings show.
        held = {key: value for key, value in body.items() if value}
        if attachments:
            held["attachments"] = list(attachments)
        update = self._created(person, {"mid": mid, "seq": seq, "text": ""} | held)
        quoted = self.find(person, quote) if quote else None
        if quoted is not None:
            told = {"mid": quoted.id, "seq": 1, "text": quoted.text}
            link = {"type": "reply", "chat_id": self._chat_id(person), "message": told}
            update["message"]["link"] = link | {
                "sender": self._user(person) if quoted.mine else self._bot()
            }
        self._tell(update)
        return bubble

    def _created(self, person: Person, body: dict[str, Any]) -> dict[str, Any]:
        recipient = {"chat_id": self._chat_id(person), "chat_type": "dialog", "user_id": BOT}
        message = {
            "sender": self._user(person),
            "recipient": recipient,
            "timestamp": self._ms(),
            "body": body,
        }
        update = {"update_type": "message_created", "timestamp": self._ms(), "user_locale": "ru"}
        return update | {"message": message}

    def _shown(
        self, person: Person, bubble: Bubble, *, link: Any = None, keyboard: Any = None
    ) -> dict[str, Any]:
        """A message as the API shows it."""
        seq = int(bubble.id[-16:], 16)
        body: dict[str, Any] = {"mid": bubble.id, "seq": seq, "text": bubble.text}
        attachments = [self.storage.attached(each) for each in bubble.files]
        if keyboard:
            attachments.append(keyboard)
        if attachments:
            body["attachments"] = attachments
        whom = BOT if bubble.mine else int(person.id)
        message: dict[str, Any] = {
            "sender": self._user(person) if bubble.mine else self._bot(),
            "recipient": {
                "chat_id": self._chat_id(person),
                "chat_type": "dialog",
                "user_id": whom,
            },
            "timestamp": round(bubble.at.timestamp() * 1000),
            "body": body,
        }
        if link:
            quoted = self.find(person, link["mid"])
            told = {"mid": link["mid"], "seq": 1, "text": quoted.text if quoted else ""}
            message["link"] = {"type": link["type"], "message": told}
        return message

    def _met(self, kind: str, person: Person) -> dict[str, Any]:
        told = {"chat_id": self._chat_id(person), "user": self._user(person), "user_locale": "ru"}
        return {"update_type": kind, "timestamp": self._ms()} | told

    def _user(self, person: Person) -> dict[str, Any]:
        first, _, last = person.name.partition(" ")
        return {
            "user_id": int(person.id),
            "first_name": first,
            "last_name": last or None,
            "username": person.username or None,
            "is_bot": False,
            "last_activity_time": self._ms(),
            "name": person.name,
        }

    def _bot(self) -> dict[str, Any]:
        return {
            "user_id": BOT,
            "first_name": "Ромашка",
            "username": "id7700000000_bot",
            "is_bot": True,
            "last_activity_time": self._ms(),
            "name": "Ромашка",
        }

    def _ms(self) -> int:
        return round(self._now().timestamp() * 1000)

    def _seq(self) -> int:
        """Ever growing, and more than a double holds."""
        return (self._ms() << 16) + self.number() % 65_536

    def _mid(self, person: Person, seq: int) -> str:
        return f"mid.{self._chat_id(person):016x}{seq:016x}"

    def _chat_id(self, person: Person) -> int:
        return CHATS_FROM + int(person.id)

    def _addressed(self, request: web.Request) -> Person:
        """Whom a message is for: they have to have begun, and not to have stopped the bot."""
        if user := request.query.get("user_id"):
            chat = self.chats.get(user)
        else:
            chat = self.chats.get(self._of_chat(request.query.get("chat_id", "")).id)
        if chat is None or chat.person.id not in self._begun:
            raise RefusedError(404, "dialog.not.found", "error.dialog.notfound")
        if chat.blocked:
            raise _suspended()
        return chat.person

    def _of_chat(self, id: str) -> Person:
        chat: Chat | None = self.chats.get(str(int(id) - CHATS_FROM)) if id.isdecimal() else None
        if chat is None:
            raise RefusedError(404, "chat.not.found", "Chat not found")
        return chat.person

    def _anywhere(self, mid: str) -> tuple[Person, Bubble]:
        for chat in self.chats.values():
            bubble = self.find(chat.person, mid)
            if bubble is not None:
                return chat.person, bubble
        raise RefusedError(404, "message.not.found", "Message not found")

    def _own(self, mid: str) -> tuple[Person, Bubble]:
        person, bubble = self._anywhere(mid)
        if bubble.mine:
            raise RefusedError(403, "access.denied", "Not a message of the bot")
        return person, bubble


def _keyboard(body: dict[str, Any]) -> dict[str, Any] | None:
    for each in body.get("attachments") or ():
        if each["type"] == "inline_keyboard":
            return dict(each)
    return None


def _buttons(body: dict[str, Any]) -> tuple[tuple[tuple[str, str], ...], ...]:
    keyboard = _keyboard(body)
    if keyboard is None:
        return ()
    return tuple(
        tuple(
            (
                each["text"],
                "phone"
                if each["type"] == "request_contact"
                else each.get("url") or each.get("payload", ""),
            )
            for each in row
        )
        for row in keyboard["payload"]["buttons"]
    )


def _suspended() -> RefusedError:
    return RefusedError(403, "chat.denied", "error.dialog.suspended")


def _refused(error: RefusedError) -> web.Response:
    return _json(error.status, {"code": error.code, "message": str(error)})


def _json(status: int, told: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(told, status=status, headers=headers)
