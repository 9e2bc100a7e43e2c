"""A site's chat as one request meets it: whose page it is on and which channel it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol, runtime_checkable

import msgspec
from aiohttp import web

from hub.channels.port import ChannelKind
from hub.errors import LimitedError, NotFoundError
from hub.model import Channel, IdentityId
from hub.observe import HOOKS_REFUSED
from hub.sites import SiteSettings
from web.door import OriginError
from web.state import STATE, State

MINUTE = timedelta(minutes=1)


@runtime_checkable
class SiteDoor(Protocol):
    """What a channel kind must know to be shown on sites."""

    @property
    def settings(self) -> SiteSettings: ...
    def mint(self) -> str: ...
    def key_of(self, visitor: str) -> str: ...
    def visitor(self, key: str) -> str | None: ...
    def signed(self, id: str, hash: str) -> str | None: ...
    def is_signed(self, visitor: str) -> bool: ...
    def call_id(self, visitor: str, key: str) -> str: ...
    def allows(self, origin: str, host: str) -> bool: ...


class Place:
    """A site's chat as one request meets it; NotFoundError for any other kind of channel."""

    def __init__(self, request: web.Request) -> None:
        self.state: State = request.app[STATE]
        self.host = request.host
        self.origin = request.headers.get("Origin", "")
        self.source = self.state.door.source(request)
        self.look(request.match_info["channel"])

    def look(self, id: str) -> None:
        """Takes the channel as it now is; NotFoundError once it is switched off."""
        kind = self.state.hub.channels.get(id)
        if kind is getattr(self, "kind", None):
            return
        door: object = kind
        if not isinstance(door, SiteDoor):
            raise NotFoundError
        self.kind: ChannelKind[msgspec.Struct] = kind
        self.site: SiteDoor = door
        self.channel: Channel = self.state.hub.channels.document(kind.id)

    def check_origin(self, request: web.Request, *, required: bool) -> None:
        if not self.origin and not required:
            return
        known = self.origin.isascii() and (
            self.state.door.is_ours(request, self.origin)
            or self.site.allows(self.origin, self.host)
        )
        if not self.origin or not known:
            HOOKS_REFUSED.labels(channel=self.kind.id).inc()
            raise OriginError

    def identity(self, visitor: str) -> IdentityId:
        return IdentityId(f"{self.kind.id}:{visitor}")

    def cors(self) -> dict[str, str]:
        if not self.origin:
            return {"Vary": "Origin"}
        return {"Access-Control-Allow-Origin": self.origin, "Vary": "Origin"}

    async def limit(self, what: str, rate: int, per: timedelta = MINUTE) -> None:
        wait = await self.state.hub.bus.allow(f"widget:{what}", rate, per)
        if wait is not None:
            raise LimitedError(wait)


def uploader(identity: IdentityId) -> str:
    return f"visitor:{identity}"
