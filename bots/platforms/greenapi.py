"""Green-API, played: one instance, its queue of notifications, and the phone behind it.

The queue is strict: its head is brought again until it was taken, and nothing overtakes it.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from datetime import timedelta
from typing import Any, ClassVar

import aiohttp
from aiohttp import web

from bots.platforms import forms
from bots.platforms.platform import Blob, Bubble, Chat, FileKind, Person, Platform
from bots.wa import words

REPEAT_SECONDS = 0.1
"""The pause before the head is brought again; Green-API's own is a minute."""
EDITS_FOR = timedelta(minutes=15)
TYPES: dict[FileKind, str] = {
    "image": "imageMessage",
    "video": "videoMessage",
    "audio": "audioMessage",
    "file": "documentMessage",
}
CHAT = re.compile(r"\d{7,20}@(c\.us|lid|g\.us)")
FORGOTTEN = {
    "webhookUrl": "",
    "webhookUrlToken": "",
    "incomingWebhook": "no",
    "outgoingWebhook": "no",
    "outgoingMessageWebhook": "no",
    "outgoingAPIMessageWebhook": "no",
    "stateWebhook": "no",
    "editedMessageWebhook": "no",
    "deletedMessageWebhook": "no",
}
"""The settings of a new instance: it tells nothing."""
PARTS: dict[str, tuple[set[str], set[str]]] = {
    "sendMessage": ({"chatId", "message"}, {"quotedMessageId", "linkPreview", "typingTime"}),
    "editMessage": ({"chatId", "idMessage", "message"}, set()),
    "deleteMessage": ({"chatId", "idMessage"}, {"onlySenderDelete"}),
    "readChat": ({"chatId"}, {"idMessage"}),
    "sendTyping": ({"chatId"}, {"typingTime", "typingType"}),
    "getContactInfo": ({"chatId"}, set()),
    "checkWhatsapp": ({"phoneNumber"}, set()),
}
"""What each method wants, and what it takes besides."""


class GreenAPIPlatform(Platform):
    """The instance is a WhatsApp account of the business's, with its phone in a drawer."""

    kind: ClassVar[str] = "greenapi"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.instance_id = "1101000001"
        self.token = "d75b3a66374942c5b3c019c698abc2067e151558acbd412345"
        self.phone = "74951234567"
        self.state = "authorized"
        self.quota_is_over = False
        self.instance = dict(FORGOTTEN)
        self.queue: deque[tuple[int, dict[str, Any]]] = deque()
        self.answers: list[int] = []
        """What the hub answered to each notification brought to it."""
        self._arrived = asyncio.Event()
        self._pumping = asyncio.Lock()
        self._files: dict[str, Blob] = {}

    def settings(self) -> dict[str, Any]:
        return {"api_url": self.url, "instance_id": self.instance_id, "token": self.token}

    def routes(self) -> list[web.RouteDef]:
        path = f"/waInstance{self.instance_id}/{{method}}/{{token}}"
        return [
            web.route("*", path, self._call),
            web.delete(f"{path}/{{receipt}}", self._call),
            web.get("/media/{id}", self._media),
        ]

    def newcomer(self, name: str, phone: str) -> Person:
        digits = "".join(each for each in phone if each.isdigit())
        if f"{digits}@c.us" in self.chats:
            digits = f"{digits[:-5]}{self.number():05}"
        return Person(id=f"{digits}@c.us", name=name, phone=f"+{digits}")

    def hidden_person(self, name: str) -> Person:
        """Somebody whose id says no number."""
        made = Person(id=f"{120_363_000_000_000 + self.number()}@lid", name=name)
        self.chats[made.id] = Chat(made)
        return made

    # What people do.

    async def write(self, person: Person, text: str, *, quote: str = "") -> Bubble:
        bubble = self._own(person, text=text, quote=quote)
        told: dict[str, Any] = {"typeMessage": "textMessage", "textMessageData": {}}
        told["textMessageData"]["textMessage"] = text
        if quote or "https://" in text:
            # Text that is more than text comes in another box.
            told = {"typeMessage": "extendedTextMessage", "extendedTextMessageData": {}}
            told["extendedTextMessageData"]["text"] = text
        if quote:
            told["extendedTextMessageData"] |= {"stanzaId": quote, "participant": person.id}
            told["quotedMessage"] = {"stanzaId": quote, "participant": person.id}
        self._hear(person, bubble.id, told)
        return bubble

    async def send_file(self, person: Person, blob: Blob, *, text: str = "") -> Bubble:
        bubble = self._own(person, text=text, files=(blob,))
        id = f"{self.number():08}"
        self._files[id] = blob
        file = {
            "downloadUrl": f"{self.url}/media/{id}",
            "caption": text,
            "fileName": blob.name,
            "jpegThumbnail": "",
            "mimeType": "audio/ogg; codecs=opus" if blob.mime == "audio/ogg" else blob.mime,
            "isForwarded": False,
            "forwardingScore": 0,
        }
        told = {"typeMessage": TYPES[blob.kind], "fileMessageData": file}
        self._hear(person, bubble.id, told)
        return bubble

    async def send_place(self, person: Person, latitude: float, longitude: float) -> Bubble:
        bubble = self._own(person, place=(latitude, longitude))
        place = {"nameLocation": "", "address": "", "latitude": latitude, "longitude": longitude}
        told = {"typeMessage": "locationMessage", "locationMessageData": place}
        self._hear(person, bubble.id, told)
        return bubble

    async def send_card(self, person: Person, name: str, phone: str, *, own: bool) -> Bubble:
        bubble = self._own(person, card=(name, phone))
        known = f";waid={person.id.partition('@')[0]}" if own else ""
        vcard = f"BEGIN:VCARD\nVERSION:3.0\nN:;{name};;;\nFN:{name}\nTEL;type=CELL{known}:{phone}"
        card = {"displayName": name, "vcard": f"{vcard}\nEND:VCARD", "isForwarded": False}
        told = {"typeMessage": "contactMessage", "contactMessageData": card}
        self._hear(person, bubble.id, told)
        return bubble

    async def begin(self, person: Person, key: str = "") -> None:
        if key:
            await self.write(person, f"{words.GREETING} (код {key})")

    async def rewrite(self, person: Person, bubble: str, text: str) -> None:
        self.alter(person, bubble, text=text, edited=True)
        told = {
            "typeMessage": "editedMessage",
            "editedMessageData": {"textMessage": text, "stanzaId": bubble},
        }
        self._hear(person, self._id(), told, needs="editedMessageWebhook")

    async def take_back(self, person: Person, bubble: str) -> None:
        self.drop(person, bubble)
        told = {"typeMessage": "deletedMessage", "deletedMessageData": {"stanzaId": bubble}}
        self._hear(person, self._id(), told, needs="deletedMessageWebhook")

    async def react(self, person: Person, bubble: str, emoji: str) -> None:
        self.alter(person, bubble, reactions=(emoji,) if emoji else ())
        told = {
            "typeMessage": "reactionMessage",
            "extendedTextMessageData": {"text": emoji},
            "quotedMessage": {"stanzaId": bubble, "participant": person.id},
        }
        self._hear(person, self._id(), told)

    async def read(self, person: Person) -> None:
        for each in self.shown(person):
            if not each.mine and not each.read:
                self.alter(person, each.id, read=True)
                self._status(person.id, each.id, "read")

    async def block(self, person: Person, *, blocked: bool = True) -> None:
        """The business is not told: its messages just never get a second tick."""
        self.chats[person.id].blocked = blocked
        self.changed.set()

    async def staff_reply(self, person: Person, text: str) -> Bubble:
        bubble = self.put(
            person, Bubble(self._id(), mine=False, at=self._now(), text=text, by_staff=True)
        )
        told = {"typeMessage": "textMessage", "textMessageData": {"textMessage": text}}
        note = self._note("outgoingMessageReceived", person, bubble.id, told)
        note["senderData"] |= {"sender": f"{self.phone}@c.us", "senderName": "Ромашка"}
        self.tell(note, needs="outgoingMessageWebhook")
        return bubble

    async def change_state(self, state: str) -> None:
        """The phone is switched off, logged out or banned."""
        self.state = state
        note = {"typeWebhook": "stateInstanceChanged", "instanceData": self._instance_data()}
        self.tell(note | {"timestamp": self._seconds(), "stateInstance": state}, "stateWebhook")

    # What the hub is told.

    def tell(self, note: dict[str, Any], needs: str) -> None:
        """Puts it into the queue, if the instance is set to tell such things."""
        if self.instance.get(needs) != "yes":
            return
        for _ in range(self.copies):
            self.queue.append((1_000_000 + self.number(), note))
        if self.shuffled:
            self._random.shuffle(self.queue)
        self._arrived.set()
        if self.instance["webhookUrl"]:
            self.bring(self._pump)

    def _own(self, person: Person, **told: Any) -> Bubble:
        return self.put(person, Bubble(self._id(), mine=True, at=self._now(), **told))

    def _hear(self, person: Person, id: str, data: dict[str, Any], needs: str = "") -> None:
        note = self._note("incomingMessageReceived", person, id, data)
        if needs and self.instance[needs] != "yes":
            return
        self.tell(note, needs="incomingWebhook")

    def _note(self, kind: str, person: Person, id: str, data: dict[str, Any]) -> dict[str, Any]:
        return {
            "typeWebhook": kind,
            "instanceData": self._instance_data(),
            "timestamp": self._seconds(),
            "idMessage": id,
            "senderData": {
                "chatId": person.id,
                "chatName": person.name,
                "sender": person.id,
                "senderName": person.name,
                "senderContactName": "",
            },
            "messageData": data,
        }

    def _status(self, chat: str, id: str, status: str, description: str = "") -> None:
        note = {
            "typeWebhook": "outgoingMessageStatus",
            "chatId": chat,
            "instanceData": self._instance_data(),
            "timestamp": self._seconds(),
            "idMessage": id,
            "status": status,
            "sendByApi": True,
        }
        if description:
            note["description"] = description
        # These two cannot be switched off: the docs say so.
        always = status in ("failed", "noAccount")
        self.tell(note, needs="incomingWebhook" if always else "outgoingWebhook")

    async def _pump(self) -> None:
        async with self._pumping:
            while self.queue and self.instance["webhookUrl"] and self._session is not None:
                receipt, note = self.queue[0]
                token = self.instance["webhookUrlToken"]
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                try:
                    async with self._session.post(
                        self.instance["webhookUrl"], json=note, headers=headers
                    ) as answer:
                        self.answers.append(answer.status)
                        taken = answer.status == 200
                except aiohttp.ClientError:
                    taken = False
                if taken:
                    if self.queue and self.queue[0][0] == receipt:
                        self.queue.popleft()
                else:
                    await asyncio.sleep(REPEAT_SECONDS)

    # The API.

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if request.match_info["token"] != self.token:
            return web.Response(status=401)
        fault = self.fault(method)
        match fault.failing if fault else None:
            case "429":
                return web.json_response({"message": "Too many requests"}, status=429)
            case "500":
                return web.json_response({"message": "Internal Server Error"}, status=500)
            case "502_page":
                page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
                return web.Response(status=502, text=page, content_type="text/html")
            case "refused_key":
                return web.Response(status=401)
            case "blocked":
                return _invalid("chatId", "is blocked")
            case "slow":
                await self._released.wait()
            case "lost_answer":
                await self._done(method, request)
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case None:
                pass
        return await self._done(method, request)

    async def _done(self, method: str, request: web.Request) -> web.StreamResponse:
        match method:
            case "receiveNotification":
                return await self._receive(request)
            case "deleteNotification":
                return self._delete_notification(request)
            case "getStateInstance":
                return web.json_response({"stateInstance": self.state})
            case "getSettings":
                return web.json_response({"wid": f"{self.phone}@c.us", **self.instance})
            case "getWaSettings":
                fit = self.state == "authorized"
                known = {"avatar": "", "phone": self.phone if fit else "", "deviceId": ""}
                return web.json_response(known | {"stateInstance": self.state})
            case "setSettings":
                return await self._configure(request)
            case "sendFileByUpload":
                return await self._send_file(request)
            case _:
                pass
        if method not in PARTS or request.method != "POST":
            return web.Response(status=404)
        told = await request.json()
        self.calls.append((method, told))
        wanted, more = PARTS[method]
        if missing := wanted - set(told):
            return _invalid(min(missing), "is required")
        if unknown := set(told) - wanted - more:
            return _invalid(min(unknown), "is not allowed")
        if "chatId" in told and not CHAT.fullmatch(str(told["chatId"])):
            return _invalid("chatId", "must be one of: phone@c.us, id@lid, group@g.us")
        if not 0 < len(str(told.get("message", "x"))) <= 20_000:
            return _invalid("message", "length must be less than or equal to 20000")
        return await self._asked(method, told)

    async def _asked(self, method: str, told: dict[str, Any]) -> web.StreamResponse:
        chat = self.chats.get(str(told.get("chatId", "")))
        match method:
            case "checkWhatsapp":
                there = f"{told['phoneNumber']}@c.us" in self.chats
                return web.json_response({"existsWhatsapp": there})
            case "getContactInfo":
                name = chat.person.name if chat else ""
                known = {"avatar": f"{self.url}/media/avatar", "name": name, "contactName": ""}
                return web.json_response(known | {"chatId": told["chatId"]})
            case _:
                pass
        if refused := self._cannot_say():
            return refused
        match method:
            case "sendMessage":
                bubble = Bubble(
                    self._id(),
                    mine=False,
                    at=self._now(),
                    text=told["message"],
                    quote=told.get("quotedMessageId", ""),
                )
                return self._queued(told["chatId"], bubble, {})
            case "editMessage":
                id, known_as = self._id(), told["idMessage"]
                found = self.find(chat.person, known_as) if chat else None
                if chat and found and self._now() - found.at <= EDITS_FOR and not found.files:
                    self.alter(chat.person, known_as, text=told["message"], edited=True)
                else:
                    self._status(told["chatId"], id, "failed", "SWE004: message was not edited")
                return web.json_response({"idMessage": id})
            case "deleteMessage":
                if chat:
                    self.drop(chat.person, told["idMessage"])
                return web.Response()
            case "sendTyping":
                if not 1_000 <= told.get("typingTime", 1_000) <= 20_000:
                    return _invalid("typingTime", "must be between 1000 and 20000")
                if chat:
                    chat.typing_at = self._now()
                    self.changed.set()
                return web.json_response({})
            case _:
                for each in list(chat.bubbles) if chat else []:
                    if each.mine and chat:
                        self.alter(chat.person, each.id, read=True)
                return web.json_response({"setRead": True})

    async def _send_file(self, request: web.Request) -> web.StreamResponse:
        form = await forms.read(request)
        chat_id = form.fields.get("chatId", "")
        if not CHAT.fullmatch(chat_id) or "file" not in form.files:
            return _invalid("chatId", "and file are required")
        if refused := self._cannot_say():
            return refused
        name, mime, data = form.files["file"]
        name = form.fields.get("fileName", name)
        self.calls.append(("sendFileByUpload", {**form.fields, "size": len(data)}))
        head = mime.partition("/")[0]
        kinds: dict[str, FileKind] = {"image": "image", "video": "video", "audio": "audio"}
        bubble = Bubble(
            self._id(),
            mine=False,
            at=self._now(),
            text=form.fields.get("caption", ""),
            files=(Blob(name, mime, data, kinds.get(head, "file")),),
            quote=form.fields.get("quotedMessageId", ""),
        )
        return self._queued(chat_id, bubble, {"urlFile": f"{self.url}/media/sent"})

    def _queued(self, chat_id: str, bubble: Bubble, more: dict[str, str]) -> web.Response:
        """It is said when the phone gets to it, which is told later."""
        chat = self.chats.get(chat_id)
        if chat is None:
            self._status(chat_id, bubble.id, "noAccount")
        else:
            chat.typing_at = None
            if not chat.blocked:
                self.put(chat.person, bubble)
            for status in ("sent",) if chat.blocked else ("sent", "delivered"):
                self._status(chat_id, bubble.id, status)
        return web.json_response({"idMessage": bubble.id, **more})

    def _cannot_say(self) -> web.Response | None:
        if self.quota_is_over:
            used = {"used": 3, "total": 3, "status": "CORRESPONDENTS_QUOTE_EXCEEDED"}
            told = {"invokeStatus": {"method": "sendMessage"}, "correspondentsStatus": used}
            return web.json_response(told, status=466)
        if self.state != "authorized":
            return web.Response(text="Instance account is not authorized")
        return None

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        if self.instance["webhookUrl"]:
            return _invalid("webhookUrl", "must be empty to receive by HTTP API")
        seconds = int(request.query.get("receiveTimeout", "5"))
        if not 5 <= seconds <= 60:
            return _invalid("receiveTimeout", "must be between 5 and 60")
        if not self.queue:
            self._arrived.clear()
            # The same clock as for repeats: a minute of Green-API's is a tenth of a second.
            waiting = asyncio.wait_for(self._arrived.wait(), seconds * REPEAT_SECONDS / 20)
            try:
                await waiting
            except TimeoutError:
                return web.json_response(None)
        receipt, note = self.queue[0]
        return web.json_response({"receiptId": receipt, "body": note})

    def _delete_notification(self, request: web.Request) -> web.Response:
        receipt = int(request.match_info.get("receipt", "0"))
        taken = bool(self.queue) and self.queue[0][0] == receipt
        if taken:
            self.queue.popleft()
        return web.json_response({"result": taken, "reason": "" if taken else "not found"})

    async def _configure(self, request: web.Request) -> web.StreamResponse:
        told = await request.json()
        self.calls.append(("setSettings", {**told, "webhookUrlToken": ""}))
        if unknown := set(told) - set(FORGOTTEN):
            return _invalid(min(unknown), "is not allowed")
        self.instance |= told
        if self.instance["webhookUrl"] and self.queue:
            self.bring(self._pump)
        return web.json_response({"saveSettings": True})

    async def _media(self, request: web.Request) -> web.StreamResponse:
        blob = self._files.get(request.match_info["id"])
        if blob is None:
            return web.Response(status=404)
        return web.Response(body=blob.data, content_type=blob.mime)

    def _instance_data(self) -> dict[str, Any]:
        return {
            "idInstance": int(self.instance_id),
            "wid": f"{self.phone}@c.us",
            "typeInstance": "whatsapp",
        }

    def _id(self) -> str:
        return f"3EB0{self.number():016X}"

    def _seconds(self) -> int:
        return int(self._now().timestamp())


def _invalid(part: str, words: str) -> web.Response:
    told = {"statusCode": 400, "message": f"Validation failed. Details: '{part}' {words}"}
    return web.json_response(told, status=400)
