"""Screens as the API says they work: resume by cursor, after a gap read again, heal holes."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp

from .process import Program
from .test_killed import pages, whole_log
from .visitor import hello

Frame = dict[str, Any]
LOST = (aiohttp.ClientError, ConnectionError, TimeoutError)


async def signed_in(program: Program, login: str = "") -> tuple[aiohttp.ClientSession, str]:
    """A browser of an operator of that process, and its token for writing."""
    login = login or f"o{secrets.token_hex(4)}"
    printed = await program.command("user", "add", login)
    code = printed.split("code ")[1].split()[0]
    # The cookie of an address that is a bare number is kept only by an unsafe jar.
    session = aiohttp.ClientSession(program.url, cookie_jar=aiohttp.CookieJar(unsafe=True))
    answer = await session.post(
        "/api/v1/session",
        json={"login": login, "password": code},
        headers={"Origin": program.url},
    )
    assert answer.status == 200, await answer.text()
    token: str = (await answer.json())["csrf"]
    return session, token


class Screen:
    """The part of a screen that both sides share: a socket that is cut and comes back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cuts: Callable[[], float] | None = None
        self.connects = 0
        self._moved = asyncio.Event()

    async def until(self, wanted: Callable[[], bool], seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while not wanted():
                self._moved.clear()
                await self._moved.wait()

    async def run(self) -> None:
        """Lives until cancelled; `cuts` says for how many seconds each socket lasts."""
        while True:
            self.connects += 1
            with suppress(*LOST):
                async with asyncio.timeout(self.cuts() if self.cuts else None):
                    await self.talk()
            # Away for a moment, as any network is.
            await asyncio.sleep(random.random() / 10)

    async def talk(self) -> None:
        raise NotImplementedError


class Desk(Screen):
    """An operator's screen: rows by `rev`, lines by `rev`, holes filled from the log."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        super().__init__(url)
        self.session = session
        self.cursor: str | None = None
        self.rows: dict[str, Frame] = {}
        self.lines: dict[str, dict[str, Frame]] = {}
        self.typing: list[str] = []
        self.gaps = 0

    async def talk(self) -> None:
        async with self.session.ws_connect("/api/v1/live", origin=self.url) as socket:
            await socket.send_json({"hello": {"cursor": self.cursor}})
            async for message in socket:
                frame = message.json()
                match frame["t"]:
                    case "hello":
                        if frame["gap"] or self.cursor is None:
                            self.gaps += frame["gap"]
                            # What breaks before all is read must be read again.
                            self.cursor = None
                            await self._reload()
                        self.cursor = frame["cursor"]
                    case "event":
                        await self._hear(frame["event"])
                        self.cursor = frame["cursor"]
                    case "ping":
                        await socket.send_json({"t": "pong"})
                    case _:
                        pass
                self._moved.set()

    async def _reload(self) -> None:
        for row in await pages(self.session, "/api/v1/projects/main/dialogs?view=all&limit=100"):
            self._row(row)
            self._lines(await whole_log(self.session, row["id"]))

    async def _hear(self, event: Frame) -> None:
        match event["event"]:
            case "dialog.changed":
                row = event["dialog"]
                self._row(row)
                self._lines(event["entries"])
                await self._heal(row["id"])
            case "entry.changed":
                self._lines([event["entry"]])
            case "visitor.typing":
                self.typing.append(event["dialog"])
            case _:
                pass

    async def _heal(self, id: str) -> None:
        seqs = {line["seq"] for line in self.lines.get(id, {}).values()}
        last = next(n for n in range(len(seqs) + 1) if n + 1 not in seqs)
        if last < self.rows[id]["seq"]:
            answer = await self.session.get(
                f"/api/v1/dialogs/{id}/log", params={"after_seq": last, "limit": 200}
            )
            self._lines((await answer.json())["items"])

    def _row(self, row: Frame) -> None:
        if row["id"] not in self.rows or self.rows[row["id"]]["rev"] < row["rev"]:
            self.rows[row["id"]] = row

    def _lines(self, entries: list[Frame]) -> None:
        for entry in entries:
            known = self.lines.setdefault(entry["dialog"], {})
            if entry["id"] not in known or known[entry["id"]]["rev"] < entry["rev"]:
                known[entry["id"]] = entry

    def shown(self) -> dict[str, list[tuple[int, str, str | None]]]:
        return {
            id: sorted((line["seq"], line["text"], line["state"]) for line in lines.values())
            for id, lines in self.lines.items()
        }


class Panel(Screen):
    """A visitor's screen; what the visitor writes goes elsewhere."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str) -> None:
        super().__init__(url)
        self.session = session
        self.key = key
        self.lines: dict[int, str] = {}
        self.typing: list[str] = []
        self.socket: aiohttp.ClientWebSocketResponse | None = None

    async def talk(self) -> None:
        url = f"{self.url}/widget/site/live"
        async with self.session.ws_connect(url, origin=self.url) as self.socket:
            await self.socket.send_json(hello(self.key))
            async for message in self.socket:
                frame = message.json()
                match frame["t"]:
                    case "hello":
                        self.lines |= {each["seq"]: each["text"] for each in frame["entries"]}
                    case "entry":
                        self.lines[frame["entry"]["seq"]] = frame["entry"]["text"]
                    case "typing":
                        self.typing.append(frame["name"])
                    case _:
                        pass
                self._moved.set()


@asynccontextmanager
async def living(*screens: Screen) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(screen.run()) for screen in screens]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
