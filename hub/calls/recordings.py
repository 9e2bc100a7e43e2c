"""Brings the recording of a talk from its engine into the files of the project.

A call is `unfetched` until its engine holds nothing of it, so whoever dies here leaves that to the
next. The file's id follows from the call's, and the engine forgets what it has only after that.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from hub import dialogs
from hub.bus import Bus
from hub.calls import dialling
from hub.calls.call import Call
from hub.calls.trunk import Legs, LineError
from hub.content import Remote
from hub.errors import HubError, RefusedError, UnavailableError
from hub.files import storage
from hub.files.kept import RECORDING, Files
from hub.files.storage import BLOCK_BYTES, on_disk
from hub.model import File, FileId
from hub.store.engine import AbsentError, Engine

log = logging.getLogger(__name__)

AGAIN_IN = timedelta(minutes=1)
TRIED_FOR = timedelta(days=1)
"""An engine that is away for longer, or that nobody has any more, has lost what it recorded."""


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

    async def fetch(self, call: Call, line: Legs | None) -> None:
        """Keeps what was recorded of a call that is over, if anything was, or tries it later.

        Any of it may be done again. One that is lost costs nothing else; without a `line` to its
        engine it waits for one.
        """
        if not call.unfetched:
            return
        try:
            if line is not None:
                await self._brought(call, line)
                await self._done(call)
                return
            reason, is_lost = "no_line", False
        except UnavailableError:
            raise
        except (HubError, OSError) as error:
            said = error.outcome if isinstance(error, LineError) else type(error).__name__
            reason, is_lost = str(said), isinstance(error, RefusedError)
        told = {"call": call.key, "reason": reason}
        if is_lost or self._now() - (call.ended_at or call.began_at) >= TRIED_FOR:
            log.warning("recording.lost", extra=told)
            await self._done(call)
            return
        log.info("recording.waits", extra=told)
        with suppress(AbsentError):
            await self._engine.change(Call, call.id, self._later)

    async def _brought(self, call: Call, line: Legs) -> None:
        name = f"{call.key}-r"
        if not await self._is_erased(call):
            file = _id(call)
            had = await self._engine.get(File, file)
            is_kept = had is not None and had.state == "kept"
            if not is_kept and not await self._kept(call, line, name):
                return
            await self._named(call, file)
        await line.forget(name)

    async def _kept(self, call: Call, line: Legs, name: str) -> bool:
        """Whether there was anything; then it is a file."""
        path = self._folder / f"{call.key}-{secrets.token_hex(4)}.wav"
        try:
            await on_disk(storage.begin, path, self._now())
            if not await line.recorded(name, path):
                return False
            remote = Remote(ref="", name=f"{call.began_at:%Y-%m-%d %H-%M}.wav", kind="audio")
            await self._files.keep_as(
                _id(call), call.project, remote, _blocks(path), by=RECORDING, used_by=call.id
            )
        finally:
            storage.drop(path)
        return True

    async def _named(self, call: Call, file: FileId) -> None:
        def heard(had: Call) -> Call | None:
            if had.recording is not None:
                return None
            return replace(had, recording=file, changed_at=self._now())

        with suppress(AbsentError):
            await dialling.announce(self._bus, await self._engine.change(Call, call.id, heard))

    async def _done(self, call: Call) -> None:
        """Nobody has to see to it any more; of a person who was erased nothing is left then."""

        def done(had: Call) -> Call | None:
            if not had.unfetched:
                return None
            until = None if had.stage == "settled" else had.watch_at
            return replace(had, unfetched=False, watch_at=until)

        with suppress(AbsentError):
            await self._engine.change(Call, call.id, done)
        # Only now: whoever erases looks at the call after he has marked its dialog.
        if await self._is_erased(call):
            await self._files.release([_id(call)], call.id)
            await self._files.discard([_id(call)])
            await self._engine.delete_if(Call, call.id, lambda had: not had.is_led)

    def _later(self, had: Call) -> Call | None:
        return replace(had, watch_at=self._now() + AGAIN_IN) if had.unfetched else None

    async def _is_erased(self, call: Call) -> bool:
        if await self._engine.get(Call, call.id) is None:
            return True
        return await dialogs.is_gone(self._engine, call.dialog)


def _id(call: Call) -> FileId:
    return FileId(hashlib.sha256(f"recording:{call.id}".encode()).hexdigest()[:32])


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with await on_disk(path.open, "rb") as source:
        while block := await on_disk(source.read, BLOCK_BYTES):
            yield block
