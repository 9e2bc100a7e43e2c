"""The visitors' door: loader, panel, configuration, files and the way to the live socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from shutil import disk_usage

from aiohttp import web

from hub.errors import ForbiddenError, HubError, NotFoundError, UnavailableError
from hub.leads import slots
from hub.leads.slots import Day
from hub.model import IdentityId, Membership, Operator
from hub.observe import HOOKS_REFUSED, SOCKETS_OPEN
from hub.people.consents import Asked, asked, subscribing
from hub.people.joining import Door
from hub.schedule import is_open, next_opening
from hub.sites import Callback, Goals, IdentityMode, Offline, Prechat
from hub.statuses import Lang
from web import visitor, wire
from web.door import OriginError
from web.place import Place, uploader
from web.sockets import TOO_OFTEN, Socket
from web.state import STATE
from web.views import View

PEOPLE_SHOWN = 3
PEOPLE_LOOKED_AT = 20
UPLOADS = 30
UPLOADS_BY_ADDRESS = 300
UPLOADS_PERIOD = timedelta(minutes=10)
MEGABYTE = 1_000_000
MEGABYTES_BY_VISITOR = 200
MEGABYTES_BY_ADDRESS = 500
MEGABYTES_BY_CHANNEL = 5_000


SLOTS = 60
LANGS: tuple[Lang, ...] = ("ru", "en")


class InviteView(View, frozen=True, kw_only=True):
    text: str
    after_seconds: int
    pages: tuple[str, ...]
    once_hours: int


class SubscriptionView(View, frozen=True, kw_only=True):
    text: str
    consents: list[Asked]


class PersonView(View, frozen=True, kw_only=True):
    name: str


class MessengerView(View, frozen=True, kw_only=True):
    """`joins` if a link that takes the person along is to be had for the asking."""

    kind: str
    url: str
    joins: bool


class Config(View, frozen=True, kw_only=True):
    """Everything a page needs to draw the chat, and nothing that is not for everybody."""

    project: dict[str, str]
    lang: Lang
    color: str
    theme: str
    side: str
    title: str
    greeting: str
    open: bool
    next_opening: datetime | None
    answer_time: int
    people: list[PersonView]
    text_max_chars: int
    attachments_max: int
    attachment_max_bytes: int
    messengers: list[MessengerView]
    phone: str
    callback: Callback
    subscription: SubscriptionView | None
    asks_phone: bool
    keeps_typed: bool
    prechat: Prechat
    consents: list[Asked]
    offline: Offline
    invite: InviteView | None
    rating: bool
    goals: Goals
    identity: IdentityMode
    launcher_text: str
    hide_on: tuple[str, ...]
    preview: bool


class SlotsView(View, frozen=True, kw_only=True):
    zone: str
    now: bool
    days: list[Day]


async def config(request: web.Request) -> web.StreamResponse:
    """What a page draws its chat by; a refusal can be read there too, so that it gives up."""
    try:
        return await _config(request)
    except (ForbiddenError, NotFoundError) as error:
        answer = wire.refusal(error)
        if answer is None:
            raise
        answer.headers["Access-Control-Allow-Origin"] = "*"
        return answer


async def _config(request: web.Request) -> web.StreamResponse:
    place = Place(request)
    hub, settings = place.state.hub, place.site.settings
    try:
        place.check_origin(request, required=False)
    except OriginError:
        await hub.sightings.turned_away(place.channel, place.origin)
        raise
    await hub.sightings.saw(place.channel, place.origin, request.query.get("p", ""))
    project = hub.channels.project(place.channel.project)
    now, can = hub.now(), place.kind.capabilities
    lang = next((each for each in LANGS if each == request.query.get("lang")), project.lang)
    boxes, offers = asked(settings, project, lang), settings.subscription
    agreed = subscribing(settings, project, lang) if offers.enabled else []
    people: list[PersonView] = []
    doors: dict[str, Door] = {}
    # A page draws its chat also while the store is away. To words that were not kept nobody
    # can agree; the next page keeps them.
    with suppress(UnavailableError):
        await hub.consents.show(place.channel.project, [*boxes, *agreed], now)
        people = await _people(place) if settings.operator_names else []
        doors = await hub.joining.doors(place.channel.project) if settings.messengers else {}
    invite = settings.invite
    answer = wire.json(
        Config(
            project={"name": project.name},
            lang=project.lang,
            color=settings.color,
            theme=settings.theme,
            side=settings.side,
            title=settings.title,
            greeting=settings.greeting,
            open=is_open(project.schedule, now),
            next_opening=next_opening(project.schedule, now),
            answer_time=settings.answer_time,
            people=people,
            text_max_chars=can.text_max_chars,
            attachments_max=can.attachments_max,
            attachment_max_bytes=min(can.attachment_max_bytes, hub.settings.limits.file_max_bytes),
            messengers=[
                MessengerView(kind=each.kind, url=each.url, joins=each.kind in doors)
                for each in settings.messengers
            ],
            phone=settings.phone,
            callback=settings.callback,
            subscription=SubscriptionView(text=offers.text, consents=agreed) if agreed else None,
            asks_phone=project.policy.silence.enabled and bool(settings.messengers),
            keeps_typed=project.policy.potential.enabled and settings.callback.enabled,
            prechat=settings.prechat,
            consents=boxes,
            offline=settings.offline,
            invite=InviteView(
                text=invite.text,
                after_seconds=invite.after_seconds,
                pages=invite.pages,
                once_hours=invite.once_hours,
            )
            if invite.enabled
            else None,
            rating=settings.rating,
            goals=settings.goals,
            identity=settings.identity,
            launcher_text=settings.launcher_text,
            hide_on=settings.hide_on,
            preview=False,
        )
    )
    answer.headers.update(place.cors())
    return answer


async def _people(place: Place) -> list[PersonView]:
    """Some of those who are here to answer on this channel, by the names they go by."""
    hub, project = place.state.hub, place.channel.project
    here = [who for who, state in (await hub.bus.present(project)).items() if state == "online"]
    here = sorted(here)[:PEOPLE_LOOKED_AT]
    if not here:
        return []
    memberships = await hub.engine.get_many(Membership, [f"{who}:{project}" for who in here])
    able = [
        each.operator
        for each in memberships.values()
        if not each.channels or place.channel.id in each.channels
    ]
    people = await hub.engine.get_many(Operator, able)
    names = (each.name for each in people.values() if each.disabled_at is None)
    return [PersonView(name=name) for name in sorted(names)[:PEOPLE_SHOWN]]


async def call_slots(request: web.Request) -> web.StreamResponse:
    """When a visitor whose clock is in that zone may be called."""
    place = Place(request)
    place.check_origin(request, required=False)
    await place.limit(f"slots:{place.source}", SLOTS)
    hub = place.state.hub
    project, now = hub.channels.project(place.channel.project), hub.now()
    schedule, quiet = project.schedule, project.calling.quiet
    zone = slots.zone_of(request.query.get("zone", "")[:64], schedule)
    answer = wire.json(
        SlotsView(
            zone=zone,
            now=slots.callable_at(schedule, zone, now, quiet),
            days=slots.offered(schedule, zone, now, quiet),
        )
    )
    answer.headers.update(place.cors())
    return answer


async def preflight(request: web.Request) -> web.StreamResponse:
    place = Place(request)
    place.check_origin(request, required=True)
    return web.Response(
        status=204,
        headers=place.cors()
        | {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "X-Visitor-Key, Content-Type",
            "Access-Control-Max-Age": "600",
        },
    )


async def upload(request: web.Request) -> web.StreamResponse:
    place = Place(request)
    place.check_origin(request, required=False)
    try:
        guest = place.site.visitor(request.headers.get("X-Visitor-Key", ""))
        if guest is None:
            HOOKS_REFUSED.labels(channel=place.kind.id).inc()
            raise ForbiddenError("the visitor's key is not ours")
        if place.site.settings.identity == "required" and not place.site.is_signed(guest):
            raise ForbiddenError("the site has not signed for this visitor")
        identity = place.identity(guest)
        await place.limit(f"upload:{identity}", UPLOADS, UPLOADS_PERIOD)
        await place.limit(f"upload:{place.source}", UPLOADS_BY_ADDRESS, UPLOADS_PERIOD)
        file = await place.state.hub.files.keep(
            place.channel.project,
            request.query.get("name", "file"),
            _metered(place, identity, wire.chunks(request)),
            uploader(identity),
        )
    except HubError as error:
        refused = wire.refusal(error)
        if refused is None:
            raise
        refused.headers.update(place.cors())
        return refused
    answer = wire.json(place.state.views.file(file), 201)
    answer.headers.update(place.cors())
    return answer


async def _metered(
    place: Place, identity: IdentityId, chunks: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """The bytes, as many as this visitor, this address and this chat may still store."""
    limits, paid = place.state.hub.settings.limits, 0
    folder = place.state.hub.settings.data.dir
    async for chunk in chunks:
        while paid < len(chunk):
            if folder.is_dir() and disk_usage(folder).free < limits.disk_spare_bytes:
                raise UnavailableError("the disk is nearly full")
            for whose, megabytes in (
                (identity, MEGABYTES_BY_VISITOR),
                (place.source, MEGABYTES_BY_ADDRESS),
                (place.kind.id, MEGABYTES_BY_CHANNEL),
            ):
                await place.limit(f"megabytes:{whose}", megabytes, UPLOADS_PERIOD)
            paid += MEGABYTE
        paid -= len(chunk)
        yield chunk


async def live(request: web.Request) -> web.StreamResponse:
    place = Place(request)
    if request.headers.get("Upgrade", "").lower() != "websocket":
        return wire.problem(426, "upgrade_required")
    place.check_origin(request, required=True)
    state = place.state
    socket = Socket(request, state.sockets.limits)
    opened = await socket.open()
    if state.sockets.full(place.source):
        await socket.close(TOO_OFTEN)
        return opened
    SOCKETS_OPEN.labels(side="visitor").inc()
    state.sockets.enter(socket, place.source)
    try:
        await socket.run(visitor.talk(place, socket))
    finally:
        state.sockets.leave(socket, place.source)
        SOCKETS_OPEN.labels(side="visitor").dec()
    return opened


async def script(request: web.Request) -> web.StreamResponse:
    """The loader, and the panel under the hash of the loader that asks for it."""
    statics = request.app[STATE].statics
    name = "panel.js" if request.path.endswith("/panel.js") else "widget.js"
    built = statics.named(name)
    if built is None:
        raise NotFoundError("the front end is not built")
    cache = "public, max-age=31536000, immutable" if request.query_string else "public, max-age=300"
    return web.FileResponse(
        statics.path(built),
        headers={
            "Content-Type": "text/javascript; charset=utf-8",
            "Cache-Control": cache,
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
        },
    )


def add(app: web.Application) -> None:
    router = app.router
    router.add_get("/widget.js", script)
    router.add_get("/widget/panel.js", script)
    router.add_get("/widget/{channel}/config", config)
    router.add_route("OPTIONS", "/widget/{channel}/config", preflight)
    router.add_get("/widget/{channel}/slots", call_slots)
    router.add_get("/widget/{channel}/live", live)
    router.add_post("/widget/{channel}/files", upload)
    router.add_route("OPTIONS", "/widget/{channel}/files", preflight)
