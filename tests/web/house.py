"""Two businesses under one roof, for everything that tests the doors."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, ClassVar

import msgspec
from aiohttp import ClientResponse, ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from msgspec import Meta

import bots
import telephony
from hub.bus import LocalBus
from hub.channels.abilities import Ability, Capabilities
from hub.channels.port import OK, Answer, ChannelKind, Draft, Hook, Receipt
from hub.content import Remote
from hub.errors import PayloadError, RejectedError, SignatureError
from hub.events import ChannelEvent, Ignored, MessageReceived, Sender
from hub.files.kept import Files
from hub.hub import Hub
from hub.keeping.keys import Keys
from hub.model import Channel, ChannelId, Identity, Operator, OperatorId, ProjectId, Role
from hub.statuses import RequestType

ALPHA, BETA = ProjectId("alpha"), ProjectId("beta")
SHOP = "https://shop.example"
PASSWORD = "correct horse battery"
ECHO_SECRET = "echo-secret"


class EchoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    secret: Annotated[str, Meta(min_length=1, extra={"secret": True})]
    note: str = ""


class EchoBody(msgspec.Struct, frozen=True):
    messages: list[dict[str, str]] = []
    explode: bool = False
    news: list[str] = []


class Echo(ChannelKind[EchoSettings]):
    """A platform that signs its body and sends several messages at once."""

    kind: ClassVar[str] = "echo"
    settings_type: ClassVar[type[msgspec.Struct]] = EchoSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.TELEGRAM,
        text_max_chars=100,
        attachments_max=1,
        attachment_max_bytes=1,
        hears=frozenset({Ability.JOIN}),
    )

    def verify(self, hook: Hook) -> None:
        if hook.method == "GET":
            if not hmac.compare_digest(hook.query.get("token", ""), self.settings.secret):
                raise SignatureError
            return
        made = sign(hook.body, self.settings.secret)
        if not hmac.compare_digest(made, hook.headers.get("x-signature", "")):
            raise SignatureError

    async def answer(self, hook: Hook) -> Answer:
        if hook.method == "GET":
            return Answer(text=hook.query["challenge"])
        return OK

    def join_link(self, username: str, key: str) -> str:
        return f"https://echo.example/{username}?start={key}"

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        if hook.method == "GET":
            return []
        try:
            body = msgspec.json.decode(hook.body, type=EchoBody)
        except msgspec.MsgspecError:
            raise PayloadError from None
        if body.explode:
            raise ZeroDivisionError("ours")
        at = datetime.fromtimestamp(1_800_000_000, UTC)
        said = [
            MessageReceived(
                sender=Sender(external_id=each["from"], name=each["from"]),
                at=at,
                external_id=each["id"],
                text=each["text"],
                start=each.get("start", ""),
                question="start" not in each,
            )
            for each in body.messages
        ]
        told = [
            Ignored(sender=Sender(external_id="nobody"), at=at, name=f"unknown:{each}")
            for each in body.news
        ]
        return [*said, *told]

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        return Receipt(external_id=draft.key)

    async def fetch(self, remote: Remote) -> AsyncIterator[bytes]:
        """What a test has put in `stored`; it lives as long as the adapter."""
        if remote.ref not in self.stored:
            raise RejectedError("gone", reason="file_gone")
        yield self.stored[remote.ref]

    @cached_property
    def stored(self) -> dict[str, bytes]:
        return {}


def sign(body: bytes, secret: str = ECHO_SECRET) -> str:
    return hashlib.sha256(secret.encode() + body).hexdigest()


def kinds(kind: str) -> type[ChannelKind[Any]]:
    if kind == "echo":
        return Echo
    return telephony.load(kind) if kind in telephony.KINDS else bots.load(kind)


def known_kinds() -> list[str]:
    return sorted([*bots.kinds(), *telephony.kinds(), "echo"])


def builder(keys: Keys, files: Files | None = None) -> Callable[[Channel], ChannelKind[Any]]:
    def build(document: Channel) -> ChannelKind[Any]:
        kind = kinds(document.kind)
        settings = msgspec.convert(document.settings, kind.settings_type)
        given = files.given(document.project) if files else None
        channel: ChannelKind[Any] = kind(ChannelId(document.id), settings, keys, given)
        return channel

    return build


@dataclass
class Browser:
    """One browser: its cookies, its token, and how it asks."""

    client: TestClient[Any, Any]
    csrf: str = ""

    async def ask(
        self, method: str, path: str, body: object = None, **more: Any
    ) -> tuple[int, Any]:
        answer = await self.raw(method, path, body, **more)
        content = await answer.read()
        told = json.loads(content) if content and "json" in answer.content_type else content
        return answer.status, told

    async def raw(self, method: str, path: str, body: object = None, **more: Any) -> ClientResponse:
        headers = {"X-CSRF-Token": self.csrf} | more.pop("headers", {})
        if body is not None:
            more["data"] = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        return await self.client.request(
            method, path, headers=headers, allow_redirects=False, **more
        )

    async def get(self, path: str) -> Any:
        status, told = await self.ask("GET", f"/api/v1{path}")
        assert status == 200, told
        return told

    async def post(self, path: str, body: object = None, expect: int = 200) -> Any:
        status, told = await self.ask("POST", f"/api/v1{path}", body or {})
        assert status == expect, told
        return told

    @property
    def origin(self) -> str:
        return str(self.client.make_url("/").origin())

    async def live(self, cursor: str | None = None, **more: Any) -> LiveSocket:
        headers = {"Origin": self.origin} | more.pop("headers", {})
        ws = await self.client.ws_connect("/api/v1/live", headers=headers, **more)
        await ws.send_json({"hello": {"cursor": cursor}})
        return LiveSocket(ws)


@dataclass
class LiveSocket:
    """An open socket and every frame that came, so that tests wait for frames, not for time."""

    ws: ClientWebSocketResponse
    frames: list[Any] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)

    async def until(self, wanted: Callable[[Any], bool]) -> Any:
        """The next frame that is wanted; those before it are kept in `frames`."""
        while True:
            message = await self.ws.receive(timeout=20)
            assert message.type is WSMsgType.TEXT, (message, self.frames)
            frame = json.loads(message.data)
            self.frames.append(frame)
            self.raw.append(message.data)
            if wanted(frame):
                return frame

    async def frame(self, t: str) -> Any:
        return await self.until(lambda frame: frame["t"] == t)

    async def event(self, name: str) -> Any:
        frame = await self.until(
            lambda each: each["t"] == "event" and each["event"]["event"] == name
        )
        return frame["event"]

    async def closed(self) -> int:
        """The code that the socket is closed with, after whatever else came."""
        while True:
            message = await self.ws.receive(timeout=20)
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
                return self.ws.close_code or 0

    async def say(self, **frame: object) -> None:
        await self.ws.send_json(frame)


@dataclass
class House:
    hub: Hub
    server: TestServer
    clients: list[TestClient[Any, Any]] = field(default_factory=list)

    def stop_the_clock(self) -> None:
        """No turn that a test uses up comes back meanwhile, however slow the machine is."""
        bus = self.hub.bus
        assert isinstance(bus, LocalBus)
        at = bus.clock()
        bus.clock = lambda: at

    async def browser(self, login: str = "", password: str = PASSWORD) -> Browser:
        """A browser of its own, signed in if a login is given."""
        client: TestClient[Any, Any] = TestClient(self.server)
        self.clients.append(client)
        browser = Browser(client)
        if login:
            me = await browser.post("/session", {"login": login, "password": password})
            browser.csrf = me["csrf"]
        return browser

    async def operator(
        self, login: str, project: ProjectId, role: Role = Role.OPERATOR
    ) -> Operator:
        accounts = self.hub.accounts
        operator = await accounts.add_operator(login, login.title())
        await accounts.join(OperatorId(operator.id), project, role)
        await accounts.set_password(OperatorId(operator.id), PASSWORD)
        return operator

    async def visitor(
        self, channel: str = "alpha-site", key: str | None = None, **hello: object
    ) -> Visitor:
        browser = await self.browser()
        ws = await browser.client.ws_connect(f"/widget/{channel}/live", headers={"Origin": SHOP})
        socket = LiveSocket(ws)
        await socket.say(t="hello", key=key, **({"after_seq": 0, "dialog": None, "now": 0} | hello))
        greeting = await socket.frame("hello")
        return Visitor(browser, socket, greeting["key"], greeting)


@dataclass
class Visitor:
    browser: Browser
    socket: LiveSocket
    key: str
    greeting: Any
    sent: int = 0

    async def write(self, text: str, /, key: str = "", **more: object) -> Any:
        """Sends a message and returns the "ok" (or the error) about it."""
        self.sent += 1
        key = key or f"key-{self.sent:08d}"
        await self.socket.say(
            **({"t": "send", "key": key, "order": self.sent, "at": 2**42, "text": text} | more)
        )
        return await self.socket.until(
            lambda frame: frame["t"] in ("ok", "error") and frame["key"] == key
        )
