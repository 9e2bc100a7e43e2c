"""Very many sockets at a price that leaves the machine to the server: they answer and count.

A client that parses JSON would be slower than the server that it measures. This one reads
nothing of a frame but its header and whether it tells of a dialog.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from hub import model
from hub.accounts import Accounts
from hub.bus import LocalBus
from hub.model import OperatorId, ProjectId, Role
from hub.store.sqlite import SqliteEngine
from tests.bench.people import EVENT, PATIENCE_SECONDS
from tests.bench.served import serving, the_hub
from tests.chaos.process import Program
from web.server import open_files

AT_ONCE = 50
PER_ADDRESS = 100
"""As many sockets come from one address of this machine; 127/8 has many."""
_TEXT, _CLOSE, _PING = 1, 8, 9
_UNMASKED = b"\x00\x00\x00\x00"
_EVENT = EVENT.encode()
_LINE = b'"kind":"in"'


class Ears:
    """The sockets of one server: how many visitors' lines came in all, and in how many bytes."""

    def __init__(self) -> None:
        self.lines = 0
        self.event_bytes = 0
        self.kinds: set[bytes] = set()
        self.gone = 0
        self._upto = 0
        self._reached = asyncio.Event()

    async def hear(self, upto: int) -> None:
        """Returns once so many lines came in all; raises when a socket is gone."""
        self._upto = upto
        while self.lines < upto:
            if self.gone:
                raise RuntimeError(f"{self.gone} sockets were closed")
            self._reached.clear()
            await self._reached.wait()

    def heard(self, text: bytes) -> None:
        self.lines += text.count(_LINE)
        self.event_bytes += len(text)
        if len(self.kinds) < 1_000:
            self.kinds.add(text)
        if self.lines >= self._upto:
            self._reached.set()

    def lost(self) -> None:
        self.gone += 1
        self._reached.set()


class _Ear(asyncio.Protocol):
    """One WebSocket that says its first words and then listens."""

    def __init__(self, ears: Ears, request: bytes, first: bytes) -> None:
        self._ears = ears
        self._request = request
        self._first = first
        self._rest = b""
        self._upgraded = False
        self._leaving = False
        self._transport: asyncio.Transport | None = None
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(exc or ConnectionError("closed before the greeting"))
        if not self._leaving:
            self._ears.lost()

    def leave(self) -> None:
        self._leaving = True
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if not self._upgraded:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self.greeted.set_exception(RuntimeError(head[:200].decode()))
                self.leave()
                return
            self._upgraded = True
            self._say(_TEXT, self._first)
        at = 0
        while len(data) >= at + 2:
            size, begins = data[at + 1], at + 2
            if size > 125:
                wide = 2 if size == 126 else 8
                begins += wide
                if len(data) < begins:
                    break
                size = int.from_bytes(data[begins - wide : begins])
            if len(data) < begins + size:
                break
            self._take(data[at] & 15, data[begins : begins + size])
            at = begins + size
        self._rest = data[at:]

    def _take(self, kind: int, text: bytes) -> None:
        if kind == _PING:
            self._say(10, text)
        elif kind == _CLOSE:
            self.connection_lost(ConnectionError(f"closed: {int.from_bytes(text[:2])}"))
            self.leave()
        elif _EVENT in text:
            self._ears.heard(text)
        elif not self.greeted.done():
            self.greeted.set_result(None)

    def _say(self, kind: int, text: bytes) -> None:
        size = len(text)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
        if self._transport is not None:
            self._transport.write(bytes((0x80 | kind,)) + length + _UNMASKED + text)


@dataclass(frozen=True)
class Door:
    """What a socket asks for and says first."""

    path: str
    hello: object
    cookie: str = ""


def inbox(cookie: str) -> Door:
    return Door("/api/v1/live", {"hello": {"cursor": None}}, cookie)


WIDGET = Door("/widget/site/live", {"t": "hello", "key": None, "after_seq": 0, "now": 0})


@asynccontextmanager
async def listening(url: str, doors: Sequence[Door]) -> AsyncIterator[Ears]:
    """A greeted socket for each of the doors, from as many addresses as it takes."""
    if open_files() < len(doors) + 200:
        raise RuntimeError(f"{open_files()} open files are too few (ulimit -n)")
    ears, turns, held = Ears(), asyncio.Semaphore(AT_ONCE), []
    host, _, port = urlsplit(url).netloc.partition(":")

    async def connect(n: int, door: Door) -> None:
        cookie = f"Cookie: otklik={door.cookie}\r\n" if door.cookie else ""
        request = (
            f"GET {door.path} HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {url}\r\n{cookie}"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        ear = _Ear(ears, request.encode(), json.dumps(door.hello).encode())
        held.append(ear)
        async with turns:
            await asyncio.get_running_loop().create_connection(
                lambda: ear, host, int(port), local_addr=(f"127.0.1.{1 + n // PER_ADDRESS}", 0)
            )
            await ear.greeted

    try:
        async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
            for n, door in enumerate(doors):
                group.create_task(connect(n, door))
        yield ears
    finally:
        for ear in held:
            ear.leave()


async def staff(program: Program, operators: int) -> list[str]:
    """So many operators of a hub that does not run now, each signed in; their cookies."""
    async with serving(program, the_hub(program)):
        # Its first start makes its key and its store.
        pass
    engine = SqliteEngine(program.folder / "data" / "hub.db")
    await engine.open()
    accounts = Accounts(engine, LocalBus(), model.now)
    cookies = []
    for n in range(operators):
        made = await accounts.add_operator(f"bench{n}", f"Operator {n}")
        id = OperatorId(made.id)
        await accounts.join(id, ProjectId("main"), Role.OPERATOR)
        code = await accounts.one_time_code(id)
        cookie, _ = await accounts.sign_in(made.login, code, address=f"127.0.2.{n % 250}")
        cookies.append(cookie)
    await engine.close()
    return cookies
