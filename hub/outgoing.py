"""What a project's own systems are told of: events as JSON, posted and signed.

An event is a document with an id that follows from what happened, so it is promised once. It is
posted at least once, each time with the same id. Whoever posts is given, for the hub knows no HTTP.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from hub.bus import Bus
from hub.calls import verdict
from hub.calls.call import Call, Outcome
from hub.errors import UnavailableError
from hub.keys import Keys
from hub.lead import Lead
from hub.model import Project, ProjectId
from hub.records import Outgoing as Event
from hub.store.engine import AbsentError, Engine, Insert, Range, TakenError
from hub.store.schema import OUTGOING_DUE, OUTGOING_OLD

WAKE = "outgoing"
IDLE = timedelta(seconds=5)
AT_ONCE = 5
CLAIM = timedelta(minutes=1)
RETRIES = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60, 180, 360, 720))
KEPT = timedelta(days=30)
SWEEP_EVERY = timedelta(minutes=30)
HEADER = "X-Otklik-Signature"
EXHAUSTED = "lead.exhausted"
FOR_PEOPLE = (verdict.EXHAUSTED, Outcome.INVALID_NUMBER)

Send = Callable[[str, bytes, Mapping[str, str]], Awaitable[int]]
"""Posts a body to an address and gives the status; raises PostError."""

log = logging.getLogger(__name__)


class PostError(Exception):
    """Nothing was posted; its text is a code. What is `for_good` need not be tried again."""

    def __init__(self, code: str, *, for_good: bool = False) -> None:
        super().__init__(code)
        self.for_good = for_good


class _OthersError(Exception):
    """Another worker has it."""


def key_of(keys: Keys, project: ProjectId) -> str:
    """By which the project's systems know that it was us; another for each project."""
    return keys.sign("outgoing", project)


def signature(key: str, body: bytes, at: datetime) -> str:
    """As it stands in the header: the time, and what key, time and body make."""
    moment = str(int(at.timestamp()))
    made = hmac.digest(key.encode(), f"{moment}.".encode() + body, hashlib.sha256).hex()
    return f"t={moment},v1={made}"


async def exhausted(engine: Engine, lead: Lead, now: datetime) -> bool:
    """Promises to tell that a lead waits for people; False if that was promised before."""
    project = await engine.get(Project, lead.project)
    if project is None or not project.calling.exhausted_url:
        return False
    id = hashlib.sha256(f"{EXHAUSTED}:{lead.id}:{lead.calls}".encode()).hexdigest()[:24]
    told = {
        "id": id,
        "event": EXHAUSTED,
        "at": now.isoformat().replace("+00:00", "Z"),
        "project": project.id,
        "lead": {
            "id": lead.id,
            "phone": lead.phone,
            "name": lead.name,
            "attempts": lead.attempts,
            "calls": lead.calls,
            "cause": lead.cause,
            "dialog": lead.dialog or "",
        },
    }
    event = Event(
        id=id,
        project=lead.project,
        event=EXHAUSTED,
        body=msgspec.json.encode(told).decode(),
        due_at=now,
        created_at=now,
    )
    try:
        await engine.write(Insert(event))
    except TakenError:
        return False
    return True


class Outgoing:
    """Posts what was promised, by whatever `send` it is given."""

    def __init__(self, engine: Engine, bus: Bus, keys: Keys, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._bus = bus
        self._keys = keys
        self._now = now
        self.send: Send | None = None

    async def called(self, call: Call, lead: Lead | None) -> None:
        """What follows from the end of a call."""
        if lead is None or not lead.live or lead.cause not in FOR_PEOPLE:
            return
        if await exhausted(self._engine, lead, self._now()):
            await self._bus.wake(WAKE)

    async def run(self) -> None:
        """Posts what is due until cancelled, and now and then clears away what is over."""
        swept = self._now() - SWEEP_EVERY
        while True:
            try:
                more = await self.work()
                if self._now() - swept >= SWEEP_EVERY:
                    swept = self._now()
                    await self.sweep(swept)
            except UnavailableError as error:
                log.warning("outgoing.waits", extra={"reason": str(error)})
                more = False
            if not more:
                await self._bus.sleep(WAKE, IDLE)

    async def work(self) -> bool:
        """Posts what is due now; True when there may be more."""
        page = await self._engine.find(
            OUTGOING_DUE, range=Range("due_at", at_most=self._now()), limit=AT_ONCE
        )
        await asyncio.gather(*(self._guarded(each) for each in page.items))
        return len(page.items) == AT_ONCE

    async def sweep(self, now: datetime) -> int:
        """Deletes what was told or never will be, for long."""
        page = await self._engine.find(
            OUTGOING_OLD, range=Range("created_at", below=now - KEPT), limit=500
        )
        for each in page.items:
            await self._engine.delete_if(Event, each.id, lambda had: had.due_at is None)
        return len(page.items)

    async def _guarded(self, event: Event) -> None:
        try:
            await self._fire(event)
        except (_OthersError, AbsentError):
            return
        except UnavailableError:
            raise
        except Exception:
            log.exception("outgoing.failed", extra={"event": event.id})

    async def _fire(self, event: Event) -> None:
        now, token = self._now(), secrets.token_hex(8)

        def claimed(had: Event) -> Event:
            if had.due_at is None or had.due_at > now:
                raise _OthersError
            return replace(had, due_at=now + CLAIM, by=token)

        event = await self._engine.change(Event, event.id, claimed)
        project = await self._engine.get(Project, event.project)
        url = project.calling.exhausted_url if project is not None else ""
        if self.send is None or not url:
            await self._settle(event, "lost", "off")
            return
        body = event.body.encode()
        headers = {
            "Content-Type": "application/json",
            HEADER: signature(key_of(self._keys, event.project), body, now),
        }
        try:
            status = await self.send(url, body, headers)
        except PostError as error:
            why = str(error)
            log.warning("outgoing.missed", extra={"event": event.id, "reason": why})
            await self._again(event, why, for_good=error.for_good)
            return
        if 200 <= status < 300:
            await self._settle(event, "sent", "")
        else:
            log.warning("outgoing.missed", extra={"event": event.id, "reason": str(status)})
            # 410 is the one answer by which a receiver says that it wants no more.
            await self._again(event, str(status), for_good=status == 410)

    async def _again(self, event: Event, error: str, *, for_good: bool) -> None:
        if for_good or event.tries >= len(RETRIES):
            await self._settle(event, "lost", error)
            return
        until = self._now() + RETRIES[event.tries]

        def later(had: Event) -> Event | None:
            if had.by != event.by:
                return None
            return replace(had, due_at=until, tries=had.tries + 1, by="", error=error)

        await self._engine.change(Event, event.id, later)

    async def _settle(self, event: Event, state: Literal["sent", "lost"], error: str) -> None:
        ended = self._now()

        def settled(had: Event) -> Event | None:
            if had.by != event.by:
                return None
            return replace(had, state=state, due_at=None, by="", error=error, ended_at=ended)

        await self._engine.change(Event, event.id, settled)
