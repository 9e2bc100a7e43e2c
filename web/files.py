"""Files in and out: kept by whoever may write in the project, opened by a short signed link.

Nothing that a browser could run is ever shown in place.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from aiohttp import web

from hub.errors import ForbiddenError, LimitedError, NotFoundError
from hub.model import File
from hub.rights import Right
from web import views, wire
from web.api_dialogs import NameQuery
from web.routes import AnyRoute, Ask, Nothing, Route
from web.state import STATE

UPLOADS = 120
UPLOADS_PERIOD = timedelta(minutes=10)
SHOWN_IN_PLACE = frozenset({"image", "audio", "video"})


async def upload(ask: Ask[NameQuery, Nothing]) -> views.FileView:
    wait = await ask.hub.bus.allow(f"upload:{ask.who.id}", UPLOADS, UPLOADS_PERIOD)
    if wait is not None:
        raise LimitedError(wait)
    file = await ask.hub.files.keep(
        ask.project, ask.query.name, wire.chunks(ask.request), ask.who.id
    )
    return ask.state.views.file(file)


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="POST",
        path="/projects/{project}/files",
        right=Right.WRITE,
        summary="Upload a file as the raw body, to be named by a message within a day",
        call=upload,
        query=NameQuery,
        body=Nothing,
        answer=views.FileView,
        status=201,
        raw=True,
    ),
)


async def serve(request: web.Request) -> web.StreamResponse:
    """The bytes, to whoever holds a link that is still good; no cookie is looked at."""
    hub = request.app[STATE].hub
    id, query = request.match_info["id"], request.query
    if not hub.files.check_link(id, query.get("e", ""), query.get("s", ""), hub.now()):
        raise ForbiddenError
    file = await hub.engine.get(File, id)
    if file is None:
        raise NotFoundError
    path = hub.files.path(file)
    if not path.is_file():
        raise NotFoundError
    in_place = file.kind in SHOWN_IN_PLACE
    return web.FileResponse(
        path,
        headers={
            "Content-Type": file.mime if in_place else "application/octet-stream",
            "Content-Disposition": _disposition(file.name, in_place=in_place),
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Cache-Control": "private, max-age=3600, immutable",
        },
    )


def _disposition(name: str, *, in_place: bool) -> str:
    """RFC 6266 with both names, so that every browser saves it under a sane one."""
    plain = "".join(
        each if each.isascii() and (each.isalnum() or each in "._- ") else "_" for each in name
    )
    kind = "inline" if in_place else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def add(app: web.Application) -> None:
    app.router.add_get("/files/{id}/{name}", serve)
