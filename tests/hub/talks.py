"""A shop with lines, operators with phones, and calls as far as a test wants them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import ClassVar

import msgspec
import pytest
from msgspec.structs import replace

from hub.calls.call import Call, Outcome, Seat
from hub.calls.dialling import Dialling
from hub.calls.trunk import CallCaps, Legs, Trunk, TrunkSettings
from hub.channels.port import Hook
from hub.events import ChannelEvent
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import (
    Channel,
    ChannelId,
    Dialog,
    Operator,
    OperatorId,
    Project,
)
from hub.statuses import Status
from hub.store.engine import Insert
from tests import spine
from tests.hub.test_ordering import live, plan, works
from tests.spine import SHOP, START, Clock, ask, operator

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
LINE = ChannelId("line")


class Exchange(Trunk[TrunkSettings]):
    kind: ClassVar[str] = "exchange"
    settings_type: ClassVar[type[msgspec.Struct]] = TrunkSettings
    calls: ClassVar[CallCaps] = CallCaps(scenarios=frozenset(), transfers=True)

    def verify(self, hook: Hook) -> None:
        """Nobody knocks here."""

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return ()

    def line(self, worker: str) -> Legs:
        raise NotImplementedError


class Plain(Exchange):
    kind: ClassVar[str] = "plain_exchange"
    calls: ClassVar[CallCaps] = CallCaps(scenarios=frozenset())


def made(hub: Hub, kind: type[Exchange], document: Channel) -> Exchange:
    return kind(ChannelId(document.id), TrunkSettings(), hub.keys)


async def lines(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop's own exchange, and another that hands no talk over."""
    for kind in (Exchange, Plain):
        monkeypatch.setitem(spine.KINDS, kind.kind, partial(made, hub, kind))
        document = Channel(
            id=LINE if kind is Exchange else "second",
            project=SHOP,
            kind=kind.kind,
            name="Line",
            created_at=START,
        )
        await hub.engine.write(Insert(document))
    await hub.channels.refresh()


async def seat(hub: Hub, name: str, number: str, *channels: str) -> OperatorId:
    """An operator of the shop with a phone."""
    id = OperatorId(name.lower())
    membership = replace(
        operator(name).memberships[SHOP], channels=tuple(ChannelId(each) for each in channels)
    )
    for document in (
        Operator(id=id, login=id, name=name, created_at=START),
        membership,
        Seat(id=f"{id}:{SHOP}", project=SHOP, operator=id, number=number, changed_at=START),
    ):
        await hub.engine.write(Insert(document))
    return id


async def dialled(hub: Hub, row: Dialog | None = None) -> tuple[Call, Lead]:
    """A lead of the dialog, being dialled."""
    row = row or await ask(hub)
    await plan(hub, row)
    await works(hub)
    lead = next(each for each in await live(hub.engine) if each.dialog == row.id)
    await hub.engine.change(Lead, lead.id, lambda had: replace(had, due_at=hub.now()))
    if await hub.engine.get(Seat, f"vera:{SHOP}") is None:
        await seat(hub, "Vera", "101")
    project = await hub.engine.get(Project, SHOP)
    assert project is not None
    dialling = Dialling(hub.engine, hub.bus, hub.now)
    due = await hub.engine.get(Lead, lead.id)
    assert due is not None
    call = await dialling.take(due, project, LINE, TrunkSettings(), "worker")
    assert isinstance(call, Call), call
    begun = await dialling.begin(call, "worker")
    assert begun is not None
    call = await dialling.note(
        begun, lambda had: replace(had, status=Status.CALLING_OPERATOR, dialled_at=None)
    )
    return call, due


def at(status: Status, had: Call) -> Call:
    return replace(had, status=status)


async def talking(hub: Hub, row: Dialog | None = None) -> tuple[Call, Lead]:
    call, lead = await dialled(hub, row)
    dialling = Dialling(hub.engine, hub.bus, hub.now)
    for status in (Status.OPERATOR_ON_LINE, Status.CALLING_VISITOR):
        call = await dialling.note(call, partial(at, status))
    call = await dialling.note(
        call,
        lambda had: replace(
            had,
            status=Status.TALKING,
            dialled_at=hub.now(),
            talk_at=hub.now(),
            operator=OperatorId("vera"),
            operator_name="Vera",
        ),
    )
    return call, lead


async def talked(
    hub: Hub, clock: Clock, row: Dialog | None = None, lasting: timedelta = MINUTE
) -> tuple[Call, Lead]:
    """A call that both sides have heard each other in."""
    call, lead = await talking(hub, row)
    clock.forward(lasting)
    dialling = Dialling(hub.engine, hub.bus, hub.now)
    call = await dialling.end(call, Outcome.TALKED, ended_by="visitor")
    return call, lead


async def lead_of(hub: Hub, call: Call) -> Lead:
    lead = await hub.engine.get(Lead, call.lead or "")
    assert lead is not None
    return lead
