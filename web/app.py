"""The web application: the hub's doors under one roof, with one way of refusing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from hub.errors import HubError
from hub.hub import Hub
from hub.observe import SOCKETS_OPEN
from web import api, files, hooks, live, ops, pages, preview, widget, wire
from web.door import Door
from web.intray import Intray
from web.sockets import Fan, SocketLimits, Sockets
from web.state import STATE, State
from web.statics import Statics
from web.views import Views

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
HSTS = "max-age=31536000"


def build(
    hub: Hub, limits: SocketLimits | None = None, statics: Statics | None = None
) -> web.Application:
    """The application over a hub that is open and working; it closes nothing of the hub's."""
    app = _state(hub, limits, statics)
    for room in (api, live, files, widget, preview, hooks, ops, pages):
        room.add(app)
    app.on_response_prepare.append(_protect)
    app.on_shutdown.append(_say_goodbye)
    app.cleanup_ctx.append(_hear)
    for side in ("operator", "visitor"):
        SOCKETS_OPEN.labels(side=side)
    return app


def build_for_machines(hub: Hub) -> web.Application:
    """Only what machines ask, for a process that works and has no doors."""
    app = _state(hub, None, None)
    ops.add(app)
    app.on_response_prepare.append(_protect)
    app.on_shutdown.append(_say_goodbye)
    return app


def _state(hub: Hub, limits: SocketLimits | None, statics: Statics | None) -> web.Application:
    app = web.Application(middlewares=[_refusals])
    views = Views(hub.files, hub.now)
    app[STATE] = State(
        hub=hub,
        door=Door(hub.settings.server),
        intray=Intray(),
        views=views,
        fan=Fan(hub.bus, views),
        sockets=Sockets(limits or SocketLimits(per_source=hub.settings.limits.sockets_per_address)),
        statics=statics or Statics(),
    )
    return app


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error leaves as a problem; ours are logged and tell nothing of themselves."""
    try:
        return await handler(request)
    except HubError as error:
        answer = wire.refusal(error)
        if answer is not None:
            return answer
        log.exception("request.failed", extra={"path": request.path})
    except web.HTTPException as error:
        return error if error.status < 400 else wire.from_http(error)
    except Exception as error:
        if isinstance(error, ConnectionError) and _is_gone(request):
            raise
        log.exception("request.failed", extra={"path": request.path})
    return wire.problem(500, "internal")


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


async def _protect(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.app[STATE].door.https(request):
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    response.headers.pop("Server", None)


async def _say_goodbye(app: web.Application) -> None:
    app[STATE].sockets.stop()


async def _hear(app: web.Application) -> AsyncIterator[None]:
    ready = asyncio.Event()
    ear = asyncio.create_task(app[STATE].fan.run(ready), name="fan")
    await ready.wait()
    yield
    ear.cancel()
    with suppress(asyncio.CancelledError):
        await ear
