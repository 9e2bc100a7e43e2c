"""Callback orders: one live lead for a phone in a project, under any concurrency."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from hub.model import ContactId, DialogId, Lead, ProjectId
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
) -> tuple[Lead, bool]:
    """The live lead of the phone (E.164) and whether it was opened just now.

    The next number is tried only when the last lead has ended, so two orders at once join.
    """
    while True:
        last = await latest(engine, project, phone)
        if last is not None and last.live:
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
            created_at=now,
            changed_at=now,
        )
        try:
            await engine.write(Insert(lead))
        except TakenError:
            continue
        return lead, True


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
