"""Signing in and out, and what an operator may change about himself."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from hub.accounts import LOGIN_MAX, NAME_MAX, PASSWORD_MAX, Who
from hub.errors import NotFoundError
from hub.events import PresenceChanged
from hub.rights import Right
from hub.statuses import Lang
from hub.telling.mailbox import NoMailbox
from web import project_views, wire
from web.live import PRESENCE_LASTS
from web.routes import Answer, AnyRoute, Ask, Nothing, Route, csrf_token
from web.state import State

try:
    VERSION = version("otklik")
except PackageNotFoundError:
    VERSION = "0"


class SignIn(msgspec.Struct, frozen=True):
    """The password may be a one-time code."""

    login: Annotated[str, Meta(max_length=LOGIN_MAX)]
    password: Annotated[str, Meta(max_length=1_000)]


class MyChange(msgspec.Struct, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=NAME_MAX)] | None = None
    lang: Lang | None = None
    email: NoMailbox | None = None


class NewPassword(msgspec.Struct, frozen=True):
    """`current` is not asked for after signing in by a code."""

    new: Annotated[str, Meta(max_length=PASSWORD_MAX)]
    current: Annotated[str, Meta(max_length=1_000)] = ""


class Presence(msgspec.Struct, frozen=True):
    presence: Literal["online", "away"]


def me_view(state: State, who: Who) -> project_views.MeView:
    memberships = []
    for membership in who.memberships.values():
        try:
            project = state.hub.channels.project(membership.project)
        except NotFoundError:
            continue
        memberships.append(
            project_views.MembershipView(
                project=project_views.project(project), role=membership.role
            )
        )
    memberships.sort(key=lambda each: (each.project.name, each.project.id))
    return project_views.MeView(
        operator=project_views.MyselfView(
            id=who.operator.id,
            login=who.operator.login,
            name=who.operator.name,
            lang=who.operator.lang,
        ),
        csrf=csrf_token(state, who),
        must_set_password=who.session.by_code,
        memberships=memberships,
        version=VERSION,
    )


def _with_cookie(
    ask: Ask[Nothing, SignIn] | Ask[Nothing, NewPassword],
    answer: web.Response,
    id: str,
    lasts: timedelta,
) -> Answer:
    https = ask.state.door.https(ask.request)
    answer.set_cookie(
        ask.state.door.cookie(ask.request),
        id,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=https,
        max_age=int(lasts.total_seconds()),
    )
    return Answer(response=answer)


async def sign_in(ask: Ask[Nothing, SignIn]) -> Answer:
    id, who = await ask.hub.accounts.sign_in(
        ask.body.login,
        ask.body.password,
        address=ask.address,
        agent=ask.request.headers.get("User-Agent", ""),
    )
    if ask.someone is not None:
        await ask.hub.accounts.sign_out(ask.someone, address=ask.address)
    lasts = who.session.expires_at - who.session.created_at
    return _with_cookie(ask, wire.json(me_view(ask.state, who)), id, lasts)


async def sign_out(ask: Ask[Nothing, Nothing]) -> Answer:
    await ask.hub.accounts.sign_out(ask.who, address=ask.address)
    answer = web.Response(status=204)
    answer.del_cookie(
        ask.state.door.cookie(ask.request),
        path="/",
        httponly=True,
        samesite="Strict",
        secure=ask.state.door.https(ask.request),
    )
    return Answer(response=answer)


async def me(ask: Ask[Nothing, Nothing]) -> project_views.MeView:
    return me_view(ask.state, ask.who)


async def change_me(ask: Ask[Nothing, MyChange]) -> project_views.MeView:
    who = await ask.hub.accounts.rename(ask.who, ask.body.name, ask.body.lang)
    if ask.body.email is not None and ask.body.email != who.operator.email:
        who = await ask.hub.accounts.set_email(who, ask.body.email, address=ask.address)
    return me_view(ask.state, who)


async def set_password(ask: Ask[Nothing, NewPassword]) -> Answer:
    id, who = await ask.hub.accounts.change_password(
        ask.who, ask.body.current, ask.body.new, address=ask.address
    )
    lasts = who.session.expires_at - who.session.created_at
    answer = web.Response(status=204, headers={"X-CSRF-Token": csrf_token(ask.state, who)})
    return _with_cookie(ask, answer, id, lasts)


async def set_presence(ask: Ask[Nothing, Presence]) -> Answer:
    for project in ask.who.memberships:
        await ask.hub.bus.appear(project, ask.who.id, ask.body.presence, PRESENCE_LASTS)
        await ask.hub.bus.announce(
            PresenceChanged(project=project, operator=ask.who.id, presence=ask.body.presence)
        )
    return Answer(status=204)


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="POST",
        path="/session",
        right=Right.ANYONE,
        summary="Sign in with a password or a one-time code; the session comes as a cookie",
        call=sign_in,
        query=Nothing,
        body=SignIn,
        answer=project_views.MeView,
    ),
    Route(
        method="DELETE",
        path="/session",
        right=Right.SELF,
        summary="Sign out",
        call=sign_out,
        query=Nothing,
        body=Nothing,
        status=204,
    ),
    Route(
        method="GET",
        path="/me",
        right=Right.SELF,
        summary="Who is signed in, with the token that every change has to carry",
        call=me,
        query=Nothing,
        body=Nothing,
        answer=project_views.MeView,
    ),
    Route(
        method="PATCH",
        path="/me",
        right=Right.SELF,
        summary="Change one's own name, language or address of e-mail",
        call=change_me,
        query=Nothing,
        body=MyChange,
        answer=project_views.MeView,
    ),
    Route(
        method="POST",
        path="/me/password",
        right=Right.SELF,
        summary="Set one's own password; ends all other sessions, this one goes on under a new id "
        "and, in the X-CSRF-Token header, a new token",
        call=set_password,
        query=Nothing,
        body=NewPassword,
        status=204,
    ),
    Route(
        method="PUT",
        path="/me/presence",
        right=Right.SELF,
        summary="Say whether one is at the desk",
        call=set_presence,
        query=Nothing,
        body=Presence,
        status=204,
    ),
)
