"""The legs of an Asterisk: dialled, played to and joined by its REST interface.

A leg is made and then dialled, two requests, because one that is made by one request is hung up if
it is answered while there is no socket. All names of ours there have our mark before them.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, Protocol

from hub.calls.call import Outcome
from hub.calls.trunk import AnyLegEvent, LineError
from telephony.ari.client import Ari, AriError
from telephony.ari.hearing import HEARD, Hearing, Leg

log = logging.getLogger(__name__)

PATIENCE_S = 10.0
"""How long there may be no socket before all calls are given up: nobody could end them.

Whether those who talked still do is asked by whoever conducts, once there is one.
"""
STARTS_S = 5.0
RING_MORE_S = 5
"""Asterisk gives up ringing so much later than whoever conducts, should that one have died."""
BACKOFF_MAX_S = 15.0
HANG_UP_TRIES = 4
SWEPT_AT_ONCE = 10
RECORD_MAX_S = 4 * 3600
RECORD_MAX_BYTES = RECORD_MAX_S * 16_000 + 1_000
RECORDED_TRIES = 20
TONE = "tone:ring;tonezone=ru"
COMMA_MS = 500
DIGIT_MS = 100
_NAME = re.compile(r"[A-Za-z0-9._-]{1,60}", re.ASCII)


class Dialled(Protocol):
    """How an Asterisk wants numbers and sounds to be written."""

    per_second: float

    def endpoint(self, number: str) -> str: ...
    def is_internal(self, number: str) -> bool: ...
    def shown(self, number: str, name: str) -> str: ...
    def sound(self, path: Path) -> str: ...


class Stasis:
    """Implements `hub.calls.trunk.Legs`; one for each process and trunk.

    After a gap in the socket it looks at each leg: Asterisk never tells again. Nothing is dialled
    while there is none.
    """

    def __init__(
        self,
        ari: Ari,
        dialled: Dialled,
        *,
        mark: str,
        worker: str,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._ari = ari
        self._dialled = dialled
        self._prefix = f"otklik.{mark}."
        self._worker = re.sub(r"[^A-Za-z0-9_-]", "_", worker)[:40]
        self._app = self._new_app()
        self._patience_s = patience_s
        self._legs = Hearing(self._prefix)
        self._ready = False
        self._booted = ""
        self._left: set[str] = set()
        self._gap_at: float | None = None
        self._next_at = 0.0

    @property
    def ready(self) -> bool:
        return self._ready

    def listen(self, heard: Callable[[AnyLegEvent], None], lost: Callable[[], None]) -> None:
        self._legs.listen(heard, lost)

    async def run(self) -> None:
        failures = 0
        try:
            while True:
                try:
                    was_ready = await self._serve()
                except AriError as error:
                    was_ready = False
                    if failures == 0:
                        log.warning("asterisk is away", extra={"said": str(error)})
                failures = 0 if was_ready else failures + 1
                self._cut()
                await asyncio.sleep(self._pause(failures))
        finally:
            self._ready = False
            await self._ari.close()

    async def _serve(self) -> bool:
        """Hears one socket to its end; whether it ever was of use."""
        resync: asyncio.Task[None] | None = None
        was_ready = False
        try:
            async with asyncio.TaskGroup() as group, aclosing(self._ari.events(self._app)) as told:
                async for event in told:
                    if not event:
                        resync = group.create_task(self._resync())
                        continue
                    if event.get("type") == "ApplicationReplaced":
                        self._replaced()
                        break
                    self._legs.take(event)
                was_ready = self._ready
                if resync is not None:
                    resync.cancel()
        except* AriError as errors:
            raise _first(errors) from None
        return was_ready

    def _pause(self, failures: int) -> float:
        if failures == 0:
            return 0.05
        longest = 1.0 if self._legs else BACKOFF_MAX_S
        return min(longest, 0.2 * 2.0 ** min(failures, 8)) * random.uniform(0.7, 1.0)  # noqa: S311

    def _cut(self) -> None:
        """There is no socket: nothing is begun, and after a while nothing is believed."""
        self._ready = False
        now = time.monotonic()
        if self._gap_at is None:
            self._gap_at = now
        if self._legs and now - self._gap_at > self._patience_s:
            self._give_up()

    def _give_up(self) -> None:
        """Whoever conducts takes the calls for gone, or asks later whether they are."""
        self._legs.give_up()

    def _replaced(self) -> None:
        """Somebody serves our application now, and hears of our legs in our place."""
        log.error("another program took over our application in Asterisk; its calls are given up")
        self._app = self._new_app()
        self._give_up()

    def _new_app(self) -> str:
        return f"{self._prefix}{self._worker}.{secrets.token_hex(4)}"

    async def _resync(self) -> None:
        with suppress(AriError):
            await self._ari.only(self._app, HEARD)
        booted = await self._booted_at()
        if self._booted and booted != self._booted:
            self._give_up()
            self._left.clear()
        self._booted = booted
        for key in sorted(self._left):
            with suppress(LineError):
                await self.sweep(key)
                self._left.discard(key)
        if self._gap_at is not None:
            for leg in self._legs:
                if leg.made:
                    await self._look(leg)
        self._gap_at = None
        self._ready = True

    async def _booted_at(self) -> str:
        told = await self._ari.get("asterisk/info", only="status")
        try:
            return str(told["status"]["startup_time"])
        except (LookupError, TypeError):
            raise AriError(0, "this is no Asterisk") from None

    async def _look(self, leg: Leg) -> None:
        """What became of a leg while nothing was heard."""
        channel = f"{self._prefix}{leg.id}"
        told = await self._seen(f"channels/{channel}")
        if told is None:
            lost = leg.why or (Outcome.DROPPED if leg.up else Outcome.UNKNOWN)
            self._legs.gone(leg, lost, "gap")
            return
        leg.started.set()
        if told.get("state") == "Up":
            self._legs.answered(leg)
        elif told.get("state") in ("Ring", "Ringing"):
            self._legs.ringing(leg)
        for id in list(leg.plays):
            if await self._seen(f"playbacks/{channel}.{id}") is None:
                self._legs.played(leg, id)

    async def _seen(self, path: str) -> Mapping[str, Any] | None:
        """None for what is gone."""
        try:
            found: Mapping[str, Any] = await self._ari.get(path)
        except AriError as error:
            if error.status != 404:
                raise
            return None
        return found

    async def dial(
        self, leg: str, number: str, *, shown: str, display: str, ring_s: float, limit_s: float
    ) -> None:
        endpoint = self._dialled.endpoint(number)
        if not self._ready:
            raise LineError(Outcome.ENGINE_ERROR, "asterisk is away")
        internal = self._dialled.is_internal(number)
        if not internal:
            await self._in_turn()
        if self._legs[leg] is not None:
            raise LineError(Outcome.ENGINE_ERROR, "dialled already")
        limit = math.ceil(limit_s)
        known = Leg(id=_named(leg), limit_at=time.monotonic() + limit)
        # Events and answers come by different ways, in any order.
        self._legs.add(known)
        variables = {"TIMEOUT(absolute)": str(limit)}
        caller = self._dialled.shown(shown, display)
        if caller:
            variables["CONNECTEDLINE(all)"] = caller
        try:
            await self._made(known, endpoint, variables, internal=internal)
            await self._rung(known, ring_s)
        except BaseException:
            self._legs.forget(known)
            raise

    async def _made(
        self, leg: Leg, endpoint: str, variables: Mapping[str, str], *, internal: bool
    ) -> None:
        """A channel that rings nobody yet, and takes commands."""
        channel = f"{self._prefix}{leg.id}"
        try:
            await self._ari.post(
                "channels/create",
                endpoint=endpoint,
                app=self._app,
                channelId=channel,
                variables=dict(variables),
            )
        except AriError as error:
            if error.status == 409 and await self._is_there(f"channels/{channel}"):
                raise LineError(Outcome.ENGINE_ERROR, "dialled already") from None
            if not error.status:
                await self._drop(channel)
            # 500 is what Asterisk says of a phone that is not registered, or that it does not know.
            # After a true 409 it may say 409 for the next 500 of the same connection.
            away = internal and error.status in (409, 500)
            outcome = Outcome.UNREACHABLE if away else Outcome.ENGINE_ERROR
            raise LineError(outcome, str(error)) from None
        leg.made = True
        with suppress(TimeoutError):
            async with asyncio.timeout(STARTS_S):
                await leg.started.wait()

    async def _rung(self, leg: Leg, ring_s: float) -> None:
        if self._legs[leg.id] is not leg:
            return
        channel = f"{self._prefix}{leg.id}"
        leg.dialled = True
        try:
            timeout = math.ceil(ring_s) + RING_MORE_S
            await self._ari.post(f"channels/{channel}/dial", timeout=timeout)
        except AriError as error:
            if error.status == 404:
                return
            dropped = await self._drop(channel)
            # Without an answer, and with a phone that cannot be told to stop, it may well ring.
            outcome = Outcome.ENGINE_ERROR if error.status or dropped else Outcome.UNKNOWN
            raise LineError(outcome, str(error)) from None

    async def _in_turn(self) -> None:
        """Providers refuse whoever begins too many calls in a second."""
        now = time.monotonic()
        begin_at = max(now, self._next_at)
        self._next_at = begin_at + 1 / self._dialled.per_second
        if begin_at > now:
            await asyncio.sleep(begin_at - now)

    async def play(self, leg: str, id: str, sound: Path | None) -> None:
        known = self._legs[leg]
        if known is None:
            return
        media = TONE if sound is None else self._dialled.sound(sound)
        known.plays.add(_named(id))
        channel = f"{self._prefix}{leg}"
        if not await self._told(f"channels/{channel}/play/{channel}.{id}", media=[media]):
            known.plays.discard(id)

    async def hush(self, leg: str, id: str) -> None:
        known = self._legs[leg]
        if known is None or id not in known.plays:
            return
        known.plays.discard(id)
        await self._deleted(f"playbacks/{self._prefix}{leg}.{id}")

    async def press(self, leg: str, tones: str) -> None:
        if self._legs[leg] is None:
            return
        for commas, digits in re.findall(r"(,*)([0-9*#]+)", tones):
            await self._told(
                f"channels/{self._prefix}{leg}/dtmf",
                dtmf=digits,
                before=COMMA_MS * len(commas),
                between=DIGIT_MS,
                duration=DIGIT_MS,
            )

    async def join(self, bridge: str, legs: Sequence[str]) -> None:
        name = f"{self._prefix}{_named(bridge)}"
        if not await self._is_there(f"bridges/{name}"):
            # Packets that Asterisk only passes on keep the numbers of whoever sent them. After a
            # colleague took over, every second visitor's phone dropped them as late: silence.
            await self._told(f"bridges/{name}", type="mixing,proxy_media")
        channels = [f"{self._prefix}{leg}" for leg in legs if self._legs[leg] is not None]
        if channels and not await self._told(f"bridges/{name}/addChannel", channel=channels):
            # All or nobody is added, so who is still there is added alone.
            for each in channels:
                await self._told(f"bridges/{name}/addChannel", channel=[each])

    async def hang_up(self, leg: str, why: Outcome) -> None:
        known = self._legs[leg]
        reason = "normal"
        if known is not None:
            known.why = known.why or why
            if not known.up:
                # Or the phone would show a call that was missed.
                elsewhere = why is Outcome.CANCELLED and "-o" in leg
                reason = "answered_elsewhere" if elsewhere else "no_answer"
        await self._deleted(f"channels/{self._prefix}{leg}", reason=reason)

    async def part(self, bridge: str) -> None:
        await self._deleted(f"bridges/{self._prefix}{bridge}")

    async def record(self, bridge: str, name: str) -> None:
        await self._told(
            f"bridges/{self._prefix}{bridge}/record",
            name=f"{self._prefix}{_named(name)}",
            format="wav",
            ifExists="overwrite",
            maxDurationSeconds=RECORD_MAX_S,
        )

    async def recorded(self, name: str, to: Path) -> bool:
        place = f"{self._prefix}{_named(name)}"
        with suppress(AriError):
            await self._ari.post(f"recordings/live/{place}/stop")
        for left in reversed(range(RECORDED_TRIES)):
            try:
                await self._ari.download(f"recordings/stored/{place}/file", to, RECORD_MAX_BYTES)
                break
            except AriError as error:
                if error.status != 404:
                    raise LineError(Outcome.ENGINE_ERROR, str(error)) from None
                if not left or not await self._is_there(f"recordings/live/{place}"):
                    return False
                # The file is closed a moment after its bridge.
                await asyncio.sleep(0.1)
            except OSError as error:
                raise LineError(Outcome.ENGINE_ERROR, error.strerror or "disk") from None
        return True

    async def forget(self, name: str) -> None:
        await self._deleted(f"recordings/stored/{self._prefix}{_named(name)}")

    async def _is_there(self, path: str) -> bool:
        try:
            return await self._seen(path) is not None
        except AriError as error:
            raise LineError(Outcome.ENGINE_ERROR, str(error)) from None

    async def sweep(self, key: str) -> int:
        mine = f"{self._prefix}{_named(key)}-"
        try:
            return await self._swept(mine)
        except LineError:
            # It is done once the engine is back.
            self._left.add(key)
            raise

    async def _swept(self, mine: str) -> int:
        legs = await self._ids("channels", mine)
        bridges = await self._ids("bridges", mine)
        gate = asyncio.Semaphore(SWEPT_AT_ONCE)

        async def drop(path: str) -> None:
            async with gate:
                await self._deleted(path)

        async with asyncio.TaskGroup() as group:
            for each in legs:
                group.create_task(drop(f"channels/{each}"))
        for each in bridges:
            await drop(f"bridges/{each}")
        return len(legs)

    async def adopt(self, legs: Sequence[str]) -> bool:
        if not self._ready:
            raise LineError(Outcome.UNKNOWN, "asterisk is away")
        adopted = [Leg(id=_named(leg), limit_at=math.inf, made=True, dialled=True) for leg in legs]
        try:
            for leg in adopted:
                self._legs.add(leg)
                source = f"channel:{self._prefix}{leg.id}"
                # To move it to our application would take it out of its bridge for a moment.
                await self._ari.post(f"applications/{self._app}/subscription", eventSource=source)
                leg.rang = leg.up = True
                if await self._seen(f"channels/{self._prefix}{leg.id}") is None:
                    raise AriError(404)
        except AriError as error:
            for leg in adopted:
                self._legs.forget(leg)
            if error.status:
                return False
            raise LineError(Outcome.UNKNOWN, str(error)) from None
        return True

    async def _ids(self, what: str, start: str) -> list[str]:
        try:
            found = await self._ari.get(what)
        except AriError as error:
            raise LineError(Outcome.ENGINE_ERROR, str(error)) from None
        return [str(each["id"]) for each in found if str(each["id"]).startswith(start)]

    async def _told(self, path: str, **what: Any) -> bool:
        """Asks for something; False if who it is asked of is gone."""
        try:
            await self._ari.post(path, **what)
        except AriError as error:
            # A list of channels of which one is gone is a bad request.
            if error.gone or (error.status == 400 and "channel" in what):
                return False
            raise LineError(Outcome.ENGINE_ERROR, str(error)) from None
        return True

    async def _deleted(self, path: str, **told: str) -> None:
        """What must not stay is asked for again, for some seconds."""
        for n in range(HANG_UP_TRIES):
            try:
                await self._ari.delete(path, **told)
            except AriError as error:
                if error.status in (400, 401, 403) or n == HANG_UP_TRIES - 1:
                    raise LineError(Outcome.ENGINE_ERROR, str(error)) from None
                await asyncio.sleep(0.2 * 2**n)
            else:
                return

    async def _drop(self, channel: str) -> bool:
        try:
            await self._ari.delete(f"channels/{channel}")
        except AriError:
            return False
        return True


def _named(name: str) -> str:
    """A name that is a part of a path there as well as here."""
    if not _NAME.fullmatch(name):
        raise LineError(Outcome.ENGINE_ERROR, "not a name")
    return name


def _first(errors: BaseExceptionGroup[AriError]) -> AriError:
    one = errors.exceptions[0]
    return _first(one) if isinstance(one, BaseExceptionGroup) else one
