"""Callback orders: one live lead for a phone in a project, under any concurrency."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from hub.model import CallTime, ContactId, DialogId, Lead, ProjectId
from hub.statuses import Status
from hub.store.engine import Engine, Insert, TakenError
from hub.store.schema import LEADS


async def order(
    engine: Engine,
    project: ProjectId,
    phone: str,
    *,
    origin: str,
    now: datetime,
    dialog: DialogId | None = None,
    contact: ContactId | None = None,
    due_at: datetime | None = None,
    wanted: CallTime | None = None,
    asked_at: datetime | None = None,
    comment: str = "",
) -> tuple[Lead, bool]:
    """The live lead of the phone (E.164) and whether it was opened just now.

    The next number is tried only when the last lead has ended, so two orders at once join.
    With `asked_at` the order is a person's own wish: the newest decides when a live lead is
    due, and one that was heard already opens no second lead.
    """
    while True:
        last = await latest(engine, project, phone)
        if last is not None and asked_at and last.asked_at and last.asked_at >= asked_at:
            return last, False
        if last is not None and last.live:
            if asked_at is None:
                return last, False
            plan = _Plan(due_at, wanted, asked_at, comment)
            last = await engine.change(Lead, last.id, partial(_wished, plan, now))
            if last.live or (last.asked_at is not None and last.asked_at >= asked_at):
                return last, False
        n = 1 if last is None else last.n + 1
        lead = Lead(
            id=f"{project}:{phone}:{n}",
            project=project,
            phone=phone,
            n=n,
            dialog=dialog,
            contact=contact,
            status=Status.NEW,
            origin=origin,
            due_at=due_at,
            wanted=wanted,
            asked_at=asked_at,
            comment=comment,
            created_at=now,
            changed_at=now,
        )
        try:
            await engine.write(Insert(lead))
        except TakenError:
            continue
        return lead, True


class _Plan(NamedTuple):
    due_at: datetime | None
    wanted: CallTime | None
    asked_at: datetime
    comment: str


def _wished(plan: _Plan, now: datetime, lead: Lead) -> Lead | None:
    """The live lead as its person wants it now; None if a newer wish was heard, or it ended."""
    if not lead.live or (lead.asked_at is not None and lead.asked_at >= plan.asked_at):
        return None
    return replace(
        lead,
        due_at=plan.due_at,
        wanted=plan.wanted,
        asked_at=plan.asked_at,
        comment=plan.comment or lead.comment,
        changed_at=now,
    )


async def latest(engine: Engine, project: ProjectId, phone: str) -> Lead | None:
    page = await engine.find(LEADS, {"project": project, "phone": phone}, descending=True, limit=1)
    return page.items[0] if page.items else None


async def end(engine: Engine, lead: Lead, status: Status, now: datetime) -> Lead:
    """Ends a live lead with that status; a lead that has ended stays as it is."""

    def ended(current: Lead) -> Lead | None:
        if not current.live:
            return None
        return replace(current, status=status, live=False, due_at=None, changed_at=now)

    return await engine.change(Lead, lead.id, ended)
