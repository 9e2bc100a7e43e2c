"""Brings the recording of a talk from its engine into the files of the project."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from hub import storage
from hub.bus import Bus
from hub.calls import dialling
from hub.calls.call import Call
from hub.calls.trunk import Legs, LineError
from hub.errors import HubError
from hub.files import RECORDING, Files
from hub.model import FileId
from hub.storage import BLOCK_BYTES, on_disk
from hub.store.engine import AbsentError, Engine

log = logging.getLogger(__name__)


class Recordings:
    """`folder` is where they lie for a moment on their way."""

    def __init__(
        self, engine: Engine, bus: Bus, files: Files, folder: Path, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._files = files
        self._folder = folder
        self._now = now

    async def keep(self, call: Call, line: Legs) -> None:
        """Keeps what was recorded of it, if anything was; one that is lost costs nothing else."""
        if call.recording is not None:
            return
        path = self._folder / f"{call.key}-{secrets.token_hex(4)}.wav"
        try:
            await on_disk(storage.begin, path, self._now())
            if not await line.recorded(f"{call.key}-r", path):
                return
            name = f"{call.began_at:%Y-%m-%d %H-%M}.wav"
            file = await self._files.keep(call.project, name, _blocks(path), RECORDING)
            await self._files.mark_used([file.id], call.id)
            await self._named(call, FileId(file.id))
        except (HubError, OSError) as error:
            reason = error.outcome if isinstance(error, LineError) else type(error).__name__
            log.warning("recording.lost", extra={"call": call.key, "reason": str(reason)})
        finally:
            storage.drop(path)

    async def _named(self, call: Call, file: FileId) -> None:
        def heard(had: Call) -> Call | None:
            if had.recording is not None:
                return None
            return replace(had, recording=file, changed_at=self._now())

        try:
            after = await self._engine.change(Call, call.id, heard)
        except AbsentError:
            after = None
        if after is None or after.recording != file:
            await self._files.release([file], call.id)
        else:
            await dialling.announce(self._bus, after)


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with await on_disk(path.open, "rb") as source:
        while block := await on_disk(source.read, BLOCK_BYTES):
            yield block
