"""A visitor without a browser, for tests that look only at the operator's side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import aiohttp

from tests.chaos.visitor import Acknowledged, Copy, introduce, send_all


class Guest:
    """Writes one line after another, each acknowledged before `write` returns."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str, now: int) -> None:
        self._session = session
        self._url = url
        self._key = key
        self._now = now
        self._numbers = count(1)

    async def write(self, *lines: str) -> None:
        copies = []
        for text in lines:
            n = next(self._numbers)
            # The order shown follows the visitor's clock.
            copies.append(Copy(f"{self._key[-8:]}-{n:06}", n, self._now + n, text))
        await send_all(
            self._session, self._url, self._key, copies, Acknowledged(), met=lambda: None
        )


@asynccontextmanager
async def guests(url: str, n: int = 1) -> AsyncIterator[list[Guest]]:
    async with aiohttp.ClientSession() as session:
        yield [Guest(session, url, *await introduce(session, url)) for _ in range(n)]
