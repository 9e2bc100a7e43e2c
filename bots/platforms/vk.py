"""VK played here: what people do there, and the community that they write to.

What it brings and answers is what https://dev.vk.com/ru/method and VK's own schema say;
other people's clients are run against it in the tests.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bots.platforms.platform import Blob, Bubble, Person
from bots.platforms.vk_community import GROUPS_FROM, Community, Told
from bots.platforms.vk_things import REACTIONS, Kept, dumped

CLIENT = {
    "button_actions": ["text", "open_link", "callback", "vkpay", "open_app", "location"],
    "keyboard": True,
    "inline_keyboard": True,
    "carousel": True,
    "lang_id": 0,
}


class VKPlatform(Community):
    """A person allows to be answered with the first word; cards and taking back are not told."""

    def newcomer(self, name: str, phone: str) -> Person:
        # Whatever number it begins with: ids from GROUPS_FROM on are groups' and not people's.
        id = 1 + (700_100_000 + self.number()) % (GROUPS_FROM - 1)
        return Person(id=str(id), name=name, phone=phone)

    async def write(self, person: Person, text: str, *, quote: str = "") -> Bubble:
        return self._hear(person, text, quote=quote)

    def _hear(
        self,
        person: Person,
        text: str,
        *,
        kept: Sequence[Kept] = (),
        quote: str = "",
        place: tuple[float, float] | None = None,
        **more: Any,
    ) -> Bubble:
        peer, chat = int(person.id), self.chats[person.id]
        if peer not in self.allowed:
            # With the first word the person allows to be answered.
            self.allowed.add(peer)
            self.tell("message_allow", {"user_id": peer, "key": ""})
        quoted = self.messages.get(peer, {}).get(int(quote)) if quote else None
        shown = [each.shown for each in kept]
        made = self.message(peer, peer, text, attachments=shown, quoted=quoted, **more)
        bubble = self.show(chat, made, [each.blob for each in kept], place=place)
        self.tell("message_new", {"message": made, "client_info": CLIENT})
        return bubble

    async def send_file(self, person: Person, blob: Blob, *, text: str = "") -> Bubble:
        return self._hear(person, text, kept=[self.things.of(blob, int(person.id))])

    async def send_album(self, person: Person, blobs: Sequence[Blob], text: str = "") -> None:
        """One message, as VK sends several pictures."""
        self._hear(person, text, kept=[self.things.of(each, int(person.id)) for each in blobs])

    async def send_place(self, person: Person, latitude: float, longitude: float) -> Bubble:
        at = {"latitude": latitude, "longitude": longitude}
        place = {"country": "Россия", "city": "Москва", "title": "Москва, Россия"}
        geo = {"type": "point", "coordinates": at, "place": place}
        return self._hear(person, "", place=(latitude, longitude), geo=geo)

    async def begin(self, person: Person, key: str = "") -> None:
        more: Told = {"ref": key, "ref_source": "link"} if key else {}
        self._hear(person, "Начать", payload=dumped({"command": "start"}), **more)

    async def press(self, person: Person, bubble: str, data: str) -> None:
        peer = int(person.id)
        made = self.messages[peer][int(bubble)]
        actions = [each["action"] for row in made["keyboard"]["buttons"] for each in row]
        action = next(each for each in actions if each.get("payload") == data)
        if action["type"] == "text":
            self._hear(person, action["label"], payload=data)
            return
        event = secrets.token_hex(6)
        self.answered[event] = ""
        told = {"user_id": peer, "peer_id": peer, "event_id": event}
        told |= {"payload": msgspec.json.decode(data)}
        self.tell("message_event", told | {"conversation_message_id": int(bubble)})

    async def rewrite(self, person: Person, bubble: str, text: str) -> None:
        made = self.messages[int(person.id)][int(bubble)]
        made |= {"text": text, "update_time": int(self._now().timestamp())}
        made["version"] = 10_000_000 + self.number()
        self.alter(person, bubble, text=text, edited=True)
        self.tell("message_edit", made)

    async def react(self, person: Person, bubble: str, emoji: str) -> None:
        number = next((n for n, each in REACTIONS.items() if each == emoji), 0)
        if emoji and not number:
            raise ValueError("VK has no such reaction")
        self.alter(person, bubble, reactions=(emoji,) if emoji else ())
        peer = int(person.id)
        event = {"reacted_id": peer, "peer_id": peer, "cmid": int(bubble)}
        self.tell("message_reaction_event", event | ({"reaction_id": number} if number else {}))

    async def read(self, person: Person) -> None:
        peer = int(person.id)
        theirs = [each for each in self.messages.get(peer, {}).values() if each["out"]]
        if not theirs:
            return
        last = theirs[-1]
        for each in self.chats[person.id].bubbles:
            if not each.mine:
                self.alter(person, each.id, read=True)
        told = {"from_id": peer, "peer_id": peer, "read_message_id": last["id"]}
        cmid = last["conversation_message_id"]
        self.tell("message_read", told | {"conversation_message_id": cmid})

    async def type(self, person: Person) -> None:
        told = {"state": "typing", "from_id": int(person.id), "to_id": -self.group}
        self.tell("message_typing_state", told)

    async def block(self, person: Person, *, blocked: bool = True) -> None:
        peer = int(person.id)
        self.chats[person.id].blocked = blocked
        self.changed.set()
        if blocked:
            self.allowed.discard(peer)
            self.tell("message_deny", {"user_id": peer})
        else:
            self.allowed.add(peer)
            self.tell("message_allow", {"user_id": peer, "key": ""})

    async def staff_reply(self, person: Person, text: str) -> Bubble:
        made = self.message(int(person.id), -self.group, text, admin_author_id=1001)
        bubble = self.show(self.chats[person.id], made, by_staff=True)
        self.tell("message_reply", made)
        return bubble

    async def fill_form(self, person: Person, form: str, answers: Mapping[str, Any]) -> None:
        """Answers an advertisement's form; a key of VK's own, or a question of the business's."""
        told = [{"key": key, "question": key, "answer": answer} for key, answer in answers.items()]
        ids = {"lead_id": self.number(), "group_id": self.group, "user_id": int(person.id)}
        shown = {"form_id": 6, "form_name": form, "ad_id": 0, "answers": told}
        self.tell("lead_forms_new", ids | shown)
