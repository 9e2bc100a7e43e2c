"""Automations in tests: one over a segment, requests with a phone, and rounds by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from hub import dialogs
from hub.accounts import Who
from hub.finding.filters import Filter
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import (
    Author,
    ContactId,
    Dialog,
    Entry,
    EntryKind,
    IdentityId,
    Verb,
)
from hub.records import Consent
from hub.requests.automation import Aim, Automation, Handled
from hub.requests.segments import Draft
from hub.statuses import Status
from hub.store.engine import Insert
from hub.store.schema import HANDLED, LEADS_LIVE
from tests.spine import (
    SHOP,
    all_of,
    current,
    log_of,
    message,
    receive,
)

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PHONE = "+79123456789"
ALL = (Filter(),)


async def automation(
    hub: Hub,
    who: Who,
    *,
    filters: Sequence[Filter] = ALL,
    on: bool = True,
    key: str = "key-0001",
    **aim: object,
) -> Automation:
    draft = Draft(name="Неотвеченные", filters=tuple(filters))
    segment = await hub.segments.add(SHOP, draft, who, key)
    given = {"name": "Перезвон", "segment": segment.id} | aim
    made = await hub.automations.add(SHOP, Aim(**given), who, key)  # type: ignore[arg-type]
    if on:
        made, _ = await hub.automations.switch(SHOP, made.id, who, on=True)
    return made


async def asks(
    hub: Hub, phone: str = PHONE, visitor: str = "ivan", channel: str = "site", n: int = 1
) -> Dialog:
    """A request with that phone in its first words."""
    words = f"Перезвоните {phone} пожалуйста, по поводу окон"
    await receive(hub, message(n, hub.now(), visitor=visitor, text=words), channel=channel)
    await ruled(hub)
    return await current(hub, visitor, channel)


async def ruled(hub: Hub) -> None:
    while await hub.worker.work() or await hub.worker.fire():
        pass


async def round_of(hub: Hub) -> list[Lead]:
    """One round and all that follows from it; the live leads then."""
    await hub.automating.round()
    await ruled(hub)
    await hub.automating.round()
    return await leads(hub)


async def leads(hub: Hub, *, live: bool = True) -> list[Lead]:
    return await all_of(hub.engine, LEADS_LIVE, {"project": SHOP, "live": live})


async def done(hub: Hub, automation: Automation) -> list[Handled]:
    return await all_of(hub.engine, HANDLED, {"project": SHOP, "automation": automation.id})


async def planned(hub: Hub, row: Dialog) -> list[Entry]:
    return [each for each in await log_of(hub.engine, row.id) if each.verb is Verb.PLANNED]


async def agree(hub: Hub, row: Dialog, purpose: str, n: int, *, given: bool) -> None:
    await hub.engine.write(
        Insert(
            Consent(
                id=f"{row.id}:{purpose}:{n}",
                project=SHOP,
                contact=ContactId(row.contact),
                purpose=purpose,
                at=hub.now(),
                given=given,
                version="1",
                sha256="",
                channel=row.channel,
                identity=IdentityId(row.identity),
                created_at=hub.now(),
            )
        )
    )


async def dialled(hub: Hub, lead: Lead, status: Status) -> None:
    """As the telephony leaves a lead that it is at."""
    await hub.engine.change(Lead, lead.id, lambda had: replace(had, attempts=1, status=status))


async def call(hub: Hub, row: Dialog, status: Status, author: Author | None = None) -> None:
    def make(current: Dialog) -> Entry:
        id, now = f"{row.id}:test:{status}", hub.now()
        line = dialogs.draft(current, id, EntryKind.SYSTEM, now, now)
        line = replace(line, author=author or line.author, verb=Verb.CALL)
        return replace(line, data={"status": status})

    await dialogs.append(hub.engine, row, make)
