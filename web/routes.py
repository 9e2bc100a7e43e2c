"""A route is data: what it takes, what it answers and which right it needs.

The application and the OpenAPI document are both made from these, so neither can know a
path that the other does not.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar

import msgspec
from aiohttp import web

from hub.accounts import Who
from hub.errors import (
    ConflictError,
    ForbiddenError,
    LimitedError,
    NotFoundError,
    UnauthenticatedError,
)
from hub.hub import Hub
from hub.model import Dialog, OperatorId, ProjectId
from hub.rights import Right, What, may
from web import wire
from web.state import STATE, State

ROOT = "/api/v1"
WRITES = 1_200
WRITES_PERIOD = timedelta(minutes=1)

Q = TypeVar("Q")
B = TypeVar("B")
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Nothing(msgspec.Struct, frozen=True):
    """No fields."""


class CsrfError(ForbiddenError):
    """The X-CSRF-Token header does not belong to this session."""

    code = "csrf"


@dataclass(frozen=True)
class Ask(Generic[Q, B]):
    """One request that may be carried out: signed in, allowed, read and checked."""

    state: State
    request: web.Request
    query: Q
    body: B
    someone: Who | None
    at: Dialog | None

    @property
    def hub(self) -> Hub:
        return self.state.hub

    @property
    def who(self) -> Who:
        if self.someone is None:
            raise UnauthenticatedError
        return self.someone

    @property
    def dialog(self) -> Dialog:
        if self.at is None:
            raise NotFoundError
        return self.at

    @property
    def project(self) -> ProjectId:
        return ProjectId(self.part("project"))

    @property
    def address(self) -> str:
        return self.state.door.address(self.request)

    def part(self, name: str) -> str:
        return self.request.match_info[name]

    def whole(self) -> None:
        """ForbiddenError for who has only some channels of the project: this is of all of them."""
        if self.who.channels(self.project) is not None:
            raise ForbiddenError


@dataclass(frozen=True)
class Answer:
    """A view with a status of its own, or a response already made."""

    view: object = None
    status: int = 200
    response: web.StreamResponse | None = None


@dataclass(frozen=True, kw_only=True)
class Route(Generic[Q, B]):
    """`{project}` and `{dialog}` in the path are resolved, and the right asked for them."""

    method: Method
    path: str
    right: Right
    summary: str
    call: Callable[[Ask[Q, B]], Awaitable[object]]
    query: type[Q]
    body: type[B]
    answer: Any = None
    status: int = 200
    raw: bool = False


AnyRoute = Route[Any, Any]


def add(app: web.Application, routes: tuple[AnyRoute, ...]) -> None:
    for route in routes:
        path = re.sub(r"{(\w+)}", lambda named: part(named[1]), route.path)
        app.router.add_route(route.method, ROOT + path, _handler(route))


def part(name: str) -> str:
    """A named part of a path that may be any word; aiohttp's own may hold no brace."""
    return f"{{{name}:[^/]+}}"


def csrf_token(state: State, who: Who) -> str:
    return state.hub.keys.sign("csrf", who.session.id)


async def signed_in(state: State, request: web.Request) -> Who | None:
    return await state.hub.accounts.whoami(request.cookies.get(state.door.cookie(request), ""))


def _handler(route: AnyRoute) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        state = request.app[STATE]
        who = await signed_in(state, request)
        if who is None and route.right is not Right.ANYONE:
            raise UnauthenticatedError
        if route.method != "GET":
            await _check_writer(state, request, who if route.right is not Right.ANYONE else None)
        row = await _resolve(state, request, who, route.right)
        query = wire.read_query(request.query, route.query)
        has_body = route.method != "GET" and not route.raw
        body = await _read(state, request, route.body) if has_body else route.body()
        answer = await route.call(Ask(state, request, query, body, who, row))
        if not isinstance(answer, Answer):
            answer = Answer(answer, route.status)
        if answer.response is not None:
            return answer.response
        if answer.view is None:
            return web.Response(status=204)
        return wire.json(answer.view, answer.status)

    return handle


async def _read(state: State, request: web.Request, of: type[B]) -> B:
    with state.intray.room(state.door.source(request)) as took:
        return await wire.read_json(request, of, took)


async def _check_writer(state: State, request: web.Request, who: Who | None) -> None:
    """A page of another site cannot write, nor can anybody write without end."""
    state.door.check_origin(request)
    if who is None:
        return
    token = request.headers.get("X-CSRF-Token", "")
    if not state.hub.keys.verify("csrf", who.session.id, token):
        raise CsrfError
    wait = await state.hub.bus.allow(f"api:{who.id}", WRITES, WRITES_PERIOD)
    if wait is not None:
        raise LimitedError(wait)


async def _resolve(
    state: State, request: web.Request, who: Who | None, right: Right
) -> Dialog | None:
    """The dialog of the path, if it names one; nobody learns what exists in other projects."""
    parts = request.match_info
    row: Dialog | None = None
    what = What()
    if "dialog" in parts:
        row = await state.hub.desk.dialog(parts["dialog"])
        owner = OperatorId(row.owner) if row.owner else None
        what = What(row.project, row.channel, owner)
    elif "project" in parts:
        what = What(ProjectId(parts["project"]))
    if what.project is not None and not may(who, Right.SEE, what):
        raise NotFoundError
    if not may(who, right, what):
        if row is not None and may(who, right, What(row.project, row.channel)):
            raise ConflictError("taken", row.owner_name)
        raise ForbiddenError
    return row
