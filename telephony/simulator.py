"""A telephone engine that rings nobody: for trying out, for tests, and for the demo's own phones.

What a phone does is said by the last two digits of its number, `HABITS`; a handset that is put in
for a number rings there instead, for somebody to answer. Everything it does is marked as training.
"""

from __future__ import annotations

import asyncio
import logging
import wave
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Protocol

import msgspec
from msgspec import Meta

from hub.calls.call import Outcome
from hub.calls.trunk import (
    TRUNK,
    Answered,
    AnyLegEvent,
    CallCaps,
    Gone,
    LineError,
    Played,
    Pressed,
    Ringing,
    Trunk,
    TrunkSettings,
)
from hub.channels.abilities import Capabilities
from hub.channels.port import Account, Hook
from hub.errors import SignatureError
from hub.events import ChannelEvent

log = logging.getLogger(__name__)

SCENARIOS = frozenset(
    (first, connect) for first in ("operator", "visitor") for connect in ("key", "message")
)


class Habit(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody does with a phone; times in seconds, None is never.

    It ends with `outcome` before an answer, or is answered, presses `keys` and is hung up there.
    """

    rings: bool = True
    outcome: Outcome | None = None
    answers_s: float | None = 2
    keys: str = ""
    keys_s: float = 2
    hangs_up_s: float | None = None


HABITS: Mapping[str, Habit] = MappingProxyType(
    {
        "01": Habit(outcome=Outcome.BUSY, rings=False),
        "02": Habit(answers_s=None),
        "03": Habit(outcome=Outcome.REJECTED),
        "04": Habit(rings=False, answers_s=None),
        "05": Habit(outcome=Outcome.INVALID_NUMBER, rings=False),
        "06": Habit(),
        "07": Habit(keys="9"),
        "08": Habit(hangs_up_s=1),
        "09": Habit(outcome=Outcome.CONGESTION, rings=False),
    }
)
"""By the last two digits of the number: busy, no answer, rejected, switched off, no such number,
answers and presses nothing, presses the wrong key, hangs up at once, no free line."""


class SimulatorSettings(TrunkSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`pace` divides every time of a phone's habit: 1 is as people do it.

    Others answer, press `keys` and talk for `talk_s` before the visitor hangs up.
    """

    pace: Annotated[float, Meta(ge=0.1, le=1_000)] = 1
    keys: Annotated[str, Meta(pattern=r"^[0-9*#]{0,4}\Z")] = "1"
    talk_s: Annotated[float, Meta(ge=0, le=600)] = 12


class Phone:
    """A leg as whoever answers it sees it."""

    def __init__(self, id: str, number: str, display: str, line: Simulated) -> None:
        self.id = id
        self.number = number
        self.display = display
        self.is_up = False
        self.is_gone = False
        self.others: set[str] = set()
        self.hears: Callable[[str], None] = lambda _: None
        self._line = line

    def answer(self) -> None:
        if not self.is_gone and not self.is_up:
            self.is_up = True
            self._line.told(Answered(leg=self.id))

    def press(self, digit: str) -> None:
        if self.is_up and not self.is_gone:
            self._line.told(Pressed(leg=self.id, digit=digit))

    def hang_up(self) -> None:
        """Whoever has it in his hand ends it; one that only rings is rejected."""
        self._line.gone(self, Outcome.TALKED if self.is_up else Outcome.REJECTED, by_far=True)


class Handset(Protocol):
    def rings(self, phone: Phone) -> None:
        """It rings; what is done with it is done by the phone's verbs.

        What it hears is told to `phone.hears`: "ring", "joined", "gone" or the path of a sound.
        """


class Simulated:
    """The line: every phone is a task of this process."""

    def __init__(self, settings: SimulatorSettings, handsets: Mapping[str, Handset]) -> None:
        self._settings = settings
        self._handsets = handsets
        self._heard: Callable[[AnyLegEvent], None] = lambda _: None
        self._phones: dict[str, Phone] = {}
        self._bridges: dict[str, set[str]] = {}
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}

    @property
    def ready(self) -> bool:
        return True

    async def run(self) -> None:
        await asyncio.Event().wait()

    def listen(self, heard: Callable[[AnyLegEvent], None], lost: Callable[[], None]) -> None:
        self._heard = heard

    async def dial(
        self, leg: str, number: str, *, shown: str, display: str, ring_s: float, limit_s: float
    ) -> None:
        phone = self._phones[leg] = Phone(leg, number, display, self)
        handset = self._handsets.get(number)
        if handset is not None:
            self.told(Ringing(leg=leg))
            handset.rings(phone)
            return
        self._spawn(leg, self._behave(phone, _habit(number, self._settings)))

    async def _behave(self, phone: Phone, habit: Habit) -> None:
        if habit.rings:
            self.told(Ringing(leg=phone.id))
        await self._pass(habit.answers_s if habit.answers_s is not None else 0)
        if habit.outcome is not None:
            self.gone(phone, habit.outcome, code="simulated")
            return
        if habit.answers_s is None:
            return
        phone.answer()
        if habit.hangs_up_s is not None:
            await self._pass(habit.hangs_up_s)
            phone.hang_up()
            return
        await self._pass(habit.keys_s)
        for digit in habit.keys:
            phone.press(digit)

    async def play(self, leg: str, id: str, sound: Path | None) -> None:
        phone = self._up(leg)
        phone.hears("ring" if sound is None else str(sound))
        if sound is not None:
            self._spawn(leg, self._played(leg, id, sound))

    async def _played(self, leg: str, id: str, sound: Path) -> None:
        seconds = await asyncio.to_thread(_lasts_s, sound)
        await self._pass(seconds)
        self.told(Played(leg=leg, id=id, whole=seconds > 0))

    async def hush(self, leg: str, id: str) -> None:
        pass

    async def press(self, leg: str, tones: str) -> None:
        self._up(leg)

    async def join(self, bridge: str, legs: Sequence[str]) -> None:
        for leg in legs:
            self._up(leg)
        together = self._bridges.setdefault(bridge, set())
        together.update(legs)
        for each in together:
            if (phone := self._phones.get(each)) is not None:
                phone.hears("joined")
                if phone.number not in self._handsets and "-v" in each:
                    self._spawn(each, self._talk(phone))

    async def _talk(self, phone: Phone) -> None:
        await self._pass(self._settings.talk_s)
        phone.hang_up()

    async def hang_up(self, leg: str, why: Outcome) -> None:
        if (phone := self._phones.get(leg)) is not None:
            self.gone(phone, why)

    async def part(self, bridge: str) -> None:
        self._bridges.pop(bridge, None)

    async def record(self, bridge: str, name: str) -> None:
        raise LineError(Outcome.ENGINE_ERROR, "nothing to record")

    async def recorded(self, name: str, to: Path) -> bool:
        return False

    async def forget(self, name: str) -> None:
        pass

    async def sweep(self, key: str) -> int:
        mine = [each for id, each in self._phones.items() if id.startswith(f"{key}-")]
        for phone in mine:
            self.gone(phone, Outcome.CANCELLED)
        for bridge in [each for each in self._bridges if each.startswith(f"{key}-")]:
            del self._bridges[bridge]
        return len(mine)

    async def adopt(self, legs: Sequence[str]) -> bool:
        return all(each in self._phones for each in legs)

    def told(self, event: AnyLegEvent) -> None:
        if event.leg in self._phones:
            self._heard(event)

    def gone(self, phone: Phone, outcome: Outcome, *, by_far: bool = False, code: str = "") -> None:
        if phone.is_gone:
            return
        phone.is_gone = True
        self._phones.pop(phone.id, None)
        self._heard(Gone(leg=phone.id, outcome=outcome, by_far=by_far, code=code))
        phone.hears("gone")
        for task in self._tasks.pop(phone.id, set()):
            if task is not asyncio.current_task():
                task.cancel()

    def _up(self, leg: str) -> Phone:
        phone = self._phones.get(leg)
        if phone is None or not phone.is_up:
            raise LineError(Outcome.ENGINE_ERROR, "no such leg")
        return phone

    def _spawn(self, leg: str, what: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(what)
        mine = self._tasks.setdefault(leg, set())
        mine.add(task)
        task.add_done_callback(mine.discard)

    async def _pass(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._settings.pace)


class Simulator(Trunk[SimulatorSettings]):
    """`handsets` ring for their numbers, whichever project dials them."""

    kind: ClassVar[str] = "simulator"
    settings_type: ClassVar[type[msgspec.Struct]] = SimulatorSettings
    capabilities: ClassVar[Capabilities] = msgspec.structs.replace(TRUNK, receives=frozenset())
    calls: ClassVar[CallCaps] = CallCaps(scenarios=SCENARIOS, transfers=True, training=True)
    handsets: ClassVar[dict[str, Handset]] = {}

    def line(self, worker: str) -> Simulated:
        return Simulated(self.settings, self.handsets)

    def verify(self, hook: Hook) -> None:
        raise SignatureError("nobody calls by a simulator")

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return ()

    async def account(self) -> Account:
        return Account(name="")


def _habit(number: str, settings: SimulatorSettings) -> Habit:
    return HABITS.get(number[-2:], Habit(keys=settings.keys))


def _lasts_s(sound: Path) -> float:
    """How long the file is heard; nothing if it is none."""
    with suppress(OSError, wave.Error, EOFError), wave.open(str(sound), "rb") as file:
        return file.getnframes() / max(1, file.getframerate())
    return 0
