"""The platforms' hooks as they should be: set, looked at every few minutes, taken off again.

One process does it for all. A hook that points elsewhere is not fought over: somebody else uses
the key, and people are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from hub import legible
from hub.bus import Bus
from hub.channels.in_use import Channels
from hub.channels.polling import how
from hub.channels.port import ChannelKind, HookState
from hub.channels.pulse import Pulses
from hub.errors import (
    ConfigError,
    CredentialsError,
    DeliveryError,
    NotFoundError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnavailableError,
)
from hub.keeping.keys import Keys
from hub.keeping.secrets import SealError
from hub.leases import Turn
from hub.model import Channel, ChannelId
from hub.records import HookSeen, Pulse, Whose
from hub.store.engine import Engine

log = logging.getLogger(__name__)

Kind = ChannelKind[Any]

WAKE = "hooking"
EVERY = timedelta(seconds=20)
TURN_LASTS = timedelta(seconds=90)
CHECK_EVERY = timedelta(minutes=5)
ACCOUNT_EVERY = timedelta(hours=1)
CALL_TIMEOUT = timedelta(seconds=20)
AT_ONCE = 10
ELSEWHERE = "hook_elsewhere"
ERROR_MAX = 300


class Hooking:
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        pulses: Pulses,
        keys: Keys,
        public_url: str,
        now: Callable[[], datetime],
        name: str = "",
    ) -> None:
        self._bus = bus
        self._channels = channels
        self._pulses = pulses
        self._keys = keys
        self._public_url = public_url
        self._now = now
        self._turn = Turn(engine, "hooking", name, now, TURN_LASTS)

    async def run(self) -> None:
        """Looks every few seconds, and at once when a channel changed, until cancelled."""
        try:
            while True:
                try:
                    await self._turn.during(self.round)
                except UnavailableError as error:
                    log.warning("hooking.waits", extra={"reason": str(error)})
                except Exception:
                    log.exception("hooking.failed")
                await self._bus.sleep(WAKE, EVERY)
        finally:
            await self._turn.pass_on()

    async def round(self) -> None:
        """Brings every channel that it is time for to what it should be."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(document: Channel, pulse: Pulse) -> None:
            async with limit:
                try:
                    await self.tend(document, pulse)
                except UnavailableError:
                    raise
                except Exception:
                    log.exception("hooking.failed", extra={"channel": document.id})

        documents = self._channels.all()
        known = await self._pulses.all([each.id for each in documents])
        blank = {each.id: Pulse(id=each.id, project=each.project) for each in documents}
        async with asyncio.TaskGroup() as group:
            for document in documents:
                group.create_task(one(document, known.get(document.id, blank[document.id])))
        await self._pulses.round()

    async def tend(self, document: Channel, pulse: Pulse) -> None:
        """Sets, looks at or takes off the hook of one channel, and asks whose its key is."""
        id = ChannelId(document.id)
        try:
            kind = self._channels.get(document.id)
        except UnavailableError:
            return
        except NotFoundError:
            if pulse.hook_mark and not document.enabled:
                await self._drop(document)
            return
        if not kind.capabilities.receives or self._is_quiet(pulse, kind):
            return
        mark = self._pulses.mark(id)
        try:
            await self._account(kind, pulse)
            way = how(kind, self._public_url)
            if way == "hook":
                await self._hook(kind, pulse)
                return
            if pulse.hook_mark or pulse.checked_at is None:
                async with asyncio.timeout(CALL_TIMEOUT.total_seconds()):
                    if way == "poll":
                        # A platform brings to the hook what it is then not asked for.
                        await kind.drop_hook()
                await self._pulses.deafen(id, "" if way == "poll" else "no_public_address")
            await self._seen(id, None, "")
        except TimeoutError:
            await self._failed(id, TransientError("timeout", reason="timeout"), mark)
        except DeliveryError as error:
            await self._failed(id, error, mark)

    def _is_quiet(self, pulse: Pulse, kind: Kind) -> bool:
        """Whether it is not time yet, or nobody is to call there."""
        if pulse.mark != self._pulses.mark(kind.id) or pulse.checked_at is None:
            return False
        if pulse.state != "away" and not self._pulses.is_well(pulse, kind.id):
            return True
        age = self._now() - pulse.checked_at
        # A clock that ran ahead must not keep it from being looked at.
        return timedelta(0) <= age < (CHECK_EVERY if not pulse.deaf else CHECK_EVERY / 5)

    async def _account(self, kind: Kind, pulse: Pulse) -> None:
        fresh = pulse.mark == self._pulses.mark(kind.id) and pulse.checked_at is not None
        if fresh and pulse.account is not None and pulse.checked_at is not None:
            hour = ACCOUNT_EVERY.total_seconds()
            before, now = pulse.checked_at.timestamp() // hour, self._now().timestamp() // hour
            if before == now:
                return
        try:
            async with asyncio.timeout(CALL_TIMEOUT.total_seconds()):
                told = await kind.account()
        except RejectedError as error:
            if error.reason != "not_here":
                raise
            return
        had = pulse.account
        picture = had.picture if had is not None and had.username == told.username else ""
        name, username = (
            legible.line(each, legible.NAME_MAX) for each in (told.name, told.username)
        )
        whose = Whose(name=name, username=username, picture=picture)
        await self._pulses.reached(kind.id)
        await self._pulses.note(
            kind.id, lambda had: replace(had, account=whose) if had.account != whose else None
        )

    async def _hook(self, kind: Kind, pulse: Pulse) -> None:
        url = f"{self._public_url}/hooks/{kind.id}"
        wanted = self._wanted(kind, url)
        if self._mark(wanted) != pulse.hook_mark:
            await self._set(kind, url, wanted)
            return
        async with asyncio.timeout(CALL_TIMEOUT.total_seconds()):
            told = await kind.hook()
        if told.url:
            await self._pulses.reached(kind.id)
        known = pulse.hook.url if pulse.hook is not None else ""
        if told.url == url or (not told.url and not known):
            await self._seen(kind.id, told, pulse.hook_mark)
            await self._pulses.deafen(kind.id, "")
        elif not told.url:
            await self._set(kind, url, wanted)
        else:
            await self._seen(kind.id, told, pulse.hook_mark)
            await self._pulses.deafen(kind.id, ELSEWHERE)

    async def _set(self, kind: Kind, url: str, wanted: str) -> None:
        async with asyncio.timeout(CALL_TIMEOUT.total_seconds()):
            try:
                await kind.set_hook(url)
            except RejectedError as error:
                # It is written by hand into the platform's own pages.
                if error.reason != "not_here":
                    raise
            told = await kind.hook()
        log.info("hook.set", extra={"channel": kind.id})
        await self._pulses.reached(kind.id)
        await self._seen(kind.id, told, self._mark(wanted))
        elsewhere = bool(told.url) and told.url != url
        await self._pulses.deafen(kind.id, ELSEWHERE if elsewhere else "")

    async def _drop(self, document: Channel) -> None:
        """Takes the hook of a channel off that is switched off; a dead key needs no more."""
        kind = None
        try:
            kind = await self._channels.made(document)
            await kind.open()
            async with asyncio.timeout(CALL_TIMEOUT.total_seconds()):
                await kind.drop_hook()
        except (TransientError, TimeoutError) as error:
            log.warning("hook.kept", extra={"channel": document.id, "reason": str(error)})
            return
        except (DeliveryError, ConfigError, SealError) as error:
            log.warning("hook.kept", extra={"channel": document.id, "reason": str(error)})
        finally:
            if kind is not None:
                await kind.close()
        await self._seen(ChannelId(document.id), None, "")

    async def _seen(self, id: ChannelId, told: HookState | None, hook_mark: str) -> None:
        now = self._now()
        seen = (
            HookSeen(
                url=legible.line(told.url, legible.URL_MAX),
                waiting=told.waiting,
                error=legible.line(told.error, ERROR_MAX),
                error_at=told.error_at,
            )
            if told is not None
            else None
        )
        await self._pulses.note(
            id, lambda had: replace(had, hook=seen, hook_mark=hook_mark, checked_at=now)
        )

    async def _failed(self, id: ChannelId, error: DeliveryError, mark: str) -> None:
        now = self._now()
        log.warning("hook.failed", extra={"channel": id, "reason": error.reason})
        await self._pulses.note(id, lambda had: replace(had, checked_at=now))
        if isinstance(error, CredentialsError):
            await self._pulses.halt(id, error.reason, mark)
        elif isinstance(error, ThrottledError):
            if error.everywhere:
                await self._pulses.pause(id, error.reason, now + error.retry_after)
        elif isinstance(error, TransientError):
            if error.reason == "offline":
                await self._pulses.away(id, error.reason)
        else:
            await self._pulses.deafen(id, error.reason)

    def _wanted(self, kind: Kind, url: str) -> str:
        return f"{url} {self._pulses.mark(kind.id)}"

    def _mark(self, wanted: str) -> str:
        """What a hook was set for; under another key of ours its secret would be another."""
        return self._keys.sign("hooking", wanted)
