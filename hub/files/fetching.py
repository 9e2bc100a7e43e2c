"""Brings what lies at the platforms: the files of messages, and who the people are.

A promise stands in the store before the entry that names the file, and is gone once the bytes
are here, so a death at any line costs only another try. Each channel has its own few places and
its own pauses: one whose platform is away keeps no other waiting.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec.structs import replace

from hub import dialogs, legible, observe
from hub.bus import Bus
from hub.channels.in_use import Channels
from hub.channels.port import ChannelKind, Profile
from hub.channels.pulse import Pulses
from hub.content import Remote
from hub.errors import (
    CredentialsError,
    DeliveryError,
    NotFoundError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnreachableError,
)
from hub.files.arrivals import Arrivals
from hub.files.kept import clean
from hub.model import Attachment, ChannelId, Entry, FileId, Identity, IdentityId, ProjectId
from hub.records import Fetch
from hub.store.engine import AbsentError, Engine, Insert, Range, TakenError
from hub.store.schema import FETCHES_DUE

WAKE = "fetching"
IDLE = timedelta(seconds=2)
AT_ONCE = 12
AT_ONCE_OF_CHANNEL = 3
FETCH_TIMEOUT = timedelta(minutes=5)
LEASE = timedelta(minutes=10)
TRIES_MAX = 10
PROFILE_TRIES_MAX = 3
FIRST_WAIT = timedelta(seconds=10)
WAIT_MIN = timedelta(seconds=1)
WAIT_MAX = timedelta(hours=1)
REST = timedelta(seconds=5)
REST_MAX = timedelta(minutes=1)
FAILS_BEFORE_REST = 3
NO_KEY_REST = timedelta(minutes=1)
ILL_REST = timedelta(seconds=10)
STORE_REST = timedelta(seconds=30)
MANY_WAIT = timedelta(minutes=5)
STRAIGHT_EVERY = timedelta(minutes=1)
AWAY_FOR = timedelta(hours=24)
"""How long a platform that nobody can connect to costs no file a try."""
AWAY_WAIT = timedelta(minutes=1)
UNNAMED_KEPT = timedelta(days=1)
"""How long a promise waits for the entry that names its file."""
PROFILE_FRESH = timedelta(days=1)
SIZE_MAX = 2**53 - 1
"""The largest that a browser and every store count exactly; what is claimed may be larger."""

log = logging.getLogger(__name__)


class _HeldError(Exception):
    """It is not due, or somebody else's."""


@dataclass
class _Rest:
    """A channel that is asked for nothing; a fresh adapter ends the rest."""

    of: ChannelKind[Any] | None = None
    fails: int = 0
    until: datetime | None = None


def coming(id: FileId, remote: Remote) -> Attachment:
    """The file as an entry names it before its bytes are here."""
    return Attachment(
        id=id,
        name=clean(remote.name or ("photo" if remote.kind == "image" else remote.kind)),
        mime=legible.line(remote.mime, 100),
        size_bytes=min(max(remote.size_bytes, 0), SIZE_MAX),
        kind=remote.kind,
        coming=True,
    )


async def expect(engine: Engine, fetches: Sequence[Fetch]) -> None:
    """Keeps the promises, to be called before the entry that names the files is written.

    A repeat makes none due that was given up, and keeps all for as long as a fresh one is kept.
    """
    for fetch in fetches:

        def kept(had: Fetch, fresh: Fetch = fetch) -> Fetch:
            # What was erased and is told again begins anew.
            due = fresh.due_at if had.ends else had.due_at
            return replace(had, created_at=fresh.created_at, ends=False, due_at=due)

        for _ in range(dialogs.TRIES):
            try:
                await engine.write(Insert(fetch))
            except TakenError:
                with suppress(AbsentError):
                    await engine.change(Fetch, fetch.id, kept)
                    break
            else:
                break


async def introduce(
    engine: Engine,
    kind: ChannelKind[Any],
    identity: IdentityId,
    project: ProjectId,
    now: datetime,
) -> None:
    """Has the platform asked who that is, if it tells and was not asked within a day."""
    if type(kind).profile is ChannelKind.profile:
        return
    known = await engine.get(Identity, identity)
    if known is None or (known.met_at is not None and now - known.met_at < PROFILE_FRESH):
        return
    promise = Fetch(
        id=f"profile:{identity}",
        project=project,
        channel=kind.id,
        identity=identity,
        due_at=now,
        created_at=now,
    )
    with suppress(TakenError):
        await engine.write(Insert(promise))


async def abandon(engine: Engine, entries: Iterable[Entry]) -> None:
    """Lets go of what is promised for entries that are about to be deleted."""

    def ends(had: Fetch) -> Fetch:
        return replace(had, ends=True, due_at=had.created_at, by="")

    for entry in entries:
        for each in entry.attachments:
            if each.coming or each.lost:
                with suppress(AbsentError):
                    await engine.change(Fetch, each.id, ends)


class Fetching:
    """Takes turns among the channels; several processes may do it at once."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        arrivals: Arrivals,
        pulses: Pulses,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._arrivals = arrivals
        self._pulses = pulses
        self._now = now
        self._rests: dict[str, _Rest] = {}
        self._busy: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._last = ""

    async def recover(self) -> int:
        """Frees every claim at once; only for the one process that serves an embedded store."""
        return await self._each_promise(None, lambda had: had.by != "")

    async def straighten(self) -> int:
        """Makes due what waits longer than anything can: a clock that was ahead put it off."""
        limit = self._now() + WAIT_MAX + LEASE
        return await self._each_promise(
            Range("due_at", at_least=limit), lambda had: had.due_at is None or had.due_at >= limit
        )

    async def _each_promise(self, range: Range | None, which: Callable[[Fetch], bool]) -> int:
        def free(had: Fetch) -> Fetch | None:
            return replace(had, due_at=self._now(), by="") if which(had) else None

        freed = 0
        channel = ""
        while (first := await self._first_after(channel)) is not None:
            channel, after = first.channel, None
            while True:
                page = await self._engine.find(
                    FETCHES_DUE, {"channel": channel}, range=range, after=after, limit=200
                )
                for each in page.items:
                    if which(each):
                        with suppress(AbsentError):
                            await self._engine.change(Fetch, each.id, free)
                            freed += 1
                if (after := page.next) is None:
                    break
        return freed

    async def run(self) -> None:
        """Fetches what is due until cancelled; what is on its way is then given back."""
        straight_at = self._now()
        try:
            while True:
                try:
                    for each in await self.due():
                        self._begin(each)
                    if self._now() >= straight_at:
                        await self.straighten()
                        straight_at = self._now() + STRAIGHT_EVERY
                except UnavailableError as error:
                    log.warning("fetching.waits", extra={"reason": str(error)})
                await self._bus.sleep(WAKE, IDLE)
        finally:
            running = [task for _, task in self._busy.values()]
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running)

    def _begin(self, promise: Fetch) -> None:
        task = asyncio.create_task(self._guarded(promise))
        self._busy[promise.id] = (promise.channel, task)
        task.add_done_callback(partial(self._freed, promise.id))

    def _freed(self, id: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(id, None)

    async def _guarded(self, promise: Fetch) -> None:
        with observe.about(channel=promise.channel):
            try:
                await self.fetch(promise.id)
            except UnavailableError as error:
                log.warning("fetching.waits", extra={"reason": str(error)})
            except Exception:
                log.exception("fetching.failed")
        await self._bus.wake(WAKE)

    async def due(self) -> list[Fetch]:
        """What may be begun now, of every channel in turn, the longest due first."""
        found: list[Fetch] = []
        begin = channel = self._last
        around = False
        while (room := AT_ONCE - len(self._busy) - len(found)) > 0:
            first = await self._first_after(channel)
            if first is None or (around and first.channel > begin):
                if around or not begin:
                    break
                around, channel = True, ""
                continue
            channel = first.channel
            taken = (await self._due_of(first))[:room]
            if taken:
                found += taken
                self._last = channel
        return found

    async def _due_of(self, first: Fetch) -> list[Fetch]:
        """What may be begun of the channel that this is the first of."""
        now = self._now()
        if first.due_at is None or first.due_at > now or self._rests_now(first.channel):
            return []
        if not await self._may_be_called(first.channel):
            self._rest(first.channel, ILL_REST)
            return []
        mine = sum(channel == first.channel for channel, _ in self._busy.values())
        page = await self._engine.find(
            FETCHES_DUE,
            {"channel": first.channel},
            range=Range("due_at", at_most=now),
            limit=mine + AT_ONCE_OF_CHANNEL,
        )
        free = [each for each in page.items if each.id not in self._busy]
        return free[: max(AT_ONCE_OF_CHANNEL - mine, 0)]

    async def _may_be_called(self, channel: ChannelId) -> bool:
        """Whether it is in use and nothing is known to be wrong with its key or its platform."""
        try:
            self._channels.get(channel)
            pulse = await self._pulses.of(channel)
        except (NotFoundError, UnavailableError):
            return False
        return self._pulses.may_be_asked(pulse, channel)

    async def _first_after(self, channel: str) -> Fetch | None:
        """The longest due promise of the next channel that has any; one look into the index."""
        # A space comes before all that a channel's id is made of.
        after = Range("channel", at_least=f"{channel} " if channel else "")
        page = await self._engine.find(FETCHES_DUE, range=after, limit=1)
        return page.items[0] if page.items else None

    async def again(self, entry: Entry, file: str) -> Entry:
        """Tries anew to bring a file that was given up; NotFoundError if there is none such."""
        if entry.deleted_at is not None or not any(
            each.id == file and (each.lost or each.coming) for each in entry.attachments
        ):
            raise NotFoundError(field="file")
        now = self._now()

        def due(had: Fetch) -> Fetch | None:
            return replace(had, due_at=now, tries=0) if had.due_at is None else None

        # In this order: what is due and lost is fetched, what is coming and not due never comes.
        try:
            await self._engine.change(Fetch, file, due)
        except AbsentError:
            raise NotFoundError(field="file") from None
        after = await self._arrivals.change(
            entry, file, lambda had: replace(had, coming=True, lost="") if had.lost else None
        )
        await self._bus.wake(WAKE)
        return after or entry

    async def fetch(self, id: str) -> None:
        """One try at what was promised; nothing if it is not due or somebody else's."""
        try:
            promise = await self._claim(id, secrets.token_hex(8))
        except (_HeldError, AbsentError):
            return
        try:
            async with asyncio.timeout(FETCH_TIMEOUT.total_seconds()):
                if promise.identity is None:
                    outcome = await self._arrivals.file(promise)
                else:
                    outcome = await self._arrivals.profile(promise, promise.identity)
        except UnavailableError:
            await self._hold(promise, STORE_REST, counted=False)
            raise
        except asyncio.CancelledError:
            with suppress(UnavailableError):
                await self._hold(promise, timedelta(0), counted=False)
            raise
        except DeliveryError as error:
            await self._refused(promise, error)
        except TimeoutError:
            await self._refused(promise, TransientError("timeout", reason="timeout"))
        except Exception:
            log.exception("fetching.broken")
            await self._refused(promise, TransientError("internal", reason="internal"))
        else:
            if outcome == "early":
                await self._wait_or_end(promise)
                return
            if outcome == "many":
                await self._hold(promise, MANY_WAIT, counted=False)
                return
            await self._done(promise)
            if outcome == "kept":
                self._went_well(promise.channel)
                self._tell(promise, "kept")

    async def _claim(self, id: str, token: str) -> Fetch:
        now = self._now()

        def claimed(had: Fetch) -> Fetch:
            if had.due_at is None or had.due_at > now:
                raise _HeldError
            # A file that kills whoever fetches it is not fetched for ever.
            return replace(had, due_at=now + LEASE, by=token, tries=had.tries + 1)

        return await self._engine.change(Fetch, id, claimed)

    async def _wait_or_end(self, promise: Fetch) -> None:
        """What it is for is not here: not yet, or it never came."""
        age = self._now() - promise.created_at
        if age < UNNAMED_KEPT:
            await self._hold(promise, min(max(age, IDLE), WAIT_MAX), counted=False)
            return
        await self._arrivals.let_go(promise)
        await self._done(promise)

    async def _done(self, promise: Fetch) -> None:
        """Takes the promise back, unless it became another's meanwhile."""
        await self._engine.delete_if(Fetch, promise.id, lambda had: had.by == promise.by)

    async def _hold(self, promise: Fetch, wait: timedelta, *, counted: bool = True) -> None:
        def held(had: Fetch) -> Fetch | None:
            if had.by != promise.by:
                return None
            tries = promise.tries if counted else promise.tries - 1
            return replace(had, by="", due_at=self._now() + wait, tries=tries)

        with suppress(AbsentError):
            await self._engine.change(Fetch, promise.id, held)

    async def _refused(self, promise: Fetch, error: DeliveryError) -> None:
        """What follows from a try that did not succeed."""
        log.info("fetch.failed", extra={"reason": error.reason, "tries": promise.tries})
        most = TRIES_MAX if promise.identity is None else PROFILE_TRIES_MAX
        if isinstance(error, RejectedError | UnreachableError):
            await self._end(promise, error.reason)
            return
        if isinstance(error, ThrottledError | CredentialsError):
            wait = NO_KEY_REST
            if isinstance(error, ThrottledError):
                wait = min(max(error.retry_after, WAIT_MIN), WAIT_MAX)
            self._rest(promise.channel, wait)
            await self._hold(promise, wait, counted=False)
        elif error.reason == "offline" and self._now() - promise.created_at < AWAY_FOR:
            self._failed_once_more(promise.channel)
            await self._hold(promise, AWAY_WAIT, counted=False)
        elif promise.tries >= most:
            of_the_file = error.reason in ("file_gone", "internal")
            await self._end(promise, error.reason if of_the_file else "offline")
            return
        else:
            self._failed_once_more(promise.channel)
            await self._hold(promise, min(FIRST_WAIT * 3 ** (promise.tries - 1), WAIT_MAX))
        self._tell(promise, "held")

    async def _end(self, promise: Fetch, reason: str) -> None:
        """Gives it up: a file until somebody asks for it, a person until the next day."""
        self._tell(promise, "lost")
        if promise.identity is not None:
            await self._arrivals.met(promise.identity, Profile())
            await self._done(promise)
            return
        await self._arrivals.lost(promise, reason)

        def given_up(had: Fetch) -> Fetch | None:
            return replace(had, by="", due_at=None) if had.by == promise.by else None

        with suppress(AbsentError):
            await self._engine.change(Fetch, promise.id, given_up)

    def _tell(self, promise: Fetch, result: str) -> None:
        what = "file" if promise.identity is None else "profile"
        with suppress(NotFoundError):
            kind = self._channels.document(promise.channel).kind
            observe.FETCHES_ENDED.labels(kind=kind, what=what, result=result).inc()

    def _rest(self, channel: str, lasts: timedelta) -> None:
        rest = self._rests.setdefault(channel, _Rest())
        rest.of, rest.until = self._live(channel), self._now() + lasts

    def _went_well(self, channel: str) -> None:
        if (rest := self._rests.get(channel)) is not None:
            rest.fails = 0

    def _failed_once_more(self, channel: str) -> None:
        """After some failures without a success between them the platform is left alone a while."""
        rest = self._rests.setdefault(channel, _Rest())
        rest.fails += 1
        over = rest.fails - FAILS_BEFORE_REST
        if over >= 0:
            self._rest(channel, min(REST * 2 ** min(over, 6), REST_MAX))

    def _rests_now(self, channel: str) -> bool:
        rest = self._rests.get(channel)
        if rest is None or rest.until is None or self._now() >= rest.until:
            return False
        if rest.of is not self._live(channel):
            # Its settings were changed, maybe its key.
            del self._rests[channel]
            return False
        return True

    def _live(self, channel: str) -> ChannelKind[Any] | None:
        try:
            return self._channels.get(channel)
        except (NotFoundError, UnavailableError):
            return None
