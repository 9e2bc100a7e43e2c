"""What operators do to messages that stand: other words, taking back, a reaction."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hub.rights import Right
from web import views
from web.api_dialogs import TEXT_MAX, Key
from web.routes import AnyRoute, Ask, Nothing, Route


class NewText(msgspec.Struct, frozen=True):
    key: Key
    text: Annotated[str, Meta(max_length=TEXT_MAX)]


class KeyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Key


class NewReaction(msgspec.Struct, frozen=True):
    """An empty emoji takes it back."""

    key: Key
    emoji: Annotated[str, Meta(max_length=16)]


async def rewrite(ask: Ask[Nothing, NewText]) -> views.EntryView:
    entry = await ask.hub.amends.edit(
        ask.who, ask.dialog.id, ask.part("entry"), ask.body.key, ask.body.text
    )
    return ask.state.views.entry(entry)


async def take_back(ask: Ask[KeyQuery, Nothing]) -> views.EntryView:
    entry = await ask.hub.amends.delete(ask.who, ask.dialog.id, ask.part("entry"), ask.query.key)
    return ask.state.views.entry(entry)


async def react(ask: Ask[Nothing, NewReaction]) -> views.EntryView:
    entry = await ask.hub.amends.react(
        ask.who, ask.dialog.id, ask.part("entry"), ask.body.key, ask.body.emoji
    )
    return ask.state.views.entry(entry)


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="PATCH",
        path="/dialogs/{dialog}/entries/{entry}",
        right=Right.WRITE,
        summary="Say a message otherwise, also at the person's. One that has not left yet, or "
        "failed, is only changed here. The order stands in the log with how it ended",
        call=rewrite,
        query=Nothing,
        body=NewText,
        answer=views.EntryView,
    ),
    Route(
        method="DELETE",
        path="/dialogs/{dialog}/entries/{entry}",
        right=Right.WRITE,
        summary="Take a message back, also at the person's; one that has not left is never sent",
        call=take_back,
        query=KeyQuery,
        body=Nothing,
        answer=views.EntryView,
    ),
    Route(
        method="PUT",
        path="/dialogs/{dialog}/entries/{entry}/reaction",
        right=Right.WRITE,
        summary="Put the operators' one reaction on a message of either, or take it back",
        call=react,
        query=Nothing,
        body=NewReaction,
        answer=views.EntryView,
    ),
)
