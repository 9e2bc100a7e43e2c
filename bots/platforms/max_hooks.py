"""How MAX brings updates: to every subscription, or to whoever polls while there is none."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from bots.platforms import max_asked as asked
from bots.platforms.max_asked import RefusedError

FIRST_RETRY_SECONDS = 60
RETRY_GROWS = 2.5
RETRIES = 10
GIVES_UP_HOURS = 8


@dataclass
class Subscription:
    url: str
    secret: str
    types: tuple[str, ...]
    at: int
    ok_at: float = field(default_factory=lambda: asyncio.get_running_loop().time())


class Subscriptions:
    """https://dev.max.ru/docs-api/methods/POST/subscriptions ; `hour` is its length in seconds."""

    def __init__(self, *, hour: float, ms: Callable[[], int], changed: asyncio.Event) -> None:
        self.hour = hour
        self.known: dict[str, Subscription] = {}
        self.waiting: list[tuple[int, dict[str, Any]]] = []
        """Updates that nobody polled or confirmed yet, with their numbers."""
        self.refuses = ""
        """Why no subscription is taken, in the platform's words."""
        self._ms = ms
        self._changed = changed
        self._arrived = asyncio.Event()
        self._marker = 0

    def sendings(
        self, session: aiohttp.ClientSession, updates: Sequence[dict[str, Any]]
    ) -> list[Callable[[], Awaitable[None]]]:
        """What brings the updates; without a subscription they wait to be polled."""
        if not self.known:
            for update in updates:
                self._marker += 1
                self.waiting.append((self._marker, update))
            self._arrived.set()
        return [
            self._sending(session, each, update)
            for each in self.known.values()
            for update in updates
            if not each.types or update["update_type"] in each.types
        ]

    def hurry(self) -> None:
        """Answers whoever waits to be told something, though there is nothing."""
        self._arrived.set()

    async def listed(self, request: web.Request, told: Any) -> Any:
        return {
            "subscriptions": [
                {"url": each.url, "time": each.at, "update_types": list(each.types) or None}
                for each in self.known.values()
            ]
        }

    async def subscribe(self, request: web.Request, told: Any) -> Any:
        url, secret = told.get("url"), told.get("secret", "")
        parts = urlsplit(url if isinstance(url, str) else "")
        # A hub on this very machine has no certificate; everybody else needs one, on port 443.
        here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
        if not here and (parts.scheme != "https" or parts.port or not parts.hostname):
            return {"success": False, "message": "Invalid URL: https on port 443 expected"}
        if self.refuses:
            return {"success": False, "message": self.refuses}
        if secret and not re.fullmatch(r"[A-Za-z0-9_-]{5,256}", secret):
            raise asked.payload("secret: 5 to 256 of A-Z, a-z, 0-9, _ and -")
        types = tuple(told.get("update_types") or ())
        self.known[url] = Subscription(url, secret, types, self._ms())
        self._changed.set()
        return {"success": True}

    async def unsubscribe(self, request: web.Request, told: Any) -> Any:
        gone = self.known.pop(request.query.get("url", ""), None)
        self._changed.set()
        return {"success": gone is not None}

    async def poll(self, request: web.Request, told: Any) -> Any:
        if self.known:
            raise RefusedError(405, "method.not.allowed", "There is an active subscription")
        limit = int(request.query.get("limit", 100))
        timeout = int(request.query.get("timeout", 30))
        if not 1 <= limit <= 1_000 or not 0 <= timeout <= 90:
            raise asked.payload("limit of 1 to 1000, timeout of 0 to 90")
        if marker := request.query.get("marker"):
            self.waiting = [each for each in self.waiting if each[0] >= int(marker)]
        types = [each for each in request.query.get("types", "").split(",") if each]
        found = self._found(types, limit)
        if not found and timeout:
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), timeout)
            found = self._found(types, limit)
        following = found[-1][0] + 1 if found else None
        return {"updates": [update for _, update in found], "marker": following}

    def _found(self, types: Sequence[str], limit: int) -> list[tuple[int, dict[str, Any]]]:
        wanted = [each for each in self.waiting if not types or each[1]["update_type"] in types]
        return wanted[:limit]

    def _sending(
        self, session: aiohttp.ClientSession, to: Subscription, update: dict[str, Any]
    ) -> Callable[[], Awaitable[None]]:
        body = json.dumps(update, ensure_ascii=False).encode()
        return lambda: self._brought(session, to, body)

    async def _brought(self, session: aiohttp.ClientSession, to: Subscription, body: bytes) -> None:
        """200 within 30 seconds, or again, later and later; after 8 hours the bot is signed off."""
        loop = asyncio.get_running_loop()
        began, pause = loop.time(), FIRST_RETRY_SECONDS * self.hour / 3_600
        for _ in range(RETRIES + 1):
            if self.known.get(to.url) is not to:
                return
            if await _taken(session, to, body):
                to.ok_at = loop.time()
                return
            if loop.time() + pause - max(began, to.ok_at) > GIVES_UP_HOURS * self.hour:
                break
            await asyncio.sleep(pause)
            pause *= RETRY_GROWS
        if to.ok_at <= began and self.known.get(to.url) is to:
            del self.known[to.url]
            self._changed.set()


async def _taken(session: aiohttp.ClientSession, to: Subscription, body: bytes) -> bool:
    headers = {"Content-Type": "application/json"}
    if to.secret:
        headers["X-Max-Bot-Api-Secret"] = to.secret
    try:
        async with session.post(
            to.url, data=body, headers=headers, timeout=aiohttp.ClientTimeout(total=30)
        ) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
