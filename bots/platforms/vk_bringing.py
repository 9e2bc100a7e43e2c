"""How VK brings updates: Callback servers with their confirmation and repeats, and long polling.

https://dev.vk.com/ru/api/callback/getting-started
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

REPEATS = (10, 180, 600, 1800, 3600)
"""After how many seconds VK tries again; then it gives the update up."""

SERVERS_MAX = 10
ANSWER_SECONDS = 10
REMEMBERED = 1000


@dataclass
class Server:
    """A Callback server of the community; `status` as VK names it."""

    id: int
    url: str
    title: str
    secret: str
    status: str = "unconfigured"
    events: set[str] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Callbacks:
    """The community's servers; VK's hours pass `hurry` times as fast."""

    def __init__(self, group: int, code: Callable[[], str], hurry: float) -> None:
        self._group = group
        self._code = code
        self._hurry = hurry
        self.servers: dict[int, Server] = {}
        self.given_up: list[dict[str, Any]] = []
        """Updates that no repeat could bring."""
        self.answers: list[tuple[str, int, str]] = []
        """What was answered to each request: the type, the status and the body."""

    async def confirm(self, session: aiohttp.ClientSession, server: Server, event_id: str) -> None:
        server.status = "wait"
        told = {"type": "confirmation", "group_id": self._group, "event_id": event_id, "v": "5.199"}
        status, body = await self._post(session, server, told, 0)
        server.status = "ok" if status == 200 and body == self._code() else "failed"

    async def bring(
        self, session: aiohttp.ClientSession, server: Server, told: dict[str, Any]
    ) -> None:
        """One update with its repeats, in order with the others unless it has to be repeated."""
        for n, wait in enumerate((0, *REPEATS)):
            await asyncio.sleep(wait / self._hurry)
            if server.id not in self.servers:
                return
            async with server.turn:
                _, body = await self._post(session, server, told, n)
            if body == "ok":
                return
            if body == "remove":
                self.servers.pop(server.id, None)
                return
        self.given_up.append(told)

    async def _post(
        self, session: aiohttp.ClientSession, server: Server, told: dict[str, Any], n: int
    ) -> tuple[int, str]:
        body = msgspec.json.encode(told | ({"secret": server.secret} if server.secret else {}))
        headers = {"Content-Type": "application/json"} | ({"X-Retry-Counter": str(n)} if n else {})
        status, text = 0, ""
        with suppress(aiohttp.ClientError, TimeoutError, UnicodeError):
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                session.post(server.url, data=body, headers=headers) as answer,
            ):
                status, text = answer.status, (await answer.text())[:100]
                if status in (410, 429, 503) and (until := answer.headers.get("Retry-After")):
                    await self._wait(until, answer.headers.get("Date", ""))
        self.answers.append((told["type"], status, text))
        return status, text if status == 200 else ""

    async def _wait(self, until: str, now: str) -> None:
        with suppress(ValueError, TypeError):
            asked = parsedate_to_datetime(until) - parsedate_to_datetime(now)
            await asyncio.sleep(max(0.0, asked.total_seconds()) / self._hurry)


class LongPoll:
    """What was not asked for yet, by number; https://dev.vk.com/ru/api/bots-long-poll"""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self._news = asyncio.Event()
        self._updates: list[dict[str, Any]] = []
        self._before = 0
        self.key = secrets.token_hex(20)
        self.events: set[str] = set()
        self.enabled = False

    def server(self) -> dict[str, Any]:
        return {"server": f"{self._url()}/wh1", "key": self.key, "ts": str(self._ts)}

    @property
    def _ts(self) -> int:
        return self._before + len(self._updates)

    def add(self, told: dict[str, Any]) -> None:
        self._updates.append(told)
        over = len(self._updates) - REMEMBERED
        if over > 0:
            self.forget(over)
        self._news.set()

    def forget(self, count: int = REMEMBERED) -> None:
        """Keeps only what came after so many."""
        self._before += len(self._updates[:count])
        del self._updates[:count]

    def renew(self) -> None:
        """From now on another key is asked for."""
        self.key = secrets.token_hex(20)
        self._news.set()

    async def check(self, request: web.Request) -> web.Response:
        try:
            ts, wait = int(request.query["ts"]), float(request.query["wait"])
        except (KeyError, ValueError):
            return web.json_response({"failed": 3})
        if request.query.get("act") != "a_check" or not 0 <= wait <= 90:
            return web.json_response({"failed": 3})
        if request.query.get("key") != self.key:
            return web.json_response({"failed": 2})
        if not self._before <= ts <= self._ts:
            # A number here, a text everywhere else.
            return web.json_response({"ts": self._ts, "failed": 1})
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while ts == self._ts:
                    self._news.clear()
                    await self._news.wait()
                    if request.query["key"] != self.key:
                        return web.json_response({"failed": 2})
        updates = self._updates[ts - self._before :]
        return web.json_response({"ts": str(self._ts), "updates": updates})
