"""Page shells and the built front end; a shell holds nothing that needs a session."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hub.errors import NotFoundError
from hub.statuses import Lang
from web.routes import signed_in
from web.state import STATE
from web.statics import TYPES, Statics

TEMPLATES = Path(__file__).parent / "templates"
FAVICON = Path(__file__).parent / "templates" / "favicon.svg"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_environment = environment()


def built() -> bool:
    """Whether the front end is there to be served."""
    return Statics().named("inbox.js") is not None


def language(request: web.Request) -> Lang:
    """The first of our languages that the browser asks for."""
    for part in request.headers.get("Accept-Language", "").split(","):
        asked = part.partition(";")[0].strip().lower()[:2]
        if asked == "ru":
            return "ru"
        if asked == "en":
            return "en"
    return "ru"


async def root(_: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "/inbox"})


async def inbox(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    who = await signed_in(state, request)
    lang = who.operator.lang if who else language(request)
    script, style = state.statics.named("inbox.js"), state.statics.named("inbox.css")
    page = _environment.get_template("inbox.html").render(
        lang=lang, script=script, style=style, parts=state.statics.parts("inbox.js")
    )
    return web.Response(
        text=page,
        status=200 if script else 503,
        content_type="text/html",
        headers={"Content-Security-Policy": CSP, "Cache-Control": "no-store"},
    )


async def static(request: web.Request) -> web.StreamResponse:
    statics, name = request.app[STATE].statics, request.match_info["name"]
    path = statics.path(name)
    hashed = statics.is_hashed(name)
    return web.FileResponse(
        path,
        headers={
            "Content-Type": TYPES[path.suffix],
            "Cache-Control": "public, max-age=31536000, immutable" if hashed else "no-cache",
        },
    )


async def favicon(_: web.Request) -> web.StreamResponse:
    if not FAVICON.is_file():
        raise NotFoundError
    return web.FileResponse(
        FAVICON,
        headers={"Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=86400"},
    )


def add(app: web.Application) -> None:
    app.router.add_get("/", root)
    app.router.add_get("/inbox", inbox)
    app.router.add_get("/static/{name}", static)
    app.router.add_get("/favicon.ico", favicon)
    app.router.add_get("/favicon.svg", favicon)
