"""What machines ask of the process: does it live, can it serve, what did it count."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.errors import ForbiddenError, UnavailableError
from hub.model import Lock
from web.state import STATE

READY_SECONDS = 5


async def live(_: web.Request) -> web.StreamResponse:
    return web.Response(text="ok")


async def ready(request: web.Request) -> web.StreamResponse:
    """Whether the store answers a read and the process is not on its way out."""
    state = request.app[STATE]
    if state.sockets.stopping:
        raise UnavailableError("stopping")
    try:
        async with asyncio.timeout(READY_SECONDS):
            await state.hub.engine.get(Lock, "ready")
    except TimeoutError:
        raise UnavailableError("the store does not answer") from None
    return web.Response(text="ok")


async def metrics(request: web.Request) -> web.StreamResponse:
    if not request.app[STATE].door.is_near(request):
        raise ForbiddenError
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def add(app: web.Application) -> None:
    app.router.add_get("/live", live)
    app.router.add_get("/ready", ready)
    app.router.add_get("/metrics", metrics)
