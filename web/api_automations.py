"""Automations: whom they would call and when, what came of it, and their switch."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from hub.requests.automation import Aim, Automation, Segment
from hub.rights import Right
from web.api_segments import Key, Paging, slowly
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View


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


class NewAutomation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Key
    aim: Aim


class Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: bool


async def automations(ask: Ask[Nothing, Nothing]) -> AutomationsView:
    found = await ask.hub.automations.of(ask.project)
    names = await _names(ask, *found)
    return AutomationsView(items=[_automation(each, names) for each in found])


async def add_automation(ask: Ask[Nothing, NewAutomation]) -> AutomationView:
    ask.whole()
    made = await ask.hub.automations.add(
        ask.project, ask.body.aim, ask.who, ask.body.key, address=ask.address
    )
    return _automation(made, await _names(ask, made))


async def change_automation(ask: Ask[Nothing, Aim]) -> AutomationView:
    ask.whole()
    made = await ask.hub.automations.change(
        ask.project, ask.part("automation"), ask.body, ask.who, address=ask.address
    )
    return _automation(made, await _names(ask, made))


async def switch(ask: Ask[Nothing, Switch]) -> SwitchedView:
    ask.whole()
    made, stopped = await ask.hub.automations.switch(
        ask.project, ask.part("automation"), ask.who, on=ask.body.on, address=ask.address
    )
    shown = _automation(made, await _names(ask, made))
    return SwitchedView(**msgspec.structs.asdict(shown), stopped=stopped)


async def drop_automation(ask: Ask[Nothing, Nothing]) -> None:
    ask.whole()
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
    await slowly(ask)
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


_AUTOMATIONS = "/projects/{project}/automations"
_AUTOMATION = _AUTOMATIONS + "/{automation}"

ROUTES: tuple[AnyRoute, ...] = (
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
