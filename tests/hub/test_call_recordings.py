"""Who hears what was recorded of a call, and what goes when its time has come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub import config
from hub.accounts import Who
from hub.calls.call import Call
from hub.errors import BadValueError, ForbiddenError, NotFoundError
from hub.files.kept import RECORDING
from hub.hub import Hub
from hub.keeping.housekeeping import LINES_AT_ONCE, Housekeeping
from hub.model import (
    Dialog,
    File,
    Role,
)
from hub.people.erasure import Eraser, dropping
from hub.records import Audit
from hub.store.engine import Insert
from hub.store.schema import AUDIT
from tests.hub.talks import lines, talked
from tests.hub.test_ordering import HOUR
from tests.spine import SHOP, START, Clock, ask, operator


@pytest.fixture(autouse=True)
async def exchanges(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    await lines(hub, monkeypatch)


async def _said() -> AsyncIterator[bytes]:
    yield b"OggS" + bytes(200)


async def recorded(hub: Hub, call: Call) -> Call:
    file = await hub.files.keep(SHOP, "call.ogg", _said(), RECORDING)
    await hub.files.mark_used([file.id], call.id)
    return await hub.engine.change(Call, call.id, lambda had: replace(had, recording=file.id))


def housekeeping(hub: Hub, folder: Path, **days: int) -> Housekeeping:
    settings = config.settings({"data": {"dir": "data"}, "retention": days}, folder)
    return Housekeeping(settings, hub.engine, hub.files, hub.search, hub.now)


class TestRecordings:
    async def test_whoever_spoke_and_supervisors_hear_it_and_that_is_kept_on_record(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await talked(hub, clock)
        chief = operator("Chief", role=Role.SUPERVISOR)
        with pytest.raises(NotFoundError):
            await hub.switchboard.recording(chief, call)
        call = await recorded(hub, call)
        with pytest.raises(ForbiddenError):
            await hub.switchboard.recording(anna, call)
        for who in (operator("Vera"), chief, chief):
            file = await hub.switchboard.recording(who, call, "10.0.0.1")
            assert file.id == call.recording
        clock.forward(HOUR)
        await hub.switchboard.recording(chief, call)
        notes = (await hub.engine.find(AUDIT, {"project": SHOP}, limit=50)).items
        heard = [each.actor for each in notes if each.verb == "call.listened"]
        assert sorted(heard) == ["chief", "chief", "vera"]
        assert all(isinstance(each, Audit) and each.target == call.id for each in notes)

    async def test_nobody_sends_a_recording_on_as_a_file_of_a_message(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        call, _ = await talked(hub, clock)
        call = await recorded(hub, call)
        assert call.recording is not None
        with pytest.raises(BadValueError):
            await hub.desk.reply(anna, str(call.dialog), "some-key-1", "", [call.recording])

    async def test_it_goes_after_its_days_and_the_call_stays(
        self, hub: Hub, clock: Clock, tmp_path: Path
    ) -> None:
        first, _ = await talked(hub, clock)
        first = await recorded(hub, first)
        clock.forward(timedelta(days=5))
        second = await recorded(hub, (await talked(hub, clock, await ask(hub, 2)))[0])
        clock.forward(timedelta(days=6))
        keeper = housekeeping(hub, tmp_path, recordings_days=10)
        for _ in range(3):
            await keeper.delete()
        left = [await hub.engine.get(Call, each.id) for each in (first, second)]
        assert [each and each.recording for each in left] == [None, second.recording]
        await hub.files.sweep(clock.forward(timedelta(days=2)))
        assert await hub.engine.get(File, str(first.recording)) is None
        assert await hub.engine.get(File, str(second.recording)) is not None

    async def test_a_dialog_takes_its_calls_with_it(
        self, hub: Hub, clock: Clock, tmp_path: Path
    ) -> None:
        call = await recorded(hub, (await talked(hub, clock))[0])
        stray = replace(call, id="line:9", dialog=None, lead=None, recording=None, began_at=START)
        ringing = replace(stray, id="line:10", live=True)
        for each in (stray, ringing):
            await hub.engine.write(Insert(each))
        row = await hub.engine.change(Dialog, str(call.dialog), lambda had: dropping(had, clock()))
        await Eraser(hub.engine, hub.files, hub.search).erase(row, at_once=True)
        assert await hub.engine.get(Call, call.id) is None
        assert await hub.engine.get(File, str(call.recording)) is None

        clock.forward(timedelta(days=40))
        await housekeeping(hub, tmp_path, messages_days=30).delete()
        assert await hub.engine.get(Call, stray.id) is None
        assert await hub.engine.get(Call, ringing.id) is not None

    async def test_calls_of_nobody_go_however_many_of_living_dialogs_are_older(
        self, hub: Hub, clock: Clock, tmp_path: Path
    ) -> None:
        call, _ = await talked(hub, clock)
        for n in range(LINES_AT_ONCE + 1):
            await hub.engine.write(Insert(replace(call, id=f"kept:{n}", began_at=START)))
        stray = replace(call, id="line:9", dialog=None, lead=None, began_at=START + HOUR)
        await hub.engine.write(Insert(stray))
        clock.forward(timedelta(days=40))
        keeper = housekeeping(hub, tmp_path, messages_days=30)
        for _ in range(3):
            await keeper.delete()
        assert await hub.engine.get(Call, stray.id) is None
        assert await hub.engine.get(Call, "kept:0") is not None
        later = replace(stray, id="line:10")
        await hub.engine.write(Insert(later))
        for _ in range(3):
            await keeper.delete()
        assert await hub.engine.get(Call, later.id) is None
