"""The signed-in operator's own messengers: where he is told of dialogs and answers from."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from hub.errors import ForbiddenError, LimitedError
from hub.model import ChannelId, ProjectId
from hub.rights import Right
from hub.telling.reaches import KEY_LASTS
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View

LINKS = 20
LINKS_PERIOD = timedelta(minutes=10)


class ReachView(View, frozen=True, kw_only=True):
    """`name` is what the messenger calls the operator there."""

    id: str
    project: str
    channel: str
    channel_name: str
    kind: str
    name: str
    reachable: bool
    created_at: datetime


class AbleView(View, frozen=True, kw_only=True):
    project: str
    channel: str
    channel_name: str
    kind: str


class ReachesView(View, frozen=True, kw_only=True):
    """`items` in the order in which they are tried; `able` are bots that could be linked.

    To `email` goes what no messenger takes, if the hub `mails` at all.
    """

    items: list[ReachView]
    able: list[AbleView]
    email: str
    mails: bool


class NewReach(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    project: Annotated[str, Meta(max_length=64)]
    channel: Annotated[str, Meta(max_length=64)]


class ReachLink(View, frozen=True, kw_only=True):
    """Where to go and say a word, once, within `seconds`."""

    url: str
    seconds: int


async def reaches(ask: Ask[Nothing, Nothing]) -> ReachesView:
    items = []
    for each in await ask.hub.reaches.mine(ask.who):
        document = ask.hub.channels.document(each.channel)
        items.append(
            ReachView(
                id=each.id,
                project=each.project,
                channel=each.channel,
                channel_name=document.name,
                kind=document.kind,
                name=each.name,
                reachable=each.reachable,
                created_at=each.created_at,
            )
        )
    return ReachesView(
        items=items,
        able=[
            AbleView(project=project, channel=each.id, channel_name=each.name, kind=each.kind)
            for project in ask.who.memberships
            for each in ask.hub.reaches.able(project)
        ],
        email=ask.who.operator.email,
        mails=bool(ask.hub.settings.mail.url),
    )


async def link(ask: Ask[Nothing, NewReach]) -> ReachLink:
    project = ProjectId(ask.body.project)
    if project not in ask.who.memberships:
        raise ForbiddenError
    wait = await ask.hub.bus.allow(f"reach:{ask.who.id}", LINKS, LINKS_PERIOD)
    if wait is not None:
        raise LimitedError(wait)
    url = await ask.hub.reaches.link(ask.who, project, ChannelId(ask.body.channel))
    return ReachLink(url=url, seconds=int(KEY_LASTS.total_seconds()))


async def drop(ask: Ask[Nothing, Nothing]) -> None:
    await ask.hub.reaches.drop(ask.who, ask.part("reach"))


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/me/reaches",
        right=Right.SELF,
        summary="The messengers in which one is told of dialogs, and bots that could be linked",
        call=reaches,
        query=Nothing,
        body=Nothing,
        answer=ReachesView,
    ),
    Route(
        method="POST",
        path="/me/reaches",
        right=Right.SELF,
        summary="A link that makes whoever opens it first the signed-in operator there",
        call=link,
        query=Nothing,
        body=NewReach,
        answer=ReachLink,
        status=201,
    ),
    Route(
        method="DELETE",
        path="/me/reaches/{reach}",
        right=Right.SELF,
        summary="Be told in that messenger no more",
        call=drop,
        query=Nothing,
        body=Nothing,
        status=204,
    ),
)
