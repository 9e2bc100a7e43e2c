"""An operator says that a request which waits for that may be dialled."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from hub.bus import Bus
from hub.calls.wishes import WAKE
from hub.errors import ConflictError
from hub.leads import leads
from hub.leads.lead import Lead
from hub.model import OperatorId
from hub.statuses import Status
from hub.store.engine import Engine


async def confirm(engine: Engine, bus: Bus, id: str, operator: OperatorId, now: datetime) -> Lead:
    """Has a lead dialled that waits for an operator to say so; ConflictError if it does not.

    Nobody was warned of the hour, so where it is night it waits for the morning.
    """

    def confirmed(had: Lead) -> Lead:
        if not had.live or had.status is not Status.AWAITING_OPERATOR:
            raise ConflictError("ended" if not had.live else "calling", had.status)
        return replace(
            had,
            status=Status.NEW,
            confirmed=True,
            operator=operator,
            auto_due_at=now,
            due_at=now,
            changed_at=now,
        )

    lead = await engine.change(Lead, id, confirmed)
    told = {"lead": lead.id, "status": Status.NEW}
    said = f"{lead.id}:confirmed:{lead.calls}"
    await leads.tell(engine, bus, lead.dialog, said, told, now)
    await leads.announce(bus, lead)
    await bus.wake(WAKE)
    return lead
