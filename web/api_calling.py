"""How calls are set up and tried: the trunks there are, where operators' calls go, test calls."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hub.calls.call import Seat, Tones
from hub.calls.script import VARIABLES, Script
from hub.calls.seats import Wanted
from hub.model import Channel, Role
from hub.rights import Right
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View

Written = Annotated[str, Meta(max_length=40)]


class TrunkView(View, frozen=True, kw_only=True):
    """`scenarios` are pairs such as operator:key; `numbers` those that it may show.

    One that is `training` rings no real phone. The first of several dials.
    """

    id: str
    kind: str
    name: str
    training: bool
    scenarios: list[str]
    says: bool
    groups: bool
    shows_number: bool
    records: bool
    transfers: bool
    numbers: tuple[str, ...]
    prefixes: tuple[str, ...]
    calls_max: int


class TrunkList(View, frozen=True, kw_only=True):
    """`variables` are what texts of scripts may name besides the fields of a form."""

    items: list[TrunkView]
    variables: tuple[str, ...]


class SeatView(View, frozen=True, kw_only=True):
    """An empty number is none."""

    number: str
    tones: str
    enabled: bool
    changed_at: datetime | None


class MySeatView(SeatView, frozen=True, kw_only=True):
    """`line` is what would ring it; some lines cannot ring one phone alone, to try it."""

    line: Literal["none", "training", "phones"]
    rings: bool


class OperatorSeat(SeatView, frozen=True, kw_only=True):
    operator: str
    name: str
    role: Role


class SeatList(View, frozen=True, kw_only=True):
    items: list[OperatorSeat]


class NewSeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`tones` are pressed once the number answers; a comma waits half a second."""

    number: Written
    tones: Tones = ""
    enabled: bool = True


class TestCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Calls `number` by the script given, else the connection's or the project's.

    `operator` is rung on our side, by default the asker's own seat; `shown` as the saved one.
    """

    number: Written
    operator: Written = ""
    script: Script | None = None
    connection: Annotated[str, Meta(max_length=64)] = ""
    shown: Annotated[str, Meta(pattern=r"^(\+[1-9][0-9]{6,14})?\Z")] | None = None


class OrderedCall(View, frozen=True, kw_only=True):
    call: str
    training: bool


async def trunks(ask: Ask[Nothing, Nothing]) -> TrunkList:
    found = []
    for each in ask.hub.seats.trunks(ask.project):
        document: Channel = ask.hub.channels.document(each.id)
        can, settings = each.calls, each.settings
        found.append(
            TrunkView(
                id=document.id,
                kind=document.kind,
                name=document.name,
                training=can.training,
                scenarios=sorted(":".join(pair) for pair in can.scenarios),
                says=can.says,
                groups=can.groups,
                shows_number=can.shows_number,
                records=can.records,
                transfers=can.transfers,
                numbers=settings.numbers,
                prefixes=settings.prefixes,
                calls_max=settings.calls_max,
            )
        )
    return TrunkList(items=found, variables=VARIABLES)


async def seats(ask: Ask[Nothing, Nothing]) -> SeatList:
    return SeatList(
        items=[
            OperatorSeat(operator=operator.id, name=operator.name, role=member.role, **_seat(seat))
            for operator, member, seat in await ask.hub.seats.all(ask.project)
        ]
    )


async def mine(ask: Ask[Nothing, Nothing]) -> MySeatView:
    return _mine(ask, await ask.hub.seats.mine(ask.project, ask.who))


async def put(ask: Ask[Nothing, NewSeat]) -> MySeatView:
    body = ask.body
    seat = await ask.hub.seats.put(
        ask.project, ask.who, body.number, body.tones, enabled=body.enabled, address=ask.address
    )
    return _mine(ask, seat)


async def ring(ask: Ask[Nothing, Nothing]) -> OrderedCall:
    call = await ask.hub.seats.ring(ask.project, ask.who, address=ask.address)
    return OrderedCall(call=call.id, training=call.training)


async def test(ask: Ask[Nothing, TestCall]) -> OrderedCall:
    ask.whole()
    body = ask.body
    wanted = Wanted(
        number=body.number,
        operator=body.operator,
        script=body.script,
        connection=body.connection,
        shown=body.shown,
    )
    call = await ask.hub.seats.test(ask.project, ask.who, wanted, address=ask.address)
    return OrderedCall(call=call.id, training=call.training)


def _seat(seat: Seat | None) -> dict[str, Any]:
    return {
        "number": seat.number if seat else "",
        "tones": seat.tones if seat else "",
        "enabled": seat.enabled if seat else True,
        "changed_at": seat.changed_at if seat else None,
    }


def _mine(ask: Ask[Any, Any], seat: Seat | None) -> MySeatView:
    found = ask.hub.seats.trunks(ask.project)
    line: Literal["none", "training", "phones"] = "none"
    if found:
        line = "training" if found[0].calls.training else "phones"
    rings = bool(found) and found[0].calls.rings_one
    return MySeatView(line=line, rings=rings, **_seat(seat))


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/trunks",
        right=Right.ARRANGE,
        summary="By what the project calls, and what each of them can do; the first dials",
        call=trunks,
        query=Nothing,
        body=Nothing,
        answer=TrunkList,
    ),
    Route(
        method="GET",
        path="/projects/{project}/seats",
        right=Right.ARRANGE,
        summary="Where the calls of everybody in the project go",
        call=seats,
        query=Nothing,
        body=Nothing,
        answer=SeatList,
    ),
    Route(
        method="GET",
        path="/me/seats/{project}",
        right=Right.SEE,
        summary="Where the asker's own calls go in that project",
        call=mine,
        query=Nothing,
        body=Nothing,
        answer=MySeatView,
    ),
    Route(
        method="PUT",
        path="/me/seats/{project}",
        right=Right.WRITE,
        summary="Have one's calls go to that number; to none, if it is empty",
        call=put,
        query=Nothing,
        body=NewSeat,
        answer=MySeatView,
    ),
    Route(
        method="POST",
        path="/me/seats/{project}/ring",
        right=Right.WRITE,
        summary="Ring one's own phone to try it; 409 no_trunk, testing",
        call=ring,
        query=Nothing,
        body=Nothing,
        answer=OrderedCall,
        status=202,
    ),
    Route(
        method="POST",
        path="/projects/{project}/calls/test",
        right=Right.ARRANGE,
        summary="Call a number by a script that need not be saved; 409 no_trunk, testing",
        call=test,
        query=Nothing,
        body=TestCall,
        answer=OrderedCall,
        status=202,
    ),
)
