"""The bus of several processes over Redis, which may be slow, gone or empty at any moment.

Events are one stream, numbered from 1 within an epoch; an epoch ends when the stream or the
server's run does. Every process hears the stream over one connection and fans it out here;
over a second one it speaks, many questions in one round. Nobody waits for a server that does
not answer: events are said later or, when too many wait, replaced by a new epoch, which
makes every screen reload.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from math import ceil
from typing import Any, ClassVar

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from hub import observe
from hub.bus import KEPT_EVENTS, LOOK_LASTS, Announcement, Bus, GapError, LocalBus, Subscription
from hub.errors import ConfigError
from hub.events import HubEvent, OperatorLooking, OperatorTyping, VisitorTyping
from hub.model import DialogId, OperatorId, ProjectId
from hub.redis_scripts import (
    ALLOW,
    APPEAR,
    ARRIVE,
    EVENTS,
    HEAD,
    PRESENT,
    SAY,
    WAKES,
    WHERE,
    limit_key,
    looks_key,
    presence_key,
)

log = logging.getLogger(__name__)

ANSWER_SECONDS = 0.5
"""How long one round may take before the server counts as away."""
CONNECT_SECONDS = 3.0
BLOCK_SECONDS = 1.0
CATCH_UP_SECONDS = 1.0
PAUSE_MAX_SECONDS = 2.0
TAIL = 1_000
AT_ONCE = 200
UNSAID_MAX = 2_000
LASTS = timedelta(days=1)


class _AwayError(Exception):
    """The server does not answer now."""


class _TurnedError(Exception):
    """The stream is another one than the one that was being read."""


@dataclass(frozen=True)
class _Unsaid:
    event: HubEvent
    wire: bytes
    said: asyncio.Future[str]

    @property
    def passing(self) -> bool:
        """Whether it is of no use to anybody who hears it late."""
        return isinstance(self.event, OperatorTyping | OperatorLooking | VisitorTyping)


@dataclass(frozen=True)
class _Question:
    words: tuple[str | bytes | int, ...]
    answer: asyncio.Future[Any]


class RedisBus(Bus):
    kind: ClassVar[str] = "redis"
    shared: ClassVar[bool] = True

    def __init__(
        self, url: str, *, answer_seconds: float = ANSWER_SECONDS, unsaid_max: int = UNSAID_MAX
    ) -> None:
        self._url = url
        self._answer_seconds = answer_seconds
        self._unsaid_max = unsaid_max
        self._me = secrets.token_hex(6)
        self._here = LocalBus()
        self._kept: deque[Announcement | None] = deque(maxlen=KEPT_EVENTS)
        self._epoch = ""
        self._number = 0
        self._woken = "0-0"
        self._moved = asyncio.Event()
        self._unsaid: deque[_Unsaid] = deque()
        self._questions: list[_Question] = []
        self._wakes: dict[str, None] = {}
        self._spilled = False
        self._due = asyncio.Event()
        self._away = True
        self._loops: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool:
        return not self._away

    async def open(self) -> None:
        """Begins to hear and to speak; a server that is away now is waited for meanwhile."""
        probe = self._client()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await probe.execute_command("PING")
        except (AuthenticationError, NoPermissionError):
            raise ConfigError(
                "redis.url: the server refuses the password or the user", field="redis.url"
            ) from None
        except ResponseError:
            raise ConfigError(
                "redis.url: the server answers and refuses to serve", field="redis.url"
            ) from None
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("bus.away", extra={"reason": type(error).__name__})
        else:
            self._away = False
        finally:
            await _leave(probe)
        observe.BUS_CONNECTED.set(not self._away)
        for name, loop in (("bus-hears", self._hear()), ("bus-speaks", self._speak())):
            self._loops.append(asyncio.create_task(loop, name=name))
        if not self._away:
            with suppress(TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    while not self._epoch:
                        await self._movement()

    async def close(self) -> None:
        self._away = True
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops.clear()
        self._give_up()
        await self._here.close()

    def _client(self) -> Any:
        return Redis.from_url(
            self._url,
            protocol=2,
            decode_responses=False,
            single_connection_client=True,
            socket_connect_timeout=CONNECT_SECONDS,
            # Its own limit is a wait_for, which on 3.11 may swallow a cancellation; ours is not.
            socket_timeout=None,
            retry=Retry(NoBackoff(), 0),
            client_name="otklik",
        )

    # What is asked of the bus.

    async def cursor(self) -> str:
        try:
            epoch, number = await self._where()
        except _AwayError:
            epoch, number = self._epoch, self._number
        return f"{epoch}:{number}"

    async def announce(self, event: HubEvent) -> str:
        said: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        unsaid = _Unsaid(event, msgspec.json.encode(event), said)
        if self._away:
            said.set_result("")
            self._put_off(unsaid)
            return await self._here.announce(event)
        self._unsaid.append(unsaid)
        self._due.set()
        return await said

    async def since(self, cursor: str) -> Sequence[Announcement]:
        epoch, _, number = cursor.partition(":")
        if not number.isdecimal() or len(number) > 18:
            raise GapError
        try:
            current, head = await self._where()
            if epoch != current:
                raise GapError
            await self._reach(epoch, head)
        except (_AwayError, TimeoutError):
            raise GapError from None
        missing = self._number - int(number)
        if epoch != self._epoch or missing < 0 or missing > len(self._kept):
            raise GapError
        missed = islice(self._kept, len(self._kept) - missing, None)
        return [each for each in missed if each is not None]

    @asynccontextmanager
    async def listen(self, size: int = 1_000) -> AsyncIterator[Subscription[Announcement]]:
        # What was announced before is on its way here and is none of this listener's.
        with suppress(_AwayError, TimeoutError):
            await self._reach(*await self._where())
        async with self._here.listen(size) as subscription:
            yield subscription

    async def wake(self, name: str) -> None:
        await self._here.wake(name)
        if not self._away:
            self._wakes[name] = None
            self._due.set()

    async def sleep(self, name: str, at_most: timedelta) -> bool:
        return await self._here.sleep(name, at_most)

    async def allow(self, key: str, rate: int, per: timedelta) -> timedelta | None:
        """The limit of all processes; of this one alone while the server is away."""
        period = per / timedelta(milliseconds=1)
        try:
            wait = await self._ask("EVAL", ALLOW, 1, limit_key(key), rate, str(period))
        except _AwayError:
            observe.BUS_LIMITS_UNSHARED.inc()
            return await self._here.allow(key, rate, per)
        return timedelta(microseconds=wait) if wait else None

    async def appear(
        self, project: ProjectId, operator: OperatorId, presence: str, lasts: timedelta
    ) -> None:
        await self._here.appear(project, operator, presence, lasts)
        ms = ceil(lasts / timedelta(milliseconds=1))
        with suppress(_AwayError):
            how = (operator, self._me, presence, ms)
            await self._ask("EVAL", APPEAR, 1, presence_key(project), *how)

    async def present(self, project: ProjectId) -> dict[OperatorId, str]:
        try:
            told = await self._ask("EVAL", PRESENT, 1, presence_key(project))
        except _AwayError:
            return await self._here.present(project)
        words = [each.decode() for each in told]
        return dict(zip(map(OperatorId, words[::2]), words[1::2], strict=True))

    async def look(
        self, dialog: DialogId, operator: OperatorId, screen: str, lasts: timedelta = LOOK_LASTS
    ) -> None:
        await self._here.look(dialog, operator, screen, lasts)
        ms = ceil(lasts / timedelta(milliseconds=1))
        with suppress(_AwayError):
            # An operator's screens are to a dialog what his processes are to a project.
            await self._ask("EVAL", APPEAR, 1, looks_key(dialog), operator, screen, "", ms)

    async def lookers(self, dialog: DialogId) -> set[OperatorId]:
        try:
            told = await self._ask("EVAL", PRESENT, 1, looks_key(dialog))
        except _AwayError:
            return await self._here.lookers(dialog)
        return {OperatorId(each.decode()) for each in told[::2]}

    async def _where(self) -> tuple[str, int]:
        told = await self._ask("EVAL", WHERE, 3, HEAD, EVENTS, WAKES, _new_epoch(), _ms(LASTS))
        return told[0].decode(), told[1]

    async def _reach(self, epoch: str, number: int) -> None:
        """Waits until this process has heard the stream up to that number."""
        async with asyncio.timeout(CATCH_UP_SECONDS):
            while self._epoch != epoch or self._number < number:
                await self._movement()

    async def _movement(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    # The connection that speaks.

    async def _ask(self, *words: str | bytes | int) -> Any:
        """The server's answer; _AwayError at once while it is away, and soon if it is slow."""
        if self._away:
            raise _AwayError
        question = _Question(words, asyncio.get_running_loop().create_future())
        self._questions.append(question)
        self._due.set()
        return await question.answer

    async def _speak(self) -> None:
        pause = 0.0
        while True:
            client = self._client()
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    # As the rounds are asked: a pipeline has a connection of its own.
                    await client.pipeline(transaction=False).execute_command("PING").execute()
                self._come_back()
                pause = 0.0
                while True:
                    await self._due.wait()
                    self._due.clear()
                    await self._round(client)
            except (RedisError, OSError, TimeoutError) as error:
                self._lose(error)
            finally:
                await _leave(client)
            pause = min(PAUSE_MAX_SECONDS, pause * 2 or 0.05)
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - not a secret

    async def _round(self, client: Any) -> None:
        """Says what waits and asks what is asked; raises if any of it was not answered."""
        questions, self._questions = self._questions, []
        unsaid, wakes = list(islice(self._unsaid, AT_ONCE)), list(self._wakes)
        self._wakes.clear()
        fresh = self._spilled
        commands: list[tuple[Any, ...]] = [each.words for each in questions]
        if unsaid or wakes:
            how = (_new_epoch(), _ms(LASTS), self._me, KEPT_EVENTS, int(fresh), len(unsaid))
            what = (*(each.wire for each in unsaid), *wakes)
            commands.insert(0, ("EVAL", SAY, 3, HEAD, EVENTS, WAKES, *how, *what))
        pipe = client.pipeline(transaction=False)
        for words in commands:
            pipe.execute_command(*words)
        try:
            async with asyncio.timeout(self._answer_seconds):
                answers = await pipe.execute(raise_on_error=False)
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
        except BaseException:
            self._questions = questions + self._questions
            raise
        if unsaid or wakes:
            (epoch, number), *answers = answers
            self._spilled = self._spilled and not fresh
            for n, each in enumerate(unsaid, start=number - len(unsaid) + 1):
                self._unsaid.popleft()
                if not each.said.done():
                    each.said.set_result(f"{epoch.decode()}:{n}")
        for question, answer in zip(questions, answers, strict=True):
            if not question.answer.done():
                question.answer.set_result(answer)
        if self._unsaid:
            self._due.set()

    def _come_back(self) -> None:
        if self._away:
            log.info("bus.back", extra={"unsaid": len(self._unsaid)})
        self._away = False
        observe.BUS_CONNECTED.set(1)
        self._due.set()

    def _lose(self, error: Exception) -> None:
        if not self._away:
            log.warning("bus.away", extra={"reason": type(error).__name__})
        self._away = True
        observe.BUS_CONNECTED.set(0)
        self._give_up()

    def _give_up(self) -> None:
        """Lets everybody go who waits for an answer; what is unsaid is said later."""
        questions, self._questions = self._questions, []
        for question in questions:
            if not question.answer.done():
                question.answer.set_exception(_AwayError())
        waiting, self._unsaid = self._unsaid, deque()
        for unsaid in waiting:
            self._put_off(unsaid)
            if not unsaid.said.done():
                self._here.give(Announcement(self._cursor_of_none(), unsaid.event))
                unsaid.said.set_result("")

    def _put_off(self, unsaid: _Unsaid) -> None:
        if unsaid.passing:
            observe.BUS_EVENTS_DROPPED.inc()
            return
        if len(self._unsaid) >= self._unsaid_max:
            observe.BUS_EVENTS_DROPPED.inc(len(self._unsaid))
            self._unsaid.clear()
            self._spilled = True
        self._unsaid.append(unsaid)

    def _cursor_of_none(self) -> str:
        """A cursor that nobody can resume by, unlike every other."""
        return f"{secrets.token_hex(6)}:0"

    # The connection that hears.

    async def _hear(self) -> None:
        pause = 0.0
        while True:
            client = self._client()
            try:
                await self._arrive(client)
                pause = 0.0
                while True:
                    await self._read(client)
            except _TurnedError:
                # The next arrival finds where things stand.
                pause = 0.05
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("bus.deaf", extra={"reason": type(error).__name__})
                pause = min(PAUSE_MAX_SECONDS, pause * 2 or 0.05)
            finally:
                await _leave(client)
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - not a secret

    async def _arrive(self, client: Any) -> None:
        """Goes on where it left off if that can still be read, else lets every listener look."""
        async with asyncio.timeout(CONNECT_SECONDS):
            try:
                run = str((await client.info("server")).get("run_id", ""))
            except NoPermissionError:
                run = ""
            words = (_new_epoch(), _ms(LASTS), run)
            told = await client.execute_command("EVAL", ARRIVE, 3, HEAD, EVENTS, WAKES, *words)
            epoch, number, self._woken = told[0].decode(), told[1], told[2].decode()
            if epoch != self._epoch or number < self._number:
                await self._begin(client, epoch, number)
        # A call may have been missed.
        self._here.wake_all()

    async def _begin(self, client: Any, epoch: str, number: int) -> None:
        first = max(number - TAIL, 0) + 1
        tail = await client.xrange(EVENTS, min=f"{first}-0", max=f"{number}-0") if number else []
        known = bool(self._epoch)
        self._kept.clear()
        self._epoch, self._number = epoch, number
        for id, fields in tail:
            at = int(id.partition(b"-")[0])
            # What was trimmed or belongs to another epoch leaves a hole that ends the tail.
            if at != number - len(tail) + len(self._kept) + 1 or fields[b"e"].decode() != epoch:
                self._kept.clear()
                break
            self._kept.append(self._announcement(at, fields[b"w"]))
        if known:
            observe.BUS_GAPS.inc()
            log.info("bus.gap", extra={"number": number})
            self._here.interrupt()
        self._moved.set()

    async def _read(self, client: Any) -> None:
        at = {EVENTS: f"{self._number}-0", WAKES: self._woken}
        async with asyncio.timeout(BLOCK_SECONDS + CONNECT_SECONDS):
            told = await client.xread(at, count=500, block=int(BLOCK_SECONDS * 1000))
            if not told:
                epoch, number = await client.hmget(HEAD, "epoch", "number")
                if epoch != self._epoch.encode() or int(number or 0) < self._number:
                    raise _TurnedError
        for stream, items in told:
            for id, fields in items:
                if fields[b"e"].decode() != self._epoch:
                    raise _TurnedError
                if stream.decode() == WAKES:
                    self._woken = id.decode()
                    if fields[b"by"].decode() != self._me:
                        await self._here.wake(fields[b"n"].decode())
                else:
                    self._take(int(id.partition(b"-")[0]), fields[b"w"])
        self._moved.set()

    def _take(self, number: int, wire: bytes) -> None:
        if number != self._number + 1:
            # Trimmed before it was read: the listeners must look, and so must the late ones.
            observe.BUS_GAPS.inc()
            self._kept.clear()
            self._here.interrupt()
        self._number = number
        announcement = self._announcement(number, wire)
        self._kept.append(announcement)
        if announcement is not None:
            self._here.give(announcement)

    def _announcement(self, number: int, wire: bytes) -> Announcement | None:
        """None for an event of a newer program, which is nothing to this one."""
        try:
            event = msgspec.json.decode(wire, type=HubEvent)
        except msgspec.MsgspecError:
            log.warning("event.unknown", extra={"number": number})
            return None
        return Announcement(f"{self._epoch}:{number}", event)


async def _leave(client: Any) -> None:
    with suppress(RedisError, OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            await client.aclose()


def _new_epoch() -> str:
    return secrets.token_hex(6)


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
