from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from hub import channels, config, model
from hub.hub import assemble
from hub.store.engine import Engine
from tests.web.house import SHOP, House, builder
from web.app import build
from web.sockets import SocketLimits

SETTINGS: dict[str, Any] = {
    "projects": {
        "alpha": {"name": "Альфа", "lang": "ru", "zone": "Europe/Moscow"},
        "beta": {"name": "Beta", "lang": "en", "zone": "Europe/Berlin"},
    },
    "channels": {
        "alpha-site": {
            "project": "alpha",
            "kind": "site",
            "settings": {"origins": [SHOP], "greeting": "Здравствуйте"},
        },
        "beta-site": {"project": "beta", "kind": "site", "settings": {"origins": [SHOP]}},
        "alpha-echo": {
            "project": "alpha",
            "kind": "echo",
            "settings": {"secret": "echo-secret"},
        },
    },
}


@pytest.fixture
def socket_limits() -> SocketLimits:
    return SocketLimits()


@pytest.fixture
async def house(
    engine: Engine, tmp_path: Path, socket_limits: SocketLimits
) -> AsyncIterator[House]:
    """A served hub with two projects, their channels, and Anna of alpha, Boris of beta."""
    settings = config.settings(SETTINGS | {"data": {"dir": str(tmp_path / "data")}}, tmp_path)
    hub = assemble(settings, builder, now=model.now, engine=engine)
    await hub.bus.open()
    await channels.adopt(engine, settings, model.now())
    async with hub.working():
        server = TestServer(build(hub, socket_limits))
        await server.start_server(shutdown_timeout=1)
        made = House(hub, server)
        await made.operator("anna", model.ProjectId("alpha"))
        await made.operator("boris", model.ProjectId("beta"))
        yield made
        for client in made.clients:
            await client.session.close()
        await server.close()
    await hub.bus.close()
