"""What a project's own systems are told of: events as JSON, posted and signed.

An event is an errand: promised once, posted at least once, each time with the same id. Whoever
posts is given, for the hub knows no HTTP.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from hub.bus import Bus
from hub.calls import verdict
from hub.calls.call import Call
from hub.keeping.keys import Keys
from hub.leads.lead import Lead
from hub.model import Project, ProjectId
from hub.records import Outgoing as Event
from hub.store.engine import Engine
from hub.store.schema import OUTGOING_DUE, OUTGOING_OLD
from hub.telling import errands
from hub.telling.errands import RETRIES, Errands

WAKE = "outgoing"
HEADER = "X-Otklik-Signature"
EXHAUSTED = "lead.exhausted"

Send = Callable[[str, bytes, Mapping[str, str]], Awaitable[int]]
"""Posts a body to an address and gives the status; raises PostError."""

log = logging.getLogger(__name__)


class PostError(Exception):
    """Nothing was posted; its text is a code. What is `for_good` need not be tried again."""

    def __init__(self, code: str, *, for_good: bool = False) -> None:
        super().__init__(code)
        self.for_good = for_good


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
    id = errands.id_of(EXHAUSTED, lead.id, lead.calls)
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
        dialog=lead.dialog,
        event=EXHAUSTED,
        body=msgspec.json.encode(told).decode(),
        due_at=now,
        created_at=now,
    )
    return await errands.promise(engine, event)


class Outgoing(Errands[Event]):
    """Posts what was promised, by whatever `send` it is given."""

    def __init__(self, engine: Engine, bus: Bus, keys: Keys, now: Callable[[], datetime]) -> None:
        super().__init__(engine, bus, now, WAKE, OUTGOING_DUE, OUTGOING_OLD)
        self._keys = keys
        self.send: Send | None = None

    async def called(self, call: Call, lead: Lead | None) -> None:
        """What follows from the end of a call."""
        if lead is None or not verdict.is_for_people(lead):
            return
        if await exhausted(self._engine, lead, self._now()):
            await self._bus.wake(WAKE)

    async def _do(self, event: Event) -> None:
        project = await self._engine.get(Project, event.project)
        url = project.calling.exhausted_url if project is not None else ""
        if self.send is None or not url:
            await self._end(event, "lost", "off")
            return
        body = event.body.encode()
        headers = {
            "Content-Type": "application/json",
            HEADER: signature(key_of(self._keys, event.project), body, self._now()),
        }
        try:
            status = await self.send(url, body, headers)
        except PostError as error:
            why = str(error)
            log.warning("outgoing.missed", extra={"event": event.id, "reason": why})
            await self._again(event, why, for_good=error.for_good)
            return
        if 200 <= status < 300:
            await self._end(event, "sent", "")
        else:
            log.warning("outgoing.missed", extra={"event": event.id, "reason": str(status)})
            # 410 is the one answer by which a receiver says that it wants no more.
            await self._again(event, str(status), for_good=status == 410)

    async def _again(self, event: Event, error: str, *, for_good: bool) -> None:
        if for_good or event.tries >= len(RETRIES):
            await self._end(event, "lost", error)
            return
        until = self._now() + RETRIES[event.tries]
        await self.settle(event, due_at=until, tries=event.tries + 1, error=error)

    async def _end(self, event: Event, state: Literal["sent", "lost"], error: str) -> None:
        await self.settle(event, due_at=None, state=state, error=error)
