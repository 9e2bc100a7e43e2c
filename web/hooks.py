"""The platforms' door: verify, parse, store, and only then say "ok".

What was verified and cannot be digested is kept whole and answered "ok" too: repeating it
would not help the platform, and losing it would not help us.
"""

from __future__ import annotations

import logging

from aiohttp import web

from hub.channel import Hook
from hub.errors import NotFoundError, SignatureError, UnavailableError
from hub.observe import HOOKS_REFUSED, about
from web import wire
from web.place import SiteDoor
from web.state import STATE

BODY_MAX_BYTES = 3_000_000

log = logging.getLogger(__name__)


async def hook(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    hub = state.hub
    kind = hub.channels.get(request.match_info["channel"])
    door: object = kind
    if isinstance(door, SiteDoor):
        raise NotFoundError
    with state.intray.room(state.door.source(request)) as took:
        body = await wire.read(request, BODY_MAX_BYTES, took)
    asked = Hook(
        body=body,
        headers={name.lower(): value for name, value in request.headers.items()},
        query=dict(request.query),
        received_at=hub.now(),
    )
    with about(channel=kind.id):
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
        try:
            await hub.intake.accept(kind, kind.parse(asked))
        except UnavailableError:
            raise
        except Exception as error:
            log.exception("hook.undigested")
            await hub.intake.undigested(kind, body, f"{type(error).__name__}: {error}")
    return web.Response(text="ok")


def add(app: web.Application) -> None:
    app.router.add_post("/hooks/{channel}", hook)
