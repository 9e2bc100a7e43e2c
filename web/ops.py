"""What machines ask of the process: does it live, can it serve, what did it count."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.errors import ForbiddenError, NotFoundError, UnavailableError
from hub.model import Lock
from hub.store.engine import milliseconds
from web import wire
from web.state import STATE
from web.views import View

READY_SECONDS = 5
CHECK_HEADER = "X-Hub-Check"
# Far more than a check takes: a clock that is wrong by less is to be told, not refused.
CHECK_GOOD_MS = 3_600_000


class Seen(View, frozen=True, kw_only=True):
    """What the hub believes of a request: whose it is, by which way it came."""

    now: int
    address: str
    peer: str
    forwarded: bool
    https: bool
    ours: bool


async def live(_: web.Request) -> web.StreamResponse:
    return web.Response(text="ok")


async def ready(request: web.Request) -> web.StreamResponse:
    """Whether the store answers a read and the process is not on its way out.

    Without its bus the process still serves, and says so.
    """
    state = request.app[STATE]
    if state.sockets.stopping:
        raise UnavailableError("stopping")
    try:
        async with asyncio.timeout(READY_SECONDS):
            await state.hub.engine.get(Lock, "ready")
    except TimeoutError:
        raise UnavailableError("the store does not answer") from None
    told = ["ok"]
    if not state.hub.bus.connected:
        told = ["ok, but the bus is away: other processes are heard late"]
    if state.hub.housekeeping.low_disk and state.door.is_near(request):
        told += [f"disk: {each}" for each in state.hub.housekeeping.low_disk]
    return web.Response(text="\n".join(told))


async def seen(request: web.Request) -> web.StreamResponse:
    """How this very request arrives, for `hub check --public`; a stranger finds nothing here.

    The one who asks shows by a signature that he has the hub's key; it is good for an hour.
    """
    state = request.app[STATE]
    now = milliseconds(state.hub.now())
    at, _, signature = request.headers.get(CHECK_HEADER, "").partition(".")
    signed = at.isdecimal() and state.hub.keys.verify("check", at, signature)
    if not signed or len(at) > 15 or abs(now - int(at)) > CHECK_GOOD_MS:
        raise NotFoundError
    door = state.door
    return wire.json(
        Seen(
            now=now,
            address=door.address(request),
            peer=request.remote or "",
            forwarded="X-Forwarded-For" in request.headers,
            https=door.https(request),
            ours=door.is_ours(request, request.headers.get("Origin", "")),
        )
    )


async def metrics(request: web.Request) -> web.StreamResponse:
    if not request.app[STATE].door.is_near(request):
        raise ForbiddenError
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def add(app: web.Application) -> None:
    app.router.add_get("/live", live)
    app.router.add_get("/ready", ready)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/seen", seen)
