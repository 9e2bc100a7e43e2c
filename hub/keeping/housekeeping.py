"""What keeps a hub tidy over the years: nightly copies, deletion after its time, room on disk.

Every step is small and may be cut short: the next round goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from hub import dialogs, observe
from hub.calls.call import Call
from hub.calls.speech import MUTE, Speech
from hub.config import Settings
from hub.errors import ConflictError, HubError
from hub.files.kept import Files
from hub.files.storage import on_disk
from hub.finding.search import Search
from hub.keeping.backup import backup
from hub.leases import Turn
from hub.model import Dialog, Document, Lock, ProjectId
from hub.people.erasure import Eraser, dropping, nameless
from hub.records import Audit, DeadLetter, Fact
from hub.store.engine import AbsentError, Engine, Index, Insert, Range, TakenError
from hub.store.schema import AUDIT, BY_LIFE, CALLS, DEAD_LETTERS, LOG, PROJECTS_BY_NAME

EVERY = timedelta(minutes=1)
TURN_LASTS = timedelta(seconds=90)
AGAIN_AFTER = timedelta(hours=1)
DIALOGS_AT_ONCE = 50
LINES_AT_ONCE = 500
MEGABYTE = 1_000_000

_COPY = re.compile(r"hub-(\d{4}-\d\d-\d\d)\.tar")
_REST = re.compile(r"\.hub-\d{4}-\d\d-\d\d\.tar\.(copy|part)")

D = TypeVar("D", bound=Document)

log = logging.getLogger(__name__)


class Housekeeping:
    """Does all of it once a minute, each for itself: what fails keeps nothing else from it.

    Of several processes one makes the copies and one deletes; each looks at its own disk.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        files: Files,
        search: Search,
        now: Callable[[], datetime],
        name: str = "",
        speech: Speech = MUTE,
    ) -> None:
        self._settings = settings
        self._speech = speech
        self._engine = engine
        self._files = files
        self._now = now
        self._eraser = Eraser(engine, files, search)
        self._failed_at: datetime | None = None
        self.low_disk: list[str] = []
        self._turns = {
            chore: Turn(engine, chore, name, now, TURN_LASTS) for chore in ("copies", "retention")
        }

    async def run(self) -> None:
        try:
            while True:
                await self.round()
                await asyncio.sleep(EVERY.total_seconds())
        finally:
            for turn in self._turns.values():
                await turn.pass_on()

    async def round(self) -> None:
        """Whatever of it is this process's to do now."""
        await self._safely(self.look_at_disk())
        await self._safely(self._speech.tidy())
        for chore, work in (("copies", self.copy), ("retention", self.delete)):
            await self._safely(self._turns[chore].during(work))

    async def _safely(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except HubError as error:
            log.warning("housekeeping.waits", extra={"reason": str(error)})
        except Exception:
            log.exception("housekeeping.failed")

    async def look_at_disk(self) -> None:
        """Warns once when room gets short, and again only after it was not."""
        settings = self._settings
        wanted = settings.data.warn_free_mb * MEGABYTE
        folders = [settings.data.dir]
        if settings.backup.folder != Path():
            folders.append(settings.backup.folder)
        low = []
        for folder in folders:
            with suppress(FileNotFoundError):
                free = (await asyncio.to_thread(shutil.disk_usage, folder)).free
                if free < wanted:
                    low.append(f"{folder}: {free // MEGABYTE} MB free")
        if low and not self.low_disk:
            log.warning("disk.low", extra={"folders": "; ".join(low)})
        observe.DISK_LOW.set(len(low))
        self.low_disk = low

    async def copy(self) -> None:
        """Makes the copy of the night when it is time, and keeps as many as are wanted."""
        settings, now = self._settings, self._now()
        folder = settings.backup.folder
        if folder == Path() or (
            self._failed_at is not None and now < self._failed_at + AGAIN_AFTER
        ):
            return
        there = await on_disk(_copies, folder, now)
        observe.BACKUP_AT.set(there[-1][1] if there else 0)
        name = due(settings.backup.at, [each for each, _ in there], now)
        if name is None:
            return
        try:
            for path in await on_disk(_rests, folder):
                await on_disk(_dropped, path)
            manifest = await backup(settings, self._engine, folder / name, self._now)
        except ConflictError:
            return
        except Exception:
            self._failed_at = now
            observe.BACKUPS_FAILED.inc()
            raise
        self._failed_at = None
        log.info("backup.made", extra={"copy": name, "missing": len(manifest.missing)})
        there = await on_disk(_copies, folder, now)
        observe.BACKUP_AT.set(there[-1][1])
        for old, _ in there[: -settings.backup.keep]:
            await on_disk(_dropped, folder / old)

    async def delete(self) -> None:
        """Deletes what has had its time, a bounded part of it at a time."""
        settings = self._settings
        messages, files = settings.retention.messages_days, settings.retention.files_days
        audit, letters = settings.retention.audit_days, settings.retention.dead_letters_days
        recordings = settings.retention.recordings_days
        if not any((messages, files, audit, letters, recordings)):
            return
        projects = [ProjectId("")]
        after = None
        while True:
            page = await self._engine.find(PROJECTS_BY_NAME, after=after, limit=500)
            projects += [ProjectId(each.id) for each in page.items]
            if (after := page.next) is None:
                break
        for project in projects:
            if messages:
                await self._dialogs(project, self._before(messages))
                await self._calls(project, self._before(messages))
            if files:
                await self._attachments(project, self._before(files))
            if audit:
                await self._lines(AUDIT, Audit, project, self._before(audit))
            if letters:
                await self._lines(DEAD_LETTERS, DeadLetter, project, self._before(letters))
            if recordings:
                await self._recordings(project, self._before(recordings))

    def _before(self, days: int) -> datetime:
        return self._now() - timedelta(days=days)

    async def _lines(
        self, index: Index[D], of: type[D], project: ProjectId, before: datetime
    ) -> None:
        page = await self._engine.find(
            index,
            {"project": project},
            range=Range("created_at", below=before),
            limit=LINES_AT_ONCE,
        )
        for line in page.items:
            await self._engine.delete_if(of, line.id, lambda _: True)

    async def _dialogs(self, project: ProjectId, before: datetime) -> None:
        page = await self._engine.find(
            BY_LIFE,
            {"project": project, "open": False},
            range=Range("last_at", below=before),
            limit=DIALOGS_AT_ONCE,
        )
        for row in page.items:
            await self._drop(row)

    async def _drop(self, row: Dialog) -> None:
        """Deletes a closed dialog whole; whoever dies here leaves a row that says so."""
        if not row.sealed:
            # From here on nobody can add to it: who writes again begins a new one. The rules
            # still read the seal, so it goes in the next round.
            with suppress(ConflictError):
                await dialogs.seal(self._engine, row, self._now())
            return
        if row.rules_at is not None:
            return
        try:
            row = await self._engine.change(Dialog, row.id, lambda had: dropping(had, self._now()))
        except AbsentError:
            return
        if row.dropped_at is None:
            return
        for n in range(1, row.cycle.n + 1):
            with suppress(AbsentError):
                await self._engine.change(Fact, f"{row.id}:{n}", nameless)
        await self._eraser.erase(row)
        observe.DIALOGS_DROPPED.inc()

    async def _attachments(self, project: ProjectId, before: datetime) -> None:
        """Lets go of the files of dialogs closed so long, from where the last round was."""
        mark = f"retention:files:{project}"
        lock = await self._engine.get(Lock, mark)
        page = await self._engine.find(
            BY_LIFE,
            {"project": project, "open": False},
            range=Range("last_at", at_least=lock.until if lock else None, below=before),
            limit=DIALOGS_AT_ONCE,
        )
        for row in page.items:
            after = None
            while True:
                found = await self._engine.find(LOG, {"dialog": row.id}, after=after, limit=200)
                for entry in found.items:
                    await self._files.release([each.id for each in entry.attachments], entry.id)
                if (after := found.next) is None:
                    break
        if page.items:
            await self._remember(mark, lock, page.items[-1].last_at)

    async def _calls(self, project: ProjectId, before: datetime) -> None:
        """Deletes calls that no dialog has; those of a dialog go with it.

        It goes on from where the last round was, and begins anew at the end: calls of dialogs
        that stay keep it from none.
        """
        mark = f"retention:calls:{project}"
        lock = await self._engine.get(Lock, mark)
        page = await self._engine.find(
            CALLS,
            {"project": project},
            range=Range("began_at", at_least=lock.until if lock else None, below=before),
            limit=LINES_AT_ONCE,
            where=lambda each: each.dialog is None and not each.is_led,
            budget=LINES_AT_ONCE,
        )
        for call in page.items:
            await self._eraser.erase_call(call)
        if page.next is not None and page.last is not None:
            await self._remember(mark, lock, page.last.began_at)
        elif lock is not None:
            await self._engine.delete_if(Lock, mark, lambda _: True)

    async def _recordings(self, project: ProjectId, before: datetime) -> None:
        """Lets go of the recordings of calls so long ago, from where the last round was."""
        mark = f"retention:recordings:{project}"
        lock = await self._engine.get(Lock, mark)
        page = await self._engine.find(
            CALLS,
            {"project": project},
            range=Range("began_at", at_least=lock.until if lock else None, below=before),
            limit=LINES_AT_ONCE,
        )
        for call in page.items:
            if call.recording is not None:
                await self._files.release([call.recording], call.id)
                with suppress(AbsentError):
                    await self._engine.change(Call, call.id, _unheard)
        if page.items:
            await self._remember(mark, lock, page.items[-1].began_at)

    async def _remember(self, mark: str, lock: Lock | None, until: datetime) -> None:
        # A millisecond on, or rows of one and the same moment would be met for ever.
        if lock is not None and until == lock.until:
            until += timedelta(milliseconds=1)
        if lock is None:
            with suppress(TakenError):
                await self._engine.write(Insert(Lock(id=mark, until=until)))
        else:
            await self._engine.change(Lock, mark, lambda had: replace(had, until=until))


def due(at: str, names: Sequence[str], now: datetime) -> str | None:
    """The name of the copy that is to be made now; a night that was missed is made up for.

    `names` are those that are there, the oldest first, none of them for a night to come.
    """
    local = now.astimezone()
    hour, minute = map(int, at.split(":"))
    day = local.date() if local.time() >= time(hour, minute) else local.date() - timedelta(days=1)
    name = f"hub-{day.isoformat()}.tar"
    return None if names and names[-1] >= name else name


def _copies(folder: Path, now: datetime) -> list[tuple[str, float]]:
    """The copies that are there, the oldest first, and when each was made.

    One that a clock that was ahead has named for a night to come takes no other's place.
    """
    if not folder.is_dir():
        return []
    today = now.astimezone().date().isoformat()
    named = [(each, _COPY.fullmatch(each.name)) for each in folder.iterdir()]
    found = [each for each, name in named if name is not None and name[1] <= today]
    return sorted((each.name, each.stat().st_mtime) for each in found)


def _rests(folder: Path) -> list[Path]:
    """What copies that were cut short left behind."""
    if not folder.is_dir():
        return []
    return [each for each in folder.iterdir() if _REST.fullmatch(each.name)]


def _dropped(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _unheard(call: Call) -> Call | None:
    return replace(call, recording=None) if call.recording is not None else None
