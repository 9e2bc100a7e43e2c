"""Live sockets: one ear on the bus for all of them, and everything about each is bounded.

An event is turned into wire bytes once, when the first socket needs it; every socket that
may see it sends those same bytes. A socket that cannot keep up is ended, never waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from hub.bus import Announcement, Bus, GapError, Subscription
from hub.errors import HubError
from hub.events import DialogChanged, EntryChanged, HubEvent, OperatorTyping, VisitorTyping
from hub.model import IdentityId, ProjectId, Verb
from web.views import AnyShown, View, Views, VisitorEntry, for_visitor

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

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SocketLimits:
    hello_seconds: float = 10
    send_seconds: float = 10
    ping_seconds: float = 25
    queue: int = 1_000
    per_operator: int = 20
    per_source: int = 500


class OverError(Exception):
    """This socket is to be closed with that code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class EventFrame(View, frozen=True, kw_only=True, tag_field="t", tag="event"):
    cursor: str
    event: AnyShown


class VisitorEntryFrame(View, frozen=True, kw_only=True, tag_field="t", tag="entry"):
    entry: VisitorEntry


class VisitorTypingFrame(View, frozen=True, kw_only=True, tag_field="t", tag="typing"):
    name: str


class VisitorClosedFrame(View, frozen=True, kw_only=True, tag_field="t", tag="closed"):
    dialog: str


class Heard:
    """One announcement with its bytes for operators and for the visitor, each made once."""

    def __init__(self, announcement: Announcement, views: Views) -> None:
        self.cursor = announcement.cursor
        self.event: HubEvent = announcement.event
        self._views = views

    @cached_property
    def for_operators(self) -> tuple[bytes, ...]:
        """Empty for an event that we fail to show: it must not end every socket it meets."""
        try:
            shown = self._views.event(self.event)
        except Exception:
            log.exception("event.unshown", extra={"cursor": self.cursor})
            return ()
        return (msgspec.json.encode(EventFrame(cursor=self.cursor, event=shown)),)

    @cached_property
    def for_visitor(self) -> tuple[bytes, ...]:
        event, encode = self.event, msgspec.json.encode
        match event:
            case DialogChanged():
                frames: list[View] = [
                    VisitorEntryFrame(entry=self._views.visitor_entry(each))
                    for each in for_visitor(event.entries)
                ]
                if any(each.verb is Verb.CLOSED for each in event.entries):
                    frames.append(VisitorClosedFrame(dialog=event.dialog.id))
                return tuple(encode(each) for each in frames)
            case EntryChanged():
                return tuple(
                    encode(VisitorEntryFrame(entry=self._views.visitor_entry(each)))
                    for each in for_visitor([event.entry])
                )
            case OperatorTyping():
                return (encode(VisitorTypingFrame(name=event.name)),)
            case _:
                return ()


def operators_of(project: ProjectId) -> str:
    return f"project:{project}"


def visitor_of(identity: IdentityId) -> str:
    return f"identity:{identity}"


class Fan:
    """The process's one ear on the bus, giving each event to the queues that asked for it."""

    def __init__(self, bus: Bus, views: Views) -> None:
        self._bus = bus
        self._views = views
        self._queues: dict[str, set[Subscription[Heard]]] = {}
        self._heard: OrderedDict[str, Heard] = OrderedDict()

    async def run(self, ready: asyncio.Event) -> None:
        """Listens until cancelled; after a gap every socket has to resume by its cursor."""
        while True:
            pause = 0.0
            try:
                async with self._bus.listen(BUS_QUEUE) as ear:
                    ready.set()
                    while True:
                        for announcement in await ear.take():
                            self._give(self.heard(announcement))
            except GapError:
                pass
            except HubError as error:
                log.warning("bus.deaf", extra={"reason": str(error)})
                pause = 1.0
            for queues in list(self._queues.values()):
                for queue in list(queues):
                    queue.end()
            await asyncio.sleep(pause)

    @contextmanager
    def join(self, queue: Subscription[Heard], keys: frozenset[str]) -> Iterator[None]:
        """Feeds the queue for as long as the block runs."""
        for key in keys:
            self._queues.setdefault(key, set()).add(queue)
        try:
            yield
        finally:
            for key in keys:
                self._queues[key].discard(queue)
                if not self._queues[key]:
                    del self._queues[key]

    def heard(self, announcement: Announcement) -> Heard:
        """The same object for the same announcement, so that its bytes are made once."""
        heard = self._heard.get(announcement.cursor)
        if heard is None:
            heard = self._heard[announcement.cursor] = Heard(announcement, self._views)
            if len(self._heard) > HEARD_KEPT:
                self._heard.popitem(last=False)
        return heard

    def _give(self, heard: Heard) -> None:
        event = heard.event
        keys = [operators_of(event.project)]
        match event:
            case DialogChanged():
                keys.append(visitor_of(event.dialog.identity))
            case EntryChanged() | OperatorTyping() | VisitorTyping():
                keys.append(visitor_of(event.identity))
            case _:
                pass
        for key in keys:
            for queue in self._queues.get(key, ()):
                queue.put(heard)


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

    @contextmanager
    def hold(self, socket: Socket, source: str) -> Iterator[None]:
        self._open.add(socket)
        self._sources[source] += 1
        if self.stopping:
            socket.end(STOPPING)
        try:
            yield
        finally:
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

    def __init__(self, request: web.Request, limits: SocketLimits) -> None:
        self._request = request
        self._limits = limits
        self._ws = web.WebSocketResponse(
            heartbeat=30,
            max_msg_size=FRAME_MAX_BYTES,
            compress=False,
            timeout=2,
            writer_limit=FRAME_MAX_BYTES,
        )
        self._ending: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def open(self) -> web.WebSocketResponse:
        await self._ws.prepare(self._request)
        return self._ws

    def end(self, code: int) -> None:
        """Asks the socket to close; the first reason given is the one told."""
        if not self._ending.done():
            self._ending.set_result(code)

    async def run(self, job: Coroutine[Any, Any, None]) -> None:
        """Runs the job until it or `end` is over, then closes with that code."""
        code = INTERNAL
        try:
            await together(job, self._ended())
        except OverError as over:
            code = over.code
        finally:
            await self.close(code)

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

    async def send(self, frame: bytes) -> None:
        try:
            transport = self._request.transport
            if (
                transport is not None
                and len(frame) < FRAME_MAX_BYTES // 2
                and not transport.get_write_buffer_size()
            ):
                # Into an empty buffer it goes without waiting, and a timer costs as much as it.
                await self._ws.send_frame(frame, WSMsgType.TEXT)
                return
            async with asyncio.timeout(self._limits.send_seconds):
                await self._ws.send_frame(frame, WSMsgType.TEXT)
        except TimeoutError:
            raise OverError(TOO_SLOW) from None
        except ConnectionError:
            raise OverError(NORMAL) from None

    async def say(self, value: object) -> None:
        await self.send(msgspec.json.encode(value))

    async def receive(self) -> bytes:
        """The next text frame."""
        message = await self._ws.receive()
        if message.type is WSMsgType.TEXT:
            text: str = message.data
            return text.encode()
        raise OverError(PROTOCOL if message.type is WSMsgType.BINARY else NORMAL)

    async def first(self) -> bytes:
        """The frame that opens the talk; it has to come soon."""
        try:
            async with asyncio.timeout(self._limits.hello_seconds):
                return await self.receive()
        except TimeoutError:
            raise OverError(PROTOCOL) from None

    async def _ended(self) -> None:
        raise OverError(await asyncio.shield(self._ending))


async def together(*jobs: Coroutine[Any, Any, None]) -> None:
    """Runs the jobs until the first is over, ends the rest, and raises what ended it."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [each for each in results if isinstance(each, Exception)]
    for failure in sorted(failures, key=lambda each: not isinstance(each, OverError)):
        raise failure


def queue(limits: SocketLimits) -> Subscription[Heard]:
    return Subscription(limits.queue)


async def taken(queue: Subscription[Heard]) -> list[Heard]:
    """What came to the queue; a queue that overflowed ends its socket."""
    try:
        return await queue.take()
    except GapError:
        raise OverError(TOO_SLOW) from None
