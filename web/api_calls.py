"""Calls: which there are and were, what operators want of them, and what is heard of them after."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from hub.calls.call import Call
from hub.calls.switchboard import Narrowed, Result
from hub.errors import BadValueError
from hub.rights import Right, What, may
from web import call_views, files, lead_views
from web.api_dialogs import Id
from web.routes import Answer, AnyRoute, Ask, B, Nothing, Route


class CallsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Those of a lead, of a dialog or with a phone, or those under way; without any, all."""

    lead: Id = ""
    dialog: Id = ""
    phone: Annotated[str, Meta(max_length=100)] = ""
    live: bool = False
    after: Annotated[str, Meta(max_length=2_000)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class Transferring(msgspec.Struct, frozen=True):
    """To a colleague, or to a number."""

    operator: Id = ""
    number: Annotated[str, Meta(max_length=40)] = ""


class Resulting(msgspec.Struct, frozen=True):
    """`at` is when to call again; `anyway` in spite of the warnings."""

    code: Result
    comment: Annotated[str, Meta(max_length=500)] = ""
    at: Annotated[datetime, Meta(tz=True)] | None = None
    anyway: bool = False


async def listed(ask: Ask[CallsQuery, Nothing]) -> call_views.CallList:
    query = ask.query
    page = await ask.hub.switchboard.page(
        ask.who,
        ask.project,
        Narrowed(lead=query.lead, dialog=query.dialog, phone=query.phone, live=query.live),
        after=query.after,
        limit=query.limit,
    )
    return call_views.CallList(items=[call_views.call(each) for each in page.items], next=page.next)


async def _call(ask: Ask[Nothing, B], right: Right = Right.WRITE) -> Call:
    return await ask.hub.switchboard.call(ask.who, ask.project, ask.part("call"), right)


async def one(ask: Ask[Nothing, Nothing]) -> call_views.CallCard:
    switchboard, call = ask.hub.switchboard, await _call(ask, Right.SEE)
    transfers = call.live and switchboard.transfers(call)
    others = await switchboard.colleagues(call) if transfers else []
    here = await ask.hub.bus.present(ask.project) if others else {}
    oversees = may(ask.who, Right.OVERSEE, What(call.project, call.seen_by))
    return call_views.CallCard(
        call=call_views.call(call),
        transfers=transfers,
        colleagues=[
            call_views.ColleagueView(
                operator=each.operator,
                name=each.name,
                presence=here.get(each.operator, "offline"),
            )
            for each in others
            if each.operator is not None
        ],
        listens=call.recording is not None and (oversees or call.operator == ask.who.operator.id),
    )


async def recording(ask: Ask[Nothing, Nothing]) -> Answer:
    call = await _call(ask, Right.SEE)
    file = await ask.hub.switchboard.recording(ask.who, call, ask.address)
    return Answer(response=await files.heard(ask.request, ask.hub.files.storage, file))


async def cancel(ask: Ask[Nothing, Nothing]) -> call_views.CallView:
    return call_views.call(await ask.hub.switchboard.cancel(ask.who, await _call(ask)))


async def transfer(ask: Ask[Nothing, Transferring]) -> call_views.CallView:
    body, call = ask.body, await _call(ask)
    if bool(body.operator) == bool(body.number):
        raise BadValueError("either an operator or a number", field="operator")
    call = await ask.hub.switchboard.transfer(ask.who, call, body.operator, body.number)
    return call_views.call(call)


async def result(ask: Ask[Nothing, Resulting]) -> call_views.ResultedView:
    body, call = ask.body, await _call(ask)
    told = await ask.hub.switchboard.result(
        ask.who, call, body.code, body.comment, body.at, anyway=body.anyway
    )
    return call_views.ResultedView(
        call=call_views.call(told.call),
        lead=lead_views.lead(told.lead) if told.lead is not None else None,
        warnings=list(told.warnings),
    )


async def confirm(ask: Ask[Nothing, Nothing]) -> lead_views.LeadView:
    lead = await ask.hub.callbacks.lead(ask.who, ask.project, ask.part("lead"), Right.WRITE)
    return lead_views.lead(await ask.hub.switchboard.confirm(ask.who, lead))


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/calls",
        right=Right.SEE,
        summary="One page of the calls that one may see, the newest first",
        call=listed,
        query=CallsQuery,
        body=Nothing,
        answer=call_views.CallList,
    ),
    Route(
        method="GET",
        path="/projects/{project}/calls/{call}",
        right=Right.SEE,
        summary="A call with whom it could be handed over to",
        call=one,
        query=Nothing,
        body=Nothing,
        answer=call_views.CallCard,
    ),
    Route(
        method="GET",
        path="/projects/{project}/calls/{call}/recording",
        right=Right.SEE,
        summary="The recording as audio, for supervisors and whoever spoke; each listening is "
        "kept on record",
        call=recording,
        query=Nothing,
        body=Nothing,
    ),
    Route(
        method="POST",
        path="/projects/{project}/calls/{call}/cancel",
        right=Right.WRITE,
        summary="Hang up a call under way, which ends its lead too",
        call=cancel,
        query=Nothing,
        body=Nothing,
        answer=call_views.CallView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/calls/{call}/transfer",
        right=Right.WRITE,
        summary="Hand a talk over to a colleague or a number; 409 where nobody talks",
        call=transfer,
        query=Nothing,
        body=Transferring,
        answer=call_views.CallView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/calls/{call}/result",
        right=Right.WRITE,
        summary="Say what came of a call that is over; 409 once somebody said another thing",
        call=result,
        query=Nothing,
        body=Resulting,
        answer=call_views.ResultedView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/leads/{lead}/confirm",
        right=Right.WRITE,
        summary="Have a lead dialled that waits for an operator to say so",
        call=confirm,
        query=Nothing,
        body=Nothing,
        answer=lead_views.LeadView,
    ),
)
