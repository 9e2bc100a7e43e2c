"""A project as its admins set it up: hours, calls, rules, the production calendar."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hub import schedule
from hub.calendar import Kind, Proposal
from hub.calling import Calling
from hub.errors import BadValueError
from hub.leads.quiet import Why
from hub.model import Project
from hub.phones import Kind as PhoneKind
from hub.policy import Policy
from hub.projects import Change
from hub.rights import Right
from hub.rules.checks import Warned
from hub.schedule import DATES_MAX, Day, DayAhead, Schedule
from hub.statuses import Lang
from hub.telling.outgoing import HEADER, key_of
from hub.telling.triggers import TRIGGERS_MAX, SmsTrigger
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View

Days = Annotated[int, Meta(ge=0, le=365)]
Zone = Annotated[str, Meta(max_length=64)]


class ProjectSettings(View, frozen=True, kw_only=True):
    """`as_code` names what stands in the settings file and is changed only there.

    `calendar_missing` is the year whose production calendar ought to be confirmed. `warnings`
    are of what was kept and yet is hardly meant.
    """

    id: str
    rev: int
    name: str
    lang: Lang
    schedule: Schedule
    calling: Calling
    policy: Policy
    reopen_days: int
    reopen_days_auto: int
    notices_name_people: bool
    texting: tuple[SmsTrigger, ...]
    calendar_years: tuple[int, ...]
    calendar_missing: int | None
    as_code: tuple[str, ...]
    warnings: tuple[Warned, ...]


class ProjectChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is absent stays; what is given is given whole. `rev` is the one that was looked at."""

    rev: int
    name: Annotated[str, Meta(max_length=200)] | None = None
    lang: Literal["ru", "en"] | None = None
    schedule: Schedule | None = None
    calling: Calling | None = None
    policy: Policy | None = None
    reopen_days: Days | None = None
    reopen_days_auto: Days | None = None
    notices_name_people: bool | None = None
    texting: Annotated[tuple[SmsTrigger, ...], Meta(max_length=TRIGGERS_MAX)] | None = None


class EventKey(View, frozen=True, kw_only=True):
    """By which the project's own systems know that an event was posted by this hub."""

    header: str
    key: str


class ScheduleDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hours that need not be those that are kept."""

    schedule: Schedule


class OutlookView(View, frozen=True, kw_only=True):
    """Open `until` then, null for over a year; or closed, and it `opens` then, null for never.

    `local` is what the clock of the project reads.
    """

    local: str
    open: bool
    until: datetime | None
    opens: datetime | None
    days: tuple[DayAhead, ...]


class ProposalView(View, frozen=True, kw_only=True):
    """`chosen` is whether the project has it so; before the year is confirmed, whether it would.

    A date for which somebody has written other hours is not chosen; `kept` are those that stand.
    """

    date: str
    kind: Kind
    name_ru: str
    name_en: str
    spans: Day
    other: str
    chosen: bool
    kept: Day | None


class CalendarView(View, frozen=True, kw_only=True):
    """`moves_known` is false until the program has learnt of the year's moved days."""

    year: int
    rev: int
    moves_known: bool
    confirmed: bool
    proposals: list[ProposalView]


class Confirming(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The dates to take over; those of the calendar that are not among them are as the week."""

    rev: int
    chosen: Annotated[tuple[Annotated[str, Meta(max_length=10)], ...], Meta(max_length=DATES_MAX)]


class WhereQuery(msgspec.Struct, frozen=True):
    """`said` and `browser` are zones, by the person's word and by the browser.

    Without a phone it is asked of somebody who is known by these alone.
    """

    phone: Annotated[str, Meta(max_length=100)] | None = None
    said: Zone = ""
    browser: Zone = ""


class WhereaboutsView(View, frozen=True, kw_only=True):
    """Where the person may be and `why` we think so; `soonest` a call is lawful, null at no time.

    Of several zones all have to have day; `local` is what the clock reads in each.
    """

    phone: str
    kind: PhoneKind
    zones: tuple[str, ...]
    local: tuple[str, ...]
    why: Why
    callable: bool
    soonest: datetime | None


async def settings(ask: Ask[Nothing, Nothing]) -> ProjectSettings:
    return _view(ask, await ask.hub.projects.get(ask.project))


async def change(ask: Ask[Nothing, ProjectChange]) -> ProjectSettings:
    ask.whole()
    body = ask.body
    wanted = Change(
        name=body.name,
        lang=body.lang,
        schedule=body.schedule,
        calling=body.calling,
        policy=body.policy,
        reopen_days=body.reopen_days,
        reopen_days_auto=body.reopen_days_auto,
        notices_name_people=body.notices_name_people,
        texting=body.texting,
    )
    changed = await ask.hub.projects.change(
        ask.project, body.rev, wanted, ask.who, address=ask.address
    )
    return _view(ask, changed)


async def event_key(ask: Ask[Nothing, Nothing]) -> EventKey:
    return EventKey(header=HEADER, key=key_of(ask.hub.keys, ask.project))


async def preview(ask: Ask[Nothing, ScheduleDraft]) -> OutlookView:
    # A thousand spans take a while to walk.
    seen = await asyncio.to_thread(schedule.outlook, ask.body.schedule, ask.hub.now())
    return OutlookView(
        local=seen.local, open=seen.open, until=seen.until, opens=seen.opens, days=seen.days
    )


async def calendar(ask: Ask[Nothing, Nothing]) -> CalendarView:
    year, project = _year(ask), await ask.hub.projects.get(ask.project)
    found = await ask.hub.projects.calendar(project.schedule, year)
    confirmed = year in project.calendar_years
    return CalendarView(
        year=year,
        rev=project.rev,
        moves_known=found.moves_known,
        confirmed=confirmed,
        proposals=[
            _proposal(each, project.schedule, confirmed=confirmed) for each in found.proposals
        ],
    )


async def confirm(ask: Ask[Nothing, Confirming]) -> ProjectSettings:
    ask.whole()
    after = await ask.hub.projects.confirm(
        ask.project, ask.body.rev, _year(ask), ask.body.chosen, ask.who, address=ask.address
    )
    return _view(ask, after)


async def whereabouts(ask: Ask[WhereQuery, Nothing]) -> WhereaboutsView:
    query = ask.query
    there = await ask.hub.projects.where(
        ask.project, query.phone, said=query.said, browser=query.browser
    )
    return WhereaboutsView(
        phone=there.phone,
        kind=there.kind,
        zones=there.where.zones,
        local=there.local,
        why=there.where.why,
        callable=there.callable,
        soonest=there.soonest,
    )


def _year(ask: Ask[Any, Any]) -> int:
    year = ask.part("year")
    if not (len(year) == 4 and year.isascii() and year.isdigit()):
        raise BadValueError("a year has four digits", field="year")
    return int(year)


def _view(ask: Ask[Any, Any], project: Project) -> ProjectSettings:
    projects = ask.hub.projects
    return ProjectSettings(
        id=project.id,
        rev=project.rev,
        name=project.name,
        lang=project.lang,
        schedule=project.schedule,
        calling=project.calling,
        policy=project.policy,
        reopen_days=project.reopen_days,
        reopen_days_auto=project.reopen_days_auto,
        notices_name_people=project.notices_name_people,
        texting=project.texting,
        calendar_years=project.calendar_years,
        calendar_missing=projects.missing(project),
        as_code=project.as_code,
        warnings=projects.warned(project),
    )


def _proposal(proposal: Proposal, schedule: Schedule, *, confirmed: bool) -> ProposalView:
    kept = schedule.dates.get(proposal.date)
    return ProposalView(
        date=proposal.date,
        kind=proposal.kind,
        name_ru=proposal.name_ru,
        name_en=proposal.name_en,
        spans=proposal.spans,
        other=proposal.other,
        chosen=kept == proposal.spans or (kept is None and not confirmed),
        kept=kept,
    )


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/settings",
        right=Right.ARRANGE,
        summary="What the project is set to: hours, calls, rules",
        call=settings,
        query=Nothing,
        body=Nothing,
        answer=ProjectSettings,
    ),
    Route(
        method="PATCH",
        path="/projects/{project}/settings",
        right=Right.ARRANGE,
        summary="Change it, for every process at once; 409 changed if somebody else did meanwhile",
        call=change,
        query=Nothing,
        body=ProjectChange,
        answer=ProjectSettings,
    ),
    Route(
        method="GET",
        path="/projects/{project}/events/key",
        right=Right.ARRANGE,
        summary="The key by which events that are posted to the project's systems are signed",
        call=event_key,
        query=Nothing,
        body=Nothing,
        answer=EventKey,
    ),
    Route(
        method="POST",
        path="/projects/{project}/schedule/preview",
        right=Right.ARRANGE,
        summary="How these hours would look from now on: open or not, until when, two weeks ahead",
        call=preview,
        query=Nothing,
        body=ScheduleDraft,
        answer=OutlookView,
    ),
    Route(
        method="GET",
        path="/projects/{project}/calendar/{year}",
        right=Right.ARRANGE,
        summary="What Russia's production calendar of the year would change of the project's week",
        call=calendar,
        query=Nothing,
        body=Nothing,
        answer=CalendarView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/calendar/{year}",
        right=Right.ARRANGE,
        summary="Take over the chosen dates of the calendar, which confirms the year",
        call=confirm,
        query=Nothing,
        body=Confirming,
        answer=ProjectSettings,
    ),
    Route(
        method="GET",
        path="/projects/{project}/whereabouts",
        right=Right.SEE,
        summary="Where the person of a number is and why we think so, and when to call there",
        call=whereabouts,
        query=WhereQuery,
        body=Nothing,
        answer=WhereaboutsView,
    ),
)
