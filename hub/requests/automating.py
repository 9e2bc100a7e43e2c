"""What automations do by themselves: requests taken round after round, calls planned, and followed.

A decision is written down first, then the call is asked for by an entry whose id follows from
automation and dialog. So whoever dies in between is made up for in the next round, and nothing
is asked for twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub import dialogs
from hub.bus import Bus
from hub.errors import HubError, UnavailableError
from hub.events import DialogChanged
from hub.leads import leads
from hub.leads.lead import Lead
from hub.leases import Turn
from hub.model import Author, ContactId, Dialog, DialogId, Entry, EntryKind, LeadId, Verb
from hub.outages import Outages
from hub.people.consents import Consents
from hub.requests.automation import Automation, Handled, Segment
from hub.requests.verdicts import REACH, handled_id, handled_since, is_decided, takes, verdict
from hub.statuses import Status
from hub.store.engine import Engine, Insert, Range, TakenError
from hub.store.schema import AUTOMATIONS, BY_CREATED, HANDLED_OPEN, LEADS, PROJECTS_BY_NAME

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=2)
TURN_LASTS = timedelta(minutes=3)
AT_ONCE = 100
CHAIN_MAX = 20
"""How far back in the leads of a phone an order is looked for."""


class Automating:
    """Of several processes one does it at a time."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        consents: Consents,
        outages: Outages,
        now: Callable[[], datetime],
        name: str = "",
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._consents = consents
        self._outages = outages
        self._now = now
        self._turn = Turn(engine, "automations", name, now, TURN_LASTS)

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._turn.during(self.round)
                except HubError as error:
                    log.warning("automations.wait", extra={"reason": str(error)})
                except Exception:
                    log.exception("automations.failed")
                await asyncio.sleep(EVERY.total_seconds())
        finally:
            await self._turn.pass_on()

    async def round(self) -> None:
        """Looks at what was planned, then at the requests; one that fails hinders no other.

        After an outage requests wait: what was done with them meanwhile may still come in.
        """
        hears = await self._outages.settled_at() is None
        async for automation in self._all():
            try:
                await self.follow(automation)
                if automation.enabled and hears:
                    await self._take(automation)
            except UnavailableError:
                raise
            except Exception:
                log.exception("automation.failed", extra={"automation": automation.id})

    async def follow(self, automation: Automation) -> int:
        """Brings level what is known of each call that is not over; how many are now.

        Those of an automation that is off are taken back, and those of who was dealt with since.
        """
        after, ended = None, 0
        while True:
            page = await self._engine.find(
                HANDLED_OPEN,
                {"project": automation.project, "automation": automation.id, "open": True},
                after=after,
                limit=AT_ONCE,
            )
            for each in page.items:
                level = await self._level(automation, each)
                ended += await self._keep(each, level)
            if (after := page.next) is None:
                return ended

    async def _all(self) -> AsyncIterator[Automation]:
        after = None
        while True:
            page = await self._engine.find(PROJECTS_BY_NAME, after=after, limit=AT_ONCE)
            for project in page.items:
                found = await self._engine.find(AUTOMATIONS, {"project": project.id}, limit=AT_ONCE)
                for automation in found.items:
                    yield automation
            if (after := page.next) is None:
                return

    async def _take(self, automation: Automation) -> None:
        segment = await self._engine.get(Segment, automation.aim.segment)
        if segment is None or segment.project != automation.project:
            log.warning("automation.no_segment", extra={"automation": automation.id})
            return
        aim, now, after = automation.aim, self._now(), None
        since = max(automation.since, now - REACH)
        until = now - timedelta(hours=aim.delay_hours)
        while True:
            page = await self._engine.find(
                BY_CREATED,
                {"project": automation.project},
                range=Range("created_at", at_least=since, at_most=until),
                after=after,
                limit=AT_ONCE,
                where=lambda row: takes(aim, segment.filters, row, now),
            )
            ids = [handled_id(automation.id, row.id) for row in page.items]
            done = await self._engine.get_many(Handled, ids)
            for row in page.items:
                known = done.get(handled_id(automation.id, row.id))
                if not is_decided(known) and not await self._decide(automation, row, known):
                    return
            if (after := page.next) is None:
                return

    async def _decide(self, automation: Automation, row: Dialog, known: Handled | None) -> bool:
        """Decides about one request; False when the automation was switched off meanwhile."""
        found = await verdict(self._engine, self._consents, automation.aim, row)
        now = self._now()
        if known is not None and found.why and known.cause == found.why:
            return True
        current = await self._engine.get(Automation, automation.id)
        if current is None or not current.enabled:
            return False
        decided = Handled(
            id=handled_id(automation.id, row.id),
            project=automation.project,
            automation=automation.id,
            dialog=DialogId(row.id),
            channel=row.channel,
            state="skipped" if found.why else "planned",
            open=not found.why,
            cause=found.why,
            phone=found.phone,
            created_at=known.created_at if known else now,
            changed_at=now,
        )
        if known is None:
            try:
                await self._engine.write(Insert(decided))
            except TakenError:
                return True
        else:
            stands = await self._engine.change(
                Handled,
                decided.id,
                lambda had: replace(decided, rev=had.rev) if not is_decided(had) else None,
            )
            if stands.changed_at != now:
                return True
        if not found.why:
            await self._plan(automation, row, decided)
        return True

    async def _plan(self, automation: Automation, row: Dialog, decided: Handled) -> Dialog | None:
        """Asks for the call, once; None in a dialog that takes no more."""
        id, now = _entry_id(decided), self._now()

        def make(current: Dialog) -> Entry:
            return replace(
                dialogs.draft(current, id, EntryKind.SYSTEM, now, now),
                author=Author("rule", _rule(automation), automation.aim.name),
                verb=Verb.PLANNED,
                data={
                    "rule": _rule(automation),
                    "origin": "automation",
                    "automation": automation.id,
                    "phone": decided.phone,
                    "requested": row.created_at.isoformat(),
                },
            )

        try:
            appended = await dialogs.append(self._engine, row, make)
        except dialogs.SealedError:
            return None
        if appended.fresh:
            await self._bus.announce(
                DialogChanged(project=row.project, dialog=appended.row, entries=(appended.entry,))
            )
            await self._bus.wake("rules")
        return appended.row

    async def _level(self, automation: Automation, known: Handled) -> Handled:
        row = await self._engine.get(Dialog, known.dialog)
        if row is None or row.dropped_at is not None:
            return _ended(known, "erased")
        entry = await self._engine.get(Entry, _entry_id(known))
        if entry is None:
            # Whoever wrote it down died before it was asked for.
            if not automation.enabled:
                return _ended(known, "automation_off")
            return known if await self._plan(automation, row, known) else _ended(known, "sealed")
        lead = await self._lead_of(known)
        if lead is None and row.ruled_seq < entry.seq:
            # Its lead is about to be made; the next round sees it.
            return known
        if lead is None:
            return _ended(known, "opted_out" if automation.enabled else "automation_off")
        if (
            lead.live
            and _may_stop(lead)
            and (cause := await self._why_stop(automation, known, row))
        ):
            rule, now = _rule(automation), self._now()
            await leads.withdraw_of(self._engine, self._bus, row, rule, cause, now)
            left = await self._engine.get(Lead, lead.id)
            if left is None or not _holds(left, known):
                return _ended(known, cause, lead)
            lead = left
        if not lead.live:
            return _ended(known, lead.cause, lead)
        return replace(known, lead=LeadId(lead.id), phone=lead.phone, status=lead.status)

    async def _why_stop(self, automation: Automation, known: Handled, row: Dialog) -> str:
        if not automation.enabled:
            return "automation_off"
        person = ContactId(row.contact)
        dealt = await handled_since(self._engine, row, person, known.phone, row.created_at)
        return "handled" if dealt else ""

    async def _lead_of(self, known: Handled) -> Lead | None:
        """The lead that answers the automation's entry, by the phone that is known to be right."""
        if known.lead is not None:
            lead = await self._engine.get(Lead, known.lead)
        else:
            page = await self._engine.find(
                LEADS,
                {"project": known.project, "phone": known.phone},
                descending=True,
                limit=1,
                where=lambda each: _holds(each, known),
                budget=CHAIN_MAX,
            )
            lead = page.items[0] if page.items else None
        for _ in range(CHAIN_MAX):
            if lead is None or lead.live or lead.cause != leads.CORRECTED or lead.of is None:
                break
            lead = await self._engine.get(Lead, lead.of)
        return lead

    async def _keep(self, known: Handled, level: Handled) -> bool:
        if level == known:
            return False
        level = replace(level, changed_at=self._now())

        def kept(had: Handled) -> Handled | None:
            return replace(level, rev=had.rev) if had.open else None

        await self._engine.change(Handled, known.id, kept)
        return not level.open


def _rule(automation: Automation) -> str:
    return f"automation:{automation.id}"


def _entry_id(known: Handled) -> str:
    return f"automation:{known.id}"


def _holds(lead: Lead, known: Handled) -> bool:
    """Whether it is live, or ended, by the automation's asking too."""
    return any(each.entry == _entry_id(known) for each in lead.joins)


def _may_stop(lead: Lead) -> bool:
    """Whether it is nobody's but a rule's, and was not dialled."""
    return lead.status is Status.NEW and not (lead.attempts or lead.asked_at or lead.moved_at)


def _ended(known: Handled, cause: str, lead: Lead | None = None) -> Handled:
    known = replace(known, state="ended", open=False, cause=cause)
    return known if lead is None else replace(known, lead=LeadId(lead.id), status=lead.status)
