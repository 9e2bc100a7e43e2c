"""Visitors and operators on their sockets; the same code against the hub and the floor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import msgspec

from tests.chaos.process import Program

EVENT = '"dialog.changed"'
PATIENCE_SECONDS = 60
"""How long a round may take before what it waits for is held to be lost."""


class _Said(msgspec.Struct):
    t: str
    key: str = ""
    code: str = ""
    entry: msgspec.Raw = msgspec.Raw(b"")


class _Line(msgspec.Struct):
    kind: str
    text: str


class _Event(msgspec.Struct):
    event: str
    entries: tuple[_Line, ...] = ()


class _Told(msgspec.Struct):
    t: str
    event: _Event | None = None


_said = msgspec.json.Decoder(_Said).decode
_told = msgspec.json.Decoder(_Told).decode


@asynccontextmanager
async def browser(address: str = "127.0.0.1") -> AsyncIterator[aiohttp.ClientSession]:
    # The cookie of an address that is a bare number is kept only by an unsafe jar.
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.CookieJar(unsafe=True),
        connector=aiohttp.TCPConnector(limit=0, local_addr=(address, 0)),
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        yield session


async def sign_in(session: aiohttp.ClientSession, program: Program, login: str) -> None:
    """Makes an operator of the running hub and signs in with the code."""
    printed = await program.command("user", "add", login)
    code = printed.split("code ")[1].split()[0]
    answer = await session.post(
        f"{program.url}/api/v1/session",
        json={"login": login, "password": code},
        headers={"Origin": program.url},
    )
    if answer.status != 200:
        raise RuntimeError(await answer.text())


class Visitor:
    """One socket; texts are "<name>:<n>" with n from 0 without a gap."""

    def __init__(self, name: str, socket: aiohttp.ClientWebSocketResponse, clock: int) -> None:
        self.name = name
        self._socket = socket
        self._clock = clock
        self.sent = 0

    async def send(self) -> str:
        n = self.sent
        self.sent += 1
        text = f"{self.name}:{n}"
        frame = {"t": "send", "key": f"{self.name}-{n:08d}", "order": n, "at": self._clock + n}
        await self._socket.send_str(msgspec.json.encode(frame | {"text": text}).decode())
        return text

    async def acknowledged(self) -> str:
        """The key of the next message that is said to be stored."""
        while True:
            frame = _said(await self._socket.receive_str())
            if frame.t == "ok":
                return frame.key
            if frame.t == "error":
                raise RuntimeError(f"{self.name} was refused: {frame.code}")

    async def send_many(self, messages: int, window: int) -> None:
        """Sends as soon as fewer than `window` messages wait for their "ok"."""
        flying = 0
        for _ in range(messages):
            if flying == window:
                await self.acknowledged()
                flying -= 1
            await self.send()
            flying += 1
        for _ in range(flying):
            await self.acknowledged()


@asynccontextmanager
async def visitor(session: aiohttp.ClientSession, url: str, name: str) -> AsyncIterator[Visitor]:
    async with session.ws_connect(f"{url}/widget/site/live", origin=url) as socket:
        hello: dict[str, object] = {"t": "hello", "key": None, "after_seq": 0, "now": 0}
        await socket.send_json(hello)
        greeting = await socket.receive_json()
        yield Visitor(name, socket, greeting.get("now", 0) - 3_600_000)


@dataclass
class Operator:
    """One operator's socket: every visitor's line in the order in which it came."""

    socket: aiohttp.ClientWebSocketResponse
    lines: list[str] = field(default_factory=list)

    async def hear(self, upto: int) -> None:
        """Reads until so many lines came in all."""
        while len(self.lines) < upto:
            frame = _told(await self.socket.receive_str())
            if frame.event is not None and frame.event.event == "dialog.changed":
                self.lines += [each.text for each in frame.event.entries if each.kind == "in"]

    async def raw(self, events: int) -> str:
        """Reads past so many events about dialogs without looking into them; the last one."""
        while True:
            data = await self.socket.receive_str()
            if EVENT in data:
                events -= 1
                if events == 0:
                    return data


@asynccontextmanager
async def operator(session: aiohttp.ClientSession, url: str) -> AsyncIterator[Operator]:
    async with session.ws_connect(f"{url}/api/v1/live", origin=url) as socket:
        await socket.send_json({"hello": {"cursor": None}})
        greeting = await socket.receive_json()
        if greeting["t"] != "hello":
            raise RuntimeError(f"{greeting} for a hello")
        yield Operator(socket)
