"""Connections set up by admins, and tried on a sample form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from hub import legible
from hub.errors import BadValueError
from hub.people.visit import Visit
from hub.requests import planning
from hub.requests.connecting import Shown
from hub.requests.connections import Filled
from hub.requests.planning import Row
from hub.requests.terms import (
    BUILT_IN,
    CONDITIONS,
    KNOWN_FIELDS,
    PARAMETERS,
    PHONE_FIELDS,
    By,
    Connection,
    Handling,
    Source,
    Terms,
    checked,
)
from hub.rights import Right
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View

SAMPLE = "preview"
"""The id of a connection that is tried before it is saved."""

Key = Annotated[str, Meta(min_length=8, max_length=64, pattern=r"^[\w.:-]+\Z")]
Text = Annotated[str, Meta(max_length=4_000)]
Name = Annotated[str, Meta(max_length=200)]


class DoubtView(View, frozen=True, kw_only=True):
    """`row` counts from 0; `planning.doubt.<code>` says it."""

    row: int
    code: str


class ConnectionView(View, frozen=True, kw_only=True):
    """`words` tell each planning row back, in the asker's language.

    `unknown` are names in phrases that no such form is known to have, by the parameter; `meets`
    are connections that one form could fit as well.
    """

    id: str
    rev: int
    terms: Terms
    words: list[str]
    unknown: dict[str, tuple[str, ...]]
    doubts: list[DoubtView]
    meets: tuple[str, ...]
    created_at: datetime
    changed_at: datetime


class ConnectionList(View, frozen=True, kw_only=True):
    items: list[ConnectionView]


class SourceView(View, frozen=True, kw_only=True):
    """By what forms of a source can be told apart, and which field has the phone by default."""

    source: Source
    conditions: list[By]
    phone_field: str
    fields: tuple[str, ...]


class SourceList(View, frozen=True, kw_only=True):
    items: list[SourceView]
    parameters: tuple[str, ...]
    variables: tuple[str, ...]


class NewConnection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Key
    terms: Terms


class ConnectionChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rev` is that of the connection as it was read."""

    rev: Annotated[int, Meta(ge=0)]
    terms: Terms


class Read(msgspec.Struct, frozen=True):
    rev: Annotated[int, Meta(ge=0)]


class Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rows: Annotated[tuple[Row, ...], Meta(max_length=planning.ROWS_MAX)]


class RowsView(View, frozen=True, kw_only=True):
    rows: tuple[Row, ...]
    words: list[str]
    doubts: list[DoubtView]


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form as a source would give it; without `submitted_at` it comes now.

    With `terms` it is tried on them too, in the place of the saved connection `id` if there is one.
    """

    source: Source
    channel: Name = ""
    form: Name = ""
    form_id: Name = ""
    group_id: Name = ""
    ad_id: Name = ""
    fields: Annotated[dict[Name, Text], Meta(max_length=100)] = {}
    hidden: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()
    phone: Name = ""
    handling: Handling | None = None
    submitted_at: Annotated[datetime, Meta(tz=True)] | None = None
    visit: Visit = Visit()
    terms: Terms | None = None
    id: Annotated[str, Meta(max_length=64)] = ""


class FitView(View, frozen=True, kw_only=True):
    id: str
    name: str
    priority: int


class TriedView(View, frozen=True, kw_only=True):
    """`connection` handles the form, `others` would too; `invalid` is why its phone is none.

    `wanted_at` is what the planning says, `row` by which of its rows, `calls_at` the first lawful
    moment after it, `zone` whose clock was read.
    """

    connection: FitView | None
    others: list[FitView]
    handling: Handling | None
    phone: str
    extension: str
    invalid: str
    written: str
    wanted_at: datetime | None
    local: str
    zone: str
    row: int | None
    words: str
    calls_at: datetime | None
    visit: Visit


async def listed(ask: Ask[Nothing, Nothing]) -> ConnectionList:
    shown = await ask.hub.connecting.all(ask.project)
    return ConnectionList(items=[_view(ask, each) for each in shown])


async def one(ask: Ask[Nothing, Nothing]) -> ConnectionView:
    return _view(ask, await ask.hub.connecting.get(ask.project, ask.part("connection")))


async def sources(_: Ask[Nothing, Nothing]) -> SourceList:
    return SourceList(
        items=[
            SourceView(
                source=source,
                conditions=sorted(CONDITIONS[source], key=list(By).index),
                phone_field=PHONE_FIELDS.get(source, ""),
                fields=KNOWN_FIELDS.get(source, ()),
            )
            for source in Source
        ],
        parameters=PARAMETERS,
        variables=BUILT_IN,
    )


async def add(ask: Ask[Nothing, NewConnection]) -> ConnectionView:
    ask.whole()
    with _in_terms():
        made = await ask.hub.connecting.add(
            ask.project, ask.body.key, ask.body.terms, ask.who, address=ask.address
        )
    return _view(ask, made)


async def change(ask: Ask[Nothing, ConnectionChange]) -> ConnectionView:
    ask.whole()
    with _in_terms():
        changed = await ask.hub.connecting.change(
            ask.project,
            ask.part("connection"),
            ask.body.rev,
            ask.body.terms,
            ask.who,
            address=ask.address,
        )
    return _view(ask, changed)


async def drop(ask: Ask[Read, Nothing]) -> None:
    ask.whole()
    await ask.hub.connecting.drop(
        ask.project, ask.part("connection"), ask.query.rev, ask.who, address=ask.address
    )


async def plan(ask: Ask[Nothing, Rows]) -> RowsView:
    home = await ask.hub.projects.get(ask.project)
    rows, doubts = planning.checked(ask.body.rows, home.schedule.zone, ask.hub.now())
    return RowsView(rows=rows, words=_words(ask, rows), doubts=_doubts(doubts))


async def preview(ask: Ask[Nothing, Sample]) -> TriedView:
    body, home, now = ask.body, await ask.hub.projects.get(ask.project), ask.hub.now()
    unsaved = None
    if body.terms is not None:
        with _in_terms():
            terms, _ = checked(body.terms, home.schedule.zone, now)
        unsaved = Connection(
            id=body.id or SAMPLE,
            project=ask.project,
            terms=terms,
            priority=terms.priority,
            created_at=now,
            changed_at=now,
        )
        if body.id:
            saved = (await ask.hub.connecting.get(ask.project, body.id)).connection
            unsaved = msgspec.structs.replace(unsaved, created_at=saved.created_at)
    at = body.submitted_at or now
    if at.year not in planning.YEARS:
        raise BadValueError("a time that forms are sent at", field="submitted_at")
    form = Filled(
        source=body.source,
        submitted_at=at.astimezone(ZoneInfo(home.schedule.zone)),
        channel=body.channel,
        form=body.form,
        form_id=body.form_id,
        group_id=body.group_id,
        ad_id=body.ad_id,
        fields=body.fields,
        hidden=body.hidden,
        raw_phone=body.phone,
        handling=body.handling,
    )
    tried = await ask.hub.connecting.tried(ask.project, form, legible.visit(body.visit), unsaved)
    chosen = tried.connection
    fits = [
        FitView(id=each.id, name=each.terms.name, priority=each.terms.priority)
        for each in (*((chosen,) if chosen else ()), *tried.others)
    ]
    row = tried.when.row
    return TriedView(
        connection=fits[0] if chosen else None,
        others=fits[1:],
        handling=tried.handling,
        phone=tried.read.phone,
        extension=tried.read.extension,
        invalid=tried.read.why_not,
        written=tried.read.written,
        wanted_at=tried.when.at,
        local=tried.when.time.local if tried.when.time else "",
        zone=tried.zone,
        row=row,
        words=_words(ask, chosen.terms.planning)[row] if chosen and row is not None else "",
        calls_at=tried.calls_at,
        visit=tried.visit,
    )


@contextmanager
def _in_terms() -> Iterator[None]:
    """A refusal names the part of the body that it is about."""
    try:
        yield
    except BadValueError as error:
        error.field = f"terms.{error.field}" if error.field else "terms"
        raise


def _view(ask: Ask[Any, Any], shown: Shown) -> ConnectionView:
    had = shown.connection
    return ConnectionView(
        id=had.id,
        rev=had.rev,
        terms=had.terms,
        words=_words(ask, had.terms.planning),
        unknown=shown.doubts.unknown,
        doubts=_doubts(shown.doubts.rows),
        meets=shown.meets,
        created_at=had.created_at,
        changed_at=had.changed_at,
    )


def _words(ask: Ask[Any, Any], rows: tuple[Row, ...]) -> list[str]:
    lang = ask.who.operator.lang
    return [planning.words(planning.parse(each.when), lang) for each in rows]


def _doubts(rows: tuple[planning.Doubt, ...]) -> list[DoubtView]:
    return [DoubtView(row=each.row, code=each.code) for each in rows]


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/connections",
        right=Right.ARRANGE,
        summary="The project's connections, the highest priority first",
        call=listed,
        query=Nothing,
        body=Nothing,
        answer=ConnectionList,
    ),
    Route(
        method="GET",
        path="/projects/{project}/connections/sources",
        right=Right.ARRANGE,
        summary="By what forms of each source can be told apart, and what a phrase may name",
        call=sources,
        query=Nothing,
        body=Nothing,
        answer=SourceList,
    ),
    Route(
        method="POST",
        path="/projects/{project}/connections",
        right=Right.ARRANGE,
        summary="A new connection; a repeated key gives the one that it made",
        call=add,
        query=Nothing,
        body=NewConnection,
        answer=ConnectionView,
        status=201,
    ),
    Route(
        method="POST",
        path="/projects/{project}/connections/planning",
        right=Right.ARRANGE,
        summary="How planning rows are understood, in words; nothing is stored",
        call=plan,
        query=Nothing,
        body=Rows,
        answer=RowsView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/connections/preview",
        right=Right.ARRANGE,
        summary="Which connection would handle a form, which others fit it, when the call would be",
        call=preview,
        query=Nothing,
        body=Sample,
        answer=TriedView,
    ),
    Route(
        method="GET",
        path="/projects/{project}/connections/{connection}",
        right=Right.ARRANGE,
        summary="One connection with what is doubtful about it",
        call=one,
        query=Nothing,
        body=Nothing,
        answer=ConnectionView,
    ),
    Route(
        method="PUT",
        path="/projects/{project}/connections/{connection}",
        right=Right.ARRANGE,
        summary="The connection's terms, all of them anew",
        call=change,
        query=Nothing,
        body=ConnectionChange,
        answer=ConnectionView,
    ),
    Route(
        method="DELETE",
        path="/projects/{project}/connections/{connection}",
        right=Right.ARRANGE,
        summary="Take the connection away; what it handled keeps its name",
        call=drop,
        query=Read,
        body=Nothing,
        status=204,
    ),
)
