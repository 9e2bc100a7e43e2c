"""A played person's telephone on the simulator's line: what is done with it is what happens."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots.platforms.handset import RINGS_MAX, Handset
from hub.calls.call import Outcome
from hub.calls.trunk import Answered, AnyLegEvent, Gone, Pressed, Ringing
from telephony.simulator import Simulated, SimulatorSettings

NUMBER, OTHER = "+79161234567", "+79037654321"


class Line:
    """The simulator with two handsets, and everything that it told."""

    def __init__(self) -> None:
        self.handset, self.other = Handset(self._words), Handset()
        handsets = {NUMBER: self.handset, OTHER: self.other}
        self.line = Simulated(SimulatorSettings(pace=100), handsets)
        self.told: list[AnyLegEvent] = []
        self.line.listen(self.told.append, lambda: None)

    async def _words(self, leg: str) -> str:
        return f"said to {leg}"

    async def rings(self, leg: str = "k-o1", number: str = NUMBER) -> None:
        await self.line.dial(leg, number, shown="", display="Заявка", ring_s=5, limit_s=5)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    made = Line()
    yield made
    await made.line.sweep("k")


async def test_it_rings_is_answered_and_its_keys_and_its_end_are_told(line: Line) -> None:
    await line.rings()
    await asyncio.wait(line.handset.asking())
    [shown] = line.handset.state()["calls"]
    assert (shown["up"], shown["display"], shown["says"]) == (False, "Заявка", "said to k-o1")
    for verb, digit in (("answer", ""), ("answer", ""), ("press", "1"), ("hang_up", "")):
        line.handset.do(verb, "k-o1", digit)
    assert line.told == [
        Ringing(leg="k-o1"),
        Answered(leg="k-o1"),
        Pressed(leg="k-o1", digit="1"),
        Gone(leg="k-o1", outcome=Outcome.TALKED, by_far=True),
    ]
    assert line.handset.state()["calls"] == []


async def test_one_that_only_rings_is_rejected_by_hanging_up(line: Line) -> None:
    await line.rings()
    line.handset.do("hang_up", "k-o1")
    assert line.told[-1] == Gone(leg="k-o1", outcome=Outcome.REJECTED, by_far=True)


@pytest.mark.parametrize("digit", ["", "12", "A", "+", "1\n", "01234"])
async def test_only_a_key_of_a_telephone_can_be_pressed(line: Line, digit: str) -> None:
    await line.rings()
    line.handset.do("answer", "k-o1")
    line.handset.do("press", "k-o1", digit)
    line.handset.do("burn", "k-o1")
    assert [each for each in line.told if isinstance(each, Pressed)] == []


async def test_a_call_of_another_person_or_of_before_is_nobodys(line: Line) -> None:
    await line.rings()
    line.other.do("hang_up", "k-o1")
    assert not any(isinstance(each, Gone) for each in line.told)
    line.handset.do("hang_up", "k-o1")
    count = len(line.told)
    line.handset.do("answer", "k-o1")
    assert len(line.told) == count


async def test_what_is_heard_is_shown_and_only_that_file_can_be_had(
    line: Line, tmp_path: Path
) -> None:
    sound = tmp_path / "hello.wav"
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(b"\0\0" * 800)
    await line.rings()
    line.handset.do("answer", "k-o1")
    await line.line.play("k-o1", "k-p1", sound)
    [shown] = line.handset.state()["calls"]
    id = shown["sound"].removeprefix("/sounds/").removesuffix(".wav")
    assert line.handset.sound(id) == sound
    assert line.handset.sound("hello") is None
    assert line.other.sound(id) is None
    await line.rings("k-v1", OTHER)
    line.other.do("answer", "k-v1")
    await line.line.join("k-b", ["k-o1", "k-v1"])
    assert [each["hears"] for each in line.handset.state()["calls"]] == ["joined"]


async def test_a_telephone_that_rings_too_much_rejects_what_comes_then(line: Line) -> None:
    for n in range(RINGS_MAX + 1):
        await line.rings(f"k-o{n}")
    assert len(line.handset.state()["calls"]) == RINGS_MAX
    assert [each.leg for each in line.told if isinstance(each, Gone)] == [f"k-o{RINGS_MAX}"]
