"""Phones that do what a list says: `["ring", ("wait", 0.3), "answer", ("dtmf", "1"), "hang up"]`.

The steps: `ring`, `progress`, `answer`, `hang up` or `("hang up", word)` with one of Asterisk's
words for why, `("wait", seconds)`, `("until", event)`, `("dtmf", keys)`, `("say", wav)`, `record`
(what the phone hears from here on). After the last step a phone stays as it is until the other
side ends it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from telephony.ari.client import Ari, AriError
from tests.telephony.pbx.asterisks import Asterisk

Step = str | tuple[str, Any]
APP = "phones"
WAITS_S = 60.0


@dataclass(eq=False)
class Ring:
    """One call that a phone had."""

    number: str
    caller: str
    name: str
    channel: str
    folder: Path
    did: list[str] = field(default_factory=list)
    pressed: str = ""
    cause: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def recording(self) -> Path:
        return self.folder / f"{self.channel}.wav"


class Phones:
    """Every number; one that nothing was told of does not exist."""

    def __init__(self, asterisk: Asterisk) -> None:
        self._asterisk = asterisk
        self._ari = Ari(asterisk.url, asterisk.user, asterisk.password)
        self._plans: dict[str, list[Sequence[Step]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._live: dict[str, Ring] = {}
        self._recording: set[str] = set()
        self._changed = asyncio.Event()
        self.rings: dict[str, list[Ring]] = defaultdict(list)

    def on(self, number: str, *plans: Sequence[Step]) -> None:
        """Its calls go by these plans, one after another; the last is for all further ones."""
        self._plans[number.removeprefix("+")] = list(plans)

    @property
    def busy(self) -> int:
        """How many calls there are now."""
        return len(self._live)

    async def rung(self, number: str, times: int = 1) -> Ring:
        """The so-maniest call of that number, once it has come."""
        number = number.removeprefix("+")
        await self.until(lambda: len(self.rings[number]) >= times)
        return self.rings[number][times - 1]

    async def silent(self) -> None:
        """Returns when no phone has a call any more, and what was recorded is there."""
        await self.until(lambda: not self._live and not self._recording)

    async def until(self, wanted: Callable[[], bool], seconds: float = WAITS_S) -> None:
        async with asyncio.timeout(seconds):
            while not wanted():
                await self._changed.wait()

    async def call(self, number: str, caller: str, steps: Sequence[Step]) -> Ring:
        """Somebody out there calls the exchange; the steps begin when it answers."""
        channel = f"ph{uuid4().hex[:8]}"
        ring = Ring(number, caller, "", channel, self._recordings)
        self._plans[channel] = [steps]
        self._live[channel] = ring
        await self._ari.post(
            "channels",
            endpoint=f"PJSIP/{number}@hub",
            app=APP,
            appArgs=f"out,{channel}",
            callerId=caller,
            channelId=channel,
        )
        return ring

    @property
    def _recordings(self) -> Path:
        return self._asterisk.folder / "spool" / "recording"

    async def run(self, ready: asyncio.Event) -> None:
        async for event in self._ari.events(APP):
            if not event:
                ready.set()
            else:
                self._take(event)

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for channel in list(self._live):
            await self._ari.delete(f"channels/{channel}")
        await self._ari.close()

    def _take(self, event: Mapping[str, Any]) -> None:
        channel = event.get("channel") or {}
        id = str(channel.get("id", ""))
        match event.get("type"):
            case "RecordingFinished" | "RecordingFailed":
                self._recording.discard(event["recording"]["name"])
            case "StasisStart" if channel["name"].startswith("PJSIP/"):
                self._begun(id, channel, [str(each) for each in event.get("args", ())])
            case "ChannelDtmfReceived" if id in self._live:
                self._live[id].pressed += event["digit"]
            case "ChannelHangupRequest" if id in self._live:
                self._live[id].cause = int(event.get("cause", 0))
            case "StasisEnd" | "ChannelDestroyed" if id in self._live:
                self._live.pop(id).ended.set()
                if (task := self._tasks.pop(id, None)) is not None:
                    task.cancel()
        self._changed.set()
        self._changed.clear()

    def _begun(self, id: str, channel: Mapping[str, Any], args: list[str]) -> None:
        if args[0] == "out":
            ring = self._live[id]
            plans = self._plans[id]
        else:
            caller = channel["caller"]
            ring = Ring(args[0], caller["number"], caller["name"], id, self._recordings)
            self._live[id] = ring
            self.rings[ring.number.removeprefix("+")].append(ring)
            plans = self._plans.get(ring.number.removeprefix("+"), [[("hang up", "unallocated")]])
        steps = plans[0] if len(plans) == 1 else plans.pop(0)
        self._tasks[id] = asyncio.create_task(self._play(ring, steps))

    async def _play(self, ring: Ring, steps: Sequence[Step]) -> None:
        # A phone that is hung up during a step is no error of the step's.
        with suppress(AriError):
            for step in steps:
                name, told = (step, None) if isinstance(step, str) else step
                await self._do(ring, name, told)
                ring.did.append(name)

    async def _do(self, ring: Ring, name: str, told: Any) -> None:
        channel = f"channels/{ring.channel}"
        match name:
            case "ring" | "progress" | "answer":
                await self._ari.post(f"{channel}/{name}")
            case "wait":
                await asyncio.sleep(told)
            case "until":
                await told.wait()
            case "dtmf":
                await self._ari.post(f"{channel}/dtmf", dtmf=told, duration=80, between=80)
            case "say":
                await self._ari.post(f"{channel}/play", media=[f"sound:{told.with_suffix('')}"])
            case "record":
                await self._record(ring)
            case "hang up":
                await self._ari.delete(channel, reason=told or "normal")
            case _:
                raise AssertionError(name)

    async def _record(self, ring: Ring) -> None:
        """By a channel beside it: its own would do nothing else meanwhile."""
        spy = f"spy-{ring.channel}"
        self._recording.add(ring.channel)
        await self._ari.post(f"channels/{ring.channel}/snoop/{spy}", spy="in", app=APP)
        async with asyncio.timeout(WAITS_S):
            while True:
                try:
                    await self._ari.post(
                        f"channels/{spy}/record",
                        name=ring.channel,
                        format="wav",
                        ifExists="overwrite",
                    )
                except AriError as error:
                    if error.status != 409:
                        raise
                else:
                    return


@asynccontextmanager
async def playing(asterisk: Asterisk) -> AsyncIterator[Phones]:
    phones = Phones(asterisk)
    ready = asyncio.Event()
    task = asyncio.create_task(phones.run(ready))
    try:
        async with asyncio.timeout(WAITS_S):
            await ready.wait()
        yield phones
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await phones.close()
