"""Channels that something is wrong with, for a screen that was not there when it began."""

from __future__ import annotations

from datetime import datetime

from hub.channels.pulse import mark_of
from hub.events import ChannelState
from hub.model import ChannelId
from hub.rights import Right, What, may
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View


class TroubleView(View, frozen=True, kw_only=True):
    """`reason` is a code whose words are `failure.<reason>`."""

    channel: str
    kind: str
    name: str
    state: ChannelState
    reason: str
    since: datetime | None


class Troubles(View, frozen=True, kw_only=True):
    """`calendar` is the year whose production calendar nobody has confirmed yet."""

    items: list[TroubleView]
    calendar: int | None


async def troubles(ask: Ask[Nothing, Nothing]) -> Troubles:
    documents = {
        each.id: each
        for each in ask.hub.channels.of(ask.project)
        if may(ask.who, Right.ARRANGE, What(ask.project, ChannelId(each.id)))
    }
    items = []
    for id, pulse in (await ask.hub.pulses.all(documents)).items():
        state, reason, since = pulse.told
        if state == "ok" or pulse.mark != mark_of(documents[id]):
            continue
        items.append(
            TroubleView(
                channel=id,
                kind=documents[id].kind,
                name=documents[id].name,
                state=state,
                reason=reason,
                since=since,
            )
        )
    return Troubles(
        items=sorted(items, key=lambda each: each.name),
        calendar=ask.hub.projects.missing(ask.hub.channels.project(ask.project)),
    )


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/troubles",
        right=Right.ARRANGE,
        summary="Channels whose key is refused, whose platform is away or that hear nothing, "
        "and a calendar that is missing",
        call=troubles,
        query=Nothing,
        body=Nothing,
        answer=Troubles,
    ),
)
