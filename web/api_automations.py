"""Segments and automations: which requests, who of them would be called, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hub.automation import Aim, Automation, Filters, Segment
from hub.filters import FIELDS, OPS, Filter
from hub.model import Dialog
from hub.rights import Right
from hub.rules.checks import RULE_FIELDS
from hub.segments import Draft
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View

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


class AutomationView(View, frozen=True, kw_only=True):
    """`since` it was last switched on requests are taken."""

    id: str
    aim: Aim
    segment_name: str
    enabled: bool
    since: datetime
    created_at: datetime
    changed_at: datetime


class AutomationsView(View, frozen=True, kw_only=True):
    items: list[AutomationView]


class SwitchedView(AutomationView, frozen=True, kw_only=True):
    """`stopped` are the planned calls that the switch took back."""

    stopped: int


class ForeseenView(View, frozen=True, kw_only=True):
    """Called at `due_at`, in the hours of `zones`, unless `why` says why not."""

    dialog: str
    name: str
    channel: str
    phone: str
    why: str
    created_at: datetime
    due_at: datetime | None
    zones: list[str]
    zone_why: str


class PreviewView(View, frozen=True, kw_only=True):
    items: list[ForeseenView]
    calls: int
    since: datetime
    more: bool


class HandledView(View, frozen=True, kw_only=True):
    dialog: str
    state: str
    cause: str
    status: str | None
    lead: str | None
    created_at: datetime
    changed_at: datetime


class HandledList(View, frozen=True, kw_only=True):
    items: list[HandledView]
    next: str | None


class Paging(msgspec.Struct, frozen=True):
    after: After | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Counting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    filters: Filters


class NewSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Key
    segment: Draft


class NewAutomation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Key
    aim: Aim


class Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: bool


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
    made = await ask.hub.segments.change(
        ask.project, ask.part("segment"), ask.body, ask.who, address=ask.address
    )
    return _segment(ask, made)


async def drop_segment(ask: Ask[Nothing, Nothing]) -> None:
    await ask.hub.segments.drop(ask.project, ask.part("segment"), ask.who, address=ask.address)


async def count(ask: Ask[Nothing, Counting]) -> CountView:
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


async def automations(ask: Ask[Nothing, Nothing]) -> AutomationsView:
    found = await ask.hub.automations.of(ask.project)
    names = await _names(ask, *found)
    return AutomationsView(items=[_automation(each, names) for each in found])


async def add_automation(ask: Ask[Nothing, NewAutomation]) -> AutomationView:
    made = await ask.hub.automations.add(
        ask.project, ask.body.aim, ask.who, ask.body.key, address=ask.address
    )
    return _automation(made, await _names(ask, made))


async def change_automation(ask: Ask[Nothing, Aim]) -> AutomationView:
    made = await ask.hub.automations.change(
        ask.project, ask.part("automation"), ask.body, ask.who, address=ask.address
    )
    return _automation(made, await _names(ask, made))


async def switch(ask: Ask[Nothing, Switch]) -> SwitchedView:
    made, stopped = await ask.hub.automations.switch(
        ask.project, ask.part("automation"), ask.who, on=ask.body.on, address=ask.address
    )
    shown = _automation(made, await _names(ask, made))
    return SwitchedView(**msgspec.structs.asdict(shown), stopped=stopped)


async def drop_automation(ask: Ask[Nothing, Nothing]) -> None:
    await ask.hub.automations.drop(
        ask.project, ask.part("automation"), ask.who, address=ask.address
    )


async def preview_aim(ask: Ask[Nothing, Aim]) -> PreviewView:
    return await _preview(ask, ask.body, None)


async def preview(ask: Ask[Nothing, Nothing]) -> PreviewView:
    automation = await ask.hub.automations.get(ask.project, ask.part("automation"))
    return await _preview(ask, automation.aim, automation)


async def handled(ask: Ask[Paging, Nothing]) -> HandledList:
    automation = await ask.hub.automations.get(ask.project, ask.part("automation"))
    page = await ask.hub.automations.handled(
        automation, ask.who, after=ask.query.after, limit=ask.query.limit
    )
    return HandledList(
        items=[
            HandledView(
                dialog=each.dialog,
                state=each.state,
                cause=each.cause,
                status=each.status,
                lead=each.lead,
                created_at=each.created_at,
                changed_at=each.changed_at,
            )
            for each in page.items
        ],
        next=page.next,
    )


async def _preview(
    ask: Ask[Nothing, Aim] | Ask[Nothing, Nothing], aim: Aim, automation: Automation | None
) -> PreviewView:
    hub = ask.hub
    project = hub.channels.project(ask.project)
    seen = await hub.automations.preview(project, aim, ask.who, automation)
    return PreviewView(
        items=[
            ForeseenView(
                dialog=each.dialog,
                name=each.name,
                channel=each.channel,
                phone=each.phone,
                why=each.why,
                created_at=each.created_at,
                due_at=each.due_at,
                zones=list(each.zones),
                zone_why=each.zone_why,
            )
            for each in seen.items
        ],
        calls=sum(1 for each in seen.items if not each.why),
        since=seen.since,
        more=seen.more,
    )


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


async def _names(ask: Ask[Any, Any], *automations: Automation) -> dict[str, str]:
    """What the segments of these are called."""
    ids = sorted({each.aim.segment for each in automations})
    return {id: each.name for id, each in (await ask.hub.engine.get_many(Segment, ids)).items()}


def _automation(automation: Automation, names: dict[str, str]) -> AutomationView:
    return AutomationView(
        id=automation.id,
        aim=automation.aim,
        segment_name=names.get(automation.aim.segment, ""),
        enabled=automation.enabled,
        since=automation.since,
        created_at=automation.created_at,
        changed_at=automation.changed_at,
    )


_SEGMENTS = "/projects/{project}/segments"
_SEGMENT = _SEGMENTS + "/{segment}"
_AUTOMATIONS = "/projects/{project}/automations"
_AUTOMATION = _AUTOMATIONS + "/{automation}"

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
    Route(
        method="GET",
        path=_AUTOMATIONS,
        right=Right.OVERSEE,
        summary="What calls people by itself",
        call=automations,
        query=Nothing,
        body=Nothing,
        answer=AutomationsView,
    ),
    Route(
        method="POST",
        path=_AUTOMATIONS,
        right=Right.ARRANGE,
        summary="Add an automation, switched off; once for the same key",
        call=add_automation,
        query=Nothing,
        body=NewAutomation,
        answer=AutomationView,
        status=201,
    ),
    Route(
        method="POST",
        path=_AUTOMATIONS + "/preview",
        right=Right.OVERSEE,
        summary="Whom such an automation would call of the last three days; nothing is done",
        call=preview_aim,
        query=Nothing,
        body=Aim,
        answer=PreviewView,
    ),
    Route(
        method="PUT",
        path=_AUTOMATION,
        right=Right.ARRANGE,
        summary="Change an automation; what it has planned stays planned",
        call=change_automation,
        query=Nothing,
        body=Aim,
        answer=AutomationView,
    ),
    Route(
        method="POST",
        path=_AUTOMATION + "/switch",
        right=Right.ARRANGE,
        summary="Have it call from now on, or stop it and take back the calls it has planned",
        call=switch,
        query=Nothing,
        body=Switch,
        answer=SwitchedView,
    ),
    Route(
        method="DELETE",
        path=_AUTOMATION,
        right=Right.ARRANGE,
        summary="Delete an automation that is off and has no calls to come",
        call=drop_automation,
        query=Nothing,
        body=Nothing,
        status=204,
    ),
    Route(
        method="GET",
        path=_AUTOMATION + "/preview",
        right=Right.OVERSEE,
        summary="Whom it would call now, when, and whom not and why; nothing is done",
        call=preview,
        query=Nothing,
        body=Nothing,
        answer=PreviewView,
    ),
    Route(
        method="GET",
        path=_AUTOMATION + "/handled",
        right=Right.OVERSEE,
        summary="What it did with each request, the newest first",
        call=handled,
        query=Paging,
        body=Nothing,
        answer=HandledList,
    ),
)
