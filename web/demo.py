"""The demo's company site: pages of somebody else's with one script tag of ours."""

from __future__ import annotations

import msgspec
from aiohttp import web

from web.pages import TEMPLATES, environment, language

LANGS = ("ru", "en")
PAGES = {"/": "home", "/services": "services", "/contacts": "contacts"}
TYPES = {"demo.css": "text/css", "demo_pictures.css": "text/css", "demo.js": "text/javascript"}


def render(page: str, lang: str, hub_url: str, channel: str) -> str:
    """One page of the site; its words are data, for the company is as made up as they are."""
    words = msgspec.json.decode((TEMPLATES / "demo.json").read_bytes())[lang]
    template = environment().get_template("demo.html")
    return template.render(page=page, lang=lang, words=words, hub_url=hub_url, channel=channel)


def build(hub_url: str, channel: str) -> web.Application:
    """A small site, on a port of its own, whose chat is the channel of the hub at that address."""
    socket = hub_url.replace("http", "ws", 1)
    csp = (
        f"default-src 'none'; script-src 'self' {hub_url}; connect-src {hub_url} {socket}; "
        f"style-src 'self'; img-src 'self' data: blob: {hub_url}; media-src {hub_url}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    async def page(request: web.Request) -> web.StreamResponse:
        asked = request.query.get("lang", "")
        lang = asked if asked in LANGS else language(request)
        return web.Response(
            text=render(PAGES[request.path], lang, hub_url, channel),
            content_type="text/html",
            headers={"Content-Security-Policy": csp, "X-Content-Type-Options": "nosniff"},
        )

    async def part(request: web.Request) -> web.StreamResponse:
        name = request.path.removeprefix("/")
        return web.Response(
            text=(TEMPLATES / name).read_text(encoding="utf-8"), content_type=TYPES[name]
        )

    app = web.Application()
    for path in PAGES:
        app.router.add_get(path, page)
    for name in TYPES:
        app.router.add_get(f"/{name}", part)
    return app
