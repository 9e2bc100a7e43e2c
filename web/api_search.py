"""Search over what was said in a project."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from hub.errors import LimitedError
from hub.rights import Right
from web import views
from web.routes import AnyRoute, Ask, Nothing, Route

SEARCHES = 240
SEARCHES_PERIOD = timedelta(minutes=1)


class SearchQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    q: Annotated[str, Meta(max_length=500)] = ""
    after: Annotated[str, Meta(max_length=2_000)] | None = None
    limit: Annotated[int, Meta(ge=1, le=50)] = 20


class HitView(views.View, frozen=True, kw_only=True):
    """Without an entry it is the dialog's name that was found.

    `marks` are [start, end) in the entry's text, or in the name, counted in Unicode code points.
    """

    dialog: views.DialogView
    entry: views.EntryView | None
    marks: list[tuple[int, int]]


class FoundView(views.View, frozen=True, kw_only=True):
    """`looked_back_to` is set where the walk paused before the page was full."""

    items: list[HitView]
    next: str | None
    looked_back_to: datetime | None


async def search(ask: Ask[SearchQuery, Nothing]) -> FoundView:
    wait = await ask.hub.bus.allow(f"search:{ask.who.id}", SEARCHES, SEARCHES_PERIOD)
    if wait is not None:
        raise LimitedError(wait)
    found = await ask.hub.search.find(
        ask.project,
        ask.query.q,
        after=ask.query.after,
        limit=ask.query.limit,
        channels=ask.who.channels(ask.project),
    )
    return FoundView(
        items=[
            HitView(
                dialog=ask.state.views.dialog(hit.dialog),
                entry=ask.state.views.entry(hit.entry) if hit.entry else None,
                marks=[(mark.start, mark.end) for mark in hit.marks],
            )
            for hit in found.hits
        ],
        next=found.next,
        looked_back_to=found.looked_back_to,
    )


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/search",
        right=Right.SEE,
        summary="Messages, notes and names that have every word of the query in any form, "
        "the newest first",
        call=search,
        query=SearchQuery,
        body=Nothing,
        answer=FoundView,
    ),
)
