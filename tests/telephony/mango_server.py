"""MANGO OFFICE, played by its document: commands, codes, and the news that it brings by hooks.

There is no foreign server of it and no machine-readable description. The signature is written here
a second time, and both are held against vectors that others published.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from hub.channels.port import Hook
from hub.hub import Hub
from tests.ports import free_port

KEY, SALT = "k-123", "s-456"
LINE = "74950000000"


def signed(text: str, key: str = KEY, salt: str = SALT) -> str:
    """The signature over the three parts, one after the other."""
    digest = hashlib.sha256()
    for part in (key, text, salt):
        digest.update(part.encode("utf-8"))
    return digest.hexdigest()


def body(told: dict[str, Any], key: str = KEY, salt: str = SALT, *, spaced: bool = False) -> bytes:
    """A hook's body; the document asks for JSON without spaces, and its own has some."""
    text = json.dumps(told, ensure_ascii=False, separators=None if spaced else (",", ":"))
    fields = {"vpbx_api_key": key, "sign": signed(text, key, salt), "json": text}
    return urlencode(fields).encode()


class MangoServer:
    """`answers` are what the next commands are answered: a status with a code, or None, which
    takes the command and cuts the line; a status of 0 is no answer at all."""

    def __init__(self) -> None:
        self.url = ""
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.answers: deque[tuple[int, dict[str, Any] | str] | None] = deque()
        self.asked = asyncio.Event()

    async def _command(self, request: web.Request) -> web.StreamResponse:
        fields = dict(parse_qsl(await request.text(), strict_parsing=True))
        told = json.loads(fields["json"])
        if fields["vpbx_api_key"] != KEY:
            return web.json_response({"code": 3105}, status=420)
        if fields["sign"] != signed(fields["json"]):
            return web.json_response({"code": 3102}, status=420)
        self.commands.append((request.match_info["command"], told))
        self.asked.set()
        if self.answers:
            answer = self.answers.popleft()
            if answer is None:
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            status, said = answer
            if not status:
                await asyncio.Event().wait()
            if isinstance(said, str):
                return web.Response(status=status, text=said)
            return web.json_response(said, status=status)
        if request.match_info["command"] == "config/users/request":
            return web.json_response({"users": [{"general": {"name": "Olga"}}]})
        return web.json_response({"result": 1000})

    async def command(self, name: str) -> dict[str, Any]:
        """The first command of that name, once it came."""
        while True:
            found = [told for known, told in self.commands if known == name]
            if found:
                return found[0]
            self.asked.clear()
            async with asyncio.timeout(60):
                await self.asked.wait()


@asynccontextmanager
async def mango() -> AsyncIterator[MangoServer]:
    server = MangoServer()
    app = web.Application()
    app.router.add_post("/vpbx/{command:.+}", server._command)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    server.url = f"http://127.0.0.1:{port}/vpbx"
    try:
        yield server
    finally:
        await runner.cleanup()


async def bring(hub: Hub, told: dict[str, Any] | bytes, channel: str = "phone") -> None:
    """A hook of theirs comes to the hub, and is believed or not."""
    kind = hub.channels.get(channel)
    hook = Hook(body=told if isinstance(told, bytes) else body(told), received_at=hub.now())
    kind.verify(hook)
    await hub.intake.take(kind, hook)


class Told:
    """The news of one call that was ordered, as the document's example has them.

    An employee's phone is rung, that leg ends as the other is taken over from it.
    """

    def __init__(self, command: dict[str, Any], at: int, entry: str = "MTYz") -> None:
        source = command.get("from", {})
        self.command = command["command_id"]
        self.extension = source["extension"] if isinstance(source, dict) else "101"
        self.person = command.get("to_number") or command["to"]
        self.at, self.entry = at, entry

    def first(self, state: str, seq: int, after: int, **more: Any) -> dict[str, Any]:
        told = self._call("one", state, seq, after, **more)
        return told | {"from": {"number": self.person}, "to": {"extension": self.extension}}

    def second(self, state: str, seq: int, after: int, **more: Any) -> dict[str, Any]:
        told = self._call("two", state, seq, after, **more)
        caller = {"extension": self.extension, "taken_from_call_id": f"{self.entry}-one"}
        return told | {"from": caller, "to": {"number": self.person, "line_number": LINE}}

    def _call(self, leg: str, state: str, seq: int, after: int, **more: Any) -> dict[str, Any]:
        return {
            "entry_id": self.entry,
            "call_id": f"{self.entry}-{leg}",
            "timestamp": self.at + after,
            "seq": seq,
            "call_state": state,
            "location": "abonent",
            "command_id": self.command,
            "callback_initiator": "API",
            **more,
        }

    def summary(self, after: int, reason: int, talked: int = 0) -> dict[str, Any]:
        return {
            "entry_id": self.entry,
            "call_direction": 2,
            "from": {"extension": self.extension},
            "to": {"number": self.person},
            "line_number": LINE,
            "create_time": self.at,
            "forward_time": self.at,
            "talk_time": self.at + after - talked if talked else 0,
            "end_time": self.at + after,
            # Theirs is 1 also in an example without a talk.
            "entry_result": 1,
            "disconnect_reason": reason,
        }

    def reaching(self) -> list[dict[str, Any]]:
        """The employee has answered, and the person's phone rings."""
        return [
            self.first("Appeared", 1, 1),
            self.first("Connected", 2, 4),
            self.first("Disconnected", 3, 5, disconnect_reason=1000),
            self.second("Appeared", 1, 5),
        ]

    def talk(self) -> list[dict[str, Any]]:
        """All of a call in which the two talk for a minute and the person hangs up."""
        return [
            *self.reaching(),
            self.second("Connected", 2, 10),
            self.second("Disconnected", 3, 70, disconnect_reason=1120),
            self.summary(70, 1120, 60),
        ]
