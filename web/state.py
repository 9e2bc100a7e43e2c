"""What the handlers share, kept in the application under one typed key."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from hub.hub import Hub
from web.door import Door
from web.intray import Intray
from web.sockets import Fan, Sockets
from web.statics import Statics
from web.views import Views


@dataclass(frozen=True)
class State:
    hub: Hub
    door: Door
    intray: Intray
    views: Views
    fan: Fan
    sockets: Sockets
    statics: Statics


STATE = web.AppKey("state", State)
