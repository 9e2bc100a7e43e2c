"""A messenger's updates at the hub's door, beside what a site's visitors cost the same hub."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import TypeVar
from urllib.parse import urlsplit

from bots.platforms.platform import Person
from bots.platforms.telegram import SECRET, TelegramPlatform
from tests.bench.figure import Figure
from tests.bench.people import PATIENCE_SECONDS, Operator, Visitor, browser, operator, sign_in
from tests.bench.people import visitor as site_visitor
from tests.bench.served import Served, serving, the_hub
from tests.chaos.process import Program
from tests.e2e.test_messengers import toml

CONNECTIONS = 40
"""As many as Telegram opens by default: https://core.telegram.org/bots/api#setwebhook"""

PER_ADDRESS = 50

Who = TypeVar("Who")


class Chat:
    """One person's updates that wait for their turn; texts are "<name>:<n>" with n from 0."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.written = 0
        self.waiting: deque[bytes] = deque()


class Connection:
    """One that is kept open; it reads no more of an answer than it has to."""

    def __init__(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._head = head
        self._reader = reader
        self._writer = writer
        self.took: list[float] = []

    async def post(self, chat: Chat) -> None:
        """The chat's next update, until it is acknowledged."""
        body = chat.waiting.popleft()
        began = perf_counter()
        self._writer.write(self._head + b"%d\r\n\r\n" % len(body) + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200 ") or b"\r\nContent-Length: 2\r\n" not in answer:
            raise RuntimeError(f"{answer.decode()} for an update")
        await self._reader.readexactly(2)
        self.took.append(perf_counter() - began)


@dataclass(frozen=True)
class Room:
    """One hub with a bot, a site, and one operator who hears them all."""

    server: Served
    platform: TelegramPlatform
    chats: Sequence[Chat]
    connections: Sequence[Connection]
    visitors: Sequence[Visitor]
    operator: Operator

    async def write(self, each: int) -> None:
        """Has everybody write so much, in Telegram's own words; nothing is brought yet."""
        hook, self.platform.webhook = self.platform.webhook, {}
        chats = {int(chat.person.id): chat for chat in self.chats}
        for _ in range(each):
            for chat in self.chats:
                await self.platform.write(chat.person, f"{chat.person.name}:{chat.written}")
                chat.written += 1
        updates, self.platform.pending = self.platform.pending, []
        self.platform.webhook = hook
        for update in updates:
            body = json.dumps(update).encode()
            chats[update["message"]["chat"]["id"]].waiting.append(body)


@asynccontextmanager
async def room(folder: Path, chats: int) -> AsyncIterator[Room]:
    async with AsyncExitStack() as stack:
        platform = TelegramPlatform()
        await platform.start()
        stack.push_async_callback(platform.stop)
        server, program = await stack.enter_async_context(hub_with(folder, platform))
        await platform.wait_for(lambda: bool(platform.webhook))
        session = await stack.enter_async_context(browser())
        await sign_in(session, program, "bench")
        connections = []
        for _ in range(CONNECTIONS):
            hook = urlsplit(platform.webhook["url"])
            reader, writer = await asyncio.open_connection(hook.hostname, hook.port)
            stack.callback(writer.close)
            head = (
                f"POST {hook.path} HTTP/1.1\r\nHost: {hook.netloc}\r\n"
                f"Content-Type: application/json\r\nAccept-Encoding: gzip, deflate\r\n"
                f"{SECRET}: {platform.webhook['secret']}\r\nContent-Length: "
            )
            connections.append(Connection(head.encode(), reader, writer))
        visitors = []
        for first in range(0, chats, PER_ADDRESS):
            # The hub lets one address greet it only so often.
            theirs = await stack.enter_async_context(browser(f"127.0.1.{first // PER_ADDRESS + 1}"))
            for n in range(first, min(first + PER_ADDRESS, chats)):
                sitting = site_visitor(theirs, server.url, f"visitor{n:03d}")
                visitors.append(await stack.enter_async_context(sitting))
        yield Room(
            server,
            platform,
            [Chat(platform.person(f"person{n:03d}")) for n in range(chats)],
            connections,
            visitors,
            await stack.enter_async_context(operator(session, server.url)),
        )


@asynccontextmanager
async def hub_with(
    folder: Path, platform: TelegramPlatform
) -> AsyncIterator[tuple[Served, Program]]:
    channel = toml("telegram", platform.settings() | {"receive": "hook"})
    program = Program(folder, channels=channel, public=True)
    async with serving(program, the_hub(program)) as server:
        yield server, program


async def in_turn(
    who: Sequence[Who], each: int, ways: Sequence[Callable[[Who], Awaitable[None]]]
) -> None:
    """`each` of everybody: one at a time of one, as many at once as there are ways."""
    ready = deque((one, each) for one in who)

    async def work(way: Callable[[Who], Awaitable[None]]) -> None:
        while ready:
            one, left = ready.popleft()
            await way(one)
            if left > 1:
                ready.append((one, left - 1))

    async with asyncio.TaskGroup() as group:
        for way in ways:
            group.create_task(work(way))


async def brought(room: Room, each: int, rest: float) -> tuple[float, float]:
    """`each` updates of every chat; seconds until all are acknowledged and on the operator's
    screen, and the server's own, with what follows from them within the `rest`."""
    await room.write(each)
    posts = [connection.post for connection in room.connections]
    return await _timed(room, len(room.chats) * each, in_turn(room.chats, each, posts), rest)


async def said(room: Room, each: int, rest: float) -> tuple[float, float]:
    """As much from the visitors of the site, as many of them at once."""

    async def say(one: Visitor) -> None:
        await one.send_many(1, 1)

    spoken = in_turn(room.visitors, each, [say] * CONNECTIONS)
    return await _timed(room, len(room.visitors) * each, spoken, rest)


async def _timed(
    room: Room, lines: int, speaking: Awaitable[None], rest: float
) -> tuple[float, float]:
    upto = len(room.operator.lines) + lines
    busy, began = room.server.busy_seconds(), perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(speaking, room.operator.hear(upto))
    took = perf_counter() - began
    await asyncio.sleep(rest)
    return took, room.server.busy_seconds() - busy


async def measure(
    folder: Path,
    *,
    rounds: int = 5,
    chats: int = 200,
    each: int = 25,
    starts: int = 3,
    settle: float = 5,
    rest: float = 0.6,
) -> list[Figure]:
    updates = chats * each
    (folder / "busy").mkdir()
    async with room(folder / "busy", chats) as hub:
        # Newcomers are asked after at the platform; that is not the price of an update.
        await brought(hub, 1, settle)
        await said(hub, 1, settle)
        rates: tuple[list[float], list[float]] = ([], [])
        costs: tuple[list[float], list[float]] = ([], [])
        waits: list[float] = []
        for _ in range(rounds):
            for connection in hub.connections:
                connection.took.clear()
            for way, per_second, busy_ms in zip((brought, said), rates, costs, strict=True):
                seconds, busy = await way(hub, each, rest)
                per_second.append(updates / seconds)
                busy_ms.append(busy * 1000 / updates)
            took = [each for connection in hub.connections for each in connection.took]
            waits.append(quantiles(took, n=100, method="inclusive")[98] * 1000)
    return [
        Figure(
            f"Telegram's updates acknowledged and shown, {chats} chats",
            "1/s",
            rates[0],
            rates[1],
        ),
        Figure("the server's processor time of an update", "ms", costs[0], costs[1]),
        Figure(f"the wait of one among {CONNECTIONS}, p99", "ms", waits),
        *await _at_rest(folder, starts, settle),
    ]


async def _at_rest(folder: Path, starts: int, settle: float) -> list[Figure]:
    """From exec to the first page and what is held after it, with a bot and with the site alone."""
    first: tuple[list[float], list[float]] = ([], [])
    held: tuple[list[float], list[float]] = ([], [])
    for n in range(starts):
        platform = TelegramPlatform()
        await platform.start()
        try:
            async with hub_with(folder / f"bot{n}", platform) as (server, _):
                await platform.wait_for(lambda: bool(platform.webhook))  # noqa: B023
                await asyncio.sleep(settle)
                first[0].append(server.first_page)
                held[0].append(server.rss_mb())
        finally:
            await platform.stop()
        program = Program(folder / f"site{n}")
        async with serving(program, the_hub(program)) as server:
            await asyncio.sleep(settle)
            first[1].append(server.first_page)
            held[1].append(server.rss_mb())
    return [
        Figure("exec to the first page, with a bot", "s", first[0], first[1], aim="≤ 2"),
        Figure("memory at rest with a bot, resident", "MB", held[0], held[1]),
    ]
