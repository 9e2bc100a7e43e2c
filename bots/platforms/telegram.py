"""Telegram as its bots see it: the Bot API, its files, hooks and long polling.

The server that it follows is https://github.com/tdlib/telegram-bot-api in its local mode, where
a hook may be plain HTTP.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, ClassVar

import aiohttp
from aiohttp import BodyPartReader, web

from bots.platforms import telegram_rules as rules
from bots.platforms.platform import Blob
from bots.platforms.telegram_chats import BOT, TelegramChats, chat_of, picture
from bots.platforms.telegram_rules import RefusedError, bad

NOT_UNASKED = frozenset({"message_reaction", "message_reaction_count", "chat_member"})
KEPT_SECONDS = 24 * 3_600
"""How long an update is tried to be brought: a day, by this platform's clock."""
SECRET = "X-Telegram-Bot-Api-Secret-Token"
ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)
TERMINATED = (
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running"
)


class TelegramPlatform(TelegramChats):
    """`second` is how long a second of its waiting between tries of a hook lasts here."""

    kind: ClassVar[str] = "telegram"

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.token = _new_token()
        self.second = 0.01
        self.webhook: dict[str, Any] = {}
        self.pending: list[dict[str, Any]] = []
        self.answered: dict[str, str] = {}
        """The presses that were acknowledged, with the words for each."""
        self.pushed: list[tuple[dict[str, Any], int]] = []
        """Every update that was brought to the hook, with the status it got."""
        self._allowed: list[str] = []
        self._queues: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._poller: object | None = None
        self._more = asyncio.Event()
        self._last_update = 900_000_000
        self._methods: dict[str, Callable[[dict[str, Any]], Any]] = {
            "getMe": self._me,
            "getChat": self._chat,
            "getUserProfilePhotos": self._photos,
            "getFile": self._file_of,
            "sendMessage": self._say,
            "sendMediaGroup": self._album,
            "editMessageText": partial(self._edit, "text", "entities", rules.TEXT_MAX),
            "editMessageCaption": partial(
                self._edit, "caption", "caption_entities", rules.CAPTION_MAX
            ),
            "deleteMessage": self._delete,
            "deleteMessages": self._delete_many,
            "deleteBusinessMessages": self._delete_business,
            "setMessageReaction": self._like,
            "sendChatAction": self._act,
            "answerCallbackQuery": self._answer,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._webhook_info,
            **{f"send{sort.title()}": partial(self._send, sort) for sort in rules.SORTS},
        }

    def settings(self) -> dict[str, Any]:
        return {"token": self.token, "api_url": self.url}

    def replace_key(self) -> str:
        """Another key, as when the owner asks for one: the old one is refused from now on."""
        self.token = _new_token()
        return self.token

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/bot{token}/{method}", self._call),
            web.get("/file/bot{token}/{path:.+}", self._download),
        ]

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = rules.BY_NAME.get(request.match_info["method"].lower(), "")
        failing = ""
        try:
            if request.match_info["token"] != self.token:
                raise RefusedError(401, "Unauthorized")
            if not method:
                raise RefusedError(404, "Not Found: method not found")
            given = await _given(request)
            self.calls.append((method, given))
            self.changed.set()
            fault = self.fault(method)
            if fault is not None:
                failing = fault.failing
                if failing == "502_page":
                    page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
                    return web.Response(status=502, text=page, content_type="text/html")
                if failing == "slow":
                    await self._released.wait()
                _meet(failing, max(int(fault.seconds), 1))
            asked = rules.checked(method, given)
            if method == "getUpdates":
                result: Any = await self._updates(asked)
            else:
                result = self._methods[method](asked)
        except RefusedError as error:
            return _refused(error)
        if failing == "lost_answer" and request.transport is not None:
            request.transport.abort()
        return web.json_response({"ok": True, "result": result})

    def _me(self, asked: dict[str, Any]) -> Any:
        return BOT | {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": True,
            "has_main_web_app": False,
        }

    def _chat(self, asked: dict[str, Any]) -> Any:
        person = self.person_of(asked)
        face = self.keep(picture(person.id))["file_id"]
        gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription")
        return chat_of(person) | {
            "accent_color_id": int(person.id) % 7,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys((*gifts, "gifts_from_channels"), True),
            "photo": {
                "small_file_id": face,
                "small_file_unique_id": f"{face}s",
                "big_file_id": face,
                "big_file_unique_id": f"{face}b",
            },
        }

    def _photos(self, asked: dict[str, Any]) -> Any:
        return {"total_count": 1, "photos": [self.sizes(picture(str(asked["user_id"])))]}

    def _file_of(self, asked: dict[str, Any]) -> Any:
        id = asked["file_id"]
        if id not in self.files:
            raise bad("wrong file_id or the file is temporarily unavailable")
        size = len(self.files[id].data)
        if size > rules.DOWNLOAD_MAX:
            raise bad("file is too big")
        told = {"file_id": id, "file_unique_id": f"u{id}", "file_size": size}
        return told | {"file_path": f"documents/{id}"}

    async def _download(self, request: web.Request) -> web.StreamResponse:
        blob = self.files.get(request.match_info["path"].removeprefix("documents/"))
        if request.match_info["token"] != self.token or blob is None:
            return _refused(RefusedError(404, "Not Found"))
        fault = self.fault("download")
        if fault is not None and fault.failing == "500":
            return _refused(RefusedError(500, "Internal Server Error"))
        return web.Response(body=blob.data, content_type="application/octet-stream")

    def _say(self, asked: dict[str, Any]) -> Any:
        text, entities = asked["text"], asked.get("entities", [])
        if not text.strip():
            raise bad("message text is empty")
        rules.check_text(text, entities, rules.TEXT_MAX)
        return self.said(asked, {"text": text} | ({"entities": entities} if entities else {}))

    def _send(self, sort: str, asked: dict[str, Any]) -> Any:
        self.person_of(asked)
        return self.said(asked, self.captioned(asked, sort, asked[sort]))

    def _album(self, asked: dict[str, Any]) -> Any:
        self.person_of(asked)
        rules.check_album(asked["media"])
        told = [self.captioned(each, each["type"], each["media"]) for each in asked["media"]]
        album = str(10**16 + self.number())
        return [self.said(asked, each | {"media_group_id": album}) for each in told]

    def _edit(self, part: str, marks: str, most: int, asked: dict[str, Any]) -> Any:
        entities = asked.get(marks, [])
        rules.check_text(asked.get(part, ""), entities, most)
        return self.edited(asked, part, entities)

    def _delete(self, asked: dict[str, Any]) -> Any:
        self.deleted(asked)
        return True

    def _delete_many(self, asked: dict[str, Any]) -> Any:
        for number in asked["message_ids"]:
            if str(number) in self.messages:
                self.deleted(asked | {"message_id": number})
        return True

    def _delete_business(self, asked: dict[str, Any]) -> Any:
        self.check_connection(asked)
        for number in asked["message_ids"]:
            if str(number) not in self.messages:
                raise bad("message to delete not found")
            self.dropped(self.messages[str(number)])
        return True

    def _like(self, asked: dict[str, Any]) -> Any:
        message = self.message(asked, "react")
        self.like(message, "bot", rules.check_reaction(asked.get("reaction", [])))
        return True

    def _act(self, asked: dict[str, Any]) -> Any:
        if asked["action"] not in rules.ACTIONS.split():
            raise bad("wrong parameter action in request")
        self.typing(asked)
        return True

    def _answer(self, asked: dict[str, Any]) -> Any:
        if asked["callback_query_id"] not in self._presses:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        self.answered[asked["callback_query_id"]] = asked.get("text", "")
        self.changed.set()
        return True

    def _set_webhook(self, asked: dict[str, Any]) -> Any:
        if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", asked["url"]):
            raise bad("bad webhook: invalid webhook URL specified")
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", asked.get("secret_token", "")):
            raise bad("secret token contains unallowed characters")
        if not 1 <= asked.get("max_connections", 40) <= 100:
            raise bad("max_connections must be from 1 to 100")
        self._allowed = asked.get("allowed_updates", self._allowed)
        self.webhook = {
            "url": asked["url"],
            "secret": asked.get("secret_token", ""),
            "max_connections": asked.get("max_connections", 40),
        }
        waiting, self.pending = self.pending, []
        for update in [] if asked.get("drop_pending_updates") else waiting:
            self.bring(partial(self._push, update, "waited"))
        return True

    def _delete_webhook(self, asked: dict[str, Any]) -> Any:
        self.webhook = {}
        if asked.get("drop_pending_updates"):
            self.pending.clear()
        return True

    def _webhook_info(self, asked: dict[str, Any]) -> Any:
        shown = {name: each for name, each in self.webhook.items() if name != "secret"}
        return {
            "url": "",
            "has_custom_certificate": False,
            "pending_update_count": len(self.pending) + len(self._bringing),
            **shown,
            **({"allowed_updates": self._allowed} if self._allowed else {}),
        }

    async def _updates(self, asked: dict[str, Any]) -> Any:
        if self.webhook:
            raise RefusedError(409, ACTIVE)
        me = self._poller = object()
        self._more.set()
        self._allowed = asked.get("allowed_updates", self._allowed)
        offset = asked.get("offset", 0)
        confirmed = self.pending[offset:] if offset < 0 else self.pending
        self.pending = [each for each in confirmed if offset < 0 or each["update_id"] >= offset]
        try:
            async with asyncio.timeout(min(asked.get("timeout", 0), 50)):
                while not self.pending:
                    await self._more.wait()
                    if self._poller is not me:
                        raise RefusedError(409, TERMINATED)
                    self._more.clear()
        except TimeoutError:
            return []
        return self.pending[: min(max(asked.get("limit", 100), 1), 100)]

    def tell(self, sort: str, what: dict[str, Any], queue: str) -> None:
        if sort in NOT_UNASKED - set(self._allowed) or sort not in (self._allowed or [sort]):
            return
        self._last_update += 1
        update = {"update_id": self._last_update, sort: what}
        if self.webhook:
            self.bring(partial(self._push, update, queue))
        else:
            self.pending += [update] * self.copies
            self._more.set()

    async def _push(self, update: dict[str, Any], queue: str) -> None:
        """Posted until it is taken, nothing else of its queue in between."""
        if self.shuffled:
            queue = secrets.token_hex(8)
            await asyncio.sleep(self._random.random() * 0.05)
        async with self._queues[queue]:
            waited = 0.0
            for number in count():
                if not self.webhook:
                    self.pending.append(update)
                    self._more.set()
                    return
                wait = await self._posted(update)
                if wait is None:
                    return
                pause = wait or (min(2 ** min(number, 7), 90) if number else 0)
                waited += pause
                if waited > KEPT_SECONDS:
                    return
                await asyncio.sleep(self.second * pause)

    async def _posted(self, update: dict[str, Any]) -> float | None:
        """How many seconds the hook asks to wait, 0 if it does not say; None once it has it."""
        if self._session is None:
            return None
        told = {SECRET: self.webhook["secret"]} if self.webhook["secret"] else {}
        wait = 0.0
        try:
            async with self._session.post(
                self.webhook["url"],
                data=json.dumps(update).encode(),
                headers={"Content-Type": "application/json", **told},
                timeout=aiohttp.ClientTimeout(total=60),
                allow_redirects=False,
            ) as answer:
                self.pushed.append((update, answer.status))
                self.changed.set()
                if 200 <= answer.status < 300:
                    return None
                error = f"Wrong response from the webhook: {answer.status} {answer.reason}"
                asked = answer.headers.get("Retry-After", "")
                wait = min(float(asked), 3_600.0) if asked.isdigit() else 0.0
        except (aiohttp.ClientError, TimeoutError, OSError):
            error = "Connection refused"
        if self.webhook:
            now = int(self._now().timestamp())
            self.webhook |= {"last_error_message": error, "last_error_date": now}
        return wait


def _new_token() -> str:
    return f"{BOT['id']}:{secrets.token_urlsafe(26)}"


def _meet(failing: str, wait: int) -> None:
    match failing:
        case "429":
            raise RefusedError(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        case "500":
            raise RefusedError(500, "Internal Server Error")
        case "refused_key":
            raise RefusedError(401, "Unauthorized")
        case "blocked":
            raise RefusedError(403, "Forbidden: bot was blocked by the user")
        case _:
            return


def _refused(error: RefusedError) -> web.Response:
    told: dict[str, Any] = {"ok": False, "error_code": error.code, "description": error.said}
    if error.extra:
        told["parameters"] = error.extra
    wait = error.extra.get("retry_after")
    headers = {"Retry-After": str(wait)} if wait else {}
    return web.json_response(told, status=error.code, headers=headers)


async def _given(request: web.Request) -> dict[str, Any]:
    """The parameters, by whichever of the ways: https://core.telegram.org/bots/api#making-requests"""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            given |= {
                name: each if isinstance(each, str) else json.dumps(each)
                for name, each in json.loads(await request.read() or b"{}").items()
            }
        except (ValueError, AttributeError):
            raise bad("can't parse request JSON object") from None
        return given
    if request.content_type.startswith("multipart/"):
        # Part by part, in memory: an upload that is cut off leaves nothing open.
        parts = await request.multipart()
        while isinstance(part := await parts.next(), BodyPartReader):
            data = bytes(await part.read())
            if part.filename is None:
                given[part.name or ""] = data.decode(errors="replace")
            else:
                mime = part.headers.get("Content-Type", "application/octet-stream")
                given[part.name or ""] = Blob(part.filename, mime, data)
    else:
        given |= {name: str(value) for name, value in (await request.post()).items()}
    return _attached(given)


def _attached(given: dict[str, Any]) -> dict[str, Any]:
    """Files in the place of the names that they are attached by."""
    files = {f"attach://{name}": each for name, each in given.items() if isinstance(each, Blob)}
    put: dict[str, Any] = {}
    used: set[str] = set()
    for name, value in given.items():
        put[name] = value
        if isinstance(value, str) and value in files:
            put[name] = files[value]
            used.add(value)
        elif isinstance(value, str) and value.startswith("[") and "attach://" in value:
            with_files = json.loads(value)
            for each in with_files:
                used.add(each.get("media", ""))
                each["media"] = files.get(each.get("media", ""), each.get("media", ""))
            put[name] = with_files
    return {name: each for name, each in put.items() if f"attach://{name}" not in used}
