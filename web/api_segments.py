"""Segments: what filters can ask of a request, saved filters, and who passes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hub.errors import LimitedError
from hub.finding.filters import FIELDS, OPS, Filter
from hub.model import Dialog
from hub.requests.automation import Filters, Segment
from hub.requests.segments import Draft
from hub.rights import Right
from hub.rules.checks import RULE_FIELDS
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View

WALKS = 60
WALKS_PERIOD = timedelta(minutes=1)

Key = Annotated[str, Meta(min_length=8, max_length=64)]
After = Annotated[str, Meta(max_length=1_000)]


class FieldView(View, frozen=True, kw_only=True):
    """`choices` are all the codes there are; without them they are ids of the things `of`, or any.

    A name that ends with `.*` stands for every name that begins so.
    """

    name: str
    type: str
    ops: list[str]
    choices: list[str]
    of: str


class FieldsView(View, frozen=True, kw_only=True):
    fields: list[FieldView]


class FieldsFor(msgspec.Struct, frozen=True):
    """What the filter is for: rules may ask for the message too."""

    wanted: Literal["segment", "rule"] = msgspec.field(default="segment", name="for")


class MemberView(View, frozen=True, kw_only=True):
    dialog: str
    name: str
    channel: str
    type: str
    phone: str
    created_at: datetime


class MembersView(View, frozen=True, kw_only=True):
    """Looked back to `back_to`; `next` goes on from there."""

    items: list[MemberView]
    back_to: datetime
    next: str | None


class CountView(View, frozen=True, kw_only=True):
    """`n` of the requests since `back_to`; with `more` there are older ones. `items` are a few."""

    n: int
    back_to: datetime
    more: bool
    items: list[MemberView]


class SegmentView(View, frozen=True, kw_only=True):
    id: str
    name: str
    filters: list[Filter]
    shared: bool
    by: str
    mine: bool
    created_at: datetime
    changed_at: datetime


class SegmentsView(View, frozen=True, kw_only=True):
    items: list[SegmentView]


class Paging(msgspec.Struct, frozen=True):
    after: After | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Counting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    filters: Filters


class NewSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Key
    segment: Draft


async def fields(ask: Ask[FieldsFor, Nothing]) -> FieldsView:
    known = RULE_FIELDS if ask.query.wanted == "rule" else FIELDS
    return FieldsView(
        fields=[
            FieldView(
                name=name,
                type=each.type,
                ops=list(OPS[each.type]),
                choices=list(each.choices),
                of=each.of,
            )
            for name, each in known.items()
        ]
    )


async def segments(ask: Ask[Nothing, Nothing]) -> SegmentsView:
    found = await ask.hub.segments.of(ask.project, ask.who)
    return SegmentsView(items=[_segment(ask, each) for each in found])


async def add_segment(ask: Ask[Nothing, NewSegment]) -> SegmentView:
    made = await ask.hub.segments.add(
        ask.project, ask.body.segment, ask.who, ask.body.key, address=ask.address
    )
    return _segment(ask, made)


async def change_segment(ask: Ask[Nothing, Draft]) -> SegmentView:
    ask.whole()
    made = await ask.hub.segments.change(
        ask.project, ask.part("segment"), ask.body, ask.who, address=ask.address
    )
    return _segment(ask, made)


async def drop_segment(ask: Ask[Nothing, Nothing]) -> None:
    ask.whole()
    await ask.hub.segments.drop(ask.project, ask.part("segment"), ask.who, address=ask.address)


async def count(ask: Ask[Nothing, Counting]) -> CountView:
    await slowly(ask)
    allowed = ask.who.channels(ask.project)
    filters = ask.body.filters
    counted = await ask.hub.segments.count(ask.project, filters, allowed)
    return CountView(
        n=counted.n,
        back_to=counted.back_to,
        more=counted.more,
        items=[_member(each) for each in counted.first],
    )


async def members(ask: Ask[Paging, Nothing]) -> MembersView:
    await slowly(ask)
    segment = await ask.hub.segments.get(ask.project, ask.part("segment"), ask.who)
    page, back_to = await ask.hub.segments.members(
        ask.project,
        segment.filters,
        ask.who.channels(ask.project),
        after=ask.query.after,
        limit=ask.query.limit,
    )
    return MembersView(
        items=[_member(each) for each in page.items], back_to=back_to, next=page.next
    )


async def slowly(ask: Ask[Any, Any]) -> None:
    """LimitedError for whoever asks for thousands of requests to be looked at too often."""
    wait = await ask.hub.bus.allow(f"walks:{ask.who.id}", WALKS, WALKS_PERIOD)
    if wait is not None:
        raise LimitedError(wait)


def _segment(ask: Ask[Any, Any], segment: Segment) -> SegmentView:
    return SegmentView(
        id=segment.id,
        name=segment.name,
        filters=list(segment.filters),
        shared=segment.shared,
        by=segment.by,
        mine=segment.by == ask.who.id,
        created_at=segment.created_at,
        changed_at=segment.changed_at,
    )


def _member(row: Dialog) -> MemberView:
    return MemberView(
        dialog=row.id,
        name=row.name,
        channel=row.channel,
        type=row.type,
        phone=row.phone,
        created_at=row.created_at,
    )


_SEGMENTS = "/projects/{project}/segments"
_SEGMENT = _SEGMENTS + "/{segment}"

ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/filter-fields",
        right=Right.SEE,
        summary="What filters can ask of a request, and how",
        call=fields,
        query=FieldsFor,
        body=Nothing,
        answer=FieldsView,
    ),
    Route(
        method="GET",
        path=_SEGMENTS,
        right=Right.OVERSEE,
        summary="Saved filters: one's own and those that are shared",
        call=segments,
        query=Nothing,
        body=Nothing,
        answer=SegmentsView,
    ),
    Route(
        method="POST",
        path=_SEGMENTS,
        right=Right.ARRANGE,
        summary="Save a segment, the requests that pass one of its filters; once for the same key",
        call=add_segment,
        query=Nothing,
        body=NewSegment,
        answer=SegmentView,
        status=201,
    ),
    Route(
        method="POST",
        path=_SEGMENTS + "/count",
        right=Right.OVERSEE,
        summary="How many requests such a segment has now, and a few of them; nothing is saved",
        call=count,
        query=Nothing,
        body=Counting,
        answer=CountView,
    ),
    Route(
        method="PUT",
        path=_SEGMENT,
        right=Right.ARRANGE,
        summary="Put other filters into a segment; automations go by them from then on",
        call=change_segment,
        query=Nothing,
        body=Draft,
        answer=SegmentView,
    ),
    Route(
        method="DELETE",
        path=_SEGMENT,
        right=Right.ARRANGE,
        summary="Delete a segment that no automation goes by",
        call=drop_segment,
        query=Nothing,
        body=Nothing,
        status=204,
    ),
    Route(
        method="GET",
        path=_SEGMENT + "/members",
        right=Right.OVERSEE,
        summary="The requests of a segment, the newest first; a page may be short",
        call=members,
        query=Paging,
        body=Nothing,
        answer=MembersView,
    ),
)
