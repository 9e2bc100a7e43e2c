"""Live sockets: one ear on the bus for all of them, and everything about each is bounded.

An event is turned into the bytes of a frame once, when the first socket needs it; every
socket that may see it is written those same bytes. A socket that cannot keep up is ended,
never waited for. A silent one costs no task and no queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import msgspec
from aiohttp import WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from hub.bus import Announcement, Bus, GapError
from hub.errors import HubError
from hub.events import (
    AccessChanged,
    DialogChanged,
    EntryChanged,
    HubEvent,
    OperatorTyping,
    ScreenEvent,
    VisitorTyping,
)
from hub.model import IdentityId, OperatorId, ProjectId
from web.shown import AnyShown, shown
from web.views import View, Views
from web.visitor_hears import to_visitor

SESSION_OVER = 4401
KEY_REFUSED = 4403
TOO_SLOW = 4408
TOO_OFTEN = 4429
STOPPING = 1012
NORMAL = 1000
PROTOCOL = 1002
INTERNAL = 1011
TRY_LATER = 1013

FRAME_MAX_BYTES = 64 * 1024
HEARD_KEPT = 2_000
BUS_QUEUE = 10_000
EARLY_MAX = 1_000
TOGETHER_MAX = 32
"""Events that leave in one write; between writes it is looked whether the socket keeps up."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SocketLimits:
    """`frames` are an operator's in a minute, `pings` and `ticks` a visitor's.

    What comes above them is passed over, and past `frames_ignored` or `refusals` ends the socket.
    """

    hello_seconds: float = 10
    send_seconds: float = 10
    ping_seconds: float = 25
    queue: int = 1_000
    per_operator: int = 20
    per_source: int = 500
    frames: int = 120
    frames_ignored: int = 1_000
    pings: int = 240
    ticks: int = 600
    refusals: int = 200


class OverError(Exception):
    """This socket is to be closed with that code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class EventFrame(View, frozen=True, kw_only=True, tag_field="t", tag="event"):
    cursor: str
    event: AnyShown


def framed(text: bytes) -> bytes:
    """A text as the whole frame in which a server sends it (RFC 6455, 5.2)."""
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2) + text
    return b"\x81\x7f" + size.to_bytes(8) + text


class Heard:
    """One announcement with its frames for operators and for the visitor, each made once."""

    def __init__(self, announcement: Announcement, views: Views) -> None:
        self.cursor = announcement.cursor
        self.event: HubEvent = announcement.event
        self._views = views

    @cached_property
    def for_operators(self) -> tuple[bytes, ...]:
        return self._framed(self._to_operators)

    @cached_property
    def for_visitor(self) -> tuple[bytes, ...]:
        return self._framed(self._to_visitor)

    def _framed(self, told: Callable[[], Sequence[View]]) -> tuple[bytes, ...]:
        """Empty for an event that we fail to show: it must not end every socket it meets."""
        try:
            return tuple(framed(msgspec.json.encode(each)) for each in told())
        except Exception:
            log.exception("event.unshown", extra={"cursor": self.cursor})
            return ()

    def _to_operators(self) -> Sequence[View]:
        if isinstance(self.event, AccessChanged):
            return ()
        return (EventFrame(cursor=self.cursor, event=shown(self._views, self.event)),)

    def _to_visitor(self) -> Sequence[View]:
        return to_visitor(self.event, self._views)


def operators_of(project: ProjectId) -> str:
    return f"project:{project}"


def visitor_of(identity: IdentityId) -> str:
    return f"identity:{identity}"


class Listener(Protocol):
    """Who is given events; it may neither wait nor fail."""

    def put(self, heard: Sequence[Heard]) -> None: ...

    def end(self) -> None:
        """Something was missed."""


class Fan:
    """The process's one ear on the bus, giving each event to those who asked for it.

    `doubted` is told whose sockets have to ask whether they may go on.
    """

    def __init__(self, bus: Bus, views: Views) -> None:
        self._bus = bus
        self._views = views
        self._listeners: dict[str, tuple[Listener, ...]] = {}
        self._heard: OrderedDict[str, Heard] = OrderedDict()
        self.doubted: Callable[[OperatorId], None] = lambda _: None

    async def run(self, ready: asyncio.Event) -> None:
        """Listens until cancelled; after a gap every socket has to resume by its cursor."""
        while True:
            pause = 0.0
            try:
                async with self._bus.listen(BUS_QUEUE) as ear:
                    ready.set()
                    while True:
                        came = await ear.take()
                        for at in range(0, len(came), TOGETHER_MAX):
                            self._give(map(self.heard, came[at : at + TOGETHER_MAX]))
            except GapError:
                pass
            except HubError as error:
                log.warning("bus.deaf", extra={"reason": str(error)})
                pause = 1.0
            for listeners in list(self._listeners.values()):
                for listener in listeners:
                    listener.end()
            await asyncio.sleep(pause)

    def join(self, key: str, listener: Listener) -> None:
        """Gives it what concerns the key, until it leaves."""
        # A key has one listener or two, and a tuple is the smallest thing that holds them.
        self._listeners[key] = (*self._listeners.get(key, ()), listener)

    def leave(self, key: str, listener: Listener) -> None:
        left = tuple(each for each in self._listeners[key] if each is not listener)
        if left:
            self._listeners[key] = left
        else:
            del self._listeners[key]

    def heard(self, announcement: Announcement) -> Heard:
        """The same object for the same announcement, so that its bytes are made once."""
        heard = self._heard.get(announcement.cursor)
        if heard is None:
            heard = self._heard[announcement.cursor] = Heard(announcement, self._views)
            if len(self._heard) > HEARD_KEPT:
                self._heard.popitem(last=False)
        return heard

    def _give(self, heard: Iterable[Heard]) -> None:
        """Gives each listener together all that is for him: a write costs more than a frame."""
        theirs: dict[Listener, list[Heard]] = {}
        for each in heard:
            if isinstance(each.event, AccessChanged):
                self.doubted(each.event.operator)
                continue
            for key in _keys(each.event):
                for listener in self._listeners.get(key, ()):
                    theirs.setdefault(listener, []).append(each)
        for listener, told in theirs.items():
            listener.put(told)


def _keys(event: ScreenEvent) -> Sequence[str]:
    """Whom it concerns."""
    staff = operators_of(event.project)
    match event:
        case DialogChanged():
            return staff, visitor_of(event.dialog.identity)
        case EntryChanged() | OperatorTyping() | VisitorTyping():
            return staff, visitor_of(event.identity)
        case _:
            return (staff,)


class Sockets:
    """Every open socket of the process, so that stopping can say goodbye to all."""

    def __init__(self, limits: SocketLimits) -> None:
        self.limits = limits
        self.stopping = False
        self._open: set[Socket] = set()
        self._sources: Counter[str] = Counter()

    def full(self, source: str) -> bool:
        """Whether that place holds as many sockets open as any may."""
        return self._sources[source] >= self.limits.per_source

    def enter(self, socket: Socket, source: str) -> None:
        """Counts it in until it leaves; one that comes while stopping is ended at once."""
        self._open.add(socket)
        self._sources[source] += 1
        if self.stopping:
            socket.end(STOPPING)

    def leave(self, socket: Socket, source: str) -> None:
        self._open.discard(socket)
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]

    def stop(self) -> None:
        self.stopping = True
        for socket in list(self._open):
            socket.end(STOPPING)


class Socket:
    """One WebSocket; every way it can end is an OverError with its close code."""

    __slots__ = (
        "_behind",
        "_broken",
        "_catching_up",
        "_limits",
        "_over",
        "_protocol",
        "_request",
        "_task",
        "_writer",
        "_ws",
    )

    def __init__(self, request: web.Request, limits: SocketLimits) -> None:
        self._request = request
        self._protocol = request.protocol
        self._limits = limits
        self._ws = web.WebSocketResponse(
            heartbeat=30,
            max_msg_size=FRAME_MAX_BYTES,
            compress=False,
            timeout=2,
            writer_limit=FRAME_MAX_BYTES,
        )
        self._writer: AbstractStreamWriter | None = None
        self._task: asyncio.Task[Any] | None = None
        self._over: int | None = None
        self._broken: OverError | None = None
        self._behind: deque[bytes] | None = None
        self._catching_up: asyncio.Task[None] | None = None

    async def open(self) -> web.WebSocketResponse:
        self._writer = await self._ws.prepare(self._request)
        # They were sent, and are a tenth of what a silent socket holds.
        self._ws.headers.clear()
        return self._ws

    def end(self, code: int) -> None:
        """Has the socket closed; the first reason given is the one told."""
        if self._over is None:
            self._over = code
            if self._task is not None:
                self._task.cancel()

    async def run(self, job: Coroutine[Any, Any, None]) -> None:
        """Runs the job until it or `end` is over, then closes with that code.

        The job runs in the caller's own task, which `end` interrupts as a time-out would:
        a task of its own, and one that waits for the end, would cost every silent socket
        more than all else we keep of it.
        """
        code, task = INTERNAL, asyncio.current_task()
        try:
            if self._over is None:
                self._task = task
                await job
        except OverError as over:
            code = over.code
        except asyncio.CancelledError:
            if self._over is None or (task is not None and task.cancelling() > 1):
                raise
        finally:
            job.close()
            if self._task is not None and self._over is not None:
                self._task.uncancel()
            self._task = None
            if self._catching_up is not None:
                self._catching_up.cancel()
                await asyncio.gather(self._catching_up, return_exceptions=True)
            await self.close(code if self._over is None else self._over)

    async def close(self, code: int) -> None:
        """Closes within seconds, whatever the other side does."""
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await self._ws.close(code=code, drain=False)
        except (TimeoutError, ConnectionError, RuntimeError):
            pass
        if code == TOO_SLOW and self._request.transport is not None:
            # Its buffer is full, so our goodbye may never leave it.
            self._request.transport.abort()

    def push(self, frames: Sequence[bytes]) -> None:
        """Sends ready frames without waiting; what cannot leave now leaves in its turn.

        A socket that is too far behind is ended: after the first frame that did not fit
        nothing may follow, or a hole would go unseen.
        """
        if self._behind is None and not self._protocol.writing_paused:
            if frames:
                self._write(b"".join(frames))
            return
        if self._behind is None:
            self._behind = deque()
            self._catching_up = asyncio.create_task(self._catch_up())
        if len(self._behind) + len(frames) > self._limits.queue:
            self.end(TOO_SLOW)
        if self._over is None:
            self._behind.extend(frames)

    async def send(self, frame: bytes) -> None:
        """Sends a ready frame; waits while the other side does not read."""
        if self._protocol.writing_paused:
            await self._drain()
        self._write(frame)

    async def say(self, value: object) -> None:
        await self.send(framed(msgspec.json.encode(value)))

    async def receive(self) -> bytes:
        """The next text frame."""
        if self._over is not None:
            raise OverError(self._over)
        message = await self._ws.receive()
        if message.type is WSMsgType.TEXT:
            text: str = message.data
            return text.encode()
        raise OverError(PROTOCOL if message.type is WSMsgType.BINARY else NORMAL)

    async def receive_all(self, most: int) -> list[bytes]:
        """The next text frame; if it was there already, also those that came after it."""
        if self._broken is not None:
            raise self._broken
        waited: list[bool] = []
        turn = asyncio.get_running_loop().call_soon(waited.append, True)
        frames = [await self.receive()]
        if waited:
            # Who is answered at once sends one at a time; to look for more would cost as
            # much as to parse it.
            return frames
        turn.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                while len(frames) < most:
                    try:
                        frames.append(await self.receive())
                    except OverError as over:
                        # What came before is still to be heard.
                        self._broken = over
                        break
        return frames

    async def first(self) -> bytes:
        """The frame that opens the talk; it has to come soon."""
        try:
            async with asyncio.timeout(self._limits.hello_seconds):
                return await self.receive()
        except TimeoutError:
            raise OverError(PROTOCOL) from None

    def _write(self, frame: bytes) -> None:
        # aiohttp's own writer makes the header again for every socket and starts two
        # coroutines to do what, uncompressed, is one write to the transport:
        # https://github.com/aio-libs/aiohttp/blob/v3.14.5/aiohttp/_websocket/writer.py
        # It would also refuse after a close frame and into a closing transport; so do we.
        transport = self._protocol.transport
        if transport is not None and not transport.is_closing() and not self._ws.closed:
            transport.write(frame)

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                if self._writer is not None:
                    await self._writer.drain()
        except TimeoutError:
            raise OverError(TOO_SLOW) from None
        except ConnectionError:
            raise OverError(NORMAL) from None

    async def _catch_up(self) -> None:
        """Sends what waits as fast as it is read; only a socket that is behind has this task."""
        try:
            while self._behind:
                await self._drain()
                while self._behind and not self._protocol.writing_paused:
                    self._write(self._behind.popleft())
            self._behind = self._catching_up = None
        except OverError as over:
            self.end(over.code)


class Ear:
    """What one socket hears of the bus: kept until it was greeted, then passed on at once."""

    __slots__ = ("_early", "_show", "_socket")

    def __init__(self, socket: Socket, show: Callable[[Heard], Sequence[bytes]]) -> None:
        self._socket = socket
        self._show = show
        self._early: list[Heard] | None = []

    def put(self, heard: Sequence[Heard]) -> None:
        if self._early is None:
            self._socket.push([frame for each in heard for frame in self._show(each)])
        elif len(self._early) + len(heard) <= EARLY_MAX:
            self._early += heard
        else:
            self._socket.end(TOO_SLOW)

    def end(self) -> None:
        self._socket.end(TOO_SLOW)

    async def open(self, already: Collection[str] = ()) -> None:
        """Tells what came meanwhile, but for the cursors `already` told, and listens on."""
        while self._early:
            early, self._early = self._early, []
            for heard in early:
                if heard.cursor not in already:
                    for frame in self._show(heard):
                        await self._socket.send(frame)
        self._early = None
