"""Who may be the person of a dialog too, and making the two one."""

from __future__ import annotations

import msgspec

from hub.rights import Right
from web import views
from web.api_dialogs import Id, kind_of
from web.routes import AnyRoute, Ask, Nothing, Route


class Merging(msgspec.Struct, frozen=True):
    contact: Id


class AlikeView(views.View, frozen=True, kw_only=True):
    contact: views.ContactView
    identities: list[views.IdentityView]


class AlikeList(views.View, frozen=True, kw_only=True):
    items: list[AlikeView]


async def alike(ask: Ask[Nothing, Nothing]) -> AlikeList:
    found = await ask.hub.people.alike(ask.who, ask.dialog)
    return AlikeList(
        items=[
            AlikeView(
                contact=views.contact(each.contact),
                identities=[
                    ask.state.views.identity(one, kind_of(ask.hub, one)) for one in each.identities
                ],
            )
            for each in found
        ]
    )


async def merge(ask: Ask[Nothing, Merging]) -> views.DialogView:
    row = await ask.hub.people.merge(ask.who, ask.dialog, ask.body.contact, ask.address)
    return ask.state.views.dialog(row)


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/dialogs/{dialog}/alike",
        right=Right.SEE,
        summary="Other contacts with a phone of this dialog's",
        call=alike,
        query=Nothing,
        body=Nothing,
        answer=AlikeList,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/merge",
        right=Right.WRITE,
        summary="Make one of the contacts that are alike one person with the dialog's",
        call=merge,
        query=Nothing,
        body=Merging,
        answer=views.DialogView,
    ),
)
