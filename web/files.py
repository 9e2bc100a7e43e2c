"""Files in and out: kept by whoever may write in the project, opened by a short signed link.

Nothing that a browser could run is ever shown in place.
"""

from __future__ import annotations

from contextlib import aclosing
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

import msgspec
from aiohttp import web
from msgspec import Meta

from hub.errors import ForbiddenError, LimitedError, NotFoundError
from hub.files.kept import RECORDING, key, small_key
from hub.files.storage import Storage
from hub.model import File
from hub.rights import Right
from web import views, wire
from web.routes import AnyRoute, Ask, Nothing, Route, part
from web.state import STATE

UPLOADS = 120
UPLOADS_PERIOD = timedelta(minutes=10)
SMALL_MIME = "image/webp"
SHOWN_IN_PLACE = frozenset({"image", "audio", "video"})


class NameQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=1_000)] = "file"


async def upload(ask: Ask[NameQuery, Nothing]) -> views.FileView:
    wait = await ask.hub.bus.allow(f"upload:{ask.who.id}", UPLOADS, UPLOADS_PERIOD)
    if wait is not None:
        raise LimitedError(wait)
    file = await ask.hub.files.keep(
        ask.project, ask.query.name, wire.chunks(ask.request), ask.who.id
    )
    return ask.state.views.file(file)


async def fetch(ask: Ask[Nothing, Nothing]) -> views.EntryView:
    entry = await ask.hub.lists.entry(ask.dialog, ask.part("entry"))
    return ask.state.views.entry(await ask.hub.fetching.again(entry, ask.part("file")))


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="POST",
        path="/dialogs/{dialog}/entries/{entry}/files/{file}/fetch",
        right=Right.WRITE,
        summary="Try again to bring a file from its platform that was lost on the way",
        call=fetch,
        query=Nothing,
        body=Nothing,
        answer=views.EntryView,
    ),
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
    file = await hub.files.get(id)
    if file.by == RECORDING:
        raise NotFoundError
    small = file.thumb and "small" in query
    in_place = small or file.kind in SHOWN_IN_PLACE
    mime = SMALL_MIME if small else file.mime
    headers = {
        "Content-Type": mime if in_place else "application/octet-stream",
        "Content-Disposition": _disposition(file.name, in_place=in_place),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": "private, max-age=3600, immutable",
    }
    at = small_key(file) if small else key(file)
    path = hub.files.storage.local(at)
    if path is None:
        return await _streamed(request, hub.files.storage, at, headers)
    if not path.is_file():
        raise NotFoundError
    return web.FileResponse(path, headers=headers)


async def heard(request: web.Request, storage: Storage, file: File) -> web.StreamResponse:
    """The bytes of a recording, for a door that has asked who may hear it; kept by no browser."""
    headers = {
        "Content-Type": file.mime if file.kind == "audio" else "application/octet-stream",
        "Content-Disposition": _disposition(file.name, in_place=file.kind == "audio"),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-store",
    }
    path = storage.local(key(file))
    if path is None:
        return await _streamed(request, storage, key(file), headers)
    if not path.is_file():
        raise NotFoundError
    return web.FileResponse(path, headers=headers)


async def _streamed(
    request: web.Request, storage: Storage, at: str, headers: dict[str, str]
) -> web.StreamResponse:
    """The bytes as they come from afar, or the one part of them that is asked for."""
    size = await storage.size(at)
    if size is None:
        raise NotFoundError
    start, end, status = 0, size, 200
    try:
        asked = request.http_range
    except ValueError:
        asked = slice(None)
    if asked.start is not None or asked.stop is not None:
        start, end, _ = asked.indices(size)
        if start >= end:
            raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"})
        status, headers = 206, headers | {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
    answer = web.StreamResponse(status=status, headers=headers | {"Accept-Ranges": "bytes"})
    answer.content_length = end - start
    if request.method == "HEAD":
        await answer.prepare(request)
        return answer
    # The first bytes are there before the headers leave: a storage that fails is still told.
    blocks = storage.read(at, start, end)
    async with aclosing(blocks):
        first = await anext(blocks, b"")
        await answer.prepare(request)
        await answer.write(first)
        async for block in blocks:
            await answer.write(block)
    await answer.write_eof()
    return answer


def _disposition(name: str, *, in_place: bool) -> str:
    """RFC 6266 with both names, so that every browser saves it under a sane one."""
    plain = "".join(
        each if each.isascii() and (each.isalnum() or each in "._- ") else "_" for each in name
    )
    kind = "inline" if in_place else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def add(app: web.Application) -> None:
    app.router.add_get("/files/{id}/" + part("name"), serve)
