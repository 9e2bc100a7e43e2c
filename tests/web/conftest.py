from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from hub import config, model
from hub.channels import in_use as channels
from hub.files.kept import Files
from hub.hub import assemble
from hub.store.engine import Engine
from telephony.voice.speech import Spoken
from tests.web.house import SHOP, House, builder, kinds, known_kinds
from web.app import build
from web.sockets import SocketLimits
from web.statics import Statics

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
def server_settings() -> dict[str, Any]:
    return {}


@pytest.fixture
def voice() -> Callable[[config.Settings, Files], Spoken]:
    """Makes what says texts in calls."""

    def make(settings: config.Settings, files: Files) -> Spoken:
        return Spoken(settings.speech.dir, settings.data.dir / "voices", files, model.now)

    return make


@pytest.fixture
async def house(
    engine: Engine,
    tmp_path: Path,
    socket_limits: SocketLimits,
    server_settings: dict[str, Any],
    bus_url: str,
    voice: Callable[[config.Settings, Files], Spoken],
) -> AsyncIterator[House]:
    """A served hub with two projects, their channels, and Anna of alpha, Boris of beta."""
    here = {
        "data": {"dir": str(tmp_path / "data")},
        "server": server_settings,
        "redis": {"url": bus_url},
    }
    settings = config.settings(SETTINGS | here, tmp_path)
    hub = assemble(
        settings,
        builder,
        kinds=kinds,
        known_kinds=known_kinds,
        now=model.now,
        engine=engine,
        speech=voice,
    )
    await hub.bus.open()
    await channels.adopt(engine, hub.vault, settings, model.now())
    async with hub.working():
        # What others make of channels comes up while the hub serves already.
        await hub.channels.refresh()
        statics = tmp_path / "static"
        statics.mkdir()
        built = {name: name.replace(".", ".0123456789.") for name in ("inbox.js", "panel.js")}
        built |= {"widget.js": "widget.js", "inbox.css": "inbox.0123456789.css"}
        for name, file in built.items():
            (statics / file).write_text(f"/* {name} */")
        (statics / "manifest.json").write_text(json.dumps(built))
        server = TestServer(build(hub, socket_limits, Statics(statics)))
        await server.start_server(shutdown_timeout=1)
        made = House(hub, server)
        await made.operator("anna", model.ProjectId("alpha"))
        await made.operator("boris", model.ProjectId("beta"))
        yield made
        for client in made.clients:
            await client.session.close()
        await server.close()
    await hub.bus.close()
