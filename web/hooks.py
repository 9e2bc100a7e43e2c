"""The platforms' door: verify, parse, store, and only then say what the platform wants to hear.

What was verified and cannot be digested is kept whole and answered "ok" too: repeating it
would not help the platform, and losing it would not help us.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import msgspec
from aiohttp import web

from hub.calls.trunk import Trunk
from hub.channels.port import OK, Answer, ChannelKind, Hook
from hub.errors import (
    DeliveryError,
    LimitedError,
    NotFoundError,
    SignatureError,
    UnavailableError,
)
from hub.observe import HOOKS_REFUSED, about
from web import wire
from web.place import SiteDoor
from web.state import STATE

FORMS = 600
FORMS_PERIOD = timedelta(minutes=1)
"""No site is left so many; who has a source's key and floods it is to slow down."""

log = logging.getLogger(__name__)


async def hook(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    hub = state.hub
    kind = hub.channels.get(request.match_info["channel"])
    door: object = kind
    if isinstance(door, SiteDoor):
        raise NotFoundError
    with state.intray.room(state.door.source(request)) as took:
        body = await wire.read(request, kind.body_max_bytes, took)
    asked = Hook(
        body=body,
        path=request.match_info.get("rest", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        query=dict(request.query),
        method=request.method,
        received_at=hub.now(),
    )
    with about(channel=kind.id):
        _believe(kind, asked)
        if kind.capabilities.mute and not isinstance(door, Trunk):
            wait = await hub.bus.allow(f"forms:{kind.id}", FORMS, FORMS_PERIOD)
            if wait is not None:
                raise LimitedError(wait)
        await hub.intake.take(kind, asked)
        answer = await _answer(kind, asked)
    return web.Response(status=answer.status, text=answer.text, content_type=answer.content_type)


def _believe(kind: ChannelKind[msgspec.Struct], asked: Hook) -> None:
    """SignatureError unless the platform made the request, whatever else is wrong with it."""
    try:
        kind.verify(asked)
    except SignatureError:
        HOOKS_REFUSED.labels(channel=kind.id).inc()
        log.warning("hook.refused")
        raise
    except Exception:
        # Whatever a stranger's headers did to the check, it did not say yes.
        HOOKS_REFUSED.labels(channel=kind.id).inc()
        log.exception("hook.refused")
        raise SignatureError from None


async def _answer(kind: ChannelKind[msgspec.Struct], asked: Hook) -> Answer:
    """What the platform wants to hear; what is stored already is not asked for again."""
    try:
        return await kind.answer(asked)
    except DeliveryError as error:
        # The platform had to be asked for the answer and is away; it will come again.
        raise UnavailableError(error.reason) from None
    except Exception:
        log.exception("hook.unanswered")
        return OK


def add(app: web.Application) -> None:
    app.router.add_post("/hooks/{channel}", hook)
    app.router.add_post("/hooks/{channel}/{rest:.{1,100}}", hook)
    app.router.add_get("/hooks/{channel}", hook, allow_head=False)
