"""A community at VK as its API shows it: its messages, files, hooks, and what it is refused.

What it brings and answers is what https://dev.vk.com/ru/method and VK's own schema say;
other people's clients are run against it in the tests.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web

from bots.platforms.platform import Blob, Bubble, Chat, Platform
from bots.platforms.vk_bringing import SERVERS_MAX, Callbacks, LongPoll, Server
from bots.platforms.vk_rules import (
    INT32,
    TEXT_MAX,
    RefusedCallError,
    buttons,
    listed,
    missing,
    read,
)
from bots.platforms.vk_things import REACTIONS, Kept, Things, user

GROUPS_FROM = 2_000_000_000
REMEMBERED = 100
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
Told = dict[str, Any]


class Community(Platform):
    """`hurry` is how much faster than VK's own the waits between repeats of a hook pass."""

    kind = "vk"

    def __init__(self, *, hurry: float = 200, group: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group = group or 210_000_000 + self._random.randrange(10**6)
        self.name = "Магазин"
        self.screen_name = f"shop{self.group}"
        self.token = f"vk1.a.{secrets.token_urlsafe(40)}"
        self.code = secrets.token_hex(4)
        self.callbacks = Callbacks(self.group, lambda: self.code, hurry)
        self.polling = LongPoll(lambda: self.url)
        self.messages: dict[int, dict[int, Told]] = {}
        """The messages of each chat by their number in it, as VK would show them to the API."""
        self.allowed: set[int] = set()
        self.blacklist: set[int] = set()
        self.answered: dict[str, str] = {}
        """What was shown to whoever pressed a button, by the event's id."""
        self.things = Things(lambda: self.url, self.number, -self.group)
        self._said: dict[int, list[tuple[int, datetime, int]]] = {}
        self._lasts: dict[int, int] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/method/{method}", self._method),
            web.get("/method/{method}", self._method),
            web.post("/upload/{door}", self._upload),
            web.get("/files/{id}/{name}", self.things.serve),
            web.get("/wh1", self._check),
            web.post("/wh1", self._check),
        ]

    def settings(self) -> dict[str, Any]:
        return {"token": self.token, "group_id": self.group, "api_url": self.url}

    def replace_key(self) -> str:
        """The key before is dead from now on."""
        self.token = f"vk1.a.{secrets.token_urlsafe(40)}"
        return self.token

    async def stop(self) -> None:
        self.polling.renew()
        await super().stop()

    # The API.

    async def _method(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        given = dict(request.query) | {
            name: value for name, value in (await request.post()).items() if isinstance(value, str)
        }
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = given.pop("access_token", "") or bearer
        self._called(method, given)
        fault = self.fault(method)
        if fault is not None:
            match fault.failing:
                case "slow":
                    await self._released.wait()
                case "500":
                    return web.json_response({"error": {"error_code": 10}}, status=500)
                case "502_page":
                    page = "<html><h1>502 Bad Gateway</h1></html>"
                    return web.Response(text=page, content_type="text/html", status=502)
                case _:
                    pass
        failing = fault.failing if fault else ""
        answer: Told
        try:
            if failing == "429":
                raise RefusedCallError(6)
            if failing == "refused_key" or token != self.token:
                raise RefusedCallError(5)
            if failing == "blocked":
                raise RefusedCallError(901)
            told = read(method, given)
            if told.get("group_id", self.group) != self.group and method != "groups.getById":
                raise RefusedCallError(15)
            answer = {"response": await self._done(method, told)}
        except RefusedCallError as error:
            params = [{"key": name, "value": value} for name, value in given.items()]
            told_of = {"error_code": error.code, "error_msg": error.words}
            method_too = [{"key": "method", "value": method}, {"key": "oauth", "value": "1"}]
            answer = {"error": told_of | {"request_params": [*method_too, *params]}}
        if failing == "lost_answer" and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer)

    def _called(self, method: str, given: Told) -> None:
        self.calls.append((method, dict(given)))
        self.changed.set()

    async def _done(self, method: str, told: Told) -> Any:
        match method:
            case "messages.send":
                return self._send(told)
            case "messages.edit":
                return self._edit(told)
            case "messages.delete":
                return self._delete(told)
            case "messages.sendReaction" | "messages.deleteReaction":
                return self._react(told)
            case "messages.setActivity":
                chat = self._chat(told.get("peer_id") or told.get("user_id") or 0)
                chat.typing_at = self._now()
                self.changed.set()
                return 1
            case "messages.markAsRead":
                return self._read_by_us(told)
            case "messages.sendMessageEventAnswer":
                if told["event_id"] not in self.answered:
                    raise missing("event_id")
                shown = told.get("event_data", "{}")
                with suppress(msgspec.MsgspecError):
                    self.answered[told["event_id"]] = msgspec.json.decode(shown).get("text", "")
                self.changed.set()
                return 1
            case "messages.getByConversationMessageId":
                had = self.messages.get(told["peer_id"], {})
                wanted = listed(told["conversation_message_ids"])
                items = [had[each] for each in wanted if each in had]
                return {"count": len(items), "items": items}
            case "users.get":
                return [
                    user(self.chats[each].person)
                    for each in told.get("user_ids", "").split(",")
                    if each in self.chats
                ]
            case "groups.getById":
                return {"groups": [self._community()], "profiles": []}
            case "groups.getTokenPermissions":
                rights = ("messages", "photos", "docs", "manage")
                return {"mask": 0, "permissions": [{"name": each, "setting": 1} for each in rights]}
            case "photos.getMessagesUploadServer" | "docs.getMessagesUploadServer":
                door = "photo" if method.startswith("photos") else told.get("type", "doc")
                if door not in ("photo", "doc", "audio_message"):
                    raise missing("type")
                return {"upload_url": f"{self.url}/upload/{door}", "album_id": -64, "group_id": 0}
            case "photos.saveMessagesPhoto":
                return [self.things.saved(told["photo"], "photo").shown["photo"]]
            case "docs.save":
                return self.things.saved(told["file"], "", told.get("title", "")).shown
            case _:
                return self._settings(method, told)

    def _settings(self, method: str, told: Told) -> Any:
        """The community's own methods: who is called, and what may be asked for."""
        servers = self.callbacks.servers
        on = {name for name, value in told.items() if value == 1 and "_id" not in name}
        match method:
            case "groups.getCallbackConfirmationCode":
                return {"code": self.code}
            case "groups.getCallbackServers":
                items = [
                    {
                        "id": each.id,
                        "title": each.title,
                        "creator_id": 1,
                        "url": each.url,
                        "secret_key": each.secret,
                        "status": each.status,
                    }
                    for each in servers.values()
                ]
                return {"count": len(items), "items": items}
            case "groups.addCallbackServer" | "groups.editCallbackServer":
                secret = told.get("secret_key", "")
                if len(told["title"]) > 14 or len(secret) > 50 or "://" not in told["url"]:
                    raise missing("title")
                id = told.get("server_id", 0)
                if id and id not in servers:
                    raise missing("server_id")
                if not id and len(servers) >= SERVERS_MAX:
                    raise RefusedCallError(2000)
                id = id or self.number()
                events = servers[id].events if id in servers else set()
                made = Server(id, told["url"], told["title"], secret, events=events)
                servers[id] = made
                session = self._session
                if session is not None:
                    self.bring(lambda: self.callbacks.confirm(session, made, secrets.token_hex(20)))
                return {"server_id": id} if method == "groups.addCallbackServer" else 1
            case "groups.deleteCallbackServer":
                if servers.pop(told["server_id"], None) is None:
                    raise missing("server_id")
                return 1
            case "groups.setCallbackSettings":
                for each in servers.values():
                    if told.get("server_id", each.id) == each.id:
                        each.events = on
                return 1
            case "groups.setLongPollSettings":
                self.polling.enabled = bool(told.get("enabled", self.polling.enabled))
                self.polling.events = on
                return 1
            case "groups.getLongPollServer":
                if not self.polling.enabled:
                    raise RefusedCallError(100, "longpoll for this group is not enabled")
                return self.polling.server()
            case _:
                raise RefusedCallError(3)

    def _send(self, told: Told) -> Any:
        # Its documents say 32 bits; clients that many use send longer ones, and VK takes them.
        if not -(2**63) <= told["random_id"] < 2**63:
            raise missing("random_id")
        if "peer_ids" not in told:
            peer = told.get("peer_id", told.get("user_id"))
            if peer is None:
                raise missing("peer_id")
            return self._say(peer, told)["id"]
        answers: list[Told] = []
        for peer in listed(told["peer_ids"]):
            try:
                made = self._say(peer, told)
                ids: Told = {"message_id": made["id"]}
                ids["conversation_message_id"] = made["conversation_message_id"]
            except RefusedCallError as error:
                if error.code < 900:
                    raise
                # With several people, what is wrong with one is told inside of a success.
                failure = {"code": error.code, "description": error.words}
                answers.append({"peer_id": peer, "message_id": 0, "error": failure})
            else:
                answers.append(ids | {"peer_id": peer})
        return answers

    def _say(self, peer: int, told: Told) -> Told:
        if peer >= GROUPS_FROM:
            raise RefusedCallError(917)
        if peer in self.blacklist:
            raise RefusedCallError(900)
        chat = self.chats.get(str(peer))
        if chat is None or chat.blocked or peer not in self.allowed:
            raise RefusedCallError(901)
        said = self._said.setdefault(peer, [])
        for random_id, at, cmid in said[-REMEMBERED:]:
            if told["random_id"] and random_id == told["random_id"] and self._now() - at < HOUR:
                return self.messages[peer][cmid]
        text, files = self._content(told)
        rows = buttons(told["keyboard"]) if told.get("keyboard") else []
        quoted = self._quoted(peer, told.get("forward", ""))
        made = self.message(
            peer,
            -self.group,
            text,
            attachments=[each.shown for each in files],
            random_id=told["random_id"],
            quoted=quoted,
        )
        if rows:
            made["keyboard"] = _keyboard(rows)
        said.append((told["random_id"], self._now(), made["conversation_message_id"]))
        self.show(chat, made, [each.blob for each in files])
        self.tell("message_reply", made)
        return made

    def _content(self, told: Told) -> tuple[str, list[Kept]]:
        text = told.get("message", "")
        if len(text) > TEXT_MAX:
            raise RefusedCallError(914)
        files = self.things.named(told.get("attachment", ""))
        if not text.strip() and not files:
            raise RefusedCallError(100, "message is empty or invalid")
        return text, files

    def _quoted(self, peer: int, forward: str) -> Told | None:
        if not forward:
            return None
        try:
            told = msgspec.json.decode(forward)
            asked = told["conversation_message_ids"]
            cmid = asked[0] if isinstance(asked, list) else asked
            if not told.get("is_reply") or told["peer_id"] != peer:
                raise missing("forward")
            return self.messages[peer][cmid]
        except (msgspec.MsgspecError, KeyError, TypeError, IndexError):
            raise missing("forward") from None

    def _edit(self, told: Told) -> int:
        made, chat = self._own(told), self._chat(told["peer_id"])
        if self._now().timestamp() - made["date"] > DAY.total_seconds():
            raise RefusedCallError(909)
        text, files = self._content(told)
        stamp = int(self._now().timestamp())
        made |= {"text": text, "update_time": stamp, "version": 10_000_000 + self.number()}
        made["attachments"] = [each.shown for each in files]
        # What is not said again is gone.
        rows = buttons(told["keyboard"]) if told.get("keyboard") else []
        made["keyboard"] = _keyboard(rows)
        id = str(made["conversation_message_id"])
        blobs = tuple(each.blob for each in files)
        drawn = _drawn(rows)
        self.alter(chat.person, id, text=text, files=blobs, buttons=drawn, edited=True)
        self.tell("message_edit", made)
        return 1

    def _delete(self, told: Told) -> list[Told]:
        peer = told.get("peer_id", 0)
        chat = self._chat(peer)
        answers = []
        wanted = listed(told.get("cmids", ""))
        if not any(cmid in self.messages[peer] for cmid in wanted):
            raise missing("cmids")
        for cmid in wanted:
            made = self.messages[peer].get(cmid)
            known = {"peer_id": peer, "message_id": made["id"] if made else 0}
            known["conversation_message_id"] = cmid
            failure = 0
            if made is None:
                failure = 100
            elif told.get("delete_for_all"):
                old = self._now().timestamp() - made["date"] > DAY.total_seconds()
                failure = 924 if old or made["from_id"] != -self.group else 0
            if failure:
                answers.append(known | {"error": {"code": failure, "description": "Error"}})
                continue
            self.messages[peer].pop(cmid)
            self.drop(chat.person, str(cmid))
            answers.append(known | {"response": 1})
        return answers

    def _react(self, told: Told) -> int:
        peer, cmid = told["peer_id"], told["cmid"]
        chat = self._chat(peer)
        if cmid not in self.messages[peer]:
            raise missing("cmid")
        reaction = told.get("reaction_id", 0)
        if reaction and reaction not in REACTIONS:
            raise RefusedCallError(1009)
        shown = (REACTIONS[reaction],) if reaction else ()
        self.alter(chat.person, str(cmid), reactions=shown)
        event = {"reacted_id": -self.group, "peer_id": peer, "cmid": cmid}
        self.tell("message_reaction_event", event | ({"reaction_id": reaction} if reaction else {}))
        return 1

    def _read_by_us(self, told: Told) -> int:
        chat = self._chat(told.get("peer_id", 0))
        upto = told.get("up_to_cmid", INT32)
        for each in list(chat.bubbles):
            if each.mine and int(each.id) <= upto:
                self.alter(chat.person, each.id, read=True)
        return 1

    def _chat(self, peer: int) -> Chat:
        chat = self.chats.get(str(peer))
        if chat is None or peer not in self.messages:
            raise missing("peer_id")
        return chat

    def _own(self, told: Told) -> Told:
        made = self.messages.get(told["peer_id"], {}).get(told.get("cmid", 0))
        if made is None or made["from_id"] != -self.group:
            raise missing("cmid")
        return made

    def _community(self) -> Told:
        told = {"id": self.group, "name": self.name, "screen_name": self.screen_name}
        shown = {"photo_50": "", "photo_100": "", "photo_200": self.things.picture()}
        return told | {"is_closed": 0, "type": "group"} | shown

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        fault = self.fault("upload")
        if fault is not None and fault.failing in ("500", "502_page"):
            return web.Response(text="<html>", content_type="text/html", status=502)
        return await self.things.upload(request)

    async def _check(self, request: web.Request) -> web.Response:
        self._called("a_check", {"ts": request.query.get("ts", "")})
        fault = self.fault("a_check")
        if fault is not None and fault.failing in ("500", "502_page"):
            return web.Response(text="<html>", content_type="text/html", status=502)
        return await self.polling.check(request)

    # Updates.

    def tell(self, type: str, object: Mapping[str, Any]) -> None:
        told = {
            "type": type,
            "object": object,
            "group_id": self.group,
            "event_id": secrets.token_hex(20),
            "v": "5.199",
        }
        # The same object goes on living in the chat.
        told = msgspec.json.decode(msgspec.json.encode(told))
        session = self._session
        if session is not None:
            self.bring(
                *(
                    lambda each=each: self.callbacks.bring(session, each, told)
                    for each in self.callbacks.servers.values()
                    if each.status == "ok" and type in each.events
                )
            )
        if self.polling.enabled and type in self.polling.events:
            for _ in range(self.copies):
                self.polling.add(told)

    def message(
        self,
        peer: int,
        by: int,
        text: str,
        *,
        attachments: Sequence[Told] = (),
        quoted: Told | None = None,
        random_id: int = 0,
        **more: Any,
    ) -> Told:
        chat = self.messages.setdefault(peer, {})
        id = self.number()
        cmid = self._lasts[peer] = self._lasts.get(peer, 0) + 1
        made: Told = {
            "id": id,
            "date": int(self._now().timestamp()),
            "peer_id": peer,
            "from_id": by,
            "text": text,
            "out": int(by < 0),
            "version": 10_000_000 + id,
            "conversation_message_id": cmid,
            "random_id": random_id,
            "important": False,
            "is_hidden": False,
            "attachments": list(attachments),
            "fwd_messages": [],
        }
        if quoted is not None:
            kept = ("id", "date", "peer_id", "from_id", "text", "conversation_message_id")
            made["reply_message"] = {each: quoted[each] for each in kept} | {"attachments": []}
        chat[cmid] = made | more
        return chat[cmid]

    def show(self, chat: Chat, made: Told, blobs: Sequence[Blob] = (), **more: Any) -> Bubble:
        shown = _drawn(made.get("keyboard", {}).get("buttons", []))
        quoted = made.get("reply_message")
        bubble = Bubble(
            id=str(made["conversation_message_id"]),
            mine=made["from_id"] > 0,
            at=self._now(),
            text=made["text"],
            files=tuple(blobs),
            buttons=shown,
            quote=str(quoted["conversation_message_id"]) if quoted else "",
            **more,
        )
        return self.put(chat.person, bubble)


def _keyboard(rows: list[list[Told]]) -> Told:
    return {"inline": True, "one_time": False, "buttons": rows}


def _drawn(rows: list[list[Told]]) -> tuple[tuple[tuple[str, str], ...], ...]:
    return tuple(tuple(_shown(each["action"]) for each in row) for row in rows)


def _shown(action: Told) -> tuple[str, str]:
    return action["label"], action["link"] if action["type"] == "open_link" else action["payload"]
