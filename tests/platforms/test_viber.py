"""The played Viber keeps the platform's own rules about what it takes and brings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bots.platforms.platform import Person
from bots.platforms.viber import ViberPlatform


@pytest.fixture
async def platform() -> AsyncIterator[ViberPlatform]:
    made = ViberPlatform(hour=0.6)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def ivan(platform: ViberPlatform) -> Person:
    person = platform.person("Иван")
    platform.webhook = "http://127.0.0.1:1/x"
    await platform.write(person, "здравствуйте")
    return person


async def call(platform: ViberPlatform, method: str, told: Any, token: str = "") -> Any:
    headers = {"X-Viber-Auth-Token": token or platform.token}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{platform.url}/pa/{method}", json=told, headers=headers) as answer,
    ):
        assert answer.status == 200
        return await answer.json()


class Door:
    """A hub that answers with these statuses in turn, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.bodies: list[bytes] = []

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status)


async def opened(door: Door) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.add_routes([web.post("/x", door.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/x"


async def test_a_callback_that_is_not_taken_comes_again_the_same(platform: ViberPlatform) -> None:
    door = Door(200, 500, 403, 200)
    runner, url = await opened(door)
    assert (await call(platform, "set_webhook", {"url": url}))["status"] == 0
    await platform.write(platform.person(), "здравствуйте")
    await platform.settled()
    assert len(door.bodies) == 4
    assert len(set(door.bodies[1:])) == 1
    await runner.cleanup()


async def test_a_webhook_is_set_only_if_it_answers_at_once(platform: ViberPlatform) -> None:
    runner, url = await opened(Door(404))
    assert (await call(platform, "set_webhook", {"url": url}))["status"] == 1
    assert (await call(platform, "set_webhook", {"url": "http://hub.example/x"}))["status"] == 1
    assert (await call(platform, "set_webhook", {}))["status"] == 4
    assert platform.webhook == ""
    await runner.cleanup()


async def test_only_who_wrote_or_subscribed_may_be_written_to(
    platform: ViberPlatform, ivan: Person
) -> None:
    def said(receiver: str) -> dict[str, Any]:
        return {"receiver": receiver, "type": "text", "text": "x", "sender": {"name": "Р"}}

    assert (await call(platform, "send_message", said(ivan.id)))["status"] == 0
    await platform.block(ivan)
    assert (await call(platform, "send_message", said(ivan.id)))["status"] == 6
    await platform.block(ivan, blocked=False)
    assert (await call(platform, "send_message", said(ivan.id)))["status"] == 0
    assert (await call(platform, "send_message", said("nobody")))["status"] == 5
    stranger = platform.person()
    await platform.begin(stranger)
    assert (await call(platform, "send_message", said(stranger.id)))["status"] == 6
    assert (await call(platform, "send_message", said(ivan.id), "wrong"))["status"] == 2
    platform.webhook = ""
    assert (await call(platform, "send_message", said(ivan.id)))["status"] == 10


@pytest.mark.parametrize(
    "told",
    [
        {"type": "text", "text": "x" * 7_001},
        {"type": "text", "text": "x", "sender": {"name": "x" * 29}},
        {"type": "text", "text": ""},
        {"type": "text", "text": "x", "parse_mode": "html"},
        {"type": "picture", "text": "", "media": "https://a.ru/x.webp"},
        {"type": "picture", "text": "x" * 769, "media": "https://a.ru/x.png"},
        {"type": "video", "media": "https://a.ru/x.mp4"},
        {"type": "file", "media": "https://a.ru/x.pdf", "size": 5},
        {"type": "file", "media": "http://127.0.0.1:1/x.pdf", "size": 5, "file_name": "x.pdf"},
        {"type": "hologram"},
        {"type": "text", "text": "x", "tracking_data": "x" * 4_001},
        {"type": "text", "text": "x", "keyboard": {"Type": "keyboard", "Buttons": []}},
    ],
)
async def test_what_it_would_not_take_is_refused(
    platform: ViberPlatform, ivan: Person, told: dict[str, Any]
) -> None:
    whole = {"receiver": ivan.id, "sender": {"name": "Р"}} | told
    assert (await call(platform, "send_message", whole))["status"] in (3, 4)
    assert len(platform.shown(ivan)) == 1


@pytest.mark.parametrize(
    "button",
    [
        {"ActionType": "teleport", "ActionBody": "x"},
        {"ActionType": "share-phone", "ActionBody": ""},
        {"ActionType": "share-phone", "ActionBody": "x"},
        {"ActionType": "open-url", "ActionBody": "https://a.ru", "Silent": True},
        {"ActionType": "reply", "ActionBody": "x", "Columns": 7},
    ],
)
async def test_a_button_it_would_not_take_is_refused(
    platform: ViberPlatform, ivan: Person, button: dict[str, Any]
) -> None:
    told = {"receiver": ivan.id, "sender": {"name": "Р"}, "type": "text", "text": "x"}
    keyboard = {"Type": "keyboard", "Buttons": [button]}
    assert (await call(platform, "send_message", told | {"keyboard": keyboard}))["status"] == 3
