"""What the hub has said already and a page does not hear yet, as on a slow line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, Route, WebSocketRoute

from .people import SECONDS


class Held:
    """Answers that the hub has given and the page does not have yet."""

    def __init__(self, method: str, most: int) -> None:
        self._method = method
        self._most = most
        self._given = asyncio.Event()
        self._on = asyncio.Event()
        self._come: list[asyncio.Event] = []

    async def stand(self, route: Route) -> None:
        if route.request.method != self._method or len(self._come) == self._most:
            await route.fallback()
            return
        come = asyncio.Event()
        self._come.append(come)
        try:
            answer = await route.fetch()
            self._given.set()
            await self._on.wait()
            await route.fulfill(response=answer)
        finally:
            come.set()

    async def given(self) -> None:
        async with asyncio.timeout(SECONDS / 1_000):
            await self._given.wait()

    def let_go(self) -> None:
        self._on.set()

    async def come(self) -> None:
        for each in self._come:
            await each.wait()


@asynccontextmanager
async def held(
    page: Page, path: str, method: str = "GET", most: int = 1_000
) -> AsyncIterator[Held]:
    """Holds what is asked for there, `most` answers of all; at the end they have come."""
    holding = Held(method, most)
    await page.route(path, holding.stand)
    yield holding
    holding.let_go()
    await holding.come()
    await page.unroute(path, holding.stand)
    await drawn(page)


async def drawn(page: Page) -> None:
    """Returns once the page has drawn what had come to it."""
    frame = "new Promise((on) => requestAnimationFrame(() => setTimeout(on)))"
    await page.evaluate(f"async () => {{ await {frame}; await {frame}; }}")


class Line:
    """What sockets bring to a page: nothing while it is held, and at the end all of it in order."""

    def __init__(self) -> None:
        self._holds = False
        self._waiting: list[tuple[WebSocketRoute, str | bytes]] = []

    def stand(self, page: WebSocketRoute) -> None:
        page.connect_to_server().on_message(lambda frame: self._bring(page, frame))

    def _bring(self, page: WebSocketRoute, frame: str | bytes) -> None:
        if self._holds:
            self._waiting.append((page, frame))
        else:
            page.send(frame)

    def hold(self) -> None:
        self._holds = True

    def let_go(self) -> None:
        self._holds = False
        for page, frame in self._waiting:
            page.send(frame)
        self._waiting.clear()


async def line(page: Page) -> Line:
    """All sockets of ours that are opened from now on."""
    made = Line()
    await page.route_web_socket("**/live*", made.stand)
    return made
