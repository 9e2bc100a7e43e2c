"""Forms that ask for a call and whose phone could not be read: listed, and sent again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from hub.errors import NotFoundError
from hub.requests import handling
from hub.requests.terms import Invalid
from hub.rights import Right, What, may
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View

RESENT_MAX = 50
PAGE = 50


class InvalidView(View, frozen=True, kw_only=True):
    """`invalid.<reason>` says why; `written` is what stood in the field."""

    id: str
    dialog: str
    channel: str
    connection: str
    name: str
    form: str
    reason: str
    written: str
    waiting: bool
    tries: int
    created_at: datetime
    tried_at: datetime


class InvalidList(View, frozen=True, kw_only=True):
    items: list[InvalidView]
    next: str | None = None


class InvalidQuery(msgspec.Struct, frozen=True):
    waiting: bool = True
    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE


class Resending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ids: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=1_000)], ...],
        Meta(min_length=1, max_length=RESENT_MAX),
    ]


async def invalid(ask: Ask[InvalidQuery, Nothing]) -> InvalidList:
    page = await handling.invalid(
        ask.hub.engine,
        ask.project,
        waiting=ask.query.waiting,
        after=ask.query.after,
        limit=ask.query.limit,
    )
    seen = [each for each in page.items if may(ask.who, Right.SEE, _what(each))]
    return InvalidList(items=[_invalid(each) for each in seen], next=page.next)


async def resend(ask: Ask[Nothing, Resending]) -> InvalidList:
    hub, sent = ask.hub, []
    known = await hub.engine.get_many(Invalid, ask.body.ids)
    for id in dict.fromkeys(ask.body.ids):
        if id not in known or not may(ask.who, Right.WRITE, _what(known[id])):
            raise NotFoundError
        if known[id].project != ask.project:
            raise NotFoundError
    for id in dict.fromkeys(ask.body.ids):
        done = await handling.resend(hub.engine, hub.bus, ask.project, id, hub.now())
        sent.append(_invalid(done))
    return InvalidList(items=sent)


def _what(each: Invalid) -> What:
    return What(each.project, each.channel)


def _invalid(each: Invalid) -> InvalidView:
    return InvalidView(
        id=each.id,
        dialog=each.dialog,
        channel=each.channel,
        connection=each.connection,
        name=each.name,
        form=each.form,
        reason=each.reason,
        written=each.written,
        waiting=each.waiting,
        tries=each.tries,
        created_at=each.created_at,
        tried_at=each.tried_at,
    )


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/invalid-forms",
        right=Right.SEE,
        summary="Forms that ask for a call and whose phone could not be read, the newest first",
        call=invalid,
        query=InvalidQuery,
        body=Nothing,
        answer=InvalidList,
    ),
    Route(
        method="POST",
        path="/projects/{project}/invalid-forms/resend",
        right=Right.WRITE,
        summary="Try them by the connections as they now are; what went before is left alone",
        call=resend,
        query=Nothing,
        body=Resending,
        answer=InvalidList,
    ),
)
