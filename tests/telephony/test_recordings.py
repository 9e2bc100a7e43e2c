"""What was recorded of a talk comes into the files of its project, or is lost and said to be."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

import pytest

from hub.calls.call import Call, Outcome
from hub.calls.recordings import Recordings
from hub.calls.trunk import LineError
from hub.events import CallChanged
from hub.files import RECORDING
from hub.hub import Hub
from hub.model import File
from hub.store.engine import Insert
from hub.store.schema import FILES
from telephony.simulator import Simulated, SimulatorSettings
from tests.spine import SHOP, START

SOUND = b"RIFF\x00\x00\x01\x00WAVEfmt " + bytes(60_000)


class Tape(Simulated):
    """A line that recorded this, or nothing, or cannot give it away."""

    def __init__(self, holds: bytes | Exception | None) -> None:
        super().__init__(SimulatorSettings(), {})
        self.holds = holds
        self.asked: list[str] = []

    async def recorded(self, name: str, to: Path) -> bool:
        self.asked.append(name)
        if isinstance(self.holds, Exception):
            raise self.holds
        if self.holds is not None:
            to.write_bytes(self.holds)
        return self.holds is not None


@pytest.fixture
async def call(hub: Hub) -> Call:
    call = Call(
        id="lead:1",
        project=SHOP,
        channel=hub.channels.all()[0].id,  # type: ignore[arg-type]
        phone="+79161234567",
        outcome=Outcome.TALKED,
        live=False,
        began_at=START,
        talk_at=START,
        changed_at=START,
    )
    await hub.engine.write(Insert(call))
    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "incoming"


@pytest.fixture
def recordings(hub: Hub, folder: Path) -> Recordings:
    return Recordings(hub.engine, hub.bus, hub.files, folder, hub.now)


async def files(hub: Hub) -> list[File]:
    return (await hub.engine.find(FILES, {"project": SHOP}, limit=10)).items


async def test_it_is_kept_once_used_by_its_call_and_told(
    hub: Hub, call: Call, recordings: Recordings, folder: Path
) -> None:
    tape = Tape(SOUND)
    async with hub.bus.listen(10) as ear:
        await recordings.keep(call, tape)
        [told] = await ear.take()
    assert isinstance(told.event, CallChanged)
    kept = told.event.call
    [file] = await files(hub)
    assert (file.id, file.by, file.used_by) == (kept.recording, RECORDING, call.id)
    assert (file.size_bytes, file.mime) == (len(SOUND), "audio/wav")
    assert tape.asked == [f"{call.key}-r"]
    assert list(folder.iterdir()) == []

    await recordings.keep(kept, tape)
    await recordings.keep(call, tape)
    after = await hub.engine.get(Call, call.id)
    assert after is not None
    assert after.recording == file.id
    assert [each.used for each in await files(hub) if each.id != file.id] == [False]


@pytest.mark.parametrize(
    ("holds", "reason"),
    [
        (LineError(Outcome.ENGINE_ERROR, "503"), "engine_error"),
        (OSError(errno.ENOSPC, "No space left on device"), "OSError"),
        (b"", "BadValueError"),
    ],
)
async def test_one_that_is_lost_costs_nothing_else(
    hub: Hub,
    call: Call,
    recordings: Recordings,
    folder: Path,
    holds: bytes | Exception,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        await recordings.keep(call, Tape(holds))
    [said] = [each for each in caplog.records if each.message == "recording.lost"]
    assert said.__dict__["reason"] == reason
    assert (await hub.engine.get(Call, call.id)) == call
    assert await files(hub) == []
    assert list(folder.iterdir()) == []


async def test_where_nothing_was_recorded_there_is_nothing(
    hub: Hub, call: Call, recordings: Recordings, folder: Path
) -> None:
    await recordings.keep(call, Tape(None))
    assert await files(hub) == []
    assert list(folder.iterdir()) == []
