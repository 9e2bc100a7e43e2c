"""Meta's Cloud API for WhatsApp, played: its envelopes, its signature, its rules of the window.

What it takes is checked as Meta checks it, by `whatsapp_shapes`; hooks are repeated on a clock
on which Meta's week is some seconds.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import msgspec
from aiohttp import web

from bots.platforms import forms
from bots.platforms import whatsapp_shapes as shapes
from bots.platforms.platform import Blob, Bubble, Chat, FileKind, Person, Platform
from bots.platforms.whatsapp_hooks import Hooks, user_id
from bots.platforms.whatsapp_media import Media
from bots.wa import words

WINDOW = timedelta(hours=24)
EDITS_FOR = timedelta(minutes=15)
PAIR_BURST = 45
PAIR_REFILL = timedelta(seconds=6)
TYPES: dict[FileKind, str] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "document",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WhatsAppPlatform(Platform):
    """One phone number of a business, and everybody who has WhatsApp."""

    kind: ClassVar[str] = "whatsapp"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.token = "EAAGplayedToken0123456789"
        self.app_secret = "0123456789abcdef0123456789abcdef"
        self.phone_number_id = "106540352242922"
        self.business_id = "419561257915477"
        self.phone = "74951234567"
        self.name = "Ромашка"
        self.subscribed = False
        self.hooks = Hooks(
            app_secret=self.app_secret,
            business_id=self.business_id,
            phone_number_id=self.phone_number_id,
            phone=self.phone,
            now=self._now,
        )
        self.refusing: list[int] = []
        """The codes that the next messages are refused with, 0 for one that is taken."""
        self._heard_at: dict[str, datetime] = {}
        self._media = Media(self.number, self._now)
        self._pairs: dict[str, tuple[float, datetime]] = {}
        self._held: list[dict[str, Any]] | None = None

    def settings(self) -> dict[str, Any]:
        return {
            "token": self.token,
            "app_secret": self.app_secret,
            "phone_number_id": self.phone_number_id,
            "business_id": self.business_id,
            "api_url": self.url,
        }

    def routes(self) -> list[web.RouteDef]:
        number, account = f"/{{version:v\\d+\\.\\d+}}/{self.phone_number_id}", self.business_id
        return [
            web.post(f"{number}/messages", self._carried("messages", self._take)),
            web.post(f"{number}/media", self._carried("upload", self._upload)),
            web.get(f"{number}/whatsapp_business_profile", self._carried("profile", self._profile)),
            web.post(f"{number}{{tail:/?}}", self._carried("configure", self._configure)),
            web.post(
                f"/{{version:v[^/]+}}/{account}/subscribed_apps",
                self._carried("subscribe", self._subscribe),
            ),
            web.get(
                f"/{{version:v[^/]+}}/{account}/subscribed_apps",
                self._carried("subscriptions", self._subscriptions),
            ),
            web.get("/{version:v[^/]+}/{id}{tail:/?}", self._carried("get", self._get)),
            web.post("/{version:v[^/]+}/{id}/{tail:.*}", self._carried("post", self._nothing)),
            web.get("/attachments/", self._download),
        ]

    def newcomer(self, name: str, phone: str) -> Person:
        digits = "".join(each for each in phone if each.isdigit())
        if digits in self.chats:
            digits = f"{digits[:-5]}{self.number():05}"
        return Person(id=digits, name=name, phone=f"+{digits}")

    def hidden_person(self, name: str, username: str) -> Person:
        """Somebody who shows no number, only a name of the person's choice."""
        id = f"RU.{13_491_208_655_302_741_000 + self.number()}"
        made = Person(id=id, name=name, username=username)
        self.chats[id] = Chat(made)
        return made

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        url = await super().start(host, port)
        self.hooks.session = self._session
        return url

    async def connect(self, url: str, verify_token: str) -> bool:
        """What an admin does in Meta's own screens: the address, and its handshake."""
        return await self.hooks.connect(url, verify_token, str(1_158_201_444 + self.number()))

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """What happens meanwhile is brought in one request."""
        self._held = []
        try:
            yield
        finally:
            changes, self._held = self._held, None
            if changes:
                self.bring(partial(self.hooks.post, self.hooks.body(changes)))

    # What people do.

    async def write(self, person: Person, text: str, *, quote: str = "") -> Bubble:
        bubble = self._own(person, text=text, quote=quote)
        self._say(person, bubble, {"type": "text", "text": {"body": text}})
        return bubble

    async def send_file(self, person: Person, blob: Blob, *, text: str = "") -> Bubble:
        bubble = self._own(person, text=text, files=(blob,))
        told: dict[str, Any] = {
            "id": self._media.store(blob),
            "mime_type": "audio/ogg; codecs=opus" if blob.mime == "audio/ogg" else blob.mime,
            "sha256": b64encode(hashlib.sha256(blob.data).digest()).decode(),
        }
        if text:
            told["caption"] = text
        if blob.kind == "file":
            told["filename"] = blob.name
        if blob.kind == "audio":
            told["voice"] = blob.mime == "audio/ogg"
        self._say(person, bubble, {"type": TYPES[blob.kind], TYPES[blob.kind]: told})
        return bubble

    async def send_place(self, person: Person, latitude: float, longitude: float) -> Bubble:
        bubble = self._own(person, place=(latitude, longitude))
        place = {"latitude": latitude, "longitude": longitude}
        self._say(person, bubble, {"type": "location", "location": place})
        return bubble

    async def send_card(self, person: Person, name: str, phone: str, *, own: bool) -> Bubble:
        bubble = self._own(person, card=(name, phone))
        number: dict[str, Any] = {"phone": phone, "type": "CELL"}
        if own:
            number["wa_id"] = person.id
        card = {"name": {"formatted_name": name, "first_name": name}, "phones": [number]}
        self._say(person, bubble, {"type": "contacts", "contacts": [card]})
        return bubble

    async def begin(self, person: Person, key: str = "") -> None:
        if key:
            await self.write(person, f"{words.GREETING} (код {key})")
        else:
            self._bring_message(person, {"id": self._wamid(), "type": "request_welcome"})

    async def press(self, person: Person, bubble: str, data: str) -> None:
        asked = self.find(person, bubble)
        buttons = [each for row in asked.buttons for each in row] if asked else []
        label = next((each for each, known in buttons if known == data), data)
        kind = "button_reply" if len(buttons) <= 3 else "list_reply"
        pressed = self._own(person, text=label, quote=bubble)
        chosen = {"id": data, "title": label}
        self._say(
            person, pressed, {"type": "interactive", "interactive": {"type": kind, kind: chosen}}
        )

    async def rewrite(self, person: Person, bubble: str, text: str) -> None:
        known = self.find(person, bubble)
        if known is None or self._now() - known.at > EDITS_FOR:
            return
        self.alter(person, bubble, text=text, edited=True)
        now: dict[str, Any] = {"type": "text", "text": {"body": text}}
        if known.files:
            kind = TYPES[known.files[0].kind]
            now = {"type": kind, kind: {"id": self._media.store(known.files[0]), "caption": text}}
        edit = {"original_message_id": bubble, "message": now}
        self._bring_message(person, {"id": self._wamid(), "type": "edit", "edit": edit})

    async def take_back(self, person: Person, bubble: str) -> None:
        self.drop(person, bubble)
        revoke = {"original_message_id": bubble}
        self._bring_message(person, {"id": self._wamid(), "type": "revoke", "revoke": revoke})

    async def react(self, person: Person, bubble: str, emoji: str) -> None:
        self.alter(person, bubble, reactions=(emoji,) if emoji else ())
        reaction = {"message_id": bubble} | ({"emoji": emoji} if emoji else {})
        self._bring_message(person, {"id": self._wamid(), "type": "reaction", "reaction": reaction})

    async def read(self, person: Person) -> None:
        for each in self.shown(person):
            if not each.mine and not each.read and not each.by_staff:
                self.alter(person, each.id, read=True)
                self.bring_status(person.id, each.id, "read")

    async def block(self, person: Person, *, blocked: bool = True) -> None:
        """The business is not told: its messages just never get a second tick."""
        self.chats[person.id].blocked = blocked
        self.changed.set()

    async def staff_reply(self, person: Person, text: str) -> Bubble:
        bubble = self.put(
            person, Bubble(self._wamid(), mine=False, at=self._now(), text=text, by_staff=True)
        )
        echo = {
            "from": self.phone,
            "to": person.id,
            "to_user_id": user_id(person),
            "id": bubble.id,
            "timestamp": self.hooks.seconds(),
            "type": "text",
            "text": {"body": text},
        }
        contact = {"wa_id": person.id, "user_id": user_id(person)}
        self._bring_change("smb_message_echoes", {"contacts": [contact], "message_echoes": [echo]})
        return bubble

    # What the hub is told.

    def bring_status(self, to: str, id: str, status: str, code: int = 0, data: str = "") -> None:
        person = self.chats[to].person if to in self.chats else Person(to, "")
        self.bring(partial(self.hooks.post, self.hooks.status(person, id, status, code, data)))

    def _own(self, person: Person, **told: Any) -> Bubble:
        self._heard_at[person.id] = self._now()
        return self.put(person, Bubble(self._wamid(), mine=True, at=self._now(), **told))

    def _say(self, person: Person, bubble: Bubble, message: dict[str, Any]) -> None:
        if bubble.quote:
            message["context"] = {"from": self.phone, "id": bubble.quote}
        self._bring_message(person, {"id": bubble.id, **message})

    def _bring_message(self, person: Person, message: dict[str, Any]) -> None:
        message = {"timestamp": self.hooks.seconds(), "from_user_id": user_id(person), **message}
        contact: dict[str, Any] = {
            "profile": {"name": person.name},
            "user_id": user_id(person),
        }
        if person.username:
            contact["profile"]["username"] = person.username
        else:
            message["from"] = contact["wa_id"] = person.id
        self._bring_change("messages", {"contacts": [contact], "messages": [message]})

    def _bring_change(self, field: str, value: dict[str, Any]) -> None:
        change = self.hooks.change(field, value)
        if self._held is not None:
            self._held.append(change)
        else:
            self.bring(partial(self.hooks.post, self.hooks.body([change])))

    # The API.

    def _carried(self, method: str, handler: Handler) -> Handler:
        async def carry(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != f"Bearer {self.token}":
                return shapes.refused(190, 401, "Invalid OAuth access token.")
            fault = self.fault(method)
            match fault.failing if fault else None:
                case "429":
                    return shapes.refused(130429, 400, "Rate limit hit")
                case "500":
                    return shapes.refused(131000, 500, "Something went wrong", is_transient=True)
                case "502_page":
                    page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
                    return web.Response(status=502, text=page, content_type="text/html")
                case "refused_key":
                    return shapes.refused(190, 401, "Error validating access token")
                case "blocked":
                    return shapes.refused(131026, 400, "Message undeliverable")
                case "slow":
                    await self._released.wait()
                case "lost_answer":
                    await handler(request)
                    if request.transport is not None:
                        request.transport.abort()
                    return web.Response()
                case None:
                    pass
            return await handler(request)

        return carry

    async def _take(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self.calls.append(("messages", json.loads(raw)))
        try:
            told = shapes.asked(raw)
        except msgspec.MsgspecError as error:
            return shapes.refused(100, 400, "Invalid parameter", details=str(error))
        if isinstance(told, shapes.Mark):
            return self._mark(told)
        fault = told.fault()
        if fault:
            return shapes.refused(100, 400, "Invalid parameter", details=fault)
        if self.refusing and (code := self.refusing.pop(0)):
            return shapes.refused(code, 400, "Refused")
        whom = told.to.removeprefix("+") or told.recipient
        if not self._may_say(whom):
            return shapes.refused(131056, 400, "(Business, Consumer) pair rate limit hit")
        id = self._wamid()
        await self._deliver(whom, id, told)
        named = {"input": whom} | ({"wa_id": whom} if whom.isdigit() else {"user_id": whom})
        return web.json_response(
            {"messaging_product": "whatsapp", "contacts": [named], "messages": [{"id": id}]}
        )

    async def _deliver(self, whom: str, id: str, told: shapes.Send) -> None:
        """Shows it to the person, and tells the hub how far it got."""
        data = told.biz_opaque_callback_data
        chat = self.chats.get(whom)
        if chat is None:
            self.bring_status(whom, id, "failed", 131026, data)
            return
        heard_at = self._heard_at.get(whom)
        if heard_at is None or self._now() - heard_at > WINDOW:
            self.bring_status(whom, id, "failed", 131047, data)
            return
        if told.reaction is not None:
            emoji = told.reaction.emoji
            self.alter(chat.person, told.reaction.message_id, reactions=(emoji,) if emoji else ())
        else:
            blobs = []
            for kind, file in told.files():
                assert self._session is not None  # noqa: S101
                blob = await self._media.had(kind, file, self._session)
                if blob is None:
                    self.bring_status(whom, id, "failed", 131053, data)
                    return
                blobs.append(blob)
            chat.typing_at = None
            bubble = Bubble(
                id,
                mine=False,
                at=self._now(),
                text=told.words(),
                files=tuple(blobs),
                buttons=told.buttons(),
                quote=told.context.message_id if told.context else "",
                place=told.place(),
            )
            if not chat.blocked:
                self.put(chat.person, bubble)
        reached = ("sent",) if chat.blocked else ("sent", "delivered")
        bodies = [self.hooks.status(chat.person, id, status, data=data) for status in reached]
        if self.shuffled or self.copies > 1:
            self.bring(*(partial(self.hooks.post, each) for each in bodies))
        else:
            self.bring(partial(self.hooks.post_in_order, bodies))

    def _mark(self, told: shapes.Mark) -> web.StreamResponse:
        for chat in self.chats.values():
            shown = [each.id for each in chat.bubbles]
            if told.message_id in shown:
                for id in shown[: shown.index(told.message_id) + 1]:
                    bubble = self.find(chat.person, id)
                    if bubble is not None and bubble.mine:
                        self.alter(chat.person, id, read=True)
                if told.typing_indicator is not None:
                    chat.typing_at = self._now()
                self.changed.set()
                return web.json_response({"success": True})
        return shapes.refused(131009, 400, "Parameter value is not valid")

    async def _configure(self, request: web.Request) -> web.StreamResponse:
        told = await request.json()
        self.calls.append(("configure", {}))
        wanted = told.get("webhook_configuration", {})
        url = wanted.get("override_callback_uri", "")
        if not url:
            self.hooks.url = ""
        elif not await self.connect(url, str(wanted.get("verify_token", ""))):
            return shapes.refused(2200, 400, "Callback verification failed")
        return web.json_response({"success": True})

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        self.subscribed = True
        return web.json_response({"success": True})

    async def _subscriptions(self, request: web.Request) -> web.StreamResponse:
        app = {"id": "1", "name": "app", "link": "https://www.facebook.com/games/?app_id=1"}
        data = [{"whatsapp_business_api_data": app}] if self.subscribed else []
        return web.json_response({"data": data})

    async def _profile(self, request: web.Request) -> web.StreamResponse:
        profile: dict[str, Any] = {"messaging_product": "whatsapp"}
        return web.json_response({"data": [profile]})

    async def _get(self, request: web.Request) -> web.StreamResponse:
        id = request.match_info["id"]
        if id == self.phone_number_id:
            known = {
                "verified_name": self.name,
                "display_phone_number": f"+{self.phone[0]} {self.phone[1:4]} {self.phone[4:]}",
                "quality_rating": "GREEN",
                "webhook_configuration": {"application": ""}
                | ({"phone_number": self.hooks.url} if self.hooks.url else {}),
            }
            fields = request.query.get("fields", ",".join(known)).split(",")
            return web.json_response(
                {name: known[name] for name in fields if name in known} | {"id": id}
            )
        told = self._media.told(id, self.url)
        ours = request.query.get("phone_number_id", self.phone_number_id) == self.phone_number_id
        if told is None or not ours:
            return await self._nothing(request)
        return web.json_response(told)

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        words = "Unsupported request. Object with that ID does not exist"
        return shapes.refused(100, 400, words, error_subcode=33)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if request.content_length is None:
            return shapes.refused(100, 411, "The length must be told")
        form = await forms.read(request)
        mime = form.fields.get("type", "")
        if form.fields.get("messaging_product") != "whatsapp" or "file" not in form.files:
            return shapes.refused(100, 400, "(#100) The parameter file is required.")
        if mime not in shapes.UPLOADED:
            return shapes.refused(100, 400, "(#100) Param file must be a file of a known type")
        name, _, data = form.files["file"]
        blob = Blob(name, mime, data, shapes.kind_of(mime))
        if len(blob.data) > shapes.LIMITS[blob.kind]:
            return shapes.refused(131053, 400, "Media upload error", details="File too large")
        self.calls.append(("upload", {"type": mime, "name": blob.name, "size": len(blob.data)}))
        return web.json_response({"id": self._media.store(blob)})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        return self._media.download(request)

    def _may_say(self, whom: str) -> bool:
        left, at = self._pairs.get(whom, (float(PAIR_BURST), self._now()))
        left = min(PAIR_BURST, left + (self._now() - at) / PAIR_REFILL)
        if left < 1:
            return False
        self._pairs[whom] = (left - 1, self._now())
        return True

    def _wamid(self) -> str:
        return f"wamid.{b64encode(f'{self.phone_number_id}:{self.number():012}'.encode()).decode()}"
