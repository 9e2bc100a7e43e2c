"""The visitors' door: loader, panel, configuration, files and the way to the live socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from shutil import disk_usage

from aiohttp import web

from hub.errors import ForbiddenError, HubError, NotFoundError, UnavailableError
from hub.model import IdentityId
from hub.observe import HOOKS_REFUSED, SOCKETS_OPEN
from hub.schedule import is_open, next_opening
from hub.statuses import Lang
from web import visitor, wire
from web.place import Place, uploader
from web.sockets import TOO_OFTEN, Socket
from web.state import STATE
from web.views import View

UPLOADS = 30
UPLOADS_BY_ADDRESS = 300
UPLOADS_PERIOD = timedelta(minutes=10)
MEGABYTE = 1_000_000
MEGABYTES_BY_VISITOR = 200
MEGABYTES_BY_ADDRESS = 500
MEGABYTES_BY_CHANNEL = 5_000


class Config(View, frozen=True, kw_only=True):
    project: dict[str, str]
    lang: Lang
    color: str
    open: bool
    next_opening: datetime | None
    text_max_chars: int
    attachments_max: int
    attachment_max_bytes: int
    greeting: str


async def config(request: web.Request) -> web.StreamResponse:
    place = Place(request)
    place.check_origin(request, required=False)
    hub, settings = place.state.hub, place.site.settings
    project = hub.channels.project(place.channel.project)
    now, can = hub.now(), place.kind.capabilities
    answer = wire.json(
        Config(
            project={"name": project.name},
            lang=project.lang,
            color=settings.color,
            open=is_open(project.schedule, now),
            next_opening=next_opening(project.schedule, now),
            text_max_chars=can.text_max_chars,
            attachments_max=can.attachments_max,
            attachment_max_bytes=min(can.attachment_max_bytes, hub.settings.limits.file_max_bytes),
            greeting=settings.greeting,
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
    router.add_get("/widget/{channel}/live", live)
    router.add_post("/widget/{channel}/files", upload)
    router.add_route("OPTIONS", "/widget/{channel}/files", preflight)
