"""Channels set up by admins: their settings, where they were seen, what a page lacks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from yarl import URL

from hub.channels.pulse import mark_of
from hub.channels.setup import Change
from hub.errors import (
    BadValueError,
    ForbiddenError,
    LimitedError,
    NotFoundError,
    UnavailableError,
)
from hub.model import Channel, ChannelId
from hub.records import Pulse
from hub.rights import Right, What, may
from hub.store.schema import LANES_OF
from web import onsite, wire
from web.fetch import WEB_PORTS, Reach
from web.onsite import StepName
from web.place import SiteDoor
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View

WAITING_CAP = 1_000
CHECKS = 20
CHECKS_PERIOD = timedelta(minutes=5)

Name = Annotated[str, Meta(max_length=200)]


class PulseView(View, frozen=True, kw_only=True):
    """How it lives, and by `reason` why it does not; the hook as the platform told of it last."""

    state: Literal["ok", "halted", "away", "deaf", "unknown"]
    reason: str
    since: datetime | None
    last_in_at: datetime | None
    last_out_at: datetime | None
    name: str
    username: str
    hook_error: str
    hook_error_at: datetime | None


class SetupView(View, frozen=True, kw_only=True):
    """`works` is whether what is switched on could be opened with the settings it has.

    `waiting` are the dialogs in which something has not gone out yet.
    """

    id: str
    rev: int
    kind: str
    name: str
    enabled: bool
    as_code: bool
    works: bool
    waiting: int
    pulse: PulseView | None


class SetupList(View, frozen=True, kw_only=True):
    items: list[SetupView]


class SeenView(View, frozen=True, kw_only=True):
    origin: str
    page: str
    at: datetime
    script: bool


class TurnedAwayView(View, frozen=True, kw_only=True):
    origin: str
    at: datetime


class SettingsView(SetupView, frozen=True, kw_only=True):
    """Of a secret setting there is only {"secret": true, "set": …}.

    `handed` are the values that the admin enters at the platform, by their names.
    """

    settings: dict[str, Any]
    handed: dict[str, str]
    seen: list[SeenView]
    refused: list[TurnedAwayView]
    public_url: str


class FindingView(View, frozen=True, kw_only=True):
    step: StepName
    ok: bool | None
    code: str
    detail: str


class Findings(View, frozen=True, kw_only=True):
    steps: list[FindingView]


class NewChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Annotated[str, Meta(max_length=40)]
    name: Name
    settings: dict[str, Any] = {}


class ChannelChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is absent stays; `settings` are a merge patch (RFC 7396), null puts a default back.

    `rev` is that of the channel as it was read; without it whatever stands is changed.
    """

    rev: Annotated[int, Meta(ge=0)] | None = None
    name: Name | None = None
    enabled: bool | None = None
    settings: dict[str, Any] = {}


class PageToCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(min_length=1, max_length=2_000)]


async def setups(ask: Ask[Nothing, Nothing]) -> SetupList:
    allowed = ask.who.channels(ask.project)
    shown = [
        each for each in ask.hub.channels.of(ask.project) if allowed is None or each.id in allowed
    ]
    pulses = await ask.hub.engine.get_many(Pulse, [each.id for each in shown])
    return SetupList(
        items=[SetupView(**await _basics(ask, each, pulses.get(each.id))) for each in shown]
    )


async def settings(ask: Ask[Nothing, Nothing]) -> SettingsView:
    return await _view(ask, await asked(ask))


async def add(ask: Ask[Nothing, NewChannel]) -> SettingsView:
    if ask.who.channels(ask.project) is not None:
        # It would be none of those that his membership names.
        raise ForbiddenError
    try:
        made = await ask.hub.setup.add(
            ask.project,
            ask.body.kind,
            ask.body.name,
            ask.who,
            settings=ask.body.settings,
            address=ask.address,
        )
    except msgspec.ValidationError as error:
        raise _refused(error) from None
    return await _view(ask, made)


async def change(ask: Ask[Nothing, ChannelChange]) -> SettingsView:
    document = await asked(ask)
    body = ask.body
    wanted = Change(rev=body.rev, name=body.name, enabled=body.enabled, settings=body.settings)
    try:
        changed = await ask.hub.setup.change(
            ask.project, document.id, wanted, ask.who, address=ask.address
        )
    except msgspec.ValidationError as error:
        raise _refused(error) from None
    return await _view(ask, changed)


async def check(ask: Ask[Nothing, PageToCheck]) -> Findings:
    document = await asked(ask)
    wait = await ask.hub.bus.allow(f"page-check:{ask.who.id}", CHECKS, CHECKS_PERIOD)
    if wait is not None:
        raise LimitedError(wait)
    hub, door = ask.state.door.origin(ask.request), _door(ask, document)
    host = URL(hub).authority
    expected = onsite.Expected(
        hub=URL(hub),
        channel=document.id,
        enabled=document.enabled,
        allows=(lambda origin: origin == hub or door.allows(origin, host)) if door else None,
        sighting=await ask.hub.sightings.of(ask.project, ChannelId(document.id)),
        now=ask.hub.now(),
    )
    reach = Reach(
        near=ask.state.door.stays_here(ask.request),
        ports=WEB_PORTS | {URL(hub).port or 443},
    )
    found = await onsite.look(ask.body.url, expected, reach)
    return Findings(
        steps=[
            FindingView(step=each.step, ok=each.ok, code=each.code, detail=each.detail)
            for each in found
        ]
    )


async def asked(ask: Ask[Any, Any]) -> Channel:
    """The channel of the path as it now is; what is not one's own is not there."""
    document = await ask.hub.setup.get(ask.project, ask.part("channel"))
    if not may(ask.who, Right.ARRANGE, What(ask.project, ChannelId(document.id))):
        raise NotFoundError
    return document


def _door(ask: Ask[Any, Any], document: Channel) -> SiteDoor | None:
    try:
        kind: object = ask.hub.channels.get(document.id)
    except (NotFoundError, UnavailableError):
        return None
    return kind if isinstance(kind, SiteDoor) else None


async def _basics(ask: Ask[Any, Any], document: Channel, pulse: Pulse | None) -> dict[str, Any]:
    try:
        works = document.enabled and bool(ask.hub.channels.get(document.id))
    except UnavailableError:
        # It is only being made ready.
        works = document.enabled
    except NotFoundError:
        works = False
    return {
        "id": document.id,
        "rev": document.rev,
        "kind": document.kind,
        "name": document.name,
        "enabled": document.enabled,
        "as_code": document.as_code,
        "works": works,
        "waiting": await ask.hub.engine.count(
            LANES_OF, {"project": document.project, "channel": document.id}, cap=WAITING_CAP
        ),
        "pulse": _pulse(document, pulse) if pulse else None,
    }


def _pulse(document: Channel, pulse: Pulse) -> PulseView:
    """What is known of other settings than those that it has now is nothing."""
    current = pulse.mark == mark_of(document)
    state, reason, since = pulse.told
    known = pulse.state != "unknown"
    hook = pulse.hook if current else None
    return PulseView(
        state=state if current and (known or state != "ok") else "unknown",
        reason=reason if current else "",
        since=since if current else None,
        last_in_at=pulse.last_in_at,
        last_out_at=pulse.last_out_at,
        name=pulse.account.name if pulse.account else "",
        username=pulse.account.username if pulse.account else "",
        hook_error=hook.error if hook else "",
        hook_error_at=hook.error_at if hook else None,
    )


async def _view(ask: Ask[Any, Any], document: Channel) -> SettingsView:
    known = await ask.hub.sightings.of(ask.project, ChannelId(document.id))
    pulse = await ask.hub.engine.get(Pulse, document.id)
    return SettingsView(
        **await _basics(ask, document, pulse),
        settings=await ask.hub.setup.shown(document),
        handed=_handed(ask, document),
        seen=[
            SeenView(origin=each.origin, page=each.page, at=each.at, script=each.script)
            for each in known.seen
        ],
        refused=[TurnedAwayView(origin=each.origin, at=each.at) for each in known.refused],
        public_url=ask.state.door.origin(ask.request),
    )


def _handed(ask: Ask[Any, Any], document: Channel) -> dict[str, str]:
    """What is to be entered at the platform; nothing for most kinds, nor without an address."""
    public = ask.hub.settings.server.public_url
    try:
        kind = ask.hub.channels.get(document.id)
    except (NotFoundError, UnavailableError):
        return {}
    if kind.capabilities.mute:
        # Whoever sends forms may stand in the same network.
        public = public or ask.state.door.origin(ask.request)
    values = kind.handed() if public else {}
    return {"hook": kind.address(f"{public}/hooks/{document.id}"), **values} if values else {}


def _refused(error: msgspec.ValidationError) -> BadValueError:
    """The kind's complaint with its path; what it says of the whole begins with a field's name."""
    told = wire.invalid(error)
    path = told.field
    if path == "$":
        path = str(told).partition(" ")[0].rstrip(":")
    return BadValueError(str(told), field=f"settings.{path}")


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/channels/settings",
        right=Right.ARRANGE,
        summary="Every channel of the project, those that are switched off too",
        call=setups,
        query=Nothing,
        body=Nothing,
        answer=SetupList,
    ),
    Route(
        method="POST",
        path="/projects/{project}/channels",
        right=Right.ARRANGE,
        summary="A new channel with these settings, else those that its kind begins with",
        call=add,
        query=Nothing,
        body=NewChannel,
        answer=SettingsView,
        status=201,
    ),
    Route(
        method="GET",
        path="/projects/{project}/channels/{channel}/settings",
        right=Right.ARRANGE,
        summary="A channel's settings without its secrets, and where it was seen",
        call=settings,
        query=Nothing,
        body=Nothing,
        answer=SettingsView,
    ),
    Route(
        method="PATCH",
        path="/projects/{project}/channels/{channel}/settings",
        right=Right.ARRANGE,
        summary="Change the name, the settings, or switch it on or off",
        call=change,
        query=Nothing,
        body=ChannelChange,
        answer=SettingsView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/channels/{channel}/check",
        right=Right.ARRANGE,
        summary="Look at a page of the site: does it show the chat, and if not, why",
        call=check,
        query=Nothing,
        body=PageToCheck,
        answer=Findings,
    ),
)
