"""What keeps a due lead from being dialled at this moment: hours, refusals, caps, people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from hub.bus import Bus
from hub.calls.call import TRUNKS_OWN, Call
from hub.leads import leads, ordering, slots, unwanted
from hub.leads.callside import is_spam
from hub.leads.lead import Lead
from hub.model import Dialog, Project
from hub.schedule import always
from hub.statuses import PLANNED, Status
from hub.store.engine import Engine, Range
from hub.store.schema import CALLS_TO

Why = Literal["", "hours", "refused", "spam", "manual", "capped", "nobody", "confirm", "erased"]


async def hindered(engine: Engine, bus: Bus, lead: Lead, project: Project, now: datetime) -> Why:
    """Why a lead that is due is not to be dialled now; what follows from that is done.

    Hours, refusals and caps are looked at here and nowhere before, however long it waited.
    """
    row = await engine.get(Dialog, lead.dialog) if lead.dialog is not None else None
    if lead.dialog is not None and (row is None or row.dropped_at is not None):
        await engine.delete_if(Lead, lead.id, lambda _: True)
        return "erased"
    if row is not None and is_spam(row):
        await _give_up(engine, bus, lead, unwanted.SPAM, now)
        return "spam"
    said = unwanted.wished_at(lead)
    if lead.contact is not None and lead.held is None:
        refused = await unwanted.refused_at(engine, lead.project, lead.contact, lead.phone)
        if refused is not None and (said is None or refused > said):
            await _give_up(engine, bus, lead, unwanted.OPTED_OUT, now)
            return "refused"
    zones = lead.zones or (project.schedule.zone,)
    quiet = project.calling.quiet
    if lead.held is not None:
        # A time that somebody set by day was missed: nobody was warned of the night.
        if not _became_night(project, zones, lead.held.at, now):
            return ""
        morning = slots.soonest(always(project.schedule.zone), zones, now, quiet)
        await _put_off(engine, bus, lead, morning, now)
        return "hours"
    if project.calling.autonomous or project.calling.mode == "collect":
        await _put_off(engine, bus, lead, None, now)
        return "manual"
    if not slots.callable_at(project.schedule, zones, now, quiet):
        await _put_off(engine, bus, lead, slots.soonest(project.schedule, zones, now, quiet), now)
        return "hours"
    if (later := await _capped(engine, lead, project, zones, now)) is not None:
        await _put_off(engine, bus, lead, later, now)
        return "capped"
    if lead.plan.script.confirm and not lead.confirmed:
        await _await_operator(engine, bus, lead, now)
        return "confirm"
    return ""


async def is_night(engine: Engine, call: Call, now: datetime) -> bool:
    """Whether it became night where the person is while operators were rung.

    What people had called at night, or who is called on trial, is called.
    """
    lead = await engine.get(Lead, call.lead) if call.lead is not None else None
    project = await engine.get(Project, call.project)
    if lead is None or project is None or call.by is not None:
        return False
    zones = lead.zones or (project.schedule.zone,)
    return _became_night(project, zones, call.began_at, now)


def _became_night(project: Project, zones: Sequence[str], then: datetime, now: datetime) -> bool:
    """Whether it was day there then, so that nobody was warned, and is not now."""

    def is_day(at: datetime) -> bool:
        hours = always(project.schedule.zone)
        return slots.callable_at(hours, zones, at, project.calling.quiet)

    return is_day(then) and not is_day(now)


async def _capped(
    engine: Engine, lead: Lead, project: Project, zones: Sequence[str], now: datetime
) -> datetime | None:
    """When the phone may be dialled again, if it was too often today; over all projects."""
    is_chosen = lead.wanted is not None and not lead.attempts
    if is_chosen or lead.plan.offsets:
        return None
    wall = now.astimezone(ZoneInfo(zones[0]))
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    page = await engine.find(
        CALLS_TO,
        {"phone": lead.phone},
        range=Range("dialled_at", at_least=midnight),
        limit=project.calling.per_phone_a_day,
        where=lambda each: each.by is None and each.outcome not in TRUNKS_OWN,
    )
    if len(page.items) < project.calling.per_phone_a_day:
        return None
    tomorrow = midnight + timedelta(days=1)
    return slots.soonest(project.schedule, tuple(zones), max(now, tomorrow), project.calling.quiet)


async def _put_off(
    engine: Engine, bus: Bus, lead: Lead, until: datetime | None, now: datetime
) -> None:
    def later(had: Lead) -> Lead | None:
        if had.rev != lead.rev:
            return None
        if had.held is not None and until is not None:
            held = replace(had.held, at=until, local="")
            return replace(had, due_at=until, held=held, changed_at=now)
        return replace(had, due_at=until, auto_due_at=until, changed_at=now)

    after = await engine.change(Lead, lead.id, later)
    await leads.announce(bus, after)
    if after.rev != lead.rev:
        # The dialog shows when the call will be, and has to show this.
        told = ordering.planned(after, now)
        await leads.tell(engine, bus, lead.dialog, f"{lead.id}:off:{after.rev}", told, now)


async def _give_up(engine: Engine, bus: Bus, lead: Lead, cause: str, now: datetime) -> None:
    ended = await leads.end(engine, lead, Status.PROCESSED, now, cause)
    await leads.announce(bus, ended)
    told = {"lead": lead.id, "status": Status.PROCESSED, "cause": cause, "rule": lead.rule}
    await leads.tell(engine, bus, lead.dialog, f"{lead.id}:ended", told, now)


async def _await_operator(engine: Engine, bus: Bus, lead: Lead, now: datetime) -> None:
    def waits(had: Lead) -> Lead | None:
        if had.rev != lead.rev or had.status not in PLANNED:
            return None
        return replace(had, status=Status.AWAITING_OPERATOR, due_at=None, changed_at=now)

    had = await engine.change(Lead, lead.id, waits)
    await leads.announce(bus, had)
    told = {"lead": lead.id, "status": Status.AWAITING_OPERATOR}
    id = f"{lead.id}:awaits:{lead.calls}"
    await leads.tell(engine, bus, lead.dialog, id, told, now)
