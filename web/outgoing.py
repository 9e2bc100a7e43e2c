"""Posts events to a project's own systems, and never to this one's neighbours."""

from __future__ import annotations

from collections.abc import Mapping

from hub.telling.outgoing import PostError, Send
from web import fetch
from web.fetch import FetchError, Reach, Resolve

PORTS = frozenset({80, 443, *range(1_024, 65_536)})
PUBLIC = Reach(ports=PORTS)
FOR_GOOD = ("bad", "port", "private")


def sender(reach: Reach = PUBLIC, resolve: Resolve | None = None) -> Send:
    """Posts to addresses within that reach; redirects are not followed, a body is not read."""

    async def send(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            return await fetch.post(fetch.address_of(url), reach, body, headers, resolve=resolve)
        except FetchError as error:
            raise PostError(error.code, for_good=error.code in FOR_GOOD) from None

    return send
