"""A project: who works in it, by which channels, and how it begins."""

from __future__ import annotations

from contextlib import suppress

from hub.errors import NotFoundError, UnavailableError
from hub.rights import Right
from web import project_views
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View


class StartView(View, frozen=True, kw_only=True):
    """What there is already, so that an empty product offers doors to the rest."""

    dialogs: bool
    examples: bool
    site_seen: bool
    messengers: bool


class ExamplesView(View, frozen=True, kw_only=True):
    dialogs: int


async def channels(ask: Ask[Nothing, Nothing]) -> project_views.ChannelList:
    shown = []
    allowed = ask.who.channels(ask.project)
    for document in ask.hub.channels.of(ask.project):
        if document.enabled and (allowed is None or document.id in allowed):
            # One that could not be opened, or not yet, is not in use; the others are.
            with suppress(NotFoundError, UnavailableError):
                can = ask.hub.channels.get(document.id).capabilities
                shown.append(project_views.channel(document, can))
    return project_views.ChannelList(items=shown)


async def operators(ask: Ask[Nothing, Nothing]) -> project_views.OperatorList:
    present = await ask.hub.bus.present(ask.project)
    return project_views.OperatorList(
        items=[
            project_views.OperatorView(
                id=operator.id,
                name=operator.name,
                role=membership.role,
                presence=present.get(membership.operator, "offline"),
            )
            for operator, membership in await ask.hub.accounts.members(ask.project)
        ]
    )


async def start(ask: Ask[Nothing, Nothing]) -> StartView:
    begun = await ask.hub.examples.start(ask.project)
    return StartView(
        dialogs=begun.dialogs,
        examples=begun.examples,
        site_seen=begun.site_seen,
        messengers=begun.messengers,
    )


async def add_examples(ask: Ask[Nothing, Nothing]) -> ExamplesView:
    return ExamplesView(dialogs=await ask.hub.examples.add(ask.who, ask.project))


async def drop_examples(ask: Ask[Nothing, Nothing]) -> None:
    await ask.hub.examples.drop(ask.project)


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/operators",
        right=Right.SEE,
        summary="Who works in the project and who of them is there",
        call=operators,
        query=Nothing,
        body=Nothing,
        answer=project_views.OperatorList,
    ),
    Route(
        method="GET",
        path="/projects/{project}/channels",
        right=Right.SEE,
        summary="The project's channels and what each can do",
        call=channels,
        query=Nothing,
        body=Nothing,
        answer=project_views.ChannelList,
    ),
    Route(
        method="GET",
        path="/projects/{project}/start",
        right=Right.SEE,
        summary="What of a beginning is done: dialogs, examples, a site that shows the chat, "
        "messengers",
        call=start,
        query=Nothing,
        body=Nothing,
        answer=StartView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/examples",
        right=Right.ARRANGE,
        summary="Put example dialogs on a channel of their own that no visitor reaches; "
        "a repeat puts nothing twice",
        call=add_examples,
        query=Nothing,
        body=Nothing,
        answer=ExamplesView,
        status=202,
    ),
    Route(
        method="DELETE",
        path="/projects/{project}/examples",
        right=Right.ARRANGE,
        summary="Delete the example dialogs and all that belongs to them",
        call=drop_examples,
        query=Nothing,
        body=Nothing,
        status=204,
    ),
)
