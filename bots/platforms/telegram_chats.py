"""Telegram's chats as people see them: what they do there, and what a bot does to them."""

from __future__ import annotations

import asyncio
import io
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image

from bots.platforms import telegram_rules as rules
from bots.platforms.platform import Blob, Bubble, Person, Platform
from bots.platforms.telegram_rules import RefusedError, bad

BOT = {"id": 123_456_789, "is_bot": True, "first_name": "Otklik", "username": "otklik_demo_bot"}
OWNER = {"id": 500_600_700, "is_bot": False, "first_name": "Ольга", "last_name": "Лавка"}
CONNECTION = "BcQ7hub0"
"""The business account that the bot is connected to."""
TYPING_SECONDS = 5


class TelegramChats(Platform):
    """Messages are numbered for a bot, and kept as Telegram tells them."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.messages: dict[str, dict[str, Any]] = {}
        self.files: dict[str, Blob] = {}
        self._begun: set[str] = set()
        self._presses: set[str] = set()
        self._liked: dict[str, dict[str, str]] = defaultdict(dict)

    @abstractmethod
    def tell(self, sort: str, what: dict[str, Any], queue: str) -> None:
        """An update to the bot; `queue` is what it keeps its order in."""

    # What a person does.

    async def write(
        self, person: Person, text: str, *, quote: str = "", entities: Sequence[Any] = ()
    ) -> Bubble:
        told: dict[str, Any] = {"text": text}
        if entities:
            told["entities"] = list(entities)
        return self._wrote(person, told, quote=quote)

    async def begin(self, person: Person, key: str = "") -> None:
        command = [{"type": "bot_command", "offset": 0, "length": 6}]
        self._wrote(person, {"text": f"/start {key}".strip(), "entities": command})

    async def send_file(self, person: Person, blob: Blob, *, text: str = "") -> Bubble:
        return self._wrote(person, self._file(_sort(blob), blob) | _captioned(text))

    async def send_album(self, person: Person, blobs: Sequence[Blob], text: str = "") -> None:
        album = str(10**16 + self.number())
        for number, blob in enumerate(blobs):
            told = self._file(_sort(blob), blob) | {"media_group_id": album}
            self._wrote(person, told | _captioned("" if number else text))

    async def send_place(self, person: Person, latitude: float, longitude: float) -> Bubble:
        place = {"latitude": latitude, "longitude": longitude}
        return self._wrote(person, {"location": place})

    async def send_card(self, person: Person, name: str, phone: str, *, own: bool) -> Bubble:
        # Telegram leaves the plus of an own number out, or does not.
        card: dict[str, Any] = {"phone_number": phone.removeprefix("+"), "first_name": name}
        if own:
            card["user_id"] = int(person.id)
        return self._wrote(person, {"contact": card})

    async def press(self, person: Person, bubble: str, data: str) -> None:
        message = self.messages[bubble]
        if "inline_keyboard" not in message.get("reply_markup", {}):
            await self.write(person, data)
            return
        id = f"{4 * 10**15 + self.number()}"
        self._presses.add(id)
        query = {"id": id, "from": _user(person), "message": message, "data": data}
        self.tell("callback_query", query | {"chat_instance": "-3895167123"}, f"press:{person.id}")

    async def rewrite(self, person: Person, bubble: str, text: str) -> None:
        message = self.messages[bubble]
        part = "text" if "text" in message else "caption"
        self.messages[bubble] = message | {part: text, "edit_date": self._seconds()}
        self.alter(person, bubble, text=text, edited=True)
        sort = f"edited_{'business_' if _is_business(message) else ''}message"
        self.tell(sort, self.messages[bubble], f"chat:{person.id}")

    async def react(self, person: Person, bubble: str, emoji: str) -> None:
        old = self._liked[bubble].get("person", "")
        self.like(self.messages[bubble], "person", emoji)
        lists = {"old_reaction": _reaction(old), "new_reaction": _reaction(emoji)}
        told = {"chat": chat_of(person), "message_id": int(bubble), "user": _user(person)}
        told |= {"date": self._seconds(), **lists}
        self.tell("message_reaction", told, f"reaction:{person.id}")

    async def block(self, person: Person, *, blocked: bool = True) -> None:
        self.chats[person.id].blocked = blocked
        self.changed.set()
        member: dict[str, Any] = {"user": BOT, "status": "member"}
        kicked: dict[str, Any] = {"user": BOT, "status": "kicked", "until_date": 0}
        before, after = (member, kicked) if blocked else (kicked, member)
        told = {"chat": chat_of(person), "from": _user(person), "date": self._seconds()}
        told |= {"old_chat_member": before, "new_chat_member": after}
        self.tell("my_chat_member", told, f"member:{person.id}")

    async def staff_reply(self, person: Person, text: str) -> Bubble:
        return self._wrote(person, {"text": text}, business=True, staff=True)

    async def write_to_business(self, person: Person, text: str) -> Bubble:
        """To the owner's own account, which the bot is connected to."""
        return self._wrote(person, {"text": text}, business=True)

    async def delete_from_business(self, person: Person, bubble: str) -> None:
        self.dropped(self.messages[bubble])
        told = {
            "business_connection_id": CONNECTION,
            "chat": chat_of(person),
            "message_ids": [int(bubble)],
        }
        self.tell("deleted_business_messages", told, f"business:{person.id}")

    def _wrote(
        self,
        person: Person,
        told: dict[str, Any],
        *,
        quote: str = "",
        business: bool = False,
        staff: bool = False,
    ) -> Bubble:
        self._begun.add(person.id)
        message = {
            "message_id": 100 + self.number(),
            "from": OWNER if staff else _user(person),
            "chat": chat_of(person),
            "date": self._seconds(),
            **told,
        }
        if business:
            message["business_connection_id"] = CONNECTION
        if quote:
            message["reply_to_message"] = _alone(self.messages[quote])
        bubble = self._shown(person, message, mine=not staff, quote=quote)
        if staff:
            bubble = self.alter(person, bubble.id, by_staff=True) or bubble
        queue = f"{'business' if business else 'chat'}:{person.id}"
        self.tell("business_message" if business else "message", message, queue)
        return bubble

    # What a bot does.

    def person_of(self, given: dict[str, Any]) -> Person:
        """Whom a call is about: somebody who wrote, and has not blocked the bot."""
        self.check_connection(given)
        id = given["chat_id"]
        if id not in self.chats or id not in self._begun:
            raise bad("chat not found")
        if self.chats[id].blocked:
            raise RefusedError(403, "Forbidden: bot was blocked by the user")
        return self.chats[id].person

    def check_connection(self, given: dict[str, Any]) -> None:
        if given.get("business_connection_id", CONNECTION) != CONNECTION:
            raise bad("business connection not found")

    def said(self, given: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
        """A message of the bot's, and as what the person sees it."""
        person = self.person_of(given)
        message = {
            "message_id": 100 + self.number(),
            "from": BOT,
            "chat": chat_of(person),
            "date": self._seconds(),
            **told,
        }
        if "business_connection_id" in given:
            message |= {"business_connection_id": CONNECTION, "sender_business_bot": BOT}
        markup, quote = given.get("reply_markup") or {}, ""
        keys = rules.check_keys(markup) if markup else ()
        if "inline_keyboard" in markup:
            message["reply_markup"] = markup
        if "reply_parameters" in given:
            wanted = str(given["reply_parameters"].get("message_id"))
            if wanted in self.messages:
                quote = wanted
                message["reply_to_message"] = _alone(self.messages[wanted])
            elif not given["reply_parameters"].get("allow_sending_without_reply"):
                raise bad("message to be replied not found")
        self._shown(person, message, mine=False, quote=quote, buttons=keys)
        self.chats[person.id].typing_at = None
        return message

    def captioned(self, given: dict[str, Any], sort: str, file: Any) -> dict[str, Any]:
        """A file of the bot's with the words under it; it is sent anew, or known already."""
        entities = given.get("caption_entities", [])
        rules.check_text(given.get("caption", ""), entities, rules.CAPTION_MAX)
        blob = file if isinstance(file, Blob) else self.files.get(str(file))
        if blob is None:
            raise bad("wrong file identifier/HTTP URL specified")
        rules.check_file(sort, blob)
        kinds = {"photo": "image", "voice": "audio", "audio": "audio", "video": "video"}
        kind: Any = kinds.get(sort, "file")
        told = self._file(sort, replace(blob, kind=kind)) | _captioned(given.get("caption", ""))
        return told | ({"caption_entities": entities} if entities else {})

    def edited(self, given: dict[str, Any], part: str, entities: list[Any]) -> dict[str, Any]:
        """The message with other words under it; `part` is where it has them."""
        message = self.message(given, "edit")
        if message["from"]["id"] != BOT["id"]:
            raise bad("message can't be edited")
        has_text = "text" in message
        if has_text != (part == "text"):
            raise bad(f"there is no {part} in the message to edit")
        changed = {part: given.get(part, "").strip(), "edit_date": self._seconds()}
        marks = "entities" if part == "text" else "caption_entities"
        markup = given.get("reply_markup")
        keys = rules.check_keys(markup) if markup else ()
        same = (message.get(part, ""), message.get(marks, []), message.get("reply_markup"))
        if same == (changed[part], entities, markup):
            raise bad(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        kept = {name: each for name, each in message.items() if name not in (marks, "reply_markup")}
        more = ({marks: entities} if entities else {}) | (
            {"reply_markup": markup} if markup else {}
        )
        id = str(message["message_id"])
        self.messages[id] = kept | changed | more
        person = self.person_of(given)
        self.alter(person, id, text=changed[part], edited=True, buttons=keys)
        return self.messages[id]

    def deleted(self, given: dict[str, Any]) -> None:
        message = self.message(given, "delete")
        if self._seconds() - message["date"] > timedelta(hours=48).total_seconds():
            raise bad("message can't be deleted for everyone")
        self.dropped(message)

    def dropped(self, message: dict[str, Any]) -> None:
        id = str(message["message_id"])
        del self.messages[id]
        self.drop(self.chats[str(message["chat"]["id"])].person, id)

    def message(self, given: dict[str, Any], to: str) -> dict[str, Any]:
        self.person_of(given)
        message = self.messages.get(str(given["message_id"]))
        if message is None or str(message["chat"]["id"]) != given["chat_id"]:
            raise bad(f"message to {to} not found")
        return message

    def like(self, message: dict[str, Any], who: str, emoji: str) -> None:
        id = str(message["message_id"])
        self._liked[id][who] = emoji
        shown = tuple(each for each in self._liked[id].values() if each)
        self.alter(self.chats[str(message["chat"]["id"])].person, id, reactions=shown)

    def typing(self, given: dict[str, Any]) -> None:
        chat = self.chats[self.person_of(given).id]
        chat.typing_at = self._now()
        asyncio.get_running_loop().call_later(TYPING_SECONDS, setattr, chat, "typing_at", None)
        self.changed.set()

    def sizes(self, blob: Blob) -> list[dict[str, Any]]:
        """A picture as Telegram keeps it, small and whole."""
        small, whole = self.keep(blob), self.keep(blob)
        return [small | {"width": 90, "height": 90}, whole | {"width": 640, "height": 480}]

    def keep(self, blob: Blob) -> dict[str, Any]:
        id = f"AgAD{self.number():08d}"
        self.files[id] = blob
        return {"file_id": id, "file_unique_id": f"u{id}", "file_size": len(blob.data)}

    def _file(self, sort: str, blob: Blob) -> dict[str, Any]:
        if sort == "photo":
            return {"photo": self.sizes(blob)}
        kept = self.keep(blob) | {"mime_type": blob.mime or "application/octet-stream"}
        if sort != "voice":
            kept["file_name"] = blob.name
        if sort != "document":
            kept["duration"] = 3
        if sort == "video":
            kept |= {"width": 640, "height": 480}
        return {sort: kept}

    def _shown(self, person: Person, message: dict[str, Any], **more: Any) -> Bubble:
        id = str(message["message_id"])
        self.messages[id] = message
        file = next((message[each] for each in rules.SORTS if each in message), None)
        kept = file[-1] if isinstance(file, list) else file
        words = message.get("text", message.get("caption", ""))
        place, card = message.get("location"), message.get("contact")
        return self.put(
            person,
            Bubble(
                id=id,
                at=datetime.fromtimestamp(message["date"], UTC),
                text="/start" if words.startswith("/start ") else words,
                files=(self.files[kept["file_id"]],) if kept else (),
                place=(place["latitude"], place["longitude"]) if place else None,
                card=(card["first_name"], card["phone_number"]) if card else None,
                **more,
            ),
        )

    def _seconds(self) -> int:
        return int(self._now().timestamp())


def picture(id: str) -> Blob:
    """A face of one colour."""
    number = int(id)
    drawn = io.BytesIO()
    colour = (80 + number % 127, 80 + number // 7 % 127, 80 + number // 31 % 127)
    Image.new("RGB", (96, 96), colour).save(drawn, "PNG")
    return Blob("photo.png", "image/png", drawn.getvalue(), "image")


def chat_of(person: Person) -> dict[str, Any]:
    told = {name: each for name, each in _user(person).items() if name != "is_bot"}
    told.pop("language_code")
    return told | {"type": "private"}


def _user(person: Person) -> dict[str, Any]:
    first, _, last = person.name.partition(" ")
    told: dict[str, Any] = {"id": int(person.id), "is_bot": False, "first_name": first}
    if last:
        told["last_name"] = last
    if person.username:
        told["username"] = person.username
    return told | {"language_code": "ru"}


def _captioned(text: str) -> dict[str, Any]:
    return {"caption": text} if text else {}


def _reaction(emoji: str) -> list[dict[str, str]]:
    return [{"type": "emoji", "emoji": emoji}] if emoji else []


def _alone(message: dict[str, Any]) -> dict[str, Any]:
    """A quoted message, which tells nothing of what it quotes itself."""
    return {name: each for name, each in message.items() if name != "reply_to_message"}


def _is_business(message: dict[str, Any]) -> bool:
    return "business_connection_id" in message


def _sort(blob: Blob) -> str:
    if blob.kind == "image" and blob.mime in ("image/jpeg", "image/png", "image/webp"):
        return "photo"
    if blob.kind == "audio":
        return "voice" if blob.mime == "audio/ogg" else "audio"
    return "video" if blob.kind == "video" else "document"
