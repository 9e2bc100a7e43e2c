"""Who may be the person of a dialog too, and making the two one."""

from __future__ import annotations

from datetime import datetime

import msgspec

from hub.rights import Right
from web import views
from web.api_dialogs import Id
from web.routes import AnyRoute, Ask, Nothing, Route


class Merging(msgspec.Struct, frozen=True):
    contact: Id


class AlikeView(views.View, frozen=True, kw_only=True):
    """`dialogs` counts those that the asker sees, `kind` is the channel's of the last of them."""

    contact: str
    name: str
    phones: tuple[str, ...]
    emails: tuple[str, ...]
    dialogs: int
    last_at: datetime | None
    kind: str


class AlikeList(views.View, frozen=True, kw_only=True):
    items: list[AlikeView]


async def alike(ask: Ask[Nothing, Nothing]) -> AlikeList:
    found = await ask.hub.people.alike(ask.who, ask.dialog)
    return AlikeList(
        items=[
            AlikeView(
                contact=each.contact.id,
                name=each.contact.name,
                phones=each.contact.phones,
                emails=each.contact.emails,
                dialogs=len(each.dialogs),
                last_at=max((one.last_at for one in each.dialogs), default=None),
                kind=each.dialogs[0].kind if each.dialogs else "",
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
