"""An empty page with the chat on it, in a frame of the settings screen, drawn as one types.

Its settings come from the screen by postMessage; the page itself fetches nothing.
"""

from __future__ import annotations

from aiohttp import web

from hub.errors import NotFoundError
from hub.model import ChannelId
from hub.rights import Right, What, may
from web.pages import environment
from web.routes import signed_in
from web.state import STATE

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)


async def preview(request: web.Request) -> web.StreamResponse:
    """NotFoundError for whoever may not set up this channel, as for a channel that is not."""
    state = request.app[STATE]
    who = await signed_in(state, request)
    document = state.hub.channels.document(request.match_info["channel"])
    if not may(who, Right.ARRANGE, What(document.project, ChannelId(document.id))):
        raise NotFoundError
    page = environment().get_template("preview.html")
    return web.Response(
        text=page.render(
            lang=state.hub.channels.project(document.project).lang, channel=document.id
        ),
        content_type="text/html",
        headers={
            "Content-Security-Policy": CSP,
            "X-Frame-Options": "SAMEORIGIN",
            "Cache-Control": "no-store",
        },
    )


def add(app: web.Application) -> None:
    app.router.add_get("/widget/{channel}/preview", preview)
