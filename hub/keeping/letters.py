"""Bodies that we failed to digest: looked at, tried again once the cause is mended, dropped.

How a body becomes events again is its door's business and is given by the caller.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from hub.accounts import Who
from hub.audits import audited
from hub.channels.in_use import Channels
from hub.channels.port import ChannelKind
from hub.errors import ConflictError, NotFoundError, UnavailableError
from hub.events import ChannelEvent
from hub.intake import UNKNOWN, Intake
from hub.model import ChannelId, DialogId, ProjectId
from hub.observe import LETTERS_REPLAYED, about
from hub.records import DeadLetter
from hub.store.engine import AbsentError, Engine, Page
from hub.store.schema import DEAD_LETTERS, LETTERS_WAITING

log = logging.getLogger(__name__)

Revive = Callable[[ChannelKind[msgspec.Struct], DeadLetter], Awaitable[Sequence[ChannelEvent]]]
ERROR_MAX_CHARS = 2_000
LOOKED_AT_MOST = 500


class Outcome(StrEnum):
    """What became of a body that was tried again."""

    STORED = "stored"
    KNOWN = "known"
    NOTHING = "nothing"
    FAILED = "failed"


@dataclass(frozen=True)
class Replayed:
    letter: DeadLetter
    outcome: Outcome
    dialog: DialogId | None = None


class Letters:
    """The caller has already checked that `who` may do this in the project."""

    def __init__(
        self, engine: Engine, channels: Channels, intake: Intake, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._channels = channels
        self._intake = intake
        self._now = now

    async def of(
        self,
        project: ProjectId,
        allowed: frozenset[ChannelId] | None,
        *,
        replayed: bool = False,
        after: str | None = None,
        limit: int = 20,
    ) -> Page[DeadLetter]:
        """The newest first: those that wait, or with `replayed` all; `allowed` channels only."""
        return await self._engine.find(
            DEAD_LETTERS if replayed else LETTERS_WAITING,
            {"project": project} if replayed else {"project": project, "replayed_at": None},
            descending=True,
            after=after,
            limit=limit,
            where=lambda each: allowed is None or each.channel in allowed,
            budget=LOOKED_AT_MOST,
        )

    async def get(
        self, project: ProjectId, allowed: frozenset[ChannelId] | None, id: str
    ) -> DeadLetter:
        """NotFoundError also for what is another project's or channel's."""
        letter = await self._engine.get(DeadLetter, id)
        if letter is None or letter.project != project:
            raise NotFoundError
        if allowed is not None and letter.channel not in allowed:
            raise NotFoundError
        return letter

    async def replay(
        self, letter: DeadLetter, revive: Revive, who: Who, *, address: str = ""
    ) -> Replayed:
        """Takes the body in once more, as if it had come now.

        A repeat stores nothing twice: entries are known by their natural keys. A body that
        fails again stays, with the new error. ConflictError("channel_off") when its channel
        is not there to read it. One that was only not understood may be tried any time.
        """
        if letter.replayed_at is not None and not letter.error.startswith(UNKNOWN):
            return Replayed(letter, Outcome.KNOWN)
        with about(channel=letter.channel, letter=letter.id):
            try:
                kind = self._channels.get(letter.channel)
            except NotFoundError:
                raise ConflictError("channel_off") from None
            await self._note(letter, "letter_replayed", who, address)
            try:
                accepted = await self._intake.accept(kind, await revive(kind, letter))
            except UnavailableError:
                raise
            except Exception as error:
                log.warning("letter.failed", exc_info=True)
                return await self._failed(letter, error)
        messages = [each for each in accepted if each.entry is not None]
        if any(each.fresh for each in messages):
            outcome = Outcome.STORED
        else:
            outcome = Outcome.KNOWN if messages else Outcome.NOTHING
        now = self._now()
        done = await self._change(letter, lambda had: replace(had, replayed_at=now))
        LETTERS_REPLAYED.labels(outcome=outcome.value).inc()
        return Replayed(done, outcome, messages[-1].dialog if messages else None)

    async def drop(self, letter: DeadLetter, who: Who, *, address: str = "") -> None:
        """Deletes the body for good; who did it stays on record."""
        await self._note(letter, "letter_dropped", who, address)
        if not await self._engine.delete_if(DeadLetter, letter.id, lambda _: True):
            raise NotFoundError

    async def _failed(self, letter: DeadLetter, error: Exception) -> Replayed:
        words = f"{type(error).__name__}: {error}"[:ERROR_MAX_CHARS]
        kept = await self._change(letter, lambda had: replace(had, error=words))
        LETTERS_REPLAYED.labels(outcome=Outcome.FAILED.value).inc()
        return Replayed(kept, Outcome.FAILED)

    async def _change(
        self, letter: DeadLetter, how: Callable[[DeadLetter], DeadLetter]
    ) -> DeadLetter:
        try:
            return await self._engine.change(DeadLetter, letter.id, how)
        except AbsentError:
            # Somebody dropped it while it was being read; what it held is stored all the same.
            return how(letter)

    async def _note(self, letter: DeadLetter, verb: str, who: Who, address: str) -> None:
        now, of = self._now(), letter.project
        note = audited(now, who.id, verb, letter.id, of, address, channel=letter.channel)
        await self._engine.write(note)
