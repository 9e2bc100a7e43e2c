"""What happens by itself: tried on the past, and by hand beside it: spam, and peace."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hub.dryrun import DAYS_MAX
from hub.errors import LimitedError
from hub.policy import Policy
from hub.rights import Right
from hub.rules.checks import OPENS, check
from web import views
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View

RUNS = 20
RUNS_PERIOD = timedelta(minutes=1)


class Trying(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules to try, which need not be those that are saved, and how far back."""

    policy: Policy
    days: Annotated[int, Meta(ge=1, le=DAYS_MAX)] = 7


class FoundView(View, frozen=True, kw_only=True):
    dialog: str
    name: str
    type: str
    at: datetime
    rule: str
    what: str
    phone: str
    text: str
    due_at: datetime | None


class TriedView(View, frozen=True, kw_only=True):
    looked: int
    back_to: datetime
    counts: dict[str, int]
    found: list[FoundView]
    more: bool


class VariablesView(View, frozen=True, kw_only=True):
    """The names that phrases of rules may use; `field_…` and `utm_…` stand for every such name."""

    names: list[str]


class Refusing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the person wants no more of; nothing allows all of it again."""

    what: Annotated[tuple[Literal["calls", "messages"], ...], Meta(max_length=2)]


async def dry_run(ask: Ask[Nothing, Trying]) -> TriedView:
    check(ask.body.policy)
    hub = ask.hub
    wait = await hub.bus.allow(f"dry-runs:{ask.who.id}", RUNS, RUNS_PERIOD)
    if wait is not None:
        raise LimitedError(wait)
    tried = await hub.dry_runs.run(
        hub.channels.project(ask.project),
        ask.body.policy,
        ask.body.days,
        hub.now(),
        ask.who.channels(ask.project),
    )
    return TriedView(
        looked=tried.looked,
        back_to=tried.back_to,
        counts=tried.counts,
        found=[
            FoundView(
                dialog=each.dialog,
                name=each.name,
                type=each.type,
                at=each.at,
                rule=each.rule,
                what=each.what,
                phone=each.phone,
                text=each.text,
                due_at=each.due_at,
            )
            for each in tried.found
        ],
        more=tried.more,
    )


async def variables(ask: Ask[Nothing, Nothing]) -> VariablesView:
    return VariablesView(names=[*OPENS, "field_…", "utm_…"])


async def mark_spam(ask: Ask[Nothing, Nothing]) -> views.DialogView:
    return ask.state.views.dialog(await ask.hub.peace.mark_spam(ask.who, ask.dialog.id))


async def unmark_spam(ask: Ask[Nothing, Nothing]) -> views.DialogView:
    return ask.state.views.dialog(await ask.hub.peace.unmark_spam(ask.who, ask.dialog.id))


async def refuse(ask: Ask[Nothing, Refusing]) -> views.DialogView:
    what = tuple(dict.fromkeys(ask.body.what))
    return ask.state.views.dialog(await ask.hub.peace.refuse(ask.who, ask.dialog.id, what))


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="POST",
        path="/projects/{project}/rules/dry-run",
        right=Right.ARRANGE,
        summary="What these rules would have done in the last days; nothing is done",
        call=dry_run,
        query=Nothing,
        body=Trying,
        answer=TriedView,
    ),
    Route(
        method="GET",
        path="/projects/{project}/rules/variables",
        right=Right.ARRANGE,
        summary="The names that phrases of rules may use",
        call=variables,
        query=Nothing,
        body=Nothing,
        answer=VariablesView,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/spam",
        right=Right.RELEASE,
        summary="Mark the request as spam: it closes, and its sender is not listened to any more",
        call=mark_spam,
        query=Nothing,
        body=Nothing,
        answer=views.DialogView,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/unspam",
        right=Right.RELEASE,
        summary="Take that mark back, within ten seconds",
        call=unmark_spam,
        query=Nothing,
        body=Nothing,
        answer=views.DialogView,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/refusals",
        right=Right.WRITE,
        summary="Keep what the person wants no more of: calls, messages, both or neither",
        call=refuse,
        query=Nothing,
        body=Refusing,
        answer=views.DialogView,
    ),
)
