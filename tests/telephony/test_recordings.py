"""What was recorded of a talk comes into the files of its project, or is lost and said to be."""

from __future__ import annotations

import asyncio
import errno
import logging
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.calls.call import Call, Outcome
from hub.calls.dialling import LEASE
from hub.calls.recordings import AGAIN_IN, TRIED_FOR, Recordings
from hub.calls.script import Say
from hub.calls.trunk import LineError
from hub.events import CallChanged
from hub.files.kept import RECORDING
from hub.hub import Hub
from hub.model import Channel, Dialog, File
from hub.people.erasure import Eraser
from hub.statuses import Status
from hub.store.engine import Insert
from hub.store.schema import FILES
from telephony.simulator import Simulated, SimulatorSettings
from telephony.worker import Telephony
from tests.spine import SHOP, START, Clock, Crash, Mortal, ask
from tests.telephony.office import QUICK, TRUNK, arrange, calls, wanted
from tests.telephony.test_dead_workers import Exchange, Lasting, dies, exchange
from tests.telephony.voices import tone, wav

__all__ = ["exchange"]

SOUND = b"RIFF\x00\x00\x01\x00WAVEfmt " + bytes(60_000)
GOOD = "+79161234567"


class Tape(Simulated):
    """A line that recorded this, or nothing, or cannot give it away."""

    def __init__(self, holds: bytes | Exception | None) -> None:
        super().__init__(SimulatorSettings(), {})
        self.holds = holds
        self.asked: list[str] = []
        self.forgot: list[str] = []

    async def recorded(self, name: str, to: Path) -> bool:
        self.asked.append(name)
        if isinstance(self.holds, Exception):
            raise self.holds
        if self.holds is not None:
            to.write_bytes(self.holds)
        return self.holds is not None

    async def forget(self, name: str) -> None:
        self.forgot.append(name)
        self.holds = None


class Recorder(Exchange):
    """An exchange that outlives its workers and records; it gives nothing away while `stuck`."""

    def __init__(self, settings: SimulatorSettings) -> None:
        super().__init__(settings)
        self.tapes: dict[str, bytes] = {}
        self.stuck = asyncio.Event()
        self.taped = asyncio.Event()
        self.given = asyncio.Event()

    async def record(self, bridge: str, name: str) -> None:
        self.tapes[name] = SOUND
        self.taped.set()

    async def recorded(self, name: str, to: Path) -> bool:
        self.given.set()
        await self.stuck.wait()
        if name in self.tapes:
            to.write_bytes(self.tapes[name])
        return name in self.tapes

    async def forget(self, name: str) -> None:
        self.tapes.pop(name, None)


@pytest.fixture
async def call(hub: Hub) -> Call:
    call = Call(
        id="lead:1",
        project=SHOP,
        channel=hub.channels.all()[0].id,  # type: ignore[arg-type]
        phone="+79161234567",
        stage="settled",
        outcome=Outcome.TALKED,
        live=False,
        began_at=START,
        talk_at=START,
        ended_at=START,
        watch_at=START,
        unfetched=True,
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


async def stored(hub: Hub, call: Call) -> Call:
    found = await hub.engine.get(Call, call.id)
    assert found is not None
    return found


async def test_it_is_kept_once_used_by_its_call_and_told(
    hub: Hub, call: Call, recordings: Recordings, folder: Path
) -> None:
    tape = Tape(SOUND)
    async with hub.bus.listen(10) as ear:
        await recordings.fetch(call, tape)
        [told] = await ear.take()
    assert isinstance(told.event, CallChanged)
    kept = await stored(hub, call)
    [file] = await files(hub)
    assert (file.id, file.by, file.used_by) == (kept.recording, RECORDING, call.id)
    assert (file.size_bytes, file.mime) == (len(SOUND), "audio/wav")
    assert tape.asked == tape.forgot == [f"{call.key}-r"]
    assert (kept.unfetched, kept.watch_at) == (False, None)
    assert list(folder.iterdir()) == []

    await recordings.fetch(kept, tape)
    await recordings.fetch(call, Tape(SOUND))
    assert (await stored(hub, call)).recording == file.id
    assert await files(hub) == [file]


@pytest.mark.parametrize("steps", range(6))
async def test_whoever_dies_at_it_leaves_it_to_the_next_and_there_is_one_file(
    hub: Hub, mortal: Mortal, call: Call, recordings: Recordings, steps: int
) -> None:
    tape = Tape(SOUND)
    mortal.dies_after(steps)
    with suppress(Crash):
        await recordings.fetch(call, tape)
    mortal.lives()
    left = await stored(hub, call)
    assert left.recording is not None or tape.holds is not None, "nobody has it any more"
    assert left.unfetched or tape.holds is None, "nobody will look for it"

    await recordings.fetch(left, tape)
    after = await stored(hub, call)
    [file] = await files(hub)
    assert (after.recording, after.unfetched, after.watch_at) == (file.id, False, None)
    assert (file.state, file.used_by) == ("kept", call.id)
    assert tape.holds is None


@pytest.mark.parametrize(
    ("holds", "reason"),
    [
        (LineError(Outcome.ENGINE_ERROR, "503"), "engine_error"),
        (OSError(errno.ENOSPC, "No space left on device"), "OSError"),
        (None, "no_line"),
    ],
)
async def test_one_that_cannot_be_had_now_is_asked_for_again_for_a_day(
    hub: Hub,
    call: Call,
    recordings: Recordings,
    folder: Path,
    clock: Clock,
    holds: Exception | None,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tape = Tape(holds) if holds is not None else None
    await recordings.fetch(call, tape)
    waits = await stored(hub, call)
    assert (waits.unfetched, waits.watch_at) == (True, START + AGAIN_IN)
    assert waits == replace(call, watch_at=waits.watch_at, rev=waits.rev)
    assert await files(hub) == []

    clock.at = START + TRIED_FOR
    with caplog.at_level(logging.WARNING):
        await recordings.fetch(waits, tape)
    [said] = [each for each in caplog.records if each.message == "recording.lost"]
    assert said.__dict__["reason"] == reason
    lost = await stored(hub, call)
    assert (lost.unfetched, lost.watch_at, lost.recording) == (False, None, None)
    assert not folder.exists() or list(folder.iterdir()) == []


async def test_one_that_is_none_is_lost_at_once_and_costs_nothing_else(
    hub: Hub, call: Call, recordings: Recordings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await recordings.fetch(call, Tape(b""))
    [said] = [each for each in caplog.records if each.message == "recording.lost"]
    assert said.__dict__["reason"] == "BadValueError"
    assert await stored(hub, call) == replace(call, unfetched=False, watch_at=None, rev=1)
    assert await files(hub) == []


async def test_where_nothing_was_recorded_there_is_nothing(
    hub: Hub, call: Call, recordings: Recordings, folder: Path
) -> None:
    await recordings.fetch(call, Tape(None))
    assert not (await stored(hub, call)).unfetched
    assert await files(hub) == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("before", [0, 2, 3])
async def test_of_a_person_who_is_erased_meanwhile_nothing_is_kept_here_or_there(
    hub: Hub, mortal: Mortal, call: Call, recordings: Recordings, before: int
) -> None:
    row = await ask(hub)
    call = await hub.engine.change(
        Call, call.id, lambda had: replace(had, dialog=row.id, contact=row.contact)
    )

    async def erased() -> None:
        eraser = Eraser(hub.engine, hub.files, hub.search)
        closed = await eraser.close_off(row, hub.now())
        assert closed is not None
        await eraser.erase(closed)
        assert await hub.engine.get(Dialog, row.id) is None

    mortal.meanwhile(erased, before=before)
    tape = Tape(SOUND)
    await recordings.fetch(call, tape)
    assert await hub.engine.get(Call, call.id) is None
    assert tape.holds is None
    assert [each for each in await files(hub) if each.used] == []


async def test_a_worker_that_dies_at_fetching_leaves_it_to_the_next(
    hub: Hub, clock: Clock, exchange: Exchange, recordings: Recordings
) -> None:
    Lasting.exchange = line = Recorder(exchange._settings)
    await arrange(hub, script=replace(QUICK, record=True))
    await wanted(hub, GOOD)
    first = worker(hub, "w1", recordings)
    await first.work()
    async with asyncio.timeout(60):
        await line.given.wait()
    [call] = await calls(hub)
    assert (call.stage, call.unfetched, call.recording) == ("settled", True, None)
    await dies(first)

    clock.forward(LEASE + timedelta(seconds=1))
    line.stuck.set()
    second = worker(hub, "w2", recordings)
    await second.work()
    await second.idle()
    [call] = await calls(hub)
    [file] = await files(hub)
    assert (call.recording, call.unfetched, call.watch_at) == (file.id, False, None)
    assert line.tapes == {}
    await second.close()


async def test_a_talk_that_nobody_leads_any_more_is_heard_all_the_same(
    hub: Hub, clock: Clock, exchange: Exchange, recordings: Recordings
) -> None:
    Lasting.exchange = line = Recorder(replace(exchange._settings, talk_s=60))
    line.stuck.set()
    await arrange(hub, script=replace(QUICK, record=True))
    await wanted(hub, GOOD)
    first = worker(hub, "w1", recordings)
    await first.work()
    async with asyncio.timeout(60):
        await line.taped.wait()
    [call] = await calls(hub)
    assert call.unfetched, "it is known before the engine is asked to record"
    await dies(first)
    line._phones.clear()

    clock.forward(LEASE + timedelta(seconds=1))
    second = worker(hub, "w2", recordings)
    await second.work()
    await second.idle()
    [call] = await calls(hub)
    assert (call.status, call.outcome) == (Status.DROPPED, Outcome.DROPPED)
    assert call.recording is not None
    await second.close()


async def test_it_waits_for_a_line_that_is_switched_off_and_comes_by_it_later(
    hub: Hub, clock: Clock, call: Call, exchange: Exchange, recordings: Recordings
) -> None:
    Lasting.exchange = line = Recorder(exchange._settings)
    line.stuck.set()
    line.tapes[f"{call.key}-r"] = SOUND
    await switched(hub, on=False)
    await hub.engine.change(Call, call.id, lambda had: replace(had, channel=TRUNK))
    here = worker(hub, "w1", recordings)
    await here.work()
    waits = await stored(hub, call)
    assert (waits.unfetched, waits.watch_at) == (True, clock() + AGAIN_IN)

    await switched(hub, on=True)
    clock.forward(AGAIN_IN)
    await here.work()
    await here.idle()
    after = await stored(hub, call)
    assert (after.recording is not None, after.unfetched) == (True, False)
    assert line.tapes == {}
    await here.close()


async def switched(hub: Hub, *, on: bool) -> None:
    await hub.engine.change(Channel, TRUNK, lambda had: replace(had, enabled=on))
    await hub.channels.refresh()


async def test_whoever_fetches_for_long_is_not_taken_for_dead(
    hub: Hub, clock: Clock, exchange: Exchange, recordings: Recordings
) -> None:
    Lasting.exchange = line = Recorder(exchange._settings)
    await arrange(hub, script=replace(QUICK, record=True))
    await wanted(hub, GOOD)
    first = worker(hub, "w1", recordings)
    await first.work()
    async with asyncio.timeout(60):
        await line.given.wait()
    clock.forward(LEASE - timedelta(seconds=1))
    [call] = await calls(hub)
    assert await hub.dialling.keep(call, "w1")
    clock.forward(timedelta(seconds=2))
    assert await hub.dialling.watched("w2") == []

    await first.close()
    [left] = await hub.dialling.watched("w2")
    assert left.unfetched, "whoever stops leaves it at once"
    assert not await hub.dialling.keep(left, "w1")


def worker(hub: Hub, name: str, recordings: Recordings) -> Telephony:
    """One that can say that it records, without which it would not."""
    notice = hub.settings.data.dir / "notice.wav"
    notice.parent.mkdir(parents=True, exist_ok=True)
    notice.write_bytes(wav(tone(8_000, 0.1)))

    async def voice(call: Call, say: Say) -> Path | None:
        return notice

    return Telephony(
        *(hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, name),
        voice=voice,
        fetch=recordings.fetch,
    )
