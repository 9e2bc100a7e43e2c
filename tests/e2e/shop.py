"""Somebody else's site: an origin and a policy of its own, and one script tag of ours."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp import web

Draw = Callable[[web.Request, str], str]
"""What a page has in its body, given what was asked and the script tag."""


def plain(request: web.Request, tag: str) -> str:
    lines = "<p>Остекление за пять дней.</p>" * 40
    return f"<h1>Окна</h1><a href='/prices'>Цены</a>{lines}{tag}"


class Shop:
    """Every path is a page; `?lang=` is the language that the page says it is in."""

    def __init__(
        self, hub: str, channel: str = "site", *, draw: Draw = plain, attributes: str = ""
    ) -> None:
        self._tag = (
            f'<script async src="{hub}/widget.js" data-channel="{channel}" {attributes}></script>'
        )
        self._draw = draw
        socket = hub.replace("http", "ws", 1)
        # As strict as a site can be: nothing inline, nothing from elsewhere but the hub.
        self._policy = (
            f"default-src 'none'; script-src 'self' {hub}; connect-src {hub} {socket}; "
            f"img-src {hub}; media-src {hub}; style-src 'self'; frame-src 'self'; "
            "base-uri 'none'; form-action 'none'"
        )
        self.scripts: dict[str, str] = {}
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://localhost:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.strip("/")
        if name == "favicon.ico":
            return web.Response(status=404)
        if name in self.scripts:
            return web.Response(text=self.scripts[name], content_type="text/javascript")
        lang = request.query.get("lang", "ru")
        own = "".join(f'<script src="/{each}"></script>' for each in self.scripts)
        body = self._draw(request, self._tag)
        return web.Response(
            text=f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>Окна</title>{own}</head><body>{body}</body></html>",
            content_type="text/html",
            headers={"Content-Security-Policy": self._policy},
        )
