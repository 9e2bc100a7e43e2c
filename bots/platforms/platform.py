"""What every played platform does alike: people, their chats, faults, and updates on their way.

A subclass speaks the platform's own HTTP and JSON; this knows only what a person sees and does.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import aiohttp
from aiohttp import web

Failing = Literal["429", "500", "502_page", "refused_key", "lost_answer", "blocked", "slow"]
"""What a call meets: `lost_answer` is carried out and then the connection is cut, `502_page` is
a proxy's page of HTML, `slow` waits for `release`."""

FileKind = Literal["image", "audio", "video", "file"]


@dataclass(frozen=True)
class Blob:
    """A file as a person holds it."""

    name: str
    mime: str
    data: bytes
    kind: FileKind = "file"


@dataclass(frozen=True)
class Person:
    """Somebody with the messenger on the phone; `id` is the platform's."""

    id: str
    name: str
    phone: str = ""
    username: str = ""


@dataclass(frozen=True)
class Bubble:
    """One message as the person sees it in the chat."""

    id: str
    mine: bool
    at: datetime
    text: str = ""
    files: tuple[Blob, ...] = ()
    place: tuple[float, float] | None = None
    card: tuple[str, str] | None = None
    buttons: tuple[tuple[tuple[str, str], ...], ...] = ()
    """Rows of (label, data); data is an address where it begins with https, "phone" asks for it."""
    quote: str = ""
    edited: bool = False
    reactions: tuple[str, ...] = ()
    read: bool = False
    by_staff: bool = False


@dataclass
class Fault:
    """What the next `times` calls of that `method` meet; an empty method is any."""

    failing: Failing
    method: str = ""
    times: int = 1
    seconds: float = 1


@dataclass
class Chat:
    person: Person
    bubbles: list[Bubble] = field(default_factory=list)
    typing_at: datetime | None = None
    blocked: bool = False


class Platform(ABC):
    """A subclass adds its routes in `routes` and turns what people do into updates in its words."""

    kind: ClassVar[str]

    def __init__(
        self, *, now: Callable[[], datetime] | None = None, seed: int = 0, first: int = 1
    ) -> None:
        self._now = now or (lambda: datetime.now(UTC))
        self._random = random.Random(seed)  # noqa: S311
        self._numbers = itertools.count(first)
        self._faults: deque[Fault] = deque()
        self._released = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._bringing: set[asyncio.Task[None]] = set()
        self.chats: dict[str, Chat] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        """Every call of the API: its method and what it was given, without the key."""
        self.changed = asyncio.Event()
        """Set whenever something in a chat changed; whoever waits clears it first."""
        self.copies = 1
        """How often each update is brought."""
        self.shuffled = False
        """Whether updates on their way overtake each other."""
        self.url = ""

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """The API, its files, and whatever else the platform serves."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The settings of a channel that speaks to this platform, its key among them."""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serves; the address that is a channel's `api_url`."""
        app = web.Application(client_max_size=300_000_000)
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        self._session = aiohttp.ClientSession()
        return self.url

    async def stop(self) -> None:
        self._released.set()
        for task in list(self._bringing):
            task.cancel()
        if self._bringing:
            await asyncio.wait(list(self._bringing))
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def number(self) -> int:
        """The next of the platform's own numbers."""
        return next(self._numbers)

    def person(self, name: str = "Анна", phone: str = "+79161234567") -> Person:
        """Somebody new on the platform."""
        made = self.newcomer(name, phone)
        self.chats[made.id] = Chat(made)
        return made

    def newcomer(self, name: str, phone: str) -> Person:
        return Person(id=str(700_100_000 + self.number()), name=name, phone=phone)

    def shown(self, person: Person) -> list[Bubble]:
        """The chat as the person sees it now."""
        return list(self.chats[person.id].bubbles)

    def fail(
        self, failing: Failing, *, method: str = "", times: int = 1, seconds: float = 1
    ) -> None:
        """Has the next calls meet that fault."""
        self._faults.append(Fault(failing, method, times, seconds))

    def release(self) -> None:
        """Lets slow calls go on."""
        self._released.set()
        self._released = asyncio.Event()

    def heal(self) -> None:
        """Takes every fault off."""
        self._faults.clear()
        self.release()

    def fault(self, method: str) -> Fault | None:
        """What this call is to meet; counted as met."""
        for each in self._faults:
            if each.method in ("", method):
                each.times -= 1
                if each.times <= 0:
                    self._faults.remove(each)
                return each
        return None

    async def wait_for(self, done: Callable[[], bool], seconds: float = 20) -> None:
        """Returns once that is so."""
        async with asyncio.timeout(seconds):
            while not done():
                self.changed.clear()
                await self.changed.wait()

    def put(self, person: Person, bubble: Bubble) -> Bubble:
        self.chats[person.id].bubbles.append(bubble)
        self.changed.set()
        return bubble

    def find(self, person: Person, id: str) -> Bubble | None:
        return next((each for each in self.chats[person.id].bubbles if each.id == id), None)

    def alter(self, person: Person, id: str, **changes: Any) -> Bubble | None:
        """The bubble with these changes; None if there is none."""
        bubbles = self.chats[person.id].bubbles
        for at, each in enumerate(bubbles):
            if each.id == id:
                bubbles[at] = replace(each, **changes)
                self.changed.set()
                return bubbles[at]
        return None

    def drop(self, person: Person, id: str) -> bool:
        bubbles = self.chats[person.id].bubbles
        found = [each for each in bubbles if each.id == id]
        for each in found:
            bubbles.remove(each)
        self.changed.set()
        return bool(found)

    def bring(self, *sendings: Callable[[], Any]) -> None:
        """Has the updates brought in the background, as often and in such order as was asked."""
        wanted = [each for each in sendings for _ in range(self.copies)]
        if self.shuffled:
            self._random.shuffle(wanted)
        for each in wanted:
            task = asyncio.create_task(self._brought(each))
            self._bringing.add(task)
            task.add_done_callback(self._bringing.discard)

    async def _brought(self, sending: Callable[[], Any]) -> None:
        with suppress(aiohttp.ClientError, OSError):
            await sending()

    async def settled(self, seconds: float = 20) -> None:
        """Returns once nothing is on its way any more."""
        async with asyncio.timeout(seconds):
            while self._bringing:
                await asyncio.wait(list(self._bringing))

    # What a person does. Each is brought to the hub in the platform's words; one that the
    # platform does not have raises NotImplementedError.

    async def write(self, person: Person, text: str, *, quote: str = "") -> Bubble:
        raise NotImplementedError

    async def send_file(self, person: Person, blob: Blob, *, text: str = "") -> Bubble:
        """A picture, a voice message (an audio), a video or a document."""
        raise NotImplementedError

    async def send_album(self, person: Person, blobs: Sequence[Blob], text: str = "") -> None:
        raise NotImplementedError

    async def send_place(self, person: Person, latitude: float, longitude: float) -> Bubble:
        raise NotImplementedError

    async def send_card(self, person: Person, name: str, phone: str, *, own: bool) -> Bubble:
        raise NotImplementedError

    async def begin(self, person: Person, key: str = "") -> None:
        """Opens the chat, by a link that carried this key."""
        raise NotImplementedError

    async def press(self, person: Person, bubble: str, data: str) -> None:
        raise NotImplementedError

    async def rewrite(self, person: Person, bubble: str, text: str) -> None:
        raise NotImplementedError

    async def take_back(self, person: Person, bubble: str) -> None:
        raise NotImplementedError

    async def react(self, person: Person, bubble: str, emoji: str) -> None:
        raise NotImplementedError

    async def read(self, person: Person) -> None:
        """Has seen all that is in the chat."""
        raise NotImplementedError

    async def type(self, person: Person) -> None:
        raise NotImplementedError

    async def block(self, person: Person, *, blocked: bool = True) -> None:
        raise NotImplementedError

    async def staff_reply(self, person: Person, text: str) -> Bubble:
        """Somebody of the business answers in the messenger itself."""
        raise NotImplementedError
