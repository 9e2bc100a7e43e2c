"""A shop whose operators have phones, and a worker that dials: the same over every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from hub import dialogs
from hub.calling import Calling
from hub.calls.call import Call, Seat
from hub.calls.script import Script
from hub.channels.port import ChannelKind
from hub.hub import Hub
from hub.keeping.keys import Keys
from hub.leads import ordering
from hub.leads.lead import Lead
from hub.model import (
    Author,
    Channel,
    ChannelId,
    Dialog,
    Entry,
    EntryKind,
    Membership,
    Operator,
    OperatorId,
    Project,
    Role,
    Verb,
)
from hub.statuses import Status
from hub.store.engine import Insert
from hub.store.schema import CALLS, LEADS
from telephony import load
from telephony.voice.sounds import Voice, silent
from telephony.worker import Telephony
from tests import spine
from tests.spine import SHOP, START, ask, log_of

TRUNK = ChannelId("phone")
QUICK = Script(
    ring_s=0.6,
    visitor_ring_s=0.6,
    pause_s=0.1,
    rounds=1,
    wait_s=0.6,
    short_talk_s=0,
)
"""A scenario whose times are those of tests."""

RULE = Author("rule", "silence")
KEYS = Keys(bytes(32))


def made(kind: str) -> Callable[[Channel], ChannelKind[Any]]:
    """How a trunk of that kind is made of its document."""

    def make(document: Channel) -> ChannelKind[Any]:
        of = load(kind)
        settings = msgspec.convert(document.settings, of.settings_type)
        return of(ChannelId(document.id), settings, KEYS)

    return make


async def equip(
    hub: Hub,
    kind: str = "simulator",
    settings: Mapping[str, object] | None = None,
    *,
    script: Script = QUICK,
    seats: Mapping[str, str] | None = None,
    make: Callable[[Channel], ChannelKind[Any]] | None = None,
    **calling: Any,
) -> None:
    """Gives the shop a trunk and its operators phones, by their names."""
    spine.KINDS[kind] = make or made(kind)
    if settings is None:
        settings = {"pace": 100, "talk_s": 2}
    given = {"numbers": ["+74950000000"], "calls_per_second": 50} | dict(settings)
    trunk = Channel(
        id=TRUNK, project=SHOP, kind=kind, name="Phone", settings=given, created_at=START
    )
    await hub.engine.write(Insert(trunk))
    for name, number in ({"olga": "100"} if seats is None else seats).items():
        await sit(hub, name, number)
    await arrange(hub, script=script, **calling)


async def sit(hub: Hub, name: str, number: str, tones: str = "") -> OperatorId:
    """An operator with a phone."""
    id = OperatorId(name)
    await hub.engine.write(
        Insert(Operator(id=id, login=name, name=name.title(), created_at=START)),
        Insert(
            Membership(
                id=f"{id}:{SHOP}",
                project=SHOP,
                operator=id,
                role=Role.OPERATOR,
                created_at=START,
            )
        ),
        Insert(
            Seat(
                id=f"{id}:{SHOP}",
                project=SHOP,
                operator=id,
                number=number,
                tones=tones,
                changed_at=START,
            )
        ),
    )
    return id


async def arrange(hub: Hub, **calling: Any) -> Project:
    """Sets how the shop calls."""

    def changed(had: Project) -> Project:
        known = {name: getattr(had.calling, name) for name in had.calling.__struct_fields__}
        return replace(had, calling=Calling(**(known | calling)))

    project = await hub.engine.change(Project, SHOP, changed)
    await hub.channels.refresh()
    return project


async def wanted(
    hub: Hub, phone: str, *, visitor: str = "ivan", by: Author = RULE, **data: str
) -> Lead:
    """A rule has the person called, now."""
    row = await ask(hub, visitor=visitor)
    told = {"rule": "silence", "origin": "silence", "phone": phone} | data

    def make(current: Dialog) -> Entry:
        id = f"planned:{current.id}:{current.seq}"
        line = dialogs.draft(current, id, EntryKind.SYSTEM, hub.now(), hub.now())
        return replace(line, author=by, verb=Verb.PLANNED, data=told)

    appended = await dialogs.append(hub.engine, row, make)
    await ordering.follow(hub.engine, hub.bus, appended.row, appended.entry, hub.now())
    return await lead_of(hub, phone)


async def lead_of(hub: Hub, phone: str) -> Lead:
    """The last lead of the phone."""
    page = await hub.engine.find(LEADS, {"project": SHOP, "phone": phone}, descending=True, limit=1)
    return page.items[0]


async def calls(hub: Hub) -> list[Call]:
    """All there are, the first first."""
    return (await hub.engine.find(CALLS, {"project": SHOP}, limit=200)).items


async def statuses(hub: Hub, lead: Lead) -> list[str]:
    """What the dialog says of the call, line after line."""
    assert lead.dialog is not None
    return [
        each.data["status"]
        for each in await log_of(hub.engine, lead.dialog)
        if each.verb is Verb.CALL and "call" in each.data and each.data.get("status")
    ]


async def row_of(hub: Hub, lead: Lead) -> Dialog:
    assert lead.dialog is not None
    row = await hub.engine.get(Dialog, lead.dialog)
    assert row is not None
    return row


@asynccontextmanager
async def working(hub: Hub, name: str = "w1", voice: Voice = silent) -> AsyncIterator[Telephony]:
    """A worker over the hub, whose rounds the test makes: it hears of its lines by itself."""
    telephony = Telephony(
        hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, name, voice=voice
    )
    try:
        yield telephony
    finally:
        await telephony.close()


async def dialled(hub: Hub, telephony: Telephony, phone: str) -> tuple[Lead, Call]:
    """Has the lead of the phone dialled as it is due, once, to the end."""
    await telephony.work()
    await telephony.idle()
    lead = await lead_of(hub, phone)
    call = await hub.engine.get(Call, lead.call)
    assert call is not None, "nobody dialled"
    return lead, call


def due(lead: Lead) -> datetime:
    assert lead.due_at is not None
    return lead.due_at


NEXT = {"attempts", "operator_tries", "status", "live", "cause"}


def stands(lead: Lead) -> dict[str, object]:
    """What a call made of its lead."""
    return {name: getattr(lead, name) for name in NEXT}


__all__ = ["Status"]
