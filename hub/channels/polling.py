"""Channels that are asked what happened, where no hook can reach the hub.

One process asks at a time. What was brought is durable before the platform is told so by the
next question; who dies in between is brought it again, and a repeat is known by its key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from hub import observe
from hub.bus import Bus
from hub.channels.in_use import Channels
from hub.channels.port import ChannelKind, Hook, Polled
from hub.channels.pulse import Pulses
from hub.errors import (
    CredentialsError,
    DeliveryError,
    NotFoundError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnavailableError,
)
from hub.intake import Intake
from hub.keeping.keys import Keys
from hub.leases import Turn
from hub.model import ChannelId, Lock
from hub.store.engine import AbsentError, Engine, Insert, TakenError

log = logging.getLogger(__name__)

Way = Literal["hook", "poll", "none"]
Kind = ChannelKind[Any]

WAKE = "polling"
LOOK_EVERY = timedelta(seconds=2)
TURN_LASTS = timedelta(seconds=60)
TURN_AGAIN = timedelta(seconds=10)
POLL_TIMEOUT = timedelta(seconds=60)
PAUSE_FIRST, PAUSE_LAST = timedelta(seconds=1), timedelta(seconds=60)
HALTED_LOOK = timedelta(seconds=30)
AWAY_AFTER = 3
"""Failures in a row after which a platform that fails otherwise than by silence is away too."""


def how(kind: Kind, public_url: str) -> Way:
    """How a channel's updates come; by itself a hook needs a public address with a certificate."""
    wanted = getattr(kind.settings, "receive", "auto")
    can = kind.capabilities.receives
    if kind.capabilities.mute and "poll" not in can:
        # Whoever is told the address may stand in the same network.
        return "hook"
    if "hook" in can and public_url and wanted != "poll":
        told, safe = wanted == "hook", public_url.startswith("https://")
        if told or safe or "poll" not in can:
            return "hook"
    if "poll" in can and wanted != "hook":
        return "poll"
    return "none"


class Polling:
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        intake: Intake,
        pulses: Pulses,
        keys: Keys,
        public_url: str,
        now: Callable[[], datetime],
        name: str = "",
        *,
        turn_again: timedelta = TURN_AGAIN,
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._intake = intake
        self._pulses = pulses
        self._keys = keys
        self._public_url = public_url
        self._now = now
        self._name = name
        self._turn_again = turn_again
        self._asking: dict[str, tuple[Kind, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Asks for every channel that is to be asked, until cancelled."""
        try:
            while True:
                self.look()
                await self._bus.sleep(WAKE, LOOK_EVERY)
        finally:
            leaving = [task for _, task in self._asking.values()]
            for task in leaving:
                task.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)

    def look(self) -> None:
        """Begins and ends the asking as channels come, change and go."""
        wanted: dict[str, Kind] = {}
        for document in self._channels.all():
            try:
                kind = self._channels.get(document.id)
            except (NotFoundError, UnavailableError):
                continue
            if how(kind, self._public_url) == "poll":
                wanted[document.id] = kind
        for id, (kind, task) in list(self._asking.items()):
            if wanted.get(id) is not kind or task.done():
                task.cancel()
                if task.done():
                    del self._asking[id]
        for id, kind in wanted.items():
            if id not in self._asking:
                self._asking[id] = (kind, asyncio.create_task(self._guarded(kind)))

    async def _guarded(self, kind: Kind) -> None:
        turn = Turn(self._engine, f"poll:{kind.id}", self._name, self._now, TURN_LASTS)
        try:
            with observe.about(channel=kind.id):
                while True:
                    try:
                        await turn.during(lambda: self._ask(kind))
                    except UnavailableError as error:
                        log.warning("polling.waits", extra={"reason": str(error)})
                    except Exception:
                        log.exception("polling.failed")
                    await asyncio.sleep(self._turn_again.total_seconds())
        finally:
            await turn.pass_on()

    async def _ask(self, kind: Kind) -> None:
        """Asks again and again while it is this process's turn."""
        failed = 0
        while True:
            pause = await self.once(kind, failed)
            failed = failed + 1 if pause else 0
            if pause:
                await asyncio.sleep(pause.total_seconds())

    async def once(self, kind: Kind, failed: int = 0) -> timedelta:
        """One question and what it brought; how long to wait before the next.

        `failed` is how many before it got no answer.
        """
        pulse = await self._pulses.of(kind.id)
        if pulse.state != "away" and not self._pulses.may_be_asked(pulse, kind.id):
            rest = (pulse.until or self._now() + HALTED_LOOK) - self._now()
            return min(max(rest, PAUSE_FIRST), HALTED_LOOK)
        mark, marker = self._pulses.mark(kind.id), await self._marker(kind)
        try:
            async with asyncio.timeout(POLL_TIMEOUT.total_seconds()):
                if pulse.state == "halted":
                    # Some tell of nothing new as calmly as before, whatever is wrong with the key.
                    with suppress(RejectedError):
                        await kind.account()
                polled = await kind.poll(marker)
        except TimeoutError:
            return await self._missed(
                kind, TransientError("timeout", reason="timeout"), mark, failed
            )
        except DeliveryError as error:
            return await self._missed(kind, error, mark, failed)
        await self._pulses.reached(kind.id)
        await self._pulses.deafen(kind.id, "")
        await self._take(kind, polled)
        if polled.marker != marker:
            await self._keep(kind, polled.marker)
        return timedelta(0)

    async def _take(self, kind: Kind, polled: Polled) -> None:
        for body in polled.bodies:
            await self._intake.take(kind, Hook(body=body, received_at=self._now()))

    async def _missed(self, kind: Kind, error: DeliveryError, mark: str, failed: int) -> timedelta:
        observe.POLLS_FAILED.labels(kind=kind.kind, reason=error.reason).inc()
        log.warning("polling.missed", extra={"reason": error.reason})
        pause = min(PAUSE_FIRST * (1 << min(failed, 10)), PAUSE_LAST)
        if isinstance(error, CredentialsError):
            await self._pulses.halt(kind.id, error.reason, mark)
            return HALTED_LOOK
        if isinstance(error, ThrottledError):
            if error.everywhere:
                until = self._now() + error.retry_after
                await self._pulses.pause(kind.id, error.reason, until)
            return max(error.retry_after, PAUSE_FIRST)
        if isinstance(error, TransientError):
            if error.reason == "offline" or failed + 1 >= AWAY_AFTER:
                await self._pulses.away(kind.id, error.reason)
            return pause
        await self._pulses.deafen(kind.id, error.reason)
        return PAUSE_LAST

    async def _marker(self, kind: Kind) -> str:
        """Where the last question left off; empty for a key that nothing was asked with yet."""
        lock = await self._engine.get(Lock, _id(kind.id))
        if lock is None or not self._keys.verify("poll", _key(kind), lock.holder):
            return ""
        return lock.value

    async def _keep(self, kind: Kind, marker: str) -> None:
        # Another key is another account, whose numbers begin elsewhere.
        kept = Lock(id=_id(kind.id), holder=self._keys.sign("poll", _key(kind)), value=marker)
        try:
            await self._engine.change(
                Lock, kept.id, lambda had: replace(had, holder=kept.holder, value=marker)
            )
        except AbsentError:
            try:
                await self._engine.write(Insert(kept))
            except TakenError:
                raise UnavailableError("somebody else asks too") from None


def _id(channel: ChannelId) -> str:
    return f"poll:{channel}"


def _key(kind: Kind) -> str:
    """What the account is known by: its token, or all settings of a kind without one."""
    token = getattr(kind.settings, "token", None)
    if isinstance(token, str):
        return f"{kind.id}:{token}"
    return f"{kind.id}:{msgspec.json.encode(kind.settings, order='deterministic').decode()}"
