"""The demo's company site: a page of somebody else's with one script tag of ours."""

from __future__ import annotations

from aiohttp import web

from web.pages import environment, language

LANGS = ("ru", "en")


def build(hub_url: str, channel: str) -> web.Application:
    """A small site, on a port of its own, whose chat is the channel of the hub at that address."""
    page = environment().get_template("demo.html")
    socket = hub_url.replace("http", "ws", 1)
    csp = (
        f"default-src 'none'; script-src {hub_url}; connect-src {hub_url} {socket}; "
        f"style-src 'self'; img-src 'self' data: blob: {hub_url}; media-src {hub_url}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    async def home(request: web.Request) -> web.StreamResponse:
        asked = request.query.get("lang", "")
        lang = asked if asked in LANGS else language(request)
        return web.Response(
            text=page.render(lang=lang, hub_url=hub_url, channel=channel),
            content_type="text/html",
            headers={"Content-Security-Policy": csp, "X-Content-Type-Options": "nosniff"},
        )

    async def style(_: web.Request) -> web.StreamResponse:
        return web.Response(
            text=environment().get_template("demo.css").render(), content_type="text/css"
        )

    app = web.Application()
    app.router.add_get("/", home)
    app.router.add_get("/demo.css", style)
    return app
