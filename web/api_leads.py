"""Callback orders: which there are, and what operators decide about them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hub.leads.callbacks import Cause, Decided
from hub.leads.lead import Lead
from hub.rights import Right
from web import lead_views
from web.api_dialogs import Key
from web.routes import Answer, AnyRoute, Ask, B, Nothing, Route

Written = Annotated[str, Meta(max_length=100, description="A phone as people write it")]
Sought = Annotated[
    str, Meta(max_length=100, description="A phone, any part of one, or how a name begins")
]
Moment = Annotated[datetime, Meta(tz=True)]


class LeadsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Planned by the time they are due, those that wait for people and ended ones newest first."""

    view: Literal["planned", "waiting", "ended"] = "planned"
    phone: Written = ""
    q: Sought = ""
    after: Annotated[str, Meta(max_length=2_000)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class Moving(msgspec.Struct, frozen=True):
    at: Moment


class Cancelling(msgspec.Struct, frozen=True):
    cause: Cause


class Correcting(msgspec.Struct, frozen=True):
    phone: Written


class NewCallback(msgspec.Struct, frozen=True):
    """Without `at` at once, without `phone` the dialog's; `anyway` in spite of the warnings."""

    key: Key
    phone: Written = ""
    at: Moment | None = None
    anyway: bool = False


async def listed(ask: Ask[LeadsQuery, Nothing]) -> lead_views.LeadList:
    query = ask.query
    page = await ask.hub.callbacks.page(
        ask.who,
        ask.project,
        query.view,
        phone=query.phone,
        sought=query.q,
        after=query.after,
        limit=query.limit,
    )
    paused = page.last if page.next is not None and len(page.items) < query.limit else None
    return lead_views.LeadList(
        items=[lead_views.lead(each) for each in page.items],
        next=page.next,
        looked_to=lead_views.stands_at(paused, query.view) if paused else None,
    )


async def _lead(ask: Ask[Nothing, B]) -> Lead:
    return await ask.hub.callbacks.lead(ask.who, ask.project, ask.part("lead"), Right.WRITE)


async def one(ask: Ask[Nothing, Nothing]) -> lead_views.LeadCard:
    callbacks = ask.hub.callbacks
    lead = await callbacks.lead(ask.who, ask.project, ask.part("lead"))
    entries, is_day = await asyncio.gather(
        callbacks.timeline(ask.who, lead), callbacks.callable_now(lead)
    )
    return lead_views.LeadCard(
        lead=lead_views.lead(lead),
        joins=[lead_views.join(each) for each in lead.joins],
        timeline=[ask.state.views.entry(each) for each in entries],
        callable_now=is_day,
    )


def _decided(decided: Decided) -> lead_views.DecidedView:
    return lead_views.DecidedView(
        lead=lead_views.lead(decided.lead) if decided.lead is not None else None,
        warnings=list(decided.warnings),
    )


async def move(ask: Ask[Nothing, Moving]) -> lead_views.DecidedView:
    return _decided(await ask.hub.callbacks.move(ask.who, await _lead(ask), ask.body.at))


async def automatic(ask: Ask[Nothing, Nothing]) -> lead_views.DecidedView:
    return _decided(await ask.hub.callbacks.automatic(ask.who, await _lead(ask)))


async def cancel(ask: Ask[Nothing, Cancelling]) -> lead_views.DecidedView:
    return _decided(await ask.hub.callbacks.cancel(ask.who, await _lead(ask), ask.body.cause))


async def correct(ask: Ask[Nothing, Correcting]) -> lead_views.DecidedView:
    return _decided(await ask.hub.callbacks.correct(ask.who, await _lead(ask), ask.body.phone))


async def callback(ask: Ask[Nothing, NewCallback]) -> Answer:
    body = ask.body
    decided = await ask.hub.callbacks.ask(
        ask.who, ask.dialog, body.key, body.phone, body.at, anyway=body.anyway
    )
    return Answer(_decided(decided), 200 if decided.lead is None else 201)


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/leads",
        right=Right.SEE,
        summary="One page of the callback orders that one may see",
        call=listed,
        query=LeadsQuery,
        body=Nothing,
        answer=lead_views.LeadList,
    ),
    Route(
        method="GET",
        path="/projects/{project}/leads/{lead}",
        right=Right.SEE,
        summary="A callback order with who asked for it and what happened to it",
        call=one,
        query=Nothing,
        body=Nothing,
        answer=lead_views.LeadCard,
    ),
    Route(
        method="POST",
        path="/projects/{project}/leads/{lead}/move",
        right=Right.WRITE,
        summary="Call at an exact time; outside the hours with a warning. "
        "409 once it has ended or rings",
        call=move,
        query=Nothing,
        body=Moving,
        answer=lead_views.DecidedView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/leads/{lead}/automatic",
        right=Right.WRITE,
        summary="Give it back to automatic dialling, which goes on where it was",
        call=automatic,
        query=Nothing,
        body=Nothing,
        answer=lead_views.DecidedView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/leads/{lead}/cancel",
        right=Right.WRITE,
        summary="End it with a cause; 409 once it has ended or rings",
        call=cancel,
        query=Nothing,
        body=Cancelling,
        answer=lead_views.DecidedView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/leads/{lead}/phone",
        right=Right.WRITE,
        summary="Correct the phone; what was planned and tried goes on with the right one",
        call=correct,
        query=Nothing,
        body=Correcting,
        answer=lead_views.DecidedView,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/callback",
        right=Right.WRITE,
        summary="Have the person called. Where warnings stand and nobody said anyway, "
        "nothing is done: 200 without a lead",
        call=callback,
        query=Nothing,
        body=NewCallback,
        answer=lead_views.DecidedView,
        status=201,
    ),
)
